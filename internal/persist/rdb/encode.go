// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// A FileEncoder makes keys with their values into what a file has of them; see FileOptions.Encoder. All goroutines may use it.
type FileEncoder struct {
	version int  // that is written as far as it can say what there is
	packs   bool // texts are packed

	need    atomic.Int64 // the newest version that a kind which was written is of
	keys    atomic.Int64 // that were written
	writers sync.Pool    // of *Writer
}

// Version gives the version of a file of what was written up to now: that which was asked for, or the lowest that can say all of it.
func (e *FileEncoder) Version() int { return max(e.version, int(e.need.Load())) }

// Keys gives how many keys were written up to now; a value that is still being streamed counts.
func (e *FileEncoder) Keys() int64 { return e.keys.Load() }

// Database appends what stands before keys of a database; keys and expires are how many it has, and of them those that expire, 0 if that
// is not known.
func (e *FileEncoder) Database(dst []byte, db, keys, expires int) []byte {
	dst = appendLen(append(dst, opSelect), uint64(db))
	if keys > 0 {
		dst = appendLen(append(dst, opResize), uint64(keys))
		dst = appendLen(dst, uint64(expires))
	}
	return dst
}

// Append appends a key and its value, which is copied whole: for one that IsBig see Stream. The key's shard must be held.
func (e *FileEncoder) Append(dst []byte, db *store.DB, it *store.Item) []byte {
	w, _ := e.writers.Get().(*Writer)
	if w == nil {
		w = new(Writer)
	}
	w.Begin(e.version, e.packs)
	w.buf = dst
	kind := KindOf(db, it, e.version)
	e.begin(w, db, it, kind)
	w.Value(db, it, kind)
	dst, w.buf = w.buf, nil
	e.writers.Put(w)
	return dst
}

// Stream gives the bytes of a key whose value IsBig, as they are now. It is to be closed. It panics with mem.ErrNoMemory when the value is
// frozen at too many moments already. The key's shard must be held; nothing is when the bytes are asked for.
func (e *FileEncoder) Stream(db *store.DB, it *store.Item) resp.Source {
	s := NewStream(db, it, e.version, e.packs)
	w := Writer{}
	w.Begin(e.version, e.packs)
	e.begin(&w, db, it, s.kind)
	return &keyStream{Stream: s, head: w.buf}
}

// begin appends what stands before a value of a kind, and takes note of it.
func (e *FileEncoder) begin(w *Writer, db *store.DB, it *store.Item, kind Kind) {
	if at := it.Expiry(); at != 0 {
		w.buf = append(w.buf, opExpiryMs)
		w.time(at)
	}
	switch policy := store.Policy(db.Settings().Policy.Load()); {
	case policy.LFU():
		w.buf = append(w.buf, opFrequency, byte(db.Frequency(it)))
	case policy.LRU():
		w.buf = append(w.buf, opIdle)
		w.len(int(db.Idle(it)))
	}
	w.Kind(kind)
	w.text(it.Key())
	e.keys.Add(1)
	for need := int64(kind.Version()); ; {
		have := e.need.Load()
		if need <= have || e.need.CompareAndSwap(have, need) {
			return
		}
	}
}

// A keyStream is a Stream behind what stands before its value.
type keyStream struct {
	*Stream
	head []byte // nil once it was given
}

// Next implements resp.Source.
func (s *keyStream) Next() []byte {
	if head := s.head; head != nil {
		s.head = nil
		return head
	}
	return s.Stream.Next()
}
