// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// story is data in two versions: what is saved first, and what then.
type story struct {
	server *box
	c      *testutil.Client
}

// tell has a server save a first version of some data.
func tell(t *testing.T, d *disktest.Disk, dir string, set directives) *story {
	t.Helper()
	s := &story{server: mustBoot(t, d, dir, set)}
	c, err := s.server.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s.c = c
	s.write(t, "first")
	return s
}

// versionOf gives the calls that make all of the data a version.
func versionOf(version string) [][]string {
	calls := [][]string{{"SET", "version", version}}
	for i := range 200 {
		calls = append(calls, []string{"SET", fmt.Sprint("key:", i), version},
			[]string{"HSET", "hash", fmt.Sprint("f", i), version + strings.Repeat("+", 60)})
	}
	return calls
}

// write makes all of the data a version.
func (s *story) write(t *testing.T, version string) {
	t.Helper()
	for _, argv := range versionOf(version) {
		s.c.Must(t, argv...)
	}
}

// version reads which version of the data is there, whole.
func version(c *testutil.Client) (string, error) {
	v, err := c.Do("GET", "version")
	if err != nil || v.Null {
		return "none", err
	}
	for i := range 200 {
		if each, err := c.Do("GET", fmt.Sprint("key:", i)); err != nil || each.Str != v.Str {
			return "", or(err, "key:%d is of version %q, others of %q", i, each.Str, v.Str)
		}
	}
	all, err := c.Do("HVALS", "hash")
	if err != nil || len(all.Elems) != 200 {
		return "", or(err, "the hash has %d fields", len(all.Elems))
	}
	for _, each := range all.Strings() {
		if !strings.HasPrefix(each, v.Str+"+") {
			return "", fmt.Errorf("a field is %q, others of version %q", each, v.Str)
		}
	}
	return v.Str, nil
}

// wants gives an error unless a disk has one of the versions.
func wants(d *disktest.Disk, dir string, set directives, versions ...string) error {
	return visit(d, dir, set, func(c *testutil.Client) error {
		got, err := version(c)
		if err != nil {
			return err
		}
		for _, want := range versions {
			if got == want {
				return nil
			}
		}
		return fmt.Errorf("version %q is there, not one of %q", got, versions)
	})
}

// savePower loses power at each moment of a save, and after it, and gives the first thing that is not as it should be. Syncs of some
// kinds may lie.
func savePower(t *testing.T, r *rand.Rand, how save, lies ...disktest.Kind) error {
	t.Helper()
	dir := t.TempDir()
	d := newDisk(t, dir)
	s := tell(t, d, dir, nil)
	if err := how(t, s.c); err != nil {
		t.Fatal(err)
	}
	s.write(t, "second")
	meanwhile, after := newAlbum(r), newAlbum(r)
	d.Lie(lies...)
	d.SetHook(func(op disktest.Op) error {
		if op.Changes() {
			meanwhile.add(d, 6, disktest.Ordered, "before "+op.String())
			meanwhile.add(d, 6, disktest.Unordered, "before "+op.String())
		}
		return nil
	})
	if err := how(t, s.c); err != nil {
		t.Fatal(err)
	}
	d.SetHook(nil)
	after.add(d, 20, disktest.Unordered, "after the save")
	for _, img := range meanwhile.images {
		if err := wants(img.disk, dir, nil, "first", "second"); err != nil {
			return fmt.Errorf("%s: %w", img.when, err)
		}
	}
	for _, img := range after.images {
		if err := wants(img.disk, dir, nil, "second"); err != nil {
			return fmt.Errorf("%s: %w", img.when, err)
		}
	}
	t.Logf("%d and %d images", len(meanwhile.images), len(after.images))
	return nil
}

// A save has the data saved, and gives an error if that fails.
type save func(t *testing.T, c *testutil.Client) error

// saves are the ways in which a client has the data saved; when they return it is said to be.
var saves = map[string]save{
	"SAVE": func(_ *testing.T, c *testutil.Client) error {
		v, err := c.Do("SAVE")
		if err == nil && v.IsError() {
			err = errors.New(v.Str)
		}
		return err
	},
	"BGSAVE": func(t *testing.T, c *testutil.Client) error {
		c.Must(t, "BGSAVE")
		text := ""
		testutil.Poll(t, patience, func() bool {
			text = c.Must(t, "INFO", "persistence").Str
			return strings.Contains(text, "rdb_bgsave_in_progress:0\r\n")
		})
		if !strings.Contains(text, "rdb_last_bgsave_status:ok\r\n") {
			return errors.New("BGSAVE has failed")
		}
		return nil
	},
}

// TestSavePower loses power during saves: the file is the old one or the new one, whole, and the new one when the save is said to be over.
func TestSavePower(t *testing.T) {
	t.Parallel()
	for name, how := range saves {
		t.Run(name, func(t *testing.T) {
			r := chance(t)
			if err := savePower(t, r, how); err != nil {
				t.Error(err)
			}
			for _, kind := range []disktest.Kind{disktest.Sync, disktest.SyncDir} {
				if savePower(t, r, how, kind) == nil {
					t.Errorf("nothing is lost without %v either: the test shows nothing", kind)
				}
			}
		})
	}
}

// A saveFault is something that can fail of a save.
type saveFault struct {
	name    string
	hook    disktest.Hook
	renamed bool // the new file is there already, though perhaps not for long
}

