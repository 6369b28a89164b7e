// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

// The block of a producer (see stream_idmp.go) is
//
//	head    producerHead
//	marks   room for as many as the head says: a ring of n marks from the first on, oldest first
//	chains  as many words, one for each value that a hash has modulo the room: the place, plus one, of the chain's first mark; 0: none
//	name    the producer's name
//
// A text of more than inlineIID bytes lies in a block of its own, which is never written to.

// inlineIID is the length in bytes up to which an IID lies in its mark.
const inlineIID = 16

// firstMarks is the room that a producer begins with.
const firstMarks = 4

type producerHead struct{ name, room, first, n uint32 }

// iidMark is an IID that a producer has used.
type iidMark struct {
	id     StreamID // of the entry that was added
	hash   uint32
	next   uint32 // the next mark of the chain, as the chains have it
	length uint32 // of the text
	_      uint32
	text   [inlineIID]byte // or the Ref of its block
}

const (
	producerHeadSize = int(unsafe.Sizeof(producerHead{}))
	iidMarkSize      = int(unsafe.Sizeof(iidMark{}))
	chainSize        = 4
)

// producer is a view of a producer's block.
type producer struct {
	heap *mem.Heap
	ref  mem.Ref
}

func producerSize(room, name int) int { return producerHeadSize + room*(iidMarkSize+chainSize) + name }

func (p producer) head() *producerHead { return (*producerHead)(p.heap.Pointer(p.ref)) }

func (p producer) size() int {
	h := p.head()
	return producerSize(int(h.room), int(h.name))
}

func (p producer) len() int { return int(p.head().n) }

func (p producer) marks() []iidMark {
	at := p.heap.Pointer(p.ref)
	return unsafe.Slice((*iidMark)(unsafe.Add(at, producerHeadSize)), (*producerHead)(at).room)
}

func (p producer) chains() []uint32 {
	at := p.heap.Pointer(p.ref)
	room := int((*producerHead)(at).room)
	return unsafe.Slice((*uint32)(unsafe.Add(at, producerHeadSize+room*iidMarkSize)), room)
}

func (p producer) name() []byte {
	size := p.size()
	return p.heap.Bytes(p.ref, size)[size-int(p.head().name):]
}

// newProducer allocates a producer without marks.
func newProducer(heap *mem.Heap, name []byte, room int) producer {
	p := producer{heap, heap.Alloc(producerSize(room, len(name)))}
	*p.head() = producerHead{name: uint32(len(name)), room: uint32(room)}
	clear(p.chains())
	copy(p.name(), name)
	return p
}

// resized gives a copy of a producer with room for so many marks, which it has no more of. Both have the texts.
func (p producer) resized(room int) producer {
	to := newProducer(p.heap, p.name(), room)
	p.each(func(m *iidMark) { to.push(*m) })
	return to
}

// each calls fn with the marks, oldest first.
func (p producer) each(fn func(m *iidMark)) {
	h, marks := p.head(), p.marks()
	for i := range h.n {
		fn(&marks[(h.first+i)%h.room])
	}
}

// find gives the mark of an IID, nil when there is none.
func (p producer) find(iid []byte, hash uint32) *iidMark {
	marks, chains := p.marks(), p.chains()
	for at := chains[hash%uint32(len(chains))]; at != 0; {
		m := &marks[at-1]
		if m.hash == hash && string(m.iid(p.heap)) == string(iid) {
			return m
		}
		at = m.next
	}
	return nil
}

// push puts a mark behind the others, for which there is room.
func (p producer) push(m iidMark) {
	h := p.head()
	at := (h.first + h.n) % h.room
	chain := &p.chains()[m.hash%h.room]
	m.next, *chain = *chain, at+1
	p.marks()[at] = m
	h.n++
}

// shift takes the oldest mark out, with its text.
func (p producer) shift() {
	h, marks := p.head(), p.marks()
	m := &marks[h.first]
	link := &p.chains()[m.hash%h.room]
	for *link != h.first+1 {
		link = &marks[*link-1].next
	}
	*link = m.next
	m.freeText(p.heap)
	h.first = (h.first + 1) % h.room
	h.n--
}

// newMark makes a mark, whose text is copied.
func newMark(heap *mem.Heap, iid []byte, hash uint32, id StreamID) iidMark {
	m := iidMark{id: id, hash: hash, length: uint32(len(iid))}
	if len(iid) <= inlineIID {
		copy(m.text[:], iid)
		return m
	}
	block := heap.Alloc(len(iid))
	copy(heap.Bytes(block, len(iid)), iid)
	m.setBlock(block)
	return m
}

// block gives where a mark's text lies if it has a block of its own, which has length bytes.
func (m *iidMark) block() (r mem.Ref, ok bool) {
	return mem.Ref(binary.LittleEndian.Uint64(m.text[:])), m.length > inlineIID
}

func (m *iidMark) setBlock(r mem.Ref) { binary.LittleEndian.PutUint64(m.text[:], uint64(r)) }

// iid gives a mark's text, in place.
func (m *iidMark) iid(heap *mem.Heap) []byte {
	if r, ok := m.block(); ok {
		return heap.Bytes(r, int(m.length))
	}
	return m.text[:m.length]
}

func (m *iidMark) freeText(heap *mem.Heap) {
	if r, ok := m.block(); ok {
		heap.Free(r, int(m.length))
	}
}
