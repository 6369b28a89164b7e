// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"io"

	"github.com/redpoll/redpoll/internal/crc64"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// FileOptions say how a file is to be.
type FileOptions struct {
	Version  int // that is written, if it can say all that there is; see KindOf
	Pack     bool
	Checksum bool
	Server   string // version of Redis that the server says it is
	Memory   int64  // bytes that the data takes
	Base     bool   // the file is the base of an append-only file

	Libraries []string // texts of the libraries of functions
}

// Encoder makes the encoder of the file's keys.
func (o *FileOptions) Encoder() *FileEncoder { return &FileEncoder{version: o.Version, packs: o.Pack} }

// An Output is what a file is written to: an *os.File or the like, which is empty.
type Output interface {
	io.Writer
	io.WriterAt
}

// A FileWriter writes what is around the keys of a file. Which version the file has is known when all keys were written, but stands at its
// beginning: so that is written last, and the checksum made of that of the rest. One goroutine at a time may use it; its errors are the
// Output's.
type FileWriter struct {
	out     Output
	options FileOptions
	sum     uint64 // of what was written behind the header; 0 unless there are to be checksums
	size    int64  // bytes of that
}

// NewFileWriter begins a file of the data as it is at a time, Unix ms: it writes what stands in front of the keys.
func NewFileWriter(out Output, now int64, o FileOptions) (*FileWriter, error) {
	w := &FileWriter{out: out, options: o}
	if _, err := out.Write([]byte(header(o.Version))); err != nil {
		return nil, err
	}
	base := "0"
	if o.Base {
		base = "1"
	}
	var texts Writer
	for _, aux := range [][2]string{
		{"redis-ver", o.Server}, {"redis-bits", "64"}, {"ctime", string(num.AppendInt(nil, now/1000))},
		{"used-mem", string(num.AppendInt(nil, o.Memory))}, {"aof-base", base},
	} {
		texts.buf = append(texts.buf, opAux)
		texts.text([]byte(aux[0]))
		texts.text([]byte(aux[1]))
	}
	_, err := w.Write(texts.buf)
	texts.packs = o.Pack
	for i := 0; i < len(o.Libraries) && err == nil; i++ {
		texts.buf = texts.buf[:0]
		texts.library(o.Libraries[i])
		_, err = w.Write(texts.buf)
	}
	return w, err
}

// Write adds what a FileEncoder has made.
func (w *FileWriter) Write(b []byte) (int, error) {
	if w.options.Checksum {
		w.sum = crc64.Update(w.sum, b)
	}
	w.size += int64(len(b))
	return w.out.Write(b)
}

// End ends the file, which is of this version; see FileEncoder.Version.
func (w *FileWriter) End(version int) error {
	if _, err := w.Write([]byte{opEnd}); err != nil {
		return err
	}
	var sum uint64
	if w.options.Checksum {
		sum = crc64.Combine(crc64.Update(0, []byte(header(version))), w.sum, w.size)
	}
	if _, err := w.out.Write(binary.LittleEndian.AppendUint64(nil, sum)); err != nil || version == w.options.Version {
		return err
	}
	_, err := w.out.WriteAt([]byte(header(version)), 0)
	return err
}

// WriteFile writes all keys of all databases of a view, whose time is the file's. The world must be still. The error is out's, or
// mem.ErrNoMemory; what was written until then is of no use.
func WriteFile(out Output, view *store.View, o FileOptions) error {
	w, err := NewFileWriter(out, view.NowMillis, o)
	if err != nil {
		return err
	}
	enc := o.Encoder()
	if err := WriteKeys(w, view, enc); err != nil {
		return err
	}
	return w.End(enc.Version())
}

// WriteKeys writes all keys of all databases of a view as an encoder has them, piece by piece. The world must be still. The error is out's,
// or mem.ErrNoMemory.
func WriteKeys(out io.Writer, view *store.View, enc store.Encoder) (err error) {
	defer catchNoMemory(func() { err = mem.ErrNoMemory })
	k := keysWriter{out: out, enc: enc}
	db := view.DB(0)
	for i := range db.Databases() {
		if err := k.database(db.Other(i)); err != nil {
			return err
		}
	}
	return k.flush(0)
}

// A keysWriter writes keys while the world is still.
type keysWriter struct {
	out io.Writer
	enc store.Encoder
	buf []byte
}

// flush sends what there is, if it is more than so many bytes.
func (k *keysWriter) flush(most int) error {
	if len(k.buf) <= most {
		return nil
	}
	_, err := k.out.Write(k.buf)
	k.buf = k.buf[:0]
	return err
}

// database writes the keys of a database. One without keys leaves no trace.
func (k *keysWriter) database(db *store.DB) error {
	keys, expires, err := db.Counts()
	if keys == 0 || err != nil {
		return err
	}
	k.buf = k.enc.Database(k.buf, db.Index(), keys, expires)
	return db.Each(func(it *store.Item) error {
		if it.IsBig() {
			return k.stream(db, it)
		}
		k.buf = k.enc.Append(k.buf, db, it)
		return k.flush(resp.PieceSize)
	})
}

// stream writes a key with a large value.
func (k *keysWriter) stream(db *store.DB, it *store.Item) error {
	s := k.enc.Stream(db, it)
	defer s.Close()
	if err := k.flush(0); err != nil {
		return err
	}
	for b := s.Next(); len(b) > 0; b = s.Next() {
		if _, err := k.out.Write(b); err != nil {
			return err
		}
	}
	return nil
}
