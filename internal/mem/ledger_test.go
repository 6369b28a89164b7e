// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants

package mem

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func TestDebugBuildCatchesMisuse(t *testing.T) {
	for _, c := range []struct {
		name, want string
		misuse     func(h, other *Heap)
	}{
		{"double free", "double free", func(h, _ *Heap) {
			h.Alloc(40)
			r := h.Alloc(40)
			h.Free(r, 40)
			h.Free(r, 40)
		}},
		{"double free of a big block", "not in use", func(h, _ *Heap) {
			r := h.Alloc(100_000)
			h.Free(r, 100_000)
			h.Free(r, 100_000)
		}},
		{"wrong size", "with size 64, allocated with 40", func(h, _ *Heap) { h.Free(h.Alloc(40), 64) }},
		{"wrong size of a big block", "with size 200000, allocated with 100000", func(h, _ *Heap) { h.Free(h.Alloc(100_000), 200_000) }},
		{"impossible size", "impossible size", func(h, _ *Heap) { h.Free(h.Alloc(40), 0) }},
		{"no block's start", "no block's start", func(h, _ *Heap) { h.Free(h.Alloc(40)+1, 40) }},
		{"foreign heap", "belongs to heap", func(h, other *Heap) { other.Free(h.Alloc(40), 40) }},
		{"free of nothing", "Free of Ref 0", func(h, _ *Heap) { h.Free(0, 40) }},
		{"access to nothing", "access through Ref 0", func(h, _ *Heap) { h.Bytes(0, 1) }},
		{"address of nothing", "address of Ref 0", func(h, _ *Heap) { h.Pointer(0) }},
		{"access past the end", "access to 49 bytes", func(h, _ *Heap) { h.Bytes(h.Alloc(41), 49) }},
		{"write past the end", "past its end, at byte 41", func(h, _ *Heap) {
			r := h.Alloc(41)
			*(*byte)(unsafe.Add(h.Pointer(r), 41)) = 1
			h.Free(r, 41)
		}},
		{"write after free", "written to after it was freed, at byte 10", func(h, _ *Heap) {
			h.Alloc(40)
			r := h.Alloc(40)
			b := h.Bytes(r, 40)
			h.Free(r, 40)
			b[10] = 1
			h.Alloc(40)
		}},
		{"adoption from the wrong heap", "belongs to heap", func(h, other *Heap) { h.Adopt(other, h.Alloc(100_000), 100_000) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := NewArena(Options{Reserve: 4 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, c.want) {
					t.Errorf("panic %q, want %q", got, c.want)
				}
			}()
			c.misuse(a.NewHeap(), a.NewHeap())
		})
	}
}

func TestSlackMayBeUsedThroughBytes(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	r := h.Alloc(41)
	b := h.Bytes(r, Usable(41))
	b[len(b)-1] = 1
	h.Free(r, 44)
	h.ReleaseAll()
}

func TestFreedMemoryIsPoisoned(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	h.Alloc(64)
	for _, n := range []int{64, 100_000} {
		r := h.Alloc(n)
		b := h.Bytes(r, n)
		clear(b)
		h.Free(r, n)
		if b[8] != poisonByte || b[n-1] != poisonByte {
			t.Errorf("freed block of %d bytes is not poisoned: % x", n, b[:16])
		}
	}
	h.ReleaseAll()
}
