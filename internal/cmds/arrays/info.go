// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// ARINFO tells of an array what Redis does, in which it lies in slices: of so many indices each, one with more than a few elements dense, the
// others sparse. In Redpoll it lies in blocks of elements.
const (
	sliceSize  = 4096
	mostSparse = 10
)

// layout is what there is to know of the slices of an array.
type layout struct {
	n                       int64
	dense, places, elements int64 // the dense ones, the indices from the first to the last element in each, and the elements
	others                  int64 // elements in the sparse ones
}

// add counts a slice that has so many elements and indices from the first to the last of them.
func (s *layout) add(elements int64, places uint64) {
	s.n++
	if elements > mostSparse {
		s.dense++
		s.places += int64(places)
		s.elements += elements
	} else {
		s.others += elements
	}
}

// countSlices counts the slices that have elements, without a look at more than one of each.
func countSlices(c *command.Ctx, a *store.Array) (n int64, err error) {
	for at := uint64(0); at <= store.MaxIndex; {
		found := false
		a.Each(at, store.MaxIndex, false, func(index uint64, _ store.Value) bool {
			at, found = index, true
			return false
		})
		if !found {
			return n, nil
		}
		if n++; n%tickEvery == 0 {
			if err := c.Tick(); err != nil {
				return n, err
			}
		}
		if at |= sliceSize - 1; at == store.MaxIndex+1 {
			return n, nil
		}
		at++
	}
	return n, nil
}

// measureSlices looks at all elements.
func measureSlices(c *command.Ctx, a *store.Array) (s layout, err error) {
	var n int64
	var first, last uint64
	err = each(c, a, span{last: store.MaxIndex}, func(index uint64, _ store.Value) bool {
		if n > 0 && index/sliceSize != last/sliceSize {
			s.add(n, last-first+1)
			n = 0
		}
		if n++; n == 1 {
			first = index
		}
		last = index
		return true
	})
	s.add(n, last-first+1)
	return s, err
}

func arinfo(c *command.Ctx) error {
	full := false
	if options := c.Argv[2:]; len(options) > 0 {
		args := command.MakeArgs(options)
		if full = args.Keyword("FULL"); !full || len(options) > 1 {
			return command.ErrSyntax
		}
	}
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	if !a.Exists() {
		return command.ErrNoSuchKey
	}
	var s layout
	if full {
		s, err = measureSlices(c, &a)
	} else {
		s.n, err = countSlices(c, &a)
	}
	if err != nil {
		return err
	}
	replyInfo(c, &a, s, full)
	return nil
}

func replyInfo(c *command.Ctx, a *store.Array, s layout, full bool) {
	next := a.Next()
	if next > store.MaxIndex {
		next = 0
	}
	fields := 7
	if full {
		fields += 5
	}
	c.Reply.Map(fields)
	figure := func(name string, n uint64) {
		c.Reply.BulkString(name)
		c.Reply.Uint(n)
	}
	figure("count", uint64(a.Count()))
	figure("len", a.Len())
	figure("next-insert-index", next)
	figure("slices", uint64(s.n))
	figure("directory-size", uint64(a.Blocks()))
	figure("super-dir-entries", 0)
	figure("slice-size", sliceSize)
	if !full {
		return
	}
	mean := func(name string, sum, n int64) {
		c.Reply.BulkString(name)
		c.Reply.Double(float64(sum) / float64(max(n, 1)))
	}
	figure("dense-slices", uint64(s.dense))
	figure("sparse-slices", uint64(s.n-s.dense))
	mean("avg-dense-size", s.places, s.dense)
	mean("avg-dense-fill", s.elements, s.places)
	mean("avg-sparse-size", s.others, s.n-s.dense)
}
