// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/ds/scores"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// ZSetDraft is a sorted set in the making, whose members may come in any order. It is packed until Spread makes it a large one, or it has
// come to more bytes than can be packed. Members get their order when it is attached.
type ZSetDraft struct {
	bodyDraft
	n     int    // members of a packed draft
	blob  []byte // of such a one
	names names  // of such a one
	refs  []scoredRef
	minus bool // a packed member has the score -0, which it is to lose if the set stays packed
	order arrivals
	last  Scored // the member that came last
	text  [num.MaxIntLen]byte
	room  scoreRoom
}

// scoredRef is an element of a large draft.
type scoredRef struct {
	key uint64 // of its score
	e   mem.Ref
}

// arrivals is how members have come.
type arrivals struct{ up, down bool }

// note notes how a member compares with the one before it.
func (o *arrivals) note(cmp int) {
	o.up = o.up && cmp > 0
	o.down = o.down && cmp < 0
}

// Begin begins a sorted set.
func (d *ZSetDraft) Begin(db *DB) {
	d.db, d.enc, d.n, d.order, d.minus = db, EncListpack, 0, arrivals{true, true}, false
	d.names.reset()
	if cap(d.blob) > keptBlob {
		d.blob = nil
	}
	d.blob = append(d.blob[:0], make([]byte, pairs.HeaderSize)...)
}

// Type gives TypeZSet.
func (d *ZSetDraft) Type() Type { return TypeZSet }

// Len tells how many members there are.
func (d *ZSetDraft) Len() int {
	if d.enc == EncSkiplist {
		return len(d.refs)
	}
	return d.n
}

// Add adds a member, which is copied, and its score, which is not NaN; false when there is such a member already.
func (d *ZSetDraft) Add(member Value, score float64) (added bool) {
	text := Text(member, d.text[:0])
	if d.enc != EncSkiplist {
		if len(d.blob)+len(text) < maxPacked {
			return d.addPacked(text, score)
		}
		d.Spread()
	}
	return d.addLarge(text, score)
}

func (d *ZSetDraft) addPacked(member []byte, score float64) (added bool) {
	var p pairs.Pair
	encodeScored(&p, member, score, &d.room)
	if score == 0 && math.Signbit(score) {
		binary.LittleEndian.PutUint64(d.room[:], math.Float64bits(score))
		p, d.minus = pairs.Pair{}, true
		p.EncodeRaw(member, d.room[:scoreSize])
	}
	if d.names.add(member) {
		if off, _ := p.Find(d.blob); off != 0 {
			return false
		}
	}
	if d.n > 0 {
		d.order.note(compareScored(score, member, d.last.Score, d.last.Member))
	}
	d.blob = appendPair(d.blob, &p)
	d.last.Member, d.last.Score = append(d.last.Member[:0], member...), score
	d.n++
	return true
}

// compareScored compares scores, or if they are equal members.
func compareScored(score float64, member []byte, otherScore float64, other []byte) int {
	switch {
	case score < otherScore:
		return -1
	case score > otherScore:
		return 1
	}
	return bytes.Compare(member, other)
}

func (d *ZSetDraft) addLarge(member []byte, score float64) (added bool) {
	t := d.table()
	hashed := hash.Bytes(member)
	if e, _ := t.Find(hashed, member); e != 0 {
		return false
	}
	e := newScored(d.heap, member, score) // what there is of it when memory is refused goes with the draft
	t.Insert(hashed, e)
	r := scoredRef{scores.Key(score), e}
	if n := len(d.refs); n > 0 {
		d.order.note(d.compare(r, d.refs[n-1]))
	}
	d.refs = append(d.refs, r)
	return true
}

// compare compares elements.
func (d *ZSetDraft) compare(a, b scoredRef) int {
	switch {
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	}
	return bytes.Compare(fieldKey(d.heap, a.e), fieldKey(d.heap, b.e))
}

// Spread makes the draft a large one, if it is none.
func (d *ZSetDraft) Spread() {
	if d.enc == EncSkiplist {
		return
	}
	d.open(EncSkiplist)
	d.refs, d.order = d.refs[:0], arrivals{true, true}
	eachPacked(d.blob, EncListpack, func(p Pair) bool {
		return d.addLarge(Text(p.Field, d.text[:0]), packedScore(pairs.Value(p.Value)))
	})
	d.blob = d.blob[:pairs.HeaderSize]
}

// Attach makes the draft the value of a key; see Draft.
func (d *ZSetDraft) Attach(key []byte, at int64) {
	if d.enc == EncSkiplist {
		d.plant()
		d.attach(key, TypeZSet, at, 0)
		return
	}
	if !d.order.up || d.minus {
		d.sortPacked()
	}
	pairs.SetCount(d.blob, d.n)
	d.db.putBlob(key, TypeZSet, EncListpack, d.blob, at)
}

// sortPacked puts the pairs of a packed draft in order.
func (d *ZSetDraft) sortPacked() {
	members := make([]Scored, 0, d.n)
	for off := pairs.First(d.blob); off != 0; {
		var m, v pairs.Value
		m, v, off = pairs.Read(d.blob, off)
		members = append(members, Scored{Text(Value(m), nil), packedScore(v)})
	}
	slices.SortFunc(members, func(a, b Scored) int { return compareScored(a.Score, a.Member, b.Score, b.Member) })
	sorted := make([]byte, pairs.HeaderSize, len(d.blob))
	for _, m := range members {
		var room scoreRoom
		var p pairs.Pair
		encodeScored(&p, m.Member, m.Score, &room)
		sorted = appendPair(sorted, &p)
	}
	d.blob = sorted
}

// plant makes the tree of a large draft.
func (d *ZSetDraft) plant() {
	switch {
	case d.order.up:
	case d.order.down:
		slices.Reverse(d.refs)
	default:
		compared := 0
		slices.SortFunc(d.refs, func(a, b scoredRef) int {
			if compared++; compared%(16*tickEvery) == 0 {
				d.db.v.tick()
			}
			return d.compare(a, b)
		})
	}
	s := sorter{v: sorted{body: d.body()}}
	for i, r := range d.refs {
		s.append(r.e, r.key)
		if i%tickEvery == tickEvery-1 {
			d.db.v.tick()
		}
	}
	if d.refs = d.refs[:0]; cap(d.refs) > keptBlob/16 {
		d.refs = nil
	}
}
