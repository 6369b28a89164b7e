// SPDX-License-Identifier: BSD-3-Clause

package bits

import (
	"cmp"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// operation is what BITOP does with its sources. Each is taken as followed by zeros up to the length of the longest.
type operation uint8

const (
	opAnd operation = iota
	opOr
	opXor
	opNot
	opDiff  // in the first source and in no other
	opDiff1 // not in the first source, and in some other
	opAndOr // in the first source and in some other
	opOne   // in exactly one source
	numOperations
)

func (op operation) String() string {
	return [numOperations]string{"AND", "OR", "XOR", "NOT", "DIFF", "DIFF1", "ANDOR", "ONE"}[op]
}

func parseOperation(word []byte) (operation, error) {
	for op := range numOperations {
		if command.EqualFold(word, op.String()) {
			return op, nil
		}
	}
	return 0, command.ErrSyntax
}

// check refuses a number of sources that the operation cannot take.
func (op operation) check(sources int) error {
	switch op {
	case opNot:
		if sources != 1 {
			return command.Error("ERR BITOP NOT must be called with a single source key.")
		}
	case opDiff, opDiff1, opAndOr:
		if sources < 2 {
			return command.Error("ERR BITOP " + op.String() + " must be called with at least two source keys.")
		}
	}
	return nil
}

// A source that is longer than manyPieces may have to be copied piece by piece, into a room of pieceRoom bytes.
const (
	manyPieces = 256 << 10
	pieceRoom  = 32 << 10
)

// tickBytes is how many bytes of sources are combined between two calls of Tick.
const tickBytes = 1 << 20

// combination is a BITOP at work.
type combination struct {
	op      operation
	sources []source
	scratch []byte // for long sources that do not lie in one piece
	twice   []byte // of opOne

	tick  func() error
	since int   // bytes combined since the last tick
	err   error // what a tick gave: the result will not be used
}

// source is a string that is combined, or none when its key is missing.
type source struct {
	item store.Item
	ok   bool
}

func bitOp(c *command.Ctx) error {
	op, err := parseOperation(c.Argv[1])
	if err != nil {
		return err
	}
	dest, keys := c.Argv[2], c.Argv[3:]
	if err := op.check(len(keys)); err != nil {
		return err
	}
	w := combination{op: op, sources: make([]source, len(keys)), tick: c.Tick}
	size := 0
	for i, key := range keys {
		src := &w.sources[i]
		if src.item, src.ok, err = c.DB.FindType(key, store.TypeString); err != nil {
			return err
		}
		if src.ok {
			size = max(size, src.item.TextLen())
		}
		if i%1000 == 999 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	if size == 0 {
		if c.DB.Delete(dest) {
			c.Modified("del", dest)
		}
		c.Reply.Int(0)
		return nil
	}
	if size >= manyPieces {
		w.scratch = make([]byte, 0, pieceRoom)
	}
	err = c.DB.BuildString(dest, size, func(off int, piece []byte) error {
		w.fill(off, piece)
		return cmp.Or(w.err, c.Tick())
	})
	if err != nil {
		return err
	}
	c.Modified("set", dest)
	c.Reply.Int(int64(size))
	return nil
}

// fill writes the part of the result that begins at off.
func (w *combination) fill(off int, piece []byte) {
	others, how := w.sources, mergeOr
	switch w.op {
	case opNot:
		w.load(off, piece, &w.sources[0])
		invert(piece)
		return
	case opOne:
		w.fillOne(off, piece)
		return
	case opAnd:
		how = mergeAnd
	case opXor:
		how = mergeXor
	case opDiff, opDiff1, opAndOr:
		others = w.sources[1:]
	}
	w.load(off, piece, &others[0])
	for i := range others[1:] {
		how.merge(piece, w.part(off, len(piece), &others[1+i]))
	}
	first := w.part(off, len(piece), &w.sources[0])
	switch w.op {
	case opDiff:
		mergeNotAnd.merge(piece, first)
	case opDiff1:
		mergeAndNot.merge(piece, first)
	case opAndOr:
		mergeAnd.merge(piece, first)
	}
}

func (w *combination) fillOne(off int, piece []byte) {
	if w.twice == nil {
		w.twice = make([]byte, len(piece))
	}
	twice := w.twice[:len(piece)]
	clear(twice)
	clear(piece)
	for i := range w.sources {
		mergeOnce(piece, twice, w.part(off, len(piece), &w.sources[i]))
	}
	mergeAndNot.merge(piece, twice)
}

// part gives up to n of a source's bytes from off on.
func (w *combination) part(off, n int, src *source) []byte {
	if w.since += n; w.since >= tickBytes {
		w.since = 0
		w.err = cmp.Or(w.err, w.tick())
	}
	if !src.ok || w.err != nil {
		return nil
	}
	return src.item.Slice(off, n, w.scratch)
}

// load makes piece the part of a source that begins at off.
func (w *combination) load(off int, piece []byte, src *source) {
	n := copy(piece, w.part(off, len(piece), src))
	clear(piece[n:])
}
