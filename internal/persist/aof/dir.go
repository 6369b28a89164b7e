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
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		err = errors.New("Not a directory")
	case errors.Is(err, fs.ErrNotExist):
		if err = d.Disk.Mkdir(d.Path, 0o755); err == nil {
			err = d.Disk.SyncDir(filepath.Dir(d.Path))
		}
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

// WriteManifest puts a manifest in the place of the one that is there, at once and as far as the disk; the names of the files that it names
// are on the disk then, too. On an error the old one may be there or the new one: the names of both must stay good. Its error is a line of
// the log.
func (d Dir) WriteManifest(m *Manifest) error {
	name, temp := d.Names.Manifest(), d.Names.TempManifest()
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
	if err := d.Disk.Rename(d.File(temp), d.File(name)); err != nil {
		return fmt.Errorf("Error trying to rename the temporary AOF manifest file %s into %s: %s", temp, name, config.SystemText(err))
	}
	if err := d.Disk.SyncDir(d.Path); err != nil {
		return fmt.Errorf("Fail to fsync AOF directory %s: %s.", d.Path, config.SystemText(err))
	}
	return nil
}

// Size gives the bytes of all files that a start would read; those that are not there have none.
func (d Dir) Size(m *Manifest) (bytes int64) {
	for _, f := range m.Files() {
		if info, err := d.Disk.Stat(d.File(f.Name)); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
