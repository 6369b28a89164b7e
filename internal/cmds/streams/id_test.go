// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"math"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/store"
)

// TestParseID has what redis-server 7.0 takes for an ID, and what it does not.
func TestParseID(t *testing.T) {
	const most = math.MaxUint64
	for text, want := range map[string]store.StreamID{
		"0":   {Ms: 0, Seq: 7},
		"5":   {Ms: 5, Seq: 7},
		"5-1": {Ms: 5, Seq: 1},
		"18446744073709551615-18446744073709551615": {Ms: most, Seq: most},
		"+5-007":   {Ms: 5, Seq: 7},
		" 5-\t1":   {Ms: 5, Seq: 1},
		"1--05":    {Ms: 1, Seq: most - 4},
		"1--0":     {Ms: 1, Seq: 0},
		"1-2\x00x": {Ms: 1, Seq: 2},
		"3\x00-x":  {Ms: 3, Seq: 7},
	} {
		if id, err := parseID([]byte(text), 7); err != nil || id != want {
			t.Errorf("%q is %v, %v", text, id, err)
		}
	}
	for _, text := range []string{
		"", " ", "-", "+", "*", "$", ">", "x", "1-", "-1", "1-x", "1--1", "1-*", "1-2-3", "1- ", "1 ", "1-2 ", "1-+", "18446744073709551616", "1-18446744073709551616",
		strings.Repeat("0", 128), "1\x00" + strings.Repeat("0", 126),
	} {
		if id, err := parseID([]byte(text), 7); err != errID {
			t.Errorf("%q is %v, %v", text, id, err)
		}
	}
	if id, err := parseID([]byte(strings.Repeat("0", 127)), 0); err != nil || id != (store.StreamID{}) {
		t.Errorf("zeros: %v, %v", id, err)
	}
}

// TestParseNewID has IDs that leave something open.
func TestParseNewID(t *testing.T) {
	for text, want := range map[string]store.StreamID{"5-*": {Ms: 5}, "05-*\x00": {Ms: 5}} {
		if id, open, err := parseNewID([]byte(text)); err != nil || !open || id != want {
			t.Errorf("%q is %v, %v, %v", text, id, open, err)
		}
	}
	if id, open, err := parseNewID([]byte("5")); err != nil || open || id != (store.StreamID{Ms: 5}) {
		t.Errorf("5 is %v, %v, %v", id, open, err)
	}
	for _, text := range []string{"*", "*-*", "-*", "1-**", "1-* "} {
		if _, _, err := parseNewID([]byte(text)); err != errID {
			t.Errorf("%q gives %v", text, err)
		}
	}
}

// TestParseInterval has both ends of intervals.
func TestParseInterval(t *testing.T) {
	const most = math.MaxUint64
	for _, c := range []struct {
		text       string
		start, end store.StreamID
	}{
		{"-", store.StreamID{}, store.StreamID{}},
		{"+", store.MaxStreamID(), store.MaxStreamID()},
		{"+\x00", store.MaxStreamID(), store.MaxStreamID()},
		{"5", store.StreamID{Ms: 5}, store.StreamID{Ms: 5, Seq: most}},
		{"(5", store.StreamID{Ms: 5, Seq: 1}, store.StreamID{Ms: 5, Seq: most - 1}},
		{"(5-0", store.StreamID{Ms: 5, Seq: 1}, store.StreamID{Ms: 4, Seq: most}},
	} {
		if id, err := parseStart([]byte(c.text)); err != nil || id != c.start {
			t.Errorf("%q begins at %v, %v", c.text, id, err)
		}
		if id, err := parseEnd([]byte(c.text)); err != nil || id != c.end {
			t.Errorf("%q ends at %v, %v", c.text, id, err)
		}
	}
	for _, text := range []string{"(", "(-", "(+", "((1", "(", ""} {
		if _, err := parseStart([]byte(text)); err != errID {
			t.Errorf("start %q gives %v", text, err)
		}
		if _, err := parseEnd([]byte(text)); err != errID {
			t.Errorf("end %q gives %v", text, err)
		}
	}
	greatest := store.MaxStreamID()
	if _, err := parseStart(greatest.AppendText([]byte("("))); err != errStart {
		t.Errorf("behind the greatest: %v", err)
	}
	if _, err := parseEnd([]byte("(0-0")); err != errEnd {
		t.Errorf("before the least: %v", err)
	}
}
