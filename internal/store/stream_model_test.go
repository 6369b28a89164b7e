// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/ds/entries"
)

// modelStream is a stream as the model of the keyspace knows it; it is never changed in place.
type modelStream struct {
	entries []modelEntry
	last    StreamID
}

// changeStream does a few things to a stream.
func (k *keyspace) changeStream(key modelKey, db *DB, e modelValue) {
	if e.stream == nil {
		db.Exists([]byte(key.key)) // a dead key goes
		e.stream = &modelStream{}
		db.Exists([]byte(key.key)) // a dead key would be in the way
		if k.rng.IntN(4) == 0 && k.try(func() { db.CreateStream([]byte(key.key)) }) {
			k.model[key] = e
		}
	}
	for range 1 + k.rng.IntN(40) {
		var m modelStream
		if k.try(func() {
			s, err := db.FindStreamWrite([]byte(key.key))
			if err != nil {
				k.t.Fatal(err)
			}
			m = k.changeEntries(&s, *e.stream)
		}) {
			e.stream = &m
			if m.last != (StreamID{}) {
				k.model[key] = e
			}
		}
	}
}

// changeEntries adds an entry, or removes some, and gives what there is then.
func (k *keyspace) changeEntries(s *Stream, m modelStream) modelStream {
	n := len(m.entries)
	switch op := k.rng.IntN(12); {
	case op == 0 && n > 0:
		i := k.rng.IntN(n)
		if !s.Delete(m.entries[i].id) {
			k.t.Fatalf("entry %v of %d is not there", m.entries[i].id, n)
		}
		m.entries = slices.Delete(slices.Clone(m.entries), i, i+1)
	case op == 1 && n > 0:
		keep := n - k.rng.IntN(min(n, 8))
		if got := s.Trim(StreamTrim{MaxLen: keep}, neverEnds); got != n-keep {
			k.t.Fatalf("trimming %d entries to %d removes %d", n, keep, got)
		}
		m.entries = m.entries[n-keep:]
	default:
		pairs := []string{"field", strings.Repeat("v", k.rng.IntN(60))}
		if k.rng.IntN(4) == 0 {
			pairs = append(pairs, k.text(), "more")
		}
		id := StreamID{Ms: m.last.Ms + k.rng.Uint64N(3), Seq: m.last.Seq + 1}
		s.Append(id, textsOf(pairs...))
		m.entries = append(slices.Clip(m.entries), modelEntry{id, pairs})
		m.last = id
	}
	return m
}

func (k *keyspace) compareStream(key modelKey, it *Item, want modelValue) {
	k.t.Helper()
	if it.Type() != TypeStream {
		k.t.Fatalf("%d/%.20q is a %v, want a stream", key.db, key.key, it.Type())
	}
	s := k.v.DB(key.db).StreamOf(it)
	got := readStream(&s, StreamID{}, entries.MaxID(), false)
	if !sameEntries(got, want.stream.entries) || s.Info().Last != want.stream.last || s.Len() != len(got) {
		k.t.Fatalf("%d/%.20q: %d entries up to %v, got  %.60v\nwant %.60v", key.db, key.key, s.Len(), s.Info().Last, got, want.stream.entries)
	}
}
