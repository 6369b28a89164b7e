// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"math"
	"slices"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Consumer groups of a stream lie in its heap beside the entries.
//
// Terms:
//
//   - The directory is the table of a stream's groups by their names. Its root is a block that the stream's state refers to.
//   - A group is a block, and a consumer is one: what there is to know of it, and its name behind that.
//   - A consumer has a number, by which the group's pending entries refer to it. 0 is nobody's.
//   - A pending entry is a row of a list (see row_list.go) by IDs: the ID, when it was delivered, how often, and to whom. Each consumer
//     has besides a list of the IDs of its pending entries.
//   - A pending entry is unowned when a consumer has given it back (XNACK). In the place of the time it has its turn among those, of which
//     the group counts how many there have been.
//   - The idle list is all pending entries again, in the order in which they are to be claimed: the unowned ones first, by their turns, then
//     the others by their times. A group has it only from the first time on that it is asked for until the group has no pending entries.
//
// Invariants:
//
//   - A consumer is in two tables of its group, by its name and by its number.
//   - A pending entry with an owner is in that consumer's list, and in no other; an unowned one is in none.
//   - What is frozen is copied before it is written to, and so is what refers to it: consumers in their tables, groups in the directory,
//     the directory in the state.
//   - Memory is allocated before anything changes. Groups and consumers stay where they are while a command that has got them to be changed
//     runs; so a stream gets the heap that it should have by its groups' size only when it is next found to be changed.

// groupHead is what the block of a group begins with.
type groupHead struct {
	pending tree.Root // rows of pendingKind
	idle    tree.Root // rows of idleKind
	names   dict.Root // consumers by their names
	numbers dict.Root // and by their numbers
	last    StreamID
	place   entries.Place // behind the last one, or anywhere
	read    int64
	turns   uint64 // unowned entries that there have ever been
	unowned int64  // that there are
	loading int64  // entries that are yet to get an owner; see stream_group_load.go
	number  uint32 // of the consumer that was made last
	indexed bool   // it has an idle list
	nameLen int64
}

// consumerHead is what the block of a consumer begins with.
type consumerHead struct {
	ids     tree.Root // rows of idKind
	seen    int64
	active  int64
	number  uint32
	nameLen uint32
}

const (
	groupHeadSize    = int(unsafe.Sizeof(groupHead{}))
	consumerHeadSize = int(unsafe.Sizeof(consumerHead{}))
	directorySize    = int(unsafe.Sizeof(dict.Root{}))
)

// NoCount is what Group.Read gives when it is not known how many entries the group has read.
const NoCount = -1

// Group is a consumer group. One that Stream.Group gives is for reading, and valid until the stream changes. One that Stream.GroupWrite
// gives may be changed, and is valid as long as nothing but its group changes.
type Group struct {
	heap *mem.Heap
	ref  mem.Ref
	view *View // nil: nobody waits for what a walk takes long for

	// Of one that may be changed; it has no pointer to the Stream, which would have to live on the Go heap then.
	db     *DB          // nil: it is for reading
	state  *streamState // of the stream, in place
	weight *int64       // of the stream, in place; nil where nobody wants to know
}

// groupOf gives a group of a stream, to be changed.
func (s *Stream) groupOf(ref mem.Ref) Group {
	v := s.body()
	g := Group{heap: v.heap, ref: ref, view: s.db.v, db: s.db, state: v.state}
	if s.draft == nil && !s.it.isBig() {
		g.weight = s.it.rec.weight()
	}
	return g
}

// changed notes a change of a group, before which the heap had so many live bytes. Unlike with Stream.change the stream keeps its heap.
func (g Group) changed(before int64) {
	g.state.changes++
	if g.weight != nil {
		*g.weight += g.heap.Live() - before
	}
}

func (g Group) head() *groupHead { return (*groupHead)(g.heap.Pointer(g.ref)) }

