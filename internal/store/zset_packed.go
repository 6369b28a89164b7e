// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/num"
)

// A packed sorted set is a blob of pairs (see ds/pairs): members and their scores, in their order. A score that is a whole number
// of 32 bits is that number, so that -0 becomes 0, as in Redis; any other is its eight bytes as the processor has them,
// little-endian. The text of a whole number that is kept as a text has at most three bytes, so the two cannot be mistaken for
// each other.

// scoreSize is the bytes of a score as the processor has it.
const scoreSize = 8

// packedZSet is the blob.
type packedZSet []byte

func (z *ZSet) packed() packedZSet { return packedZSet(z.it.Blob()) }

// packedScore reads a score.
func packedScore(v pairs.Value) float64 {
	switch {
	case v.Bytes == nil:
		return float64(v.Int)
	case len(v.Bytes) == scoreSize:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.Bytes))
	}
	n, _ := num.ParseInt(v.Bytes)
	return float64(n)
}

// scoreRoom is where the text of a score is written.
type scoreRoom [num.MaxIntLen]byte

// encodeScored makes p, which must be zero, the pair of a member and its score. It refers to both the member and the room.
func encodeScored(p *pairs.Pair, member []byte, score float64, room *scoreRoom) {
	if score >= math.MinInt32 && score <= math.MaxInt32 {
		if n := int64(score); float64(n) == score {
			p.Encode(member, num.AppendInt(room[:0], n))
			return
		}
	}
	binary.LittleEndian.PutUint64(room[:], math.Float64bits(score))
	p.EncodeRaw(member, room[:scoreSize])
}

func (b packedZSet) len() int { return pairs.Count(b) }

func (b packedZSet) score(member []byte) (score float64, ok bool) {
	off, _ := pairs.Find(b, member)
	if off == 0 {
		return 0, false
	}
	_, v, _ := pairs.Read(b, off)
	return packedScore(v), true
}

func (b packedZSet) rank(member []byte) (rank int, score float64, ok bool) {
	found, _ := pairs.Find(b, member)
	if found == 0 {
		return 0, 0, false
	}
	off := pairs.First(b)
	for ; off != found; rank++ {
		_, _, off = pairs.Read(b, off)
	}
	_, v, _ := pairs.Read(b, off)
	return rank, packedScore(v), true
}

// until tells how many pairs from the begin on pass.
func (b packedZSet) until(pass func(m, score pairs.Value) bool) (n int) {
	for off := pairs.First(b); off != 0; n++ {
		var m, v pairs.Value
		if m, v, off = pairs.Read(b, off); !pass(m, v) {
			break
		}
	}
	return n
}

func (b packedZSet) rankOfScore(score float64, after bool) int {
	return b.until(func(_, v pairs.Value) bool {
		s := packedScore(v)
		return s < score || after && s == score
	})
}

func (b packedZSet) rankOfMember(bound []byte, after bool) int {
	var text [num.MaxIntLen]byte
	return b.until(func(m, _ pairs.Value) bool {
		order := bytes.Compare(Text(Value(m), text[:0]), bound)
		return order < 0 || after && order == 0
	})
}

// skip gives the end of n pairs from off on.
func (b packedZSet) skip(off, n int) (end int) {
	for ; n > 0; n-- {
		off = pairs.Skip(b, off)
	}
	return off
}

// at gives the offset of the pair of that rank.
func (b packedZSet) at(rank int) (off int) { return b.skip(pairs.HeaderSize, rank) }

func (b packedZSet) up(from, n int, fn func(m Value, score float64) bool) {
	for off := b.at(from); n > 0; n-- {
		var m, v pairs.Value
		if m, v, off = pairs.Read(b, off); !fn(Value(m), packedScore(v)) {
			return
		}
	}
}

func (b packedZSet) down(from, n int, fn func(m Value, score float64) bool) {
	var room [128]int
	offs := room[:0]
	off := b.at(from - n + 1)
	for range n {
		offs = append(offs, off)
		off = pairs.Skip(b, off)
	}
	for ; n > 0; n-- {
		if m, v, _ := pairs.Read(b, offs[n-1]); !fn(Value(m), packedScore(v)) {
			return
		}
	}
}

// place gives the offset at which a pair with this member and score belongs: that of the first pair, but for the one at own,
// which is behind it, or the end of all.
func (b packedZSet) place(member []byte, score float64, own int) (off int) {
	var text [num.MaxIntLen]byte
	for off = pairs.HeaderSize; !pairs.Ended(b, off); off = pairs.Skip(b, off) {
		if off == own {
			continue
		}
		m, v, _ := pairs.Read(b, off)
		if s := packedScore(v); s > score || s == score && bytes.Compare(Text(Value(m), text[:0]), member) > 0 {
			break
		}
	}
	return off
}

// createPacked makes the key, with these members, which are all different and in their order.
func (z *ZSet) createPacked(members []Scored) {
	var room scoreRoom
	size := pairs.HeaderSize
	for _, m := range members {
		var p pairs.Pair
		encodeScored(&p, m.Member, m.Score, &room)
		size += p.Size()
	}
	var b []byte
	z.it, b = z.db.createPacked(z.key, TypeZSet, EncListpack, size)
	off := pairs.HeaderSize
	for _, m := range members {
		var p pairs.Pair
		encodeScored(&p, m.Member, m.Score, &room)
		off = p.Put(b, off)
	}
	pairs.SetCount(b, len(members))
}

// putPacked is Put for a packed set.
func (z *ZSet) putPacked(member []byte, score float64) (added, changed bool) {
	var room scoreRoom
	var p pairs.Pair
	encodeScored(&p, member, score, &room)
	b := z.packed()
	n := p.Size()
	off, end := p.Find(b)
	if off == 0 {
		to := b.place(member, score, 0)
		blob := z.it.splice(gap{at: to, n: n}, pairs.Filler)
		p.Put(blob, to)
		pairs.AddCount(blob, 1)
		return true, false
	}
	if _, v, _ := pairs.Read(b, off); packedScore(v) == score {
		return false, false
	}
	to := b.place(member, score, off)
	blob := z.it.splice(gap{at: off, cut: end - off, n: n}, pairs.Filler)
	if to > off { // what lies between goes down into the gap
		to += n - (end - off)
		copy(blob[off:], blob[off+n:to])
		to -= n
	} else {
		copy(blob[to+n:], blob[to:off])
	}
	p.Put(blob, to)
	return false, true
}

// removePacked is Remove for a packed set.
func (z *ZSet) removePacked(member []byte) bool {
	b := z.packed()
	off, end := pairs.Find(b, member)
	switch {
	case off == 0:
		return false
	case b.len() == 1:
		z.db.Remove(&z.it)
	default:
		pairs.AddCount(z.it.splice(gap{at: off, cut: end - off}, pairs.Filler), -1)
	}
	return true
}

// cutPacked removes n members from that rank on; others stay.
func (z *ZSet) cutPacked(from, n int) {
	b := z.packed()
	off := b.at(from)
	pairs.AddCount(z.it.splice(gap{at: off, cut: b.skip(off, n) - off}, pairs.Filler), -n)
}
