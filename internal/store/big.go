// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/rope"
	"github.com/redpoll/redpoll/internal/mem"
)

// A big value has a heap of its own. So a command can have it frozen and read it while others change it (see frozen.go),
// it moves to another key, database or shard without being copied, what it takes is known at once, and it is given back by
// its pages.
//
// Terms:
//
//   - The record of a big value has the flag isBig and begins its part of the value with the big's number. A table's record
//     has the number in the place of the root's first word, and is otherwise as that of any table.
//   - The register finds a big by its number.
//   - A big's home is the shard that its record lies in, whose lock guards it.
//
// Invariants:
//
//   - A big belongs to one record, and is in the list of that record's table. A condemned one belongs to none, and has no
//     number; its home stays what it was.
//   - A big is in its home's list of those to be settled if what it has live may differ from what is published.

// big is a value with a heap of its own.
type big struct {
	heap *mem.Heap // Immutable

	// home is changed with the locks of both the old and the new one held: who holds a big's home knows that it is that.
	home atomic.Pointer[Shard]

	// Guarded by the home's lock:
	bigRoot
	owner     *table   // nil once it is condemned
	enc       Encoding // of a value with a tree
	place     int      // in the owner's list
	number    uint32   // in the register
	unsettled bool     // it is in the home's list of those to be settled
	sweeping  bool     // it is in the home's list of those to be swept
	published int64    // bytes of its heap in Store.used
	latest    *moment  // the last that it was frozen at; nil when that is thawed
	moments   int      // that are not thawed

	compaction compaction
}

// bigRoot is what a big's structure begins with, of whatever type the value is. It has no pointers: a copy of it stays good
// as long as the heap is frozen. Whatever changes in a frozen heap changes the root.
type bigRoot struct {
	roots
	text rope.Root
}

// bigSize is what a big value takes on the Go heap, about.
const bigSize = int64(unsafe.Sizeof(big{}) + unsafe.Sizeof(mem.Heap{}) + unsafe.Sizeof(dict.Table{}))

// firstBigs is the length, in bits, of the register's first part; each has twice as many places as the one before.
const firstBigs = 6

// bigs is the register of a store's big values. It is read without a lock.
type bigs struct {
	parts [32 - firstBigs]atomic.Pointer[bigsPart]

	mu   sync.Mutex
	next uint32   // numbers from here on were never given; guarded by mu
	free []uint32 // numbers that were given back; guarded by mu
}

type bigsPart struct{ places []atomic.Pointer[big] }

// part gives the part of the register that has a number, and the number's place in it.
func (r *bigs) part(number uint32) (part int, place uint32) {
	part = bits.Len32(number>>firstBigs+1) - 1
	return part, number - (1<<part-1)<<firstBigs
}

// at gives the big with a number, which there is.
func (r *bigs) at(number uint32) *big {
	part, place := r.part(number)
	return r.parts[part].Load().places[place].Load()
}

// add gives a big its number.
func (r *bigs) add(b *big) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		b.number, r.free = r.free[n-1], r.free[:n-1]
	} else {
		b.number = r.next
		r.next++
	}
	part, place := r.part(b.number)
	if r.parts[part].Load() == nil {
		r.parts[part].Store(&bigsPart{make([]atomic.Pointer[big], 1<<(firstBigs+part))})
	}
	r.parts[part].Load().places[place].Store(b)
}

// remove gives a big's number back.
func (r *bigs) remove(b *big) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part, place := r.part(b.number)
	r.parts[part].Load().places[place].Store(nil)
	r.free = append(r.free, b.number)
}

// newBig makes an empty big value for a record that is about to be made or changed in a held shard: adopt has to follow, or
// else its heap must be released.
func (sh *Shard) newBig() *big { return sh.newBigIn(sh.store.arena.NewHeap()) }

// newBigIn is newBig for a value that lies in a heap already.
func (sh *Shard) newBigIn(heap *mem.Heap) *big {
	b := &big{heap: heap}
	b.home.Store(sh)
	b.touch()
	return b
}

