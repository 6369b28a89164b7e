// SPDX-License-Identifier: BSD-3-Clause

// Package backup keeps backups on a shelf: a directory that has a directory of its own for each.
//
//   - A backup is called backup- and the time at which it was begun, in UTC, so that names are in the order of time. It has files only.
//   - What is not whole yet, or is being removed, is called temp-backup- and so on: whatever has a backup's name is whole, and on the disk.
//   - A shelf belongs to one server, and is used by one goroutine at a time.
//
// The package knows names and bytes, not what is in the files.
package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk"
)

const (
	prefix = "backup-"
	temp   = "temp-"
	form   = "20060102-150405"
)

// Shelf is where backups are kept.
type Shelf struct {
	Disk disk.FS
	Path string // of the directory, which need not be there yet
}

// A File is one that a backup is to have.
type File struct {
	Name string
	From string // path of the file that has what it is to have, and must not change any more; "": Text is that
	Text []byte
}

// Name gives the name of a backup that was begun at a time.
func Name(at time.Time) string { return prefix + at.UTC().Format(form) }

// parse gives the time of a backup's name.
func parse(name string) (at time.Time, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	at, err := time.ParseInLocation(form, digits, time.UTC)
	return at, ok && err == nil && Name(at) == name
}

// File gives the path of a backup's file.
func (s Shelf) File(backup, name string) string { return filepath.Join(s.Path, backup, name) }

// List gives the names of the backups, the oldest first. A shelf that is not there has none.
func (s Shelf) List() (names []string, err error) {
	entries, err := s.Disk.ReadDir(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if _, ok := parse(e.Name()); ok && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Last gives the time of the newest backup; ok is false when there is none.
func (s Shelf) Last() (at time.Time, ok bool, err error) {
	names, err := s.List()
	if err != nil || len(names) == 0 {
		return time.Time{}, false, err
	}
	at, ok = parse(names[len(names)-1])
	return at, ok, nil
}

// Put makes a backup of files, each of which gets a hard link to the one that it comes from if the file systems have that, and is a copy
// of it otherwise. When it returns without an error the backup is whole and on the disk; with one nothing is there of it.
func (s Shelf) Put(at time.Time, files []File) (name string, err error) {
	name = Name(at)
	switch _, err := s.Disk.Stat(filepath.Join(s.Path, name)); {
	case err == nil:
		return "", fmt.Errorf("%s is there already", name)
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if err := s.make(s.Path); err != nil {
		return "", err
	}
	begun := temp + name
	unfinished := filepath.Join(s.Path, begun)
	defer func() {
		if err != nil {
			_ = s.remove(begun) // there is an error already that is the one to tell
		}
	}()
	if err := s.Disk.Mkdir(unfinished, 0o755); err != nil {
		return "", err
	}
	for _, f := range files {
		if err := s.put(f, filepath.Join(unfinished, f.Name)); err != nil {
			return "", err
		}
	}
	if err := s.Disk.SyncDir(unfinished); err != nil {
		return "", err
	}
	if err := s.Disk.Rename(unfinished, filepath.Join(s.Path, name)); err != nil {
		return "", err
	}
	if err := s.Disk.SyncDir(s.Path); err != nil {
		_ = s.Disk.Rename(filepath.Join(s.Path, name), unfinished) // to be removed, since it may be gone when power is lost
		return "", err
	}
	return name, nil
}

// make makes a directory and those above it, as far as they are not there, and has the disk keep them.
func (s Shelf) make(path string) error {
	if _, err := s.Disk.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(path)
	if err := s.make(above); err != nil {
		return err
	}
	if err := s.Disk.Mkdir(path, 0o755); err != nil {
		return err
	}
	return s.Disk.SyncDir(above)
}

// put makes one file of a backup.
func (s Shelf) put(f File, path string) error {
	if f.From == "" {
		return s.write(path, strings.NewReader(string(f.Text)))
	}
	if s.Disk.Link(f.From, path) == nil {
		return nil
	}
	from, err := s.Disk.Open(f.From)
	if err != nil {
		return err
	}
	defer from.Close()
	return s.write(path, from)
}

// write makes a file of what there is to read, as far as the disk.
func (s Shelf) write(path string, from io.Reader) error {
	to, err := s.Disk.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Sync()
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	return err
}

// Prune removes the oldest backups until there are no more than so many, and what is left of others that were not finished, or not removed
// to their end. The newest, by name, stays even if others have later times, since the machine's was wrong once. It gives the names of the
// backups that it has removed.
func (s Shelf) Prune(keep int, newest string) (removed []string, err error) {
	entries, err := s.Disk.ReadDir(s.Path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		rest, isTemp := strings.CutPrefix(e.Name(), temp)
		if _, ok := parse(rest); isTemp && ok && e.IsDir() {
			err = errors.Join(err, s.remove(e.Name()))
		}
	}
	names, lerr := s.List()
	if err = errors.Join(err, lerr); err != nil {
		return nil, err
	}
	excess := len(names) - keep
	for _, name := range names {
		if len(removed) >= excess {
			break
		}
		if name == newest {
			continue
		}
		if err := s.Disk.Rename(filepath.Join(s.Path, name), filepath.Join(s.Path, temp+name)); err != nil {
			return removed, err
		}
		removed = append(removed, name)
		if err := s.remove(temp + name); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// remove removes a directory of files.
func (s Shelf) remove(name string) error {
	dir := filepath.Join(s.Path, name)
	entries, err := s.Disk.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := s.Disk.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := s.Disk.Remove(dir); err != nil {
		return err
	}
	return s.Disk.SyncDir(s.Path)
}
