// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// probe is a polite client that sends one command a millisecond over a connection of its own and notes how long each took. A
// command that was due while the one before was still unanswered counts from when it was due, so that a stall of the server is
// charged to every command a real client would have sent meanwhile.
type probe struct {
	clock   *clock.Clock
	fd      int
	command command
	stop    chan struct{}
	ended   chan struct{}

	mu   sync.Mutex // guards what follows
	took latencies
	next int64 // when the next command is due: all before it are answered
	err  error
}

const (
	probeEvery = time.Millisecond
	probeKeys  = 1000 // a command's holes run through so many keys
)

func startProbe(clk *clock.Clock, port int, args ...string) (*probe, error) {
	fd, err := dialRaw(port)
	if err != nil {
		return nil, err
	}
	p := &probe{clock: clk, fd: fd, command: newCommand(args...), stop: make(chan struct{}), ended: make(chan struct{})}
	go p.run()
	return p, nil
}

func (p *probe) run() {
	runtime.LockOSThread() // sleeps and waits in system calls, which must not wait for the Go scheduler
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	defer func() { _ = syscall.Close(p.fd) }()
	var (
		count counter
		in    = make([]byte, 16<<10)
		due   = p.clock.Mono()
		free  = due // when the last reply had come
	)
	for i := 0; ; i++ {
		select {
		case <-p.stop:
			return
		default:
		}
		for wait := due - p.clock.Mono(); wait > 0; wait = due - p.clock.Mono() {
			ts := syscall.NsecToTimespec(wait)
			_ = syscall.Nanosleep(&ts, nil)
		}
		start := p.clock.Mono() // waking up late is this program's fault, not the server's
		if free > due {
			start = due
		}
		if err := p.once(i, &count, in); err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
			return
		}
		free = p.clock.Mono()
		p.mu.Lock()
		p.took = append(p.took, free-start)
		due += int64(probeEvery)
		p.next = due
		p.mu.Unlock()
	}
}

// once sends the command and waits for its reply.
func (p *probe) once(i int, count *counter, in []byte) error {
	for _, h := range p.command.holes {
		putNumber(p.command.text[h:], uint32(i%probeKeys))
	}
	if err := writeAll(p.fd, p.command.text); err != nil {
		return err
	}
	return count.await(socket(p.fd), in, count.replies+1)
}

// take waits until all commands that are due by now are answered and returns what was noted since the last call.
func (p *probe) take() (latencies, error) {
	for now := p.clock.Mono(); ; {
		p.mu.Lock()
		if p.next > now || p.err != nil {
			break
		}
		p.mu.Unlock()
		time.Sleep(probeEvery)
	}
	defer p.mu.Unlock()
	out := p.took
	p.took = nil
	return out, p.err
}

// close returns what take would and ends the probe.
func (p *probe) close() (latencies, error) {
	took, err := p.take()
	close(p.stop)
	<-p.ended
	return took, err
}
