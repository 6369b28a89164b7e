// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/redpoll/redpoll/internal/invariants"
)

// slowness is how much less the random tests do where the race detector looks at every word.
func slowness() int {
	if contiguous {
		return 1
	}
	return 8
}

// testArena makes an arena that ends with the test, which must have given everything back; 0 reserves the default.
func testArena(t testing.TB, reserve int64) *Arena {
	t.Helper()
	a, err := NewArena(Options{Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.verify(t)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// verify walks the pool's book and compares it with the counters.
func (a *Arena) verify(t testing.TB) {
	t.Helper()
	q := &a.pool
	q.mu.Lock()
	defer q.mu.Unlock()
	free, dirty := uint32(0), uint32(0)
	for _, s := range []*bins{&q.clean, &q.dirty} {
		for b, p := range s.heads {
			if (p != 0) != (s.used[b>>6]>>(b&63)&1 == 1) {
				t.Fatalf("bin %d: used bit disagrees with its list", b)
			}
			for prev := uint32(0); p != 0; {
				m := q.space.page(p)
				last := q.space.page(p + m.pages - 1)
				if m.kind != kindFree || last.kind != kindFree || last.pages != m.pages || m.prev != prev || binOf(m.pages) != b {
					t.Fatalf("free run %d of %d pages in bin %d: damaged", p, m.pages, b)
				}
				if got := q.marks.count(p, m.pages); got != m.runNext || (got > 0) != (s == &q.dirty) {
					t.Fatalf("free run %d: %d dirty pages marked, %d counted", p, got, m.runNext)
				}
				if q.space.page(p-1).kind == kindFree || p+m.pages < q.opened && q.space.page(p+m.pages).kind == kindFree {
					t.Fatalf("free run %d has a free neighbour", p)
				}
				if p+m.pages == q.opened && q.top.Load() != m.pages {
					t.Fatalf("top is %d, the last run has %d pages", q.top.Load(), m.pages)
				}
				free += m.pages
				dirty += m.runNext
				prev, p = p, m.next
			}
		}
	}
	walls := int64(0)
	if q.opened > 0 {
		walls = 1
	}
	st := a.Stats()
	if st.Cached != int64(dirty)<<pageShift {
		t.Fatalf("Cached is %d, the free runs have %d", st.Cached, int64(dirty)<<pageShift)
	}
	if lost := st.Opened - st.InUse - int64(free)<<pageShift; contiguous && lost != walls<<pageShift {
		t.Fatalf("%d bytes are neither free nor in use: %+v", lost, st)
	}
}

func TestClassesAreCloseAndFillTheirSpans(t *testing.T) {
	if unsafe.Sizeof(page{}) != pageBookSize {
		t.Fatalf("a page's book-keeping takes %d bytes", unsafe.Sizeof(page{}))
	}
	for i := range numClasses {
		k := classes[i]
		size, span := int(k.words)*8, int(k.pages)*pageSize
		if waste := span - size*int(k.blocks); waste*100 > span*3 {
			t.Errorf("class of %d bytes wastes %d of %d", size, waste, span)
		}
		if i > 0 {
			if step := size * 100 / (int(classes[i-1].words) * 8); size > 128 && step > 115 {
				t.Errorf("class of %d bytes is %d %% of the one before", size, step)
			}
		}
	}
	for n := 1; n <= MaxSmall; n++ {
		u := Usable(n)
		if u < n || u%8 != 0 || n > 1 && u < Usable(n-1) {
			t.Fatalf("Usable(%d) = %d", n, u)
		}
	}
	for _, c := range [][2]int{{1, 8}, {8, 8}, {9, 16}, {128, 128}, {129, 144}, {MaxSmall, MaxSmall}, {MaxSmall + 1, 36864}, {1 << 20, 1 << 20}} {
		if got := Usable(c[0]); got != c[1] {
			t.Errorf("Usable(%d) = %d, want %d", c[0], got, c[1])
		}
	}
}

func TestAllocateAndFreeOneOfEachSize(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	for n := 1; n < 100_000; n += 1 + n/16 {
		r := h.Alloc(n)
		if r == 0 || uintptr(h.Pointer(r))%8 != 0 {
			t.Fatalf("Alloc(%d) = %#x", n, r)
		}
		if h.Live() != int64(Usable(n)) || h.Held() < h.Live() {
			t.Fatalf("after Alloc(%d): live %d, held %d", n, h.Live(), h.Held())
		}
		b := h.Bytes(r, n)
		for i := range b {
			b[i] = byte(n)
		}
		h.Free(r, n)
		if h.Live() != 0 {
			t.Fatalf("after Free(%d): live %d", n, h.Live())
		}
	}
	h.ReleaseAll()
	if st := a.Stats(); st.InUse != 0 || h.Held() != 0 {
		t.Fatalf("after ReleaseAll: %+v, held %d", st, h.Held())
	}
}

// block is what the model knows of an allocation.
type block struct {
	r    Ref
	n    int
	seed uint64
}

func (k block) fill(h *Heap) {
	b := h.Bytes(k.r, k.n)
	x := k.seed
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, x)
		x = x*6364136223846793005 + 1
		b = b[8:]
	}
	for i := range b {
		b[i] = byte(x) + byte(i)
	}
}

func (k block) check(t testing.TB, h *Heap) {
	b := h.Bytes(k.r, k.n)
	x := k.seed
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != x {
			t.Fatalf("block %#x of %d bytes has lost its contents", k.r, k.n)
		}
		x = x*6364136223846793005 + 1
		b = b[8:]
	}
	for i := range b {
		if b[i] != byte(x)+byte(i) {
			t.Fatalf("block %#x of %d bytes has lost its end", k.r, k.n)
		}
	}
}

