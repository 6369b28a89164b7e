// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

func listForWrite(t testing.TB, db *DB, key string) *List {
	t.Helper()
	l, err := db.FindListWrite([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return &l
}

func textsOf(list ...string) (texts [][]byte) {
	for _, s := range list {
		texts = append(texts, []byte(s))
	}
	return texts
}

// readList gives elements of a list.
func readList(l *List, from, n int, reverse bool) (all []string) {
	l.Each(from, n, reverse, func(v Value) bool {
		all = append(all, string(Text(v, nil)))
		return true
	})
	return all
}

// checkList compares a list with what it must be, and looks whether its leaves are what they should.
func checkList(t testing.TB, db *DB, key string, want []string, rng *rand.Rand) {
	t.Helper()
	l, err := db.FindList([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	if l.Len() != len(want) {
		t.Fatalf("%d elements, want %d", l.Len(), len(want))
	}
	if len(want) == 0 {
		return
	}
	if got := readList(&l, 0, len(want), false); !slices.Equal(got, want) {
		t.Fatalf("got  %.60q\nwant %.60q", got, want)
	}
	from := rng.IntN(len(want))
	n := rng.IntN(len(want) - from + 1)
	if got := readList(&l, from, n, false); !slices.Equal(got, want[from:from+n]) {
		t.Fatalf("%d from %d: got  %.60q\nwant %.60q", n, from, got, want[from:from+n])
	}
	down := slices.Clone(want[from : from+n])
	slices.Reverse(down)
	if got := readList(&l, from+n-1, n, true); !slices.Equal(got, down) {
		t.Fatalf("%d down from %d: got  %.60q\nwant %.60q", n, from+n-1, got, down)
	}
	if v, ok := l.At(from); !ok || string(Text(v, nil)) != want[from] {
		t.Fatalf("the element at %d is %.60q, want %.60q", from, Text(v, nil), want[from])
	}
	if l.isTree() {
		checkLeaves(t, l.leaves())
	} else if err := listpack.Validate(l.it.listpack()); err != nil {
		t.Fatal(err)
	}
}

// checkLeaves looks at every leaf of a list.
func checkLeaves(t testing.TB, l leafList) {
	t.Helper()
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	i, leaves := 0, l.Leaves()
	l.Each(func(ref mem.Ref, n int) bool {
		f := leafAt(l.Heap, ref)
		switch f.form {
		case leafPlain:
			if n != 1 {
				t.Fatalf("a plain leaf of %d elements", n)
			}
		default:
			b, _ := f.listpack(nil)
			if err := listpack.Validate(b); err != nil || listpack.Count(b) != n {
				t.Fatalf("leaf %d of %d: %v, %d entries, the tree says %d", i, leaves, err, listpack.Count(b), n)
			}
			if f.size > f.room || f.form == leafPacked && int64(f.at)+f.size > f.room {
				t.Fatalf("leaf %d: %d bytes at %d, room for %d", i, f.size, f.at, f.room)
			}
		}
		i++
		return true
	})
}

// listLimits are settings that lists are tested with.
var listLimits = []struct{ size, depth, plain int64 }{
	{-2, 0, 0}, {-1, 1, 0}, {-1, 2, 50}, {1, 0, 0}, {3, 1, 0}, {40, 2, 30}, {0, 0, 1}, {-5, 0, 0}, {-3, 3, 0},
}

// listWords are elements, few enough to come again and of many lengths.
func listWord(rng *rand.Rand) string {
	switch n := rng.IntN(40); {
	case n < 10:
		return strconv.Itoa(n)
	case n < 20:
		return strconv.FormatInt(rng.Int64()>>rng.IntN(64)*(1-2*rng.Int64N(2)), 10)
	case n < 30:
		return strings.Repeat(string(rune('a'+n%26)), rng.IntN(30))
	case n < 37:
		return strings.Repeat(string(rune('a'+n%26)), rng.IntN(200))
	case n < 39:
		return strings.Repeat("L", rng.IntN(3000))
	default:
		return strings.Repeat("X", rng.IntN(12_000))
	}
}

// changeList does something to a list and gives what it must be then; want stays what it is.
func changeList(t *testing.T, rng *rand.Rand, l *List, want []string) []string {
	t.Helper()
	i := 0
	if len(want) > 0 {
		i = rng.IntN(len(want))
	}
	switch op := rng.IntN(14); {
	case op < 5:
		var words []string
		for range 1 + rng.IntN(1<<rng.IntN(6)) {
			words = append(words, listWord(rng))
		}
		l.Push(textsOf(words...), op%2 == 0, neverEnds)
		if op%2 == 0 {
			slices.Reverse(words)
			return slices.Concat(words, want)
		}
		return slices.Concat(want, words)
	case len(want) == 0:
	case op < 7:
		word := listWord(rng)
		l.Set(i, []byte(word))
		return slices.Concat(want[:i], []string{word}, want[i+1:])
	case op < 9:
		word := listWord(rng)
		i = rng.IntN(len(want) + 1)
		l.Insert(i, []byte(word))
		return slices.Concat(want[:i], []string{word}, want[i:])
	case op < 11:
		n := 1 + rng.IntN(1+len(want)/8)
		switch rng.IntN(3) {
		case 0:
			i = 0
		case 1:
			i = len(want) - min(n, len(want))
		}
		n = min(n, len(want)-i)
		l.Remove(i, n, neverEnds)
		return slices.Concat(want[:i], want[i+n:])
	case op < 12:
		return removeEqual(t, l, want, want[i], 1+rng.IntN(5), rng.IntN(2) == 0)
	case op < 13:
		n := rng.IntN(min(len(want)-i, 10) + 1)
		l.Reverse(i, n, neverEnds)
		want = slices.Clone(want)
		slices.Reverse(want[i : i+n])
	case op < 14 && len(want) > 1 && len(want) <= 1500:
		n, head := rng.IntN(len(want)), rng.IntN(2) == 0
		l.Rotate(n, head, neverEnds)
		if head {
			n = len(want) - n
		}
		return slices.Concat(want[n:], want[:n])
	case len(want) > 1500:
		n := rng.IntN(len(want) - 1000)
		l.Remove(n, len(want)-n, neverEnds)
		return want[:n]
	}
	return want
}

func removeEqual(t *testing.T, l *List, want []string, word string, limit int, reverse bool) (kept []string) {
	t.Helper()
	left, n := limit, 0
	want = slices.Clone(want)
	if reverse {
		slices.Reverse(want)
	}
	for _, s := range want {
		if s == word && left > 0 {
			left--
			n++
		} else {
			kept = append(kept, s)
		}
	}
	if reverse {
		slices.Reverse(kept)
	}
	if got := l.RemoveEqual(NeedleOf([]byte(word)), limit, reverse, neverEnds); got != n {
		t.Fatalf("%d of %.20q were removed, want %d", got, word, n)
	}
	return kept
}

// listModel drives a list and a slice through the same operations.
type listModel struct {
	t     *testing.T
	rng   *rand.Rand
	db    *DB
	want  []string
	views []listView
}

// listView is a frozen list and what must be in it.
type listView struct {
	f    *Frozen
	want []string
}

func (m *listModel) step() {
	m.want = changeList(m.t, m.rng, listForWrite(m.t, m.db, "l"), m.want)
}

// walkList reads a frozen list from an index on.
func walkList(f *Frozen, from, n int, reverse bool) (got []string) {
	walk := f.Elements(from, n, reverse)
	for e, ok := walk.Next(); ok; e, ok = walk.Next() {
		got = append(got, string(Text(e, nil)))
	}
	return got
}

// view freezes the list if it is big, or looks at a view that there is, and may end it.
func (m *listModel) view() {
	if it, ok := m.db.Peek([]byte("l")); ok && it.IsBig() && len(m.views) < 4 {
		m.views = append(m.views, listView{m.db.Freeze(&it), m.want})
	}
	if len(m.views) == 0 {
		return
	}
	i := m.rng.IntN(len(m.views))
	v := m.views[i]
	from := m.rng.IntN(len(v.want))
	if got := walkList(v.f, from, len(v.want)-from, false); !slices.Equal(got, v.want[from:]) {
		m.t.Fatalf("a view from %d on: got  %.60q\nwant %.60q", from, got, v.want[from:])
	}
	back := walkList(v.f, from, from+1, true)
	if slices.Reverse(back); !slices.Equal(back, v.want[:from+1]) {
		m.t.Fatalf("a view back from %d: got  %.60q\nwant %.60q", from, back, v.want[:from+1])
	}
	if m.rng.IntN(2) == 0 {
		v.f.Release()
		m.views = slices.Delete(m.views, i, i+1)
	}
}

func TestListModel(t *testing.T) {
	for _, lim := range listLimits {
		t.Run(fmt.Sprint(lim), func(t *testing.T) {
			db := newHashDB(t, 1<<30)
			set := &db.s.Settings
			set.ListMaxListpackSize.Store(lim.size)
			set.ListCompressDepth.Store(lim.depth)
			set.ListPlainSize.Store(lim.plain)
			db.s.bigTable = 100_000
			m := listModel{t: t, rng: rand.New(rand.NewPCG(uint64(lim.size), uint64(lim.depth))), db: db}
			for i := range steps(3000) {
				m.step()
				if i%5 == 0 {
					checkList(t, db, "l", m.want, m.rng)
				}
				if i%10 == 0 {
					m.view()
					keepHouse(db, 50)
				}
			}
			checkList(t, db, "l", m.want, m.rng)
			for _, v := range m.views {
				v.f.Release()
			}
			db.Delete([]byte("l"))
			keepHouse(db, 50)
			if n := live(db); n != 0 {
				t.Errorf("%d bytes are used by nothing", n)
			}
		})
	}
}

// A view is read by another goroutine while the list changes.
func TestListViewBesideChanges(t *testing.T) {
	for depth := range int64(2) {
		db := newHashDB(t, 1<<30)
		db.s.bigTable = 20_000
		db.s.Settings.ListCompressDepth.Store(depth)
		m := listModel{t: t, rng: rand.New(rand.NewPCG(9, uint64(depth))), db: db}
		for range steps(100) {
			m.step()
			keepHouse(db, 50)
			it, ok := db.Peek([]byte("l"))
			if !ok || !it.IsBig() {
				continue
			}
			f, want, done := db.Freeze(&it), m.want, make(chan bool)
			go func() {
				done <- slices.Equal(walkList(f, 0, len(want), false), want)
				f.Release()
			}()
			for range 10 {
				m.step()
			}
			if !<-done {
				t.Fatal("a view is not what the list was")
			}
		}
	}
}

// The encoding changes where it does in Redis.
func TestListEncoding(t *testing.T) {
	db := newHashDB(t, 1<<30)
	encoding := func() string {
		it, _ := db.Peek([]byte("l"))
		return it.Encoding().String()
	}
	expect := func(what, want string) {
		t.Helper()
		if got := encoding(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	for size, limit := range map[int64]int{-1: 4096, -2: 8192, -3: 16384, -4: 32768, -5: 65536, -9: 65536, 5: 8192} {
		db.s.Settings.ListMaxListpackSize.Store(size)
		l := listForWrite(t, db, "l")
		l.Push(textsOf(strings.Repeat("x", limit-listpack.EmptySize)), true, neverEnds)
		expect(fmt.Sprintf("%d: a full listpack", size), "listpack")
		db.Delete([]byte("l"))
		l = listForWrite(t, db, "l")
		l.Push(textsOf(strings.Repeat("x", limit-listpack.EmptySize+1)), true, neverEnds)
		expect(fmt.Sprintf("%d: more than a full listpack", size), "quicklist")
		l.Push(textsOf("a"), false, neverEnds)
		l.Remove(0, 1, neverEnds)
		expect(fmt.Sprintf("%d: a single short element", size), "listpack")
		db.Delete([]byte("l"))
	}
	db.s.Settings.ListMaxListpackSize.Store(4)
	l := listForWrite(t, db, "l")
	l.Push(textsOf("a", "b", "c", "d"), false, neverEnds)
	expect("4 of 4", "listpack")
	l.Push(textsOf("e"), false, neverEnds)
	expect("5 of 4", "quicklist")
	l.Remove(4, 1, neverEnds)
	expect("4 of 4 again", "quicklist")
	l.Remove(0, 1, neverEnds)
	expect("3 of 4", "quicklist")
	l.Remove(0, 1, neverEnds)
	expect("2 of 4", "listpack")
}

// A push at either end of a long list copies little, and takes little more memory than the elements.
func TestListMemory(t *testing.T) {
	for _, head := range []bool{true, false} {
		db := newHashDB(t, 1<<30)
		db.s.bigTable = 1 << 30
		l := listForWrite(t, db, "l")
		const n, size = 50_000, 40
		word := textsOf(strings.Repeat("x", size))
		for range n {
			l.Push(word, head, neverEnds)
		}
		if used := live(db); used > n*(size+2)*11/10 {
			t.Errorf("%d elements of %d bytes take %d, with head %v", n, size, used, head)
		}
	}
}

// A leaf from which elements are taken gives its memory back.
func TestListShrinks(t *testing.T) {
	db := newHashDB(t, 1<<30)
	db.s.bigTable = 1 << 30
	l := listForWrite(t, db, "l")
	var words []string
	for i := range 20_000 {
		word := "kept"
		if i%20 > 0 {
			word = "removed, and long enough to tell"
		}
		words = append(words, word)
	}
	l.Push(textsOf(words...), false, neverEnds)
	before := live(db)
	if n := l.RemoveEqual(NeedleOf([]byte(words[1])), len(words), false, neverEnds); n != 19_000 {
		t.Fatalf("%d were removed", n)
	}
	if after := live(db); after > before/4 {
		t.Errorf("%d bytes, after most elements were removed %d", before, after)
	}
}

// TestListOutOfMemory: whatever allocation is refused, its operation has changed nothing.
func TestListOutOfMemory(t *testing.T) {
	const refusals = 100 // how soon they come depends on the run
	denied := 0
	for seed := range uint64(20) {
		db := newHashDB(t, 700<<10)
		db.s.bigTable = 60_000
		db.s.Settings.ListMaxListpackSize.Store(-1)
		db.s.Settings.ListCompressDepth.Store(int64(seed % 2))
		m := listModel{t: t, rng: rand.New(rand.NewPCG(seed, 1)), db: db}
		for i := 0; i < steps(1500) || denied < refusals && i < 10*steps(1500); i++ {
			func() {
				defer func() {
					if e := recover(); e != nil {
						if e != error(mem.ErrNoMemory) {
							panic(e)
						}
						denied++
					}
				}()
				m.step()
				if i%20 == 0 {
					m.view()
				}
			}()
			keepHouse(db, 50)
			checkList(t, db, "l", m.want, m.rng)
		}
		for _, v := range m.views {
			v.f.Release()
		}
	}
	if denied < refusals {
		t.Errorf("only %d operations were refused", denied)
	}
}

// changeListKey does a few things to a list of the model.
func (k *keyspace) changeListKey(key modelKey, db *DB, e modelValue) {
	for range 1 + k.rng.IntN(4) {
		var want []string
		if !k.try(func() { want = changeList(k.t, k.rng, listForWrite(k.t, db, key.key), e.list) }) {
			continue
		}
		if e.list = want; len(want) == 0 {
			delete(k.model, key)
			return
		}
		k.model[key] = e
	}
}

func (k *keyspace) compareList(key modelKey, it *Item, want modelValue) {
	k.t.Helper()
	if it.Type() != TypeList {
		k.t.Fatalf("%d/%.20q is a %v, want a list", key.db, key.key, it.Type())
	}
	l := k.v.DB(key.db).ListOf(it)
	if got := readList(&l, 0, l.Len(), false); !slices.Equal(got, want.list) {
		k.t.Fatalf("%d/%.20q: got  %.60q\nwant %.60q", key.db, key.key, got, want.list)
	}
	if l.isTree() {
		checkLeaves(k.t, l.leaves())
	}
}

// A cursor is not taken for another's: every place in a list is found.
func TestListPlaces(t *testing.T) {
	db := newHashDB(t, 1<<30)
	db.s.Settings.ListMaxListpackSize.Store(7)
	l := listForWrite(t, db, "l")
	for i := range 5000 {
		l.Push(textsOf(strconv.Itoa(i)), false, neverEnds)
	}
	var c tree.Cursor
	for i := range 5000 {
		if v, ok := l.At(i); !ok || v.Int != int64(i) {
			t.Fatalf("%d: %v", i, v)
		}
		if within := l.leaves().Seek(&c, i); within != i%7 {
			t.Fatalf("%d lies %d into its leaf", i, within)
		}
	}
	if _, ok := l.At(5000); ok {
		t.Error("there is one element more")
	}
}

func BenchmarkList(b *testing.B) {
	word := textsOf("element:0123456789")
	for _, head := range []bool{true, false} {
		b.Run(fmt.Sprintf("push/head=%v", head), func(b *testing.B) {
			db := newHashDB(b, 8<<30)
			for b.Loop() {
				l, _ := db.FindListWrite([]byte("l"))
				l.Push(word, head, neverEnds)
			}
		})
		b.Run(fmt.Sprintf("queue/head=%v", head), func(b *testing.B) {
			db := newHashDB(b, 8<<30)
			l := listForWrite(b, db, "l")
			for range 10_000 {
				l.Push(word, head, neverEnds)
			}
			for b.Loop() {
				l, _ := db.FindListWrite([]byte("l"))
				l.Push(word, head, neverEnds)
				i := 0
				if head {
					i = l.Len() - 1
				}
				l.Remove(i, 1, neverEnds)
			}
		})
	}
}
