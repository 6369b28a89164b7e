// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math/bits"

	"github.com/redpoll/redpoll/internal/mem"
)

// RadixNodes tells how many nodes the radix tree has that Redis keeps a stream's blocks of entries in, by the IDs that they begin with.
// tick is called every so often; when it gives an error, that is returned.
//
// Such a tree has a node at each place where IDs part. Bytes that all IDs have in common between two such places, or from the last one
// to the end of an ID, are one node more, and so is the end of each ID. An ID has 16 bytes, of which the first ones are the most
// significant.
func (s *Stream) RadixNodes(tick func() error) (nodes int, err error) {
	const size = 16
	var open [size + 1]int // the places on the way to the last ID at which IDs part, and how many there are
	depth := 0
	n, common := 0, -1 // IDs so far; the bytes that the last one has in common with the one before
	var last StreamID
	// ends counts the nodes of an ID behind the last place at which it parts from the others.
	ends := func(parts int) {
		if nodes++; parts+1 < size {
			nodes++
		}
	}
	// closes counts the nodes of places behind one at which the IDs that follow part from those so far.
	closes := func(parts int) {
		for depth > 0 && open[depth-1] > parts {
			depth--
			above := parts
			if depth > 0 {
				above = max(above, open[depth-1])
			}
			if nodes++; open[depth] > above+1 {
				nodes++
			}
		}
	}
	if !s.Exists() {
		return 0, nil
	}
	v := s.body()
	v.leaves().Each(func(leaf mem.Ref, _ int) bool {
		id := entryBlock(v.heap, leaf).Master()
		if n++; n > 1 {
			parts := commonBytes(last, id)
			ends(max(common, parts))
			closes(parts)
			if depth == 0 || open[depth-1] < parts {
				open[depth] = parts
				depth++
			}
			common = parts
		}
		last = id
		if n%tickEvery == 0 {
			err = tick()
		}
		return err == nil
	})
	if n == 0 {
		return 1, err
	}
	ends(common)
	closes(-1)
	return nodes, err
}

// commonBytes tells how many bytes two IDs, which are not equal, have in common from the most significant one on.
func commonBytes(a, b StreamID) int {
	if a.Ms != b.Ms {
		return bits.LeadingZeros64(a.Ms^b.Ms) / 8
	}
	return 8 + bits.LeadingZeros64(a.Seq^b.Seq)/8
}
