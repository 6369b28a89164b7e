// SPDX-License-Identifier: BSD-3-Clause

package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestOS goes through what the machine's disk adds to os: syncs, and files without a nil in an interface when there are none.
func TestOS(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if f, err := (OS{}).Open(name); f != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v, %v", f, err)
	}
	f, err := OS{}.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("bytes")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), OS{}.SyncDir(dir), f.Close()); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err == nil {
		t.Errorf("a closed file was synced")
	}
	if err := (OS{}).SyncDir(filepath.Join(dir, "none")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a sync of no directory: %v", err)
	}
}
