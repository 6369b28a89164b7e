// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// EachBlock calls fn with every block of entries in their order, in place: for who writes the stream to a file. The stream must not
// change meanwhile.
func (s *Stream) EachBlock(fn func(b entries.Block)) {
	if !s.Exists() {
		return
	}
	v := s.body()
	v.leaves().Each(func(leaf mem.Ref, _ int) bool {
		fn(entryBlock(v.heap, leaf))
		return true
	})
}

// BlockWalk goes through the blocks of entries of a stream that is frozen.
type BlockWalk struct {
	v    body
	at   tree.Cursor
	more bool
}

// Blocks begins a walk. The value is a stream.
func (f *Frozen) Blocks() *BlockWalk {
	w := &BlockWalk{v: f.at.root.body(EncStream, f.at.b.heap)}
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
