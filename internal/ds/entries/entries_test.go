// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/listpack"
)

// entry is an entry as the model knows it.
type entry struct {
	id    ID
	pairs []string
	same  bool // its fields are the master's
	dead  bool
}

// model is a block beside a slice.
type model struct {
	tb      testing.TB
	rnd     *rand.Rand
	b       Block
	master  ID
	fields  []string
	entries []entry
	place   Place // of some time
}

func texts(list []string) (all [][]byte) {
	for _, s := range list {
		all = append(all, []byte(s))
	}
	return all
}

func newModel(tb testing.TB, seed uint64) *model {
	return &model{tb: tb, rnd: rand.New(rand.NewPCG(seed, 1))}
}

// text gives a text of any kind and length.
func (m *model) text() string {
	switch m.rnd.IntN(8) {
	case 0:
		return strconv.FormatInt(int64(m.rnd.Uint64())>>m.rnd.IntN(64), 10)
	case 1:
		return strconv.Itoa(m.rnd.IntN(40) - 4)
	case 2:
		return strings.Repeat("z", []int{62, 63, 64, 190, 191, 192, 193, 255, 256, 4095, 4096, 70_000}[m.rnd.IntN(12)])
	case 3:
		return "0" + strconv.Itoa(m.rnd.IntN(1000))
	}
	b := make([]byte, m.rnd.IntN(20))
	for i := range b {
		b[i] = byte(m.rnd.Uint32())
	}
	return string(b)
}

// after gives an ID after another: a usual one or a strange one.
func (m *model) after(id ID) ID {
	switch m.rnd.IntN(8) {
	case 0:
		id.Ms += m.rnd.Uint64N(200)
		id.Seq = m.rnd.Uint64N(3)
	case 1:
		id.Ms += m.rnd.Uint64() >> m.rnd.IntN(64)
		id.Seq = m.rnd.Uint64() >> m.rnd.IntN(64)
	case 2:
		id.Seq += m.rnd.Uint64() >> m.rnd.IntN(64)
	case 3, 4:
		id.Seq++
	default:
		id = ID{id.Ms + m.rnd.Uint64N(70), 0}
	}
	return id
}

func (m *model) pairs() (pairs []string) {
	if n := len(m.fields); n > 0 && m.rnd.IntN(3) > 0 {
		for _, f := range m.fields {
			pairs = append(pairs, f, m.text())
		}
		return pairs
	}
	for range 1 + m.rnd.IntN(3) {
		pairs = append(pairs, m.text(), m.text())
	}
	return pairs
}

// add adds an entry; false when the IDs have come to their end.
func (m *model) add() bool {
	last := ID{m.rnd.Uint64() >> m.rnd.IntN(64), m.rnd.Uint64() >> m.rnd.IntN(64)}
	if n := len(m.entries); n > 0 {
		last = m.entries[n-1].id
	}
	id := m.after(last)
	if !last.Less(id) {
		return last.Less(MaxID())
	}
	e := entry{id: id, pairs: m.pairs()}
	if len(m.entries) == 0 {
		m.master = id
		for i := 0; i < len(e.pairs); i += 2 {
			m.fields = append(m.fields, e.pairs[i])
		}
	}
	e.same = len(e.pairs) == 2*len(m.fields)
	for i, f := range m.fields {
		e.same = e.same && e.pairs[2*i] == f
	}
	m.entries = append(m.entries, e)
	if len(m.entries) == 1 {
		m.b = make(Block, FirstSize(id, texts(e.pairs)))
		if Begin(m.b, id, texts(e.pairs)); m.b.Size() != m.b.Room() {
			m.tb.Fatalf("FirstSize gives %d bytes for %d", m.b.Room(), m.b.Size())
		}
		return true
	}
	a := m.b.Plan(id, texts(e.pairs))
	if more := m.b.Size() + a.Size() - m.b.Room(); more > 0 {
		m.b = append(m.b, make([]byte, more+m.rnd.IntN(30))...)
		m.b.SetRoom(len(m.b))
	}
	size := m.b.Size()
	m.b.Add(&a)
	if m.b.Size() != size+a.Size() {
		m.tb.Fatalf("an entry of %d bytes takes %d", a.Size(), m.b.Size()-size)
	}
	return true
}