// saveFaults gives all of them, each to be used once.
func saveFaults() []saveFault {
	return []saveFault{
		{"open", disktest.Fail(disktest.Open, "temp-*", 0, 1, syscall.ENOSPC), false},
		{"write", disktest.Fail(disktest.Write, "temp-*", 0, 1, syscall.EIO), false},
		{"short write", disktest.Fail(disktest.Write, "temp-*", 0, 1, disktest.Short{Bytes: 100, Err: syscall.ENOSPC}), false},
		{"last write", disktest.Fail(disktest.Write, "temp-*", 1, 0, syscall.EIO), false},
		{"sync", disktest.Fail(disktest.Sync, "temp-*", 0, 1, syscall.EIO), false},
		{"rename", disktest.Fail(disktest.Rename, "temp-*", 0, 1, syscall.EIO), false},
		{"sync of the directory", disktest.Fail(disktest.SyncDir, "*", 0, 1, syscall.EIO), true},
	}
}

// TestSaveFaults has everything that a save does fail in turn: the old file stays, nothing else does, and the next save is well.
func TestSaveFaults(t *testing.T) {
	t.Parallel()
	for name, how := range saves {
		for _, fault := range saveFaults() {
			t.Run(name+" "+fault.name, func(t *testing.T) {
				dir := t.TempDir()
				d := newDisk(t, dir)
				s := tell(t, d, dir, nil)
				s.c.Must(t, "SAVE")
				s.write(t, "second")
				var hit atomic.Bool
				d.SetHook(func(op disktest.Op) error {
					err := fault.hook(op)
					if err != nil {
						hit.Store(true)
					}
					return err
				})
				if err := how(t, s.c); err == nil && hit.Load() {
					t.Error("nobody is told")
				}
				d.SetHook(nil)
				if !hit.Load() {
					t.Error("nothing failed")
				}
				if files := tree(d, dir); len(files) != 1 || filepath.Base(files[0]) != "dump.rdb" {
					t.Errorf("%q are left", files)
				}
				r := chance(t)
				if !fault.renamed {
					if err := wants(d.Crash(r, disktest.Unordered), dir, nil, "first"); err != nil {
						t.Error(err)
					}
				}
				if err := how(t, s.c); err != nil {
					t.Error(err)
				}
				if err := wants(d.Crash(r, disktest.Unordered), dir, nil, "second"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestSaveFullDisk has no room for the file.
func TestSaveFullDisk(t *testing.T) {
	t.Parallel()
	for name, how := range saves {
		dir := t.TempDir()
		d := newDisk(t, dir)
		s := tell(t, d, dir, nil)
		s.c.Must(t, "SAVE")
		s.write(t, "second")
		d.SetLimit(d.Used() + 3000)
		if err := how(t, s.c); err == nil {
			t.Errorf("%s: nobody is told", name)
		}
		d.SetLimit(0)
		if err := how(t, s.c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := wants(d.Crash(chance(t), disktest.Unordered), dir, nil, "second"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStartKeeps starts from a file that has its name, but not for certain, as when the server before was killed in between: once it has started the
// name is certain.
func TestStartKeeps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDisk(t, dir)
	s := tell(t, d, dir, nil)
	s.c.Must(t, "SAVE")
	s.write(t, "second")
	d.Lie(disktest.SyncDir)
	s.c.Must(t, "SAVE")
	r, lost := chance(t), 0
	for _, lies := range [][]disktest.Kind{{disktest.SyncDir}, nil} {
		d.Lie(lies...)
		mustBoot(t, d, dir, nil)
		for range 20 {
			if err := wants(d.Crash(r, disktest.Unordered), dir, nil, "second"); err != nil && lies == nil {
				t.Fatal(err)
			} else if err != nil {
				lost++
			}
		}
	}
	if lost == 0 {
		t.Error("nothing is lost without the sync of the directory either: the test shows nothing")
	}
}

// TestSaveSyncsMeanwhile has a long file be forced to the disk as it grows, if it is to be.
func TestSaveSyncsMeanwhile(t *testing.T) {
	t.Parallel()
	for name, how := range saves {
		for value, least := range map[string]int64{"yes": 3, "no": 1} {
			dir := t.TempDir()
			d := newDisk(t, dir)
			s := tell(t, d, dir, directives{"rdb-save-incremental-fsync": value})
			s.c.Must(t, "SETRANGE", "long", "70000000", "v")
			s.c.SetTimeout(time.Minute)
			var syncs atomic.Int64
			d.SetHook(func(op disktest.Op) error {
				if op.Kind == disktest.Sync {
					syncs.Add(1)
				}
				return nil
			})
			if err := how(t, s.c); err != nil || syncs.Load() < least || value == "no" && syncs.Load() > 1 {
				t.Errorf("%s with rdb-save-incremental-fsync %s: %v, %d syncs", name, value, err, syncs.Load())
			}
		}
	}
}

// TestSaveRefuses has saves beside the clients fail: writes are refused until one succeeds.
func TestSaveRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDisk(t, dir)
	s := tell(t, d, dir, directives{"save": "3600 1000000"})
	how := saves["BGSAVE"]
	if err := how(t, s.c); err != nil {
		t.Fatal(err)
	}
	s.write(t, "second")
	for _, fault := range saveFaults() {
		d.SetHook(fault.hook)
		if err := how(t, s.c); err == nil {
			t.Errorf("%s: nobody is told", fault.name)
		}
		d.SetHook(nil)
		for _, argv := range [][]string{{"SET", "k", "v"}, {"PING"}, {"DEL", "none"}} {
			if v, err := s.c.Do(argv...); err != nil || !strings.HasPrefix(v.Str, "MISCONF Redis is configured to save RDB snapshots") {
				t.Errorf("%s: %s: %v, %v", fault.name, testutil.Quote(argv), v, err)
			}
		}
		s.c.Must(t, "GET", "version")
		s.c.Must(t, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
		s.c.Must(t, "DEL", "none")
		s.c.Must(t, "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
	}
	if err := how(t, s.c); err != nil {
		t.Error(err)
	}
	s.write(t, "third")
}
