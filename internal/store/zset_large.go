// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/scores"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// What ZSet's methods do when the set is large (see zset_tree.go), and how it becomes so.

// isLarge tells whether there is a set that is not packed.
func (z *ZSet) isLarge() bool { return z.it.ref != 0 && z.it.Encoding() == EncSkiplist }

// outgrows tells whether a packed set of so many members and bytes, the longest of the former being of so many bytes, should be large.
func (z *ZSet) outgrows(members, longest, size int) bool {
	set := &z.db.s.Settings
	return members > int(set.ZSetMaxListpackEntries.Load()) || longest > int(set.ZSetMaxListpackValue.Load()) || size > maxPacked
}

// spread makes a packed set a large one.
func (z *ZSet) spread() {
	b := z.packed()
	z.it.becomeBody(EncSkiplist, func(v body) {
		s := sorter{v: sorted{body: v}}
		var room scoreRoom
		b.up(0, b.len(), func(m Value, score float64) bool {
			s.addNew(Text(m, room[:0]), score)
			return true
		})
	})
}

// createLarge makes the key, with these members, which are all different and in their order; size is the bytes of their texts.
func (z *ZSet) createLarge(members []Scored, size int, tick func() error) {
	const overhead = 40 // bytes that a member takes besides its text, about
	z.it, _ = z.db.createBody(z.key, TypeZSet, EncSkiplist, NoExpiry, size+overhead*len(members), func(v body) error {
		s := sorter{v: sorted{body: v}}
		for i, m := range members {
			s.addNew(m.Member, m.Score)
			if i%tickEvery == tickEvery-1 {
				_ = tick()
			}
		}
		return nil
	})
	z.it.fitBody()
}

// resized notes a change of a large set's bytes, and gives it the heap that it should have then.
func (z *ZSet) resized(added int64) {
	z.it.weigh(added)
	z.it.fitBody()
}

// MemberCost is about what a member takes beside its text, in bytes.
const MemberCost = 64

// Reserve makes it all but certain that n members can be put in or, with bytes 0, removed; see DB.Reserve. bytes is what new ones take, see
// MemberCost. To remove some takes memory only while the set is frozen.
func (z *ZSet) Reserve(n, bytes int) {
	const aMember = 16 << 10 // bytes of what is copied for one at most, about: a segment, a leaf and nodes
	switch {
	case z.isLarge() && z.it.freezing():
		v := z.sorted()
		t := v.leaves()
		bytes += min(n*aMember, int(v.elements().Bytes()+t.Bytes())+t.Leaves()*mem.Usable(scores.Size))
	case bytes == 0:
		return
	}
	z.db.Reserve(bytes)
}

// putLarge is Put.
func (z *ZSet) putLarge(member []byte, score float64) (added, changed bool) {
	v := z.sorted()
	hashed := hash.Bytes(member)
	e, pos := v.elements().Find(hashed, member)
	before := v.heap.Live()
	switch {
	case e == 0:
		v.insert(hashed, member, score)
		added = true
	case scoreAt(v.heap, e) != score:
		v.change(e, pos, score)
		changed = true
	default:
		return false, false
	}
	z.resized(v.heap.Live() - before)
	return added, changed
}

// removeLarge is Remove.
func (z *ZSet) removeLarge(member []byte) bool {
	v := z.sorted()
	e, pos := v.elements().Find(hash.Bytes(member), member)
	if e == 0 {
		return false
	}
	if v.elements().Len() == 1 {
		z.db.Remove(&z.it)
		return true
	}
	before := v.heap.Live()
	v.remove(e, pos)
	z.resized(v.heap.Live() - before)
	return true
}

// cutLarge removes n members from that rank on; others stay.
func (z *ZSet) cutLarge(from, n int) {
	v := z.sorted()
	before := v.heap.Live()
	for n > 0 {
		n -= v.removeRow(from, n)
	}
	z.resized(v.heap.Live() - before)
}

// score is Score.
func (v sorted) score(member []byte) (score float64, ok bool) {
	e, _ := v.elements().Find(hash.Bytes(member), member)
	if e == 0 {
		return 0, false
	}
	return scoreAt(v.heap, e), true
}

// rank is Rank.
func (v sorted) rank(member []byte) (rank int, score float64, ok bool) {
	if score, ok = v.score(member); !ok {
		return 0, 0, false
	}
	var c tree.Cursor
	_, i := v.place(&c, scores.Key(score), member)
	return c.Before() + i, score, true
}

// rankOfScore is RankOfScore.
func (v sorted) rankOfScore(score float64, after bool) int {
	var c tree.Cursor
	key := scores.Key(score)
	v.leaves().Search(&c, key, func(mem.Ref) bool { return after })
	l := scores.At(v.heap, c.Leaf())
	if after {
		return c.Before() + l.UpTo(key)
	}
	return c.Before() + l.Below(key)
}

// rankOfMember is RankOfMember.
func (v sorted) rankOfMember(bound []byte, after bool) int {
	var c tree.Cursor
	v.leaves().First(&c)
	l, i := v.place(&c, c.Key(), bound)
	rank := c.Before() + i
	if after && i < l.Len() && string(v.member(l, i)) == string(bound) {
		rank++
	}
	return rank
}

// each is Each.
func (v sorted) each(from, n int, reverse bool, fn func(m Value, score float64) bool) {
	for w := v.walk(from, reverse); n > 0; n-- {
		if m, score, ok := w.Next(); !ok || !fn(m, score) {
			return
		}
	}
}

// scan is Scan.
func (v sorted) scan(cursor uint64, count int, fn func(m Value, score float64)) (next uint64) {
	t := v.elements()
	seen := 0
	for steps := 0; seen < count && steps/10 < count; steps++ {
		cursor = t.Scan(cursor, func(e mem.Ref) {
			seen++
			fn(scoredAt(v.heap, e))
		})
		if cursor == 0 {
			break
		}
	}
	return cursor
}

// drawLarge is Draw.
func (z *ZSet) drawLarge(n int, fn func(m Value, score float64) bool) {
	v := z.sorted()
	t := v.elements()
	for more := true; more && n > 0; n-- {
		more = fn(scoredAt(v.heap, t.Random(z.db.Rand())))
	}
}

// IsBig tells whether the set can be frozen.
func (z *ZSet) IsBig() bool { return z.it.ref != 0 && z.it.isBig() }

// Freeze gives the set, which IsBig, as it is now; see DB.Freeze.
func (z *ZSet) Freeze() *Frozen { return z.db.Freeze(&z.it) }

// Members goes through the members of a sorted set that is frozen, upwards from the one of a rank, which is there, or downwards if
// reverse is set. Members are valid until the view is released.
func (f *Frozen) Members(rank int, reverse bool) Members {
	r := &f.at.root.roots
	return sorted{body: r.body(EncSkiplist, f.at.b.heap)}.walk(rank, reverse)
}
