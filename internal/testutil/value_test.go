// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"bufio"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func decode(s string) (Value, []byte, error) {
	d := decoder{r: bufio.NewReader(strings.NewReader(s))}
	v, err := d.value(0)
	return v, d.raw, err
}

func TestDecodeAndFormat(t *testing.T) {
	for wire, want := range map[string]string{
		"+OK\r\n":                                "OK",
		"-ERR no\r\n":                            "(error) ERR no",
		":-5\r\n":                                "(integer) -5",
		"$4\r\na\r\n\x00\r\n":                    `"a\r\n\x00"`,
		"$-1\r\n":                                "(nil)",
		"*-1\r\n":                                "(nil)",
		"_\r\n":                                  "(nil)",
		"*0\r\n":                                 "(empty array)",
		"%0\r\n":                                 "(empty hash)",
		"~0\r\n":                                 "(empty set)",
		",3.25\r\n":                              "(double) 3.25",
		"#t\r\n":                                 "(true)",
		"#f\r\n":                                 "(false)",
		"(123\r\n":                               "(big number) 123",
		"=6\r\ntxt:a\n\r\n":                      `(verbatim) "a\n"`,
		"~2\r\n:1\r\n:2\r\n":                     "1~ (integer) 1\n2~ (integer) 2",
		">2\r\n$1\r\na\r\n:2\r\n":                "1) \"a\"\n2) (integer) 2",
		"%1\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n":    "1# \"a\" => 1) (integer) 1\n   2) (integer) 2",
		"*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n+x\r\n":   "1) 1) (integer) 1\n   2) (integer) 2\n2) 1) x",
		"*10\r\n" + strings.Repeat("+a\r\n", 10): " 1) a\n 2) a\n 3) a\n 4) a\n 5) a\n 6) a\n 7) a\n 8) a\n 9) a\n10) a",
	} {
		v, raw, err := decode(wire + "rest")
		if err != nil || string(raw) != wire || Format(v) != want {
			t.Errorf("%q: got %v, %q,\n%s\nwant\n%s", wire, err, raw, Format(v), want)
		}
	}
}

func TestDecodeNonsense(t *testing.T) {
	for _, wire := range []string{
		"\r\n", "x\r\n", "+OK\n", ":a\r\n", "$a\r\n", "$-2\r\n", "$1\r\nab\r\n", "$9999999999\r\n", "*-2\r\n",
		"=3\r\nabc\r\n", strings.Repeat("*1\r\n", 20_000),
	} {
		if v, _, err := decode(wire); !errors.Is(err, errProtocol) {
			t.Errorf("%q: got %v %v", wire, v, err)
		}
	}
}

func TestSortedAndShape(t *testing.T) {
	v, _, err := decode("*4\r\n+b\r\n+1\r\n+a\r\n+2\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Sorted(1).Strings(); !reflect.DeepEqual(got, []string{"1", "2", "a", "b"}) {
		t.Errorf("sorted singly: %v", got)
	}
	if got := v.Sorted(2).Strings(); !reflect.DeepEqual(got, []string{"a", "2", "b", "1"}) {
		t.Errorf("sorted in pairs: %v", got)
	}
	if got := v.Strings(); got[0] != "b" {
		t.Errorf("the value itself was sorted: %v", got)
	}
	if got := v.Shape(); got != "*4(++++)" {
		t.Errorf("shape %s", got)
	}
}

func TestQuoting(t *testing.T) {
	for _, args := range [][]string{
		{"GET", "k"}, {"", " ", "a b"}, {"\x00\xff", `"\`, "'"}, {"\n\r\t\a\b", "é"},
	} {
		got, err := SplitArgs(Quote(args))
		if err != nil || !reflect.DeepEqual(got, args) {
			t.Errorf("%q: %s became %q, %v", args, Quote(args), got, err)
		}
	}
	got, err := SplitArgs(`a"b c"  'd\'e\n' "\x4a\xzz"`)
	if want := []string{"ab c", `d'e\n`, "Jxzz"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}
