// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestMessage writes messages of all lengths between replies, and sends them in pieces: short and long ones, in both protocols.
func TestMessage(t *testing.T) {
	for _, n := range []int{0, 1, 100, shareFrom - 40, shareFrom, ChunkSize - 64, ChunkSize, 3 * ChunkSize} {
		text := strings.Repeat("x", n)
		m := MakeMessage([]byte("message"), []byte("channel"), []byte(text))
		want := fmt.Sprintf("3\r\n$7\r\nmessage\r\n$7\r\nchannel\r\n$%d\r\n%s\r\n", n, text)
		if m.Len() != len(want)+1 {
			t.Errorf("%d bytes", m.Len())
		}
		for proto, kind := range map[int]string{2: "*", 3: ">"} {
			var w Writer
			w.Init(NewChunkPool(4))
			w.Proto = proto
			var all []byte
			expect := ""
			for i := range 50 {
				w.Message(&m)
				w.Int(int64(i))
				expect += kind + want + fmt.Sprintf(":%d\r\n", i)
				if w.Pending() != len(expect)-len(all) {
					t.Fatalf("%d bytes are pending, want %d", w.Pending(), len(expect)-len(all))
				}
				for rand.IntN(3) > 0 && w.Pending() > 0 {
					b := w.Next()
					b = b[:1+rand.IntN(len(b))]
					all = append(all, b...)
					w.Consume(len(b))
				}
			}
			all = append(all, sendAll(&w)...)
			if string(all) != expect {
				t.Errorf("protocol %d, %d bytes: what is sent is not what was written", proto, n)
			}
		}
	}
}

// TestJoinedMessages: several messages are one, in both protocols.
func TestJoinedMessages(t *testing.T) {
	var m Message
	for _, word := range []string{"a", "bc"} {
		one := MakeMessage([]byte("message"), []byte(word))
		m.Append(&one)
	}
	for proto, kind := range map[int]string{2: "*", 3: ">"} {
		var w Writer
		w.Init(NewChunkPool(1))
		w.Proto = proto
		w.OK()
		w.Message(&m)
		want := "+OK\r\n" + kind + "2\r\n$7\r\nmessage\r\n$1\r\na\r\n" + kind + "2\r\n$7\r\nmessage\r\n$2\r\nbc\r\n"
		if got := string(sendAll(&w)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// sendAll takes all that is pending.
func sendAll(w *Writer) (all []byte) {
	for w.Pending() > 0 {
		b := w.Next()
		all = append(all, b...)
		w.Consume(len(b))
	}
	return all
}

// TestSharedMessageStays: what many send is never written to, nor given to a pool, when replies behind it are taken back or all is
// dropped in its middle.
func TestSharedMessageStays(t *testing.T) {
	for _, n := range []int{shareFrom, ChunkSize - 41, ChunkSize} { // the second encodes into as many bytes as a chunk has
		m := MakeMessage([]byte("message"), []byte("channel"), bytes.Repeat([]byte{'x'}, n))
		before := bytes.Clone(m.array)
		pool := NewChunkPool(10)
		var w Writer
		w.Init(pool)
		for sent := range 3 {
			w.Int(1)
			w.Message(&m)
			mark := w.Mark()
			w.OK()
			w.Truncate(mark)
			w.OK()
			if got, want := string(w.Next()[:4]), ":1\r\n"; got != want {
				t.Fatalf("%q", got)
			}
			w.Consume(4 + sent*100)
			w.Reset()
			if w.Pending() != 0 {
				t.Fatalf("%d bytes are pending", w.Pending())
			}
			w.OK()
			if got := sendAll(&w); string(got) != "+OK\r\n" {
				t.Fatalf("%q after a reset", got)
			}
		}
		for pool.Free() > 0 {
			b := pool.Get()
			for i := range b[:cap(b)] {
				b[:cap(b)][i] = '!'
			}
		}
		if !bytes.Equal(m.array, before) {
			t.Errorf("%d bytes: the message has changed", n)
		}
	}
}

// TestGatheredMessages: short messages that come before the first is sent are one piece, as long as they fit into it; wherever what is
// sent ends, all of them come in order.
func TestGatheredMessages(t *testing.T) {
	for _, count := range []int{2, 5, 100} {
		var w Writer
		w.Init(NewChunkPool(4))
		start := w.Mark()
		want := ""
		for i := range count {
			m := MakeMessage([]byte("message"), fmt.Appendf(nil, "%04d", i))
			w.Message(&m)
			want += fmt.Sprintf("*2\r\n$7\r\nmessage\r\n$4\r\n%04d\r\n", i)
		}
		if n := len(w.Next()); n != min(len(want), gathered) {
			t.Errorf("%d messages: the first piece has %d of %d bytes", count, n, len(want))
		}
		if w.Since(start) != len(want) || w.Pending() != len(want) {
			t.Errorf("%d messages: %d bytes written, %d pending, want %d", count, w.Since(start), w.Pending(), len(want))
		}
		mark := w.Mark()
		w.OK()
		w.Truncate(mark)
		if got := string(sendAll(&w)); got != want {
			t.Errorf("%d messages: sent is %q", count, got)
		}
	}
	for range 2000 {
		var w Writer
		w.Init(NewChunkPool(4))
		var sent []byte
		want := ""
		for i := range 20 {
			m := MakeMessage([]byte("m"), bytes.Repeat([]byte{byte('a' + i)}, rand.IntN(gathered/2)))
			w.Message(&m)
			want += string(m.array)
			for rand.IntN(3) == 0 && w.Pending() > 0 {
				b := w.Next()
				b = b[:1+rand.IntN(len(b))]
				sent = append(sent, b...)
				w.Consume(len(b))
			}
		}
		if sent = append(sent, sendAll(&w)...); string(sent) != want {
			t.Fatalf("sent is %q, want %q", sent, want)
		}
	}
}