// packed makes the listpack by hand.
func (m *model) packed() []byte {
	var values []listpack.Value
	put := func(v listpack.Value) { values = append(values, v) }
	number := func(n int) { put(listpack.Int(int64(n))) }
	dead := 0
	for _, e := range m.entries {
		if e.dead {
			dead++
		}
	}
	number(len(m.entries) - dead)
	number(dead)
	number(len(m.fields))
	for _, f := range m.fields {
		put(listpack.Bytes([]byte(f)))
	}
	number(0)
	for _, e := range m.entries {
		n := len(values)
		flags := 0
		if e.dead {
			flags |= 1
		}
		if e.same {
			flags |= 2
		}
		number(flags)
		put(listpack.Int(int64(e.id.Ms - m.master.Ms)))
		put(listpack.Int(int64(e.id.Seq - m.master.Seq)))
		if !e.same {
			number(len(e.pairs) / 2)
		}
		for i, s := range e.pairs {
			if i%2 == 1 || !e.same {
				put(listpack.Bytes([]byte(s)))
			}
		}
		number(len(values) - n)
	}
	empty := listpack.AppendEmpty(nil)
	dst := make([]byte, 0, listpack.SizeAfterInsert(empty, values...))
	return listpack.Append(dst, empty, values...)
}

func (m *model) same(e *Entry, want entry) {
	m.tb.Helper()
	var pairs []string
	for p := e.Pairs(); ; {
		field, value, ok := p.Next()
		if !ok {
			break
		}
		pairs = append(pairs, string(field.Append(nil)), string(value.Append(nil)))
	}
	if e.ID() != want.id || e.Deleted() != want.dead || e.Len() != len(want.pairs)/2 || !slices.Equal(pairs, want.pairs) {
		m.tb.Fatalf("entry %v, tombstone %v, of %d fields: %.40q; want %v %v %.40q", e.ID(), e.Deleted(), e.Len(), pairs, want.id, want.dead, want.pairs)
	}
}

// check compares everything.
func (m *model) check() {
	m.tb.Helper()
	live := 0
	var e Entry
	w := m.b.Walk()
	for _, want := range m.entries {
		if !w.Next(&e) {
			m.tb.Fatal("the walk ends too early")
		}
		m.same(&e, want)
		if !want.dead {
			live++
		}
	}
	if w.Next(&e) {
		m.tb.Fatal("there is an entry more")
	}
	m.checkFrom()
	var back Back
	back.Begin(m.b)
	for _, want := range slices.Backward(m.entries) {
		if !back.Next(&e) {
			m.tb.Fatal("the walk back ends too early")
		}
		m.same(&e, want)
	}
	if back.Next(&e) {
		m.tb.Fatal("there is an entry more on the way back")
	}
	if m.b.Live() != live || m.b.Len() != len(m.entries) || m.b.Master() != m.master || m.b.Last() != m.entries[len(m.entries)-1].id {
		m.tb.Fatalf("%d entries of %d, from %v to %v", m.b.Live(), m.b.Len(), m.b.Master(), m.b.Last())
	}
	m.checkPacked()
}

// checkFrom begins in the middle, with a place or without.
func (m *model) checkFrom() {
	m.tb.Helper()
	n := m.rnd.IntN(len(m.entries))
	id := m.entries[n].id
	if next, ok := id.Next(); ok && m.rnd.IntN(2) == 0 {
		id = next
		for n < len(m.entries) && m.entries[n].id.Less(id) {
			n++
		}
	}
	var e Entry
	w := m.b.From(id)
	if m.rnd.IntN(2) == 0 {
		w = m.b.FromPlace(id, m.place)
	}
	for _, want := range m.entries[n:] {
		if !w.Next(&e) {
			m.tb.Fatalf("the walk from %v on ends too early", id)
		}
		m.same(&e, want)
		if m.rnd.IntN(20) == 0 {
			m.place = w.Place()
		}
	}
	if w.Next(&e) {
		m.tb.Fatalf("there is an entry more from %v on", id)
	}
}

// checkPacked goes to the listpack and back.
func (m *model) checkPacked() {
	m.tb.Helper()
	want := m.packed()
	got := AppendListpack([]byte("before"), m.b)[len("before"):]
	if !bytes.Equal(got, want) {
		m.tb.Fatalf("listpack\n%.200q, want\n%.200q", got, want)
	}
	if m.b.PackedSize() != len(want) {
		m.tb.Fatalf("PackedSize gives %d for %d bytes", m.b.PackedSize(), len(want))
	}
	if err := listpack.Validate(got); err != nil {
		m.tb.Fatal(err)
	}
	b, err := FromListpack(nil, m.master, got)
	if err != nil {
		m.tb.Fatal(err)
	}
	b.SetRoom(m.b.Room())
	if !bytes.Equal(b, m.b[:m.b.Size()]) {
		m.tb.Fatalf("back from a listpack there are %d bytes, not the %d", len(b), m.b.Size())
	}
}

