// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// A dumpSink makes a file of a snapshot, as far as the disk, under a name that it has until then only.
type dumpSink struct {
	s       *Server
	path    string // whose place the file is to take
	temp    string
	options rdb.FileOptions
	stop    <-chan struct{} // closed when nobody wants the file any more
	begin   func()          // called at the instant, with the world still; may be nil

	// Written at the instant, then the walker's, until done has the error with which it has ended.
	instant engine.Instant
	file    *dumpFile
	out     *rdb.FileWriter
	done    chan error
}

// ask asks for the snapshot.
func (d *dumpSink) ask() *engine.Snapshot {
	d.done = make(chan error, 1)
	return d.s.engine.Snapshot(engine.SnapshotRequest{
		Encoder: d.options.Encoder(), Format: fileFormat{d.options.Version, d.options.Pack}, Sink: d,
		Begin: func(at engine.Instant) {
			d.instant = at
			if d.begin != nil {
				d.begin()
			}
		},
	})
}

// open makes the file, unless that was done.
func (d *dumpSink) open() error {
	if d.out != nil {
		return nil
	}
	enc := d.instant.Encoder.(*rdb.FileEncoder)
	f := &dumpFile{s: d.s, path: d.path, temp: d.temp, enc: enc, keys: enc.Keys, stop: d.stop}
	if d.s.config.Bool("rdb-save-incremental-fsync").Load() {
		f.every = syncEvery
	}
	var err error
	if f.file, err = d.s.disk.OpenFile(d.temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644); err != nil {
		return fmt.Errorf("Can't create the file %s: %s", filepath.Base(d.temp), config.SystemText(err))
	}
	d.file = f
	d.out, err = rdb.NewFileWriter(f, d.instant.NowMillis, d.options)
	return err
}

// Write implements engine.Sink.
func (d *dumpSink) Write(p []byte) error {
	if err := d.open(); err != nil {
		return err
	}
	_, err := d.out.Write(p)
	return err
}

// End implements engine.Sink.
func (d *dumpSink) End(err error) {
	if err == nil {
		err = d.open() // of no keys nothing was written
	}
	if err == nil {
		err = d.out.End(d.file.enc.Version())
	}
	if d.file != nil {
		err = d.file.finish(err)
	}
	d.done <- err
}
