// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"strings"
	"testing"
)

func TestCounter(t *testing.T) {
	big := "$1000\r\n" + strings.Repeat("-\r\n*", 250) + "\r\n"
	tests := []struct {
		name    string
		in      string
		replies int
		errors  int
		first   string
	}{
		{"nothing", "", 0, 0, ""},
		{"simple strings and integers", "+OK\r\n:12\r\n:-3\r\n+\r\n", 4, 0, ""},
		{"bulks, empty and null", "$3\r\nfoo\r\n$0\r\n\r\n$-1\r\n", 3, 0, ""},
		{"a payload that looks like headers", big + "+OK\r\n", 2, 0, ""},
		{"array, empty and null arrays", "*2\r\n$1\r\na\r\n:1\r\n*0\r\n*-1\r\n", 3, 0, ""},
		{"nested arrays", "*3\r\n*2\r\n:1\r\n*0\r\n$2\r\nab\r\n*1\r\n*1\r\n+x\r\n:9\r\n", 2, 0, ""},
		{"errors", "-ERR no 5\r\n*2\r\n-WRONGTYPE b\r\n:1\r\n!5\r\nERR x\r\n", 3, 3, "ERR no 5"},
		{"map, set, push", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n~2\r\n:1\r\n:2\r\n>1\r\n+m\r\n", 3, 0, ""},
		{"null, boolean, double, big number, verbatim", "_\r\n#t\r\n,-1.5e-3\r\n(123\r\n=7\r\ntxt:abc\r\n", 5, 0, ""},
		{"attribute before its reply", "|1\r\n+k\r\n:1\r\n*1\r\n:2\r\n", 1, 0, ""},
		{"unfinished bulk", "+OK\r\n$5\r\nabc", 1, 0, ""},
		{"bulk without its last byte", "$3\r\nabc\r", 0, 0, ""},
		{"unfinished header", "*2\r\n:1\r\n:2", 0, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for step := 1; step <= len(tt.in)+1; step++ {
				var c counter
				for rest := []byte(tt.in); len(rest) > 0; {
					n := min(step, len(rest))
					c.feed(rest[:n])
					rest = rest[n:]
				}
				if c.replies != tt.replies || c.errors != tt.errors || c.first != tt.first {
					t.Fatalf("in fragments of %d: %d replies, %d errors, first %q; want %d, %d, %q",
						step, c.replies, c.errors, c.first, tt.replies, tt.errors, tt.first)
				}
			}
		})
	}
}

func FuzzCounterFragments(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n:1\r\n-ERR x\r\n"), uint8(3))
	f.Add([]byte("\x0000000!\n"), uint8(5)) // no header begins with that, and none is in progress then
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		var whole, cut counter
		whole.feed(in)
		for rest := in; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			cut.feed(rest[:n])
			rest = rest[n:]
		}
		if whole.replies != cut.replies || whole.errors != cut.errors || whole.first != cut.first {
			t.Fatalf("whole %d/%d/%q, cut %d/%d/%q", whole.replies, whole.errors, whole.first, cut.replies, cut.errors, cut.first)
		}
	})
}
