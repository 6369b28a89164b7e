// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/redpoll/redpoll/internal/persist/disk"
)

// Disk is a disk in memory. Names begin at its root, whether they have a slash there or not; it has no links of names, no owners, and no
// rights. Its methods may be called by several goroutines.
type Disk struct {
	hook  atomic.Pointer[Hook]
	lies  atomic.Uint32 // a bit for each Kind that says what is not so
	limit atomic.Int64  // bytes that it has; 0: no limit

	mu    sync.Mutex
	root  *node  // guarded by mu, as all that it leads to
	steps []step // what is pending of directories, in the order of their coming; guarded by mu
	used  int64  // bytes of files that have a name or are open; guarded by mu
	ticks int64  // changes so far: the time that files have; guarded by mu
}

var _ disk.FS = (*Disk)(nil)

// New makes an empty disk.
func New() *Disk { return &Disk{root: newNode(true)} }

// Lie has syncs of some kinds, Sync and SyncDir, say that they have done what they have not; the others do it again. A test that a sync
// is needed for fails then.
func (d *Disk) Lie(kinds ...Kind) {
	var bits uint32
	for _, k := range kinds {
		bits |= 1 << k
	}
	d.lies.Store(bits)
}

// lie tells whether syncs of a kind lie.
func (d *Disk) lie(k Kind) bool { return d.lies.Load()&(1<<k) != 0 }

// SetLimit bounds the bytes of all files: what goes beyond them is ENOSPC, after as much as there is room for. 0 is no bound.
func (d *Disk) SetLimit(bytes int64) { d.limit.Store(bytes) }

// Used gives the bytes of all files.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used
}

// A step is a pending change of names, which is done whole or not at all.
type step []place

// A place is what a name of a directory leads to; nil: nothing.
type place struct {
	dir  *node
	name string
	node *node
}

// take makes places what they are to be, and remembers that the disk does not know.
func (d *Disk) take(s ...place) {
	d.ticks++
	for _, p := range s {
		if old := p.dir.names[p.name]; old != nil {
			d.unlink(old)
		}
		if p.node == nil {
			delete(p.dir.names, p.name)
			continue
		}
		p.dir.names[p.name] = p.node
		p.node.links++
	}
	d.steps = append(d.steps, s)
}

// unlink takes a name away from a node.
func (d *Disk) unlink(n *node) {
	n.links--
	d.reckon(n)
}

// reckon takes what is no longer reached off the bytes in use.
func (d *Disk) reckon(n *node) {
	if n.links == 0 && n.opens == 0 {
		d.used -= int64(len(n.seen))
	}
}

// split takes a name apart into its steps from the root.
func split(name string) []string {
	clean := strings.Trim(path.Clean("/"+filepath.ToSlash(name)), "/")
	if clean == "" {
		return nil
	}
	return strings.Split(clean, "/")
}

// find gives the node that a name leads to.
func (d *Disk) find(name string) (*node, error) {
	n := d.root
	for _, part := range split(name) {
		if !n.isDir {
			return nil, syscall.ENOTDIR
		}
		if n = n.names[part]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// at gives the directory that a name is in, and what it leads to, nil for nothing.
func (d *Disk) at(name string) (place, error) {
	parts := split(name)
	if len(parts) == 0 {
		return place{}, syscall.EBUSY // nothing can be done to the root
	}
	last := len(parts) - 1
	dir, err := d.find(strings.Join(parts[:last], "/"))
	if err == nil && !dir.isDir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return place{}, err
	}
	return place{dir, parts[last], dir.names[parts[last]]}, nil
}

// pathError makes an error such as those of os; nil stays nil.
func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// change runs work on the names with the mutex held, once the hook lets it.
func (d *Disk) change(op Op, word string, work func() error) error {
	err := d.ask(op)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		err = work()
	}
	if err != nil && op.To != "" {
		return &os.LinkError{Op: word, Old: op.Path, New: op.To, Err: err}
	}
	return pathError(word, op.Path, err)
}

