// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"math"
	"strings"
	"testing"
)

func scanArgv(line string) Args {
	var argv [][]byte
	for _, w := range strings.Fields(line) {
		if w == `""` {
			w = ""
		}
		argv = append(argv, []byte(w))
	}
	return MakeArgs(argv)
}

func TestParseScan(t *testing.T) {
	for _, tc := range []struct {
		line     string
		with     ScanOptions
		cursor   uint64
		count    int
		typ      string
		noValues bool
		err      error
	}{
		{line: "0", count: 10},
		{line: `""`, count: 10},
		{line: "17 COUNT 5", cursor: 17, count: 5},
		{line: "007 count 5 CoUnT 9", cursor: 7, count: 9},
		{line: "18446744073709551615", cursor: math.MaxUint64, count: 10},
		{line: "-1", cursor: math.MaxUint64, count: 10},
		{line: "+3", cursor: 3, count: 10},
		{line: "0 COUNT 9223372036854775807", count: math.MaxInt32},
		{line: "0 TYPE hash MATCH a*", with: ScanType, count: 10, typ: "hash"},
		{line: "0 TYPE hash", err: ErrSyntax},
		{line: "0 TYPE nosuch COUNT", with: ScanType, err: Error("ERR unknown type name 'nosuch'")},
		{line: "0 NoValues COUNT 3", with: ScanNoValues, count: 3, noValues: true},
		{line: "0 NOVALUES", err: ErrSyntax},
		{line: "0 TYPE hash", with: ScanNoValues, err: ErrSyntax},
		{line: "0 NOSCORES", with: ScanNoScores, count: 10, noValues: true},
		{line: "0 NOSCORES", with: ScanNoValues, err: ErrSyntax},
		{line: "0 NOVALUES", with: ScanNoScores, err: ErrSyntax},
		{line: "18446744073709551616", err: ErrInvalidCursor},
		{line: "-", err: ErrInvalidCursor},
		{line: "1x COUNT x", err: ErrInvalidCursor},
		{line: "0 COUNT 0", err: ErrSyntax},
		{line: "0 COUNT -1", err: ErrSyntax},
		{line: "0 COUNT x", err: ErrNotInteger},
		{line: "0 COUNT", err: ErrSyntax},
		{line: "0 MATCH", err: ErrSyntax},
		{line: "0 OTHER 1", err: ErrSyntax},
	} {
		a := scanArgv(tc.line)
		s, err := ParseScan(&a, tc.with)
		if err != tc.err {
			t.Errorf("%s: error %v, want %v", tc.line, err, tc.err)
			continue
		}
		if err == nil && (s.Cursor != tc.cursor || s.Count != tc.count || s.Typed != (tc.typ != "") || s.Typed && s.Type.String() != tc.typ || s.NoValues != tc.noValues) {
			t.Errorf("%s: got %d, %d, %v", tc.line, s.Cursor, s.Count, s.Type)
		}
	}
}

func TestScanMatch(t *testing.T) {
	for _, tc := range []struct {
		line, name string
		want       bool
	}{
		{"0", "", true},
		{"0 MATCH *", "", true},
		{"0 MATCH **", "", false}, // as in Redis, where only a lone star is no pattern
		{`0 MATCH ""`, "", true},
		{`0 MATCH ""`, "a", false},
		{"0 MATCH a*", "ab", true},
		{"0 MATCH a*", "ba", false},
		{"0 MATCH x MATCH *", "ba", true},
	} {
		a := scanArgv(tc.line)
		s, err := ParseScan(&a, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Match([]byte(tc.name)); got != tc.want {
			t.Errorf("%s: Match(%q) = %v", tc.line, tc.name, got)
		}
	}
}
