// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/config"
)

// trial is a program whose server only notes what it was given.
type trial struct {
	*program
	out, err bytes.Buffer
	env      map[string]string
	cfg      *config.Config // of the server that was run, nil if none was
	detached []byte         // the configuration handed to the server in the background, nil if none was started
}

func newTrial(stdin string, args ...string) *trial {
	tr := &trial{env: map[string]string{}}
	tr.program = &program{
		args: args, in: strings.NewReader(stdin), out: &tr.out, err: &tr.err,
		getenv: func(name string) string { return tr.env[name] },
		now:    func() time.Time { return time.Date(2026, 11, 23, 20, 30, 1, 0, time.UTC) },
		serve: func(cfg *config.Config, p *process) int {
			tr.cfg = cfg
			slog.New(p.log).Info("serving")
			p.tell(stateReady)
			p.tell(stateStopping)
			return 7
		},
		detach: func(_ *program, stdin []byte) error {
			tr.detached = append([]byte{}, stdin...)
			return nil
		},
	}
	return tr
}

func TestRun(t *testing.T) {
	const version = `^Redis server v=7\.0\.15 sha=[0-9a-f]{8}:[01] malloc=\S+ bits=64 build=[0-9a-f]+ redpoll=\S+\n$`
	for _, test := range []struct {
		args     string
		code     int
		out, err string // regular expressions
	}{
		{"redpoll", 1, `^$`, `^Usage: redpoll server `},
		{"redpoll help", 0, `^Usage: redpoll server `, `^$`},
		{"redpoll -h", 0, `^Usage: redpoll server `, `^$`},
		{"redpoll --version", 0, version, `^$`},
		{"redpoll server -v", 0, version, `^$`},
		{"/usr/bin/redis-server --version x", 0, version, `^$`},
		{"valkey-server -v", 0, version, `^$`},
		{"redpoll nonsense", 1, `^$`, `unknown command 'nonsense'`},
		{"redpoll sentinel", 1, `^$`, `^redpoll sentinel: this version of Redpoll \(\S+\) has the server and the checks of files only\n$`},
		{"redis-sentinel x.conf", 1, `^$`, `^redis-sentinel: this version of Redpoll`},
		{"valkey-cli", 1, `^$`, `^valkey-cli: this version of Redpoll`},
		{"redis-check-rdb", 1, `^$`, `^Usage: redis-check-rdb <rdb-file-name>\n$`},
		{"redpoll check-rdb -v", 0, `^redis-check-rdb 7\.0\.15\n$`, `^$`},
		{"redpoll redis-check-aof", 1, `^Usage: redpoll redis-check-aof \[--fix\|`, `^$`},
		{"/usr/bin/valkey-check-aof nosuchfile", 1, `^Cannot open file nosuchfile: No such file or directory\n$`, `^$`},
		{"redis-server x.conf --sentinel", 1, `^$`, `no Sentinel mode`},
		{"redis-server --help", 1, `^$`, `^Usage: redis-server `},
		{"redis-server --test-memory 4", 1, `^$`, `no memory test`},
		{"redis-server --check-system", 0, `\.\.\.OK`, `^$`},
		{"redis-server --port x", 1, `^$`, `^\n\*\*\* FATAL CONFIG FILE ERROR \(Redis 7\.0\.15\) \*\*\*\nReading the configuration file, at line 2\n>>> 'port "x"'\n`},
		{"redis-server none.conf", 1, `^\d+:C 23 Nov 2026 20:30:01\.000 # Fatal error, can't open config file '\S+/none\.conf': No such file or directory\n$`, `^$`},
		{"redis-server --port x --version", 1, `^$`, `at line 2`},
	} {
		tr := newTrial("", strings.Fields(test.args)...)
		code := tr.run()
		if code != test.code || !regexp.MustCompile(test.out).Match(tr.out.Bytes()) || !regexp.MustCompile(test.err).Match(tr.err.Bytes()) {
			t.Errorf("%s: code %d\nout: %s\nerr: %s", test.args, code, &tr.out, &tr.err)
		}
		if tr.cfg != nil {
			t.Errorf("%s runs a server", test.args)
		}
	}
}

