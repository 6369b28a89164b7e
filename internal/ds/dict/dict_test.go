// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

// A test's record is its key with two bytes of length before it.
func recordKey(h *mem.Heap, e mem.Ref) []byte {
	n := int(binary.LittleEndian.Uint16(h.Bytes(e, 2)))
	return h.Bytes(e, 2+n)[2:]
}

type fixture struct {
	Table
	root Root
	tb   testing.TB
}

func newFixture(tb testing.TB) *fixture {
	arena, err := mem.NewArena(mem.Options{Reserve: 4 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := arena.Close(); err != nil {
			tb.Error(err)
		}
	})
	f := &fixture{tb: tb}
	f.Table = Table{Heap: arena.NewHeap(), Root: &f.root, Key: recordKey}
	return f
}

func (f *fixture) record(key []byte) mem.Ref {
	r := f.Heap.Alloc(2 + len(key))
	b := f.Heap.Bytes(r, 2+len(key))
	binary.LittleEndian.PutUint16(b, uint16(len(key)))
	copy(b[2:], key)
	return r
}

func (f *fixture) drop(e mem.Ref) { f.Heap.Free(e, 2+len(recordKey(f.Heap, e))) }

func (f *fixture) add(key []byte) mem.Ref {
	e := f.record(key)
	p := f.Insert(hash.Bytes(key), e)
	if got := f.At(p); got != e {
		f.tb.Fatalf("Insert of %q gives a place that holds %#x, want %#x", key, got, e)
	}
	return e
}

func (f *fixture) remove(key []byte) {
	e, p := f.Find(hash.Bytes(key), key)
	if e == 0 {
		f.tb.Fatalf("%q is not in the table", key)
	}
	f.Remove(p)
	f.drop(e)
}

func (f *fixture) check() {
	f.tb.Helper()
	if err := f.Check(); err != nil {
		f.tb.Fatal(err)
	}
}

func key(i int) []byte { return fmt.Appendf(nil, "key:%08d", i) }

func TestLayout(t *testing.T) {
	if n := unsafe.Sizeof(bucket{}); n != bucketSize {
		t.Errorf("a bucket has %d bytes, want %d", n, bucketSize)
	}
	if n := unsafe.Sizeof(Root{}); n > 32 {
		t.Errorf("a Root has %d bytes, want 32 at most", n)
	}
	f := newFixture(t)
	for _, log := range []uint{0, 1, 2, 3, 4, maxLog} {
		for range 100 {
			if r := f.Heap.Alloc(segmentSize(log)); r%(bucketSize/unit) != 0 {
				t.Fatalf("segment of %d buckets at %#x: not aligned to a cache line", 1<<log, r)
			}
		}
	}
}

func TestBucketMatchesExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		var b bucket
		for i := range b.tags {
			b.tags[i] = byte(rng.Uint32N(4)) * byte(1+rng.Uint32N(127))
		}
		tag := b.tags[rng.IntN(slots)]
		got := map[int]bool{}
		for s := b.match(uint64(tag) * ones); s != 0; s &= s - 1 {
			got[s.first()] = true
		}
		for i, x := range b.tags {
			if got[i] != (x == tag) {
				t.Fatalf("tags %x, looking for %x: slot %d matches: %v", b.tags, tag, i, got[i])
			}
		}
	}
}

func TestBucketEntriesDoNotTouchEachOther(t *testing.T) {
	var b bucket
	var want [slots]mem.Ref
	rng := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		i := rng.IntN(slots)
		want[i] = mem.Ref(rng.Uint64() & refMask)
		b.setEntry(i, want[i])
		for j := range want {
			if b.entry(j) != want[j] {
				t.Fatalf("slot %d holds %#x after slot %d was set, want %#x", j, b.entry(j), i, want[j])
			}
		}
		if b.tags != [slots]byte{} || b.linked != 0 {
			t.Fatal("setting an entry changed something else")
		}
	}
}

func TestEmptyTable(t *testing.T) {
	f := newFixture(t)
	if e, _ := f.Find(hash.Bytes(key(1)), key(1)); e != 0 {
		t.Error("found something")
	}
	if f.Scan(0, func(mem.Ref) { t.Error("scan shows something") }) != 0 {
		t.Error("scan goes on")
	}
	f.Each(func(mem.Ref) bool { t.Error("Each shows something"); return true })
	f.Candidates(7, func(mem.Ref, Pos) bool { t.Error("Candidates shows something"); return true })
	if f.Random(7) != 0 || f.Len() != 0 || f.Bytes() != 0 || !f.Drain(1, nil) {
		t.Error("an empty table is not empty")
	}

	f.PrefetchEntry(f.PrefetchBucket(7), 7)
}

