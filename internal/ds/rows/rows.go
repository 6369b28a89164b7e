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

	fixedSize = 8 // rows, bytes of the block, kind and widths; a base for each column follows
	slack     = 8 // a column of width 0 may be read behind the last row
)

// Row is a row's values; those behind the columns that there are are 0.
type Row [Columns]uint64

// Kind is what all leaves of a list have in common.
type Kind struct {
	Columns uint8 // 1 to Columns
	Keys    uint8 // 1 to Columns
}

// Compare compares the keys of two rows.
func (k Kind) Compare(a, b *Row) int {
	for c := range k.Keys {
		if a[c] != b[c] {
			if a[c] < b[c] {
				return -1
			}
			return 1
		}
	}
	return 0
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

// Leaf is a view of a leaf. It is good until the block is freed.
type Leaf struct {
	Layout
	b     []byte
	n     int
	first int // where the rows begin
	row   int // bytes of one
}

// At gives the leaf at r.
func At(h *mem.Heap, r mem.Ref) Leaf {
	b := h.Bytes(r, Size(h, r))
	l := Leaf{b: b, n: int(binary.LittleEndian.Uint16(b))}
	form := binary.LittleEndian.Uint32(b[4:])
	l.kind = Kind{Columns: uint8(form >> 28), Keys: uint8(form>>24) & 15}
	for c := range l.kind.Columns {
		l.widths[c] = uint8(form>>(4*c)) & 15
		l.bases[c] = binary.LittleEndian.Uint64(b[fixedSize+8*int(c):])
	}
	l.first, l.row = fixedSize+8*int(l.kind.Columns), l.stride()
	return l
}

// Size gives the bytes that the leaf at r was allocated with.
func Size(h *mem.Heap, r mem.Ref) int { return int(binary.LittleEndian.Uint16(h.Bytes(r, 4)[2:])) }

// New makes a block of less than 64 KB a leaf without rows.
func New(b []byte, layout Layout) Leaf {
	binary.LittleEndian.PutUint16(b, 0)
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	form := uint32(layout.kind.Columns)<<28 | uint32(layout.kind.Keys)<<24
	for c := range layout.kind.Columns {
		form |= uint32(layout.widths[c]) << (4 * c)
		binary.LittleEndian.PutUint64(b[fixedSize+8*int(c):], layout.bases[c])
	}
	binary.LittleEndian.PutUint32(b[4:], form)
	return Leaf{Layout: layout, b: b, first: fixedSize + 8*int(layout.kind.Columns), row: layout.stride()}
}

// Moved makes a copy of a leaf's block, which may be longer or shorter, a leaf of the same rows.
func Moved(b []byte) { binary.LittleEndian.PutUint16(b[2:], uint16(len(b))) }

// Len tells how many rows there are.
func (l *Leaf) Len() int { return l.n }

// Used gives the bytes of the block that are needed.
func (l *Leaf) Used() int { return l.first + l.n*l.row + slack }

// Room tells how many rows the block has room for.
func (l *Leaf) Room() int {
	if l.row == 0 {
		return Max
	}
	return min((len(l.b)-l.first-slack)/l.row, Max)
}

// value gives a value of the row at an offset, and where the next one lies.
func (l *Leaf) value(at int, c uint8) (v uint64, next int) {
	w := l.widths[c]
	return l.bases[c] + binary.LittleEndian.Uint64(l.b[at:])&maskOf(w), at + int(w)
}

// maskOf gives the bits of a width.
func maskOf(width uint8) uint64 { return 1<<(8*width) - 1 } // a shift by 64 gives 0

// Row gives the i-th row.
func (l *Leaf) Row(i int) (r Row) {
	at := l.first + i*l.row
	for c := range l.kind.Columns {
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
	at := l.first + i*l.row
	var v uint64
	for c := range l.kind.Keys {
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
func (l *Layout) Fits(r *Row) bool {
	for c := range l.kind.Columns {
		if (r[c]-l.bases[c])&^maskOf(l.widths[c]) != 0 || r[c] < l.bases[c] {
			return false
		}
	}
	return true
}

// Set makes another row, which fits, the i-th.
func (l *Leaf) Set(i int, r *Row) {
	at := l.first + i*l.row
	for c := range l.kind.Columns {
		d := r[c] - l.bases[c]
		for range l.widths[c] {
			l.b[at] = byte(d)
			d >>= 8
			at++
		}
	}
}

// Insert makes a row, which fits, the i-th. There is room for it.
func (l *Leaf) Insert(i int, r *Row) {
	at := l.first + i*l.row
	copy(l.b[at+l.row:], l.b[at:l.first+l.n*l.row])
	l.resize(l.n + 1)
	l.Set(i, r)
}

// Remove takes the i-th row out.
func (l *Leaf) Remove(i int) {
	at := l.first + i*l.row
	copy(l.b[at:], l.b[at+l.row:l.first+l.n*l.row])
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
