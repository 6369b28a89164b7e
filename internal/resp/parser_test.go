// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// parse feeds data to a Parser in pieces that end at cuts, as a session does, and returns the commands as texts with the error.
func parse(t *testing.T, limits Limits, data []byte, cuts ...int) (commands [][]string, err error) {
	t.Helper()
	p := Parser{Limits: limits}
	start, due := 0, 0
	for _, end := range append(cuts, len(data)) {
		for {
			buf := bytes.Clone(data[start:end]) // the buffer moves, and reading past it is seen
			args, n, err := p.Next(buf, nil)
			if err != nil || n > 0 {
				if end < due {
					t.Fatalf("%.80q: decided at %d, but Need said not before %d", data, end, due)
				}
				due = 0
			}
			if err != nil {
				return commands, err
			}
			if n == 0 {
				if (p.Need() > 0) != (end > start) {
					t.Fatalf("%.80q: Need = %d with %d bytes of a command", data, p.Need(), end-start)
				}
				due = max(due, end+p.Need())
				break
			}
			if p.Need() != 0 || n > len(buf) {
				t.Fatalf("%.80q: Need = %d after a whole command, %d of %d bytes consumed", data, p.Need(), n, len(buf))
			}
			start += n
			if len(args) > 0 {
				commands = append(commands, texts(args))
			}
			if start == end {
				break
			}
		}
	}
	return commands, nil
}

func texts(args [][]byte) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = string(a)
	}
	return out
}

// errText is the error's text, "" for none.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "ERR Protocol error: ")
}

type request struct {
	data string
	want [][]string
	err  string
}

