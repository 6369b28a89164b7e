// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"path/filepath"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/aof"
)

// baseTemp is what the names of bases have, before the number of the process that writes them, until they are whole.
const baseTemp = "rewriteaof-bg-"

// createBase makes the file for a base, whose keys an encoder makes, in a directory. The error is a line of the log.
func (s *Server) createBase(dir string, enc dumpEncoder, stop <-chan struct{}) (*dumpFile, error) {
	d := &dumpFile{s: s, enc: enc, stop: stop, failing: "Write error writing append only file on disk"}
	if s.config.Bool("aof-rewrite-incremental-fsync").Load() {
		d.every = syncEvery
	}
	if err := d.create(dir, baseTemp, ".aof"); err != nil {
		return nil, fmt.Errorf("Opening the temp file for AOF rewrite: %s", config.SystemText(err))
	}
	return d, nil
}

// writeFirstBase makes a base of the data as it is, at the start. Nobody else may be at the data. Its error is a line of the log.
func (s *Server) writeFirstBase(name string, preamble bool) error {
	options := s.fileOptions()
	options.Base = true
	enc := dumpEncoder(&aof.CommandEncoder{})
	if preamble {
		enc = options.Encoder()
	}
	d, err := s.createBase(filepath.Dir(s.aof.dir.Path), enc, nil)
	if err == nil {
		err = d.fill(s.clock.WallMillis(), options)
	}
	if err != nil {
		return err
	}
	if err := s.disk.Rename(d.temp, s.aof.dir.File(name)); err != nil {
		d.drop()
		return fmt.Errorf("Error moving temp append only file %s on the final destination: %s", filepath.Base(d.temp), config.SystemText(err))
	}
	return nil
}