// modelled runs random insertions, removals and replacements against a Go map. The share of removals swings, so that
// the table grows and shrinks.
type modelled struct {
	*fixture
	model map[string]mem.Ref
	keys  []string
	rng   *rand.Rand
}

func (m *modelled) step(removals uint32) {
	k := key(m.rng.IntN(20000))
	e, p := m.Find(hash.Bytes(k), k)
	if want := m.model[string(k)]; e != want {
		m.tb.Fatalf("Find(%q) = %#x, want %#x", k, e, want)
	}
	remove := m.rng.Uint32N(100) < removals
	switch {
	case e == 0 && !remove:
		m.model[string(k)] = m.add(k)
		m.keys = append(m.keys, string(k))
	case e != 0 && !remove:
		moved := m.record(k)
		m.Set(p, moved)
		m.drop(e)
		m.model[string(k)] = moved
	case e != 0:
		m.Remove(p)
		m.drop(e)
		delete(m.model, string(k))
	case len(m.model) > 0 && remove: // find one that is there
		for {
			i := m.rng.IntN(len(m.keys))
			k := m.keys[i]
			m.keys[i] = m.keys[len(m.keys)-1]
			m.keys = m.keys[:len(m.keys)-1]
			if m.model[k] != 0 {
				m.remove([]byte(k))
				delete(m.model, k)
				return
			}
		}
	}
}

func (m *modelled) compare() {
	m.check()
	if m.Len() != len(m.model) {
		m.tb.Fatalf("Len = %d, want %d", m.Len(), len(m.model))
	}
	seen := map[mem.Ref]bool{}
	m.Each(func(e mem.Ref) bool {
		if seen[e] || m.model[string(recordKey(m.Heap, e))] != e {
			m.tb.Fatalf("Each shows %#x twice or wrongly", e)
		}
		seen[e] = true
		return true
	})
	if len(seen) != len(m.model) {
		m.tb.Fatalf("Each shows %d entries, want %d", len(seen), len(m.model))
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(4) {
		m := &modelled{newFixture(t), map[string]mem.Ref{}, nil, rand.New(rand.NewPCG(seed, 3))}
		deepest := uint(0)
		for phase, removals := range []uint32{5, 95, 40, 90, 10, 97, 99} {
			for range 12000 {
				m.step(removals)
				deepest = max(deepest, m.depth())
				if invariants.Enabled && m.rng.IntN(200) == 0 || m.Len() < 12 {
					m.check()
				}
			}
			t.Logf("seed %d phase %d: %d entries, depth %d", seed, phase, m.Len(), m.depth())
			m.compare()
		}
		if deepest < 4 {
			t.Errorf("seed %d: the directory was never deeper than %d", seed, deepest)
		}
		for k := range m.model {
			m.remove([]byte(k))
		}
		m.check()
		if m.Heap.Live() != 0 {
			t.Errorf("%d bytes live in the heap of an empty table", m.Heap.Live())
		}
	}
}

// Keys whose hashes agree in all bits that choose bucket and segment cannot be parted: their chain gets long, and the
// directory must not double without end.
func TestKeysThatNoSplitParts(t *testing.T) {
	f := newFixture(t)
	const same = 0x003e0000_003f0000 // six bits for the bucket, five for the segment
	var keys [][]byte
	for i := 0; len(keys) < 700; i++ {
		if k := key(i); hash.Bytes(k)&same == 0 {
			keys = append(keys, k)
			f.add(k)
		}
	}
	f.check()
	if f.depth() > 6 {
		t.Errorf("the directory has depth %d", f.depth())
	}
	rand.New(rand.NewPCG(4, 4)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for i, k := range keys {
		if e, _ := f.Find(hash.Bytes(k), k); e == 0 {
			t.Fatalf("%q is lost", k)
		}
		if seen := len(scanAll(f)); seen != len(keys)-i {
			t.Fatalf("a scan shows %d of %d", seen, len(keys)-i)
		}
		f.remove(k)
		if i%20 == 0 {
			f.check()
		}
	}
	f.check()
	if f.Heap.Live() != 0 {
		t.Errorf("%d bytes live in the heap of an empty table", f.Heap.Live())
	}
}

func scanAll(f *fixture) map[mem.Ref]int {
	seen := map[mem.Ref]int{}
	for cursor := uint64(0); ; {
		cursor = f.Scan(cursor, func(e mem.Ref) { seen[e]++ })
		if cursor == 0 {
			return seen
		}
	}
}

func TestScanShowsAllOnce(t *testing.T) {
	f := newFixture(t)
	for i := range 30000 {
		f.add(key(i))
		if i > 100 && i%997 != 0 {
			continue
		}
		seen := scanAll(f)
		if len(seen) != i+1 {
			t.Fatalf("a scan of %d entries shows %d", i+1, len(seen))
		}
		for e, n := range seen {
			if n != 1 {
				t.Fatalf("%#x is shown %d times", e, n)
			}
		}
	}
}

// Between the calls of a scan the table grows and shrinks at random; what is there all the time must be seen.
func TestScanGuarantee(t *testing.T) {
	f := newFixture(t)
	seeds := uint64(40)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 5))
		stable := 1 + rng.IntN([]int{5, 50, 500, 5000}[rng.IntN(4)])
		for i := range stable {
			f.add(key(i))
		}
		first, next := stable, stable // the others are [first, next)
		most := 0
		seen := map[string]bool{}
		growing := true
		for cursor := uint64(0); ; {
			cursor = f.Scan(cursor, func(e mem.Ref) { seen[string(recordKey(f.Heap, e))] = true })
			most = max(most, f.Len())
			if cursor == 0 {
				break
			}
			if cursor >= uint64(max(64, most)) {
				t.Fatalf("seed %d: cursor %d with at most %d entries", seed, cursor, most)
			}
			if rng.IntN(40) == 0 {
				growing = !growing
			}
			n := rng.IntN(400)
			if growing && next-first < 20000 {
				for range n {
					f.add(key(next))
					next++
				}
			} else {
				for ; n > 0 && first < next; n-- {
					f.remove(key(first))
					first++
				}
			}
			most = max(most, f.Len())
		}
		for i := range stable {
			if !seen[string(key(i))] {
				t.Fatalf("seed %d: %q of %d was not shown", seed, key(i), stable)
			}
		}
		f.check()
		f.Forget()
		f.Heap.ReleaseAll()
	}
}

