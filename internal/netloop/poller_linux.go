// SPDX-License-Identifier: BSD-3-Clause

//go:build !portable

package netloop

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// API names what the loops wait for sockets with.
const API = "epoll"

const (
	pollRead   = unix.EPOLLIN
	pollWrite  = unix.EPOLLOUT
	pollHangup = unix.EPOLLRDHUP
	pollDead   = unix.EPOLLERR | unix.EPOLLHUP // reported without being asked for
)

// maxEvents is how many events one wait brings at most.
const maxEvents = 256

// wakeSlot stands for the wake-up descriptor in an event, the slots below it for listeners.
const wakeSlot = int32(-1)

func listenerSlot(index int) int32 { return wakeSlot - 1 - int32(index) }
func listenerIndex(slot int32) int { return int(wakeSlot - 1 - slot) }

// pollEvent is an epoll event, whose user data are a slot and a generation.
type pollEvent = unix.EpollEvent

func eventTarget(e *pollEvent) (slot int32, gen uint32) { return e.Fd, uint32(e.Pad) }
func eventReady(e *pollEvent) uint32                    { return e.Events }

// poller is an epoll descriptor, level triggered, with an eventfd that wakes it.
type poller struct {
	fd     int
	wakeFD int
	buf    []pollEvent
	iov    []unix.Iovec // for writev, made at its first use
}

func (p *poller) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	wakeFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		closeFD(fd)
		return os.NewSyscallError("eventfd", err)
	}
	p.fd, p.wakeFD = fd, wakeFD
	p.buf = make([]pollEvent, maxEvents)
	// Edge triggered: each write is an event, and the counter need not be read.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeSlot}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, wakeFD, &event); err != nil {
		p.close()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (p *poller) close() {
	closeFD(p.wakeFD)
	closeFD(p.fd)
}

// watch makes the poller watch a connection for want, 0 being nothing at all.
func (p *poller) watch(c *Conn, want uint32) error {
	if want == 0 {
		p.forget(c)
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	if c.armed == 0 {
		op = unix.EPOLL_CTL_ADD
	}
	event := unix.EpollEvent{Events: want, Fd: c.slot, Pad: int32(c.gen)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, op, int(c.sock), &event))
}

// forget takes a connection out of the poller.
func (p *poller) forget(c *Conn) { p.removeFD(int(c.sock)) }

// addListener makes the poller watch a listener.
func (p *poller) addListener(a acceptor, slot int32) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: slot}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, int(a), &event))
}

func (p *poller) removeListener(a acceptor) { p.removeFD(int(a)) }

// removeFD cannot fail for a descriptor that is watched.
func (p *poller) removeFD(fd int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// peek returns the events that are ready. It does not block and the scheduler does not see it.
func (p *poller) peek() []pollEvent { return p.buf[:epollRaw(p.fd, p.buf, 0)] }

// doze waits for events for up to dozeTime without the scheduler's knowledge. A loop whose clients answer within
// microseconds would otherwise pay for giving its processor away and getting it back (two futex calls and a context switch
// or two) at every wait. The collector may have to wait that long for the loop; its signal mostly ends the call at once.
func (p *poller) doze() []pollEvent { return p.buf[:epollRaw(p.fd, p.buf, dozeTime/1_000_000)] }

// wait blocks until there is an event, or for limit ns (rounded up to milliseconds; negative: without limit), through the
// scheduler: a raw call that blocks would hang the collector.
func (p *poller) wait(limit int64) []pollEvent {
	msec := -1
	if limit >= 0 {
		msec = int(min((limit+int64(time.Millisecond)-1)/int64(time.Millisecond), 1<<30))
	}
	n, err := unix.EpollWait(p.fd, p.buf, msec)
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic(os.NewSyscallError("epoll_wait", err)) // the descriptor is ours: cannot fail otherwise
	}
	return p.buf[:max(n, 0)]
}

// writev writes from several buffers at once, as Conn.Writev says.
func (p *poller) writev(s socket, bufs [][]byte) (int, error) {
	if p.iov == nil {
		p.iov = make([]unix.Iovec, 64)
	}
	used, left := 0, MaxWrite
	for _, b := range bufs[:min(len(bufs), len(p.iov))] {
		if len(b) == 0 {
			continue
		}
		if left == 0 {
			break
		}
		b = b[:min(len(b), left)]
		left -= len(b)
		p.iov[used].Base = &b[0]
		p.iov[used].SetLen(len(b))
		used++
	}
	if used == 0 {
		return 0, nil
	}
	n, err := s.writev(p.iov[:used])
	clear(p.iov[:used]) // keeps nothing alive
	return n, err
}

// wake makes wait return. It may be called from any goroutine while the poller is open.
func (p *poller) wake() {
	one := [8]byte{1}
	for {
		// A full counter (EAGAIN) has an event pending.
		if _, errno := rawWrite(p.wakeFD, one[:]); errno != unix.EINTR {
			return
		}
	}
}
