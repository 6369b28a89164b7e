// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"math/rand/v2"
	"testing"
)

// change does something at random to a structure of the blocks, through a journal, as its owner must.
func (m *frozenModel) change(j *Heap) {
	switch i := m.rnd.IntN(len(m.blocks) + 1); {
	case i == len(m.blocks) || m.rnd.IntN(3) == 0:
		k := block{n: randomSize(m.rnd), seed: m.rnd.Uint64()}
		k.r = j.Alloc(k.n)
		k.fill(j)
		m.blocks = append(m.blocks, k)
	case m.rnd.IntN(2) == 0:
		k := m.blocks[i]
		k.check(m.t, j)
		j.Free(k.r, k.n)
		m.blocks = append(m.blocks[:i], m.blocks[i+1:]...)
	default:
		k := &m.blocks[i]
		if !j.Freezing() {
			m.t.Fatal("a journal's blocks may be frozen")
		}
		if j.Frozen(k.r) {
			r := j.Alloc(k.n)
			j.Free(k.r, k.n)
			k.r = r
		}
		k.seed = m.rnd.Uint64()
		k.fill(j)
	}
}

func TestJournalsChangesAreUndoneOrStay(t *testing.T) {
	a := testArena(t, 0)
	j := a.NewJournal()
	for seed := range uint64(4) {
		m := frozenModel{t: t, h: a.NewHeap(), rnd: rand.New(rand.NewPCG(seed, 8))}
		for range 100 {
			m.step(100, true)
		}
		for range 300 / slowness() {
			before, live := append([]block(nil), m.blocks...), m.h.Live()
			j.Begin(m.h)
			for range m.rnd.IntN(30) {
				if m.rnd.IntN(20) == 0 && len(m.moments) < 6 {
					m.freeze()
				}
				m.change(j)
			}
			if m.rnd.IntN(3) == 0 {
				logical := j.Live()
				j.Keep()
				if len(m.moments) == 0 && m.h.Live() != logical {
					t.Fatalf("live %d, the journal had %d", m.h.Live(), logical)
				}
			} else {
				j.Undo()
				if m.blocks = before; len(m.moments) == 0 && m.h.Live() != live {
					t.Fatalf("live %d, was %d", m.h.Live(), live)
				}
			}
			for _, k := range m.blocks {
				k.check(t, m.h)
			}
			for len(m.moments) > m.rnd.IntN(4) {
				m.thaw(m.rnd.IntN(len(m.moments)))
			}
			m.h.Sweep(50)
			m.h.checkFreezes(t)
		}
		m.end()
		a.verify(t)
	}
}

func TestJournalGivesNoBlocksAway(t *testing.T) {
	a := testArena(t, 0)
	h, j := a.NewHeap(), a.NewJournal()
	r := h.Alloc(100_000)
	j.Begin(h)
	if a.NewHeap().Adopt(j, r, 100_000) || j.Adopt(h, r, 100_000) || j.Relocate(r, 100) != 0 {
		t.Error("a block of a journal has changed heaps")
	}
	if refused(t, func() { j.Alloc(1 << 60) }); j.Live() != h.Live() {
		t.Error("what was refused counts")
	}
	j.Free(r, 100_000)
	j.Keep()
	if h.Live() != 0 {
		t.Errorf("live %d", h.Live())
	}
}

func TestLimitIsLifted(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	h.Alloc(100_000)
	a.SetLimit(1)
	if !refused(t, func() { h.Alloc(100_000) }) {
		t.Fatal("not refused")
	}
	a.WithoutLimit(func() { h.Alloc(100_000) })
	if !refused(t, func() { h.Alloc(100_000) }) {
		t.Error("not refused any more")
	}
	h.ReleaseAll()
}
