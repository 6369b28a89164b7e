// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Deleting and resizing leaves spans with a few blocks each. Compacting a table is a walk over its keys that moves what lies
// on such spans to fuller ones (mem.Heap.Relocate): records, the blocks of values, the elements of tables, and the tables'
// own segments. Spans that become empty go back to the arena, and from there to the system.
//
// A walk goes on in small slices with its shard held, between which anything may change: it keeps no reference, but the
// cursor of the keys, and while it is within a large value the hash of that one's key and a cursor of its elements.
//
// Invariant: a walk begins only while its heap's excess, the bytes of pages that no block fills, is past the settings' limits
// and has grown by restShare since the last walk ended. So a heap that cannot be improved is left alone.

const (
	restShare = 8        // a walk is worth trying again when the excess has grown by one part in so many
	gainShare = 4        // a walk that took away less than one part in so many of the excess is the last for a while
	restBytes = 64 << 10 // and what a heap's excess may be in any case
	moveBytes = 256      // bytes that take as long to move as an entry to look at
	findCost  = 3        // entries that take as long to look at as one in a tree to find
)

// compaction is the state of a table's walk.
type compaction struct {
	walking bool
	cursor  uint32       // where in the keys
	large   []largeValue // those that the last step met: their elements are walked through next
	within  bodyCursor   // where in the last of them
	began   int64        // excess when the walk began
	rest    int64        // excess from which on another walk is worth while
}

// bodyCursor is where a walk is in a value of many blocks.
type bodyCursor struct {
	elements bool // the elements have been walked through
	leaves   bool // the leaves have
	element  uint32
	leaf     uint64
	part     int // of a stream's other parts
	within   partCursor
}

// partCursor is where a walk is in one of a stream's other parts.
type partCursor struct {
	at     uint64
	groups groupCursor
}

// largeValue is a value of many blocks that a walk has met.
type largeValue struct {
	hash  uint64 // of its key
	moved bool   // something of it was
}

// Compactions counts what compacting has done so far.
type Compactions struct {
	Moved    int64 // blocks that were moved
	Left     int64 // blocks that were looked at and left where they were
	Keys     int64 // keys of which something was moved
	KeysLeft int64 // keys of which nothing was
}

// compactions is Compactions as it is counted.
type compactions struct{ moved, left, keys, keysLeft atomic.Int64 }

func (n *compactions) add(c Compactions) {
	n.moved.Add(c.Moved)
	n.left.Add(c.Left)
	n.keys.Add(c.Keys)
	n.keysLeft.Add(c.KeysLeft)
}

func (n *compactions) reset() {
	n.moved.Store(0)
	n.left.Store(0)
	n.keys.Store(0)
	n.keysLeft.Store(0)
}

// Compactions gives what compacting has done since the counters were last set back.
func (s *Store) Compactions() Compactions {
	n := &s.compactions
	return Compactions{Moved: n.moved.Load(), Left: n.left.Load(), Keys: n.keys.Load(), KeysLeft: n.keysLeft.Load()}
}

// Excess gives the bytes of pages that heaps hold and no block fills, and those of the blocks.
func (s *Store) Excess() (excess, live int64) {
	live = s.used.Load()
	return max(s.arena.Stats().InUse-live, 0), live
}

// Compact moves blocks of the held shard together, looking at about max of them, if one of its heaps is sparse. It tells
// whether there is more to do.
func (s *Store) Compact(shard, max int) (more bool) {
	sh := &s.shards[shard]
	c := compactor{left: max, percent: s.Settings.SparsePercent.Load()}
	for db := range sh.used {
		if t := sh.tables[db].Load(); t != nil && c.table(t) {
			more = true
			break
		}
	}
	s.compactions.add(c.done)
	return more
}

// table goes on with a table's heap, or else with those of its big values in turn, and tells whether there is more to do.
func (c *compactor) table(t *table) (more bool) {
	c.t, c.heap = t, t.heap
	if t.compaction.wanted(t.heap, c.percent) {
		c.run()
		return true
	}
	for ; t.bigTurn < len(t.bigs); t.bigTurn++ {
		if c.left <= 0 {
			return true
		}
		c.left--
		if b := t.bigs[t.bigTurn]; b.heap.Relocates() && b.compaction.wanted(b.heap, c.percent) {
			c.heap = b.heap
			c.big(b)
			return true
		}
	}
	t.bigTurn = 0
	return false
}

// wanted tells whether a walk is under way or to be begun; excess past percent of what lives is too much.
func (c *compaction) wanted(h *mem.Heap, percent int64) bool {
	excess := h.Held() - h.Live()
	if c.walking {
		return true
	}
	c.rest = min(c.rest, excess+excess/restShare+restBytes)
	if excess <= restBytes || excess*100 <= h.Live()*percent || excess < c.rest {
		return false
	}
	*c = compaction{walking: true, began: excess, large: c.large}
	return true
}

