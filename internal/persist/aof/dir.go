// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/disk"
)

// Dir is the directory of the append-only files.
type Dir struct {
	Disk  disk.FS
	Path  string // of the directory
	Names Names
}

// File gives the path of one of its files.
func (d Dir) File(name string) string { return filepath.Join(d.Path, name) }

// Create makes the directory if it is not there, and has the disk keep that it is. Its error is a line of the log.
func (d Dir) Create() error {
	info, err := d.Disk.Stat(d.Path)
	switch {
	case err == nil && !info.IsDir():
		err = errors.New("Not a directory")
	case errors.Is(err, fs.ErrNotExist):
		err = d.Disk.Mkdir(d.Path, 0o755)
	}
	if err == nil { // who has made it may have been killed before
		err = d.Disk.SyncDir(filepath.Dir(d.Path))
	}
	if err != nil {
		return fmt.Errorf("Can't open or create append-only dir %s: %s", filepath.Base(d.Path), config.SystemText(err))
	}
	return nil
}

// ReadManifest reads the manifest; fs.ErrNotExist says that there is none, or no directory. What is wrong with it is a *ManifestError.
func (d Dir) ReadManifest() (*Manifest, error) {
	f, err := d.Disk.Open(d.File(d.Names.Manifest()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, &ManifestError{Reason: "Read AOF manifest failed"}
	}
	return ParseManifest(text)
}

// Strays makes a manifest that names nothing for a directory that has none, and gives the files that seem to have lost theirs: the new one
// gives none of their names.
func (d Dir) Strays() (m *Manifest, names []string, err error) {
	m = &Manifest{}
	entries, err := d.Disk.ReadDir(d.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, e := range entries {
		f, ok := d.Names.parse(e.Name())
		if !ok || d.Size(f) == 0 {
			continue
		}
		names = append(names, f.Name)
		if f.Kind == Base {
			m.baseSeq = max(m.baseSeq, f.Seq)
		} else {
			m.incrSeq = max(m.incrSeq, f.Seq)
		}
	}
	return m, names, nil
}

// ErrUnsure is the error of a manifest of which nobody knows whether it is still there after a failure of the machine, or the one before: the
// files of both must stay.
var ErrUnsure = errors.New("aof: the disk may not have kept the manifest")

// WriteManifest puts a manifest in the place of the one that is there, at once and as far as the disk; the names of the files that it names
// are on the disk then, too. On an error the old one is there, unless the error is ErrUnsure: then the new one is. The error's text is a line
// of the log.
func (d Dir) WriteManifest(m *Manifest) error {
	name, temp := d.Names.Manifest(), d.Names.tempManifest()
	f, err := d.Disk.OpenFile(d.File(temp), os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("Can't open the AOF manifest file %s: %s", temp, config.SystemText(err))
	}
	if _, err = f.Write(m.Append(nil)); err != nil {
		err = fmt.Errorf("Error trying to write the temporary AOF manifest file %s: %s", temp, config.SystemText(err))
	} else if err = f.Sync(); err != nil {
		err = fmt.Errorf("Fail to fsync the temp AOF file %s: %s.", temp, config.SystemText(err))
	}
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("Error trying to write the temporary AOF manifest file %s: %s", temp, config.SystemText(cerr))
	}
	if err != nil {
		return err
	}
	if err := d.Disk.SyncDir(d.Path); err != nil { // a manifest must not name what is not there
		return fmt.Errorf("Fail to fsync AOF directory %s: %s.", d.Path, config.SystemText(err))
	}
	if err := d.Disk.Rename(d.File(temp), d.File(name)); err != nil {
		return fmt.Errorf("Error trying to rename the temporary AOF manifest file %s into %s: %s", temp, name, config.SystemText(err))
	}
	if err := d.Disk.SyncDir(d.Path); err != nil {
		return unsure{fmt.Sprintf("Fail to fsync AOF directory %s: %s.", d.Path, config.SystemText(err))}
	}
	return nil
}

// unsure is ErrUnsure with a line of the log.
type unsure struct{ line string }

// Error gives the line.
func (u unsure) Error() string { return u.line }

// Is tells that it is ErrUnsure.
func (unsure) Is(target error) bool { return target == ErrUnsure }

// Size gives the bytes of files; those that are not there have none.
func (d Dir) Size(files ...File) (bytes int64) {
	for _, f := range files {
		if info, err := d.Disk.Stat(d.File(f.Name)); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// Sync forces the files that a start reads to the disk, and which names there are: a server that was killed may have left some that are not.
// Its error is a line of the log.
func (d Dir) Sync(m *Manifest) error {
	for _, f := range m.Files() {
		file, err := d.Disk.OpenFile(d.File(f.Name), os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrPermission) && f.Kind == Base { // which nobody writes to; most systems sync it all the same
			file, err = d.Disk.Open(d.File(f.Name))
		}
		if err != nil {
			return fmt.Errorf("Can't open the append-only file %s: %s", f.Name, config.SystemText(err))
		}
		err = file.Sync()
		if cerr := file.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("Fail to fsync the AOF file %s: %s", f.Name, config.SystemText(err))
		}
	}
	if err := d.Disk.SyncDir(d.Path); err != nil {
		return fmt.Errorf("Fail to fsync AOF directory %s: %s.", d.Path, config.SystemText(err))
	}
	return nil
}

// OpenIncr opens an increment to be written to behind what it has; with fresh it has nothing, and is made if it is not there.
func (d Dir) OpenIncr(name string, fresh bool) (disk.File, error) {
	flag := os.O_WRONLY | os.O_APPEND | os.O_CREATE
	if fresh {
		flag |= os.O_TRUNC
	}
	return d.Disk.OpenFile(d.File(name), flag, 0o644)
}
