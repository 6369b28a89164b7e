// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
)

// The steps in which a command waits: short ones until it is overtaken, for it keeps its loop until then.
const (
	shortNap = time.Millisecond
	longNap  = 10 * time.Millisecond
	shorts   = 10
)

// aside runs work that may block, such as writing a file, on a goroutine of its own, and waits for its end. The command's
// loop serves others once it takes long; whoever needs what the command holds waits. An error says that the command is to
// end at once, though work goes on; Close waits for it.
func (s *Server) aside(c *command.Ctx, work func()) error {
	done := make(chan struct{})
	s.works.Go(func() {
		defer close(done)
		work()
	})
	timer := time.NewTimer(shortNap)
	defer timer.Stop()
	for n := 0; ; n++ {
		select {
		case <-done:
			return nil
		case <-timer.C:
		}
		if err := c.Tick(); err != nil {
			return err
		}
		timer.Reset(nap(n))
	}
}

// doze takes the machine's time, whatever clock the server has.
func doze(c *command.Ctx, span time.Duration) error {
	machine := clock.Real()
	end := machine.Mono() + int64(span)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for n := 0; ; n++ {
		left := time.Duration(end - machine.Mono())
		if left <= 0 {
			return nil
		}
		timer.Reset(min(left, nap(n)))
		<-timer.C
		if err := c.Tick(); err != nil {
			return err
		}
	}
}

// nap gives the length of the nth step.
func nap(n int) time.Duration {
	if n < shorts {
		return shortNap
	}
	return longNap
}
