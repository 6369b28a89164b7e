// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
)

// copyLeavesInto adds a stream's leaves to a draft, by their listpacks.
func copyLeavesInto(t *testing.T, d *StreamDraft, s *Stream) {
	t.Helper()
	s.EachLeaf(func(b entries.Block) bool {
		if err := d.AddLeaf(b.Master(), entries.AppendListpack(nil, b)); err != nil {
			t.Fatal(err)
		}
		return true
	})
}

// TestStreamDraft: what a draft is made of is the stream then, of any size, in place of what the key held.
func TestStreamDraft(t *testing.T) {
	for i, many := range []int{1, 30, 3000} {
		db := newHashDB(t, 1<<30)
		db.s.bigTable = 20_000
		m := newStreamModel(t, db, uint64(i), many)
		for range many + 300 {
			m.step()
		}
		var d StreamDraft
		for range 2 {
			d.Begin(db)
			copyLeavesInto(t, &d, m.stream())
			s, old := d.Stream(), m.stream()
			if err := d.AddLeaf(StreamID{Ms: 1}, nil); !errors.Is(err, entries.ErrCorrupt) {
				t.Errorf("no listpack is added: %v", err)
			}
			if !s.Exists() || s.IsBig() || s.Len() != old.Len() || s.Info().First != old.Info().First {
				t.Errorf("a draft has %d entries, %+v; the stream %d, %+v", s.Len(), s.Info(), old.Len(), old.Info())
			}
			s.SetLast(m.last)
			s.SetAdded(m.added)
			s.SetMaxDeleted(m.maxDeleted)
			db.SetString([]byte("copy"), []byte("in the way"), NoExpiry)
			d.Attach([]byte("copy"), NoExpiry)
			m.key = "copy"
			m.check()
			m.add()
			db.Delete([]byte("s"))
		}
		d.Begin(db)
		copyLeavesInto(t, &d, m.stream())
		s := d.Stream()
		id := s.Info().Last
		id.Ms++
		s.Append(id, textsOf("f", "v"))
		d.Drop()
		d.Drop()
		m.end()
	}
}

// TestStreamDraftRefusesOrder: leaves whose IDs do not rise.
func TestStreamDraftRefusesOrder(t *testing.T) {
	db := newHashDB(t, 1<<30)
	m := newStreamModel(t, db, 1, 100)
	for range 300 {
		m.add()
	}
	var d StreamDraft
	d.Begin(db)
	defer d.Drop()
	copyLeavesInto(t, &d, m.stream())
	m.stream().EachLeaf(func(b entries.Block) bool {
		if err := d.AddLeaf(b.Master(), entries.AppendListpack(nil, b)); !errors.Is(err, entries.ErrCorrupt) {
			t.Errorf("a leaf is added twice: %v", err)
		}
		return true
	})
	if s := d.Stream(); s.Len() != 300 {
		t.Errorf("%d entries", s.Len())
	}
}
