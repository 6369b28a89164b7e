// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/session"
	"github.com/redpoll/redpoll/internal/testutil"
)

// closed waits until all sources of STREAM are.
func (r *rig) closed(after string) {
	r.t.Helper()
	testutil.Poll(r.t, patience, func() bool { return r.sources.Load() <= 0 })
	if n := r.sources.Load(); n != 0 {
		r.t.Errorf("after %s: %d sources were closed twice", after, -n)
	}
}

func TestStreamedReplies(t *testing.T) {
	r := start(t, options{})
	c := r.dial()
	sizes := []int{0, 1, 9_999, 10_000, 10_001, 300_000, 5_000_000}
	for _, n := range sizes {
		if got := c.Must(t, "STREAM", fmt.Sprint(n), "ok").Str; got != countedText(n) {
			t.Errorf("%d bytes: the text of %d differs", n, len(got))
		}
	}
	var in []byte
	for range 20 { // in a pipeline, other replies between
		for _, n := range sizes {
			in = append(append(in, line("STREAM", fmt.Sprint(n), "ok")...), line("ECHO", fmt.Sprint(n))...)
		}
	}
	go c.SendRaw(in)
	for i := range 20 * len(sizes) {
		n := sizes[i%len(sizes)]
		for _, want := range []string{countedText(n), fmt.Sprint(n)} {
			if reply, err := c.Receive(); err != nil || reply.Value.Str != want {
				t.Fatalf("%d bytes: %.50q, %v", n, reply.Raw, err)
			}
		}
	}
	r.closed("all were read")
}

// TestStreamToASlowReader: while it is not read nothing further of its client is run, others are served, and what the server
// holds for it is little.
func TestStreamToASlowReader(t *testing.T) {
	r := start(t, options{})
	limits := defaults()
	limits.Normal = session.OutputLimit{Hard: 1 << 20, Soft: 1 << 19, Period: 1}
	r.hub.SetLimits(limits)
	slow, other := r.tcp(), r.dial()
	const n = 50_000_000
	send(t, slow, append(append(line("SET", "before", "1"), line("STREAM", fmt.Sprint(n), "ok")...), line("SET", "after", "1")...))
	testutil.Poll(t, patience, func() bool { return strings.Contains(other.Must(t, "CLIENT", "LIST").Str, "events=rw") })
	if !other.Must(t, "GET", "after").Null || other.Must(t, "GET", "before").Str != "1" {
		t.Error("the next command was run before the reply was read")
	}
	send(t, slow, line("ECHO", "x"))
	other.Must(t, "PING")
	for l := range strings.Lines(other.Must(t, "CLIENT", "LIST").Str) {
		if field(t, l, "omem") > 16<<10 || field(t, l, "tot-mem") > 100<<10 {
			t.Errorf("much is held: %s", l)
		}
	}
	want := "+OK\r\n" + fmt.Sprintf("$%d\r\n", n) + countedText(n) + "\r\n+OK\r\n$1\r\nx\r\n"
	if got := readN(t, slow, len(want)); got != want {
		t.Error("the bytes differ")
	}
	r.closed("it was read")
}

