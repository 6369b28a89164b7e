// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"fmt"
	"path"
	"path/filepath"
	"sync/atomic"
)

// A Kind is what is done to a file or a name.
type Kind uint8

// Kinds of what is done. Read is of files, directories and what Stat tells.
const (
	Open Kind = iota
	Read
	Write
	Truncate
	Sync
	Rename
	Remove
	Link
	Mkdir
	SyncDir
)

// String gives the kind's word.
func (k Kind) String() string {
	return [...]string{"open", "read", "write", "truncate", "sync", "rename", "remove", "link", "mkdir", "syncdir"}[k]
}

// An Op is something that is about to be done.
type Op struct {
	Kind Kind
	Path string
	To   string // the new name, of Rename and Link
	Size int    // bytes, of Read and Write
	New  bool   // Open makes the file if it is not there
}

// String shows the op for messages of tests.
func (o Op) String() string {
	if o.To != "" {
		return fmt.Sprint(o.Kind, " ", o.Path, " to ", o.To)
	}
	return fmt.Sprint(o.Kind, " ", o.Path)
}

// Changes tells whether the op changes what is seen or what is kept.
func (o Op) Changes() bool { return o.Kind != Read && (o.Kind != Open || o.New) }

// A Hook is asked before each Op, by the goroutine that wants it and with nothing held: it may look at the disk, take an image of it
// (Disk.Crash), and wait, for a slow disk. An error is what the op gives instead of being done; Short lets some of a write through. A
// Sync that gets an error leaves in doubt what it was to keep, for good.
type Hook func(Op) error

// SetHook has the disk ask a hook from now on; nil: none.
func (d *Disk) SetHook(h Hook) {
	if h == nil {
		d.hook.Store(nil)
		return
	}
	d.hook.Store(&h)
}

func (d *Disk) ask(op Op) error {
	if h := d.hook.Load(); h != nil {
		return (*h)(op)
	}
	return nil
}

// Short is a hook's error for a Write of which only so many bytes are written before Err.
type Short struct {
	Bytes int
	Err   error
}

// Error tells the cause.
func (s Short) Error() string { return s.Err.Error() }

// Unwrap gives the cause.
func (s Short) Unwrap() error { return s.Err }

// Fail makes a hook that lets the first skip ops through that are of the kind and of a file whose base name matches the pattern, and gives
// err to the next times ones; 0 times are all from then on.
func Fail(kind Kind, pattern string, skip, times int64, err error) Hook {
	var seen atomic.Int64
	return func(op Op) error {
		if op.Kind != kind {
			return nil
		}
		if ok, bad := path.Match(pattern, filepath.Base(op.Path)); !ok || bad != nil {
			return nil
		}
		if n := seen.Add(1) - skip; n < 1 || times > 0 && n > times {
			return nil
		}
		return err
	}
}
