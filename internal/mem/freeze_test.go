// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/invariants"
)

// moment is an open freeze and the blocks that it must keep.
type moment struct {
	f      *Freeze
	blocks []block
}

// frozenModel is a heap with freezes and what must be in it.
type frozenModel struct {
	t       testing.TB
	h       *Heap
	rnd     *rand.Rand
	blocks  []block
	moments []moment
}

// write changes a block as an owner must: in place only if it is not frozen.
func (m *frozenModel) write(i int) {
	k := &m.blocks[i]
	k.check(m.t, m.h)
	if m.h.Freezing() && m.h.Frozen(k.r) {
		r := m.h.Alloc(k.n)
		m.h.Free(k.r, k.n)
		k.r = r
	}
	k.seed = m.rnd.Uint64()
	k.fill(m.h)
}

func (m *frozenModel) free(i int) {
	k := m.blocks[i]
	k.check(m.t, m.h)
	m.h.Free(k.r, k.n)
	m.blocks[i] = m.blocks[len(m.blocks)-1]
	m.blocks = m.blocks[:len(m.blocks)-1]
}

func (m *frozenModel) freeze() {
	m.moments = append(m.moments, moment{m.h.Freeze(), append([]block(nil), m.blocks...)})
	for _, k := range m.blocks {
		if !m.h.Frozen(k.r) {
			m.t.Fatalf("block %#x is not frozen", k.r)
		}
	}
}

// thaw ends a freeze whose blocks must all be as they were.
func (m *frozenModel) thaw(i int) {
	for _, k := range m.moments[i].blocks {
		k.check(m.t, m.h)
	}
	m.h.Thaw(m.moments[i].f)
	m.moments = append(m.moments[:i], m.moments[i+1:]...)
}

// step does something at random.
func (m *frozenModel) step(most int, growing bool) {
	switch what := m.rnd.IntN(100); {
	case what < 2 && len(m.moments) < 6:
		m.freeze()
	case what < 4 && len(m.moments) > 0:
		m.thaw(m.rnd.IntN(len(m.moments)))
	case what < 10:
		m.h.Sweep(1 + m.rnd.IntN(100))
	case what < 40 && len(m.blocks) > 0:
		m.write(m.rnd.IntN(len(m.blocks)))
	case what < 50 && len(m.blocks) > 0:
		k := &m.blocks[m.rnd.IntN(len(m.blocks))]
		if to := m.h.Relocate(k.r, k.n); to != 0 {
			k.r = to
		}
	case len(m.blocks) < most && (growing || m.rnd.IntN(3) == 0):
		k := block{n: randomSize(m.rnd), seed: m.rnd.Uint64()}
		k.r = m.h.Alloc(k.n)
		k.fill(m.h)
		m.blocks = append(m.blocks, k)
	case len(m.blocks) > 0:
		m.free(m.rnd.IntN(len(m.blocks)))
	}
}

// checkFreezes looks for a span that is in another list than its epoch says, or in none though it has a block to give.
func (h *Heap) checkFreezes(t testing.TB) {
	t.Helper()
	listed := map[uint32]bool{}
	walk := func(lists *[numClasses]uint32) {
		for c, p := range lists {
			for prev := uint32(0); p != 0; {
				m := h.page(p)
				if m.prev != prev || int(m.class) != c || m.live == classes[c].blocks || listed[p] {
					t.Fatalf("span %d: its list is damaged", p)
				}
				if home := &h.partial; h.freezes != nil && h.home(m.epoch) != lists || h.freezes == nil && lists != home {
					t.Fatalf("span %d of epoch %d is in a wrong list", p, m.epoch)
				}
				listed[p] = true
				prev, p = p, m.next
			}
		}
	}
	walk(&h.partial)
	if h.freezes != nil {
		for i, f := range h.freezes.list {
			if i > 0 && f.last <= h.freezes.list[i-1].last || f.last >= h.epoch {
				t.Fatal("epochs out of order")
			}
			walk(&f.spans)
		}
	}
	live := int64(0)
	for p := h.runs; p != 0; {
		m := h.page(p)
		if m.class == largeClass {
			live += int64(m.pages) << pageShift
		} else {
			live += int64(m.live) * int64(classes[m.class].words) * 8
			if m.live < classes[m.class].blocks && !listed[p] {
				t.Fatalf("span %d is in no list", p)
			}
		}
		p = m.runNext
	}
	if live != h.live {
		t.Fatalf("live is %d, the runs have %d", h.live, live)
	}
}

