// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// KindOf gives how a value is written for a version, or if that cannot say what there is to be said, for the lowest that can: see
// Kind.Version.
func KindOf(db *store.DB, it *store.Item, version int) Kind {
	packed := it.Encoding() == store.EncListpack || it.Encoding() == store.EncListpackEx
	switch it.Type() {
	case store.TypeList:
		return listKind(version)
	case store.TypeSet:
		return setKind(it, version)
	case store.TypeZSet:
		return zsetKind(packed, version)
	case store.TypeHash:
		return hashKind(it, packed, version)
	case store.TypeArray:
		return KindArray
	case store.TypeStream:
		return streamKind(db.StreamOf(it), version)
	}
	return KindString
}

func listKind(version int) Kind {
	if version >= KindListQuicklist2.Version() {
		return KindListQuicklist2
	}
	return KindList
}

func setKind(it *store.Item, version int) Kind {
	switch {
	case it.Encoding() == store.EncIntset:
		return KindSetIntset
	case it.Encoding() == store.EncListpack && version >= KindSetListpack.Version():
		return KindSetListpack
	}
	return KindSet
}

func zsetKind(packed bool, version int) Kind {
	switch {
	case packed && version >= KindZSetListpack.Version():
		return KindZSetListpack
	case version >= KindZSet2.Version():
		return KindZSet2
	}
	return KindZSet
}

// hashKind is KindOf for a hash. One whose fields no longer expire keeps the layout of those that do where a version has that.
func hashKind(it *store.Item, packed bool, version int) Kind {
	timed := it.LeastTime() != 0
	switch {
	case it.Encoding() == store.EncListpackEx && (timed || version >= KindHashTimedPack.Version()):
		return KindHashTimedPack
	case packed && version >= KindHashListpack.Version():
		return KindHashListpack
	case timed:
		return KindHashTimed
	}
	return KindHash
}

// Kind appends the byte that says how a value is laid out.
func (w *Writer) Kind(k Kind) { w.buf = append(w.buf, byte(k)) }

// Value appends a value, of the kind that KindOf gives for it. It is copied whole: for one that IsBig see Stream.
func (w *Writer) Value(db *store.DB, it *store.Item, kind Kind) {
	switch it.Type() {
	case store.TypeString:
		w.string(it)
	case store.TypeList:
		w.list(db.ListOf(it), kind)
	case store.TypeSet:
		w.set(db.SetOf(it), it, kind)
	case store.TypeZSet:
		w.zset(db.ZSetOf(it), kind)
	case store.TypeHash:
		w.hash(db.HashOf(it), it, kind)
	case store.TypeArray:
		w.array(db.ArrayOf(it))
	case store.TypeStream:
		w.stream(db.StreamOf(it), kind)
	}
}

func (w *Writer) string(it *store.Item) {
	if v, ok := it.Int(); ok {
		w.buf = appendInt(w.buf, v)
		return
	}
	w.text(it.Slice(0, it.TextLen(), w.room[:0]))
}

func (w *Writer) list(l store.List, kind Kind) {
	if kind == KindList {
		w.len(l.Len())
		l.Each(0, l.Len(), false, func(v store.Value) bool {
			w.element(v)
			return true
		})
		return
	}
	w.len(l.CountLeaves())
	l.EachLeaf(w.leaf)
}

// leaf appends a node of a list. Redis 7.0, whose version is 10, packs even an element by itself, unless it has a gigabyte: here
// those are packed too that are not so long that the copy matters.
func (w *Writer) leaf(p store.Leaf) {
	const plainFrom = 11
	switch {
	case p.Plain && w.version < plainFrom && len(p.Data) <= maxPackText:
		w.len(nodePacked)
		w.beginPack()
		w.entry(store.Value{Bytes: p.Data})
		w.endPack(1)
	case p.Plain:
		w.len(nodePlain)
		w.text(p.Data)
	case p.Unpacked > 0:
		w.len(nodePacked)
		w.packed(p.Data, p.Unpacked)
	default:
		w.len(nodePacked)
		w.text(p.Data)
	}
}

func (w *Writer) set(s store.Set, it *store.Item, kind Kind) {
	switch kind {
	case KindSetIntset:
		b := it.Blob()
		w.text(b[:intset.Size(b)])
	case KindSetListpack:
		w.beginPack()
		s.Each(func(member store.Value) bool {
			w.entry(member)
			return true
		})
		w.endPack(s.Len())
	default:
		w.len(s.Len())
		s.Each(func(member store.Value) bool {
			w.element(member)
			return true
		})
	}
}

// zset appends a sorted set: a packed one upwards, as it is in Redis, any other downwards, since so it is read faster there.
func (w *Writer) zset(z store.ZSet, kind Kind) {
	n := z.Len()
	if kind != KindZSetListpack {
		w.len(n)
		z.Each(n-1, n, true, func(member store.Value, score float64) bool {
			w.scored(member, score, kind)
			return true
		})
		return
	}
	var room [num.MaxDoubleLen]byte
	w.beginPack()
	z.Each(0, n, false, func(member store.Value, score float64) bool {
		w.entry(member)
		if n := int64(score); float64(n) == score && int64(int32(n)) == n { // most are; AppendDouble writes it the same way
			w.entry(store.Value{Int: n})
		} else {
			w.entry(store.Value{Bytes: num.AppendDouble(room[:0], score)})
		}
		return true
	})
	w.endPack(2 * n)
}

// scored appends a member and its score.
func (w *Writer) scored(member store.Value, score float64, kind Kind) {
	w.element(member)
	switch {
	case kind == KindZSet2:
		w.buf = appendDouble(w.buf, score)
	case math.IsNaN(score):
		w.buf = append(w.buf, scoreNaN)
	case math.IsInf(score, 1):
		w.buf = append(w.buf, scoreInf)
	case math.IsInf(score, -1):
		w.buf = append(w.buf, scoreMinusInf)
	default:
		at := len(w.buf)
		w.buf = num.AppendDouble(append(w.buf, 0), score)
		w.buf[at] = byte(len(w.buf) - at - 1)
	}
}

func (w *Writer) hash(h store.Hash, it *store.Item, kind Kind) {
	n := h.Len()
	if h.Overdue() {
		n = 0
		h.Each(func(store.Pair) bool { n++; return true })
	}
	least := it.LeastTime()
	switch kind {
	case KindHashListpack, KindHashTimedPack:
		w.packHash(h, n, least, kind)
		return
	case KindHashTimed:
		w.time(least)
	default:
		least = 0
	}
	w.len(n)
	h.Each(func(p store.Pair) bool {
		w.field(p, least)
		return true
	})
}

// packHash is hash for a listpack.
func (w *Writer) packHash(h store.Hash, n int, least int64, kind Kind) {
	timed, entries := kind == KindHashTimedPack, 2*n
	if timed {
		w.time(least)
		entries = 3 * n
	}
	w.beginPack()
	h.Each(func(p store.Pair) bool {
		w.entry(p.Field)
		w.entry(p.Value)
		if timed {
			w.entry(store.Value{Int: p.Expiry})
		}
		return true
	})
	w.endPack(entries)
}

// field appends a field and its value, and in front of them, if least is not 0, its time counted from that, which is the first at which
// one expires.
func (w *Writer) field(p store.Pair, least int64) {
	switch {
	case least == 0:
	case p.Expiry == 0:
		w.len(0)
	default:
		w.len(int(p.Expiry-least) + 1)
	}
	w.element(p.Field)
	w.element(p.Value)
}

// time appends a time in Unix ms.
func (w *Writer) time(at int64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(at)) }
