// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/redpoll/redpoll/internal/resp"
)

// readAll gives the commands of a file as lines, and the error that ends the reading, nil for the file's end.
func readAll(src io.Reader, size int64) (lines []string, valid int64, err error) {
	r := NewReader(src, 0, size)
	var b Batch
	for {
		err := r.Next(&b)
		for _, c := range b.Commands {
			line := fmt.Sprintf("%d:", c.Offset)
			for _, arg := range c.Argv {
				line += fmt.Sprintf(" %.20s", arg)
			}
			lines = append(lines, line)
		}
		if err == io.EOF {
			return lines, r.valid, nil
		}
		if err != nil {
			return lines, r.valid, err
		}
	}
}

// file writes commands, whose words stand apart by spaces.
func file(commands ...string) (b []byte) {
	for _, c := range commands {
		if strings.HasPrefix(c, "#") {
			b = append(append(b, c...), "\r\n"...)
			continue
		}
		b = resp.AppendCommand(b, strings.Fields(c)...)
	}
	return b
}

func TestRead(t *testing.T) {
	text := file("SELECT 0", "#TS:1", "set a 1", "Multi", "incr a", "#TS:2", "incr b", "eXec", "set c "+strings.Repeat("x", 3*firstBuffer), "del c")
	want := []string{"0: SELECT 0", "30: set a 1", "72: incr a", "100: incr b", "135: set c xxxxxxxxxxxxxxxxxxxx"}
	for name, src := range map[string]io.Reader{
		"whole": bytes.NewReader(text), "bytes": iotest.OneByteReader(bytes.NewReader(text)), "early": iotest.DataErrReader(bytes.NewReader(text)),
	} {
		lines, valid, err := readAll(src, int64(len(text)))
		if err != nil || valid != int64(len(text)) {
			t.Errorf("%s: %v, good up to %d of %d", name, err, valid, len(text))
		}
		if len(lines) != 6 || strings.Join(lines[:5], "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: the commands are %q", name, lines)
		}
	}
}

// TestReadCut cuts a file off at each of its bytes.
func TestReadCut(t *testing.T) {
	parts := [][]byte{file("set a 1"), file("#TS:1", "multi", "set b 2", "set c 3", "exec"), file("del a")}
	text := bytes.Join(parts, nil)
	for n := range text {
		whole, at := 0, 0
		for _, part := range parts {
			if at += len(part); at <= n {
				whole = at
			}
		}
		lines, valid, err := readAll(bytes.NewReader(text[:n]), int64(n))
		var bad *ReadError
		atEnd := n == whole || string(text[whole:n]) == "#TS:1\r\n"
		switch {
		case valid != int64(whole):
			t.Errorf("%d bytes are good up to %d, not %d", n, valid, whole)
		case atEnd && err != nil:
			t.Errorf("%d bytes: %v", n, err)
		case !atEnd && (!errors.As(err, &bad) || !bad.Cut || bad.Valid != valid || bad.Open != (whole == len(parts[0]) && n >= whole+22)):
			t.Errorf("%d bytes: %+v", n, err)
		case len(lines) != map[int]int{0: 0, len(parts[0]): 1, len(parts[0]) + len(parts[1]): 3}[whole]:
			t.Errorf("%d bytes: the commands are %q", n, lines)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		text, want string
	}{
		{"x", `Bad file format: "x" where '*' should be at offset 15`},
		{"\x00", `Bad file format: "\x00" where '*' should be at offset 15`},
		{"*0\r\n", "Bad file format: a number that there cannot be at offset 15"},
		{"*-1\r\n", "Bad file format: a number that there cannot be at offset 15"},
		{"*\r\n", "Bad file format: a number that there cannot be at offset 15"},
		{"*1000000000000000000000\r\n", "Bad file format: a number that there cannot be at offset 15"},
		{"*1\r\r", "Bad file format: a line break is missing at offset 18"},
		{"*1\n$1", "Bad file format: a number that there cannot be at offset 15"},
		{"*1\r\n*1", `Bad file format: "*" where '$' should be at offset 19`},
		{"*1\r\n$-1\r\n", "Bad file format: a number that there cannot be at offset 19"},
		{"*1\r\n$1\r\nabc", "Bad file format: a line break is missing at offset 24"},
		{"*1\r\n$1000000000000000\r\nabc", "Unexpected end of file at offset 38"},
		{"*100000000000\r\n", "Unexpected end of file at offset 30"},
		{"#" + strings.Repeat("x", 2*maxAnnotation) + "\r\n", "An annotation that is too long at offset 15"},
	} {
		text := "*1\r\n$5\r\nhello\r\n" + c.text
		lines, valid, err := readAll(strings.NewReader(text), int64(len(text)))
		if err == nil || err.Error() != c.want || len(lines) != 1 || valid != 15 {
			t.Errorf("%.40q: %v, %q, good up to %d", c.text, err, lines, valid)
		}
	}
	failing := iotest.TimeoutReader(strings.NewReader("*1\r\n$5\r\nhello\r\n"))
	if _, _, err := readAll(iotest.HalfReader(failing), 100); err != iotest.ErrTimeout {
		t.Errorf("a disk that fails: %v", err)
	}
}

// FuzzRead reads anything: what was read is what was written, whatever comes after it.
func FuzzRead(f *testing.F) {
	f.Add(file("set a 1", "multi", "incr a", "exec", "#TS:1", "del a"))
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1000000000\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := NewReader(bytes.NewReader(text), 0, int64(len(text)))
		var b Batch
		for {
			err := r.Next(&b)
			for _, c := range b.Commands {
				again := resp.AppendCommand(nil, c.Argv...)
				got, _, gotErr := readAll(bytes.NewReader(again), int64(len(again)))
				if gotErr != nil || len(got) != 1 {
					t.Fatalf("%q comes back as %q, %v", again, got, gotErr)
				}
			}
			var bad *ReadError
			if errors.As(err, &bad) && (bad.Offset < bad.Valid || bad.Offset > int64(len(text))) {
				t.Fatalf("%+v of %d bytes", bad, len(text))
			}
			if err != nil {
				return
			}
		}
	})
}
