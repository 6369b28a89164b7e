// SPDX-License-Identifier: BSD-3-Clause

//go:build linux && !race

package mem

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/redpoll/redpoll/internal/invariants"
)

// resident returns the bytes of the arena that are in memory, as the kernel sees them.
func resident(t testing.TB, a *Arena) int64 {
	t.Helper()
	st := a.Stats()
	if st.Opened == 0 {
		return 0
	}
	vec := make([]byte, st.Opened>>pageShift)
	s := &a.pool.space
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(s.data), uintptr(st.Opened), uintptr(unsafe.Pointer(unsafe.SliceData(vec)))); errno != 0 {
		t.Fatal(errno)
	}
	n := int64(0)
	for _, v := range vec {
		n += int64(v & 1)
	}
	return n << pageShift
}

// skipUnlessPagesAreOurs skips what counts pages of the system.
func skipUnlessPagesAreOurs(t testing.TB) {
	t.Helper()
	if os.Getpagesize() != pageSize {
		t.Skip("the system's pages are bigger than the arena's")
	}
	if invariants.Enabled {
		t.Skip("n/a: the debug build touches all it hands out")
	}
}

func TestFreedMemoryGoesBackToTheSystem(t *testing.T) {
	skipUnlessPagesAreOurs(t)
	a := testArena(t, 0)
	h := a.NewHeap()
	var blocks []block
	for i := range 20_000 {
		k := block{n: 1 + i*7%3000, seed: uint64(i)}
		k.r = h.Alloc(k.n)
		k.fill(h)
		blocks = append(blocks, k)
	}
	full := resident(t, a)
	for i, k := range blocks {
		if i >= 200 {
			h.Free(k.r, k.n)
		}
	}
	st := a.Stats()
	if st.Cached < full/2 {
		t.Fatalf("after Free: %+v, %d resident", st, full)
	}
	if got := a.Scavenge(1<<20 + 100); got != 1<<20 {
		t.Fatalf("Scavenge(1 MB) gave %d", got)
	}
	if got := a.Scavenge(1 << 40); got != st.Cached-1<<20 || a.Stats().Cached != 0 {
		t.Fatalf("Scavenge of all gave %d, before it %+v", got, st)
	}
	if now := resident(t, a); now > h.Held()+pageSize || now > full/2 {
		t.Fatalf("%d of %d bytes still resident, held %d", now, full, h.Held())
	}
	if a.Scavenge(1<<40) != 0 {
		t.Fatal("there was more to give back")
	}
	a.verify(t)
	for _, k := range blocks[:200] {
		k.check(t, h)
	}
	h.ReleaseAll()
}

// TestCachedIsExact compares what the pool says about free pages with what the kernel says, through a mixture of held, freed,
// scavenged and reused pages.
func TestCachedIsExact(t *testing.T) {
	skipUnlessPagesAreOurs(t)
	a := testArena(t, 0)
	h := a.NewHeap()
	var blocks []block
	for round := range 6 {
		for i := range 60 {
			k := block{n: MaxSmall + 1 + i*9973, seed: 1}
			k.r = h.Alloc(k.n)
			k.fill(h)
			b := h.Bytes(k.r, Usable(k.n))
			b[len(b)-1] = 1
			blocks = append(blocks, k)
		}
		for i := len(blocks) - 1; i >= 0; i -= 1 + (i+round)%3 {
			h.Free(blocks[i].r, blocks[i].n)
			blocks = append(blocks[:i], blocks[i+1:]...)
		}
		if st, got := a.Stats(), resident(t, a); got != st.InUse+st.Cached {
			t.Fatalf("round %d: %d bytes resident, %+v", round, got, st)
		}
		a.Scavenge(int64(round) << 20)
	}
	h.ReleaseAll()
	a.Scavenge(1 << 40)
	if got := resident(t, a); got != 0 {
		t.Fatalf("%d bytes resident in an empty arena", got)
	}
}

func TestManyHeapsCostWhatTheyTouch(t *testing.T) {
	skipUnlessPagesAreOurs(t)
	a := testArena(t, 0)
	if got := a.Stats(); got.Opened != 0 {
		t.Fatalf("a new arena has opened %d bytes", got.Opened)
	}
	heaps := make([]*Heap, 256)
	for i := range heaps {
		heaps[i] = a.NewHeap()
		for _, n := range []int{32, 64, 128} {
			h := heaps[i]
			copy(h.Bytes(h.Alloc(n), n), "touched")
		}
	}
	if got := resident(t, a); got != 256*3*pageSize {
		t.Errorf("%d bytes resident for three blocks in each of 256 heaps, want a page a block", got)
	}
	for _, h := range heaps {
		h.ReleaseAll()
	}
	if st := a.Stats(); st.Cached != 256*3*pageSize {
		t.Errorf("after ReleaseAll: %+v, only touched pages should be cached", st)
	}
}

// limitedTests are what TestLimitedProcess runs, each in a process of its own.
func limitedTests() map[string]func(t *testing.T) {
	return map[string]func(t *testing.T){
		"address space": func(t *testing.T) {
			setLimit(t, unix.RLIMIT_AS, 4<<30)
			a := testArena(t, 0)
			if st := a.Stats(); st.Reserved > 2<<30 || st.Reserved < 256<<20 {
				t.Fatalf("reserved %d of 4 GB", st.Reserved)
			}
			fillUntilRefused(t, a)
		},
		"data": func(t *testing.T) {
			setLimit(t, unix.RLIMIT_DATA, 400<<20)
			a := testArena(t, 0)
			spare, err := unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				t.Fatal(err)
			}
			fillUntilRefused(t, a)
			if err := unix.Munmap(spare); err != nil { // or Go itself, which has the same limit, might fail for want of memory
				t.Fatal(err)
			}
			if st := a.Stats(); st.Opened < 64<<20 || st.Opened > 400<<20 {
				t.Fatalf("opened %d with 400 MB of data allowed", st.Opened)
			}
		},
		"too little": func(t *testing.T) {
			setLimit(t, unix.RLIMIT_AS, 1<<20)
			if a, err := NewArena(Options{}); err == nil {
				t.Fatalf("reserved %d of 1 MB", a.Stats().Reserved)
			}
		},
	}
}

func setLimit(t *testing.T, what int, bytes uint64) {
	t.Helper()
	if err := unix.Setrlimit(what, &unix.Rlimit{Cur: bytes, Max: bytes}); err != nil {
		t.Fatal(err)
	}
}

// fillUntilRefused takes all that there is without touching it, and checks that it comes back.
func fillUntilRefused(t *testing.T, a *Arena) {
	t.Helper()
	h := a.NewHeap()
	const n = 1 << 20
	var first Ref
	for !refused(t, func() { first = h.Alloc(n) }) {
	}
	if a.Headroom(n) {
		t.Fatal("headroom after a refusal")
	}
	h.Free(first, n)
	if !a.Headroom(n) {
		t.Fatal("no headroom after Free")
	}
	h.ReleaseAll()
}

func TestLimitedProcess(t *testing.T) {
	const env = "REDPOLL_MEM_LIMIT"
	if name := os.Getenv(env); name != "" {
		limitedTests()[name](t)
		return
	}
	if invariants.Enabled {
		t.Skip("n/a: the debug build touches all it hands out")
	}
	for name := range limitedTests() {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestLimitedProcess$", "-test.v")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", env, name))
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
