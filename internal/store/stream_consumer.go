// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Never is the Active time of a consumer that has read nothing yet.
const Never = -1

// Consumer is a consumer of a group. It may be changed if its Group may, and is valid as long as that.
type Consumer struct {
	g   Group
	ref mem.Ref // 0: nobody
}

func (c Consumer) head() *consumerHead { return consumerAt(c.g.heap, c.ref) }

func consumerAt(h *mem.Heap, r mem.Ref) *consumerHead { return (*consumerHead)(h.Pointer(r)) }

// consumerName is the way to a consumer's name.
func consumerName(h *mem.Heap, r mem.Ref) []byte {
	return h.Bytes(r, consumerSize(h, r))[consumerHeadSize:]
}

// consumerNumber is the way to the bytes of a consumer's number.
func consumerNumber(h *mem.Heap, r mem.Ref) []byte {
	const at = int(unsafe.Offsetof(consumerHead{}.number))
	return h.Bytes(r, at+numberSize)[at:]
}

func consumerSize(h *mem.Heap, r mem.Ref) int {
	return consumerHeadSize + int(consumerAt(h, r).nameLen)
}

// numberSize is the bytes of a number, which are the key in the table of numbers.
const numberSize = 4

func numberKey(number uint32) (b [numberSize]byte) {
	binary.NativeEndian.PutUint32(b[:], number)
	return b
}

// names gives the table of the consumers by their names.
func (g Group) names() dict.Table {
	return dict.Table{Heap: g.heap, Root: &g.head().names, Key: consumerName}
}

// numbers gives the table of the consumers by their numbers.
func (g Group) numbers() dict.Table {
	return dict.Table{Heap: g.heap, Root: &g.head().numbers, Key: consumerNumber}
}

// find gives the consumer with a number, and its place in the table of numbers; 0 when there is none.
func (g Group) find(number uint32) (mem.Ref, dict.Pos) {
	key, t := numberKey(number), g.numbers()
	return t.Find(hash.Bytes(key[:]), key[:])
}

// Owner gives the consumer that a pending entry belongs to, for reading; false when it is nobody's.
func (g Group) Owner(p Pending) (Consumer, bool) {
	if p.owner == 0 {
		return Consumer{}, false
	}
	r, _ := g.find(p.owner)
	return Consumer{g, r}, true
}

// owner gives the consumer with a number, which there is, to be changed.
func (g Group) owner(number uint32) Consumer {
	r, _ := g.find(number)
	return Consumer{g, g.ownConsumer(r)}
}

// ownConsumer makes a consumer one that is not frozen and tells where it lies then. Nothing has changed when memory is refused.
func (g Group) ownConsumer(r mem.Ref) mem.Ref {
	if !g.heap.Freezing() || !g.heap.Frozen(r) {
		return r
	}
	numbers, names := g.numbers(), g.names()
	number, name := consumerAt(g.heap, r).number, consumerName(g.heap, r)
	_, pos := g.find(number)
	numbers.Set(pos, r) // it can be set without memory then
	_, numbered := g.find(number)
	_, pos = names.Find(hash.Bytes(name), name)
	r = replaceBlock(&names, pos, r, consumerSize(g.heap, r))
	numbers.Set(numbered, r)
	return r
}

// Consumers tells how many consumers there are.
func (g Group) Consumers() int {
	t := g.names()
	return t.Len()
}

// EachConsumer calls fn with every consumer, for reading, in the order of their names, until it gives false. fn must not change the stream.
func (g Group) EachConsumer(fn func(c Consumer) bool) {
	g.eachSorted(func(mem.Ref) bool { return true }, fn)
}

// EachOwner is EachConsumer for those that have pending entries.
func (g Group) EachOwner(fn func(c Consumer) bool) {
	g.eachSorted(func(r mem.Ref) bool { return idsAt(g.heap, r).Len() > 0 }, fn)
}

// eachSorted is EachConsumer for those that which chooses.
func (g Group) eachSorted(which func(r mem.Ref) bool, fn func(c Consumer) bool) {
	for _, r := range sortedRefs(g.names(), g.view, which) {
		if !fn(Consumer{Group{heap: g.heap, ref: g.ref, view: g.view}, r}) {
			return
		}
	}
}

