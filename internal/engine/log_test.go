// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"strings"
	"testing"
	"time"
)

// text gives all that a reader has not read, with blanks for line ends and without lengths.
func (b *bench) text(r *LogReader) string {
	b.t.Helper()
	buf := make([]byte, 1<<20)
	var words []string
	for _, word := range strings.Fields(string(buf[:r.Read(buf)])) {
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
	if ready == 0 {
		t.Error("the reader was never told")
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
	if b.Effects.Active() || len(b.Effects.buf) != 0 {
		t.Error("the log is active without readers")
	}
	c.do("SET z 2")
	if len(b.Effects.buf) != 0 {
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
			if len(b.Effects.buf) >= maxLogBytes {
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
			for buf := make([]byte, 8<<20); r.Read(buf) > 0; {
			}
		}
		if !c.wait() || !other.wait() {
			t.Fatal("not woken")
		}
		c.replies()
		c.want("+OK", "SET k v")
		if cap(b.Effects.buf) > keepLogBytes {
			t.Errorf("the log keeps %d bytes", cap(b.Effects.buf))
		}
	}
}
