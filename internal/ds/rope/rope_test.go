// SPDX-License-Identifier: BSD-3-Clause

package rope

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// model is a Rope beside its bytes, and views of it as it was at freezes that are open.
type model struct {
	t     testing.TB
	rnd   *rand.Rand
	rope  Rope
	want  []byte
	views []view
	spare []mem.Ref // chunks that keep the arena full
}

type view struct {
	freeze *mem.Freeze
	root   Root
	want   []byte
}

func newModel(t testing.TB, seed uint64, reserve int64) *model {
	arena, err := mem.NewArena(mem.Options{Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := arena.Close(); err != nil {
			t.Error(err)
		}
	})
	return &model{t: t, rnd: rand.New(rand.NewPCG(seed, seed)), rope: Rope{Heap: arena.NewHeap(), Root: &Root{}}}
}

// read gives a rope's bytes from off on.
func read(r Rope, off, n int) (b []byte) {
	r.Pieces(off, n, func(piece []byte) bool {
		if len(piece) == 0 || len(piece) > ChunkSize {
			panic("a piece of impossible length")
		}
		b = append(b, piece...)
		return true
	})
	return b
}

// check compares n bytes from off on.
func check(t testing.TB, what string, r Rope, want []byte, off, n int) {
	t.Helper()
	if r.Len() != len(want) {
		t.Fatalf("%s has %d bytes, want %d", what, r.Len(), len(want))
	}
	if got := read(r, off, n); !bytes.Equal(got, want[off:off+min(n, len(want)-off)]) {
		t.Fatalf("%s: %d bytes at %d differ", what, len(got), off)
	}
}

func (m *model) bytes(n int) []byte {
	pattern := make([]byte, 251)
	for i := range pattern {
		pattern[i] = byte(m.rnd.IntN(256))
	}
	return bytes.Repeat(pattern, n/251+1)[:n]
}

// place gives an offset within n or somewhat behind, often next to a chunk's end.
func (m *model) place(n int) int {
	if m.rnd.IntN(2) == 0 {
		return max(m.rnd.IntN(n/ChunkSize+2)*ChunkSize+m.rnd.IntN(3)-1, 0)
	}
	return m.rnd.IntN(n + 1)
}

func (m *model) size() int {
	return []int{0, 1, 100, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3*ChunkSize + 5}[m.rnd.IntN(7)]
}

// grow has the model do what the string does for a change up to end.
func (m *model) grow(end int) {
	if more := end - len(m.want); more > 0 {
		m.want = append(m.want, make([]byte, more)...)
	}
}

// change writes or edits at random.
func (m *model) change() {
	off, n := m.place(len(m.want)), m.size()
	switch {
	case len(m.want) > 20*ChunkSize:
		off = min(off, len(m.want)-n)
	case m.rnd.IntN(3) == 0:
		off = len(m.want)
	}
	if m.rnd.IntN(2) == 0 {
		data := m.bytes(n)
		m.rope.Write(off, data)
		if n > 0 {
			m.grow(off + n)
			copy(m.want[off:], data)
		}
		return
	}
	flip := func(b []byte) { // every byte would take its time
		for i := 0; i < len(b); i += 1 << 10 {
			b[i] ^= 0x55
		}
		if len(b) > 0 {
			b[len(b)-1]++
		}
	}
	if n > 0 {
		m.grow(off + n)
	}
	at := off
	m.rope.Edit(off, n, func(piece []byte) {
		if !bytes.Equal(piece, m.want[at:at+len(piece)]) {
			m.t.Fatalf("a piece of %d bytes at %d to be changed differs", len(piece), at)
		}
		flip(piece)
		flip(m.want[at : at+len(piece)])
		at += len(piece)
	})
	if at != off+n {
		m.t.Fatalf("%d bytes at %d were shown of %d", at-off, off, n)
	}
}

// step does one thing at random.
func (m *model) step() {
	switch k := m.rnd.IntN(12); {
	case k == 0 && len(m.views) < 5:
		m.views = append(m.views, view{m.rope.Heap.Freeze(), *m.rope.Root, bytes.Clone(m.want)})
	case k == 1 && len(m.views) > 0:
		m.thaw(m.rnd.IntN(len(m.views)))
	case k < 6:
		off := min(m.place(len(m.want)), len(m.want))
		check(m.t, "the string", m.rope, m.want, off, m.size())
		piece := m.rope.Piece(off, ChunkSize)
		if !bytes.HasPrefix(m.want[off:], piece) || len(piece) == 0 && off < len(m.want) {
			m.t.Fatalf("a piece of %d bytes at %d differs", len(piece), off)
		}
	default:
		m.change()
	}
	for _, v := range m.views {
		off := min(m.place(len(v.want)), len(v.want))
		check(m.t, "a view", Rope{Heap: m.rope.Heap, Root: &v.root}, v.want, off, m.size())
	}
}

