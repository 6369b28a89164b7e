// SPDX-License-Identifier: BSD-3-Clause

// Package rows is a leaf of a sorted list of rows of numbers: a block of up to Max rows of a few columns each, in as few bytes as
// their values need. Pending entries of streams are such lists. See ds/tree for what holds the leaves together.
//
// Terms:
//
//   - A Kind is how many columns the rows of a list have, and how many of them, from the first on, are the key: rows are in the order
//     of their keys, no two of which are equal.
//   - A column has a base and a width: of each value the leaf has the difference to the base, in as many bytes as the width, which is
//     0 where all values are the same.
//   - A Layout is the bases and widths of all columns.
//   - A row fits if the leaf's layout can tell its values. One that does not needs another leaf, with a layout of all rows.
//
// Invariants: the rows of a leaf lie one behind the other, each of them as long as the widths together; behind the last one there is
// some slack, so that every value can be read as eight bytes. A row of a key column is never below its base.
//
// Nothing here allocates. Whoever changes a leaf sees to it that it is not frozen and has room.
package rows

import (
	"encoding/binary"
	"math/bits"

	"github.com/redpoll/redpoll/internal/mem"
)

const (
	// Columns is how many columns a row has at most.
	Columns = 5
	// Max is how many rows a leaf has at most.
	Max = 256

	fixedSize = 8 // rows, bytes of the block, form; a base for each column follows
	slack     = 8 // a column of width 0 may be read behind the last row
)

// Row is a row's values; those behind the columns that there are are 0.
type Row [Columns]uint64

// Kind is what all leaves of a list have in common.
type Kind struct {
	Columns uint8 // 1 to Columns
	Keys    uint8 // 1 to Columns
}

// Layout says how a leaf keeps its rows.
type Layout struct {
	kind   Kind
	widths [Columns]uint8
	bases  Row
}

// LayoutOf gives the narrowest layout in which rows fit, of which there is one at least.
func LayoutOf(k Kind, list []Row) Layout {
	l := Layout{kind: k}
	for c := range k.Columns {
		least, most := list[0][c], list[0][c]
		for i := 1; i < len(list); i++ {
			least, most = min(least, list[i][c]), max(most, list[i][c])
		}
		l.widths[c] = widthOf(most - least)
		if l.bases[c] = least; l.widths[c] > 0 && widthOf(most) == l.widths[c] {
			l.bases[c] = 0 // so that lesser values fit too
		}
	}
	return l
}

// widthOf gives the bytes of a number, 0 for 0.
func widthOf(v uint64) uint8 { return uint8(bits.Len64(v)+7) / 8 }

// For gives a layout as wide, for rows that begin with the given one.
func (l Layout) For(row *Row) Layout {
	for c := range l.kind.Columns {
		if w := l.widths[c]; w == 0 || widthOf(row[c]) > w {
			l.bases[c] = row[c]
		} else {
			l.bases[c] = 0
		}
	}
	return l
}

// stride gives the bytes of a row.
func (l *Layout) stride() int {
	n := 0
	for _, w := range l.widths {
		n += int(w)
	}
	return n
}

// Size gives the bytes that a leaf of so many rows needs.
func (l *Layout) Size(n int) int {
	return fixedSize + 8*int(l.kind.Columns) + n*l.stride() + slack
}

// form is what a leaf's header says of its layout: the width of each column in four bits, the bytes of a row in six, how many columns there
// are and how many are of the key in three each.
type form uint32

const (
	rowShift     = 4 * Columns
	columnsShift = rowShift + 6
	keysShift    = columnsShift + 3
)

func (f form) width(c int) int { return int(f>>(4*c)) & 15 }
func (f form) row() int        { return int(f>>rowShift) & 63 }
func (f form) columns() int    { return int(f>>columnsShift) & 7 }
func (f form) keys() int       { return int(f >> keysShift) }

// form gives the layout's form.
func (l *Layout) form() form {
	f := form(l.stride())<<rowShift | form(l.kind.Columns)<<columnsShift | form(l.kind.Keys)<<keysShift
	for c, w := range l.widths {
		f |= form(w) << (4 * c)
	}
	return f
}

// Leaf is a view of a leaf. It is good until the block is freed.
type Leaf struct {
	b    []byte
	n    int
	form form
}

// At gives the leaf at r.
func At(h *mem.Heap, r mem.Ref) Leaf {
	head := binary.LittleEndian.Uint64(h.Bytes(r, fixedSize))
	return Leaf{b: h.Bytes(r, int(head>>16&0xffff)), n: int(head & 0xffff), form: form(head >> 32)}
}

// Size gives the bytes that the leaf at r was allocated with.
func Size(h *mem.Heap, r mem.Ref) int { return int(binary.LittleEndian.Uint16(h.Bytes(r, 4)[2:])) }

