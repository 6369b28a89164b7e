// SPDX-License-Identifier: BSD-3-Clause

package expiry_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/expiry"
	"github.com/redpoll/redpoll/internal/mem"
)

const (
	tick  = 4
	start = int64(1_700_000_000_000)
	year  = int64(365 * 24 * 3600 * 1000)
)

func newHeap(t testing.TB, reserve int64) *mem.Heap {
	t.Helper()
	a, err := mem.NewArena(mem.Options{Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a.NewHeap()
}

// model is an index with an owner that knows each entry's time, as the store does.
type model struct {
	t     *testing.T
	rng   *rand.Rand
	heap  *mem.Heap
	x     expiry.Index
	now   int64
	tick  int64            // ms
	reach int64            // ms from the epoch on that the index tells apart
	times map[uint64]int64 // by hash; what was added and has not come due
	early map[uint64]int   // how often an entry was handed out before its time
}

// newModel makes a model of an index with ticks, or every other time of an exact one.
func newModel(t *testing.T, seed uint64, now int64) *model {
	m := &model{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), heap: newHeap(t, 1<<30), x: expiry.New(now), now: now, tick: tick,
		reach: 500 * year, times: map[uint64]int64{}, early: map[uint64]int{},
	}
	if seed%2 == 1 {
		m.x, m.tick, m.reach = expiry.NewExact(now), 1, 130*year
	}
	return m
}

// hash gives a hash of which an entry keeps every bit that is not zero.
func (m *model) hash() uint64 { return m.rng.Uint64() &^ (0xff<<22 | 0xffff) }

// time gives some time: mostly soon, sometimes decades away, now and then in the past or out of all bounds.
func (m *model) time() int64 {
	switch m.rng.IntN(40) {
	case 0:
		return m.now - m.rng.Int64N(100_000)
	case 1:
		return math.MaxInt64 - m.rng.Int64N(2)
	case 2:
		return -m.rng.Int64N(100)
	}
	span := int64(math.Exp(m.rng.Float64() * math.Log(float64(40*year))))
	return m.now + span
}

func (m *model) add(at int64) {
	h := m.hash()
	if _, again := m.times[h]; again {
		return
	}
	m.times[h] = at
	m.x.Add(m.heap, h, at)
}

// pop takes out what is due, most entries at a time.
func (m *model) pop(most int) {
	m.t.Helper()
	for m.x.Next() <= m.now {
		if done := m.x.Pop(m.heap, m.now, most, m.take); done > most+63 || done == 0 {
			m.t.Fatalf("Pop of %d did %d", most, done)
		}
	}
	if n := m.x.Pop(m.heap, m.now, most, m.take); n != 0 {
		m.t.Fatalf("Pop before Next did %d", n)
	}
	if m.x.Len() != len(m.times) {
		m.t.Fatalf("Len %d, want %d", m.x.Len(), len(m.times))
	}
}

func (m *model) take(h uint64) {
	at, ok := m.times[h]
	switch {
	case !ok:
		m.t.Fatalf("%#x was handed out, which is not in the index", h)
	case at > m.now:
		if m.early[h]++; m.early[h] > 2 { // when a slot of the top levels begins, and each lies in two at most
			m.t.Fatalf("handed out %d times early, now by %d ms", m.early[h], at-m.now)
		}
		m.x.Add(m.heap, h, at)
	default:
		delete(m.times, h)
	}
}

// check compares with the model: nothing is later than a tick.
func (m *model) check() {
	m.t.Helper()
	first := int64(math.MaxInt64)
	for h, at := range m.times {
		first = min(first, at)
		if at <= m.now-(m.tick-1) {
			m.t.Fatalf("%#x of %d is still there at %d", h, at, m.now)
		}
	}
	if next := m.x.Next(); len(m.times) > 0 && next > max(first, m.now)+m.tick && first < m.reach {
		m.t.Fatalf("Next is %d, the first entry's time %d, now %d", next, first, m.now)
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, seed, start+int64(seed)*777)
			for round := range 400 {
				for range m.rng.IntN(40) {
					m.add(m.time())
				}
				switch m.rng.IntN(6) {
				case 0:
					m.now += m.rng.Int64N(10)
				case 1:
					m.now = min(m.now+int64(math.Exp(m.rng.Float64()*math.Log(float64(year/10)))), m.reach)
				case 2:
					if next := m.x.Next(); next < min(start+100*year, m.reach) {
						m.now = max(m.now, next-m.rng.Int64N(2))
					}
				default:
					m.now += m.rng.Int64N(5000)
				}
				m.pop(1 + m.rng.IntN(100))
				if round%10 == 0 {
					m.check()
				}
			}
			m.now = min(start+200*year, m.reach)
			m.pop(1000)
			m.check()
			m.x.Reset(m.heap)
			if m.x.Len() != 0 || m.x.Bytes() != 0 || m.heap.Live() != 0 || m.x.Next() != math.MaxInt64 {
				t.Errorf("after Reset: %d entries, %d bytes, %d live", m.x.Len(), m.x.Bytes(), m.heap.Live())
			}
			m.times = map[uint64]int64{}
			m.add(m.now + 50)
			m.now += 50 + tick
			m.pop(10)
			m.check()
		})
	}
}

