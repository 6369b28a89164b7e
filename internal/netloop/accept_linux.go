// SPDX-License-Identifier: BSD-3-Clause

//go:build !portable

package netloop

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptor is the descriptor of a listening socket, -1 once it is closed.
type acceptor int

func noAcceptor() acceptor { return -1 }

func (a acceptor) open() bool { return a >= 0 }
func (a acceptor) close()     { closeFD(int(a)) }

// takeListener takes a listener over from package net, out of the runtime's poller, and sets its backlog and what accepted
// connections inherit.
func takeListener(std net.Listener, group *Options) (acceptor, error) {
	defer std.Close()
	fd, err := duplicate(std.(syscall.Conn))
	if err != nil {
		return noAcceptor(), err
	}
	// Listening again only changes the backlog.
	if err := unix.Listen(fd, group.Backlog); err != nil {
		closeFD(fd)
		return noAcceptor(), os.NewSyscallError("listen", err)
	}
	if _, tcp := std.(*net.TCPListener); !tcp {
		return acceptor(fd), nil
	}
	if err = socket(fd).setNoDelay(true); err == nil {
		err = socket(fd).setKeepAlive(group.TCPKeepAlive)
	}
	if err != nil {
		closeFD(fd)
		return noAcceptor(), err
	}
	return acceptor(fd), nil
}

// duplicate gives a descriptor of our own for what package net holds.
func duplicate(std syscall.Conn) (fd int, err error) {
	raw, err := std.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(old uintptr) {
		if fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); err != nil {
			err = os.NewSyscallError("fcntl", err)
		}
	})
	if controlErr != nil {
		return -1, controlErr
	}
	return fd, err
}

// accept accepts one connection and gives its peer's address.
func (a acceptor) accept() (socket, string, acceptResult) {
	fd, addr, err := unix.Accept4(int(a), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch err {
	case nil:
		return socket(fd), formatAddr(addr), acceptOne
	case unix.EAGAIN:
		return noSocket(), "", acceptNone
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return noSocket(), "", acceptExhausted
	}
	return noSocket(), "", acceptFailed // interrupted, aborted by the peer, or an error of the network
}

// localAddr returns the address of our end.
func (s socket) localAddr() string {
	addr, err := unix.Getsockname(int(s))
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