// end thaws and frees everything and looks whether all of it came back.
func (m *frozenModel) end() {
	for len(m.moments) > 0 {
		m.thaw(m.rnd.IntN(len(m.moments)))
	}
	for m.h.Sweep(1000) {
	}
	m.h.checkFreezes(m.t)
	for len(m.blocks) > 0 {
		m.free(0)
	}
	if m.h.Live() != 0 || m.h.freezes != nil || m.h.Freezing() || m.h.Held() > numClasses*16*pageSize {
		m.t.Fatalf("an empty heap has live %d, held %d", m.h.Live(), m.h.Held())
	}
	m.h.ReleaseAll()
}

func TestFrozenBlocksStayWhateverHappens(t *testing.T) {
	a := testArena(t, 0)
	for seed := range uint64(8) {
		m := frozenModel{t: t, h: a.NewHeap(), rnd: rand.New(rand.NewPCG(seed, 3))}
		if seed%2 == 1 {
			m.h.epoch = maxEpoch - 20 // they will be counted anew
		}
		most := 20 + int(seed)*100/slowness()
		for step := range 12_000 / slowness() {
			m.step(most, step/(3*most)%2 == 0)
			if step%500 == 0 {
				m.h.checkFreezes(t)
			}
		}
		m.end()
		a.verify(t)
	}
	if st := a.Stats(); st.InUse != 0 {
		t.Fatalf("in use at the end: %+v", st)
	}
}

func TestFrozenBlocksAreReadWhileTheOwnerGoesOn(t *testing.T) {
	a := testArena(t, 0)
	m := frozenModel{t: t, h: a.NewHeap(), rnd: rand.New(rand.NewPCG(1, 4))}
	for range 300 {
		m.step(300, true)
	}
	for range 20 {
		var readers sync.WaitGroup
		m.freeze()
		for i := range m.moments {
			blocks := m.moments[i].blocks
			readers.Go(func() {
				for _, k := range blocks {
					k.check(t, m.h)
				}
			})
		}
		for range 300 / slowness() {
			if i := m.rnd.IntN(len(m.blocks)); m.rnd.IntN(4) == 0 {
				m.free(i)
			} else {
				m.write(i)
			}
			k := block{n: randomSize(m.rnd), seed: m.rnd.Uint64()}
			k.r = m.h.Alloc(k.n)
			k.fill(m.h)
			m.blocks = append(m.blocks, k)
			m.h.Sweep(1)
		}
		readers.Wait()
		for len(m.moments) > 3 {
			m.thaw(m.rnd.IntN(len(m.moments)))
		}
	}
	m.end()
}

func TestDeadBlocksWaitForTheOldestFreezeThatSeesThem(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	for _, n := range []int{100, 100_000} {
		old := block{r: h.Alloc(n), n: n, seed: 1}
		old.fill(h)
		first := h.Freeze()
		young := block{r: h.Alloc(n), n: n, seed: 2}
		young.fill(h)
		if !h.Frozen(old.r) || h.Frozen(young.r) {
			t.Fatal("the wrong one is frozen")
		}
		second := h.Freeze()
		fresh := h.Alloc(n)
		before := h.Live()
		h.Free(old.r, n)
		h.Free(young.r, n)
		h.Free(fresh, n)
		if want := before - int64(Usable(n)); h.Live() != want {
			t.Fatalf("live %d, want %d: only the third block is free", h.Live(), want)
		}
		h.Thaw(second)
		if h.Sweep(100) || h.Live() != int64(Usable(n)) || !h.Frozen(old.r) {
			t.Fatalf("live %d after the second freeze", h.Live())
		}
		old.check(t, h)
		h.Thaw(first)
		if h.Sweep(100) || h.Live() != 0 || h.Freezing() {
			t.Fatalf("live %d after both freezes", h.Live())
		}
	}
	h.ReleaseAll()
}

