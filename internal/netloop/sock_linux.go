// SPDX-License-Identifier: BSD-3-Clause

//go:build !portable

package netloop

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below are raw: on non-blocking descriptors they return at once, and telling the scheduler costs about a tenth
// of them. The preemption signals of the runtime interrupt them (EINTR). This file holds the package's only unsafe code:
// the addresses of buffers for the kernel.

// socket is the non-blocking descriptor of a connection, -1 once it is closed.
type socket int32

func noSocket() socket { return -1 }

func (s socket) open() bool  { return s >= 0 }
func (s socket) number() int { return int(s) }
func (s socket) close()      { closeFD(int(s)) }

func rawRead(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	return int(n), errno
}

func rawSend(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func rawWrite(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

func rawWritev(fd int, iov []unix.Iovec) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return int(n), errno
}

// epollRaw fills events with what is ready now or within so many milliseconds and returns how many; errors count as none.
func epollRaw(fd int, events []pollEvent, msec int) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(msec), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// read reads what the socket holds. No bytes and no error: it holds none. The end of the stream is io.EOF.
func (s socket) read(b []byte) (int, error) {
	for {
		n, errno := rawRead(int(s), b)
		switch {
		case errno == 0 && n > 0:
			return n, nil
		case errno == 0:
			return 0, io.EOF
		case errno == unix.EAGAIN:
			return 0, nil
		case errno != unix.EINTR:
			return 0, os.NewSyscallError("read", errno)
		}
	}
}

// write writes what the socket takes; 0 and no error means that it is full.
func (s socket) write(b []byte) (int, error) {
	for {
		n, errno := rawSend(int(s), b)
		if errno != unix.EINTR {
			return written(n, errno)
		}
	}
}

func (s socket) writev(iov []unix.Iovec) (int, error) {
	for {
		n, errno := rawWritev(int(s), iov)
		if errno != unix.EINTR {
			return written(n, errno)
		}
	}
}

func written(n int, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, os.NewSyscallError("write", errno)
}

func closeFD(fd int) {
	_ = unix.Close(fd) // the descriptor is gone whatever it returns
}

func (s socket) setNoDelay(on bool) error {
	v := 0
	if on {
		v = 1
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(s), unix.IPPROTO_TCP, unix.TCP_NODELAY, v))
}

func (s socket) setKeepAlive(seconds int) error {
	if seconds <= 0 {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0))
	}
	for _, o := range [...]struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(seconds/3, 1)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		if err := unix.SetsockoptInt(int(s), o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}
