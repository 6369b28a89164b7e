// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// A passage is something that a server does in several steps, between two versions of the data. Power is lost before each of them, and after
// the last.
type passage struct {
	name string
	// set is what the server is set to, and later those that start from what is left of its disk.
	set, later func(dir string) directives
	// prepare leaves the first version on the disk, for certain.
	prepare func(t *testing.T, d *disktest.Disk, dir string)
	// pass goes through it, from the start of the server on.
	pass func(t *testing.T, s *story)
	// before are the versions that there may be until pass is over, after the one that there is then.
	before []string
	after  string
	needed []disktest.Kind // syncs without which something is lost
}

func same(set directives) func(string) directives {
	return func(string) directives { return set }
}

var passages = []passage{
	{
		name: "an old append-only file is moved into the directory",
		set:  same(directives{"appendonly": "yes", "appendfsync": "always"}), later: same(directives{"appendonly": "yes"}),
		prepare: func(t *testing.T, d *disktest.Disk, dir string) {
			var b []byte
			b = testutil.AppendCommand(b, "SELECT", "0")
			for _, argv := range versionOf("first") {
				b = testutil.AppendCommand(b, argv...)
			}
			f, err := d.OpenFile(filepath.Join(dir, "appendonly.aof"), os.O_CREATE|os.O_WRONLY, 0o644)
			if err == nil {
				_, err = f.Write(b)
			}
			if err == nil {
				err = f.Sync()
			}
			if err == nil {
				err = d.SyncDir(dir)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		pass:   func(t *testing.T, s *story) { s.c.Must(t, "SET", "more", "v") },
		before: []string{"first"}, after: "first",
		needed: []disktest.Kind{disktest.SyncDir},
	},
	{
		name: "appendonly is switched on",
		set:  same(directives{"appendfsync": "always"}), later: same(directives{"appendonly": "yes"}),
		pass: func(t *testing.T, s *story) {
			s.write(t, "first")
			s.c.Must(t, "CONFIG", "SET", "appendonly", "yes")
			awaitInfo(t, s.c, "aof_rewrite_in_progress", "0")
			s.write(t, "second")
		},
		after:  "second",
		needed: []disktest.Kind{disktest.Sync, disktest.SyncDir},
	},
	{
		name: "a backup is sealed",
		set:  same(nil), later: func(dir string) directives {
			return directives{"preload-file": "aof:" + filepath.Join(dir, "backupdir", "appendonly.aof.manifest")}
		},
		pass: func(t *testing.T, s *story) {
			s.write(t, "first")
			s.c.Must(t, "BACKUP", "START")
			testutil.Poll(t, patience, func() bool { return s.c.Must(t, "BACKUP", "STATUS").Elems[1].Str == "incrementing" })
			s.write(t, "second")
			s.c.Must(t, "BACKUP", "SEAL")
		},
		after:  "second",
		needed: []disktest.Kind{disktest.Sync, disktest.SyncDir},
	},
	{
		name: "a client waits for the log to be on the disk",
		set:  same(directives{"appendonly": "yes", "appendfsync": "everysec"}), later: same(directives{"appendonly": "yes"}),
		pass: func(t *testing.T, s *story) {
			s.write(t, "first")
			if v := s.c.Must(t, "WAITAOF", "1", "0", "10000"); v.Elems[0].Int != 1 {
				t.Errorf("WAITAOF: %v", v)
			}
		},
		after:  "first",
		needed: []disktest.Kind{disktest.Sync},
	},
}

// run goes through the passage and gives the first loss that it finds.
func (p *passage) run(t *testing.T, r *rand.Rand, lies ...disktest.Kind) error {
	t.Helper()
	dir := t.TempDir()
	d := newDisk(t, dir)
	if p.prepare != nil {
		p.prepare(t, d, dir)
	}
	meanwhile, after := newAlbum(r), newAlbum(r)
	d.Lie(lies...)
	d.SetHook(func(op disktest.Op) error {
		if op.Changes() && op.Kind != disktest.Write && op.Kind != disktest.Sync && len(p.before) > 0 {
			meanwhile.add(d, 4, disktest.Ordered, "before "+op.String())
		}
		return nil
	})
	s := &story{server: mustBoot(t, d, dir, p.set(dir))}
	c, err := s.server.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.c = c
	p.pass(t, s)
	d.SetHook(nil)
	after.add(d, 20, disktest.Ordered, "afterwards")
	for _, img := range meanwhile.images {
		if err := wants(img.disk, dir, p.later(dir), p.before...); err != nil {
			return fmt.Errorf("%s: %w", img.when, err)
		}
	}
	for _, img := range after.images {
		if err := wants(img.disk, dir, p.later(dir), p.after); err != nil {
			return fmt.Errorf("%s: %w", img.when, err)
		}
	}
	return nil
}

// TestPassages loses power at the steps of what is seldom done.
func TestPassages(t *testing.T) {
	t.Parallel()
	for _, p := range passages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := chance(t)
			if err := p.run(t, r); err != nil {
				t.Error(err)
			}
			for _, kind := range p.needed {
				if p.run(t, r, kind) == nil {
					t.Errorf("nothing is lost without %v either: the test shows nothing", kind)
				}
			}
		})
	}
}
