// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// A dumpSink makes a file of a snapshot, as far as the disk, under the name that it has until it takes its place.
type dumpSink struct {
	s       *Server
	options rdb.FileOptions
	create  func(dumpEncoder) (*dumpFile, error) // makes the file; its error is a line of the log
	begin   func()                               // called at the instant, with the world still; may be nil

	// Written at the instant, then the walker's, until done has the error with which it has ended.
	instant engine.Instant
	file    *dumpFile
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
			d.options.Libraries = d.s.scripts.Libraries()
			if d.begin != nil {
				d.begin()
			}
		},
	}
}

// open makes the file, unless that was done.
func (d *dumpSink) open() (err error) {
	if d.file != nil {
		return nil
	}
	if d.file, err = d.create(d.instant.Encoder.(dumpEncoder)); err != nil {
		return err
	}
	return d.file.begin(d.instant.NowMillis, d.options)
}

// Write implements engine.Sink.
func (d *dumpSink) Write(p []byte) error {
	if err := d.open(); err != nil {
		return err
	}
	_, err := d.file.out.Write(p)
	return err
}

// End implements engine.Sink.
func (d *dumpSink) End(err error) { d.done <- d.complete(err) }

// complete has the whole file on the disk, unless err says that the snapshot has failed; then nothing is left of it. The error is a line of
// the log, unless it gaveUp.
func (d *dumpSink) complete(err error) error {
	if err == nil {
		err = d.open() // of no keys nothing was written
	}
	if err == nil {
		err = d.file.end()
	}
	if d.file != nil {
		err = d.file.finish(err)
	}
	return err
}
