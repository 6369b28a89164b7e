// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/testutil"
)

// conversation is a pipeline of all kinds of commands, with the replies to them.
func conversation() (in, out []byte) {
	for _, step := range []struct{ in, out string }{
		{"PING\r\n", "+PONG\r\n"},
		{"\r\n*0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\x00\r\n", "+OK\r\n"},
		{"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "$5\r\na\r\nb\x00\r\n"},
		{"*1\r\n$5\r\nMULTI\r\nINCR n\r\n*1\r\n$4\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n"},
		{"set s \"x y\"\r\nget s\r\n", "+OK\r\n$3\r\nx y\r\n"},
		{"*1\r\n$3\r\nGET\r\n", "-ERR wrong number of arguments for 'get' command\r\n"},
		{"*2\r\n$5\r\nHELLO\r\n$1\r\n9\r\n", "-NOPROTO unsupported protocol version\r\n"},
		{"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\nGET k\r\nSELECT 0\r\n", "+OK\r\n$-1\r\n+OK\r\n"},
		{"CLIENT REPLY SKIP\r\nPING\r\nECHO on\r\n", "$2\r\non\r\n"},
		{"PANIC k\r\nDEL n\r\n", "-ERR internal error, the server's log has the details\r\n:1\r\n"},
		{"*5\r\n$4\r\nMGET\r\n$1\r\nk\r\n$1\r\nn\r\n$0\r\n\r\n$1\r\ns\r\n", "*4\r\n$5\r\na\r\nb\x00\r\n$-1\r\n$-1\r\n$3\r\nx y\r\n"},
	} {
		in, out = append(in, step.in...), append(out, step.out...)
	}
	return in, out
}

func TestPipelineSplitAtEveryByte(t *testing.T) {
	r := start(t, options{})
	in, out := conversation()
	for cut := range len(in) + 1 {
		c := r.tcp()
		send(t, c, in[:cut])
		if cut > 0 && cut < len(in) {
			// The server has read the first part once it holds what is not whole of it.
			testutil.Poll(t, patience, func() bool {
				return r.engine.Account().Get(mem.ClientInput) > 0 || bytes.HasSuffix(in[:cut], []byte("\r\n"))
			})
		}
		send(t, c, in[cut:])
		if got := readN(t, c, len(out)); got != string(out) {
			t.Fatalf("cut at %d (%q | %q):\ngot  %q\nwant %q", cut, in[:cut], in[cut:], got, out)
		}
		c.Close()
		testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 0 })
	}
	if n := r.engine.Account().Get(mem.ClientInput); n != 0 {
		t.Errorf("%d bytes of input buffers are left", n)
	}
}

func TestPipelineByteByByte(t *testing.T) {
	r := start(t, options{})
	in, out := conversation()
	c := r.tcp()
	for i := range in {
		send(t, c, in[i:i+1])
	}
	if got := readN(t, c, len(out)); got != string(out) {
		t.Fatalf("got  %q\nwant %q", got, out)
	}
}

func TestLongArgumentsInPieces(t *testing.T) {
	r := start(t, options{})
	c := r.tcp()
	for _, size := range []int{1000, 16 << 10, 60 << 10, 64<<10 - 30, 64 << 10, 100 << 10, 1 << 20, 3<<20 + 7} {
		value := strings.Repeat("v", size-1) + "w"
		in := append(line("SET", "k", value), line("STRLEN", "k")...)
		in = append(in, line("GETRANGE", "k", "-2", "-1")...)
		for _, piece := range []int{len(in), 50_000, 1500} {
			if size > 1<<20 && piece == 1500 {
				continue
			}
			for rest := in; len(rest) > 0; {
				n := min(piece, len(rest))
				send(t, c, rest[:n])
				rest = rest[n:]
			}
			want := fmt.Sprintf("+OK\r\n:%d\r\n$2\r\nvw\r\n", size)
			if got := readN(t, c, len(want)); got != want {
				t.Fatalf("%d bytes in pieces of %d: %q", size, piece, got)
			}
		}
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Account().Get(mem.ClientInput) == 0 })
}

func TestManyShortArguments(t *testing.T) {
	r := start(t, options{})
	c := r.dial()
	args := []string{"MSET"}
	for i := range 50_000 {
		args = append(args, fmt.Sprint("k", i), "v")
	}
	c.Must(t, args...)
	if v := c.Must(t, "GET", "k49999"); v.Str != "v" {
		t.Errorf("GET: %v", v)
	}
}

func TestHalfCommandsHoldLittle(t *testing.T) {
	r := start(t, options{})
	const conns = 200
	for range conns {
		c := r.tcp()
		send(t, c, []byte("*3\r\n$3\r\nSET\r\n"))
		send(t, c, []byte("$1\r\nk\r\n$500000000\r\n"))
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Account().Get(mem.ClientInput) > conns*10 })
	if n := r.engine.Account().Get(mem.ClientInput); n > conns*8<<10 {
		t.Errorf("%d half-sent commands hold %d bytes", conns, n)
	}
	if v := r.dial().Must(t, "PING"); v.Str != "PONG" {
		t.Errorf("PING: %v", v)
	}
}

