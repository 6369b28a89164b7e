// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"strings"
	"testing"
)

// TestSplitWords takes lines apart: "!" is one that cannot be.
func TestSplitWords(t *testing.T) {
	for line, want := range map[string]string{
		``:                       ``,
		"  a \t b\v\f\r\n \vc":   "a|b\v\f|c",
		"a b\x00c":               `a|b`,
		`save ""`:                `save|`,
		`"a b" 'c d'`:            `a b|c d`,
		`"\x41\n\r\t\b\a\"\\\q"`: "A\n\r\t\b\a\"\\q",
		`"\x4"`:                  `x4`,
		`'a\'b\n'`:               `a'b\n`,
		`a"b c"`:                 `ab c`,
		`port "7000`:             `!`,
		`"a"b`:                   `!`,
		`'a`:                     `!`,
		`"a\`:                    `!`,
		`'a'b'`:                  `!`,
	} {
		got, ok := SplitWords(line)
		text := strings.Join(got, "|")
		if !ok {
			text = "!"
		}
		if text != want {
			t.Errorf("SplitWords(%q) = %q, want %q", line, text, want)
		}
	}
}

// FuzzQuote: what is quoted comes back.
func FuzzQuote(f *testing.F) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	f.Add(string(all))
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := SplitWords(Quote(s))
		if !ok || len(got) != 1 || got[0] != s {
			t.Errorf("%q is quoted %s and comes back as %q", s, Quote(s), got)
		}
		SplitWords(s)
	})
}