// groupName is the dict's way to a group's name.
func groupName(h *mem.Heap, r mem.Ref) []byte {
	n := int((*groupHead)(h.Pointer(r)).nameLen)
	return h.Bytes(r, groupHeadSize+n)[groupHeadSize:]
}

func groupSize(h *mem.Heap, r mem.Ref) int {
	return groupHeadSize + int((*groupHead)(h.Pointer(r)).nameLen)
}

// directory gives the directory of a body that has groups.
func (v body) directory() dict.Table {
	return dict.Table{Heap: v.heap, Root: (*dict.Root)(v.heap.Pointer(v.state.groups)), Key: groupName}
}

// ownDirectory is directory for a change.
func (v body) ownDirectory() dict.Table {
	if old := v.state.groups; v.heap.Freezing() && v.heap.Frozen(old) {
		v.state.groups = copyBlock(v.heap, v.heap, old, directorySize)
		v.heap.Free(old, directorySize)
	}
	return v.directory()
}

// newGroup allocates a group that has nothing but a name.
func newGroup(h *mem.Heap, name []byte) mem.Ref {
	r := h.Alloc(groupHeadSize + len(name))
	*(*groupHead)(h.Pointer(r)) = groupHead{nameLen: int64(len(name)), read: NoCount}
	copy(groupName(h, r), name)
	return r
}

// addGroup puts a group into the directory of a body, which is made if there is none. When memory is refused the group is freed.
func (v body) addGroup(g mem.Ref) {
	h, size := v.heap, groupSize(v.heap, g)
	added := false
	defer func() {
		if !added {
			h.Free(g, size)
		}
	}()
	if v.state.groups == 0 {
		v.beginDirectory(g)
	} else {
		t := v.ownDirectory()
		t.Insert(hash.Bytes(groupName(h, g)), g)
	}
	added = true
}

// beginDirectory makes a directory of one group.
func (v body) beginDirectory(g mem.Ref) {
	h, r := v.heap, v.heap.Alloc(directorySize)
	begun := false
	defer func() {
		if !begun {
			h.Free(r, directorySize)
		}
	}()
	root := (*dict.Root)(h.Pointer(r))
	*root = dict.Root{}
	t := dict.Table{Heap: h, Root: root, Key: groupName}
	t.Insert(hash.Bytes(groupName(h, g)), g)
	v.state.groups, begun = r, true
}

// eachGroup calls fn with the groups of a body in no order, until it gives false.
func (v body) eachGroup(fn func(g Group) bool) {
	if v.state.groups == 0 {
		return
	}
	t := v.directory()
	t.Each(func(r mem.Ref) bool { return fn(Group{heap: v.heap, ref: r}) })
}

// sortedGroups calls fn with the groups of a body in the order of their names, until it gives false; see Group.view.
func (v body) sortedGroups(view *View, fn func(g Group) bool) {
	if v.state.groups == 0 {
		return
	}
	for _, r := range sortedRefs(v.directory(), view, func(mem.Ref) bool { return true }) {
		if !fn(Group{heap: v.heap, ref: r, view: view}) {
			return
		}
	}
}

// sortedRefs gives those of a table's entries that which chooses, in the order of their keys; see Group.view.
func sortedRefs(t dict.Table, view *View, which func(r mem.Ref) bool) (list []mem.Ref) {
	n := 0
	step := func() {
		if n++; n%sortTick == 0 && view != nil {
			view.tick()
		}
	}
	t.Each(func(r mem.Ref) bool {
		if step(); which(r) {
			list = append(list, r)
		}
		return true
	})
	slices.SortFunc(list, func(a, b mem.Ref) int {
		step()
		return bytes.Compare(t.Key(t.Heap, a), t.Key(t.Heap, b))
	})
	return list
}

// sortTick is how many comparisons of names a sort makes between two ticks.
const sortTick = 4096

// Groups tells how many groups there are.
func (s *Stream) Groups() int {
	if !s.Exists() || s.state().groups == 0 {
		return 0
	}
	t := s.body().directory()
	return t.Len()
}