func (m *model) thaw(i int) {
	v := m.views[i]
	check(m.t, "a view at its end", Rope{Heap: m.rope.Heap, Root: &v.root}, v.want, 0, len(v.want))
	m.rope.Heap.Thaw(v.freeze)
	m.views = append(m.views[:i], m.views[i+1:]...)
	for m.rope.Heap.Sweep(1 + m.rnd.IntN(5)) {
	}
}

// checkMemory looks at what is allocated when no freeze is open.
func (m *model) checkMemory() {
	root := m.rope.Root
	want := int64(len(m.spare)) * ChunkSize
	if root.index != 0 {
		want += int64(mem.Usable(root.room * refSize))
	}
	if n := chunks(root.size); n > 0 {
		want += int64((n-1)*ChunkSize) + int64(mem.Usable(root.tail))
	}
	if live := m.rope.Heap.Live(); live != want {
		m.t.Fatalf("%d bytes are allocated, want %d", live, want)
	}
}

func TestRandomEdits(t *testing.T) {
	for seed := range uint64(5) {
		m := newModel(t, seed, 0)
		for range 200 {
			m.step()
		}
		check(t, "the string", m.rope, m.want, 0, len(m.want))
		for len(m.views) > 0 {
			m.thaw(m.rnd.IntN(len(m.views)))
		}
		m.checkMemory()
	}
}

// use leaves only so many bytes of the arena to the string.
func (m *model) use(all int) {
	defer func() {
		if e := recover(); e != mem.ErrNoMemory {
			m.t.Fatal(e)
		}
		for ; all > 0; all -= ChunkSize {
			m.rope.Heap.Free(m.spare[0], ChunkSize)
			m.spare = m.spare[1:]
		}
	}()
	for {
		m.spare = append(m.spare, m.rope.Heap.Alloc(ChunkSize))
	}
}

// TestWithoutMemory: a change that memory is refused for leaves the string, and every view of it, as they were.
func TestWithoutMemory(t *testing.T) {
	refused := 0
	for seed := range uint64(5) {
		m := newModel(t, seed, 4<<20)
		m.use(1 << 20)
		for range 200 {
			before := bytes.Clone(m.want)
			func() {
				defer func() {
					if e := recover(); e == mem.ErrNoMemory {
						m.want = before
						refused++
					} else if e != nil {
						panic(e)
					}
				}()
				m.step()
			}()
			check(t, "the string", m.rope, m.want, 0, len(m.want))
		}
		for len(m.views) > 0 {
			m.thaw(0)
		}
		m.checkMemory()
	}
	if refused < 50 {
		t.Errorf("memory was refused only %d times", refused)
	}
}

// TestMemory: a string that is written at once takes little more than its bytes; appending copies each byte a bounded number of
// times.
func TestMemory(t *testing.T) {
	m := newModel(t, 1, 0)
	m.rope.Write(0, make([]byte, 300_000))
	if live := m.rope.Heap.Live(); live > 310_000 {
		t.Errorf("%d bytes for 300000", live)
	}
	m.rope.Write(300_000, make([]byte, 10_000)) // more than the tail has room for
	before := m.rope.Heap.Live()
	for i := range 30_000 {
		m.rope.Write(310_000+i/2, []byte{1})
	}
	if live := m.rope.Heap.Live(); live != before {
		t.Errorf("appending within a chunk took %d bytes", live-before)
	}
}

// TestReaderBeside reads a view on another goroutine while the string is changed, for the race detector.
func TestReaderBeside(t *testing.T) {
	m := newModel(t, 3, 0)
	m.rope.Write(0, m.bytes(10*ChunkSize+77))
	m.want = read(m.rope, 0, m.rope.Len())
	var wg sync.WaitGroup
	for range 10 {
		freeze, root, want := m.rope.Heap.Freeze(), *m.rope.Root, bytes.Clone(m.want)
		wg.Go(func() {
			check(t, "a view", Rope{Heap: m.rope.Heap, Root: &root}, want, 0, len(want))
		})
		for range 20 {
			m.change()
		}
		wg.Wait()
		m.rope.Heap.Thaw(freeze)
		for m.rope.Heap.Sweep(100) {
		}
	}
	check(t, "the string", m.rope, m.want, 0, len(m.want))
	m.checkMemory()
}

func BenchmarkAppend(b *testing.B) {
	m := newModel(b, 1, 0)
	data := make([]byte, 100)
	for b.Loop() {
		if m.rope.Len() > 100<<20 {
			m.rope.Heap.ReleaseAll()
			*m.rope.Root = Root{}
		}
		m.rope.Write(m.rope.Len(), data)
	}
}
