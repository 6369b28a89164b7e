// SPDX-License-Identifier: BSD-3-Clause

package disk

import (
	"io/fs"
	"os"
)

// OS is the machine's own disk.
type OS struct{}

var _ FS = OS{}

// Open is os.Open.
func (OS) Open(name string) (File, error) { return OS{}.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile is os.OpenFile.
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(name string) error { return os.Remove(name) }

// Link is os.Link.
func (OS) Link(from, to string) error { return os.Link(from, to) }

// Mkdir is os.Mkdir.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// ReadDir is os.ReadDir.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat is os.Stat.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// SyncDir opens the directory and forces it to the disk, where the system has that.
func (OS) SyncDir(name string) error { return syncDir(name) }

// A file is an os.File whose Sync leaves out what nobody needs.
type file struct{ *os.File }

// Sync is File's.
func (f file) Sync() error { return syncData(f.File) }
