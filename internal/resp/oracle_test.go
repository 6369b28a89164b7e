// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// ask sends bytes on a connection of their own, says that no more will come, and returns all that the server answers: it
// writes its answers to what it has read before it sees the end.
func ask(t *testing.T, target *testutil.Target, data []byte) []byte {
	t.Helper()
	conn, err := net.Dial(target.Network, target.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") { // closed with our bytes unread
		t.Fatal(err)
	}
	return out
}

// compare checks Redis's answers to data against what the Parser makes of it: an answer for each command, an ECHO's being its
// argument, then the protocol error if there is one.
func compare(t *testing.T, target *testutil.Target, data []byte, cuts ...int) {
	t.Helper()
	commands, perr := parse(t, Limits{}, data, cuts...)
	out := ask(t, target, data)
	r := NewReader(bytes.NewReader(out))
	for _, c := range commands {
		v, err := r.Read()
		if err != nil {
			t.Errorf("%.80q: Redis does not answer %.80q (%v): %.200q", data, c, err, out)
			return
		}
		if len(c) == 2 && strings.EqualFold(c[0], "echo") && (v.Type != '$' || v.Str != c[1]) {
			t.Errorf("%.80q: Redis answers %.80q to %q", data, v, c)
		}
	}
	v, err := r.Read()
	switch {
	case perr == nil && err != io.EOF:
		t.Errorf("%.80q: Redis says more than we expect: %.80q, %v", data, v, err)
	case perr != nil && (err != nil || v.Type != '-' || v.Str != perr.Error()):
		t.Errorf("%.80q: we say %q, Redis %.80q, %v", data, perr, v, err)
	}
}

func TestRequestsLikeRedis(t *testing.T) {
	target := testutil.Oracle(t)
	for _, r := range requests {
		compare(t, target, []byte(r.data))
	}
}

func TestMutatedRequestsLikeRedis(t *testing.T) {
	target := testutil.Oracle(t)
	rnd := rand.New(rand.NewPCG(13, 14))
	for range 1500 {
		data := mutate(rnd)
		compare(t, target, data, rnd.IntN(len(data)+1))
	}
}

func TestUnauthenticatedLikeRedis(t *testing.T) {
	target := testutil.Oracle(t, "--requirepass", "secret")
	for _, data := range []string{
		"*11\r\n", "*2147483647\r\n", "*2147483648\r\n", "*1\r\n$16385\r\n", "*1\r\n$536870912\r\n", "*1\r\n$536870913\r\n", "*10\r\n", "*1\r\n$16384\r\n",
	} {
		_, err := parse(t, Limits{Unauthenticated: true}, []byte(data))
		want := ""
		if err != nil {
			want = "-" + err.Error() + "\r\n"
		}
		if got := string(ask(t, target, []byte(data))); got != want {
			t.Errorf("%q: we say %q, Redis %q", data, want, got)
		}
	}
}

func TestMaxBulkLikeRedis(t *testing.T) {
	target := testutil.Oracle(t, "--proto-max-bulk-len", "2mb")
	limits := Limits{MaxBulk: 2 << 20}
	for _, n := range []int{2<<20 - 1, 2 << 20, 2<<20 + 1} {
		data := fmt.Appendf(nil, "*1\r\n$%d\r\n", n)
		_, err := parse(t, limits, data)
		if got := ask(t, target, data); (len(got) > 0) != (err != nil) {
			t.Errorf("%q: %v, Redis says %q", data, err, got)
		}
	}
}