func TestSealedSpansAreUsedAgainAfterTheThaw(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	for range 10 {
		h.Alloc(64)
	}
	held := h.Held()
	f := h.Freeze()
	r := h.Alloc(64)
	if h.Held() == held {
		t.Fatal("a block came from a sealed span")
	}
	h.Thaw(f)
	for h.Sweep(1) {
	}
	h.Free(r, 64)
	for range 300 {
		h.Alloc(64)
	}
	if h.Held() > 2*held {
		t.Fatalf("held %d before the freeze, %d after it", held, h.Held())
	}
	h.ReleaseAll()
}

func TestSweepStopsWhenItHasDoneEnough(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	var refs []Ref
	for range 5000 {
		refs = append(refs, h.Alloc(40))
	}
	f := h.Freeze()
	for _, r := range refs {
		h.Free(r, 40)
	}
	h.Thaw(f)
	calls := 1
	for before := h.Live(); h.Sweep(100); calls++ {
		if before-h.Live() > 100*40 {
			t.Fatalf("%d bytes at one go", before-h.Live())
		}
		before = h.Live()
	}
	if calls < 50 || calls > 60 || h.Live() != 0 {
		t.Fatalf("%d calls, live %d", calls, h.Live())
	}
	h.ReleaseAll()
}

func TestTooManyFreezesAreRefused(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	k := block{r: h.Alloc(500), n: 500, seed: 1}
	k.fill(h)
	var list []*Freeze
	for !refused(t, func() { list = append(list, h.Freeze()) }) {
	}
	if len(list) != maxEpoch {
		t.Fatalf("%d freezes", len(list))
	}
	h.Free(k.r, k.n)
	k.check(t, h)
	for _, f := range list {
		h.Thaw(f)
	}
	for h.Sweep(1000) {
	}
	if h.Live() != 0 {
		t.Fatalf("live %d", h.Live())
	}
	h.Thaw(h.Freeze())
	h.ReleaseAll()
}

func TestReleaseSomeGivesEverythingBackInPieces(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	for round := range 3 {
		rnd := rand.New(rand.NewPCG(uint64(round), 5))
		for range 3000 {
			h.Alloc(randomSize(rnd))
		}
		h.Thaw(h.Freeze()) // what it has left goes with the rest
		calls := 1
		for live, held := h.Live(), h.Held(); !h.ReleaseSome(10); calls++ {
			if h.Live() >= live || h.Held() >= held || a.Stats().InUse != h.Held() {
				t.Fatalf("live %d, then %d; held %d, then %d", live, h.Live(), held, h.Held())
			}
			live, held = h.Live(), h.Held()
		}
		if calls < 10 || h.Live() != 0 || h.Held() != 0 {
			t.Fatalf("%d calls; live %d, held %d", calls, h.Live(), h.Held())
		}
		a.verify(t)
	}
}

func TestMisuseOfFreezesPanics(t *testing.T) {
	a := testArena(t, 0)
	misuse := func(what string, fn func(h *Heap)) {
		h := a.NewHeap()
		defer func() {
			if recover() == nil {
				t.Error("no panic:", what)
			}
			h.line = 0
			h.ReleaseAll()
		}()
		fn(h)
	}
	misuse("thaw twice", func(h *Heap) {
		f := h.Freeze()
		h.Thaw(f)
		h.Thaw(f)
	})
	misuse("release of a frozen heap", func(h *Heap) {
		h.Alloc(10)
		h.Freeze()
		h.ReleaseAll()
	})
	if !invariants.Enabled {
		return
	}
	misuse("double free of a frozen block", func(h *Heap) {
		r := h.Alloc(10)
		h.Freeze()
		h.Free(r, 10)
		h.Free(r, 10)
	})
	misuse("wrong size of a frozen block", func(h *Heap) {
		r := h.Alloc(10)
		h.Freeze()
		h.Free(r, 50)
	})
}

func TestFrozenHeapGivesNothingAway(t *testing.T) {
	a := testArena(t, 0)
	from, to := a.NewHeap(), a.NewHeap()
	r := from.Alloc(100_000)
	f := from.Freeze()
	if to.Adopt(from, r, 100_000) {
		t.Fatal("a frozen block was adopted")
	}
	from.Thaw(f)
	from.Sweep(10)
	if !to.Adopt(from, r, 100_000) {
		t.Fatal("not adopted after the thaw")
	}
	to.ReleaseAll()
}