// TestDroppedStreams: a source is closed once, however its reply ends.
func TestDroppedStreams(t *testing.T) {
	r := start(t, options{})
	for _, c := range []struct{ in, out string }{
		{"STREAM 100000 error\r\nECHO a\r\n", "-ERR syntax error\r\n$1\r\na\r\n"},
		{"STREAM 100000 panic\r\nECHO a\r\n", "-ERR internal error, the server's log has the details\r\n$1\r\na\r\n"},
		{"CLIENT REPLY OFF\r\nSTREAM 100000 ok\r\nSTREAM 5 ok\r\nCLIENT REPLY ON\r\n", "+OK\r\n"},
		{"CLIENT REPLY SKIP\r\nSTREAM 100000 ok\r\nECHO a\r\n", "$1\r\na\r\n"},
		{"MULTI\r\nSTREAM 1 ok\r\nSTREAM 2 error\r\nSTREAM 3 ok\r\nEXEC\r\n",
			"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$1\r\n\x01\r\n-ERR syntax error\r\n$3\r\n\x03\x02\x01\r\n"},
		{"MULTI\r\nSTREAM 1 ok\r\nSTREAM 1 panic\r\nEXEC\r\n",
			"+OK\r\n+QUEUED\r\n+QUEUED\r\n-ERR internal error, the server's log has the details\r\n"},
		{"CLIENT REPLY SKIP\r\nMULTI\r\nSTREAM 1 ok\r\nCLIENT REPLY SKIP\r\nEXEC\r\n", "+QUEUED\r\n"},
	} {
		conn := r.tcp()
		send(t, conn, []byte(c.in+"QUIT\r\n"))
		if got := readAll(t, conn); !strings.HasPrefix(got, c.out) && !strings.Contains(c.in, "SKIP\r\nMULTI") {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.out)
		}
		r.closed(c.in)
	}
}

// TestStreamOfAClientThatGoes is closed when the client hangs up, is killed, or sends what is no command.
func TestStreamOfAClientThatGoes(t *testing.T) {
	r := start(t, options{})
	other := r.dial()
	ask := func() net.Conn {
		c := r.tcp()
		send(t, c, line("STREAM", "50000000", "ok"))
		testutil.Poll(t, patience, func() bool { return r.sources.Load() == 1 })
		return c
	}
	c := ask()
	readN(t, c, 1_000_000)
	c.Close()
	r.closed("the client hung up")

	ask()
	if n := other.Must(t, "CLIENT", "KILL", "TYPE", "normal").Int; n != 1 {
		t.Errorf("%d were killed", n)
	}
	r.closed("it was killed")

	c = ask()
	send(t, c, []byte("*x\r\n"))
	if got := readAll(t, c); !strings.HasSuffix(got, "\r\n-ERR Protocol error: invalid multibulk length\r\n") || len(got) < 50_000_000 {
		t.Errorf("%d bytes, the last %q", len(got), got[max(len(got)-100, 0):])
	}
	r.closed("a protocol error")
}

// TestStreamOfADetachedHandler is sent when its session is back, or closed when the client has gone.
func TestStreamOfADetachedHandler(t *testing.T) {
	r := start(t, options{})
	for _, stays := range []bool{true, false} {
		c := r.tcp()
		detached := r.engine.Stats.Detached.Load()
		send(t, c, append(line("STREAM", "3000000", "hold"), line("ECHO", "x")...))
		<-r.began
		testutil.Poll(t, patience, func() bool { return r.engine.Stats.Detached.Load() > detached })
		if !stays {
			c.Close()
		}
		r.release <- struct{}{}
		if stays {
			want := "$3000000\r\n" + countedText(3_000_000) + "\r\n+HELD\r\n$1\r\nx\r\n"
			if got := readN(t, c, len(want)); got != want {
				t.Error("the bytes differ")
			}
		}
		r.closed("the handler ended")
	}
}

// TestStreamingIsNotIdle: who reads, however slowly, is not closed for idling.
func TestStreamingIsNotIdle(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{clock: fake})
	limits := defaults()
	limits.Timeout = int64(10 * time.Second)
	r.hub.SetLimits(limits)
	slow, other := r.tcp(), r.dial()
	const n, step = 200_000_000, 20_000_000
	send(t, slow, line("STREAM", fmt.Sprint(n), "ok"))
	for range n/step - 1 {
		readN(t, slow, step) // more than the socket has room for, so that the server has to write
		other.Must(t, "PING")
		fake.Advance(4 * time.Second)
	}
	other.Must(t, "PING")
	if open, _, _ := r.hub.Counts(); open != 2 {
		t.Fatalf("%d clients are left", open)
	}
	testutil.Poll(t, patience, func() bool { // what the sockets still had room for counts as read until it has gone
		fake.Advance(4 * time.Second)
		other.Must(t, "PING")
		open, _, _ := r.hub.Counts()
		return open == 1
	})
	r.closed("it read no more")
}
