// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

func noTick() error { return nil }

// newDB gives a database of a store in which values become big early.
func newDB(t testing.TB) *store.DB {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{Reserve: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	s := store.New(store.Options{Arena: arena, Shards: 1, Databases: 1, BigTable: 4 << 10, BigString: 4 << 10})
	v := s.NewView()
	v.NowMillis = 1_700_000_000_000
	return v.DB(0)
}

// texts are n different ones, some of them long.
func texts(n int) (all [][]byte) {
	for i := range n {
		text := fmt.Sprintf("text %d", i)
		switch i % 50 {
		case 7:
			text = fmt.Sprint(i)
		case 20:
			text += strings.Repeat(" and on and on", i%40)
		case 40:
			text += strings.Repeat(fmt.Sprint(" ", i), resp.LongText/3)
		}
		all = append(all, []byte(text))
	}
	return all
}

// fill makes a key of each type that has a big value.
func fill(db *store.DB) (keys []string) {
	all := texts(200)
	db.SetString([]byte("string"), bytes.Join(all, nil), store.NoExpiry)
	l, _ := db.FindListWrite([]byte("list"))
	l.Push(all, false, noTick)
	s, _ := db.FindSetWrite([]byte("set"))
	s.AddAll(all, len(all))
	h, _ := db.FindHashWrite([]byte("hash"))
	h.Set(append(append([][]byte(nil), all...), all...), store.NoExpiry)
	timed, _ := db.FindHashWrite([]byte("timed"))
	for i, text := range all {
		timed.SetOne(text, all[len(all)-1-i], int64(i%3)*(db.Now()+int64(i*i*i)))
	}
	z, _ := db.FindZSetWrite([]byte("zset"))
	for i, text := range all {
		z.Put(text, float64(i*i%1000)/7)
	}
	fillStream(db, "stream", all)
	st := fillStream(db, "groups", all)
	fillGroups(&st)
	a, _ := db.FindArrayWrite([]byte("array"))
	for i, text := range all {
		a.Set(uint64(i)*uint64(i)<<(i%40), text)
	}
	a.SetNext(77)
	return []string{"string", "list", "set", "hash", "timed", "zset", "stream", "groups", "array"}
}

// fillStream makes a stream of texts, half of them deleted.
func fillStream(db *store.DB, key string, all [][]byte) store.Stream {
	s, _ := db.FindStreamWrite([]byte(key))
	for i, text := range all {
		s.Append(store.StreamID{Ms: uint64(1 + i), Seq: uint64(i % 3)}, [][]byte{[]byte("field"), text})
	}
	for i := 0; i < len(all); i += 2 {
		s.Delete(store.StreamID{Ms: uint64(1 + i), Seq: uint64(i % 3)})
	}
	return s
}

// fillGroups gives a stream all that a stream may have besides entries.
func fillGroups(s *store.Stream) {
	for i, pending := range []int{0, 1, tailPart - 1, tailPart, 2*tailPart + 1} {
		s.CreateGroup(fmt.Append(nil, "group", i), store.StreamID{Ms: 7}, int64(i-1))
		g, _ := s.GroupWrite(fmt.Append(nil, "group", i))
		for c := range i {
			consumer := g.CreateConsumer(fmt.Append(nil, "consumer", c), 1_000_000)
			for n := range pending {
				g.Deliver(store.StreamID{Ms: uint64(n), Seq: uint64(1 + c)}, consumer, int64(1_000_000+n), uint64(n))
			}
		}
		for n := range min(pending, 10) * (i / 4) {
			g.Disown(store.StreamID{Ms: uint64(n), Seq: 1}, 5)
		}
	}
	s.RecordIID([]byte("producer"), []byte("iid"), store.StreamID{Ms: 1_700_000_000_000})
	s.CountDuplicate()
}

// TestStream compares what is written piece by piece with what is written at one go.
func TestStream(t *testing.T) {
	db := newDB(t)
	needs := map[string]int{"timed": 12, "stream": 9, "groups": 14, "array": 14}
	for _, key := range fill(db) {
		for version := 6; version <= NewestVersion; version++ {
			for _, pack := range []bool{false, true} {
				it, _ := db.Peek([]byte(key))
				if !it.IsBig() {
					t.Fatalf("%s is not big", key)
				}
				var w Writer
				w.Begin(version, pack)
				w.Value(db, &it, KindOf(db, &it, w.version))
				s := NewStream(db, &it, version, pack)
				size, err := s.Size(noTick)
				if err != nil || size != len(w.buf) && !(key == "string" && pack) {
					t.Errorf("%s, version %d: size is %d, want %d, error %v", key, version, size, len(w.buf), err)
				}
				var got []byte
				for b := s.Next(); len(b) > 0; b = s.Next() {
					got = append(got, b...)
				}
				s.Close()
				if len(got) != size {
					t.Errorf("%s, version %d: %d bytes came, not %d", key, version, len(got), size)
				}
				if !bytes.Equal(got, w.buf) && !(key == "string" && pack) {
					t.Errorf("%s, version %d: a stream of %d bytes differs from the %d written at once", key, version, len(got), len(w.buf))
				}
				if n := KindOf(db, &it, version).Version(); n > max(version, needs[key]) {
					t.Errorf("%s, version %d: what is written needs version %d", key, version, n)
				}
			}
		}
	}
}

// TestStreamFrozen changes values while they are written.
func TestStreamFrozen(t *testing.T) {
	db := newDB(t)
	for _, key := range fill(db) {
		it, _ := db.Peek([]byte(key))
		var w Writer
		w.Begin(12, true)
		w.Value(db, &it, KindOf(db, &it, w.version))
		p := &payload{value: NewStream(db, &it, 12, key != "string"), version: 12}
		got := append([]byte(nil), p.Next()...)
		db.Delete([]byte(key))
		fill(db)
		for b := p.Next(); len(b) > 0; b = p.Next() {
			got = append(got, b...)
		}
		p.Close()
		body, version, err := CheckFooter(got, true, never)
		if err != nil || version != 12 {
			t.Fatalf("%s: version %d, error %v", key, version, err)
		}
		if key == "string" {
			w.Begin(12, false)
			it, _ = db.Peek([]byte(key))
			w.Value(db, &it, KindOf(db, &it, w.version))
		}
		if !bytes.Equal(body[1:], w.buf) {
			t.Errorf("%s: the value that is written has changed meanwhile", key)
		}
	}
}

func TestWriterAllocates(t *testing.T) {
	db := newDB(t)
	var w Writer
	for _, key := range fill(db) {
		it, _ := db.Peek([]byte(key))
		if key == "string" {
			continue // in one piece it has to be copied
		}
		n := testing.AllocsPerRun(20, func() {
			w.Begin(12, true)
			w.Value(db, &it, KindOf(db, &it, w.version))
		})
		if limit := map[string]float64{"groups": 300}[key]; n > max(limit, 4) { // groups and consumers are sorted
			t.Errorf("to write %s takes %v allocations", key, n)
		}
	}
}
