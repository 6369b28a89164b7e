// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"testing"
)

func TestNewCommandFindsHoles(t *testing.T) {
	c := newCommand("MSET", "a:"+hole, "x", "b:"+hole, "y")
	if len(c.holes) != 2 {
		t.Fatalf("%d holes, want 2", len(c.holes))
	}
	putNumber(c.text[c.holes[0]:], 7)
	putNumber(c.text[c.holes[1]:], 123456789)
	want := "*5\r\n$4\r\nMSET\r\n$11\r\na:000000007\r\n$1\r\nx\r\n$11\r\nb:123456789\r\n$1\r\ny\r\n"
	if string(c.text) != want {
		t.Errorf("%q, want %q", c.text, want)
	}
}

func TestPutNumber(t *testing.T) {
	for _, n := range []uint32{0, 1, 10, 999, 1000, 1001, 123456, 999999, 1000000, 20030040, 999999999} {
		var b [9]byte
		putNumber(b[:], n)
		if want := fmt.Sprintf("%09d", n); string(b[:]) != want {
			t.Errorf("putNumber(%d) = %s, want %s", n, b[:], want)
		}
	}
}

func TestPickerStaysBelowAndSpreads(t *testing.T) {
	p := newPicker(0)
	var seen [10]int
	for range 100_000 {
		seen[p.below(10)]++
	}
	for n, count := range seen {
		if count < 9_000 || count > 11_000 {
			t.Errorf("%d drawn %d times in 100000, want about 10000", n, count)
		}
	}
	if p.below(1) != 0 {
		t.Error("below(1) is not 0")
	}
}
