// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

const patience = testutil.Patience

// infoField reads a number out of INFO.
func infoField(t *testing.T, c *testutil.Client, field string) int64 {
	t.Helper()
	_, rest, found := strings.Cut(c.Must(t, "INFO", "everything").Str, "\r\n"+field+":")
	text, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.ParseInt(text, 10, 64)
	if !found || err != nil {
		t.Fatalf("INFO has no number %s: %v", field, err)
	}
	return n
}

// begin starts a server with these lines of configuration.
func begin(t *testing.T, lines string) *server.Server {
	t.Helper()
	cfg := config.New()
	if err := cfg.Load(config.Source{Options: lines + "\nport 0"}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestNoBind takes the last address away and gives one again: the Unix socket and connections stay.
func TestNoBind(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	cfg := config.New()
	port := strconv.Itoa(testutil.FreePort(t))
	if err := cfg.Load(config.Source{Options: "bind 127.0.0.1\nunixsocket " + socket + "\nport " + port}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	old := testutil.Dial(t, "tcp", "127.0.0.1:"+port)
	old.Must(t, "CONFIG", "SET", "bind", "")
	if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		c.Close()
		t.Error("a connection without bind")
	}
	if v := testutil.Dial(t, "unix", socket).Must(t, "CONFIG", "GET", "bind"); v.Elems[1].Str != "" {
		t.Errorf("bind is %q", v.Elems[1].Str)
	}
	old.Must(t, "CONFIG", "SET", "bind", "127.0.0.1")
	testutil.Dial(t, "tcp", "127.0.0.1:"+port).Must(t, "PING")
}

// TestDefaultProtocol has connections begin with RESP3, and RESET lead back to it.
func TestDefaultProtocol(t *testing.T) {
	s := begin(t, "bind 127.0.0.1\nclient-default-resp 3")
	c := testutil.Dial(t, "tcp", s.Addrs()[0].String())
	three := func(when string) {
		t.Helper()
		if v := c.Must(t, "GET", "none"); v.Kind != '_' {
			t.Errorf("%s: %c", when, v.Kind)
		}
	}
	three("at first")
	c.Must(t, "HELLO", "2")
	c.Must(t, "RESET")
	three("after RESET")
	if v := c.Must(t, "CONFIG", "GET", "client-*"); strings.Contains(testutil.Format(v), "default-resp") {
		t.Error("it is not hidden")
	}
}

// TestClientMemory looks at what INFO says of clients that make the server hold something.
func TestClientMemory(t *testing.T) {
	s := begin(t, "bind 127.0.0.1")
	addr := s.Addrs()[0].String()
	c := testutil.Dial(t, "tcp", addr)
	info := func(field string) int64 { return infoField(t, c, field) }
	empty := info("used_memory")
	if n := info("mem_clients_normal"); n > 10_000 {
		t.Errorf("one client takes %d", n)
	}
	queue, input := testutil.Dial(t, "tcp", addr), testutil.Dial(t, "tcp", addr)
	value := strings.Repeat("x", 1<<20)
	queue.Must(t, "WATCH", "a", "b")
	queue.Must(t, "MULTI")
	queue.Must(t, "SET", "k", value)
	if n := info("used_memory") - empty; n < 1<<20 {
		t.Errorf("with a queue of a megabyte %d bytes more are in use", n)
	}
	if n, m := info("watching_clients"), info("total_watched_keys"); n != 1 || m != 2 {
		t.Errorf("%d clients watch %d keys", n, m)
	}
	if err := input.SendRaw([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\n" + value)); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool {
		return info("client_recent_max_input_buffer") >= 1<<20 && info("mem_clients_normal") >= 2<<20
	})
	queue.Must(t, "DISCARD")
	if n, m := info("watching_clients"), info("total_watched_keys"); n != 0 || m != 0 {
		t.Errorf("after DISCARD %d clients watch %d keys", n, m)
	}
	if v, _ := c.Do("AUTH", "nobody", "x"); !v.IsError() {
		t.Error("AUTH")
	}
	if n := info("acl_access_denied_auth"); n != 1 {
		t.Errorf("%d failed authentications", n)
	}
	c.Must(t, "CLIENT", "PAUSE", "100000", "WRITE")
	if text := c.Must(t, "INFO", "clients").Str; !strings.Contains(text, "paused_reason:client_pause\r\npaused_actions:write\r\n") {
		t.Errorf("paused: %s", text)
	}
	c.Must(t, "CLIENT", "UNPAUSE")
	if n := info("paused_timeout_milliseconds"); n != 0 {
		t.Errorf("paused for %d ms", n)
	}
	queue.Close()
	input.Close()
	testutil.Poll(t, patience, func() bool { return info("mem_clients_normal") < 10_000 })
}
