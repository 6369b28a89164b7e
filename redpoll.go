// SPDX-License-Identifier: BSD-3-Clause

// Package redpoll is a Redis-compatible in-memory data store that can be embedded: Start runs a whole server in the
// process, which ordinary clients reach over TCP or a Unix socket. Several may run in one process.
package redpoll

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/server"
)

// Options say how a server is to run. The zero value is a server with all defaults on a free port of the loopback
// interface, without a log.
type Options struct {
	// Addr is the TCP address to listen on, "host:port"; port 0 takes a free one. Empty stands for "127.0.0.1:0".
	Addr string
	// UnixSocket is the path of a Unix socket to listen on instead of Addr, if not empty.
	UnixSocket string
	// Config holds directives of redis.conf by name, such as "maxclients": "100". The server starts from a file, and SAVE writes one, only
	// if there is a dir or a dbfilename among them; it saves its data by itself, as it changes and when a client ends it, only with a save.
	// With appendonly it keeps what changes in the directory appenddirname of dir, and starts from that.
	Config map[string]string
	// Log takes the server's log lines; nil is no log.
	Log *slog.Logger
	// Clock, if not nil, is the time that the server lives by: expiry and idle times follow it and nothing else. No command is
	// slow while it stands still, so that a script without an end keeps others waiting until it is advanced, or the server closed.
	Clock *Clock
	// Loops is the number of event loops; 0 is one for each core that the process may use. A program that has much to do
	// itself gives fewer than GOMAXPROCS.
	Loops int
	// Shards is the number of parts that the keyspace is cut into, a power of two; 0 is the default. Tests use few.
	Shards int
	// BigValues is the bytes from which a value gets memory of its own, from which it can be sent while it changes, 64 at least;
	// 0 is the default. Tests use few.
	BigValues int
}

// Clock is a time that stands still until it is advanced. One clock may serve several servers.
type Clock struct{ c *clock.Clock }

// NewClock makes a clock that shows the given time.
func NewClock(start time.Time) *Clock { return &Clock{clock.NewFake(start.UnixMilli())} }

// Advance moves the time on by d: what comes due meanwhile happens.
func (c *Clock) Advance(d time.Duration) { c.c.Advance(d) }

// Now gives the time that the clock shows.
func (c *Clock) Now() time.Time { return c.c.Now() }

// Server is a running server. Its methods are safe for any goroutine.
type Server struct{ s *server.Server }

// Start runs a server. When it returns without error, its data is loaded and clients can connect to Addr. The server runs until Close.
func Start(o Options) (*Server, error) {
	cfg := config.New()
	host, port, err := splitAddr(o.Addr)
	if err != nil {
		return nil, err
	}
	set := map[string]string{"bind": host, "port": port, "save": ""}
	if o.Config["dir"] == "" {
		set["dbfilename"] = "" // what lies in the program's directory is none of our business
	}
	if o.UnixSocket != "" {
		set["port"], set["unixsocket"] = "0", o.UnixSocket
	}
	for name, value := range o.Config {
		set[name] = value
	}
	var src config.Source
	for name, value := range set {
		src.Options += name + " " + resp.Quote(value) + "\n"
	}
	if err := cfg.Load(src); err != nil {
		return nil, startError(err)
	}
	opts := server.Options{Config: cfg, Log: o.Log, Loops: o.Loops, Shards: o.Shards, BigValues: o.BigValues}
	if o.Clock != nil {
		opts.Clock = o.Clock.c
	}
	s, err := server.Start(opts)
	if err != nil {
		return nil, startError(err)
	}
	if err := s.AwaitData(); err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, startError(err)
	}
	go func() { // a client's SHUTDOWN ends the server, not the process
		<-s.Stopped()
		_ = s.Close() // whoever closes the server gets the error
	}()
	return &Server{s}, nil
}

// startError makes the error of Start out of a cause. What is said of a line of a configuration file is said of an entry of
// Options.Config.
func startError(err error) error {
	var e *config.LineError
	switch {
	case !errors.As(err, &e):
		return fmt.Errorf("redpoll: %w", err)
	case e.Line == nil:
		return fmt.Errorf("redpoll: %s", e.Reason)
	}
	name, _, _ := strings.Cut(e.Line.Text, " ")
	return fmt.Errorf("redpoll: %s: %s", name, e.Reason)
}

// Addr gives the address to connect to: "host:port", or the path of the Unix socket.
func (s *Server) Addr() string { return s.s.Addrs()[0].String() }

// Close ends the server: connections are closed, what was logged by appendonly is on the disk, other data that was not saved is gone, and all
// memory is given back.
func (s *Server) Close() error { return s.s.Close() }

// splitAddr takes an address apart into the directives bind and port.
func splitAddr(addr string) (host, port string, err error) {
	if addr == "" {
		return "127.0.0.1", "0", nil
	}
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("redpoll: %w", err)
	}
	if host == "" {
		host = "*"
	}
	return host, port, nil
}
