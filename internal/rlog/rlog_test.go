// SPDX-License-Identifier: BSD-3-Clause

package rlog

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fixed is the time of all lines of these tests.
func fixed() time.Time { return time.Date(2026, 11, 3, 20, 30, 1, 123_900_000, time.UTC) }

func newLog(level slog.Level) (*Handler, *bytes.Buffer) {
	var out bytes.Buffer
	return New(Options{Now: fixed, Out: &out, PID: 4711, Level: level}), &out
}

func TestLines(t *testing.T) {
	h, out := newLog(Debug)
	h.SetRole(Master)
	log := slog.New(h)
	log.Debug("one")
	log.Log(t.Context(), Verbose, "two")
	log.Info("three")
	log.Warn("four")
	log.Error("five")
	want := "4711:M 03 Nov 2026 20:30:01.123 . one\n" +
		"4711:M 03 Nov 2026 20:30:01.123 - two\n" +
		"4711:M 03 Nov 2026 20:30:01.123 * three\n" +
		"4711:M 03 Nov 2026 20:30:01.123 # four\n" +
		"4711:M 03 Nov 2026 20:30:01.123 # five\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestLevels(t *testing.T) {
	for word, want := range map[string]int{"debug": 4, "verbose": 3, "NOTICE": 2, "warning": 1, "nothing": 0} {
		level, ok := ParseLevel(word)
		if !ok {
			t.Fatal(word)
		}
		h, out := newLog(Debug)
		h.SetLevel(level)
		for _, l := range []slog.Level{Debug, Verbose, Notice, Warning} {
			slog.New(h).Log(t.Context(), l, "x")
		}
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("at %s %d lines, want %d", word, got, want)
		}
	}
	if _, ok := ParseLevel("loud"); ok {
		t.Error("ParseLevel takes any word")
	}
}

func TestAttrs(t *testing.T) {
	h, out := newLog(Notice)
	slog.New(h).With("loop", 3).WithGroup("client").With("id", 7).
		Info("closed", "why", "too slow", "empty", "", slog.Group("addr", "port", 6379))
	if want := `* closed loop=3 client.id=7 client.why="too slow" client.empty="" client.addr.port=6379`; !strings.Contains(out.String(), want) {
		t.Errorf("got %q, want %q in it", out, want)
	}
}

// TestFileIsOpenedForEachLine moves the file away between two lines, as log rotation does.
func TestFileIsOpenedForEachLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redis.log")
	h := New(Options{Now: fixed, File: path, PID: 1, Role: Replica})
	log := slog.New(h)
	log.Info("first")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Info("second")
	h.Raw(Notice, "raw\n")
	for name, want := range map[string]string{
		path + ".1": "1:S 03 Nov 2026 20:30:01.123 * first\n",
		path:        "1:S 03 Nov 2026 20:30:01.123 * second\nraw\n",
	} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", filepath.Base(name), got, err, want)
		}
	}
}

func TestStartLines(t *testing.T) {
	h, out := newLog(Notice)
	a := About{
		Version: "7.0.15", Release: "0.1.0", Commit: "deadbeef", Modified: true, PID: 4711, Program: "redis-server",
		Mode: "standalone", Port: 7000,
	}
	h.Start(a)
	h.SetRole(Master)
	h.Running(a, false)
	h.Initialized()
	h.Ready(true, "/run/r.sock")
	want := `4711:C 03 Nov 2026 20:30:01.123 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
4711:C 03 Nov 2026 20:30:01.123 # Redis version=7.0.15, bits=64, commit=deadbeef, modified=1, pid=4711, just started
4711:C 03 Nov 2026 20:30:01.123 # Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf
4711:M 03 Nov 2026 20:30:01.123 * Running mode=standalone, port=7000.
4711:M 03 Nov 2026 20:30:01.123 # Server initialized
4711:M 03 Nov 2026 20:30:01.123 * Ready to accept connections
4711:M 03 Nov 2026 20:30:01.123 * The server is now ready to accept connections at /run/r.sock
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	out.Reset()
	a.Configured = true
	h.Start(a)
	h.Running(a, true)
	for _, want := range []string{"# Configuration loaded\n", " Port: 7000\n", " PID: 4711\n", "Redis 7.0.15 (deadbeef/1) 64 bit\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestNullDeviceIsNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if IsTerminal(f) {
		t.Error("the null device counts as a terminal")
	}
}
