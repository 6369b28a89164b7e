// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// newWriter returns a Writer and its pool.
func newWriter(proto int) (*Writer, *ChunkPool) {
	pool := NewChunkPool(1000)
	w := &Writer{}
	w.Init(pool)
	w.Proto = proto
	return w, pool
}

// drain takes all pending bytes in pieces of at most step.
func drain(t *testing.T, w *Writer, step int) string {
	t.Helper()
	var out []byte
	for w.Pending() > 0 {
		b := w.Next()
		if len(b) == 0 {
			t.Fatal("Next gives nothing although bytes are pending")
		}
		b = b[:min(step, len(b))]
		out = append(out, b...)
		w.Consume(len(b))
	}
	if len(w.Next()) != 0 || w.c.buf != nil || len(w.c.full) != 0 {
		t.Error("an empty writer holds a chunk")
	}
	return string(out)
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		name         string
		write        func(w *Writer)
		resp2, resp3 string
	}{
		{"ok", func(w *Writer) { w.OK() }, "+OK\r\n", "+OK\r\n"},
		{"simple", func(w *Writer) { w.Simple("a\r\nb") }, "+a  b\r\n", "+a  b\r\n"},
		{"error", func(w *Writer) { w.Error("ERR syntax error") }, "-ERR syntax error\r\n", "-ERR syntax error\r\n"},
		{"error with line breaks", func(w *Writer) { w.Error("\nERR a\nb\r\n:1\r\n") }, "-ERR a b  :1\r\n", "-ERR a b  :1\r\n"},
		{"int", func(w *Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"bulk", func(w *Writer) { w.Bulk([]byte("a\r\n\x00")) }, "$4\r\na\r\n\x00\r\n", "$4\r\na\r\n\x00\r\n"},
		{"empty bulk", func(w *Writer) { w.BulkString("") }, "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk int", func(w *Writer) { w.BulkInt(-120) }, "$4\r\n-120\r\n", "$4\r\n-120\r\n"},
		{"bulk in pieces", func(w *Writer) { w.BulkLen(3); w.Raw([]byte("a")); w.Raw([]byte("bc")); w.BulkEnd() }, "$3\r\nabc\r\n", "$3\r\nabc\r\n"},
		{"null", func(w *Writer) { w.Null() }, "$-1\r\n", "_\r\n"},
		{"null array", func(w *Writer) { w.NullArray() }, "*-1\r\n", "_\r\n"},
		{"array", func(w *Writer) { w.Array(0) }, "*0\r\n", "*0\r\n"},
		{"map", func(w *Writer) { w.Map(3) }, "*6\r\n", "%3\r\n"},
		{"set", func(w *Writer) { w.Set(12) }, "*12\r\n", "~12\r\n"},
		{"push", func(w *Writer) { w.Push(2) }, "*2\r\n", ">2\r\n"},
		{"attribute", func(w *Writer) {
			if w.Attribute(1) {
				w.BulkString("k")
				w.Int(1)
			}
			w.OK()
		}, "+OK\r\n", "|1\r\n$1\r\nk\r\n:1\r\n+OK\r\n"},
		{"double", func(w *Writer) { w.Double(1.5) }, "$3\r\n1.5\r\n", ",1.5\r\n"},
		{"long double", func(w *Writer) { w.Double(-0.1) }, "$20\r\n-0.10000000000000001\r\n", ",-0.10000000000000001\r\n"},
		{"inf", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"nan", func(w *Writer) { w.Double(math.NaN()) }, "$3\r\nnan\r\n", ",nan\r\n"},
		{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"big number", func(w *Writer) { w.BigNumber("12345678901234567890") }, "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "hi") }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"},
		{"deferred array", func(w *Writer) { d := w.DeferLen(); w.Int(1); w.Int(2); w.SetArrayLen(d, 2) }, "*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"},
		{"deferred map", func(w *Writer) { d := w.DeferLen(); w.Int(1); w.Int(2); w.SetMapLen(d, 1) }, "*2\r\n:1\r\n:2\r\n", "%1\r\n:1\r\n:2\r\n"},
		{"deferred set", func(w *Writer) { d := w.DeferLen(); w.SetSetLen(d, 0) }, "*0\r\n", "~0\r\n"},
		{"nested deferred", func(w *Writer) {
			outer := w.DeferLen()
			for range 2 {
				inner := w.DeferLen()
				w.Int(1)
				w.SetSetLen(inner, 1)
			}
			w.SetArrayLen(outer, 2)
			w.OK()
		}, "*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n+OK\r\n", "*2\r\n~1\r\n:1\r\n~1\r\n:1\r\n+OK\r\n"},
	} {
		for proto, want := range map[int]string{2: c.resp2, 3: c.resp3} {
			w, _ := newWriter(proto)
			c.write(w)
			if w.Pending() != len(want) {
				t.Errorf("%s, RESP%d: %d bytes pending, want %d", c.name, proto, w.Pending(), len(want))
			}
			if got := drain(t, w, 1<<20); got != want {
				t.Errorf("%s, RESP%d: %q, want %q", c.name, proto, got, want)
			}
		}
	}
}

