// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestManifestLost starts without the manifest: what has lost it is not read, but stays.
func TestManifestLost(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	o := logging(dir, log)
	s, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "SET", "a", "1")
	c.Must(t, "BGREWRITEAOF")
	rewritten(t, c)
	c.Must(t, "SET", "b", "2")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")
	temp := filepath.Join(dir, "appendonlydir", "temp-appendonly.aof.incr")
	if err := errors.Join(os.Rename(name, name+".lost"), os.WriteFile(temp, []byte("of a first base that was never there"), 0o644)); err != nil {
		t.Fatal(err)
	}
	s, target = start(t, o)
	c = target.Dial(t)
	if n := c.Must(t, "DBSIZE").Int; n != 0 || !log.Has("They stay where they are: appendonly.aof.2.base.rdb, appendonly.aof.2.incr.aof") {
		t.Errorf("%d keys; the log: %s", n, log)
	}
	c.Must(t, "SET", "c", "3")
	if got := manifest(t, dir); got != "3.base.rdb 3.incr.aof" {
		t.Errorf("the manifest has %s", got)
	}
	if _, err := os.Stat(temp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is of no use any more is there: %v", err)
	}
	if err := errors.Join(s.Close(), os.Rename(name+".lost", name)); err != nil {
		t.Fatal(err)
	}
	_, target = start(t, o)
	if v := target.Dial(t).Must(t, "MGET", "a", "b", "c").Elems; v[0].Str != "1" || v[1].Str != "2" || !v[2].Null {
		t.Errorf("with the manifest again: %v", v)
	}
}

// TestUnsyncedDirectory starts in a directory that a server has made which was killed at once: it is on the disk before anything is promised.
func TestUnsyncedDirectory(t *testing.T) {
	d := disktest.New()
	dir := t.TempDir()
	if err := d.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for above := dir; above != "/"; {
		above = filepath.Dir(above)
		if err := d.SyncDir(above); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Mkdir(filepath.Join(dir, "appendonlydir"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, c := startOn(t, d, dir, &testutil.Lines{}, "appendfsync always\ndbfilename \"\"")
	c.Must(t, "SET", "a", "1")
	for seed := range uint64(4) {
		lost := d.Crash(rand.New(rand.NewPCG(1, seed)), disktest.Unordered)
		if _, c := startOn(t, lost, dir, &testutil.Lines{}, ""); c.Must(t, "GET", "a").Str != "1" {
			t.Error("what was acknowledged is gone")
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestShutdownUnwritten does not end a server whose log cannot be written, unless it is forced to, and then says so.
func TestShutdownUnwritten(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	s, c := onDisk(t, d, log, "")
	fill := func() {
		t.Helper()
		d.SetLimit(d.Used() + 1)
		testutil.Poll(t, patience, func() bool { return do(t, c, "INCR", "counter").IsError() })
	}
	fill()
	expect(t, c, "ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN")
	if !log.Has("The append-only file lacks changes that cannot be written, can't exit: No space left on device") {
		t.Error("the log does not say why")
	}
	s.StopLater(server.EndOptions{})
	testutil.Poll(t, patience, func() bool { return !s.Stopping() })
	d.SetLimit(0)
	testutil.Poll(t, patience, func() bool { return do(t, c, "PING").Str == "PONG" })
	fill()
	if err := c.Send("SHUTDOWN", "FORCE"); err != nil {
		t.Fatal(err)
	}
	<-s.Stopped()
	if err := s.Close(); !errors.Is(err, server.ErrBroken) || !log.Has("The append-only file lacks the last changes: No space left on device") {
		t.Errorf("it ends with %v", err)
	}
}

// TestReadOnlyBase starts from a base that may be read only, as those of a backup.
func TestReadOnlyBase(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	s, c := onDisk(t, d, log, "")
	c.Must(t, "SET", "a", "1")
	c.Must(t, "BGREWRITEAOF")
	rewritten(t, c)
	dir := c.Must(t, "CONFIG", "GET", "dir").Elems[1].Str
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d.SetHook(disktest.Fail(disktest.Open, "*.base.rdb", 1, 1, &fs.PathError{Op: "open", Err: syscall.EACCES}))
	if _, c = startOn(t, d, dir, log, ""); c.Must(t, "GET", "a").Str != "1" {
		t.Error("the data is gone")
	}
}

// TestRewriteElsewhere changes dir: the files stay where they are, and a rewrite needs no other directory, which may be on another disk.
func TestRewriteElsewhere(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "enable-protected-configs yes")
	dir, other := c.Must(t, "CONFIG", "GET", "dir").Elems[1].Str, t.TempDir()
	c.Must(t, "CONFIG", "SET", "dir", other)
	var opened atomic.Pointer[string]
	d.SetHook(func(op disktest.Op) error {
		if op.New && strings.HasPrefix(filepath.Base(op.Path), "temp-rewriteaof-bg-") {
			opened.Store(&op.Path)
		}
		return nil
	})
	c.Must(t, "BGREWRITEAOF")
	rewritten(t, c)
	if path := opened.Load(); path == nil || filepath.Dir(*path) != dir || field(t, c, "aof_last_bgrewrite_status") != "ok" {
		t.Errorf("the base was written to %v", path)
	}
}

// TestHistoryStays has a manifest that the disk may not have kept: what the one before names stays until another one is certain.
func TestHistoryStays(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "")
	synced := int64(0)
	unsure, gone := disktest.Fail(disktest.SyncDir, "appendonlydir", 3, 1, syscall.EIO), atomic.Bool{}
	var puts atomic.Int64
	d.SetHook(func(op disktest.Op) error {
		switch name := filepath.Base(op.Path); {
		case op.Kind == disktest.Rename && name == "temp-appendonly.aof.manifest":
			puts.Add(1)
		case op.Kind == disktest.Remove && name == "appendonly.aof.1.base.rdb" && puts.Load() < 3:
			gone.Store(true)
		}
		return unsure(op)
	})
	c.Must(t, "BGREWRITEAOF")
	testutil.Poll(t, patience, func() bool { return number(t, c, "aof_rewrite_in_progress") == 0 })
	if synced = puts.Load(); synced != 2 || field(t, c, "aof_last_bgrewrite_status") != "err" {
		t.Fatalf("the manifest was written %d times", synced)
	}
	c.Must(t, "CONFIG", "SET", "aof-disable-auto-gc", "yes")
	c.Must(t, "CONFIG", "SET", "aof-disable-auto-gc", "no")
	c.Must(t, "BGREWRITEAOF")
	rewritten(t, c)
	testutil.Poll(t, patience, func() bool { return log.Has("Removing the history file appendonly.aof.1.base.rdb in the background") })
	if gone.Load() {
		t.Error("a file is gone that the manifest may name after a loss of power")
	}
}