// Consumer gives the consumer of a name, to be changed if the group may be; false when there is none. It may panic with mem.ErrNoMemory,
// with nothing changed, if the group may be changed.
func (g Group) Consumer(name []byte) (c Consumer, ok bool) {
	t := g.names()
	r, _ := t.Find(hash.Bytes(name), name)
	if r == 0 {
		return c, false
	}
	if g.db != nil {
		r = g.ownConsumer(r)
	}
	return Consumer{g, r}, true
}

// CreateConsumer makes a consumer, of whose name there is none, that was seen at a time (Unix ms) and never active. Nothing has changed when
// memory is refused.
func (g Group) CreateConsumer(name []byte, now int64) Consumer {
	before := g.heap.Live()
	c := g.addConsumer(name, g.freeNumber(), now, Never)
	g.changed(before)
	return c
}

// freeNumber gives a number that no consumer has.
func (g Group) freeNumber() uint32 {
	for n := g.head().number + 1; ; n++ {
		if r, _ := g.find(n); r == 0 && n != 0 && n != nobodyYet {
			return n
		}
	}
}

// addConsumer makes a consumer with a number.
func (g Group) addConsumer(name []byte, number uint32, seen, active int64) Consumer {
	h := g.heap
	size := consumerHeadSize + len(name)
	r := h.Alloc(size)
	*consumerAt(h, r) = consumerHead{seen: seen, active: active, number: number, nameLen: uint32(len(name))}
	copy(consumerName(h, r), name)
	g.enter(r)
	g.head().number = number
	return Consumer{g, r}
}

// enter puts a consumer into the tables, or frees it when memory is refused.
func (g Group) enter(r mem.Ref) {
	h, size := g.heap, consumerSize(g.heap, r)
	numbered, named := false, false
	numbers, names := g.numbers(), g.names()
	defer func() {
		if named {
			return
		}
		if numbered {
			_, pos := g.find(consumerAt(h, r).number)
			numbers.Remove(pos)
		}
		h.Free(r, size)
	}()
	key := numberKey(consumerAt(h, r).number)
	numbers.Insert(hash.Bytes(key[:]), r)
	numbered = true
	names.Insert(hash.Bytes(consumerName(h, r)), r)
	named = true
}

// DeleteConsumer removes a consumer with its pending entries, and tells how many these were. tick is as for Stream.DestroyGroup. Nothing
// has changed when memory is refused.
func (g Group) DeleteConsumer(c Consumer, tick func() error) (pending int) {
	g.reserveRemoval(c.Pending())
	before := g.heap.Live()
	g.leave(c.ref)
	c.ids().each(&rows.Row{}, func(id *rows.Row) bool {
		g.drop(id)
		if pending++; pending%tickEvery == 0 {
			_ = tick()
		}
		return true
	})
	discardConsumer(g.heap, c.ref, func(leaf mem.Ref) { g.heap.Free(leaf, rows.Size(g.heap, leaf)) })
	g.changed(before)
	return pending
}

// leave takes a consumer out of the tables. Nothing has changed when memory is refused.
func (g Group) leave(r mem.Ref) {
	numbers, names := g.numbers(), g.names()
	number, name := consumerAt(g.heap, r).number, consumerName(g.heap, r)
	_, pos := g.find(number)
	numbers.Set(pos, r) // it can be removed without memory then
	_, pos = names.Find(hash.Bytes(name), name)
	names.Remove(pos)
	_, pos = g.find(number)
	numbers.Remove(pos)
}

// discardConsumer frees a consumer that is in no table any more.
func discardConsumer(h *mem.Heap, r mem.Ref, free func(leaf mem.Ref)) {
	root := consumerAt(h, r).ids // the block may be frozen
	tree.Tree{Heap: h, Root: &root}.Discard(free)
	h.Free(r, consumerSize(h, r))
}

// Name gives the consumer's name, in place.
func (c Consumer) Name() []byte { return consumerName(c.g.heap, c.ref) }

// Seen gives when the consumer was last heard of, in Unix ms.
func (c Consumer) Seen() int64 { return c.head().seen }

// SetSeen says when the consumer was last heard of, in Unix ms.
func (c Consumer) SetSeen(at int64) {
	c.head().seen = at
	c.g.state.changes++
}

// Active gives when the consumer last got an entry, in Unix ms, or Never.
func (c Consumer) Active() int64 { return c.head().active }

// SetActive says when the consumer last got an entry, in Unix ms.
func (c Consumer) SetActive(at int64) {
	c.head().active = at
	c.g.state.changes++
}