func TestBigBulksGetTheirOwnChunk(t *testing.T) {
	w, pool := newWriter(2)
	big := bytes.Repeat([]byte("x"), 3*ChunkSize)
	w.Int(1)
	w.Bulk(big)
	w.BulkString(string(big))
	w.Int(2)
	chunks := w.AppendChunks(make([][]byte, 0, 10))
	if len(chunks) != 5 || string(chunks[0]) != ":1\r\n$49152\r\n" {
		t.Fatalf("%d chunks, the first %.20q", len(chunks), chunks[0])
	}
	if few := w.AppendChunks(make([][]byte, 0, 2)); len(few) != 2 {
		t.Errorf("AppendChunks filled %d of 2", len(few))
	}
	want := ":1\r\n" + strings.Repeat("$49152\r\n"+string(big)+"\r\n", 2) + ":2\r\n"
	if got := drain(t, w, 1000); got != want {
		t.Error("the bytes are wrong")
	}
	for pool.Free() > 0 {
		if b := pool.Get(); cap(b) != ChunkSize || len(b) != 0 {
			t.Errorf("the pool holds a chunk of %d/%d bytes", len(b), cap(b))
		}
	}
}

// TestRandomRepliesAcrossChunks writes, truncates, defers and consumes at random beside a plain byte slice.
func TestRandomRepliesAcrossChunks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	w, pool := newWriter(3)
	text := strings.Repeat("0123456789abcdef", 3*ChunkSize/16)
	var want, sent []byte
	piece := func() {
		size := []int{0, 1, 20, 500, ChunkSize - 40, ChunkSize, ChunkSize + 1, 3 * ChunkSize}[rnd.IntN(8)]
		s := text[:size]
		switch rnd.IntN(4) {
		case 0:
			w.Bulk([]byte(s))
			want = append(want, AppendCommand(nil, s)[len("*1\r\n"):]...)
		case 1:
			w.Raw([]byte(s))
			want = append(want, s...)
		case 2:
			w.Simple(s)
			want = append(append(append(want, '+'), s...), "\r\n"...)
		case 3:
			w.Int(7)
			want = append(want, ":7\r\n"...)
		}
	}
	for range 3000 {
		switch rnd.IntN(5) {
		case 0:
			m, n := w.Mark(), len(want)
			for range rnd.IntN(4) {
				piece()
			}
			if w.Since(m) != len(want)-n {
				t.Fatalf("Since = %d, want %d", w.Since(m), len(want)-n)
			}
			w.Truncate(m)
			want = want[:n]
		case 1:
			d := w.DeferLen()
			rest := want
			want = nil
			for range rnd.IntN(4) {
				piece()
			}
			body := want
			n := rnd.IntN(1 << rnd.IntN(30))
			w.SetMapLen(d, n)
			want = append(appendLength(rest, '%', n), body...)
		case 2:
			for k := rnd.IntN(60000); k > 0 && w.Pending() > 0; {
				b := w.Next()
				b = b[:min(k, len(b))]
				sent = append(sent, b...)
				w.Consume(len(b))
				k -= len(b)
			}
			if !bytes.Equal(sent, want[:len(sent)]) {
				t.Fatal("sent bytes differ")
			}
			want, sent = want[len(sent):], sent[:0]
		default:
			piece()
		}
		if w.Pending() != len(want) {
			t.Fatalf("%d bytes pending, want %d", w.Pending(), len(want))
		}
	}
	if got := drain(t, w, 777); got != string(want) {
		t.Fatal("pending bytes differ")
	}
	if pool.Free() == 0 {
		t.Error("no chunk came back")
	}
}

