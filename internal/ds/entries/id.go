// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"cmp"
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// ID names an entry of a stream. IDs are ordered by Ms, then by Seq; the zero ID is the least, and no entry has it.
type ID struct {
	Ms  uint64 // a Unix time in ms, or whatever a client has chosen
	Seq uint64 // tells entries of one Ms apart
}

// MaxID gives the greatest ID.
func MaxID() ID { return ID{Ms: math.MaxUint64, Seq: math.MaxUint64} }

// Compare gives -1, 0 or 1 as an ID is less than, equal to or greater than another.
func (id ID) Compare(other ID) int {
	if c := cmp.Compare(id.Ms, other.Ms); c != 0 {
		return c
	}
	return cmp.Compare(id.Seq, other.Seq)
}

// Less tells whether an ID comes before another.
func (id ID) Less(other ID) bool {
	return id.Ms < other.Ms || id.Ms == other.Ms && id.Seq < other.Seq
}

// Next gives the ID that follows at once; false, and the zero ID, for the greatest.
func (id ID) Next() (ID, bool) {
	if id.Seq++; id.Seq == 0 {
		id.Ms++
	}
	return id, id != ID{}
}

// Prev gives the ID that precedes at once; false, and the greatest ID, for the zero ID.
func (id ID) Prev() (ID, bool) {
	ok := id != ID{}
	if id.Seq--; id.Seq == math.MaxUint64 {
		id.Ms--
	}
	return id, ok
}

// MaxIDText is the longest text of an ID.
const MaxIDText = 2*num.MaxIntLen + 1

// AppendText appends the ID as clients see it, "ms-seq".
func (id ID) AppendText(dst []byte) []byte {
	return num.AppendUint(append(num.AppendUint(dst, id.Ms), '-'), id.Seq)
}
