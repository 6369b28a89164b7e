// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// cronPeriod is how often the server looks at what needs no shard: memory to give back, samples for INFO.
const cronPeriod = 100 * time.Millisecond

// Free pages of so many bytes, and of a share of those in use, stay resident up to keepCached, so that a load that comes and
// goes does not fault them in over and over; scavengeStep is what one period gives back beyond them.
const (
	keepLeast    = 4 << 20
	keepShare    = 16
	keepCached   = 16 << 20
	scavengeStep = 512 << 20
)

// cron is the server's housekeeping that needs no shard lock. It runs on a goroutine of its own, by the machine's time
// even when the server's clock is a fake: what it does is seen in no reply but INFO's.
type cron struct {
	done   chan struct{}
	wg     sync.WaitGroup
	spent  atomic.Int64 // ns
	paused atomic.Bool  // by DEBUG PAUSE-CRON
}

func (c *cron) start(s *Server) {
	c.done = make(chan struct{})
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		ticker := time.NewTicker(cronPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-c.done:
				return
			case <-ticker.C:
				if c.paused.Load() {
					continue
				}
				began := s.machine.Mono()
				s.engine.Compact(began)
				s.giveBack()
				s.applyBudget()
				s.sample()
				s.saveIfDue()
				s.rewriteIfDue()
				s.backUpIfDue()
				s.expireBackup()
				c.spent.Add(s.machine.Mono() - began)
			}
		}
	}()
}

func (c *cron) stop() {
	if c.done != nil {
		close(c.done)
		c.wg.Wait()
		c.done = nil
	}
}

// giveBack returns free pages to the system beyond a few.
func (s *Server) giveBack() {
	arena := s.arena.Stats()
	if excess := arena.Cached - min(keepLeast+arena.InUse/keepShare, keepCached); excess > 0 {
		s.arena.Scavenge(min(excess, scavengeStep))
	}
}
