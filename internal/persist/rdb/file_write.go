// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"io"

	"github.com/redpoll/redpoll/internal/crc64"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// FileOptions say how a file is to be.
type FileOptions struct {
	Version  int // that is written, if it can say all that there is; see KindOf
	Pack     bool
	Checksum bool
	Server   string // version of Redis that the server says it is
	Memory   int64  // bytes that the data takes
}

// WriteFile writes all keys of all databases of a view, whose time is the file's, piece by piece. The world must be still. The error
// is out's, or mem.ErrNoMemory; what was written until then is of no use.
func WriteFile(out io.Writer, view *store.View, o FileOptions) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != mem.ErrNoMemory {
				panic(p)
			}
			err = mem.ErrNoMemory
		}
	}()
	f := fileWriter{sink: sink{out: out, sums: o.Checksum}, options: o}
	db := view.DB(0)
	f.w.Begin(fileVersion(db, o.Version), o.Pack)
	f.begin(db.Now())
	for i := range db.Databases() {
		if err := f.database(db.Other(i)); err != nil {
			return err
		}
	}
	f.w.buf = append(f.w.buf, opEnd)
	if err := f.flush(0); err != nil {
		return err
	}
	return f.sink.write(binary.LittleEndian.AppendUint64(nil, f.sum))
}

// fileVersion gives the version that a file needs, which its first bytes tell: that asked for, or the lowest that can say all of it.
func fileVersion(db *store.DB, version int) (need int) {
	need = version
	for i := range db.Databases() {
		db := db.Other(i)
		_ = db.Each(func(it *store.Item) error { // which has the error of its function
			switch it.Type() {
			case store.TypeHash, store.TypeStream, store.TypeArray: // there is nothing of the others that a version cannot say
				need = max(need, KindOf(db, it, version).Version())
			}
			return nil
		})
	}
	return need
}

// A sink is where a file goes to.
type sink struct {
	out  io.Writer
	sums bool
	sum  uint64 // of what was written; 0 unless sums
}

func (s *sink) write(b []byte) error {
	if s.sums {
		s.sum = crc64.Update(s.sum, b)
	}
	_, err := s.out.Write(b)
	return err
}

// A fileWriter writes a file.
type fileWriter struct {
	sink
	options FileOptions
	w       Writer
}

// flush sends what there is, if it is more than so many bytes.
func (f *fileWriter) flush(most int) error {
	if len(f.w.buf) <= most {
		return nil
	}
	err := f.write(f.w.buf)
	f.w.buf = f.w.buf[:0]
	return err
}

// begin writes the header and what is told of the file as a whole; now is Unix ms.
func (f *fileWriter) begin(now int64) {
	f.w.buf = append(f.w.buf, header(f.w.version)...)
	f.aux("redis-ver", f.options.Server)
	f.aux("redis-bits", "64")
	f.aux("ctime", string(num.AppendInt(nil, now/1000)))
	f.aux("used-mem", string(num.AppendInt(nil, f.options.Memory)))
	f.aux("aof-base", "0")
}

func (f *fileWriter) aux(name, value string) {
	f.w.buf = append(f.w.buf, opAux)
	f.w.text([]byte(name))
	f.w.text([]byte(value))
}

// database writes the keys of a database. One without keys leaves no trace.
func (f *fileWriter) database(db *store.DB) error {
	keys, expires, err := db.Counts()
	if keys == 0 || err != nil {
		return err
	}
	f.w.buf = append(f.w.buf, opSelect)
	f.w.len(db.Index())
	f.w.buf = append(f.w.buf, opResize)
	f.w.len(keys)
	f.w.len(expires)
	policy := store.Policy(db.Settings().Policy.Load())
	return db.Each(func(it *store.Item) error {
		f.about(db, it, policy)
		kind := KindOf(db, it, f.w.version)
		f.w.Kind(kind)
		f.w.text(it.Key())
		if streams(it) {
			return f.stream(NewStream(db, it, f.w.version, f.w.packs))
		}
		f.w.Value(db, it, kind)
		return f.flush(pieceSize)
	})
}

// about writes what there is to know of a key beside its value.
func (f *fileWriter) about(db *store.DB, it *store.Item, policy store.Policy) {
	if at := it.Expiry(); at != 0 {
		f.w.buf = append(f.w.buf, opExpiryMs)
		f.w.time(at)
	}
	switch {
	case policy.LFU():
		f.w.buf = append(f.w.buf, opFrequency, byte(db.Frequency(it)))
	case policy.LRU():
		f.w.buf = append(f.w.buf, opIdle)
		f.w.len(int(db.Idle(it)))
	}
}

// stream writes a large value.
func (f *fileWriter) stream(s *Stream) error {
	defer s.Close()
	if err := f.flush(0); err != nil {
		return err
	}
	for b := s.Next(); len(b) > 0; b = s.Next() {
		if err := f.write(b); err != nil {
			return err
		}
	}
	return nil
}
