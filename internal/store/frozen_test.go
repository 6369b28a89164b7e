// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"maps"
	"slices"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
)

// modelView is a view of a hash or a sorted set and what must be in it.
type modelView struct {
	f      *Frozen
	fields map[string]modelField
	scored zsetModel
	list   []string // of a list
	stream *modelStream
}

// view freezes a hash, a set or a sorted set if it is big.
func (k *keyspace) view(key modelKey) {
	db := k.v.DB(key.db)
	it, ok := db.Peek([]byte(key.key))
	if !ok || it.Type() == TypeString || !it.IsBig() || len(k.views) > 8 {
		return
	}
	k.live(key) // takes out of the model what is dead; the hash may have it
	e := k.model[key]
	fields := maps.Clone(e.fields)
	if e.set != nil {
		fields = map[string]modelField{}
		for member := range e.set {
			fields[member] = modelField{}
		}
	}
	k.views = append(k.views, modelView{db.Freeze(&it), fields, slices.Clone(e.scored), e.list, e.stream})
}

// compareView looks whether a view still is what it was.
func (k *keyspace) compareView(v modelView) {
	k.t.Helper()
	if v.scored != nil {
		k.compareRanked(v)
		return
	}
	if v.list != nil {
		if got := walkList(v.f, 0, len(v.list), false); !slices.Equal(got, v.list) {
			k.t.Fatalf("a view's list: got  %.60q\nwant %.60q", got, v.list)
		}
		return
	}
	if v.stream != nil {
		if got := walkStream(v.f, StreamID{}, entries.MaxID(), false); !sameEntries(got, v.stream.entries) {
			k.t.Fatalf("a view's stream: got  %.60v\nwant %.60v", got, v.stream.entries)
		}
		return
	}
	left, fields := maps.Clone(v.fields), v.f.Fields()
	for p, ok := fields.Next(); ok; p, ok = fields.Next() {
		want, there := left[string(p.Field.Bytes)]
		if !there || string(p.Value.Bytes) != want.value || p.Expiry != want.expiry {
			k.t.Fatalf("a view's field %q is %q, expires at %d, want %+v", p.Field.Bytes, p.Value.Bytes, p.Expiry, want)
		}
		delete(left, string(p.Field.Bytes))
	}
	if len(left) > 0 {
		k.t.Fatalf("a view lacks %d of %d fields", len(left), len(v.fields))
	}
}

// release ends a view.
func (k *keyspace) release(i int) {
	k.t.Helper()
	v := k.views[i]
	k.compareView(v)
	k.views = append(k.views[:i], k.views[i+1:]...)
	v.f.Release()
	v.f.Release()
	if n := k.s.FrozenViews(); n != int64(len(k.views)+len(k.texts)) {
		k.t.Fatalf("%d views are counted, there are %d", n, len(k.views)+len(k.texts))
	}
}

// releaseAll ends all views, and has what they kept freed.
func (k *keyspace) releaseAll() {
	k.t.Helper()
	for len(k.views) > 0 {
		k.release(k.rng.IntN(len(k.views)))
	}
	k.housekeep()
}

// TestNumbersOfBigs: numbers are reused, and found wherever they lie.
func TestNumbersOfBigs(t *testing.T) {
	var r bigs
	list := make([]*big, 5000)
	for i := range list {
		list[i] = &big{}
		if r.add(list[i]); list[i].number != uint32(i) {
			t.Fatalf("the %d-th number is %d", i, list[i].number)
		}
	}
	for i := 0; i < len(list); i += 3 {
		r.remove(list[i])
		list[i] = &big{}
		r.add(list[i])
	}
	for _, b := range list {
		if r.at(b.number) != b {
			t.Fatalf("number %d is that of another", b.number)
		}
	}
	if r.next != uint32(len(list)) {
		t.Errorf("%d numbers for %d", r.next, len(list))
	}
}
