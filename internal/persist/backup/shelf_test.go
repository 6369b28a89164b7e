// SPDX-License-Identifier: BSD-3-Clause

package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
)

var began = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// data makes a disk with a file to be backed up.
func data(t testing.TB) *disktest.Disk {
	t.Helper()
	d := disktest.New()
	if err := errors.Join(d.Mkdir("/data", 0o755), d.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	s := Shelf{Disk: d}
	if err := errors.Join(s.write("/data/base", strings.NewReader("the base")), d.SyncDir("/data")); err != nil {
		t.Fatal(err)
	}
	return d
}

// files are what the backups of the tests have.
func files() []File {
	return []File{{Name: "base", From: "/data/base"}, {Name: "manifest", Text: []byte("the manifest")}}
}

// read gives what a file has.
func read(t testing.TB, d disk.FS, path string) string {
	t.Helper()
	f, err := d.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// whole tells whether all backups of a shelf are, and which there are.
func whole(t testing.TB, s Shelf) []string {
	t.Helper()
	names, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got := read(t, s.Disk, s.File(name, "base")) + ", " + read(t, s.Disk, s.File(name, "manifest")); got != "the base, the manifest" {
			t.Errorf("%s has %s", name, got)
		}
	}
	return names
}

// TestShelf makes backups and removes the oldest ones, with hard links and without.
func TestShelf(t *testing.T) {
	for _, links := range []bool{true, false} {
		d := data(t)
		s := Shelf{Disk: d, Path: "/far/away/shelf"}
		if _, ok, err := s.Last(); ok || err != nil {
			t.Fatalf("a shelf that is not there has a backup: %v", err)
		}
		var linked int
		d.SetHook(func(op disktest.Op) error {
			if op.Kind != disktest.Link {
				return nil
			}
			if linked++; links {
				return nil
			}
			return syscall.EXDEV
		})
		for i := range 5 {
			name, err := s.Put(began.Add(time.Duration(i)*time.Hour), files())
			if want := fmt.Sprintf("backup-20261127-%02d0000", 3+i); err != nil || name != want || linked != i+1 {
				t.Fatalf("%s, %v", name, err)
			}
		}
		if _, err := s.Put(began, files()); err == nil {
			t.Error("there are two backups of one time")
		}
		if err := errors.Join(d.Mkdir("/far/away/shelf/backup-of-mine", 0o755), d.Mkdir("/far/away/shelf/temp-backup-20260101-000000", 0o755),
			s.write("/far/away/shelf/backup-20250101-000000", strings.NewReader("a file"))); err != nil {
			t.Fatal(err)
		}
		removed, err := s.Prune(3, "")
		if want := []string{"backup-20261127-030000", "backup-20261127-040000"}; err != nil || !slices.Equal(removed, want) {
			t.Errorf("%q were removed, %v", removed, err)
		}
		if early, err := s.Put(began.Add(-time.Hour), files()); err != nil {
			t.Fatal(err)
		} else if removed, err := s.Prune(3, early); err != nil || !slices.Equal(removed, []string{"backup-20261127-050000"}) || whole(t, s)[0] != early {
			t.Errorf("with a backup of a time that is not right any more %q were removed, %v", removed, err)
		} else if _, err := s.Put(began.Add(2*time.Hour), files()); err != nil {
			t.Fatal(err)
		} else if removed, err := s.Prune(3, ""); err != nil || !slices.Equal(removed, []string{early}) {
			t.Errorf("%q were removed, %v", removed, err)
		}
		if names := whole(t, s); len(names) != 3 || names[0] != "backup-20261127-050000" {
			t.Errorf("%q are left", names)
		}
		if at, ok, err := s.Last(); !ok || err != nil || !at.Equal(began.Add(4*time.Hour)) {
			t.Errorf("the last is of %v, %t, %v", at, ok, err)
		}
		entries, _ := d.ReadDir(s.Path)
		if len(entries) != 5 {
			t.Errorf("what is not a backup was removed, or what is left of one was not: %v", entries)
		}
		if got := read(t, d, "/data/base"); got != "the base" {
			t.Errorf("the file that was backed up is %q", got)
		}
	}
}

// TestShelfFails has each step of the making of a backup fail: nothing is there of it then, and a later one works.
func TestShelfFails(t *testing.T) {
	for n := 0; ; n++ {
		d := data(t)
		s := Shelf{Disk: d, Path: "/shelf"}
		steps := 0
		d.SetHook(func(op disktest.Op) error {
			if steps++; op.Changes() && steps == n+1 {
				return syscall.EIO
			}
			return nil
		})
		_, err := s.Put(began, files())
		if err == nil && steps <= n {
			break
		}
		d.SetHook(nil)
		if left, _ := d.ReadDir(s.Path); err != nil && len(left) > 0 { // whole or not: it takes room
			t.Fatalf("step %d fails, and there are %q", n, left)
		}
		if _, err := s.Put(began.Add(time.Hour), files()); err != nil {
			t.Fatalf("behind step %d: %v", n, err)
		}
		if _, err := s.Prune(1, ""); err != nil || len(whole(t, s)) != 1 {
			t.Fatalf("behind step %d: %v", n, err)
		}
	}
	d := data(t)
	if _, err := (Shelf{Disk: d, Path: "/shelf"}).Put(began, []File{{Name: "x", From: "/data/none"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestShelfLosesPower has the machine lose its power at each step: what has a backup's name is whole, and what Put has made stays.
func TestShelfLosesPower(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; ; n++ {
		d := data(t)
		s := Shelf{Disk: d, Path: "/a/shelf"}
		var image *disktest.Disk
		steps, made, copies := 0, 0, n%2 == 0
		had := 0
		d.SetHook(func(op disktest.Op) error {
			if steps++; steps == n+1 {
				image, had = d.Crash(rng, disktest.Unordered), made
			}
			if op.Kind == disktest.Link && copies {
				return syscall.EXDEV
			}
			return nil
		})
		for i := range 3 {
			if _, err := s.Put(began.Add(time.Duration(i)*time.Hour), files()); err != nil {
				t.Fatal(err)
			}
			made++
			if _, err := s.Prune(2, ""); err != nil {
				t.Fatal(err)
			}
		}
		if image == nil {
			break
		}
		after := Shelf{Disk: image, Path: s.Path}
		if names := whole(t, after); len(names) < min(had, 2) {
			t.Fatalf("at step %d there are %q of %d", n, names, had)
		}
		if _, err := after.Put(began.Add(9*time.Hour), files()); err != nil {
			t.Fatalf("behind step %d: %v", n, err)
		}
		if _, err := after.Prune(1, ""); err != nil || len(whole(t, after)) != 1 {
			t.Fatalf("behind step %d: %v", n, err)
		}
	}
}

// TestShelfOfTheMachine makes and removes a backup on the machine's own disk.
func TestShelfOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/base", []byte("the base"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := Shelf{Disk: disk.OS{}, Path: dir + "/shelf"}
	name, err := s.Put(began, []File{{Name: "base", From: dir + "/base"}, {Name: "manifest", Text: []byte("the manifest")}})
	if err != nil || len(whole(t, s)) != 1 {
		t.Fatal(name, err)
	}
	of, _ := os.Stat(dir + "/base")
	to, _ := os.Stat(s.File(name, "base"))
	if !os.SameFile(of, to) {
		t.Error("it is no hard link")
	}
	if _, err := s.Prune(0, ""); err != nil || len(whole(t, s)) != 0 {
		t.Error(err)
	}
}