// New makes a block of less than 64 KB a leaf without rows.
func New(b []byte, layout Layout) Leaf {
	l := Leaf{b: b, form: layout.form()}
	binary.LittleEndian.PutUint16(b, 0)
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	binary.LittleEndian.PutUint32(b[4:], uint32(l.form))
	for c := range layout.kind.Columns {
		binary.LittleEndian.PutUint64(b[fixedSize+8*int(c):], layout.bases[c])
	}
	return l
}

// Layout gives the leaf's layout.
func (l *Leaf) Layout() Layout {
	o := Layout{kind: Kind{Columns: uint8(l.form.columns()), Keys: uint8(l.form.keys())}}
	for c := range o.kind.Columns {
		o.widths[c], o.bases[c] = uint8(l.form.width(int(c))), l.base(int(c))
	}
	return o
}

func (l *Leaf) base(c int) uint64 { return binary.LittleEndian.Uint64(l.b[fixedSize+8*c:]) }

// at gives where the i-th row begins.
func (l *Leaf) at(i int) int { return fixedSize + 8*l.form.columns() + i*l.form.row() }

// Moved makes a copy of a leaf's block, which may be longer or shorter, a leaf of the same rows.
func Moved(b []byte) { binary.LittleEndian.PutUint16(b[2:], uint16(len(b))) }

// Len tells how many rows there are.
func (l *Leaf) Len() int { return l.n }

// Used gives the bytes of the block that are needed.
func (l *Leaf) Used() int { return l.Needs(l.n) }

// Needs gives the bytes that so many rows need that fit.
func (l *Leaf) Needs(n int) int { return l.at(n) + slack }

// Room tells how many rows the block has room for.
func (l *Leaf) Room() int {
	row := l.form.row()
	if row == 0 {
		return Max
	}
	return min((len(l.b)-l.at(0)-slack)/row, Max)
}

// value gives a value of the row at an offset, and where the next one lies.
func (l *Leaf) value(at, c int) (v uint64, next int) {
	w := l.form.width(c)
	return l.base(c) + binary.LittleEndian.Uint64(l.b[at:])&maskOf(w), at + w
}

// maskOf gives the bits of a width.
func maskOf(width int) uint64 { return 1<<(8*width) - 1 } // a shift by 64 gives 0

// Row gives the i-th row.
func (l *Leaf) Row(i int) (r Row) {
	at := l.at(i)
	for c := range l.form.columns() {
		r[c], at = l.value(at, c)
	}
	return r
}

// Rows appends all rows to a list.
func (l *Leaf) Rows(to []Row) []Row {
	for i := range l.n {
		to = append(to, l.Row(i))
	}
	return to
}

// Find tells how many rows are before the one with a row's key, and whether that is there.
func (l *Leaf) Find(key *Row) (i int, ok bool) {
	first, n := 0, l.n
	for n > 0 {
		half := n / 2
		switch l.Compare(first+half, key) {
		case 0:
			return first + half, true
		case -1:
			first += half + 1
			n -= half + 1
		default:
			n = half
		}
	}
	return first, false
}

// Compare compares the key of the i-th row with another.
func (l *Leaf) Compare(i int, key *Row) int {
	at := l.at(i)
	var v uint64
	for c := range l.form.keys() {
		if v, at = l.value(at, c); v != key[c] {
			if v < key[c] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// Fits tells whether a row fits.
func (l *Leaf) Fits(r *Row) bool {
	for c := range l.form.columns() {
		if base := l.base(c); r[c] < base || (r[c]-base)&^maskOf(l.form.width(c)) != 0 {
			return false
		}
	}
	return true
}

// Set makes another row, which fits, the i-th.
func (l *Leaf) Set(i int, r *Row) {
	at := l.at(i)
	for c := range l.form.columns() {
		d := r[c] - l.base(c)
		for range l.form.width(c) {
			l.b[at] = byte(d)
			d >>= 8
			at++
		}
	}
}

// Insert makes a row, which fits, the i-th. There is room for it.
func (l *Leaf) Insert(i int, r *Row) {
	at, next := l.at(i), l.at(i+1)
	copy(l.b[next:], l.b[at:l.at(l.n)])
	l.resize(l.n + 1)
	l.Set(i, r)
}

// Remove takes the i-th row out.
func (l *Leaf) Remove(i int) {
	copy(l.b[l.at(i):], l.b[l.at(i+1):l.at(l.n)])
	l.resize(l.n - 1)
}

// Append adds rows, which fit and for which there is room, at the end.
func (l *Leaf) Append(list []Row) {
	n := l.n
	l.resize(n + len(list))
	for i := range list {
		l.Set(n+i, &list[i])
	}
}

func (l *Leaf) resize(n int) {
	l.n = n
	binary.LittleEndian.PutUint16(l.b, uint16(n))
}
