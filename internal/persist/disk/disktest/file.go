// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// A file is an open file. Its fields that change are guarded by the disk's mutex.
type file struct {
	disk          *Disk
	node          *node
	name          string
	appends       bool
	reads, writes bool
	place         int64
	closed        bool
}

// do runs work on the file with the mutex held, once the hook lets it.
func (f *file) do(op Op, word string, work func() error) error {
	op.Path = f.name
	err := f.disk.ask(op)
	var short Short
	if errors.As(err, &short) {
		return pathError(word, f.name, err) // writes deal with it themselves
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	switch {
	case f.closed:
		err = fs.ErrClosed
	case err == nil:
		err = work()
	case op.Kind == Sync:
		f.node.doubt()
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return pathError(word, f.name, err)
}

// Name is File's.
func (f *file) Name() string { return f.name }

// Read is File's.
func (f *file) Read(b []byte) (n int, err error) {
	err = f.do(Op{Kind: Read, Size: len(b)}, "read", func() error {
		n, err = f.read(b, f.place)
		f.place += int64(n)
		if n > 0 || len(b) == 0 {
			return nil
		}
		return err
	})
	return n, err
}

// ReadAt is File's.
func (f *file) ReadAt(b []byte, at int64) (n int, err error) {
	err = f.do(Op{Kind: Read, Size: len(b)}, "read", func() error {
		n, err = f.read(b, at)
		return err
	})
	return n, err
}

// read gives EOF when there are fewer bytes than asked for.
func (f *file) read(b []byte, at int64) (int, error) {
	switch {
	case !f.reads:
		return 0, syscall.EBADF
	case f.node.isDir:
		return 0, syscall.EISDIR
	case at < 0:
		return 0, syscall.EINVAL
	}
	n := 0
	if at < int64(len(f.node.seen)) {
		n = copy(b, f.node.seen[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Write is File's.
func (f *file) Write(b []byte) (int, error) { return f.write(b, -1) }

// WriteAt is File's.
func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if at < 0 || f.appends {
		return 0, pathError("write", f.name, syscall.EINVAL)
	}
	return f.write(b, at)
}

// write writes at an offset, or if it is negative where the file's place is. The hook may let only some of the bytes through.
func (f *file) write(b []byte, at int64) (n int, err error) {
	ask := f.disk.ask(Op{Kind: Write, Path: f.name, Size: len(b)})
	var short Short
	if errors.As(ask, &short) {
		ask = nil
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	switch {
	case f.closed:
		return 0, pathError("write", f.name, fs.ErrClosed)
	case ask != nil:
		return 0, pathError("write", f.name, ask)
	case !f.writes:
		return 0, pathError("write", f.name, syscall.EBADF)
	}
	most := len(b)
	if short.Err != nil {
		most = min(most, short.Bytes)
	}
	to := at
	if at < 0 {
		to = f.place
	}
	if f.appends {
		to = int64(len(f.node.seen))
	}
	n = f.disk.write(f.node, to, b[:most])
	if at < 0 {
		f.place = to + int64(n)
	}
	switch {
	case n < most:
		err = syscall.ENOSPC
	case short.Err != nil:
		err = short.Err
	}
	return n, pathError("write", f.name, err)
}

// Seek is File's.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	to := offset
	switch whence {
	case io.SeekCurrent:
		to += f.place
	case io.SeekEnd:
		to += int64(len(f.node.seen))
	}
	switch {
	case f.closed:
		return 0, pathError("seek", f.name, fs.ErrClosed)
	case to < 0:
		return 0, pathError("seek", f.name, syscall.EINVAL)
	}
	f.place = to
	return to, nil
}

// Stat is File's.
func (f *file) Stat() (info fs.FileInfo, err error) {
	err = f.do(Op{Kind: Read}, "stat", func() error {
		info = f.node.info(filepath.Base(f.name))
		return nil
	})
	return info, err
}

// Truncate is File's.
func (f *file) Truncate(size int64) error {
	return f.do(Op{Kind: Truncate}, "truncate", func() error {
		if !f.writes || size < 0 {
			return syscall.EINVAL
		}
		f.disk.resize(f.node, size)
		return nil
	})
}

// Sync is File's.
func (f *file) Sync() error {
	return f.do(Op{Kind: Sync}, "sync", func() error {
		if !f.disk.lie(Sync) {
			f.node.sync()
		}
		return nil
	})
}

// Close is File's. It forces nothing to the disk.
func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	f.node.opens--
	f.disk.reckon(f.node)
	return nil
}
