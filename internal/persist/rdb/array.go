// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// How an element of an array is written, behind its index.
const (
	elementText  = 0
	elementInt   = 1 // eight bytes
	elementFloat = 2 // eight bytes: the text is the shortest that tells the number
	elementShort = 3 // a text of up to shortElement bytes
)

const (
	shortElement = 7
	// maxElementInt is the greatest integer that Redis writes as one; the least is as far from -1.
	maxElementInt = 1<<61 - 1
)

func (w *Writer) array(a store.Array) {
	w.len(a.Count())
	w.cursor(a.Next())
	a.Each(0, store.MaxIndex, false, func(index uint64, v store.Value) bool {
		w.cell(index, v)
		return true
	})
}

// cursor appends where ARINSERT goes on: Redis keeps the index before.
func (w *Writer) cursor(next uint64) {
	if next == 0 {
		w.len(0)
		return
	}
	w.len(1)
	w.buf = appendLen(w.buf, next-1)
}

// cell appends an element of an array.
func (w *Writer) cell(index uint64, v store.Value) {
	w.buf = appendLen(w.buf, index)
	if v.IsInt() && max(v.Int, -1-v.Int) <= maxElementInt {
		w.len(elementInt)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(v.Int))
		return
	}
	text := store.Text(v, w.room[:0])
	if len(text) <= shortElement {
		w.len(elementShort)
	} else {
		w.len(elementText)
	}
	w.text(text)
}

// cellParts are the elements of an array, before them what else there is to know of it.
type cellParts struct {
	walk   *store.CellWalk
	cursor uint64
	begun  bool
}

func (p *cellParts) next(w *Writer) bool {
	if !p.begun {
		p.begun = true
		w.cursor(p.cursor)
		return true
	}
	index, v, ok := p.walk.Next()
	if ok {
		w.cell(index, v)
	}
	return ok
}

// readArray reads an array.
func (r *Reader) readArray(db *store.DB) {
	r.array.Begin(db)
	a := r.array.Array()
	n, next := r.length(), uint64(0)
	switch r.length() {
	case 0:
	case 1:
		next = r.length() + 1 // a length is less than the greatest number there is
	default:
		r.fail("An array of an unknown form")
	}
	for left := n; left > 0 && r.err == nil; left-- {
		index := r.length()
		text := r.arrayElement(db)
		if r.err != nil {
			return
		}
		if index > store.MaxIndex || !a.Set(index, text) {
			r.fail("An index of an array that there cannot be, or twice the same")
		}
		r.step(db)
	}
	switch {
	case n == 0:
		r.failEmpty()
	case r.err == nil:
		a.SetNext(next)
	}
}

// arrayElement reads an element of an array, valid until the next is read.
func (r *Reader) arrayElement(db *store.DB) []byte {
	digits := &r.rooms[0].digit
	switch r.length() {
	case elementText, elementShort:
		return r.bytes(db)
	case elementInt:
		return num.AppendInt(digits[:0], int64(r.uint64()))
	case elementFloat:
		f := math.Float64frombits(r.uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			r.fail("An element of an array that is no number")
		}
		return strconv.AppendFloat(digits[:0], f, 'g', -1, 64)
	}
	r.fail("An element of an array of an unknown form")
	return nil
}
