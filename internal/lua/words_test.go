// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strings"
	"testing"
)

// word makes a word that must not fail.
func word(t *testing.T, s *State, text string) Value {
	t.Helper()
	v, err := s.Word(text)
	if err != nil || v.Str() != text {
		t.Fatalf("%q became %q, %v", text, v.Str(), err)
	}
	return v
}

func TestWordsAreShared(t *testing.T) {
	s := New(Options{})
	for _, text := range []string{"", "x", "\x00", "\xff", "xy", strings.Repeat("x", longestWord)} {
		if a, b := word(t, s, text), word(t, s, strings.Clone(text)); a.Address() != b.Address() {
			t.Errorf("%q was made twice", text)
		}
	}
	long := strings.Repeat("x", longestWord+1)
	if word(t, s, long).Address() == word(t, s, long).Address() {
		t.Error("a long text is kept")
	}
}

// The bytes that a word is made of may change afterwards, and others take its place.
func TestWordsAreCopies(t *testing.T) {
	s := New(Options{})
	b := []byte("first")
	v, err := s.WordOf(b)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, "other")
	if v.Str() != "first" || word(t, s, "first").Str() != "first" || word(t, s, "other").Str() != "other" {
		t.Errorf("a word became %q", v.Str())
	}
	for i := range 10 * numWords {
		if v, w := word(t, s, FormatNumber(float64(i))), FormatNumber(float64(i)); v.Str() != w || v.str().sum() != hashString(w) {
			t.Fatalf("%q became %q", w, v.Str())
		}
	}
}

func TestWordsAreCounted(t *testing.T) {
	s := New(Options{Memory: 1 << 20})
	if err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	before := s.Memory()
	for range 100 {
		word(t, s, "again")
	}
	if got := s.Memory() - before; got != 100*stringCost(len("again")) {
		t.Errorf("100 words count %d bytes", got)
	}
	if err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	if got := s.Memory(); got != before {
		t.Errorf("%d bytes are in use, before it were %d", got, before)
	}
	if err := s.SetInt(s.Globals(), 1, word(t, s, "again")); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	if s.Memory() <= before {
		t.Error("a word in use is not counted")
	}
	s.SetMemory(s.Memory())
	if _, err := s.Word("again"); err == nil {
		t.Error("a word is given beyond the limit")
	}
}