// TestEmptied: what was handed out leaves no memory but the heads, and Bytes is exact all the time.
func TestEmptied(t *testing.T) {
	m := newModel(t, 7, start)
	for range 20_000 {
		m.add(m.now + m.rng.Int64N(3_600_000))
		if m.x.Bytes() != m.heap.Live() {
			t.Fatalf("Bytes %d, live %d", m.x.Bytes(), m.heap.Live())
		}
	}
	m.now += 3_600_000 + tick
	m.pop(64)
	m.check()
	if m.x.Bytes() != m.heap.Live() || m.x.Bytes() > 4096 {
		t.Errorf("an empty index has %d bytes, %d live", m.x.Bytes(), m.heap.Live())
	}
}

// TestSample: what is handed out is there, stays there, and everything is handed out at some time.
func TestSample(t *testing.T) {
	m := newModel(t, 9, start)
	sample := func(most int) int {
		shown := 0
		n := m.x.Sample(m.heap, m.rng.Uint64(), most, func(h uint64) {
			shown++
			if _, ok := m.times[h]; !ok {
				t.Fatalf("%#x was handed out, which is not in the index", h)
			}
			m.early[h]++
		})
		if n != shown || n > most {
			t.Fatalf("%d entries were handed out of at most %d, and %d counted", shown, most, n)
		}
		return n
	}
	if sample(5) != 0 {
		t.Error("an empty index hands something out")
	}
	for range 1500 {
		m.add(m.now + m.rng.Int64N(24*3_600_000))
	}
	for range 3000 {
		m.add(m.now + 30*24*3_600_000 + m.rng.Int64N(1000)) // all in one slot
	}
	for range 100_000 {
		if sample(8) == 0 {
			t.Fatal("nothing was handed out")
		}
	}
	if n := len(m.early); n < len(m.times)*99/100 {
		t.Errorf("only %d of %d entries were ever handed out", n, len(m.times))
	}
	if m.x.Len() != len(m.times) {
		t.Errorf("%d of %d entries are left", m.x.Len(), len(m.times))
	}
}

// TestMemory: at most 12 bytes an entry where there are many, also while they are being sorted.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		entries int
		span    int64
	}{
		{10_000, 60_000}, {10_000, 3_600_000}, {10_000, 24 * 3_600_000}, {10_000, 30 * year}, {10_000, 1000}, {40_000, 60_000},
		{40_000, 30 * 24 * 3_600_000},
	} {
		m := newModel(t, 3, start)
		for range c.entries {
			m.add(m.now + m.rng.Int64N(c.span))
		}
		for range 20 {
			if per := float64(m.x.Bytes()) / float64(len(m.times)); len(m.times) >= 10_000 && per > 12 {
				t.Errorf("%d entries over %d ms: %.2f bytes an entry", len(m.times), c.span, per)
			}
			m.now += c.span / 100
			m.pop(64)
			for len(m.times) < c.entries {
				m.add(m.now + m.rng.Int64N(c.span))
			}
		}
	}
}

// TestNoMemory: an Add that is refused changes nothing.
func TestNoMemory(t *testing.T) {
	heap := newHeap(t, 256<<10)
	x := expiry.New(start)
	add := func(i int) (err any) {
		defer func() { err = recover() }()
		x.Add(heap, uint64(i)<<30, start+int64(i)*100)
		return nil
	}
	n := 0
	for ; add(n) == nil; n++ {
	}
	if err := add(n); err != mem.ErrNoMemory {
		t.Fatalf("panic %v", err)
	}
	if x.Len() != n || x.Bytes() != heap.Live() {
		t.Fatalf("%d entries of %d, %d bytes of %d", x.Len(), n, x.Bytes(), heap.Live())
	}
	x.Reset(heap)
	if heap.Live() != 0 {
		t.Errorf("%d bytes live", heap.Live())
	}
}

func TestSame(t *testing.T) {
	heap := newHeap(t, 1<<20)
	x := expiry.New(start)
	const h = 0xdeadbeefcafef00d
	x.Add(heap, h, start)
	x.Pop(heap, start+tick, 10, func(got uint64) {
		if !x.Same(h, got) || x.Same(h^1<<40, got) || x.Same(h^1<<17, got) || !x.Same(h^1<<3, got) {
			t.Errorf("%#x was handed out for %#x", got, uint64(h))
		}
	})
	if x.Len() != 0 {
		t.Error("not handed out")
	}
}

func TestAhead(t *testing.T) {
	heap := newHeap(t, 1<<20)
	x := expiry.New(start)
	x.Pop(heap, start+10_000, 10, nil)
	if x.Ahead(start+10_000) || x.Ahead(start+9_500) || x.Ahead(start+20_000) {
		t.Error("ahead of a clock that went on, or was set right by half a second")
	}
	if !x.Ahead(start + 8_000) {
		t.Error("not ahead of a clock that was set back")
	}
}