// TestBlockIsWhatASliceIs: blocks of few and many entries.
func TestBlockIsWhatASliceIs(t *testing.T) {
	for seed := range uint64(60) {
		m := newModel(t, seed)
		for i := range 1 + m.rnd.IntN(100) {
			if !m.add() {
				break
			}
			if m.rnd.IntN(4) == 0 && len(m.entries) > 0 {
				n := m.rnd.IntN(len(m.entries))
				var e Entry
				w := m.b.Walk()
				for range n + 1 {
					w.Next(&e)
				}
				if !e.Deleted() {
					m.b.Delete(&e)
					m.entries[n].dead = true
				}
			}
			if i%10 == 0 && len(m.entries) > 0 {
				m.check()
			}
		}
		if len(m.entries) > 0 {
			m.check()
		}
	}
}

// TestLongBlocks are read back in stretches.
func TestLongBlocks(t *testing.T) {
	for _, n := range []int{window, window + 1, 1000, 70_000} {
		m := newModel(t, 1)
		m.b = make(Block, 100+8*n)
		pairs := []string{"f", "1"}
		m.fields = []string{"f"}
		for i := range n {
			id := ID{uint64(1 + i*i), uint64(i % 3)}
			if i == 0 {
				m.master = id
				Begin(m.b, id, texts(pairs))
			} else {
				a := m.b.Plan(id, texts(pairs))
				m.b.Add(&a)
			}
			m.entries = append(m.entries, entry{id: id, pairs: pairs, same: true})
		}
		m.check()
	}
}

// TestUsualEntriesAreSmall: an entry of one field takes two bytes and its value.
func TestUsualEntriesAreSmall(t *testing.T) {
	id, pairs := ID{Ms: 1_700_000_000_000}, texts([]string{"field", "a value"})
	b := make(Block, 1000)
	Begin(b, id, pairs)
	size := b.Size()
	for range 10 {
		id.Ms += 50
		a := b.Plan(id, pairs)
		b.Add(&a)
	}
	if took, want := b.Size()-size, 10*(2+len("a value")); took > want+1 { // the last ID has come to a byte more
		t.Errorf("ten entries take %d bytes, want %d", took, want)
	}
}

// TestCorruptListpacks are refused.
func TestCorruptListpacks(t *testing.T) {
	make := func(values ...int) []byte {
		var list []listpack.Value
		for _, v := range values {
			list = append(list, listpack.Int(int64(v)))
		}
		empty := listpack.AppendEmpty(nil)
		return listpack.Append(make([]byte, 0, listpack.SizeAfterInsert(empty, list...)), empty, list...)
	}
	for name, c := range map[string]struct {
		lp []byte
		ok bool
	}{
		"one entry":                 {make(1, 0, 1, 7, 0, 2, 0, 0, 8, 4), true},
		"one with its own field":    {make(1, 0, 1, 7, 0, 0, 0, 0, 1, 9, 8, 6), true},
		"only a tombstone":          {make(0, 1, 1, 7, 0, 3, 0, 0, 8, 4), true},
		"counts the other way":      {make(0, 1, 1, 7, 0, 2, 0, 0, 8, 4), true},
		"nothing":                   {nil, false},
		"an empty listpack":         {make(), false},
		"no entries":                {make(0, 0, 1, 7, 0), false},
		"one entry more":            {make(2, 0, 1, 7, 0, 2, 0, 0, 8, 4), false},
		"one entry fewer":           {make(1, 0, 1, 7, 0, 2, 0, 0, 8, 4, 2, 1, 0, 8, 4), false},
		"less than no entries":      {make(-1, 2, 1, 7, 0, 2, 0, 0, 8, 4), false},
		"less than no fields":       {make(1, 0, -1, 0, 2, 0, 0, 3), false},
		"many fields":               {make(1, 0, math.MaxInt32, 7, 0, 2, 0, 0, 8, 4), false},
		"many own fields":           {make(1, 0, 1, 7, 0, 0, 0, 0, math.MaxInt64, 9, 8, 6), false},
		"less than no own fields":   {make(1, 0, 1, 7, 0, 0, 0, 0, -1, 9, 8, 6), false},
		"no end of the master":      {make(1, 0, 1, 7, 1, 2, 0, 0, 8, 4), false},
		"another number of pieces":  {make(1, 0, 1, 7, 0, 2, 0, 0, 8, 5), false},
		"an ID before the master's": {make(1, 0, 1, 7, 0, 2, -1, 0, 8, 4), false},
		"IDs that do not rise":      {make(2, 0, 1, 7, 0, 2, 0, 0, 8, 4, 2, 0, 0, 8, 4), false},
		"cut off":                   {make(1, 0, 1, 7, 0, 2, 0, 0, 8), false},
		"the zero ID":               {make(1, 0, 1, 7, 0, 2, -5, -5, 8, 4), false},
	} {
		if b, err := FromListpack(nil, ID{5, 5}, c.lp); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		} else if c.ok && b.Len() != 1 {
			t.Errorf("%s: %d entries", name, b.Len())
		}
	}
}