// TestLongCommandsLeaveNothing: the buffers of a long command are soon free again, though nothing else is allocated.
func TestLongCommandsLeaveNothing(t *testing.T) {
	r := start(t, options{})
	c := r.dial()
	in := line("STRLEN", strings.Repeat("k", 100<<20))
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before := heap()
	if _, err := c.DoRaw(in); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return heap() < before+20<<20 })
	runtime.KeepAlive(in)
}

// TestLongCommandsAreGivenBack: the system gets the pages of these buffers.
func TestLongCommandsAreGivenBack(t *testing.T) {
	r := start(t, options{})
	c := r.dial()
	const size = 48 << 20
	in := line("STRLEN", strings.Repeat("k", size))
	debug.FreeOSMemory()
	if _, err := c.DoRaw(in); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapIdle-m.HeapReleased < size/4 && m.HeapAlloc < 2*size
	})
	runtime.KeepAlive(in)
}

func TestPipelineOfThousands(t *testing.T) {
	r := start(t, options{loops: 2})
	c := r.dial()
	const n = 20_000
	var in []byte
	for range n {
		in = append(in, line("INCR", "n")...)
	}
	go c.SendRaw(in)
	for i := range n {
		reply, err := c.Receive()
		if err != nil || reply.Value.Int != int64(i+1) {
			t.Fatalf("reply %d: %q, %v", i+1, reply.Raw, err)
		}
	}
}

// TestWriterThatReadsLate sends far more commands than the replies that the server keeps, and only then reads.
func TestWriterThatReadsLate(t *testing.T) {
	r := start(t, options{})
	c := r.dial()
	c.Must(t, "SET", "k", strings.Repeat("v", 10_000))
	const n = 20_000 // 200 MB of replies, 4 MB of commands
	in := bytes.Repeat(line("GETRANGE", "k", "0", "9999"), n)
	if err := c.SendRaw(in); err != nil {
		t.Fatal(err)
	}
	other := r.dial()
	if v := other.Must(t, "GET", "none"); !v.Null {
		t.Errorf("GET: %v", v)
	}
	testutil.Poll(t, patience, func() bool { return strings.Contains(other.Must(t, "CLIENT", "LIST").Str, "events=rw") })
	for i := range n {
		reply, err := c.Receive()
		if err != nil || len(reply.Value.Str) != 10_000 {
			t.Fatalf("reply %d: %.50q, %v", i+1, reply.Raw, err)
		}
	}
	if v := c.Must(t, "PING"); v.Str != "PONG" {
		t.Errorf("PING: %v", v)
	}
}

// TestNeverReads proves that what a client leaves unread is bounded, however it sends its commands.
func TestNeverReads(t *testing.T) {
	r := start(t, options{})
	one, many := r.tcp(), r.tcp()
	send(t, many, bytes.Repeat(line("BIG", "100000"), 2000))
	control := r.dial()
	for range 200 {
		send(t, one, line("BIG", "100000"))
		control.Must(t, "PING") // so that the server reads it by itself
	}
	for l := range strings.Lines(control.Must(t, "CLIENT", "LIST").Str) {
		if n := field(t, l, "omem"); n > 2<<20 {
			t.Errorf("%d bytes of replies wait: %s", n, l)
		}
	}
}

func TestStalledClientGoesOn(t *testing.T) {
	r := start(t, options{})
	// The replies are just about what is written at one go, so that a Flush may find the socket able to take the rest.
	for _, size := range []int{64 << 10, 512 << 10, 1 << 20, 2 << 20} {
		c := r.dial()
		const n = 20
		go c.SendRaw(bytes.Repeat(line("BIG", fmt.Sprint(size)), n))
		for i := range n {
			if reply, err := c.Receive(); err != nil || len(reply.Value.Str) != size {
				t.Fatalf("reply %d of %d bytes: %v", i, size, err)
			}
		}
	}
}

