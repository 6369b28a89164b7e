// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// start runs a server for the length of the test, on which DEBUG is allowed.
func start(t *testing.T, o redpoll.Options) (*redpoll.Server, *testutil.Target) {
	t.Helper()
	if o.Config == nil {
		o.Config = map[string]string{"enable-debug-command": "yes"}
	}
	s, err := redpoll.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	network := "tcp"
	if o.UnixSocket != "" {
		network = "unix"
	}
	return s, &testutil.Target{Name: "redpoll", Network: network, Addr: s.Addr(), Redpoll: true}
}

// client runs a server and gives a connection to it.
func client(t *testing.T) *testutil.Client {
	t.Helper()
	_, target := start(t, redpoll.Options{})
	return target.Dial(t)
}

// do gives a reply, be it an error, and fails the test when there is none.
func do(t *testing.T, c *testutil.Client, args ...string) testutil.Value {
	t.Helper()
	v, err := c.Do(args...)
	if err != nil {
		t.Fatalf("%s: %v", testutil.Quote(args), err)
	}
	return v
}

// field gives one field of INFO.
func field(t *testing.T, c *testutil.Client, name string) string {
	t.Helper()
	for line := range strings.Lines(c.Must(t, "INFO", "everything").Str) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("INFO has no %s", name)
	return ""
}

// number is field for a whole number.
func number(t *testing.T, c *testutil.Client, name string) (n int64) {
	t.Helper()
	if _, err := fmt.Sscan(field(t, c, name), &n); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestSpecs(t *testing.T) {
	r, err := command.NewRegistry(server.Family())
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, r, testutil.Oracle(t))
}

func TestTwoServersInOneProcess(t *testing.T) {
	a, b := client(t), client(t)
	a.Must(t, "SET", "k", "a")
	b.Must(t, "CONFIG", "SET", "timeout", "7")
	if v := b.Must(t, "GET", "k"); !v.Null {
		t.Errorf("the other server has %v", v)
	}
	if got := a.Must(t, "CONFIG", "GET", "timeout").Strings(); got[1] != "0" {
		t.Errorf("the other server's configuration came over: %q", got)
	}
	if field(t, a, "run_id") == field(t, b, "run_id") {
		t.Error("two runs have one name")
	}
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "redpoll") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	settings := map[string]string{"unixsocketperm": "700", "enable-debug-command": "local"}
	if group, err := user.LookupGroupId(strconv.Itoa(os.Getgid())); err == nil { // a group that one may give a file to
		settings["unixsocketgroup"] = group.Name
	}
	s, target := start(t, redpoll.Options{UnixSocket: path, Config: settings})
	c := target.Dial(t)
	c.Must(t, "DEBUG", "LOG", "a client of a Unix socket is local")
	if port := field(t, c, "tcp_port"); port != "0" {
		t.Errorf("tcp_port is %s", port)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestUnknownGroup ends a start whose socket is to be of a group that there is not.
func TestUnknownGroup(t *testing.T) {
	dir, err := os.MkdirTemp("", "redpoll")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_, err = redpoll.Start(redpoll.Options{UnixSocket: filepath.Join(dir, "s"), Config: map[string]string{"unixsocketgroup": "no-such-group"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-group") {
		t.Errorf("it starts: %v", err)
	}
}

func TestAddressInUse(t *testing.T) {
	_, target := start(t, redpoll.Options{})
	_, err := redpoll.Start(redpoll.Options{Addr: target.Addr})
	var failed *server.StartError
	if !errors.As(err, &failed) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("a second server on the same port: %v", err)
	}
	_, port, _ := net.SplitHostPort(target.Addr)
	if want := "Failed listening on port " + port + " (TCP), aborting."; failed.Line != want {
		t.Errorf("the line is %q, want %q", failed.Line, want)
	}
}

// TestPortMoves moves a running server to another port, and fails to move it to one that is taken.
func TestPortMoves(t *testing.T) {
	_, other := start(t, redpoll.Options{})
	_, target := start(t, redpoll.Options{})
	c := target.Dial(t)
	_, taken, _ := net.SplitHostPort(other.Addr)
	free := fmt.Sprint(testutil.FreePort(t))
	c.Must(t, "CONFIG", "SET", "port", free)
	moved := testutil.Dial(t, "tcp", "127.0.0.1:"+free)
	if got := field(t, moved, "tcp_port"); got != free {
		t.Errorf("tcp_port is %s, want %s", got, free)
	}
	v := do(t, c, "CONFIG", "SET", "timeout", "3", "port", taken)
	want := "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
	if v.Str != want {
		t.Errorf("got %q, want %q", v.Str, want)
	}
	if got := c.Must(t, "CONFIG", "GET", "timeout", "port").Strings(); got[1] != "0" && got[3] != "0" {
		t.Errorf("half of the change is left: %q", got)
	}
	testutil.Dial(t, "tcp", "127.0.0.1:"+free).Must(t, "PING")
}

// TestStartErrors: what is wrong with an entry of the configuration is told in a line.
func TestStartErrors(t *testing.T) {
	for name, want := range map[string]string{
		"nope":           "redpoll: nope: Bad directive or wrong number of arguments",
		"maxclients":     "redpoll: maxclients: argument couldn't be parsed into an integer",
		"rename-command": "redpoll: rename-command: Bad directive or wrong number of arguments",
		"user":           "redpoll: user: this version of Redpoll has no ACL users",
		"aclfile":        "redpoll: this version of Redpoll has no ACL users: aclfile cannot be used",
	} {
		s, err := redpoll.Start(redpoll.Options{Config: map[string]string{name: "x y"}})
		if err == nil {
			s.Close()
		}
		if fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestStartAndClose runs servers one after the other and looks at what they leave behind.
func TestStartAndClose(t *testing.T) {
	round := func() {
		s, err := redpoll.Start(redpoll.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := testutil.Connect("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Must(t, "SET", "k", "v")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	round()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 20 {
		round()
	}
	testutil.Poll(t, patience, func() bool {
		return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not tell of open files")
	}
	return len(list)
}

func TestShutdown(t *testing.T) {
	_, target := start(t, redpoll.Options{})
	c := target.Dial(t)
	for _, test := range [][2]string{
		{"SHUTDOWN NOW SOON", "ERR syntax error"},
		{"SHUTDOWN SAVE NOSAVE", "ERR syntax error"},
		{"SHUTDOWN ABORT NOW", "ERR syntax error"},
		{"SHUTDOWN ABORT", "ERR No shutdown in progress."},
		{"SHUTDOWN SAVE", "ERR Errors trying to SHUTDOWN. Check logs."},
	} {
		if v := do(t, c, strings.Fields(test[0])...); v.Str != test[1] {
			t.Errorf("%s: %q, want %q", test[0], v.Str, test[1])
		}
	}
	// Neither SHUTDOWN nor what comes after it has a reply, and nobody can connect when the end is seen.
	replies, err := c.Pipeline([]string{"PING"}, []string{"SHUTDOWN", "NOSAVE", "NOW", "FORCE"}, []string{"SET", "k", "v"})
	if len(replies) != 1 || err == nil {
		t.Errorf("%d replies, %v", len(replies), err)
	}
	if _, err := net.Dial("tcp", target.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the port is still open: %v", err)
	}
}