// listpackOf makes a listpack of small numbers, and of texts where a byte says how many of those behind it are one.
func listpackOf(ops []byte) []byte {
	const text = 0xf0
	var values []listpack.Value
	for len(ops) > 0 {
		op := ops[0]
		if ops = ops[1:]; op < text {
			n := int64(op)
			if op >= 0x80 {
				n = 0x7f - n
			}
			values = append(values, listpack.Int(n))
			continue
		}
		n := min(int(op-text), len(ops))
		values, ops = append(values, listpack.Text(ops[:n])), ops[n:]
	}
	empty := listpack.AppendEmpty(nil)
	return listpack.Append(make([]byte, 0, listpack.SizeAfterInsert(empty, values...)), empty, values...)
}

// FuzzFromListpack: what is accepted is a block that gives a listpack, which gives the block.
func FuzzFromListpack(f *testing.F) {
	f.Add(uint64(5), uint64(5), []byte{1, 0, 1, 0xf1, 'f', 0, 2, 0, 0, 0xf2, 'v', 'v', 4})
	f.Add(uint64(1), uint64(0), []byte{1, 1, 2, 7, 8, 0, 2, 0, 0, 1, 1, 5, 1, 9, 9, 1, 0xf1, '7', 1, 6})
	f.Fuzz(func(t *testing.T, ms, seq uint64, ops []byte) {
		b, err := FromListpack(nil, ID{ms, seq}, listpackOf(ops))
		if err != nil {
			return
		}
		packed := AppendListpack(nil, b)
		if len(packed) != b.PackedSize() {
			t.Fatalf("%d bytes, PackedSize gives %d", len(packed), b.PackedSize())
		}
		again, err := FromListpack(nil, ID{ms, seq}, packed)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("another block, %v", err)
		}
		var back Back
		var e Entry
		n := 0
		for back.Begin(b); back.Next(&e); n++ {
			if w := b.From(e.ID()); !w.Next(new(Entry)) {
				t.Fatalf("%v is not found", e.ID())
			}
		}
		if n != b.Len() {
			t.Fatalf("%d entries on the way back, not %d", n, b.Len())
		}
	})
}

func BenchmarkPlanAndAdd(b *testing.B) {
	pairs := texts([]string{"field", "some value here"})
	block := make(Block, 8<<10)
	id := ID{Ms: 1_700_000_000_000}
	for i := range b.N {
		if i%100 == 0 {
			Begin(block, id, pairs)
			id.Seq++
		}
		a := block.Plan(id, pairs)
		block.Add(&a)
		id.Seq++
	}
}

func BenchmarkWalk(b *testing.B) {
	for _, fields := range []int{1, 10} {
		b.Run(fmt.Sprint(fields), func(b *testing.B) {
			var list []string
			for i := range fields {
				list = append(list, fmt.Sprint("field:", i), "some value here")
			}
			pairs := texts(list)
			block := make(Block, 32<<10)
			id := ID{Ms: 1_700_000_000_000}
			Begin(block, id, pairs)
			for range 100 {
				id.Seq++
				a := block.Plan(id, pairs)
				block.Add(&a)
			}
			var e Entry
			b.ResetTimer()
			for range b.N {
				for w := block.Walk(); w.Next(&e); {
				}
			}
		})
	}
}
