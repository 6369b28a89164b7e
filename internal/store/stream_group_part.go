// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// What is done with the groups of all streams: they are freed in slices, copied, counted and compacted.

// groupsPart is what a stream's groups are to its body.
func groupsPart() streamPart {
	return streamPart{
		ref:    func(s *streamState) *mem.Ref { return &s.groups },
		blocks: groupBlocks, size: groupsSize, drain: drainGroups, copy: copyGroups, compact: compactGroups,
	}
}

// groupBlocks tells about how many blocks the groups have.
func groupBlocks(v body) (n int) {
	v.eachGroup(func(g Group) bool {
		n += 1 + g.pending().Leaves() + g.idle().Leaves() + 2*g.Consumers()
		return n < math.MaxInt/2
	})
	return n
}

// groupsSize gives about how many bytes the groups take; see body.size.
func groupsSize(v body, samples int, tick func() error) (n int64, err error) {
	t := v.directory()
	if samples <= 0 {
		samples = math.MaxInt
	}
	s := sample{max: samples, tick: tick}
	t.Each(func(r mem.Ref) bool {
		var more int64
		if more, err = (Group{heap: v.heap, ref: r}).bytes(samples, tick); err != nil {
			return false
		}
		n += more
		return s.add(groupSize(v.heap, r))
	})
	if err == nil {
		err = s.err
	}
	if s.seen < t.Len() {
		n = int64(float64(n) / float64(s.seen) * float64(t.Len()))
	}
	return int64(mem.Usable(directorySize)) + t.Bytes() + s.total(t.Len()) + n, err
}

// bytes gives about how many bytes a group takes besides its block.
func (g Group) bytes(samples int, tick func() error) (n int64, err error) {
	for _, l := range [...]rowList{g.pending(), g.idle()} {
		s := sample{max: samples, tick: tick}
		l.Each(func(leaf mem.Ref, _ int) bool { return s.add(rows.Size(g.heap, leaf)) })
		n += l.Bytes() + s.total(l.Leaves())
		if s.err != nil {
			return 0, s.err
		}
	}
	names, numbers := g.names(), g.numbers()
	s, ids := sample{max: samples, tick: tick}, int64(0)
	names.Each(func(r mem.Ref) bool {
		ids += idsAt(g.heap, r).bytes()
		return s.add(consumerSize(g.heap, r))
	})
	if s.seen < names.Len() {
		ids = int64(float64(ids) / float64(s.seen) * float64(names.Len()))
	}
	return n + names.Bytes() + numbers.Bytes() + s.total(names.Len()) + ids, s.err
}

// drainGroups frees up to about max blocks of the groups, and tells whether there are none any more. Since copyGroups copies all blocks,
// none of them is another heap's to adopt.
func drainGroups(v body, max int, _ func(r mem.Ref, size int)) (done bool) {
	t := v.directory()
	for max > 0 && t.Len() > 0 {
		g := Group{heap: v.heap, ref: t.Random(uint64(max))}
		if max = g.drain(max); max <= 0 {
			return false
		}
		_, pos := t.Find(hash.Bytes(g.Name()), g.Name())
		t.Remove(pos)
		v.heap.Free(g.ref, groupSize(v.heap, g.ref))
	}
	if t.Len() > 0 {
		return false
	}
	v.heap.Free(v.state.groups, directorySize)
	v.state.groups = 0
	return true
}

// drain frees what a group has, up to about max blocks, and gives what is left of max: 0 if there may be more.
func (g Group) drain(max int) int {
	free := func(r mem.Ref, size int) {
		g.heap.Free(r, size)
		max--
	}
	numbers, names := g.numbers(), g.names()
	if !g.pending().drain(max, free) || !g.idle().drain(max, free) || !numbers.Drain(max, func(mem.Ref) { max-- }) {
		return 0
	}
	for max > 0 {
		r := names.Random(uint64(max))
		if r == 0 {
			return max
		}
		if !idsAt(g.heap, r).drain(max, free) {
			return 0
		}
		name := consumerName(g.heap, r)
		_, pos := names.Find(hash.Bytes(name), name)
		names.Remove(pos)
		free(r, consumerSize(g.heap, r))
	}
	return 0
}

// copyGroups makes the groups of a body, which has none, the same as those of another; see streamPart. All blocks are copied.
func copyGroups(to, from body, _ int, tick func() error) (err error) {
	from.eachGroup(func(old Group) bool {
		g := Group{heap: to.heap, ref: newGroup(to.heap, old.Name())}
		to.addGroup(g.ref)
		err = g.copyFrom(old, tick)
		return err == nil
	})
	return err
}