func randomSize(rnd *rand.Rand) int {
	switch rnd.IntN(40) {
	case 0:
		return 1 + rnd.IntN(300_000)
	case 1, 2, 3:
		return 1 + rnd.IntN(MaxSmall)
	}
	return 1 + rnd.IntN(300)
}

// churn allocates, frees, resizes and relocates at random, and checks every content it meets.
func churn(t testing.TB, h *Heap, rnd *rand.Rand, steps, most int) {
	var blocks []block
	live := int64(0)
	drop := func(i int) {
		k := blocks[i]
		k.check(t, h)
		h.Free(k.r, k.n)
		live -= int64(Usable(k.n))
		blocks[i] = blocks[len(blocks)-1]
		blocks = blocks[:len(blocks)-1]
	}
	for step := range steps {
		growing := step/(2*most)%2 == 0
		switch {
		case len(blocks) < most && (growing || rnd.IntN(3) == 0):
			k := block{n: randomSize(rnd), seed: rnd.Uint64()}
			k.r = h.Alloc(k.n)
			k.fill(h)
			live += int64(Usable(k.n))
			blocks = append(blocks, k)
		case len(blocks) > 0 && rnd.IntN(4) == 0:
			k := &blocks[rnd.IntN(len(blocks))]
			if to := h.Relocate(k.r, k.n); to != 0 {
				k.r = to
				k.check(t, h)
			}
		case len(blocks) > 0:
			drop(rnd.IntN(len(blocks)))
		}
		if h.Live() != live || h.Held() < live {
			t.Fatalf("step %d: live %d, held %d, the model has %d", step, h.Live(), h.Held(), live)
		}
	}
	for len(blocks) > 0 {
		drop(len(blocks) - 1)
	}
}

func TestRandomUseAgreesWithModel(t *testing.T) {
	a := testArena(t, 0)
	heaps := []*Heap{a.NewHeap(), a.NewHeap()}
	for seed := range uint64(4) {
		h := heaps[seed%2]
		churn(t, h, rand.New(rand.NewPCG(seed, 1)), 20_000/slowness(), 1+int(seed)*800/slowness())
		a.verify(t)
		if seed == 2 {
			a.Scavenge(1 << 20)
			a.verify(t)
		}
	}
	for _, h := range heaps {
		if h.Live() != 0 || h.Held() > numClasses*16*pageSize {
			t.Fatalf("an empty heap has live %d, held %d", h.Live(), h.Held())
		}
		h.ReleaseAll()
	}
	if st := a.Stats(); st.InUse != 0 {
		t.Fatalf("in use at the end: %+v", st)
	}
}

func TestHeapsOnManyGoroutinesShareThePool(t *testing.T) {
	a := testArena(t, 0)
	stop := make(chan struct{})
	var workers, scavenger sync.WaitGroup
	scavenger.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				a.Scavenge(4 << 20)
				a.Headroom(1 << 20)
				a.Stats()
			}
		}
	})
	for seed := range uint64(4) {
		workers.Go(func() {
			h := a.NewHeap()
			churn(t, h, rand.New(rand.NewPCG(seed, 2)), 8_000/slowness(), 400/slowness())
			h.ReleaseAll()
		})
	}
	workers.Wait()
	close(stop)
	scavenger.Wait()
	if st := a.Stats(); st.InUse != 0 {
		t.Fatalf("in use at the end: %+v", st)
	}
}