func TestScanTakesAnyCursor(t *testing.T) {
	f := newFixture(t)
	for i := range 3000 {
		f.add(key(i))
	}
	rng := rand.New(rand.NewPCG(6, 6))
	for range 2000 {
		steps := 0
		for cursor := rng.Uint64() >> rng.UintN(64); ; steps++ {
			if cursor = f.Scan(cursor, func(mem.Ref) {}); cursor == 0 {
				break
			}
			if steps > 2000 {
				t.Fatal("the scan does not end")
			}
		}
	}
}

func TestEachStops(t *testing.T) {
	f := newFixture(t)
	for i := range 2000 {
		f.add(key(i))
	}
	n := 0
	f.Each(func(mem.Ref) bool { n++; return n < 700 })
	if n != 700 {
		t.Errorf("Each went on to %d entries, want 700", n)
	}
}

func TestCandidatesHaveTheEntry(t *testing.T) {
	f := newFixture(t)
	for i := range 5000 {
		f.add(key(i))
	}
	others := 0
	for i := range 5000 {
		h := hash.Bytes(key(i))
		e, p := f.Find(h, key(i))
		found := false
		const kept = 0xffffffffc03f0000 // what the expiry index keeps of a hash
		f.Candidates(h&kept, func(c mem.Ref, at Pos) bool {
			if c == e {
				found = at == p
				return false
			}
			others++
			return true
		})
		if !found {
			t.Fatalf("%q is not among the candidates", key(i))
		}
	}
	if others > 500 {
		t.Errorf("%d candidates of 5000 are others: the tags do not tell keys apart", others)
	}
}

func TestRandomIsFair(t *testing.T) {
	for _, n := range []int{1, 7, 40, 700, 1500} {
		f := newFixture(t)
		for i := range n {
			f.add(key(i))
		}
		counts := map[mem.Ref]int{}
		const each = 300
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		for range n * each {
			counts[f.Random(rng.Uint64())]++
		}
		if counts[0] != 0 || len(counts) != n {
			t.Errorf("%d of %d entries ever drawn, %d draws gave none", len(counts), n, counts[0])
		}
		for e, c := range counts {
			if c < each*6/10 || c > each*14/10 {
				t.Errorf("of %d entries one was drawn %d times, want about %d (%#x)", n, c, each, e)
			}
		}
	}
}

// TestSampleIsFair: every entry is shown as often as any other, by whole buckets.
func TestSampleIsFair(t *testing.T) {
	for _, n := range []int{0, 1, 7, 40, 700, 1500} {
		f := newFixture(t)
		for i := range n {
			f.add(key(i))
		}
		counts, shown := map[mem.Ref]int{}, 0
		const each = 300
		rng := rand.New(rand.NewPCG(8, uint64(n)))
		for samples := 0; shown < n*each && samples < n*each*slots; samples++ {
			f.Sample(rng.Uint64(), func(e mem.Ref) {
				counts[e]++
				shown++
			})
		}
		f.Sample(rng.Uint64(), func(e mem.Ref) {
			if n == 0 {
				t.Errorf("an empty table has the entry %#x", e)
			}
		})
		if len(counts) != n {
			t.Errorf("%d of %d entries ever shown", len(counts), n)
		}
		for e, c := range counts {
			if c < each*6/10 || c > each*14/10 {
				t.Errorf("of %d entries one was shown %d times, want about %d (%#x)", n, c, each, e)
			}
		}
	}
}

