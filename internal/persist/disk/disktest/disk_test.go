// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redpoll/redpoll/internal/persist/disk"
)

// read gives a file's bytes; "none" if it is not there.
func read(t *testing.T, d disk.FS, name string) string {
	t.Helper()
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// create makes a file with some bytes and leaves it open.
func create(t *testing.T, d disk.FS, name, text string) disk.File {
	t.Helper()
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, text)
	return f
}

func write(t *testing.T, f disk.File, text string) {
	t.Helper()
	if n, err := f.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatal(n, err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// outcomes gives all that look sees on disks that lost power.
func outcomes(d *Disk, order Order, look func(*Disk) string) []string {
	seen := map[string]bool{}
	for seed := range uint64(400) {
		seen[look(d.Crash(rand.New(rand.NewPCG(seed, 0)), order))] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// TestCrashNames goes through what is left of names that were not forced to the disk.
func TestCrashNames(t *testing.T) {
	d := New()
	look := func(d *Disk) string { return read(t, d, "/temp") + " " + read(t, d, "/dump") }
	expect := func(when string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := outcomes(d, Unordered, look); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	f := create(t, d, "/dump", "old")
	expect("nothing synced", "none none", "none ", "none o", "none ol", "none old", "none \x00\x00\x00", "none \x00", "none \x00\x00")
	must(t, f.Sync())
	expect("the bytes alone", "none none", "none old")
	must(t, d.SyncDir("/"), f.Close())
	expect("all", "none old")
	f = create(t, d, "/temp", "new")
	must(t, f.Sync(), f.Close())
	expect("a file beside", "none old", "new old")
	must(t, d.Rename("/temp", "/dump"))
	expect("renamed", "none old", "new old", "none new")
	killed := d.Kill()
	if got := look(killed); got != "none new" {
		t.Errorf("a kill leaves %q", got)
	}
	if got := outcomes(killed, Unordered, look); !slices.Equal(got, []string{"new old", "none new", "none old"}) {
		t.Errorf("power is lost after a kill: %q", got)
	}
	must(t, killed.SyncDir("/"))
	if got := outcomes(killed, Unordered, look); !slices.Equal(got, []string{"none new"}) {
		t.Errorf("power is lost after a kill and a sync: %q", got)
	}
	d.Lie(Sync, SyncDir)
	must(t, d.SyncDir("/"))
	expect("a sync that lies", "none old", "new old", "none new")
	d.Lie()
	must(t, d.SyncDir("/"))
	expect("renamed and synced", "none new")
	must(t, d.Remove("/dump"))
	expect("removed", "none new", "none none")
	must(t, d.SyncDir("/"))
	expect("removed and synced", "none none")
}

// TestCrashTrees has directories that must be synced as names of those above them.
func TestCrashTrees(t *testing.T) {
	d := New()
	must(t, d.MkdirAll("a/b", 0o700))
	f := create(t, d, "a/b/file", "v")
	must(t, f.Sync(), f.Close(), d.SyncDir("a/b"), d.SyncDir("a"))
	look := func(d *Disk) string {
		return read(t, d, "/a/b/file") + " " + read(t, d, "/file") + " " + read(t, d, "/a/link")
	}
	if got := outcomes(d, Ordered, look); !slices.Equal(got, []string{"none none none", "v none none"}) {
		t.Errorf("the root is not synced: %q", got)
	}
	must(t, d.SyncDir("/"))
	must(t, d.Link("a/b/file", "a/link"), d.SyncDir("a"))
	must(t, d.Rename("a/b/file", "file"))
	if got := outcomes(d, Ordered, look); !slices.Equal(got, []string{"none v v", "v none v"}) {
		t.Errorf("moved to another directory: %q", got)
	}
	must(t, d.SyncDir("a/b"))
	if got := outcomes(d, Ordered, look); !slices.Equal(got, []string{"none v v"}) {
		t.Errorf("moved and synced: %q", got)
	}
}

// TestCrashAppends has a file that grows behind what was synced.
func TestCrashAppends(t *testing.T) {
	d := New()
	f := create(t, d, "/log", strings.Repeat("s", page+100))
	must(t, f.Sync(), d.SyncDir("/"))
	for i := range 40 {
		write(t, f, strings.Repeat(string(rune('a'+i%26)), 300))
	}
	whole := read(t, d, "/log")
	sizes := map[int]bool{}
	holes := 0
	for _, got := range outcomes(d, Ordered, func(d *Disk) string { return read(t, d, "/log") }) {
		if !strings.HasPrefix(whole, got) || len(got) < page+100 {
			t.Fatalf("%d bytes that were not appended in this order", len(got))
		}
		sizes[len(got)%300] = true
	}
	if len(sizes) < 50 {
		t.Errorf("writes are cut off at %d places only", len(sizes))
	}
	for _, got := range outcomes(d, Unordered, func(d *Disk) string { return read(t, d, "/log") }) {
		if !strings.HasPrefix(got, whole[:page+100]) || len(got) > len(whole) {
			t.Fatal("what was synced is lost")
		}
		if strings.Contains(got, "\x00") {
			holes++
		}
	}
	if holes < 100 {
		t.Errorf("%d holes", holes)
	}
	killed := d.Kill()
	for _, got := range outcomes(killed, Ordered, func(d *Disk) string { return read(t, d, "/log") }) {
		if !strings.HasPrefix(whole, got) || len(got) < page+100 || read(t, killed, "/log") != whole {
			t.Fatalf("%d bytes after a kill", len(got))
		}
	}
	must(t, f.Truncate(page+50))
	for _, got := range outcomes(d, Ordered, func(d *Disk) string { return read(t, d, "/log") }) {
		if !strings.HasPrefix(got, whole[:page+50]) {
			t.Fatal("what was synced and not cut off is lost")
		}
	}
	must(t, f.Sync())
	if got := outcomes(d, Ordered, func(d *Disk) string { return read(t, d, "/log") }); len(got) != 1 || len(got[0]) != page+50 {
		t.Errorf("cut off and synced: %d outcomes", len(got))
	}
}

// TestCrashPages writes over pages of a file that was synced.
func TestCrashPages(t *testing.T) {
	d := New()
	f := create(t, d, "/file", strings.Repeat("0", 3*page))
	must(t, f.Sync(), d.SyncDir("/"))
	for _, p := range []int64{0, 1, 2, 1} {
		if _, err := f.WriteAt([]byte(strings.Repeat(fmt.Sprint(p+1), page)), p*page); err != nil {
			t.Fatal(err)
		}
	}
	got := outcomes(d, Ordered, func(d *Disk) string {
		b := read(t, d, "/file")
		return b[:1] + b[page:page+1] + b[2*page:2*page+1]
	})
	if want := []string{"000", "003", "020", "023", "100", "103", "120", "123"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFailedSync loses what a failed sync was to keep, though later ones succeed.
func TestFailedSync(t *testing.T) {
	d := New()
	f := create(t, d, "/file", strings.Repeat("a", page))
	d.SetHook(Fail(Sync, "file", 0, 1, syscall.EIO))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	write(t, f, strings.Repeat("b", page))
	must(t, f.Sync(), d.SyncDir("/"))
	look := func(d *Disk) string { b := read(t, d, "/file"); return b[:1] + b[page:page+1] }
	if got := outcomes(d, Ordered, look); !slices.Equal(got, []string{"\x00b", "ab"}) {
		t.Errorf("%q", got)
	}
	if got := look(d); got != "ab" {
		t.Errorf("%q is seen", got)
	}
	if _, err := f.WriteAt([]byte("c"), 1); err != nil {
		t.Fatal(err)
	}
	must(t, f.Sync())
	if got := outcomes(d, Ordered, look); !slices.Equal(got, []string{"ab"}) {
		t.Errorf("written anew: %q", got)
	}
}

// TestFull fills the disk up.
func TestFull(t *testing.T) {
	d := New()
	d.SetLimit(10)
	f := create(t, d, "/a", "123456")
	g := create(t, d, "/b", "12")
	if n, err := f.Write([]byte("789")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := g.Write([]byte("3")); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := f.WriteAt([]byte("xx"), 0); n != 2 || err != nil {
		t.Errorf("over what is there: %d, %v", n, err)
	}
	must(t, d.Remove("/b"))
	if d.Used() != 10 {
		t.Errorf("%d bytes while a file that is gone is open", d.Used())
	}
	must(t, g.Close())
	write(t, f, "90")
	if d.Used() != 10 || read(t, d, "/a") != "xx34567890" {
		t.Errorf("%d bytes, %s", d.Used(), read(t, d, "/a"))
	}
	must(t, f.Truncate(0), f.Close(), d.Rename("/a", "/c"))
	f = create(t, d, "/d", "12345")
	must(t, f.Close(), d.Rename("/d", "/c"))
	if d.Used() != 5 || d.Kill().Used() != 5 {
		t.Errorf("%d bytes", d.Used())
	}
}

// TestFaults has the n-th op fail, and writes of which only some bytes go through.
func TestFaults(t *testing.T) {
	d := New()
	f := create(t, d, "/dir.aof", "")
	var ops []string
	short := Fail(Write, "*.aof", 1, 1, Short{3, syscall.EIO})
	d.SetHook(func(op Op) error {
		ops = append(ops, op.String())
		return short(op)
	})
	write(t, f, "one")
	if n, err := f.Write([]byte("three")); n != 3 || !errors.Is(err, syscall.EIO) || err.Error() != "write /dir.aof: input/output error" {
		t.Errorf("%d, %v", n, err)
	}
	write(t, f, "two")
	must(t, f.Sync(), d.Rename("/dir.aof", "/x"))
	if got := read(t, d, "/x"); got != "onethrtwo" {
		t.Errorf("%q", got)
	}
	if want := []string{"write /dir.aof", "write /dir.aof", "write /dir.aof", "sync /dir.aof", "rename /dir.aof to /x", "open /x"}; !slices.Equal(ops[:6], want) {
		t.Errorf("%q", ops)
	}
	d.SetHook(Fail(Rename, "*", 0, 0, syscall.ENOSPC))
	var link *os.LinkError
	if err := d.Rename("/x", "/y"); !errors.As(err, &link) || !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if (Op{Kind: Read}).Changes() || (Op{Kind: Open}).Changes() || !(Op{Kind: Open, New: true}).Changes() || !(Op{Kind: Sync}).Changes() {
		t.Error("what changes something is not told")
	}
}

// both runs the same on a disk in memory and on the machine's, and compares what comes of it.
func both(t *testing.T, run func(d disk.FS, root string) []any) {
	t.Helper()
	dir := t.TempDir()
	m := New()
	must(t, m.MkdirAll(dir, 0o700))
	a, b := run(m, dir), run(disk.OS{}, dir)
	for i := range a {
		x, y := fmt.Sprint(a[i]), fmt.Sprint(b[i])
		if x != y {
			t.Errorf("result %d: %s, on the machine's disk %s", i, x, y)
		}
	}
}

// TestLikeOS compares the disk in memory with the machine's.
func TestLikeOS(t *testing.T) {
	both(t, func(d disk.FS, root string) (got []any) {
		in := func(name string) string { return filepath.Join(root, name) }
		note := func(v ...any) { got = append(got, v...) }
		_, err := d.Open(in("none"))
		note(err, errors.Is(err, fs.ErrNotExist))
		_, err = d.OpenFile(in("none/file"), os.O_CREATE|os.O_WRONLY, 0o600)
		note(err, d.Rename(in("none"), in("other")), d.Remove(in("none")), d.Link(in("none"), in("other")), errors.Is(d.SyncDir(in("none")), fs.ErrNotExist))
		note(d.Mkdir(in("dir"), 0o700), d.Mkdir(in("dir"), 0o700), d.Mkdir(in("dir/x"), 0o700), d.Mkdir(in("dir/x/y"), 0o700))
		note(d.Remove(in("dir")), d.Remove(in("dir/x/y")))
		f, err := d.OpenFile(in("file"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		note(err)
		n, err := f.Write([]byte("0123456789"))
		note(n, err)
		_, err = d.OpenFile(in("file"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		note(err, errors.Is(err, fs.ErrExist))
		at, err := f.Seek(-4, io.SeekEnd)
		b := make([]byte, 10)
		note(at, err)
		n, err = f.Read(b)
		note(n, err)
		n, err = f.Read(b)
		note(n, err)
		n, err = f.ReadAt(b, 5)
		note(n, err, string(b[:n]))
		n, err = f.WriteAt([]byte("xy"), 12)
		note(n, err, f.Truncate(13), f.Sync())
		note(d.Link(in("file"), in("dir/second")), d.Link(in("file"), in("dir/second")))
		g, err := d.OpenFile(in("dir/second"), os.O_APPEND|os.O_WRONLY, 0)
		note(err)
		n, err = g.Write([]byte("end"))
		note(n, err)
		_, err = g.Read(b)
		note(err)
		info, err := f.Stat()
		note(err, info.Size(), info.IsDir(), info.Name())
		note(d.Rename(in("file"), in("dir")), d.Rename(in("dir"), in("file")), d.Rename(in("file"), in("dir/x/moved")))
		list, err := d.ReadDir(root)
		note(len(list), list[0].Name(), list[0].IsDir(), err)
		list, err = d.ReadDir(in("dir"))
		note(len(list), list[0].Name(), list[1].Name(), list[1].IsDir(), err)
		_, err = d.ReadDir(in("dir/second"))
		note(err)
		all, err := d.Open(in("dir/x/moved"))
		note(err)
		text, err := io.ReadAll(all)
		note(bytes.ReplaceAll(text, []byte{0}, []byte{'.'}), err)
		_, err = all.Write(b)
		note(err)
		h, err := d.OpenFile(in("dir/second"), os.O_TRUNC|os.O_WRONLY, 0)
		note(err)
		info, err = d.Stat(in("dir/x/moved"))
		note(info.Size(), err)
		info, err = d.Stat(in("dir"))
		note(info.IsDir(), err)
		note(f.Close(), g.Close(), h.Close(), all.Close(), f.Close() != nil, d.Remove(in("dir/second")))
		_, err = f.Write(b)
		note(err, d.SyncDir(root))
		_, err = d.OpenFile(in("dir"), os.O_WRONLY, 0)
		note(err)
		return got
	})
}