// refused runs fn and tells whether memory was refused.
func refused(t testing.TB, fn func()) (no bool) {
	t.Helper()
	defer func() {
		if x := recover(); x != nil {
			err, ok := x.(error)
			if !ok || !errors.Is(err, ErrNoMemory) {
				panic(x)
			}
			no = true
		}
	}()
	fn()
	return false
}

func TestExhaustedArenaRefusesAndRecovers(t *testing.T) {
	for _, n := range []int{24, 5000, MaxSmall, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			a := testArena(t, 4<<20)
			h := a.NewHeap()
			var refs []Ref
			for !refused(t, func() { refs = append(refs, h.Alloc(n)) }) {
			}
			if waste := a.Stats().Reserved - h.Live(); waste > 400_000 {
				t.Fatalf("refused with %d bytes unused", waste)
			}
			if a.Headroom(int64(n) + 1<<20) {
				t.Fatal("headroom in an exhausted arena")
			}
			live, held := h.Live(), h.Held()
			if !refused(t, func() { h.Alloc(n) }) || h.Live() != live || h.Held() != held {
				t.Fatal("a refusal has changed the heap")
			}
			a.verify(t)
			for _, r := range refs {
				h.Free(r, n)
			}
			if !a.Headroom(3<<20) || a.Headroom(5<<20) {
				t.Fatal("wrong headroom after everything was freed")
			}
			h.Free(h.Alloc(3<<20), 3<<20)
			h.ReleaseAll()
		})
	}
}

func TestImpossibleSizes(t *testing.T) {
	a := testArena(t, 1<<20)
	h := a.NewHeap()
	most := int(^uint(0) >> 1)
	for _, n := range []int{64 << 20, most >> 2, most - pageSize, most} {
		if !refused(t, func() { h.Alloc(n) }) {
			t.Errorf("Alloc(%d) was not refused", n)
		}
		if a.Headroom(int64(n)) {
			t.Errorf("headroom for %d", n)
		}
	}
	if !a.Headroom(0) || !a.Headroom(-5) {
		t.Error("no headroom for nothing")
	}
}

func TestAdoptHandsOverBlocksThatOwnTheirPages(t *testing.T) {
	a, other := testArena(t, 0), testArena(t, 0)
	from, to, stranger := a.NewHeap(), a.NewHeap(), other.NewHeap()
	big := block{n: 200_000, seed: 7}
	big.r = from.Alloc(big.n)
	big.fill(from)
	small := from.Alloc(MaxSmall)
	if to.Adopt(from, small, MaxSmall) {
		t.Fatal("a small block was adopted")
	}
	if stranger.Adopt(from, big.r, big.n) {
		t.Fatal("a block of another arena was adopted")
	}
	if !to.Adopt(from, big.r, big.n) {
		t.Fatal("a big block was not adopted")
	}
	want := int64(Usable(big.n))
	if to.Live() != want || to.Held() != want || from.Live() != MaxSmall || from.Held() != MaxSmall {
		t.Fatalf("live %d held %d after adoption, the giver %d %d", to.Live(), to.Held(), from.Live(), from.Held())
	}
	from.ReleaseAll()
	big.check(t, to)
	to.Free(big.r, big.n)
	if st := a.Stats(); st.InUse != 0 {
		t.Fatalf("in use at the end: %+v", st)
	}
}

func TestReleaseAllLeavesAUsableHeap(t *testing.T) {
	a := testArena(t, 0)
	h, bystander := a.NewHeap(), a.NewHeap()
	kept := block{r: bystander.Alloc(1000), n: 1000, seed: 3}
	kept.fill(bystander)
	for range 3 {
		for i := range 5000 {
			h.Alloc(1 + i%2000)
		}
		h.Alloc(1 << 20)
		h.ReleaseAll()
		if h.Live() != 0 || h.Held() != 0 || a.Stats().InUse != bystander.Held() {
			t.Fatalf("after ReleaseAll: live %d, held %d, %+v", h.Live(), h.Held(), a.Stats())
		}
		a.verify(t)
	}
	kept.check(t, bystander)
	bystander.ReleaseAll()
}

