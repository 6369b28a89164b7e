// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
)

// take reads all that a reader has not read.
func take(r *LogReader) []byte {
	b := bytes.Join(r.Peek(), nil)
	r.Advance(len(b))
	return b
}

// text gives all that a reader has not read, with blanks for line ends and without lengths.
func (b *bench) text(r *LogReader) string {
	b.t.Helper()
	var words []string
	for _, word := range strings.Fields(string(take(r))) {
		if !strings.HasPrefix(word, "$") && !strings.HasPrefix(word, "*") {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func TestLog(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	c.do("SET before 1")
	ready := 0
	r := b.Effects.Attach(func() { ready++ })
	r.Await()
	for _, step := range []struct {
		lines []string
		want  string
	}{
		{[]string{"GET before", "DEL no"}, ""},
		{[]string{"SET a 1", "SET b 2"}, "SELECT 0 SET a 1 SET b 2"},
		{[]string{"SELECT 2", "SET a 1"}, "SELECT 2 SET a 1"},
		{[]string{"SET a 2"}, "SET a 2"},
		{[]string{"MSET a 1 b 2"}, "MULTI SET a 1 SET b 2 EXEC"},
		{[]string{"MULTI", "SET a 1", "GET a", "SELECT 0", "INCRBY n 5", "EXEC"}, "MULTI SET a 1 SELECT 0 INCRBY n 5 EXEC"},
		{[]string{"MULTI", "GET a", "EXEC"}, ""},
		{[]string{"INCRBY before x"}, ""},
		{[]string{"SETPX p 50 v"}, "SETAT p 1700000000050 v"},
		{[]string{"MULTI", "SET q 1", "EXEC"}, "MULTI SET q 1 EXEC"},
	} {
		c.do(step.lines...)
		if got := b.text(r); got != step.want {
			t.Errorf("%q: the log is %q, want %q", step.lines, got, step.want)
		}
	}
	if ready != 1 {
		t.Errorf("the reader was told %d times", ready)
	}
	b.clock.Advance(51 * time.Millisecond)
	c.do("GET p")
	late := b.Effects.Attach(nil)
	c.do("SET z 1")
	if got := b.text(r); got != "DEL p SELECT 0 SET z 1" {
		t.Errorf("the log is %q", got)
	}
	if got := b.text(late); got != "SELECT 0 SET z 1" {
		t.Errorf("the second reader's log is %q", got)
	}
	r.Close()
	late.Close()
	late.Close()
	if b.Effects.Active() || b.Effects.first != nil || len(b.Effects.free) != 0 {
		t.Error("the log is active without readers")
	}
	end := b.Effects.End()
	c.do("SET z 2")
	if b.Effects.End() != end {
		t.Error("written without readers")
	}
}

// TestFullLog: writers are parked when the log is full, a transaction with a write too, and readers of keys are not; they
// go on when there is room, or when the reader is gone.
func TestFullLog(t *testing.T) {
	for _, closed := range []bool{false, true} {
		b := fakeBench(t, Options{Shards: 4})
		r := b.Effects.Attach(nil)
		c := b.connect()
		value := strings.Repeat("v", 4<<20)
		for range maxLogBytes>>22 + 1 {
			c.do("SET big " + value)
			if r.Unread() >= maxLogBytes {
				break
			}
		}
		if n, st := c.try("GET k", "SET k v"); n != 1 || st != Parked {
			t.Fatalf("a write on a full log: %d commands, %v", n, st)
		}
		other := b.connect()
		if n, st := other.try("MULTI", "SET k v", "EXEC"); n != 2 || st != Parked {
			t.Fatalf("a transaction with a write on a full log: %d commands, %v", n, st)
		}
		b.connect().want("+OK +QUEUED *1 $-1", "MULTI", "GET k", "EXEC")
		b.locks()
		if closed {
			r.Close()
		} else {
			take(r)
		}
		if !c.wait() || !other.wait() {
			t.Fatal("not woken")
		}
		c.replies()
		c.want("+OK", "SET k v")
		if n := len(b.Effects.free); n > keepBlocks || !closed && b.Effects.first != b.Effects.last {
			t.Errorf("the log keeps %d unused blocks", n)
		}
	}
}

// TestLogBlocks: two readers of different speed find the same whole effects, short and long, while others append them, and the blocks are
// let go of behind the slower one.
func TestLogBlocks(t *testing.T) {
	l := newLog()
	slow, fast := l.Attach(nil), l.Attach(nil)
	var want []byte
	rnd := rand.New(rand.NewPCG(1, 2))
	effect := func(n int) {
		value := bytes.Repeat([]byte{byte('a' + n%26)}, []int{1, 100, 5000, blockBytes - 40, blockBytes, 3 * blockBytes}[rnd.IntN(6)])
		var text effectText
		if n%3 == 0 {
			text.multi()
			want = resp.AppendCommand(want, []byte("MULTI"))
			text.add(0, [][]byte{[]byte("SET"), []byte("first"), value})
		}
		text.add(0, [][]byte{[]byte("SET"), num.AppendInt(nil, int64(n)), value})
		want = append(want, text.b...)
		if n%3 == 0 {
			want = resp.AppendCommand(want, []byte("EXEC"))
		}
		if end := l.append(&text); end != l.End() {
			t.Fatalf("an effect ends at %d, the log at %d", end, l.End())
		}
	}
	want = resp.AppendCommand(want, []byte("SELECT"), []byte("0"))
	var early, late []byte
	for n := range 3000 {
		effect(n)
		early = append(early, take(fast)...)
		if n%100 == 0 {
			for _, piece := range slow.Peek() {
				part := piece[:min(len(piece), 1+rnd.IntN(2*len(piece)))]
				late = append(late, part...)
				slow.Advance(len(part))
				break // what comes next begins in the middle of this piece, perhaps
			}
		}
		if n == 1500 {
			late = append(late, take(slow)...)
		}
	}
	late = append(late, take(slow)...)
	if !bytes.Equal(early, want) || !bytes.Equal(late, want) {
		t.Errorf("the readers have %d and %d bytes of %d, or other ones", len(early), len(late), len(want))
	}
	if l.first != l.last || len(l.free) > keepBlocks || slow.Unread() != 0 {
		t.Errorf("%d unused blocks are kept, and some that were read", len(l.free))
	}
	for range 3 {
		effect(0)
	}
	slow.Close()
	if fast.Unread() == 0 || l.low.Load() != fast.Offset() {
		t.Error("what the other reader has not read is gone")
	}
	fast.Close()
}

// TestLogCut: what follows a cut begins with a SELECT.
func TestLogCut(t *testing.T) {
	b := fakeBench(t, Options{})
	r := b.Effects.Attach(nil)
	c := b.connect()
	c.do("SET a 1", "SET a 2")
	at := b.Effects.Cut()
	c.do("SET a 3")
	log := take(r)
	if rest := string(log[at:]); !strings.HasPrefix(rest, "*2\r\n$6\r\nSELECT") || at != b.Effects.End()-int64(len(rest)) {
		t.Errorf("behind the cut at %d is %q", at, rest)
	}
}

// TestLogAwait: who waits is told once, whether something comes later or is there already.
func TestLogAwait(t *testing.T) {
	l := newLog()
	told := 0
	r := l.Attach(func() { told++ })
	argv := []byte("FLUSHALL")
	l.Append(0, argv)
	if told != 0 {
		t.Error("told without waiting")
	}
	r.Await()
	if told != 1 {
		t.Error("not told of what was there")
	}
	take(r)
	r.Await()
	r.Await()
	if told != 1 {
		t.Error("told of nothing")
	}
	l.Append(0, argv)
	l.Append(0, argv)
	if told != 2 || l.awaited.Load() != 0 {
		t.Errorf("told %d times", told)
	}
	r.Await()
	r.Close()
	if l.awaited.Load() != 0 {
		t.Error("a reader that has gone is waited for")
	}
}

// TestLogWait: a loop is told once the log is durable so far, also when it was before it asked.
func TestLogWait(t *testing.T) {
	l := newLog()
	told := 0
	w := l.NewWait(func() { told++ })
	for _, step := range []struct {
		ask, durable int64
		told         int
	}{{10, 5, 0}, {20, 9, 0}, {20, 10, 1}, {0, 10, 2}, {11, 10, 2}, {30, 12, 3}, {30, 29, 3}, {0, 7, 4}} {
		w.For(step.ask)
		l.SetDurable(step.durable)
		if told != step.told {
			t.Errorf("%+v: told %d times", step, told)
		}
	}
	told = 0
	w.For(100)
	l.SetFile(FileComing)
	if told != 1 {
		t.Error("not told of a file")
	}
	if w.For(100); told != 2 {
		t.Error("not told of what it has not looked at")
	}
	w.Look()
	if w.For(100); told != 2 {
		t.Error("told of what it has looked at already")
	}
	if l.HoldReplies(true); told != 3 {
		t.Error("not told that replies are held")
	}
	if l.Durable() != 29 {
		t.Errorf("durable up to %d", l.Durable())
	}
}

// TestDeathsAmidSwaps: a key that is met dead in a transaction which has swapped databases goes in the log where it was when that began, since
// its DEL stands before the transaction.
func TestDeathsAmidSwaps(t *testing.T) {
	for _, lines := range [][]string{
		{"MULTI", "SWAPDB 0 1", "GET k", "SWAPDB 1 2", "EXEC"},
		{"RUN 0 | SWAPDB 0 1 | GET k | SWAPDB 1 2"},
		{"MULTI", "SWAPDB 0 2", "SWAPDB 1 0", "GET k", "SWAPDB 1 2", "SWAPDB 1 2", "EXEC"},
		{"RUN 0 | SWAPDB 0 1 | SWAPDB 2 0 | GET k | !kill"},
		{"RUN 0 | SWAPDB 0 1 | FLUSHALL | GET k | SET k 6 | SWAPDB 0 2 | !kill"},
		{"MULTI", "SWAPDB 0 2", "RUN 0 | SWAPDB 0 2 | SWAPDB 0 1 | FLUSHALL | !kill", "SWAPDB 0 1", "GET k", "SWAPDB 0 2", "EXEC"},
	} {
		b := newBench(t, clock.NewFake(someTime), Options{Shards: 4})
		log := b.Effects.Attach(nil)
		c := b.connect()
		c.do("SET k 5", "SELECT 1", "SETPX k 10 v", "SELECT 0")
		b.clock.Advance(time.Second)
		c.do(lines...)
		c.do("SELECT 1", "SETPX k 10 v", "SET l 1", "SELECT 0")
		b.clock.Advance(time.Second)
		c.do("SELECT 1", "GET k") // afterwards it is what it was
		copied := newBench(t, b.clock, Options{Shards: 2})
		copied.replay(take(log))
		if got, want := copied.dump(), b.dump(); got != want || !strings.Contains(want, "5") {
			t.Errorf("%q: the log gives\n%s\nwant\n%s", lines, got, want)
		}
		log.Close()
	}
}
