// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/persist/disk"
)

// newDir gives a directory of append-only files that is not there yet.
func newDir(t *testing.T) Dir {
	return Dir{Disk: disk.OS{}, Path: filepath.Join(t.TempDir(), "appendonlydir"), Names: "appendonly.aof"}
}

func TestDir(t *testing.T) {
	d := newDir(t)
	if _, err := d.ReadManifest(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
	for range 2 {
		if err := d.Create(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.ReadManifest(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a manifest: %v", err)
	}
	m := &Manifest{}
	base, incr := m.NewBase(d.Names, true), m.NewIncr(d.Names)
	for range 2 {
		if err := d.WriteManifest(m); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := d.ReadManifest(); err != nil || string(got.Append(nil)) != string(m.Append(nil)) {
		t.Errorf("the manifest reads as %+v, %v", got, err)
	}
	if entries, _ := os.ReadDir(d.Path); len(entries) != 1 {
		t.Errorf("the directory has %v", entries)
	}
	for name, text := range map[string]string{base.Name: "12345", incr.Name: "678"} {
		if err := os.WriteFile(d.File(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if size := d.Size(m.Files()...); size != 8 {
		t.Errorf("the files have %d bytes", size)
	}
}

// TestDirRefuses has the lines of the log about a directory that cannot be one.
func TestDirRefuses(t *testing.T) {
	d := newDir(t)
	if err := os.WriteFile(d.Path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.Create(); err == nil || err.Error() != "Can't open or create append-only dir appendonlydir: Not a directory" {
		t.Errorf("a file instead: %v", err)
	}
	if err := d.WriteManifest(&Manifest{}); err == nil || !strings.HasPrefix(err.Error(), "Can't open the AOF manifest file temp-appendonly.aof.manifest: ") {
		t.Errorf("its manifest: %v", err)
	}
	missing := &Manifest{base: File{"missing", 1, Base}}
	if err := d.Sync(missing); err == nil || err.Error() != "Can't open the append-only file missing: Not a directory" {
		t.Errorf("a file of it: %v", err)
	}
	d.Path = filepath.Join(d.Path, "below")
	if err := d.Create(); err == nil || !strings.HasPrefix(err.Error(), "Can't open or create append-only dir below: ") {
		t.Errorf("a directory below: %v", err)
	}
}