func TestRelocateEmptiesSparseSpans(t *testing.T) {
	a := testArena(t, 0)
	h := a.NewHeap()
	const n, count = 60, 40_000
	blocks := make([]block, 0, count)
	for i := range count {
		k := block{r: h.Alloc(n), n: n, seed: uint64(i)}
		k.fill(h)
		blocks = append(blocks, k)
	}
	kept := blocks[:0]
	for i, k := range blocks {
		if i%5 == 0 {
			kept = append(kept, k)
		} else {
			h.Free(k.r, n)
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	before := h.Held()
	moves := 0
	for pass := 0; ; pass++ {
		moved := 0
		for i := range kept {
			if to := h.Relocate(kept[i].r, n); to != 0 {
				kept[i].r = to
				moved++
			}
		}
		moves += moved
		if moved == 0 {
			break
		}
		if pass == 50 {
			t.Fatal("relocation does not come to rest")
		}
	}
	if h.Trim(); h.Held()*4 > before || h.Held() > h.Live()*11/10 {
		t.Errorf("held %d before, %d after %d moves, live %d", before, h.Held(), moves, h.Live())
	}
	for _, k := range kept {
		k.check(t, h)
		h.Free(k.r, n)
	}
	if h.Trim(); h.Held() != 0 {
		t.Errorf("an empty heap holds %d bytes", h.Held())
	}
}

func TestAccountCountsByPurpose(t *testing.T) {
	var acc Account
	acc.Add(ClientInput, 100)
	acc.Add(ClientOutput, 50)
	acc.Add(ClientInput, -30)
	if acc.Get(ClientInput) != 70 || acc.Get(ClientOutput) != 50 || acc.Get(Transactions) != 0 || acc.Total() != 120 {
		t.Errorf("%d %d %d %d", acc.Get(ClientInput), acc.Get(ClientOutput), acc.Get(Transactions), acc.Total())
	}
}

func TestHotPathDoesNotTouchTheGoHeap(t *testing.T) {
	if invariants.Enabled {
		t.Skip("n/a: the debug build keeps a ledger")
	}
	a := testArena(t, 0)
	h := a.NewHeap()
	h.Free(h.Alloc(64), 64)
	if got := testing.AllocsPerRun(100, func() {
		r := h.Alloc(64)
		Prefetch(h.Pointer(r))
		copy(h.Bytes(r, 64), "x")
		h.Free(r, 64)
	}); got != 0 {
		t.Errorf("%v Go allocations", got)
	}
	h.ReleaseAll()
}

func benchmarkChurn(b *testing.B, sizes []int, live int) {
	a := testArena(b, 0)
	h := a.NewHeap()
	type held struct {
		r Ref
		n int
	}
	ring := make([]held, live)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range ring {
		n := sizes[rnd.IntN(len(sizes))]
		ring[i] = held{h.Alloc(n), n}
	}
	order := make([]int, 1<<12)
	for i := range order {
		order[i] = rnd.IntN(live)
	}
	b.ResetTimer()
	for i := range b.N {
		k := &ring[order[i&(1<<12-1)]]
		h.Free(k.r, k.n)
		k.n = sizes[i%len(sizes)]
		k.r = h.Alloc(k.n)
	}
	b.StopTimer()
	h.ReleaseAll()
}

func BenchmarkFreeAllocOneSize(b *testing.B) { benchmarkChurn(b, []int{64}, 1<<12) }

func BenchmarkFreeAllocMixed(b *testing.B) {
	benchmarkChurn(b, []int{24, 64, 100, 32, 48, 200, 1000, 56}, 1<<16)
}

func BenchmarkAllocFresh(b *testing.B) {
	a := testArena(b, 0)
	h := a.NewHeap()
	for i := range b.N {
		h.Alloc(48)
		if i&(1<<20-1) == 1<<20-1 {
			h.ReleaseAll()
		}
	}
	h.ReleaseAll()
}

func BenchmarkBigBlocks(b *testing.B) {
	a := testArena(b, 0)
	h := a.NewHeap()
	for i := range b.N {
		n := MaxSmall + 1 + i&0xffff
		h.Free(h.Alloc(n), n)
	}
	h.ReleaseAll()
}

// TestLimit: beyond an arena's limit no page is given, and lowering it takes nothing away.
func TestLimit(t *testing.T) {
	a, err := NewArena(Options{Reserve: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	h := a.NewHeap()
	refused := func(n int) (no bool) {
		defer func() { no = recover() == ErrNoMemory }()
		h.Alloc(n)
		return false
	}
	a.SetLimit(4 << 20)
	if !a.Headroom(4<<20) || a.Headroom(4<<20+1) || refused(3<<20) || !refused(2<<20) || refused(1<<20) || !refused(1) {
		t.Error("a limit of 4 MB does not end there")
	}
	a.SetLimit(1)
	if a.InUse() != 4<<20 || a.Headroom(1) || !refused(1<<20) {
		t.Errorf("%d bytes are held after the limit was lowered", a.InUse())
	}
	h.ReleaseAll()
	a.SetLimit(1 << 20)
	if refused(1) || !refused(1<<20) {
		t.Error("a limit of 1 MB does not end there")
	}
	a.SetLimit(0)
	if refused(8 << 20) {
		t.Error("without a limit 8 MB are refused")
	}
}