// TestRepliesLikeRedis has Redis write every type of reply, by DEBUG PROTOCOL and commands, in both protocols.
func TestRepliesLikeRedis(t *testing.T) {
	target := testutil.Oracle(t)
	for _, c := range []struct {
		command []string
		write   func(w *Writer)
	}{
		{[]string{"PING"}, func(w *Writer) { w.Simple("PONG") }},
		{[]string{"SET", "k", "v"}, func(w *Writer) { w.OK() }},
		{[]string{"GET", "k"}, func(w *Writer) { w.Bulk([]byte("v")) }},
		{[]string{"GET", "none"}, func(w *Writer) { w.Null() }},
		{[]string{"LPOP", "none", "2"}, func(w *Writer) { w.NullArray() }},
		{[]string{"SMEMBERS", "none"}, func(w *Writer) { w.Set(0) }},
		{[]string{"HGETALL", "none"}, func(w *Writer) { w.Map(0) }},
		{[]string{"a\r\nb"}, func(w *Writer) { w.Error("ERR unknown command 'a\r\nb', with args beginning with: ") }},
		{[]string{"DEBUG", "PROTOCOL", "STRING"}, func(w *Writer) { w.BulkString("Hello World") }},
		{[]string{"DEBUG", "PROTOCOL", "INTEGER"}, func(w *Writer) { w.Int(12345) }},
		{[]string{"DEBUG", "PROTOCOL", "DOUBLE"}, func(w *Writer) { w.Double(3.141) }},
		{[]string{"DEBUG", "PROTOCOL", "NULL"}, func(w *Writer) { w.Null() }},
		{[]string{"DEBUG", "PROTOCOL", "ARRAY"}, func(w *Writer) {
			w.Array(3)
			for i := range 3 {
				w.Int(int64(i))
			}
		}},
		{[]string{"DEBUG", "PROTOCOL", "SET"}, func(w *Writer) {
			w.Set(3)
			for i := range 3 {
				w.Int(int64(i))
			}
		}},
		{[]string{"DEBUG", "PROTOCOL", "MAP"}, func(w *Writer) {
			d := w.DeferLen()
			for i := range 3 {
				w.Int(int64(i))
				w.Bool(i == 1)
			}
			w.SetMapLen(d, 3)
		}},
		{[]string{"DEBUG", "PROTOCOL", "ATTRIB"}, func(w *Writer) {
			if w.Attribute(1) {
				w.BulkString("key-popularity")
				w.Array(2)
				w.BulkString("key:123")
				w.Int(90)
			}
			w.BulkString("Some real reply following the attribute")
		}},
		{[]string{"DEBUG", "PROTOCOL", "BIGNUM"}, func(w *Writer) { w.BigNumber("1234567999999999999999999999999999999") }},
		{[]string{"DEBUG", "PROTOCOL", "VERBATIM"}, func(w *Writer) { w.Verbatim("txt", "This is a verbatim\nstring") }},
		{[]string{"DEBUG", "PROTOCOL", "TRUE"}, func(w *Writer) { w.Bool(true) }},
		{[]string{"DEBUG", "PROTOCOL", "FALSE"}, func(w *Writer) { w.Bool(false) }},
	} {
		for proto := 2; proto <= 3; proto++ {
			w, _ := newWriter(proto)
			c.write(w)
			want := drain(t, w, 1<<20)
			// HELLO's reply is written by Redis alone: cut it off.
			hello := AppendCommand(nil, "HELLO", fmt.Sprint(proto))
			got := ask(t, target, AppendCommand(hello, c.command...))
			r := NewReader(bytes.NewReader(got))
			if v, err := r.Read(); err != nil || v.Err() != nil {
				t.Fatalf("HELLO: %v, %v", v, err)
			}
			got = got[len(got)-r.Buffered():]
			if string(got) != want {
				t.Errorf("%q, RESP%d: we write %q, Redis %q", c.command, proto, want, got)
			}
		}
	}
}

// TestStringLikeRedisCLI shows replies beside redis-cli.
func TestStringLikeRedisCLI(t *testing.T) {
	target := testutil.Oracle(t)
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		testutil.Missing(t, "redis-cli (Debian's package redis-tools)")
	}
	commands := [][]string{{"COMMAND", "DOCS", "set", "zadd"}, {"COMMAND", "INFO", "get", "none", "xgroup"}, {"NONE"}, {"DEBUG", "PROTOCOL", "VERBATIM"}, {"ECHO", "a\x01\"\xff\n"}}
	script := "redis.setresp(3); return {"
	for _, v := range []string{"{1}", "{1,2}", "{{1}}", "{{1,2}}", "{{}}", "{}", "false", "'a'", "{set={}}", "{set={x=true}}", "{map={}}", "{map={p=1}}", "{map={p={1,2}}}",
		"{double=1.5}", "true", "{1,2,3,4,5,6,7,8,9,{10,{11}}}", "{verbatim_string={format='txt',string='a\\nb'}}"} {
		script += v + ", {map={k=" + v + "}}, "
	}
	commands = append(commands, []string{"EVAL", script + "0}", "0"})
	for _, c := range commands {
		for _, proto := range []string{"2", "3"} {
			want, err := exec.Command(cli, append([]string{"-s", target.Addr, "-" + proto, "--no-raw"}, c...)...).Output()
			if err != nil {
				t.Fatalf("redis-cli %q: %v", c, err)
			}
			r := NewReader(bytes.NewReader(ask(t, target, AppendCommand(AppendCommand(nil, "HELLO", proto), c...))))
			r.Read()
			got, err := r.Read()
			if text := strings.TrimRight(string(want), "\n"); err != nil || got.String() != text {
				t.Errorf("%q, RESP%s: %v, shown as\n%s\nby redis-cli as\n%s", c, proto, err, got, text)
			}
		}
	}
}
