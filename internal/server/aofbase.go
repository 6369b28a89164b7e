// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/store"
)

// baseTemp is what the names of bases have, before the number of the process that writes them, until they are whole.
const baseTemp = "rewriteaof-bg-"

// A baseEncoder makes the keys of a base: an *rdb.FileEncoder or an *aof.CommandEncoder.
type baseEncoder interface {
	store.Encoder
	Keys() int64
}

// createBase makes the file for a base, whose keys an encoder makes, in a directory.
func (s *Server) createBase(dir string, enc baseEncoder, stop <-chan struct{}) (*dumpFile, error) {
	d := &dumpFile{s: s, keys: enc.Keys, stop: stop}
	d.enc, _ = enc.(*rdb.FileEncoder)
	if s.config.Bool("aof-rewrite-incremental-fsync").Load() {
		d.every = syncEvery
	}
	if err := d.create(dir, baseTemp, ".aof"); err != nil {
		return nil, fmt.Errorf("Opening the temp file for AOF rewrite: %w", err)
	}
	return d, nil
}

// beginBase writes what stands in front of the keys of a base, which has the data as it is at a time, Unix ms. It gives what the keys are to
// be written to.
func (s *Server) beginBase(d *dumpFile, now int64, o rdb.FileOptions) (out io.Writer, err error) {
	switch {
	case d.enc != nil:
		return rdb.NewFileWriter(d, now, o)
	case s.config.Bool("aof-timestamp-enabled").Load():
		_, err = d.Write(aof.AppendStamp(nil, now/1000))
	}
	return d, err
}

// endBase writes what follows the keys of a base.
func (d *dumpFile) endBase(out io.Writer) error {
	if f, ok := out.(*rdb.FileWriter); ok {
		return f.End(d.enc.Version())
	}
	return nil
}

// writeFirstBase makes a base of the data as it is, at the start. Nobody else may be at the data. Its error is a line of the log.
func (s *Server) writeFirstBase(name string, preamble bool) error {
	options := s.fileOptions()
	options.Base = true
	enc := baseEncoder(&aof.CommandEncoder{})
	if preamble {
		enc = options.Encoder()
	}
	now := s.clock.WallMillis()
	d, err := s.createBase(filepath.Dir(s.aof.dir.Path), enc, nil)
	if err == nil {
		var out io.Writer
		if out, err = s.beginBase(d, now, options); err == nil {
			err = rdb.WriteKeys(out, s.loneView(now), enc)
		}
		if err == nil {
			err = d.endBase(out)
		}
		err = d.close(err)
	}
	if err != nil {
		return errors.New("Write error writing append only file on disk: " + config.SystemText(err))
	}
	if err := s.disk.Rename(d.temp, s.aof.dir.File(name)); err != nil {
		d.drop()
		return fmt.Errorf("Error moving temp append only file %s on the final destination: %s", filepath.Base(d.temp), config.SystemText(err))
	}
	return nil
}