// TestSlowPipelineTakesTurns has a pipeline of commands that take 2 ms each, and another client beside.
func TestSlowPipelineTakesTurns(t *testing.T) {
	r := start(t, options{clock: clock.NewFake(1_700_000_000_000)})
	path := filepath.Join(t.TempDir(), "s")
	if _, err := r.group.Listen("unix", path, netloop.ListenOptions{}); err != nil {
		t.Fatal(err)
	}
	slow, other := r.dial(), testutil.Dial(t, "unix", path)
	other.Must(t, "PING")
	const each = 20
	// A portable loop may learn of the other command only when the pipeline has been run, so not every time tells.
	testutil.Poll(t, patience, func() bool {
		if err := slow.SendRaw(append(line("STUCK"), bytes.Repeat(line("SPIN", "2"), each)...)); err != nil {
			t.Fatal(err)
		}
		<-r.began
		before := r.spins.Load()
		if err := other.Send("SPIN", "0"); err != nil {
			t.Fatal(err)
		}
		r.release <- struct{}{}
		reply, err := other.Receive()
		if err != nil {
			t.Fatal(err)
		}
		for range each + 1 {
			if _, err := slow.Receive(); err != nil {
				t.Fatal(err)
			}
		}
		return reply.Value.Int-before <= 5
	})
}

func TestProtocolErrors(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"*1\r\n+PING\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"},
		{"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"*1\r\n$999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"SET k \"v\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	} {
		t.Run(fmt.Sprintf("%q", c.in), func(t *testing.T) {
			r := start(t, options{})
			for _, before := range []string{"", "INCR before\r\n"} {
				conn := r.tcp()
				send(t, conn, []byte(before+c.in+"INCR after\r\n"))
				want := c.out
				if before != "" {
					want = ":1\r\n" + want
				}
				if got := readAll(t, conn); got != want {
					t.Errorf("after %q: %q, want %q", before, got, want)
				}
			}
			if v := r.dial().Must(t, "GET", "after"); !v.Null {
				t.Error("a command behind the error was run")
			}
			if why, _ := strings.CutPrefix(c.out, "-ERR Protocol error: "); !r.log.Has("Protocol error (" + strings.TrimSpace(why) + ") from client") {
				t.Error("nothing in the log")
			}
		})
	}
}

// TestHTTP has a browser send commands in the body of a request.
func TestHTTP(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\nINCR after\r\n", ""},
		{"INCR before\r\npost / HTTP/1.1\r\nINCR after\r\n", ":1\r\n"},
		{"GET /\r\nHost: x\r\nINCR after\r\n", "$-1\r\n"},
		{"*1\r\n$5\r\nhOST:\r\n*2\r\n$4\r\nINCR\r\n$5\r\nafter\r\n", ""},
		{"MULTI\r\nPOST / HTTP/1.1\r\nINCR after\r\nEXEC\r\n", "+OK\r\n"},
	} {
		r := start(t, options{})
		conn := r.tcp()
		send(t, conn, []byte(c.in))
		if got := readAll(t, conn); got != c.out {
			t.Errorf("after %q: %q, want %q", c.in, got, c.out)
		}
		if v := r.dial().Must(t, "GET", "after"); !v.Null {
			t.Errorf("a command of %q was run", c.in)
		}
		if !r.log.Has("SECURITY ATTACK") {
			t.Errorf("nothing in the log after %q", c.in)
		}
	}
}

func TestHTTPWithoutPassword(t *testing.T) {
	r := start(t, options{})
	r.setPassword("secret")
	conn := r.tcp()
	send(t, conn, []byte("POST / HTTP/1.1\r\nAUTH secret\r\nINCR after\r\n"))
	if got := readAll(t, conn); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestProtocolErrorToAMuteClient(t *testing.T) {
	r := start(t, options{})
	c := r.tcp()
	send(t, c, []byte("CLIENT REPLY OFF\r\nPING\r\n*x\r\n"))
	if got := readAll(t, c); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestQueryBufferLimit(t *testing.T) {
	r := start(t, options{})
	limits := defaults()
	limits.QueryBuffer = 1 << 20
	r.hub.SetLimits(limits)
	c := r.tcp()
	send(t, c, []byte("*2\r\n$3\r\nGET\r\n$400000000\r\n"))
	block := make([]byte, 64<<10)
	err := error(nil)
	for i := 0; i < 200 && err == nil; i++ {
		_, err = c.Write(block)
	}
	if got := readAll(t, c); got != "" {
		t.Errorf("got %q", got)
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Account().Get(mem.ClientInput) == 0 })
	if !r.log.Has("max query buffer length") {
		t.Error("nothing in the log")
	}
}

func TestQuitInAPipeline(t *testing.T) {
	r := start(t, options{})
	c := r.tcp()
	send(t, c, []byte("INCR n\r\nQUIT\r\nINCR n\r\n*x\r\n"))
	if got := readAll(t, c); got != ":1\r\n+OK\r\n" {
		t.Errorf("got %q", got)
	}
	d := r.tcp()
	send(t, d, []byte("MULTI\r\nINCR n\r\nQUIT\r\nEXEC\r\n"))
	if got := readAll(t, d); got != "+OK\r\n+QUEUED\r\n+OK\r\n" {
		t.Errorf("got %q", got)
	}
	if v := r.dial().Must(t, "GET", "n"); v.Str != "1" {
		t.Errorf("n is %v", v)
	}
}
