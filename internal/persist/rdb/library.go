// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// A library of functions is written as its text, which begins with what there is to know of it. What FUNCTION DUMP gives is the libraries as
// files have them, each behind opFunctions, and a footer.

// preRelease is the error for a library as candidates of Redis 7.0 wrote it.
const preRelease = "Pre-release function format not supported"

// Errors of FUNCTION RESTORE.
const (
	errPreRelease = command.Error("ERR Pre-GA function format not supported")
	errNoLibrary  = command.Error("ERR given type is not a function")
	errNoText     = command.Error("ERR Failed loading library payload")
)

// library appends a library.
func (w *Writer) library(code string) {
	w.buf = append(w.buf, opFunctions)
	w.text([]byte(code))
}

// AppendLibraries appends the payload of libraries with these texts, as the settings have it.
func (d *Codec) AppendLibraries(b []byte, codes []string) []byte {
	w := d.writer()
	defer d.release(w)
	for _, code := range codes {
		w.library(code)
	}
	return append(b, AppendFooter(w.buf, 0, w.version)...)
}

// ReadLibraries gives the texts of the libraries in a payload. db is what memory is taken from to unpack them. The error is for a client, or
// that of tick, which is called every so often.
func (d *Codec) ReadLibraries(payload []byte, db *store.DB, tick func() error) (codes []string, err error) {
	body, version, err := CheckFooter(payload, !d.SkipChecksum.Load(), tick)
	switch {
	case err == ErrFooter:
		return nil, errPayload
	case err != nil:
		return nil, err
	}
	r := d.reader(body, version)
	defer d.giveBack(r)
	for r.Len() > 0 {
		switch op := r.Byte(); {
		case op == opFunctionPreGA:
			return nil, errPreRelease
		case op != opFunctions:
			return nil, errNoLibrary
		}
		code := string(r.bytes(db))
		if r.err != nil {
			return nil, errNoText
		}
		codes = append(codes, code)
		if err := tick(); err != nil {
			return nil, err
		}
	}
	return codes, nil
}
