// SPDX-License-Identifier: BSD-3-Clause

// Package disk is the file layer: what keeps data reaches files through its FS and File, so that a test can give it a disk that fails, is
// full or loses power (disktest). OS is the machine's own. It knows names and bytes, nothing of what is in the files, and has no locks.
package disk

import (
	"io"
	"io/fs"
)

// An FS is a disk, as far as it is needed to keep data. Names are paths as os has them; errors are what os gives: *fs.PathError and
// *os.LinkError around fs.ErrNotExist, syscall.ENOSPC and the like. Its methods may be called by several goroutines.
//
// What was written, and which names there are, survives the end of the process; only what was forced to the disk survives the machine's:
// the bytes of a file by File.Sync, its name, and that a name is gone, by SyncDir of its directory.
type FS interface {
	// Open opens a file to read it.
	Open(name string) (File, error)
	// OpenFile opens a file as the flags O_… of os say; perm is for one that is made.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename gives a file or a directory another name, in one step; a file that has that name already is replaced.
	Rename(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// Link gives a file a second name, which must not be there yet.
	Link(from, to string) error
	// Mkdir makes a directory, which must not be there yet.
	Mkdir(name string, perm fs.FileMode) error
	// ReadDir lists a directory in the order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat tells of a file or a directory.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir has the disk keep which names a directory has. It does nothing where a directory cannot be forced to the disk.
	SyncDir(name string) error
}

// A File is an open file. Its methods may be called by several goroutines; what Read, Write and Seek share is the place in the file.
type File interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Name gives the name that the file was opened by.
	Name() string
	Stat() (fs.FileInfo, error)
	// Truncate cuts the file to size bytes, or extends it with zeros; the place in the file stays.
	Truncate(size int64) error
	// Sync has the disk keep the file's bytes and size; not its times, where they can be left out. After an error what was written since
	// the last success may be lost, even if a later Sync succeeds: the system may have dropped it.
	Sync() error
}