// copyFrom makes a group that has nothing the same as another.
func (g Group) copyFrom(old Group, tick func() error) error {
	h, was := g.head(), old.head()
	h.last, h.read, h.turns, h.unowned, h.indexed = was.last, was.read, was.turns, was.unowned, was.indexed
	if err := old.pending().copyTo(g.pending(), tick); err != nil {
		return err
	}
	if err := old.idle().copyTo(g.idle(), tick); err != nil {
		return err
	}
	n, err := 0, error(nil)
	t := old.names()
	t.Each(func(r mem.Ref) bool {
		c := consumerAt(old.heap, r)
		made := g.addConsumer(consumerName(old.heap, r), c.number, c.seen, c.active)
		if err = idsAt(old.heap, r).copyTo(made.ids(), tick); err == nil {
			if n++; n%tickEvery == 0 {
				err = tick()
			}
		}
		return err == nil
	})
	h.number = was.number
	return err
}

// groupCursor is where a walk that compacts is in the groups of a stream.
type groupCursor struct {
	chain    uint32    // of the directory
	groups   []uint64  // hashes of the names of those that the last step met: what they have is walked through next
	part     groupPart // what of the last of them
	list     uint64    // where in a list of it
	consumer uint32    // where in its consumers
	owners   []uint32  // numbers of those that the last step met: their lists are walked through next
}

// groupPart is what of a group is walked through.
type groupPart uint8

const (
	partPending groupPart = iota
	partIdle
	partNumbers
	partNames
	partEnd
)

// compactGroups goes on with a walk that has move tell where blocks lie now, and tells whether there is more.
func compactGroups(v body, within *partCursor, move func(r mem.Ref, size int) mem.Ref) (more bool) {
	at := &within.groups
	if n := len(at.groups); n > 0 {
		g, ok := v.groupHashed(at.groups[n-1])
		if !ok || !g.compact(at, move) {
			at.groups, at.part, at.list, at.consumer, at.owners = at.groups[:n-1], 0, 0, 0, at.owners[:0]
		}
		return len(at.groups) > 0 || at.chain != 0
	}
	if at.chain == 0 {
		v.state.groups = move(v.state.groups, directorySize)
	}
	t := v.directory()
	at.chain = t.Compact(at.chain, func(r mem.Ref) mem.Ref {
		at.groups = append(at.groups, hash.Bytes(groupName(v.heap, r)))
		return move(r, groupSize(v.heap, r))
	})
	return at.chain != 0 || len(at.groups) > 0
}

// groupHashed gives the group with the hash of a name.
func (v body) groupHashed(full uint64) (g Group, ok bool) {
	t := v.directory()
	t.Candidates(full, func(r mem.Ref, _ dict.Pos) bool {
		ok = hash.Bytes(groupName(v.heap, r)) == full
		g = Group{heap: v.heap, ref: r}
		return !ok
	})
	return g, ok
}

// compact goes on with what a group has; false at the end.
func (g Group) compact(at *groupCursor, move func(r mem.Ref, size int) mem.Ref) (more bool) {
	switch at.part {
	case partPending:
		at.list = g.pending().compact(at.list, move)
		more = at.list != 0
	case partIdle:
		at.list = g.idle().compact(at.list, move)
		more = at.list != 0
	case partNumbers:
		t := g.numbers()
		at.consumer = t.Compact(at.consumer, func(r mem.Ref) mem.Ref { return r })
		more = at.consumer != 0
	case partNames:
		more = g.compactConsumers(at, move)
	}
	if !more {
		at.part++
	}
	return at.part < partEnd
}

// compactConsumers goes on with a group's consumers.
func (g Group) compactConsumers(at *groupCursor, move func(r mem.Ref, size int) mem.Ref) (more bool) {
	if n := len(at.owners); n > 0 {
		r, _ := g.find(at.owners[n-1])
		if r != 0 {
			at.list = idsAt(g.heap, r).compact(at.list, move)
		}
		if r == 0 || at.list == 0 {
			at.owners, at.list = at.owners[:n-1], 0
		}
		return len(at.owners) > 0 || at.consumer != 0
	}
	names, numbers := g.names(), g.numbers()
	at.consumer = names.Compact(at.consumer, func(r mem.Ref) mem.Ref {
		number := consumerAt(g.heap, r).number
		at.owners = append(at.owners, number)
		_, pos := g.find(number)
		to := move(r, consumerSize(g.heap, r))
		if to != r {
			numbers.Set(pos, to)
		}
		return to
	})
	return at.consumer != 0 || len(at.owners) > 0
}