func TestTruncateKeepsWhatIsSent(t *testing.T) {
	w, _ := newWriter(2)
	w.OK()
	m := w.Mark()
	w.Raw(make([]byte, 40000))
	w.Consume(20000)
	w.Truncate(m)
	if w.Pending() != 0 || w.c.buf != nil {
		t.Errorf("%d bytes pending", w.Pending())
	}
	w.Int(5)
	if got := drain(t, w, 100); got != ":5\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestResetGivesChunksBack(t *testing.T) {
	w, pool := newWriter(2)
	w.Raw(make([]byte, ChunkSize))
	w.Raw(make([]byte, 100))
	w.Raw(make([]byte, ChunkSize))
	w.Consume(5)
	w.Reset()
	if w.Pending() != 0 || pool.Free() != 3 || w.c.buf != nil {
		t.Errorf("%d bytes pending, %d chunks back", w.Pending(), pool.Free())
	}
	w.Reset()
	w.Consume(0)
	defer func() {
		if recover() == nil {
			t.Error("consuming too much must panic")
		}
	}()
	w.Consume(1)
}

func TestPoolIsBounded(t *testing.T) {
	p := NewChunkPool(2)
	for range 3 {
		p.Put(make([]byte, 0, ChunkSize))
	}
	p.Put(make([]byte, 10))
	if p.Free() != 2 {
		t.Errorf("%d chunks kept, want 2", p.Free())
	}
	var zero ChunkPool
	zero.Put(zero.Get())
	if zero.Free() != 0 {
		t.Error("the zero pool keeps chunks")
	}
}

func TestWriterDoesNotAllocate(t *testing.T) {
	w, _ := newWriter(3)
	value := bytes.Repeat([]byte("v"), 900)
	batch := func() {
		for range 64 {
			w.OK()
			w.Int(1234567)
			w.Bulk(value)
			w.BulkInt(99)
			w.Null()
			w.Double(0.1)
			w.Error("ERR no such key")
			d := w.DeferLen()
			w.Simple("x")
			w.SetArrayLen(d, 1)
			w.Truncate(w.Mark())
		}
		for w.Pending() > 0 {
			w.Consume(len(w.Next()))
		}
	}
	batch()
	if n := testing.AllocsPerRun(20, batch); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func BenchmarkWriter(b *testing.B) {
	pool := NewChunkPool(4)
	w := &Writer{}
	w.Init(pool)
	value := bytes.Repeat([]byte("v"), 32)
	b.Run("Bulk32", func(b *testing.B) {
		for b.Loop() {
			for range 64 {
				w.Bulk(value)
			}
			w.Consume(w.Pending())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64), "ns/reply")
	})
	b.Run("OK", func(b *testing.B) {
		for b.Loop() {
			for range 64 {
				w.OK()
			}
			w.Consume(w.Pending())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64), "ns/reply")
	})
	b.Run("Int", func(b *testing.B) {
		for b.Loop() {
			for range 64 {
				w.Int(12345)
			}
			w.Consume(w.Pending())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64), "ns/reply")
	})
}
