// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReaderDecodesAndFormats(t *testing.T) {
	for _, c := range []struct {
		wire string
		want Value
		text string
	}{
		{"+OK\r\n", Value{Type: '+', Str: "OK"}, "OK"},
		{"-ERR no\r\n", Value{Type: '-', Str: "ERR no"}, "(error) ERR no"},
		{":-5\r\n", Value{Type: ':', Int: -5}, "(integer) -5"},
		{"$3\r\na\"\n\r\n", Value{Type: '$', Str: "a\"\n"}, `"a\"\n"`},
		{"$0\r\n\r\n", Value{Type: '$'}, `""`},
		{"$-1\r\n", Value{Type: '$', Null: true}, "(nil)"},
		{"*-1\r\n", Value{Type: '*', Null: true}, "(nil)"},
		{"_\r\n", Value{Type: '_', Null: true}, "(nil)"},
		{"*0\r\n", Value{Type: '*', Elems: []Value{}}, "(empty array)"},
		{"%0\r\n", Value{Type: '%', Elems: []Value{}}, "(empty hash)"},
		{"~0\r\n", Value{Type: '~', Elems: []Value{}}, "(empty set)"},
		{">0\r\n", Value{Type: '>', Elems: []Value{}}, "(empty push)"},
		{",1.5\r\n", Value{Type: ',', Str: "1.5"}, "(double) 1.5"},
		{"#t\r\n", Value{Type: '#', Str: "t"}, "(true)"},
		{"#f\r\n", Value{Type: '#', Str: "f"}, "(false)"},
		{"(123456789012345678901\r\n", Value{Type: '(', Str: "123456789012345678901"}, "123456789012345678901"},
		{"=6\r\ntxt:hi\r\n", Value{Type: '=', Str: "txt:hi"}, "hi"},
		{"*2\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n:2\r\n", Value{Type: '*', Elems: []Value{{Type: ':', Int: 1}, {Type: '*', Elems: []Value{{Type: '$', Str: "a"}, {Type: '*', Elems: []Value{{Type: ':', Int: 2}}}}}}},
			"1) (integer) 1\n2) 1) \"a\"\n   2) 1) (integer) 2"},
		{"%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n", Value{Type: '%', Elems: []Value{{Type: '+', Str: "a"}, {Type: ':', Int: 1}, {Type: '+', Str: "b"}, {Type: '*', Elems: []Value{{Type: ':', Int: 2}, {Type: ':', Int: 3}}}}},
			"1# a => (integer) 1\n2# b => \n   1) (integer) 2\n   2) (integer) 3"},
		{"~2\r\n:1\r\n:2\r\n", Value{Type: '~', Elems: []Value{{Type: ':', Int: 1}, {Type: ':', Int: 2}}}, "1~ (integer) 1\n2~ (integer) 2"},
		{"|1\r\n+k\r\n:1\r\n:7\r\n", Value{Type: ':', Int: 7, Attrs: []Value{{Type: '+', Str: "k"}, {Type: ':', Int: 1}}}, "(integer) 7"},
	} {
		r := NewReader(iotest.OneByteReader(strings.NewReader(c.wire)))
		got, err := r.Read()
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q is read as %#v, %v", c.wire, got, err)
		}
		if got.String() != c.text {
			t.Errorf("%q is shown as\n%s\nwant\n%s", c.wire, got, c.text)
		}
		if _, err := r.Read(); err != io.EOF {
			t.Errorf("%q: after the reply %v", c.wire, err)
		}
		for cut := 1; cut < len(c.wire); cut++ {
			if _, err := NewReader(strings.NewReader(c.wire[:cut])).Read(); err != io.ErrUnexpectedEOF {
				t.Errorf("%q cut at %d: %v", c.wire, cut, err)
			}
		}
	}
}

func TestLongArraysAreAligned(t *testing.T) {
	v, err := NewReader(strings.NewReader("*10\r\n" + strings.Repeat("*2\r\n:1\r\n:2\r\n", 10))).Read()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(v.String(), "\n")
	if lines[0] != " 1) 1) (integer) 1" || lines[1] != "    2) (integer) 2" || lines[18] != "10) 1) (integer) 1" {
		t.Errorf("shown as\n%s", v)
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, wire := range []string{"\r\n", "X\r\n", ":x\r\n", "$x\r\n", "$-2\r\n", "*99999999999\r\n", "$1\r\nabc", "*1\r\n:\r\n", strings.Repeat("*1\r\n", 200) + ":1\r\n"} {
		if v, err := NewReader(strings.NewReader(wire)).Read(); !errors.Is(err, errReply) {
			t.Errorf("%.20q is read as %v, %v", wire, v, err)
		}
	}
}

func TestValueAccessors(t *testing.T) {
	if err := (Value{Type: '-', Str: "ERR x"}).Err(); err == nil || err.Error() != "ERR x" {
		t.Errorf("Err = %v", err)
	}
	if (Value{Type: '+'}).Err() != nil {
		t.Error("a status is no error")
	}
	for _, v := range []Value{{Type: ':', Int: 2}, {Type: ',', Str: "2"}, {Type: '$', Str: "2.0"}} {
		if f, err := v.Double(); f != 2 || err != nil {
			t.Errorf("Double of %v = %v, %v", v, f, err)
		}
	}
}

func TestAppendCommand(t *testing.T) {
	want := "*2\r\n$3\r\nGET\r\n$11\r\nk0123456789\r\n"
	if got := AppendCommand(nil, "GET", "k0123456789"); string(got) != want {
		t.Errorf("got %q", got)
	}
	if got := AppendCommand(nil, [][]byte{[]byte("GET"), []byte("k0123456789")}...); string(got) != want {
		t.Errorf("got %q", got)
	}
	if n := CommandLen("GET", "k0123456789"); n != len(want) {
		t.Errorf("CommandLen = %d", n)
	}
}

func FuzzReader(f *testing.F) {
	f.Add("*2\r\n$1\r\na\r\n%1\r\n+k\r\n:1\r\n")
	f.Add("|1\r\n+k\r\n,1\r\n#t\r\n")
	f.Fuzz(func(t *testing.T, wire string) {
		r := NewReader(strings.NewReader(wire))
		for {
			v, err := r.Read()
			if err != nil {
				return
			}
			_ = v.String()
		}
	})
}
