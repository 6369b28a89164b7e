// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// pieces is a Source of given pieces, which notes in what order it is used. A piece is spoilt as soon as it is no longer valid.
type pieces struct {
	t     testing.TB
	list  [][]byte
	last  []byte
	ended bool
	asked int
	open  *int // counts sources that are not closed; nil once this one is
}

func newPieces(t testing.TB, open *int, list ...[]byte) *pieces {
	*open++
	return &pieces{t: t, list: list, open: open}
}

func (p *pieces) Next() []byte {
	p.t.Helper()
	if p.ended || p.open == nil {
		p.t.Error("asked after its end")
	}
	p.asked++
	p.spoil()
	if len(p.list) == 0 {
		p.ended = true
		return nil
	}
	p.last = bytes.Clone(p.list[0])
	p.list = p.list[1:]
	return p.last
}

func (p *pieces) Close() {
	p.t.Helper()
	if p.open == nil {
		p.t.Fatal("closed twice")
	}
	p.spoil()
	*p.open--
	p.open = nil
}

func (p *pieces) spoil() {
	for i := range p.last {
		p.last[i] = '!'
	}
}

// TestStreamOrder: what stands before a source is sent before it, and it is asked piece by piece.
func TestStreamOrder(t *testing.T) {
	w, _ := newWriter(2)
	open := 0
	src := newPieces(t, &open, []byte("abc"), []byte("de"))
	w.OK()
	w.BulkLen(5)
	w.Stream(src)
	w.BulkEnd()
	w.Int(1)
	if !w.Streaming() || w.Pending() != len("+OK\r\n$5\r\n")+1+len("\r\n:1\r\n") || src.asked != 0 {
		t.Fatalf("streaming %v, %d pending, asked %d times", w.Streaming(), w.Pending(), src.asked)
	}
	if got := w.AppendChunks(make([][]byte, 0, 10)); len(got) != 2 || string(got[0])+string(got[1]) != "+OK\r\n$5\r\nabc" {
		t.Errorf("gathered %q", got)
	}
	w.Consume(len("+OK\r\n$5\r\nab"))
	if got := w.Next(); string(got) != "c" || src.asked != 1 {
		t.Errorf("next is %q, asked %d times", got, src.asked)
	}
	w.Consume(1)
	w.Consume(2)
	if w.Streaming() || open != 0 {
		t.Error("the source is not closed at its end")
	}
	if got := drain(t, w, 100); got != "\r\n:1\r\n" {
		t.Errorf("the rest is %q", got)
	}
}

// TestStreamsThatGiveNothing are no trouble wherever they stand.
func TestStreamsThatGiveNothing(t *testing.T) {
	w, _ := newWriter(2)
	open := 0
	for range 3 {
		w.Stream(newPieces(t, &open))
	}
	w.OK()
	w.Stream(newPieces(t, &open))
	w.OK()
	w.Stream(newPieces(t, &open))
	bufs := w.AppendChunks(make([][]byte, 0, 10))
	w.Consume(len(bytes.Join(bufs, nil)))
	if got := string(bytes.Join(bufs, nil)); got != "+OK\r\n+OK\r\n" || open != 0 || w.Pending() != 0 {
		t.Errorf("gathered %q, %d open, %d pending", got, open, w.Pending())
	}
	w.Stream(newPieces(t, &open))
	if b := w.Next(); len(b) != 0 || w.Pending() != 0 || open != 0 {
		t.Errorf("next is %q, %d pending, %d open", b, w.Pending(), open)
	}
}

// TestStreamsShareAChunk: what stands between very many sources does not take a chunk each.
func TestStreamsShareAChunk(t *testing.T) {
	w, pool := newWriter(2)
	open, n := 0, 0
	for range 100 {
		w.BulkLen(1)
		w.Stream(newPieces(t, &open, []byte("x")))
		w.BulkEnd()
	}
	for _, p := range w.c.full {
		n += cap(p.b)
	}
	if n > 2*ChunkSize {
		t.Errorf("%d bytes of chunks for %d bytes", n, w.Pending())
	}
	w.Reset()
	if w.Pending() != 0 || open != 0 || w.Streaming() {
		t.Errorf("%d pending, %d open", w.Pending(), open)
	}
	for pool.Free() > 0 {
		if b := pool.Get(); cap(b) != ChunkSize || len(b) != 0 {
			t.Errorf("the pool holds a chunk of %d/%d bytes", len(b), cap(b))
		}
	}
}

// TestTruncateOfAHalfSentStream ends it, and what is written next follows.
func TestTruncateOfAHalfSentStream(t *testing.T) {
	for _, sent := range []int{0, 1, 3} {
		w, _ := newWriter(2)
		open := 0
		m := w.Mark()
		w.Stream(newPieces(t, &open, []byte("abc"), []byte("de")))
		w.Raw(make([]byte, 3*ChunkSize))
		w.Next()
		w.Consume(sent)
		w.Truncate(m)
		if w.Pending() != 0 || open != 0 || w.Streaming() {
			t.Errorf("%d sent: %d pending, %d open", sent, w.Pending(), open)
		}
		w.Int(5)
		if got := drain(t, w, 100); got != ":5\r\n" {
			t.Errorf("%d sent: the rest is %q", sent, got)
		}
	}
}