// EachGroup calls fn with every group, for reading, in the order of their names, until it gives false. fn must not change the stream.
func (s *Stream) EachGroup(fn func(g Group) bool) {
	if s.Exists() {
		s.body().sortedGroups(s.db.v, fn)
	}
}

// EachGroup is Stream.EachGroup for a stream that is frozen.
func (f *Frozen) EachGroup(fn func(g Group) bool) {
	f.stream().sortedGroups(nil, fn)
}

// Group gives the group of a name, for reading; false when there is none.
func (s *Stream) Group(name []byte) (g Group, ok bool) {
	if s.Groups() == 0 {
		return g, false
	}
	t := s.body().directory()
	r, _ := t.Find(hash.Bytes(name), name)
	return Group{heap: t.Heap, ref: r, view: s.db.v}, r != 0
}

// GroupWrite gives the group of a name, to be changed; false when there is none. The stream was found to be changed. It may panic with
// mem.ErrNoMemory, with nothing changed.
func (s *Stream) GroupWrite(name []byte) (g Group, ok bool) {
	if s.Groups() == 0 {
		return g, false
	}
	t := s.body().directory()
	r, pos := t.Find(hash.Bytes(name), name)
	if r == 0 {
		return g, false
	}
	if t.Heap.Freezing() {
		t = s.body().ownDirectory()
		if t.Heap.Frozen(r) {
			r = replaceBlock(&t, pos, r, groupSize(t.Heap, r))
		}
	}
	return s.groupOf(r), true
}

// replaceBlock puts a copy of an entry's block in its place of a table, and frees the old one. Nothing has changed when memory is refused.
func replaceBlock(t *dict.Table, pos dict.Pos, old mem.Ref, size int) mem.Ref {
	r := copyBlock(t.Heap, t.Heap, old, size)
	placed := false
	defer func() {
		if !placed {
			t.Heap.Free(r, size)
		}
	}()
	t.Set(pos, r)
	placed = true
	t.Heap.Free(old, size)
	return r
}

// CreateGroup makes a group that has delivered all up to an ID, and read so many entries, or NoCount; false when there is one of the name,
// which it gives to be changed then. The stream exists and was found to be changed. Nothing has changed when memory is refused.
func (s *Stream) CreateGroup(name []byte, last StreamID, read int64) (g Group, created bool) {
	if g, ok := s.GroupWrite(name); ok {
		return g, false
	}
	v := s.body()
	before := v.heap.Live()
	r := newGroup(v.heap, name)
	head := (*groupHead)(v.heap.Pointer(r))
	head.last, head.read = last, read
	v.addGroup(r)
	g = s.groupOf(r)
	g.changed(before)
	return g, true
}

// DestroyGroup removes the group of a name with all that it has; false when there is none. The stream was found to be changed. tick is
// called every so often; its error is of no consequence, since a command is not to be done by halves. Nothing has changed when memory is
// refused.
func (s *Stream) DestroyGroup(name []byte, tick func() error) bool {
	g, ok := s.GroupWrite(name)
	if !ok {
		return false
	}
	v := s.body()
	before := v.heap.Live()
	t := v.directory()
	_, pos := t.Find(hash.Bytes(name), name)
	t.Remove(pos)
	if t.Len() == 0 {
		v.heap.Free(v.state.groups, directorySize)
		v.state.groups = 0
	}
	g.discard(tick)
	g.changed(before)
	return true
}

// discard frees a group that is in no directory any more.
func (g Group) discard(tick func() error) {
	n := 0
	step := func() {
		if n++; n%tickEvery == 0 {
			_ = tick()
		}
	}
	free := func(leaf mem.Ref) {
		g.heap.Free(leaf, rows.Size(g.heap, leaf))
		step()
	}
	g.pending().Discard(free)
	g.idle().Discard(free)
	t := g.numbers()
	for !t.Drain(math.MaxInt, func(mem.Ref) { step() }) {
	}
	t = g.names()
	for !t.Drain(math.MaxInt, func(r mem.Ref) {
		discardConsumer(g.heap, r, free)
		step()
	}) {
	}
	g.heap.Free(g.ref, groupSize(g.heap, g.ref))
}