// end notes that the walk has come to its end, and until when the heap is to be left alone.
func (c *compaction) end(h *mem.Heap) {
	h.Trim()
	excess := h.Held() - h.Live()
	*c = compaction{large: c.large}
	if c.began-excess < c.began/gainShare {
		c.rest = excess + excess/restShare + restBytes
	}
}

// compactor is one slice of a walk.
type compactor struct {
	t       *table
	heap    *mem.Heap // that is compacted: the table's, or a big value's
	percent int64     // what is too much of excess
	left    int       // entries to be looked at
	done    Compactions
}

func (c *compactor) run() {
	st := &c.t.compaction
	for c.left > 0 {
		if len(st.large) > 0 {
			c.elements(st)
		} else {
			c.left--
			st.cursor = c.t.keys.Compact(st.cursor, c.key)
		}
		if st.cursor == 0 && len(st.large) == 0 {
			st.end(c.t.heap)
			return
		}
	}
}

// move gives where a block lies now.
func (c *compactor) move(r mem.Ref, n int) mem.Ref {
	to := c.heap.Relocate(r, n)
	c.left--
	if to == 0 {
		c.done.Left++
		return r
	}
	c.left -= n / moveBytes
	c.done.Moved++
	return to
}

// key moves a record and what its value owns, or has the value walked through next. It gives where the record lies now.
func (c *compactor) key(e mem.Ref) mem.Ref {
	heap, moved := c.t.heap, c.done.Moved
	e = c.move(e, record{heap.Pointer(e)}.size())
	rec := record{heap.Pointer(e)}
	switch {
	case rec.has(inBlock):
		v := rec.value()
		b := readBlock(v)
		if r := c.move(b.ref, b.size); r != b.ref {
			b.ref = r
			b.write(v)
		}
	case rec.has(isBig): // its heap is another
	case rec.encoding().rooted():
		if ft := rec.times(); ft != nil && ft.index != 0 {
			ft.index = c.move(ft.index, indexSize)
		}
		st := &c.t.compaction
		st.large = append(st.large, largeValue{hash: hash.Bytes(rec.key()), moved: c.done.Moved > moved})
		return e
	}
	c.countKey(c.done.Moved > moved)
	return e
}

func (c *compactor) countKey(moved bool) {
	if moved {
		c.done.Keys++
	} else {
		c.done.KeysLeft++
	}
}

// elements walks on through the last of the large values.
func (c *compactor) elements(st *compaction) {
	last := &st.large[len(st.large)-1]
	it, ok := c.find(last.hash)
	for ok {
		if c.left <= 0 {
			return
		}
		before := c.done.Moved
		ok = c.body(it.body(), &st.within)
		last.moved = last.moved || c.done.Moved > before
	}
	c.countKey(last.moved)
	st.large, st.within = st.large[:len(st.large)-1], bodyCursor{}
}

// big walks on through the blocks of a big value.
func (c *compactor) big(b *big) {
	st, moved := &b.compaction, c.done.Moved
	for c.left > 0 {
		if !c.body(b.body(), &st.within) {
			st.end(b.heap)
			break
		}
	}
	c.countKey(c.done.Moved > moved)
}

// body moves a few of the elements or leaves of a value, and tells whether there are more.
func (c *compactor) body(v body, at *bodyCursor) (more bool) {
	c.left--
	if v.table != nil && !at.elements {
		moved := v.enc.leafKind().moved
		t := v.elements()
		at.element = t.Compact(at.element, func(e mem.Ref) mem.Ref {
			to := c.move(e, elementAt(v.heap, e).size)
			if to != e && moved != nil {
				moved(v, e, to)
				c.left -= findCost
			}
			return to
		})
		if at.elements = at.element == 0; !at.elements || v.tree != nil {
			return true
		}
	}
	if v.tree == nil {
		return false
	}
	if !at.leaves {
		size := v.enc.leafKind().size
		at.leaf = v.leaves().Compact(at.leaf, func(leaf mem.Ref, _ int) mem.Ref { return c.move(leaf, size(v.heap, leaf)) })
		at.leaves = at.leaf == 0
		return !at.leaves || v.enc == EncStream
	}
	return c.parts(v, at)
}

// parts moves a few of the blocks of a stream's other parts, and tells whether there are more.
func (c *compactor) parts(v body, at *bodyCursor) (more bool) {
	list := streamParts()
	for ; at.part < len(list); at.part++ {
		p := list[at.part]
		if *p.ref(v.state) == 0 {
			continue
		}
		if p.compact(v, &at.within, c.move) {
			return true
		}
		at.within = partCursor{}
	}
	return false
}

// find gives the key with a hash, if it still has a value of many blocks. The Item has no place.
func (c *compactor) find(full uint64) (it Item, ok bool) {
	c.t.keys.Candidates(full, func(e mem.Ref, _ dict.Pos) bool {
		rec := record{c.t.heap.Pointer(e)}
		if ok = rec.encoding().rooted() && !rec.has(isBig) && hash.Bytes(rec.key()) == full; ok {
			it = Item{t: c.t, rec: rec}
		}
		return !ok
	})
	return it, ok
}