// streamModel is a Writer beside what it should hold: all that was written, in items of bytes or of a source's.
type streamModel struct {
	t    testing.TB
	w    *Writer
	next func(n int) int // a number below n, by chance or by a fuzzer
	want []item
	open int
}

type item struct {
	b      []byte
	stream bool
}

func (m *streamModel) text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte((i+n+len(m.want))%26)
	}
	return b
}

// write appends something at random.
func (m *streamModel) write() {
	size := []int{0, 1, 20, 500, ChunkSize - 40, ChunkSize, ChunkSize + 1, 3 * ChunkSize}[m.next(8)]
	switch m.next(4) {
	case 0, 1:
		b := m.text(size)
		m.w.Raw(b)
		m.want = append(m.want, item{b: b})
	case 2:
		m.w.OK()
		m.want = append(m.want, item{b: []byte("+OK\r\n")})
	case 3:
		var list [][]byte
		for range m.next(4) {
			list = append(list, m.text(max(size, 1)))
		}
		m.w.Stream(newPieces(m.t, &m.open, list...))
		m.want = append(m.want, item{b: bytes.Join(list, nil), stream: true})
	}
}

// send takes up to n bytes, in the way that a session does.
func (m *streamModel) send(n int) {
	var got []byte
	if m.next(2) == 0 {
		got = bytes.Clone(m.w.Next())
	} else {
		got = bytes.Join(m.w.AppendChunks(make([][]byte, 0, 1+m.next(4))), nil)
	}
	got = got[:min(n, len(got))]
	m.w.Consume(len(got))
	for len(got) > 0 {
		if len(m.want) == 0 {
			m.t.Fatalf("%d bytes too many", len(got))
		}
		first := &m.want[0]
		k := min(len(got), len(first.b))
		if !bytes.Equal(got[:k], first.b[:k]) {
			m.t.Fatal("the bytes differ")
		}
		got, first.b = got[k:], first.b[k:]
		if len(first.b) == 0 {
			m.want = m.want[1:]
		}
	}
}

// step does one thing at random.
func (m *streamModel) step() {
	switch m.next(6) {
	case 0:
		mark, n := m.w.Mark(), len(m.want)
		for range m.next(5) {
			m.write()
		}
		m.w.Truncate(mark)
		m.want = m.want[:n]
	case 1:
		d, n := m.w.DeferLen(), len(m.want)
		m.want = append(m.want, item{})
		for range m.next(4) {
			m.write()
		}
		size := m.next(1 << 20)
		m.w.SetArrayLen(d, size)
		m.want[n].b = appendLength(nil, '*', size)
	case 2, 3:
		m.send(m.next(100_000))
	case 4:
		if m.next(20) == 0 {
			m.w.Reset()
			m.want = nil
		}
	default:
		m.write()
	}
	m.check()
}

// check compares what is pending: bytes, and a source between one (not yet asked, or something left) and none.
func (m *streamModel) check() {
	low, high := 0, 0
	for _, it := range m.want {
		switch {
		case !it.stream:
			low, high = low+len(it.b), high+len(it.b)
		case len(it.b) > 0:
			low, high = low+1, high+1
		default:
			high++
		}
	}
	if n := m.w.Pending(); n < low || n > high {
		m.t.Fatalf("%d pending, want %d to %d", n, low, high)
	}
	if m.open != m.w.c.sources {
		m.t.Fatalf("%d sources are open, the writer counts %d", m.open, m.w.c.sources)
	}
}

// play does steps, then sends the rest or drops it.
func (m *streamModel) play(steps int) {
	for range steps {
		m.step()
	}
	if m.next(2) == 0 {
		m.w.Reset()
		m.want = nil
	}
	for m.w.Pending() > 0 {
		m.send(1 << 20)
	}
	for _, it := range m.want {
		if len(it.b) > 0 {
			m.t.Fatalf("%d bytes are missing", len(it.b))
		}
	}
	if m.open != 0 || m.w.Streaming() || m.w.c.buf != nil || len(m.w.c.full) != 0 {
		m.t.Fatalf("an empty writer holds %d sources, a chunk of %d, %d parts", m.open, len(m.w.c.buf), len(m.w.c.full))
	}
}

func TestRandomStreams(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 60 {
		w, _ := newWriter(2)
		m := &streamModel{t: t, w: w, next: rnd.IntN}
		m.play(100)
	}
}

func FuzzStreams(f *testing.F) {
	f.Add([]byte{5, 3, 2, 3, 1, 2, 0, 200, 2, 1, 255, 0, 3, 3, 3, 1})
	f.Add([]byte{0, 4, 3, 3, 2, 2, 1, 100, 1, 3, 9, 9, 9, 2, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		w, _ := newWriter(2)
		m := &streamModel{t: t, w: w, next: func(n int) int {
			v := 0
			for k := n; k > 1 && len(data) > 0; k >>= 8 {
				v, data = v<<8|int(data[0]), data[1:]
			}
			return v % n
		}}
		m.play(min(len(data), 200))
	})
}