// Name gives the group's name, in place.
func (g Group) Name() []byte { return groupName(g.heap, g.ref) }

// Last gives the ID up to which the group has delivered entries.
func (g Group) Last() StreamID { return g.head().last }

// Read gives how many of all entries that the stream ever had the group has read, as if none had been deleted; NoCount when that is not
// known.
func (g Group) Read() int64 { return g.head().read }

// SetLast says up to which ID the group has delivered entries, and how many it has read, or NoCount.
func (g Group) SetLast(last StreamID, read int64) {
	h := g.head()
	h.last, h.read = last, read
	g.state.changes++
}

// forgetPlaces has all groups look for what they have not delivered yet from where blocks begin: blocks may begin with the same IDs again, and
// have other entries. The stream was found to be changed. When memory is refused some of them have forgotten theirs.
func (s *Stream) forgetPlaces() {
	if s.Groups() == 0 {
		return
	}
	v := s.body()
	for _, r := range sortedRefs(v.directory(), s.db.v, func(r mem.Ref) bool { return Group{heap: v.heap, ref: r}.head().place != entries.Place{} }) {
		g, _ := s.GroupWrite(groupName(v.heap, r))
		g.head().place = entries.Place{}
	}
}

// Lag gives how many entries the group has yet to deliver; false when that cannot be told, since entries were deleted on the way. g is one
// of the stream's groups.
func (s *Stream) Lag(g Group) (n int64, ok bool) {
	st := s.state()
	last, read := g.Last(), g.Read()
	switch {
	case st.added == 0 || st.live == 0:
		return 0, true
	case last.Less(st.first) && st.maxDeleted.Less(st.first):
		return st.live, true
	case read != NoCount && !st.deletedFrom(last):
		return int64(st.added) - read, true
	}
	if read = st.countUpTo(last); read == NoCount {
		return 0, false
	}
	return int64(st.added) - read, true
}

// deletedFrom tells whether an entry with that ID or a greater one was deleted, while there are others.
func (st *streamState) deletedFrom(id StreamID) bool {
	return st.live > 0 && st.maxDeleted != StreamID{} && !st.maxDeleted.Less(id)
}

// countUpTo gives how many entries up to an ID there have ever been, NoCount when that cannot be told: it can where nothing was deleted
// from there on, and for IDs before all entries, of the first one and of the last.
func (st *streamState) countUpTo(id StreamID) int64 {
	switch c := id.Compare(st.last); {
	case st.added == 0:
		return 0
	case st.live == 0 && c <= 0:
		return int64(st.added)
	case id != StreamID{} && id.Less(st.maxDeleted):
		return NoCount
	case c == 0:
		return int64(st.added)
	case c > 0 || !st.maxDeleted.Less(st.first) && st.maxDeleted != StreamID{}:
		return NoCount
	}
	switch id.Compare(st.first) {
	case -1:
		return int64(st.added) - st.live
	case 0:
		return int64(st.added) - st.live + 1
	}
	return NoCount
}

// CountUpTo gives how many entries up to an ID there have ever been, or NoCount where that cannot be told. The stream exists.
func (s *Stream) CountUpTo(id StreamID) int64 { return s.state().countUpTo(id) }

// Advance notes that the entry of an ID, the next one behind Last that there is, was read.
func (g Group) Advance(id StreamID) {
	h, st := g.head(), g.state
	switch {
	case h.read != NoCount && !st.deletedFrom(h.last):
		h.read++
	case st.added > 0:
		h.read = st.countUpTo(id)
	}
	h.last = id
	st.changes++
}
