// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || portable

package netloop

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// API names what the loops wait for sockets with: package net, here.
const API = "net"

const (
	pollRead = 1 << iota
	pollWrite
	pollHangup
	pollDead
)

// maxEvents is how many events one wait brings at most.
const maxEvents = 256

// wakeSlot stands for wake in an event, the slots below it for listeners.
const wakeSlot = int32(-1)

func listenerSlot(index int) int32 { return wakeSlot - 1 - int32(index) }
func listenerIndex(slot int32) int { return int(wakeSlot - 1 - slot) }

// pollEvent says that a connection or a listener is ready.
type pollEvent struct {
	slot  int32
	gen   uint32
	ready uint32
}

func eventTarget(e *pollEvent) (slot int32, gen uint32) { return e.slot, e.gen }
func eventReady(e *pollEvent) uint32                    { return e.ready }

// poller gathers what the goroutines of streams and listeners have found, level triggered as an epoll descriptor: what is
// ready is told again until it no longer is, or nobody watches for it.
type poller struct {
	mu        sync.Mutex // a leaf; guards what follows, and the streams
	active    []*stream  // may be ready for something that is watched for
	listeners []*portableListener

	woken  atomic.Bool   // wake was called
	signal chan struct{} // has a token when there may be something to tell
	timer  *time.Timer
	buf    []pollEvent
}

func (p *poller) open() error {
	p.signal = make(chan struct{}, 1)
	p.timer = time.NewTimer(time.Hour)
	p.timer.Stop()
	p.buf = make([]pollEvent, 0, maxEvents)
	return nil
}

func (p *poller) close() { p.timer.Stop() }

// changed notes that a stream may be ready. p.mu is held.
func (p *poller) changed(s *stream) {
	if s.want != 0 && !s.listed {
		s.listed = true
		p.active = append(p.active, s)
		tell(p.signal)
	}
}

// watch makes the poller watch a connection for want, 0 being nothing at all.
func (p *poller) watch(c *Conn, want uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := c.sock
	if s.poll == nil {
		s.poll = p
		defer s.begin()
	}
	s.slot, s.gen, s.want = c.slot, c.gen, want
	p.changed(s)
	return nil
}

// forget takes a connection out of the poller.
func (p *poller) forget(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.sock.want = 0
}

func (p *poller) addListener(a acceptor, slot int32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = append(slices.DeleteFunc(p.listeners, (*portableListener).over), a)
	a.watchedBy(p, slot)
	return nil
}

func (p *poller) removeListener(a acceptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = slices.DeleteFunc(p.listeners, func(other *portableListener) bool { return other == a })
}

// peek returns the events that are ready. It does not block.
func (p *poller) peek() []pollEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = p.buf[:0]
	if p.woken.Swap(false) {
		p.buf = append(p.buf, pollEvent{slot: wakeSlot})
	}
	for _, a := range p.listeners {
		if a.waiting() {
			p.buf = append(p.buf, pollEvent{slot: a.slot, ready: pollRead})
		}
	}
	kept, seen := p.active[:0], 0
	for _, s := range p.active {
		if len(p.buf) == maxEvents {
			break
		}
		seen++
		ready := s.events()
		if ready &= s.want | pollDead; s.want == 0 || ready == 0 {
			s.listed = false
			continue
		}
		p.buf = append(p.buf, pollEvent{slot: s.slot, gen: s.gen, ready: ready})
		kept = append(kept, s)
	}
	if later := p.active[seen:]; len(later) > 0 { // they come first the next time
		p.active = slices.Concat(later, kept)
		return p.buf
	}
	clear(p.active[len(kept):])
	p.active = kept
	return p.buf
}

// doze is a short wait.
func (p *poller) doze() []pollEvent { return p.wait(dozeTime) }

// wait blocks until there is an event, or for limit ns (negative: without limit).
func (p *poller) wait(limit int64) []pollEvent {
	if events := p.peek(); len(events) > 0 {
		return events
	}
	if limit >= 0 {
		p.timer.Reset(time.Duration(limit))
		defer p.timer.Stop()
	}
	select {
	case <-p.signal:
	case <-p.timer.C:
	}
	return p.peek()
}

// writev writes from several buffers at once, as Conn.Writev says.
func (p *poller) writev(s socket, bufs [][]byte) (total int, err error) {
	for _, b := range bufs[:min(len(bufs), 64)] {
		b = b[:min(len(b), MaxWrite-total)]
		n, err := s.write(b)
		total += n
		if err != nil && total == 0 {
			return 0, err
		}
		if n < len(b) {
			break
		}
	}
	return total, nil
}

// wake makes wait return, with an event for nobody: who only dozes must not go on to sleep. It may be called from any
// goroutine while the poller is open.
func (p *poller) wake() {
	p.woken.Store(true)
	tell(p.signal)
}
