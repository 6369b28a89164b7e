// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"encoding/binary"
	"math/bits"
)

// table finds records by name in any case: open addressing with linear probing, at most a quarter full. It is read
// without locks once it is built.
type table struct {
	entries []entry // a power of two, or none
	used    int
}

type entry struct {
	hash uint64
	name string // lower case
	spec *Spec  // nil = free
}

// add enters a name that is not in the table, in lower case.
func (t *table) add(name string, s *Spec) {
	if 4*(t.used+1) > len(t.entries) {
		old := t.entries
		t.entries = make([]entry, max(8, 2*len(old)))
		for _, e := range old {
			if e.spec != nil {
				t.put(e)
			}
		}
	}
	t.put(entry{foldHash([]byte(name)), name, s})
	t.used++
}

// put enters e where there is room.
func (t *table) put(e entry) {
	mask := uint64(len(t.entries) - 1)
	i := e.hash & mask
	for t.entries[i].spec != nil {
		i = (i + 1) & mask
	}
	t.entries[i] = e
}

// find gives the record of that name, nil when there is none.
func (t *table) find(name []byte) *Spec {
	if t.used == 0 {
		return nil
	}
	h := foldHash(name)
	mask := uint64(len(t.entries) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.spec == nil {
			return nil
		}
		if e.hash == h && foldedEqual(name, e.name) {
			return e.spec
		}
	}
}

// foldHash hashes a name so that the case of letters does not count. Of names longer than 16 bytes it looks only at both
// ends; few have the same ones.
func foldHash(b []byte) uint64 {
	const fold = 0x2020202020202020 // sets the bit in which upper and lower case differ
	var x, y uint64
	switch n := len(b); {
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x, y = uint64(b[0])|uint64(b[n/2])<<8, uint64(b[n-1])
	}
	hi, lo := bits.Mul64((x|fold)^0x9E3779B97F4A7C15, (y|fold)^0xD6E8FEB86659FD93^uint64(len(b)))
	return hi ^ lo
}

// foldedEqual tells whether b in lower case is name.
func foldedEqual(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if lower(c) != name[i] {
			return false
		}
	}
	return true
}