// dropUnowned gives back the memory of a big that has become no record's.
func (b *big) dropUnowned() {
	if b.owner == nil {
		b.heap.ReleaseAll()
	}
}

// adopt makes the big the one of a record of this table, and gives its number; it needs no memory off the Go heap.
func (t *table) adopt(b *big) (number uint32) {
	if b.owner == nil {
		t.register.add(b)
	} else {
		b.owner.disown(b)
	}
	b.owner, b.place = t, len(t.bigs)
	t.bigs = append(t.bigs, b)
	return b.number
}

// disown takes a big out of the table's list.
func (t *table) disown(b *big) {
	last := len(t.bigs) - 1
	t.bigs[b.place] = t.bigs[last]
	t.bigs[b.place].place = b.place
	t.bigs[last] = nil
	t.bigs = t.bigs[:last]
	b.owner = nil
}

// rehome makes another shard the big's home; both are held.
func (b *big) rehome(sh *Shard) {
	old := b.home.Load()
	if old == sh {
		return
	}
	if b.unsettled {
		old.unsettled = without(old.unsettled, b)
		b.unsettled = false
	}
	b.home.Store(sh)
	b.touch()
	if b.sweeping {
		old.sweeping = without(old.sweeping, b)
		sh.sweeping = append(sh.sweeping, b)
		sh.store.hurry(sh, 0)
	}
}

// without takes a big out of a list that it is in once.
func without(list []*big, b *big) []*big {
	i := slices.Index(list, b)
	return slices.Delete(list, i, i+1)
}

// touch has the big settled when its home next is, since it may be about to change.
func (b *big) touch() {
	if !b.unsettled {
		b.unsettled = true
		sh := b.home.Load()
		sh.unsettled = append(sh.unsettled, b)
	}
}

// settleBigs publishes what the held shard's big values have come to.
func (sh *Shard) settleBigs() {
	for i, b := range sh.unsettled {
		live := b.heap.Live()
		sh.store.used.Add(live - b.published)
		b.published, b.unsettled = live, false
		sh.unsettled[i] = nil
	}
	sh.unsettled = sh.unsettled[:0]
}

// bigNumber reads the number of a record with isBig.
func (r record) bigNumber() uint32 { return uint32(binary.LittleEndian.Uint64(r.value())) }

func putBigNumber(value []byte, number uint32) {
	binary.LittleEndian.PutUint64(value, uint64(number))
}

// big gives the big value of a record that has one, which may change then.
func (t *table) big(rec record) *big {
	b := t.register.at(rec.bigNumber())
	b.touch()
	return b
}

// isBig tells whether the value has a heap of its own.
func (it *Item) isBig() bool { return it.rec.has(isBig) }

// big gives the value of an item that isBig.
func (it *Item) big() *big { return it.t.big(it.rec) }

// condemn has a big freed that no record has any more: as soon as nobody reads it, and what is more than a slice in slices.
func (b *big) condemn() {
	b.leave()
	if b.moments == 0 && b.release(lazyFrom) {
		return
	}
	b.home.Load().store.lazy.Add(1)
	if b.moments == 0 {
		b.doom()
	}
}

// leave takes a big from its record.
func (b *big) leave() {
	b.owner.register.remove(b)
	b.owner.disown(b)
}

// doom puts a condemned big that nobody reads among the values to be freed.
func (b *big) doom() {
	sh, live := b.home.Load(), b.heap.Live()
	sh.lazy = append(sh.lazy, condemned{big: b, bytes: live})
	sh.store.going.Add(live)
	sh.store.hurry(sh, 0)
}

// release gives back up to about max spans and large blocks of a condemned big and tells whether it is gone.
func (b *big) release(max int) (done bool) {
	b.touch()
	return b.heap.ReleaseSome(max)
}

// dropBigs gives back the big values of a table whose keys all go; those that somebody reads when he has done.
func (t *table) dropBigs() {
	for len(t.bigs) > 0 {
		b := t.bigs[len(t.bigs)-1]
		if b.moments > 0 {
			b.condemn()
			continue
		}
		b.leave()
		b.heap.ReleaseAll()
		b.touch()
	}
}