var requests = []request{
	{"", nil, ""},
	{"*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}}, ""},
	{"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", [][]string{{"ECHO", ""}, {"PING"}}, ""},
	{"*0\r\n*-1\r\n*-2147483649\r\n*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}}, ""},
	{"*02\r\n", nil, "invalid multibulk length"},
	{"*\r\n", nil, "invalid multibulk length"},
	{"* 1\r\n", nil, "invalid multibulk length"},
	{"*+1\r\n", nil, "invalid multibulk length"},
	{"*-0\r\n", nil, "invalid multibulk length"},
	{"*1a\r\n", nil, "invalid multibulk length"},
	{"*\x80\r\n", nil, "invalid multibulk length"},
	{"*:\r\n", nil, "invalid multibulk length"},
	{"*2147483648\r\n", nil, "invalid multibulk length"},
	{"*-9223372036854775809\r\n", nil, "invalid multibulk length"},
	{"*2147483647\r\n", nil, ""},
	{"*1\r\nX4\r\n", nil, "expected '$', got 'X'"},
	{"*1\r\n\n4\r\n", nil, "expected '$', got ' '"},
	{"*1\r\n\r4\r\n", nil, "expected '$', got ' '"},
	{"*1\r\n\r\n", nil, "expected '$', got ' '"},
	{"*1\r\n\x80\r\n", nil, "expected '$', got '\x80'"},
	{"*1\r\n%s\r\n", nil, "expected '$', got '%'"},
	{"*1\r\n*1\r\n", nil, "expected '$', got '*'"},
	{"*2\r\n$4\r\nECHO\r\n:1\r\n", nil, "expected '$', got ':'"},
	{"*1\r\n$\r\n", nil, "invalid bulk length"},
	{"*1\r\n$-1\r\n", nil, "invalid bulk length"},
	{"*1\r\n$+4\r\nPING\r\n", nil, "invalid bulk length"},
	{"*1\r\n$04\r\nPING\r\n", nil, "invalid bulk length"},
	{"*1\r\n$00\r\n\r\n", nil, "invalid bulk length"},
	{"*1\r\n$4 \r\nPING\r\n", nil, "invalid bulk length"},
	{"*1\r\n$:\r\n", nil, "invalid bulk length"},
	{"*1\r\n$1:\r\n", nil, "invalid bulk length"},
	{"*1\r\n$536870913\r\n", nil, "invalid bulk length"},
	{"*1\r\n$99999999999999999999\r\n", nil, "invalid bulk length"},
	{"*1\r\n$536870912\r\n", nil, ""},
	{"*1\rX$4\rYPINGZZPING\r\n", [][]string{{"PING"}, {"PING"}}, ""}, // what follows a CR or a bulk is not looked at
	{"*1\n$4\nPING\n", nil, ""},
	{"*1\x00\r\n", nil, ""},
	{"*1\r\n$\x004\r\nPING\r\n", nil, ""},
	{"*1\r\n\x00\r\n", nil, ""},
	{"*" + strings.Repeat("1", maxLine), nil, "too big mbulk count string"},
	{"*" + strings.Repeat("1", maxLine-1), nil, ""},
	{"*1\r\n$" + strings.Repeat("1", maxLine), nil, "too big bulk count string"},
	{"*1\r\n$" + strings.Repeat("1", maxLine-1), nil, ""},
	{"*1\r\n\x00" + strings.Repeat("1", maxLine), nil, "too big bulk count string"},

	{"PING\r\n", [][]string{{"PING"}}, ""},
	{"PING\nPING\r\r\n", [][]string{{"PING"}, {"PING"}}, ""},
	{"\r\n\n\r\n  \t\r\nPING\r\n", [][]string{{"PING"}}, ""},
	{"\r", nil, ""},
	{"PING", nil, ""},
	{" ECHO \t a \n", [][]string{{"ECHO", "a"}}, ""},
	{"ECHO \x0ba\x0bb\x0c\r\n", [][]string{{"ECHO", "a\x0bb\x0c"}}, ""},
	{`ECHO "a\x41\n\q\t\r\b\a"` + "\n", [][]string{{"ECHO", "aA\nq\t\r\b\a"}}, ""},
	{`ECHO "\x4"` + "\n", [][]string{{"ECHO", "x4"}}, ""},
	{`ECHO "\xg1\xG1\xfFz"` + "\n", [][]string{{"ECHO", "xg1xG1\xffz"}}, ""},
	{`ECHO '\x41\'\n"'` + "\n", [][]string{{"ECHO", `\x41'\n"`}}, ""},
	{`ECHO \x41\n` + "\n", [][]string{{"ECHO", `\x41\n`}}, ""},
	{`ECHO a"b c"` + "\n", [][]string{{"ECHO", "ab c"}}, ""},
	{"ECHO \"\"\n", [][]string{{"ECHO", ""}}, ""},
	{"ECHO ''\r\n", [][]string{{"ECHO", ""}}, ""},
	{"ECHO \"a\rb\"\r\n", [][]string{{"ECHO", "a\rb"}}, ""},
	{"ECHO \"a\"\x0b\r\n", [][]string{{"ECHO", "a"}}, ""},
	{"PING \"\n", nil, "unbalanced quotes in request"},
	{"PING \"a\"b\n", nil, "unbalanced quotes in request"},
	{"PING 'a'b\n", nil, "unbalanced quotes in request"},
	{"PING 'a\n", nil, "unbalanced quotes in request"},
	{"PING \"a\\\"\n", nil, "unbalanced quotes in request"},
	{"PING \"a\\\r\n", nil, "unbalanced quotes in request"},
	{"PING \"a\"\"b\"\n", nil, "unbalanced quotes in request"},
	{"PI\x00NG\r\nPING\r\n", nil, ""},
	{strings.Repeat("A", maxLine), nil, ""},
	{strings.Repeat("A", maxLine+1), nil, "too big inline request"},
	{"\x00" + strings.Repeat("A", maxLine) + "\n", nil, "too big inline request"},
	{"PING\r\nPING \"\r\nPING\r\n", [][]string{{"PING"}}, "unbalanced quotes in request"},
}

func TestRequests(t *testing.T) {
	for _, r := range requests {
		got, err := parse(t, Limits{}, []byte(r.data))
		if !reflect.DeepEqual(got, r.want) || errText(err) != r.err {
			t.Errorf("%.60q: %q, %v; want %q, %q", r.data, got, err, r.want, r.err)
		}
	}
}

func TestRequestsSplitAnywhere(t *testing.T) {
	for _, r := range requests {
		if len(r.data) > 1000 {
			continue
		}
		var each []int
		for i := 1; i < len(r.data); i++ {
			each = append(each, i)
		}
		for i := range len(r.data) {
			cuts := []int{i}
			if i == 0 {
				cuts = each
			}
			got, err := parse(t, Limits{}, []byte(r.data), cuts...)
			if !reflect.DeepEqual(got, r.want) || errText(err) != r.err {
				t.Errorf("%.60q split at %v: %q, %v; want %q, %q", r.data, cuts, got, err, r.want, r.err)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	unknown := Limits{Unauthenticated: true}
	for _, c := range []struct {
		limits Limits
		data   string
		err    string
	}{
		{unknown, "*10\r\n", ""},
		{unknown, "*11\r\n", "unauthenticated multibulk length"},
		{unknown, "*2147483648\r\n", "invalid multibulk length"},
		{unknown, "*1\r\n$16384\r\n", ""},
		{unknown, "*1\r\n$16385\r\n", "unauthenticated bulk length"},
		{unknown, "*1\r\n$99999\r\n", "unauthenticated bulk length"},
		{unknown, "*1\r\n$99999999999\r\n", "invalid bulk length"},
		{Limits{MaxBulk: 100}, "*1\r\n$100\r\n", ""},
		{Limits{MaxBulk: 100}, "*1\r\n$101\r\n", "invalid bulk length"},
		{Limits{MaxBulk: 1<<63 - 1}, "*1\r\n$9223372036854775805\r\n", ""},
		{Limits{MaxBulk: 1 << 30}, "*1\r\n$1073741825\r\n", "invalid bulk length"},
		{Limits{MaxArgs: 20}, "*20\r\n", ""},
		{Limits{MaxArgs: 20}, "*21\r\n", "invalid multibulk length"},
	} {
		if _, err := parse(t, c.limits, []byte(c.data)); errText(err) != c.err {
			t.Errorf("%+v, %q: %v, want %q", c.limits, c.data, err, c.err)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := parse(t, Limits{}, []byte("*1\r\nX\r\n"))
	if err == nil || err.Error() != "ERR Protocol error: expected '$', got 'X'" {
		t.Errorf("the error reads %v", err)
	}
	if _, ok := err.(*ProtocolError); !ok {
		t.Errorf("the error is a %T", err)
	}
}

func TestArgsAreAppendedAndCannotGrowIntoEachOther(t *testing.T) {
	buf := []byte("*2\r\n$1\r\na\r\n$1\r\nb\r\nECHO x\r\n")
	p := Parser{}
	args, n, err := p.Next(buf, [][]byte{[]byte("kept")})
	if err != nil || fmt.Sprintf("%s", args) != "[kept a b]" {
		t.Fatalf("got %s, %v", args, err)
	}
	args, _, err = p.Next(buf[n:], args)
	if err != nil || fmt.Sprintf("%s", args) != "[kept a b ECHO x]" {
		t.Fatalf("got %s, %v", args, err)
	}
	for i, a := range args[1:] {
		if cap(a) != len(a) {
			t.Errorf("argument %d has room for %d more bytes of the buffer", i, cap(a)-len(a))
		}
	}
}

func TestResetForgetsAPartialCommand(t *testing.T) {
	p := Parser{Limits: Limits{MaxArgs: 9}}
	if _, n, err := p.Next([]byte("*2\r\n$1\r\na\r\n$100\r\nb"), nil); n != 0 || err != nil || p.Need() != 101 {
		t.Fatalf("n = %d, %v, Need %d", n, err, p.Need())
	}
	p.Reset()
	if args, n, err := p.Next([]byte("PING\r\n"), nil); n != 6 || err != nil || len(args) != 1 || p.Limits.MaxArgs != 9 {
		t.Errorf("after Reset: %q, %d, %v", args, n, err)
	}
}

// TestPartialCommandsAreReadOnce destroys, before each further piece, the part of a huge command that the parser has passed: if it
// looked there again, it would fail; looking again at every piece would be quadratic.
func TestPartialCommandsAreReadOnce(t *testing.T) {
	const count = 1 << 20
	data := fmt.Appendf(nil, "*%d\r\n", count)
	for i := range count {
		data = fmt.Appendf(data, "$%d\r\n%d\r\n", 1+i%10/9, i%10+i%10/9)
	}
	buf := bytes.Clone(data)
	p := Parser{}
	var args [][]byte
	const piece = 64 << 10
	for end := piece; end < len(data); end += piece {
		out, n, err := p.Next(buf[:end], nil)
		if n != 0 || err != nil || len(out) != 0 {
			t.Fatalf("at %d: %d arguments, n = %d, %v", end, len(out), n, err)
		}
		if p.pos < end-10 {
			t.Fatalf("at %d the parser stands at %d", end, p.pos)
		}
		clear(buf[:p.pos])
	}
	copy(buf, data)
	args, n, err := p.Next(buf, nil)
	if len(args) != count || n != len(data) || err != nil || string(args[count-1]) != fmt.Sprint((count-1)%10) {
		t.Fatalf("%d arguments, n = %d, %v", len(args), n, err)
	}
}

func TestLongLinesAreSearchedOnce(t *testing.T) {
	for _, data := range []string{strings.Repeat("A", 60000), "*" + strings.Repeat("1", 60000), "*1\r\n$" + strings.Repeat("1", 60000), "A\x00" + strings.Repeat("A", 60000)} {
		p := Parser{}
		last := 0
		for end := 1; end <= len(data); end += 100 {
			if _, n, err := p.Next([]byte(data[:end]), nil); n != 0 || err != nil {
				t.Fatalf("n = %d, %v", n, err)
			}
			if nul := strings.IndexByte(data[:end], 0); nul >= 0 {
				if p.scan != nul {
					t.Fatalf("searched to %d, want the NUL at %d", p.scan, nul)
				}
			} else if p.scan != end || p.scan < last {
				t.Fatalf("searched to %d of %d", p.scan, end)
			}
			last = p.scan
		}
	}
}

func TestHeadersReserveNothing(t *testing.T) {
	p := Parser{}
	buf := []byte("*2147483647\r\n$536870912\r\nabc")
	if n := testing.AllocsPerRun(10, func() {
		p.Reset()
		if _, n, err := p.Next(buf, nil); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if p.Need() != 536870912+2-3 {
		t.Errorf("Need = %d", p.Need())
	}
	line := []byte(strings.Repeat(`"a" `, maxLine/4-1) + "\n") // many quoted words must not each reserve the line
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.Reset()
	if args, _, err := p.Next(line, nil); err != nil || len(args) != maxLine/4-1 {
		t.Fatal(len(args), err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 100*uint64(len(line)) {
		t.Errorf("a line of %d bytes takes %d", len(line), allocated)
	}
}

func FuzzParser(f *testing.F) {
	for _, r := range requests {
		if len(r.data) < 1000 {
			f.Add([]byte(r.data), uint64(len(r.data)), false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, unknown bool) {
		limits := Limits{Unauthenticated: unknown}
		want, wantErr := parse(t, limits, data)
		rnd := rand.New(rand.NewPCG(seed, 0))
		var cuts []int
		for at := 0; at < len(data); {
			at = min(at+1+rnd.IntN(1+rnd.IntN(30)), len(data))
			cuts = append(cuts, at)
		}
		got, err := parse(t, limits, data, cuts...)
		if !reflect.DeepEqual(got, want) || errText(err) != errText(wantErr) {
			t.Errorf("%q split at %v: %q, %v; at once: %q, %v", data, cuts, got, err, want, wantErr)
		}
		for _, c := range want { // what was read must come back from its canonical form
			again, err := parse(t, Limits{}, AppendCommand(nil, c...))
			if err != nil || !reflect.DeepEqual(again, [][]string{c}) {
				t.Errorf("%q is encoded as %q, %v", c, again, err)
			}
		}
	})
}

// mutate damages valid requests, keeping them mostly alive.
func mutate(rnd *rand.Rand) []byte {
	var data []byte
	for range 1 + rnd.IntN(4) {
		word := strings.Repeat("x", rnd.IntN(30))
		switch rnd.IntN(3) {
		case 0:
			data = append(data, "ECHO \"a'"+word+"\"\r\n"...)
		default:
			data = AppendCommand(data, "ECHO", word)
		}
	}
	const bytes = "\r\n\x00 \"'*$-+0123456789\\x\xffA:\t"
	for range rnd.IntN(3) {
		i := rnd.IntN(len(data))
		c := bytes[rnd.IntN(len(bytes))]
		switch rnd.IntN(3) {
		case 0:
			data[i] = c
		case 1:
			data = append(data[:i], data[min(i+1, len(data)-1):]...)
		case 2:
			data = append(data[:i:i], append([]byte{c}, data[i:]...)...)
		}
	}
	return data
}

func TestMutatedRequestsSplitAnywhere(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for range 5000 {
		data := mutate(rnd)
		want, wantErr := parse(t, Limits{}, data)
		cut := rnd.IntN(len(data) + 1)
		got, err := parse(t, Limits{}, data, cut/2, cut)
		if !reflect.DeepEqual(got, want) || errText(err) != errText(wantErr) {
			t.Errorf("%q split at %d: %q, %v; at once: %q, %v", data, cut, got, err, want, wantErr)
		}
	}
}

// pipeline is 64 SETs of 16-byte keys and 32-byte values.
func pipeline() []byte {
	var buf []byte
	for i := range 64 {
		buf = AppendCommand(buf, "SET", fmt.Sprintf("key:%012d", i), strings.Repeat("v", 32))
	}
	return buf
}

// parseAll parses whole commands the way a loop does, and returns the arguments' backing for reuse.
func parseAll(p *Parser, buf []byte, args [][]byte) [][]byte {
	for len(buf) > 0 {
		out, n, err := p.Next(buf, args[:0])
		if n == 0 || err != nil {
			panic("pipeline must parse")
		}
		args = out
		buf = buf[n:]
	}
	return args
}

func TestParserDoesNotAllocate(t *testing.T) {
	p, buf, args := &Parser{}, pipeline(), make([][]byte, 0, 8)
	if n := testing.AllocsPerRun(50, func() { parseAll(p, buf, args) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParser(b *testing.B) {
	p, buf, args := &Parser{}, pipeline(), make([][]byte, 0, 8)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		parseAll(p, buf, args)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64*3), "ns/arg")
}
