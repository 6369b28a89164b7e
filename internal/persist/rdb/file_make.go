// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/redpoll/redpoll/internal/store"
)

// A maker makes keys of a file's bytes. It is used by one goroutine.
type maker struct {
	r       *Reader
	options *LoadOptions
	view    *store.View
	guest   *store.Guest // nil: nobody else is at the data
	n       Loaded
	key     []byte

	holds bool     // the guest holds a shard, which the keys are of
	shard int      // that one
	empty [][]byte // keys that EmptyKey is to be told of when it does not any more
}

// newMaker makes a maker that reads with r. Unless it is the only one at the data it passes a gate, and holds a shard, for each key.
func newMaker(view *store.View, r *Reader, o *LoadOptions) *maker {
	m := &maker{r: r, options: o, view: view}
	if o.Beside || o.Makers > 1 {
		m.guest = view.NewGuest(!o.Beside)
	}
	return m
}

// rest goes out of the gate.
func (m *maker) rest() {
	if m.guest != nil {
		m.guest.Rest()
	}
}

// close ends the maker.
func (m *maker) close() {
	m.view.Plan(nil, 0)
	m.view.Absent = false // memory may have run out
	if m.guest != nil {
		m.guest.Close()
	}
}

// makeKey reads a key and its value, which is of a kind that can be read, for a database. The reader's error says what was wrong.
func (m *maker) makeKey(kind Kind, db *store.DB, about *keyAbout) {
	r := m.r
	m.key = append(m.key[:0], r.bytes(db)...)
	if len(m.key) > store.MaxKey {
		r.fail("A key that is too long")
	}
	if r.err != nil {
		return
	}
	switch {
	case about.hashed:
		m.view.Plan(m.key, about.hash)
	case !m.options.Check:
		m.view.Expect(db.Index(), m.key)
	}
	draft, err := ReadValue(r, kind, db)
	var broken *FormatError
	switch {
	case err == nil:
		m.put(draft, db, about)
	case errors.As(err, &broken) && broken.Empty:
		r.err = nil // the file goes on behind it
		m.n.Empty++
		if m.options.EmptyKey != nil {
			m.empty = append(m.empty, bytes.Clone(m.key))
		}
		m.tell()
	}
}

// tell tells of keys that had values without elements.
func (m *maker) tell() {
	if m.holds {
		return
	}
	for _, key := range m.empty {
		m.options.EmptyKey(key)
	}
	m.empty = nil
}

// hold takes a shard until release is called, so that each key that is of it need not; true when it was not held already. What was held before
// is given back.
func (m *maker) hold(shard int) bool {
	if m.holds && m.shard == shard {
		return false
	}
	m.release()
	m.guest.Take(shard)
	m.holds, m.shard = true, shard
	return true
}

// release gives back what is held.
func (m *maker) release() {
	if m.holds {
		m.holds = false
		m.guest.Settle()
		m.guest.Free()
	}
	m.tell()
}

// put makes a value that of the key which was read.
func (m *maker) put(draft store.Draft, db *store.DB, about *keyAbout) {
	defer draft.Drop()
	switch {
	case about.expiry != store.NoExpiry && about.expiry < db.Now() && !m.view.Undying:
		m.n.Expired++
		return
	case m.options.Check:
		m.n.Keys++
		return
	}
	if m.guest != nil && !m.holds {
		m.guest.Take(m.view.ShardOf(m.key))
		defer m.guest.Free()
	}
	there := db.Exists(m.key)
	if there && !m.options.Replace {
		m.r.fail(fmt.Sprintf("RDB has duplicated key '%.128s' in DB %d", m.key, db.Index()))
		return
	}
	m.view.Absent = !there
	draft.Attach(m.key, about.expiry)
	m.view.Absent = false
	m.n.Keys++
	if about.idle < 0 && about.frequency < 0 {
		return
	}
	if it, ok := db.Peek(m.key); ok {
		db.SetAccess(&it, int64(about.idle), int64(about.frequency))
	}
}