func TestRandomOfAlmostEmptyTable(t *testing.T) {
	f := newFixture(t)
	for i := range 20000 {
		f.add(key(i))
	}
	for i := range 19999 {
		f.remove(key(i))
		if i%501 == 0 && f.Random(uint64(i)) == 0 {
			t.Fatalf("no entry drawn of %d", f.Len())
		}
	}
	if e := f.Random(1); string(recordKey(f.Heap, e)) != string(key(19999)) {
		t.Errorf("drew %q", recordKey(f.Heap, e))
	}
}

func TestDrainInSlices(t *testing.T) {
	for _, n := range []int{1, 9, 100, 5000, 30000} {
		f := newFixture(t)
		left := map[mem.Ref]bool{}
		for i := range n {
			left[f.add(key(i))] = true
		}
		for calls := 0; ; calls++ {
			before := len(left)
			done := f.Drain(100, func(e mem.Ref) {
				if !left[e] {
					t.Fatalf("%#x is drained twice or was never there", e)
				}
				delete(left, e)
				f.drop(e)
			})
			if freed := before - len(left); freed > 130 || !done && freed < 100 {
				t.Fatalf("a slice of 100 frees %d", freed)
			}
			if f.Len() != len(left) {
				t.Fatalf("Len = %d, want %d", f.Len(), len(left))
			}
			if done {
				break
			}
		}
		f.check()
		if f.Heap.Live() != 0 || f.Bytes() != 0 {
			t.Errorf("%d bytes live after draining, the table counts %d", f.Heap.Live(), f.Bytes())
		}
		f.add(key(1)) // it is an empty table again
		f.check()
	}
}

func TestForget(t *testing.T) {
	f := newFixture(t)
	for i := range 5000 {
		f.add(key(i))
	}
	f.Forget()
	f.Heap.ReleaseAll()
	f.check()
	f.add(key(1))
	f.check()
}

// A refused allocation leaves the table as it was.
func TestInsertWithoutMemory(t *testing.T) {
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	f := &fixture{tb: t}
	f.Table = Table{Heap: arena.NewHeap(), Root: &f.root, Key: recordKey}
	try := func(fn func()) (err any) {
		defer func() { err = recover() }()
		fn()
		return nil
	}
	insert := func(i int) any { return try(func() { f.add(key(i)) }) }
	const block = 64 << 10 // what the arena has is used up but for a few of these
	var blocks []mem.Ref
	for try(func() { blocks = append(blocks, f.Heap.Alloc(block)) }) == nil {
	}
	for _, r := range blocks[:4] {
		f.Heap.Free(r, block)
	}
	n := 0
	for ; n < 1<<16; n++ {
		if err := insert(n); err != nil {
			if err != mem.ErrNoMemory {
				t.Fatalf("panic with %v", err)
			}
			break
		}
	}
	f.check()
	if f.Len() != n || n == 1<<16 {
		t.Fatalf("%d entries after %d were put in", f.Len(), n)
	}
	for i := range n {
		f.remove(key(i))
	}
	f.check()
}

func TestMemoryPerEntry(t *testing.T) {
	f := newFixture(t)
	i := 0
	for _, n := range []int{100, 1000, 10000, 40000, 200000} {
		sum, samples := 0.0, 0
		for ; i < n; i++ {
			f.add(key(i))
			if i > n/2 && i%100 == 0 {
				sum += float64(f.Bytes()) / float64(i+1)
				samples++
			}
		}
		now := float64(f.Bytes()) / float64(n)
		if samples > 0 {
			t.Logf("%7d entries: %.1f bytes each, %.1f on average since half of that", n, now, sum/float64(samples))
		}
		if now > 20 {
			t.Errorf("%d entries take %.1f bytes each", n, now)
		}
	}
}

// Prefetching without the lock must survive whatever the table does meanwhile.
func TestPrefetchWithoutLock(t *testing.T) {
	f := newFixture(t)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		view := f.Table
		for i := 0; !stop.Load(); i++ {
			h := mix(uint64(i))

			view.PrefetchEntry(view.PrefetchBucket(h), h)
			if i%1024 == 0 {
				runtime.Gosched()
			}
		}
	}()
	junk := []mem.Ref{}
	for range 12 {
		for i := range 10000 {
			f.add(key(i))
		}
		for i := range 10000 {
			f.remove(key(i))
			if i%50 == 0 { // blocks full of ones where directories have been
				r := f.Heap.Alloc(8 << (i % 8))
				b := f.Heap.Bytes(r, 8<<(i%8))
				for j := range b {
					b[j] = 0xff
				}
				junk = append(junk, r)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
	_ = junk
}
