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
	create  func(*rdb.FileEncoder) (*dumpFile, error) // makes the file; nil: it is that of path and temp
	options rdb.FileOptions
	stop    <-chan struct{} // closed when nobody wants the file any more
	begin   func()          // called at the instant, with the world still; may be nil

	// Written at the instant, then the walker's, until done has the error with which it has ended.
	instant engine.Instant
	file    *dumpFile
	out     *rdb.FileWriter
	done    chan error
}

// fileFormat is equal for snapshots whose encoders give the same bytes.
type fileFormat struct {
	version int
	packs   bool
}

// ask asks for the snapshot.
func (d *dumpSink) ask() *engine.Snapshot {
	d.done = make(chan error, 1)
	return d.s.engine.Snapshot(d.request(d))
}

// request gives what is asked for, with the dumpSink or what it is part of as the sink.
func (d *dumpSink) request(sink engine.Sink) engine.SnapshotRequest {
	return engine.SnapshotRequest{
		Encoder: d.options.Encoder(), Format: fileFormat{d.options.Version, d.options.Pack}, Sink: sink,
		Begin: func(at engine.Instant) {
			d.instant = at
			if d.begin != nil {
				d.begin()
			}
		},
	}
}

// open makes the file, unless that was done.
func (d *dumpSink) open() error {
	if d.out != nil {
		return nil
	}
	create := d.create
	if create == nil {
		create = d.createTemp
	}
	var err error
	if d.file, err = create(d.instant.Encoder.(*rdb.FileEncoder)); err != nil {
		return err
	}
	d.out, err = rdb.NewFileWriter(d.file, d.instant.NowMillis, d.options)
	return err
}

// createTemp makes the file that has a name already.
func (d *dumpSink) createTemp(enc *rdb.FileEncoder) (*dumpFile, error) {
	f := &dumpFile{s: d.s, path: d.path, temp: d.temp, enc: enc, keys: enc.Keys, stop: d.stop}
	if d.s.config.Bool("rdb-save-incremental-fsync").Load() {
		f.every = syncEvery
	}
	var err error
	if f.file, err = d.s.disk.OpenFile(d.temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644); err != nil {
		return nil, fmt.Errorf("Can't create the file %s: %s", filepath.Base(d.temp), config.SystemText(err))
	}
	return f, nil
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
func (d *dumpSink) End(err error) { d.done <- d.finish(err) }

// finish has the whole file on the disk, unless err says that the snapshot has failed; then nothing is left of it. The error is a line of
// the log.
func (d *dumpSink) finish(err error) error {
	if err == nil {
		err = d.open() // of no keys nothing was written
	}
	if err == nil {
		err = d.out.End(d.file.enc.Version())
	}
	if d.file != nil {
		err = d.file.finish(err)
	}
	return err
}