// Open is FS's.
func (d *Disk) Open(name string) (disk.File, error) { return d.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile is FS's.
func (d *Disk) OpenFile(name string, flag int, _ fs.FileMode) (disk.File, error) {
	var f *file
	err := d.change(Op{Kind: Open, Path: name, New: flag&os.O_CREATE != 0}, "open", func() error {
		n, err := d.node(name, flag)
		if err != nil {
			return err
		}
		access := flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
		if n.isDir && access != os.O_RDONLY {
			return syscall.EISDIR
		}
		n.opens++
		f = &file{disk: d, node: n, name: name, appends: flag&os.O_APPEND != 0, reads: access != os.O_WRONLY, writes: access != os.O_RDONLY}
		if flag&os.O_TRUNC != 0 {
			d.resize(n, 0)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// node gives the file that is opened with the flags, and makes it if they say so.
func (d *Disk) node(name string, flag int) (*node, error) {
	if flag&os.O_CREATE == 0 {
		return d.find(name)
	}
	p, err := d.at(name)
	switch {
	case err != nil:
		return nil, err
	case p.node != nil && flag&os.O_EXCL != 0:
		return nil, syscall.EEXIST
	case p.node == nil:
		p.node = newNode(false)
		d.take(p)
	}
	return p.node, nil
}

// Rename is FS's.
func (d *Disk) Rename(from, to string) error {
	return d.change(Op{Kind: Rename, Path: from, To: to}, "rename", func() error {
		old, err := d.at(from)
		if err == nil && old.node == nil {
			err = syscall.ENOENT
		}
		if err != nil {
			return err
		}
		p, err := d.at(to)
		switch {
		case err != nil:
			return err
		case p.node == old.node: // as POSIX has it, though they be two names
			return nil
		case p.node == nil:
		case p.node.isDir: // as os has it
			return syscall.EEXIST
		case old.node.isDir:
			return syscall.ENOTDIR
		}
		p.node = old.node
		p.node.links++ // so that it is never without
		old.node = nil
		d.take(old, p)
		p.node.links--
		return nil
	})
}

// Remove is FS's.
func (d *Disk) Remove(name string) error {
	return d.change(Op{Kind: Remove, Path: name}, "remove", func() error {
		p, err := d.at(name)
		switch {
		case err != nil:
			return err
		case p.node == nil:
			return syscall.ENOENT
		case len(p.node.names) > 0:
			return syscall.ENOTEMPTY
		}
		p.node = nil
		d.take(p)
		return nil
	})
}

// Link is FS's.
func (d *Disk) Link(from, to string) error {
	return d.change(Op{Kind: Link, Path: from, To: to}, "link", func() error {
		n, err := d.find(from)
		if err != nil {
			return err
		}
		p, err := d.at(to)
		switch {
		case err != nil:
			return err
		case n.isDir:
			return syscall.EPERM
		case p.node != nil:
			return syscall.EEXIST
		}
		p.node = n
		d.take(p)
		return nil
	})
}

// Mkdir is FS's.
func (d *Disk) Mkdir(name string, _ fs.FileMode) error {
	return d.change(Op{Kind: Mkdir, Path: name}, "mkdir", func() error {
		p, err := d.at(name)
		switch {
		case err != nil:
			return err
		case p.node != nil:
			return syscall.EEXIST
		}
		p.node = newNode(true)
		d.take(p)
		return nil
	})
}

// MkdirAll makes a directory and those above it, as far as they are not there.
func (d *Disk) MkdirAll(name string, _ fs.FileMode) error {
	return d.change(Op{Kind: Mkdir, Path: name}, "mkdir", func() error {
		n := d.root
		for _, part := range split(name) {
			next := n.names[part]
			if next == nil {
				next = newNode(true)
				d.take(place{n, part, next})
			}
			if n = next; !n.isDir {
				return syscall.ENOTDIR
			}
		}
		return nil
	})
}

// ReadDir is FS's.
func (d *Disk) ReadDir(name string) (list []fs.DirEntry, err error) {
	err = d.change(Op{Kind: Read, Path: name}, "open", func() error {
		n, err := d.find(name)
		if err == nil && !n.isDir {
			err = syscall.ENOTDIR
		}
		if err != nil {
			return err
		}
		for _, each := range slices.Sorted(maps.Keys(n.names)) {
			list = append(list, fs.FileInfoToDirEntry(n.names[each].info(each)))
		}
		return nil
	})
	return list, err
}

// Stat is FS's.
func (d *Disk) Stat(name string) (info fs.FileInfo, err error) {
	err = d.change(Op{Kind: Read, Path: name}, "stat", func() error {
		n, err := d.find(name)
		if err == nil {
			info = n.info(filepath.Base(name))
		}
		return err
	})
	return info, err
}

// SyncDir is FS's: what is pending of the directory is kept. A rename from one directory into another is kept whole by a sync of either.
func (d *Disk) SyncDir(name string) error {
	return d.change(Op{Kind: SyncDir, Path: name}, "sync", func() error {
		n, err := d.find(name)
		if err != nil || d.lie(SyncDir) {
			return err
		}
		d.steps = slices.DeleteFunc(d.steps, func(s step) bool {
			if !slices.ContainsFunc(s, func(p place) bool { return p.dir == n }) {
				return false
			}
			for _, p := range s {
				p.keep()
			}
			return true
		})
		return nil
	})
}
