// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLolwut asks for pictures of several sizes; what other arguments do is in TestAgainstRedis.
func TestLolwut(t *testing.T) {
	c := client(t)
	for _, test := range []struct {
		args   string
		lines  int // at least, the version's included
		widest int // characters; 0: do not look
	}{
		{"", 4, 0},
		{"4 5", 4, 0},
		{"VERSION 4", 4, 0},
		{"VERSION 7", 4, 0},
		{"VERSION 5", 10, 66},
		{"VERSION 5 40 5 6", 8, 40},
		{"VERSION 5 -7 0 0", 2, 22},
		{"VERSION 5 1000 1 200", 400, 1000},
		{"VERSION 6", 22, 0},
		{"VERSION 6 1 1 1", 3, 0},
		{"VERSION 6 1000 1000 1000", 1002, 0},
		{"version 6 10 5 2 what else", 7, 0},
	} {
		text := c.Must(t, append([]string{"LOLWUT"}, strings.Fields(test.args)...)...).Str
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) < test.lines || !strings.HasSuffix(text, "Redis ver. 7.0.15\n") {
			t.Errorf("LOLWUT %s has %d lines and ends with %q", test.args, len(lines), lines[len(lines)-1])
		}
		for _, line := range lines[:len(lines)-1] {
			if n := utf8.RuneCountInString(line); test.widest > 0 && n > test.widest {
				t.Errorf("LOLWUT %s has a line of %d characters", test.args, n)
			}
		}
	}
}
