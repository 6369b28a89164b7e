// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/ds/tree"
)

// BlockWalk goes through the blocks of entries of a stream that is frozen.
type BlockWalk struct {
	v    body
	at   tree.Cursor
	more bool
}

// Blocks begins a walk. The value is a stream.
func (f *Frozen) Blocks() *BlockWalk {
	w := &BlockWalk{v: f.stream()}
	w.more = w.v.leaves().First(&w.at)
	return w
}

// Next gives the next block, which stays what it is until the view is released; false at the end.
func (w *BlockWalk) Next() (b entries.Block, ok bool) {
	if !w.more {
		return nil, false
	}
	b = w.v.block(&w.at)
	w.more = w.at.Next()
	return b, true
}

// EachID calls fn with the IDs of the consumer's pending entries from one on, in their order, until it gives false. fn must not change the
// group.
func (c Consumer) EachID(from StreamID, fn func(id StreamID) bool) {
	key := idRow(from)
	c.ids().each(&key, func(r *rows.Row) bool { return fn(rowID(r)) })
}
