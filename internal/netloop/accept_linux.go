// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeFD duplicates the descriptor of a listener of package net and sets its backlog.
func takeFD(std syscall.Conn, backlog int) (int, error) {
	raw, err := std.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	controlErr := raw.Control(func(old uintptr) {
		if fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); err != nil {
			err = os.NewSyscallError("fcntl", err)
		}
	})
	switch {
	case controlErr != nil:
		return -1, controlErr
	case err != nil:
		return -1, err
	}
	// Listening again only changes the backlog.
	if err := unix.Listen(fd, backlog); err != nil {
		closeFD(fd)
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, nil
}

// accept accepts one connection.
func (ln *listener) accept() (*Conn, acceptResult) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.fd < 0 {
		return nil, acceptNone
	}
	fd, addr, err := unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch err {
	case nil:
	case unix.EAGAIN:
		return nil, acceptNone
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return nil, acceptExhausted
	default:
		return nil, acceptFailed // interrupted, aborted by the peer, or an error of the network
	}
	c := &Conn{fd: int32(fd), slot: -1}
	if ln.unix != "" {
		c.unix = true
		c.remote = ln.unix + ":0"
	} else {
		c.remote = formatAddr(addr)
	}
	return c, acceptOne
}

// localAddr returns the address of our end of a connection.
func localAddr(fd int) string {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return formatAddr(nil)
	}
	return formatAddr(addr)
}

// formatAddr prints a TCP address as Redis does.
func formatAddr(addr unix.Sockaddr) string {
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)).String()
	}
	return "?:0"
}
