// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/netloop"
)

// A StartError is why a server does not listen. Line is what redis-server logs; Error adds the cause to it.
type StartError struct {
	Line string
	Err  error
}

// Error implements error.
func (e *StartError) Error() string { return e.Line + " (" + e.Err.Error() + ")" }

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }

// makeLoops makes the event loops.
func (s *Server) makeLoops() (err error) {
	s.loops, err = netloop.New(netloop.Options{
		Loops: s.numLoops, Handler: s.hub, Mono: s.clock.Mono, Doze: runtime.GOMAXPROCS(0) > s.numLoops,
		TCPKeepAlive: int(s.config.Int("tcp-keepalive").Load()), Backlog: int(s.config.Int("tcp-backlog").Load()),
	})
	return err
}

// listen opens all sockets that the configuration names.
func (s *Server) listen() error {
	cfg := s.config
	var addrs []net.Addr
	if !s.noTCP() {
		var err error
		if addrs, err = s.listenTCP(int(cfg.Int("port").Load())); err != nil {
			return err
		}
	}
	if path := cfg.Str("unixsocket").Load(); path != "" {
		addr, err := s.loops.Listen("unix", path, netloop.ListenOptions{Unlink: true, Mode: uint32(cfg.Int("unixsocketperm").Load())})
		if err != nil {
			return &StartError{"Failed opening Unix socket: bind: " + config.SystemText(err), err}
		}
		if err := s.chooseGroup(path); err != nil {
			return &StartError{"Failed opening Unix socket: " + err.Error(), err}
		}
		addrs = append(addrs, addr)
	}
	s.listenMu.Lock()
	defer s.listenMu.Unlock()
	s.addrs = addrs
	return nil
}

// chooseGroup gives the Unix socket to the group of unixsocketgroup.
func (s *Server) chooseGroup(path string) error {
	name := s.config.Str("unixsocketgroup").Load()
	if name == "" {
		return nil
	}
	group, err := user.LookupGroup(name)
	if err != nil {
		return err
	}
	id, err := strconv.Atoi(group.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, -1, id)
}

// followAddress has the server listen elsewhere when the configuration says so. Connections stay.
func (s *Server) followAddress() {
	move := func(name, line, reply string) {
		s.config.OnChange(func() error {
			s.loops.CloseListeners()
			if err := s.listen(); err != nil {
				s.log.Warn(line)
				s.logRestoring(name)
				return errors.New(reply)
			}
			return nil
		}, name)
	}
	move("bind", "Failed to bind", "Failed to bind to specified addresses.")
	move("port", "Failed to listen", "Unable to listen on this port. Check server logs.")
}

// logRestoring says in the log that a CONFIG SET is taken back.
func (s *Server) logRestoring(name string) {
	s.log.Warn("Failed applying new configuration. Possibly related to new " + name + " setting. Restoring previous settings.")
}

// noTCP tells whether the server is to have no TCP port: port 0, unless that means a free one.
func (s *Server) noTCP() bool {
	return s.config.Int("port").Load() == 0 && (s.zeroIsNone || s.config.Str("unixsocket").Load() != "")
}

// listenTCP binds to each address of the directive bind. Those that the machine lacks are passed over where the directive
// says so with a "-", and all of a protocol that it lacks.
func (s *Server) listenTCP(port int) (addrs []net.Addr, err error) {
	asked := port
	for _, name := range s.config.Bind().Load() {
		name, optional := strings.CutPrefix(name, "-")
		network, host := tcpAddress(name)
		addr, err := s.loops.Listen(network, net.JoinHostPort(host, strconv.Itoa(port)), netloop.ListenOptions{})
		if err != nil {
			s.log.Warn(fmt.Sprintf("Warning: Could not create server TCP listening socket %s:%d: bind: %s", name, port, config.SystemText(err)))
			if optional && errors.Is(err, syscall.EADDRNOTAVAIL) || lacksProtocol(err) {
				continue
			}
			return nil, errListen(asked, err)
		}
		if port == 0 { // the others share the port that the first was given
			port = addr.(*net.TCPAddr).Port
		}
		addrs = append(addrs, addr)
	}
	if len(addrs) == 0 && len(s.config.Bind().Load()) > 0 { // bind "" is no TCP
		return nil, errListen(asked, errors.New("no address to bind to"))
	}
	return addrs, nil
}

func errListen(port int, cause error) error {
	return &StartError{fmt.Sprintf("Failed listening on port %d (TCP), aborting.", port), cause}
}

// tcpAddress translates an address as bind has it: "*" is all of IPv4, "::*" all of IPv6.
func tcpAddress(name string) (network, host string) {
	switch {
	case name == "*":
		return "tcp4", "0.0.0.0"
	case name == "::*":
		return "tcp6", "::"
	case strings.Contains(name, ":"):
		return "tcp6", name
	}
	return "tcp4", name
}

// lacksProtocol tells whether the machine does not know the protocol of an address at all.
func lacksProtocol(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENOPROTOOPT, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT},
		func(e error) bool { return errors.Is(err, e) })
}

// Addrs gives the addresses that the server listens on.
func (s *Server) Addrs() []net.Addr {
	s.listenMu.Lock()
	defer s.listenMu.Unlock()
	return slices.Clone(s.addrs)
}

// TCP tells whether the server listens on a TCP port.
func (s *Server) TCP() bool { return !s.noTCP() }
