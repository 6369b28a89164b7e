// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"math"

	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/store"
)

// ScanArgs are the arguments of SCAN, HSCAN, SSCAN and ZSCAN.
type ScanArgs struct {
	Cursor uint64
	Count  int  // about how many elements a call is to visit, at least 1
	Typed  bool // only values of Type are asked for
	Type   store.Type
	// NoValues wants a hash's fields without their values, or a sorted set's members without their scores.
	NoValues bool

	match []byte // nil: everything
}

// ScanOptions are the options that only some of the commands have.
type ScanOptions uint8

const (
	ScanType     ScanOptions = 1 << iota // TYPE
	ScanNoValues                         // NOVALUES
	ScanNoScores                         // NOSCORES
)

// scanCount is how many elements a call visits that names no number.
const scanCount = 10

// Match tells whether MATCH lets this key or member through.
func (s *ScanArgs) Match(name []byte) bool {
	return s.match == nil || glob.Match(s.match, name, false)
}

// ParseScan reads cursor and options of a SCAN command up to the end of the arguments; with says which of the options
// that are not everybody's are known. Commands that look at a key between the two read them with ParseCursor and ParseOptions.
func ParseScan(a *Args, with ScanOptions) (ScanArgs, error) {
	var s ScanArgs
	if err := s.ParseCursor(a); err != nil {
		return s, err
	}
	return s, s.ParseOptions(a, with)
}

// ParseCursor reads the cursor; the error is ErrInvalidCursor.
func (s *ScanArgs) ParseCursor(a *Args) (err error) {
	text := a.Bytes()
	if a.Err() != nil {
		return a.Err()
	}
	var ok bool
	if s.Cursor, ok = ParseUnsigned(text); !ok {
		a.Fail(ErrInvalidCursor)
	}
	return a.Err()
}

// ParseOptions reads the options behind the cursor; an option may be given again, then the last one counts. with is as for
// ParseScan.
func (s *ScanArgs) ParseOptions(a *Args, with ScanOptions) error {
	s.Count = scanCount
	for a.More() {
		switch {
		case a.Len() >= 2 && a.Keyword("COUNT"):
			n := a.Int()
			if a.Err() == nil && n < 1 {
				a.Fail(ErrSyntax)
			}
			s.Count = int(min(n, math.MaxInt32))
		case a.Len() >= 2 && a.Keyword("MATCH"):
			s.match = a.Bytes()
			if len(s.match) == 1 && s.match[0] == '*' { // unlike the pattern, MATCH * lets the empty name through
				s.match = nil
			}
		case with&ScanType != 0 && a.Len() >= 2 && a.Keyword("TYPE"):
			s.parseType(a)
		case with&ScanNoValues != 0 && a.Keyword("NOVALUES"), with&ScanNoScores != 0 && a.Keyword("NOSCORES"):
			s.NoValues = true
		default:
			a.Fail(ErrSyntax)
		}
	}
	return a.Done()
}

// walkStep is how many elements are visited between two ticks.
const walkStep = 1000

// Walk has about Count elements of a collection visited from Cursor on, by scan, which is given a cursor and how many elements to
// visit and gives the next cursor. It ticks on the way, and gives the cursor to go on from, 0 at the end.
func (s *ScanArgs) Walk(c *Ctx, scan func(cursor uint64, count int) (next uint64)) (next uint64, err error) {
	next = s.Cursor
	for left := s.Count; left > 0; left -= walkStep {
		if next = scan(next, min(left, walkStep)); next == 0 {
			break
		}
		if err := c.Tick(); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// parseType reads the name of a type.
func (s *ScanArgs) parseType(a *Args) {
	name := a.Bytes()
	if s.Type, s.Typed = store.TypeNamed(string(name)); !s.Typed {
		a.Fail(Error("ERR unknown type name '" + string(UpToNUL(name)) + "'"))
	}
}