func TestServerStarts(t *testing.T) {
	for _, args := range []string{"redpoll server", "redis-server", "valkey-server --port 7000 --loglevel verbose -"} {
		tr := newTrial("maxmemory 1mb\nreplica-priority 7\n", strings.Fields(args)...)
		if code := tr.run(); code != 7 || tr.cfg == nil {
			t.Fatalf("%s: code %d, %s", args, code, &tr.err)
		}
		configured := strings.HasSuffix(args, "-")
		for line, want := range map[string]bool{
			":C 23 Nov 2026 20:30:01.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n": true,
			"# Redis version=7.0.15, bits=64, commit=":                                      true,
			":M 23 Nov 2026 20:30:01.000 * serving\n":                                       true,
			"# Warning: no config file specified, using the default config.":                !configured,
			"use redpoll server /path/to/redis.conf\n":                                      args == "redpoll server",
			"use redis-server /path/to/redis.conf\n":                                        args == "redis-server",
			"# Configuration loaded\n":                                                      configured,
			"# Reading config from stdin\n":                                                 configured,
			"# Directive 'replica-priority' is not supported":                               configured,
		} {
			if strings.Contains(tr.out.String(), line) != want {
				t.Errorf("%s: %q is there: %v, in\n%s", args, line, !want, &tr.out)
			}
		}
		if configured && (tr.cfg.Int("port").Load() != 7000 || tr.cfg.Int("maxmemory").Load() != 1<<20) {
			t.Errorf("%s: not what was asked for", args)
		}
	}
}

func TestLogFollowsLogLevel(t *testing.T) {
	tr := newTrial("", "redis-server", "--logfile", filepath.Join(t.TempDir(), "log"), "--loglevel", "warning")
	serve := tr.serve
	tr.serve = func(cfg *config.Config, p *process) int {
		serve(cfg, p) // a notice, which is dropped
		if err := cfg.Update(config.Caller{}, []config.Param{{Name: "loglevel", Value: "notice"}}); err != nil {
			t.Error(err)
		}
		slog.New(p.log).Info("again")
		return 0
	}
	tr.run()
	text, err := os.ReadFile(tr.cfg.InDir(tr.cfg.Str("logfile").Load()))
	if err != nil || bytes.Contains(text, []byte("serving")) || !bytes.Contains(text, []byte("* again\n")) || tr.out.Len() != 0 {
		t.Errorf("the file holds %q (%v), standard output %q", text, err, &tr.out)
	}
}

func TestBackground(t *testing.T) {
	tr := newTrial("port 7000", "redis-server", "--daemonize", "yes", "-")
	if code := tr.run(); code != 0 || tr.cfg != nil || string(tr.detached) != "port 7000" {
		t.Errorf("code %d, handed over %q", code, tr.detached)
	}
	tr = newTrial("port 7000", "redis-server", "--daemonize", "yes", "--pidfile", filepath.Join(t.TempDir(), "pid"), "-")
	tr.env[detachedMark] = "1"
	if code := tr.run(); code != 7 || tr.detached != nil {
		t.Errorf("in the background: code %d", code)
	}
	tr = newTrial("", "redis-server", "--daemonize", "yes", "--supervised", "upstart")
	if code := tr.run(); code != 7 || tr.detached != nil || !strings.Contains(tr.out.String(), "upstart is not supported") {
		t.Errorf("supervised: code %d\n%s", code, &tr.out)
	}
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	tr := newTrial("", "redis-server", "--pidfile", path)
	tr.serve = func(*config.Config, *process) int {
		if text, err := os.ReadFile(path); err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
			t.Errorf("the file holds %q, %v", text, err)
		}
		return 0
	}
	tr.run()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestSystemdIsTold(t *testing.T) {
	dir, err := os.MkdirTemp("", "redpoll") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tr := newTrial("", "redis-server", "--supervised", "auto", "--daemonize", "yes")
	tr.env["NOTIFY_SOCKET"] = socket
	if code := tr.run(); code != 7 {
		t.Errorf("code %d", code)
	}
	for _, want := range []string{"STATUS=Redis is loading...\n", "STATUS=Ready to accept connections\nREADY=1\n", "STOPPING=1\n"} {
		buf := make([]byte, 256)
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("systemd is told %q (%v), want %q", buf[:n], err, want)
		}
	}

	tr = newTrial("", "redis-server", "--supervised", "systemd")
	if tr.run(); !strings.Contains(tr.out.String(), "NOTIFY_SOCKET is not set") {
		t.Errorf("without a socket:\n%s", &tr.out)
	}
}
