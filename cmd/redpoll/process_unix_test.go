// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/testutil"
)

// patience is how long a process may take to do what it was told.
const patience = testutil.Patience

// built is the real program.
type built struct {
	bin    string
	server []string // the arguments that make it a server
}

func build(t *testing.T) built {
	bin, server := testutil.RedpollBinary(t)
	return built{bin, server}
}

// run starts a server that logs to a file, and gives the path of that.
func (b built) run(t *testing.T, args ...string) (*testutil.Proc, *testutil.Client, string) {
	path := filepath.Join(t.TempDir(), "log")
	p := testutil.Process(t, b.bin, append(append(b.server[:len(b.server):len(b.server)], "--logfile", path, "--enable-debug-command", "yes"), args...)...)
	return p, p.Dial(t), path
}

// logHas waits until a log has all of some texts, in this order.
func logHas(t *testing.T, path string, texts ...string) {
	t.Helper()
	testutil.Poll(t, patience, func() bool {
		log, err := os.ReadFile(path)
		rest, ok := string(log), err == nil
		for _, text := range texts {
			var found bool
			_, rest, found = strings.Cut(rest, text)
			ok = ok && found
		}
		return ok
	})
}

// TestCrashReports has servers end as if something were badly wrong.
func TestCrashReports(t *testing.T) {
	b := build(t)
	for _, test := range []struct {
		name   string
		crash  func(p *testutil.Proc, c *testutil.Client) error
		args   []string
		has    []string
		hasNot string
	}{
		{"SIGABRT", func(p *testutil.Proc, _ *testutil.Client) error { return syscall.Kill(p.PID, syscall.SIGABRT) }, nil,
			[]string{"REDIS BUG REPORT START", "crashed by signal: 6", "STACK TRACE -", "goroutine", "STACK TRACE DONE", "redis_version:", "REPORT END"}, ""},
		{"DEBUG SEGFAULT", func(_ *testutil.Proc, c *testutil.Client) error { return c.Send("DEBUG", "SEGFAULT") }, nil,
			[]string{"crashed by signal: 11", "debugCrash", "STACK TRACE DONE"}, ""},
		{"DEBUG ASSERT", func(_ *testutil.Proc, c *testutil.Client) error { return c.Send("DEBUG", "ASSERT") }, nil,
			[]string{"=== ASSERTION FAILED ===", "crashed by signal: 6"}, ""},
		{"DEBUG OOM", func(_ *testutil.Proc, c *testutil.Client) error { return c.Send("DEBUG", "OOM") }, nil,
			[]string{"Out Of Memory", "crashed by signal: 6"}, ""},
		{"no report", func(_ *testutil.Proc, c *testutil.Client) error { return c.Send("DEBUG", "SEGFAULT") },
			[]string{"--crash-log-enabled", "no"}, []string{"Ready to accept connections"}, "crashed by signal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, c, log := b.run(t, test.args...)
			if err := test.crash(p, c); err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(patience); err == nil || strings.Contains(err.Error(), "still running") {
				t.Errorf("it ends with %v", err)
			}
			logHas(t, log, test.has...)
			text, err := os.ReadFile(log)
			if err != nil || test.hasNot != "" && bytes.Contains(text, []byte(test.hasNot)) {
				t.Errorf("the log has %s, %v", test.hasNot, err)
			}
		})
	}
}

// TestSIGALRM has a server tell what it does, and go on.
func TestSIGALRM(t *testing.T) {
	p, c, log := build(t).run(t)
	if err := syscall.Kill(p.PID, syscall.SIGALRM); err != nil {
		t.Fatal(err)
	}
	logHas(t, log, "Received SIGALRM", "STACK TRACE -", "goroutine", "STACK TRACE DONE")
	c.Must(t, "PING")
}

// TestShutdownAbort takes back what SIGTERM has asked for.
func TestShutdownAbort(t *testing.T) {
	p, c, log := build(t).run(t, "--shutdown-on-sigint", "save", "--dbfilename", "")
	terminate := func(sig syscall.Signal) {
		if err := syscall.Kill(p.PID, sig); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := c.Do("SHUTDOWN", "ABORT"); err != nil || v.Str != "ERR No shutdown in progress." {
		t.Errorf("nothing to abort: %v, %v", v, err)
	}
	terminate(syscall.SIGINT)
	logHas(t, log, "Received SIGINT", "dbfilename is empty", "can't exit", "Errors trying to shut down the server.")
	c.Must(t, "DEBUG", "PAUSE-CRON", "1")
	terminate(syscall.SIGTERM)
	logHas(t, log, "Received SIGTERM scheduling shutdown...")
	testutil.Poll(t, patience, func() bool {
		v, err := c.Do("SHUTDOWN", "ABORT")
		return err == nil && v.Str == "OK"
	})
	logHas(t, log, "Shutdown manually aborted.")
	c.Must(t, "DEBUG", "PAUSE-CRON", "0")
	c.Must(t, "PING")
	c.Must(t, "DEBUG", "PAUSE-CRON", "1")
	terminate(syscall.SIGTERM)
	testutil.Poll(t, patience, func() bool {
		log, err := os.ReadFile(log)
		return err == nil && strings.Count(string(log), "Received SIGTERM") == 2
	})
	c.Must(t, "PING")
	if err := c.Send("DEBUG", "PAUSE-CRON", "0"); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(patience); err != nil {
		t.Error(err)
	}
	logHas(t, log, "bye bye")
}

// TestInsist ends a server at once that is busy with its last save: nothing is left of that.
func TestInsist(t *testing.T) {
	p, c, log := build(t).run(t, "--rdb-key-save-delay", "2000000000")
	c.Must(t, "CONFIG", "SET", "save", "3600 1")
	c.Must(t, "SET", "k", "v")
	dir := c.Must(t, "CONFIG", "GET", "dir").Elems[1].Str
	temp := filepath.Join(dir, fmt.Sprintf("temp-%d.rdb", p.PID))
	interrupt := func() {
		if err := syscall.Kill(p.PID, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	interrupt()
	testutil.Poll(t, patience, func() bool {
		_, err := os.Stat(temp)
		return err == nil
	})
	interrupt()
	if err := p.Wait(patience); err == nil {
		t.Error("it ends as if all were well")
	}
	logHas(t, log, "Saving the final RDB snapshot", "You insist... exiting now.")
	if _, err := os.Stat(temp); err == nil {
		t.Errorf("%s is left", temp)
	}
}

// TestProcessTitle looks at what the list of processes shows.
func TestProcessTitle(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the list shows the command line
	}
	p, c, _ := build(t).run(t)
	shown := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimRight(string(text), "\x00")
	}
	port := p.Addr[strings.LastIndexByte(p.Addr, ':')+1:]
	if got := shown(); !strings.HasSuffix(got, " 127.0.0.1:"+port) {
		t.Errorf("at first %q", got)
	}
	long := strings.Repeat("x", 600)
	for _, test := range []struct{ template, want string }{
		{"T", "T"},
		{"T {listen-addr} {port} {tls-port} {config-file}{unixsocket}{server-mode}", "T 127.0.0.1:" + port + " " + port + " 0 -"},
		{long + "{port}", long + port},
		{"  short again  ", "short again"},
	} {
		c.Must(t, "CONFIG", "SET", "proc-title-template", test.template)
		if got := shown(); got != test.want {
			t.Errorf("%s: %q, want %q", test.template, got, test.want)
		}
	}
	for _, bad := range []string{"{nonsense}", "{title", "", "{title}", "  "} {
		if v, err := c.Do("CONFIG", "SET", "proc-title-template", bad); err != nil || !strings.Contains(v.Str, "template format is invalid") {
			t.Errorf("%q: %v, %v", bad, v, err)
		}
	}
}

// TestOOMScore changes the configuration and looks at the file that stands for the kernel's.
func TestOOMScore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "score")
	if err := os.WriteFile(path, []byte("5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := config.New()
	var log bytes.Buffer
	followOOMScore(cfg, slog.New(slog.NewTextHandler(&log, nil)), path)
	for _, step := range []struct{ mode, values, want string }{
		{"no", "10 20 30", "5\n"},
		{"yes", "10 20 30", "15"},
		{"relative", "20 20 30", "25"},
		{"absolute", "20 20 30", "20"},
		{"absolute", "2000 20 30", "1000"},
		{"no", "2000 20 30", "5"},
	} {
		if err := cfg.Update(config.Caller{}, []config.Param{{Name: "oom-score-adj-values", Value: step.values}, {Name: "oom-score-adj", Value: step.mode}}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != step.want {
			t.Errorf("%s %s: %q, want %q", step.mode, step.values, got, step.want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err := cfg.Update(config.Caller{}, []config.Param{{Name: "oom-score-adj", Value: "yes"}})
	if err == nil || !strings.Contains(err.Error(), "Failed to set current oom_score_adj. Check server logs.") || !strings.Contains(log.String(), "Unable to read") {
		t.Errorf("without the file: %v, log %s", err, &log)
	}
	if mode := cfg.Enum("oom-score-adj").Load(); mode != "no" {
		t.Errorf("it stays %s", mode)
	}
}
