// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"bytes"
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// KeyFlags says what a command does with the keys of a KeySpec: one of RO, RW, OW, RM for the key as a whole, and what
// is done with its data.
type KeyFlags uint16

const (
	RO            KeyFlags = 1 << iota // read only: the value is not changed
	RW                                 // read and changed
	OW                                 // overwritten, whatever it held
	RM                                 // removed, whatever it held
	Access                             // the user's data in it are returned, copied or used
	Update                             // data in it are changed
	Insert                             // data are added, none changed or deleted
	Delete                             // data are deleted from it
	NotKey                             // not a key although it looks like one to cluster routing (a shard channel)
	Incomplete                         // the spec may not find all keys
	VariableFlags                      // arguments decide which of these flags hold

	// modes are the flags of which a KeySpec has exactly one.
	modes = RO | RW | OW | RM
)

// keyFlagTexts is in the order of replies.
var keyFlagTexts = [...]flagText[KeyFlags]{
	{RO, "RO"},
	{RW, "RW"},
	{OW, "OW"},
	{RM, "RM"},
	{Access, "access"},
	{Update, "update"},
	{Insert, "insert"},
	{Delete, "delete"},
	{NotKey, "not_key"},
	{Incomplete, "incomplete"},
	{VariableFlags, "variable_flags"},
}

// Has tells whether all flags of want are set.
func (f KeyFlags) Has(want KeyFlags) bool { return f&want == want }

// Words gives the words of the flags in the order of COMMAND's reply.
func (f KeyFlags) Words() []string { return words(f, keyFlagTexts[:]) }

// beginKind is the way in which a KeySpec finds where its keys begin, findKind how they go on from there.
type (
	beginKind uint8
	findKind  uint8
)

const (
	beginIndex   beginKind = iota // at a fixed position
	beginKeyword                  // after a keyword
	beginUnknown
)

const (
	findRange  findKind = iota // first to last by step
	findKeyNum                 // a number tells how many
	findUnknown
)

// KeySpec says where keys are among a command's words and what is done with them. Make one with OneKey, AllKeys, KeyAt,
// KeyRange, KeyAfter, KeyRangeAfter, KeyNum, KeyNumEvery or KeysUnknown.
type KeySpec struct {
	Flags KeyFlags
	Notes string // a remark for readers of COMMAND INFO, our own words

	begin beginKind
	find  findKind
	// index is the position of beginIndex, counted from the command's name; for beginKeyword, the position at which the
	// search for the word starts, from the end and backwards when negative.
	index   int
	keyword string
	// range: last is relative to the begin position, or to the command's end when negative (-1 = last word), or to the
	// limit-th part of what follows the begin when limit is above 1. keynum: numIdx and first are relative to the begin.
	last, step, limit int
	numIdx, first     int
}

// OneKey is the Keys of a command whose only key is its first argument.
func OneKey(flags ...KeyFlags) []KeySpec { return []KeySpec{KeyAt(1, flags...)} }

// AllKeys is the Keys of a command all of whose arguments are keys.
func AllKeys(flags ...KeyFlags) []KeySpec { return []KeySpec{KeyRange(1, -1, 1, 0, flags...)} }

// KeyAt is a single key at position index, counted from the command's name (1 is the first argument).
func KeyAt(index int, flags ...KeyFlags) KeySpec { return KeyRange(index, 0, 1, 0, flags...) }

// KeyRange is keys at begin, begin+step, … up to last, which is relative to begin, or from the command's end when negative
// (-1 is the last word). With a limit of n > 1 the end is that of the first n-th part of the words from begin on; 0 and 1
// mean no limit.
func KeyRange(begin, last, step, limit int, flags ...KeyFlags) KeySpec {
	return KeySpec{Flags: join(flags), index: begin, last: last, step: step, limit: limit}
}

// KeyAfter is a single key behind the word keyword (upper case, found in any case), searched from position from on (from the end backwards when
// negative: -1 is the last word).
func KeyAfter(keyword string, from int, flags ...KeyFlags) KeySpec {
	return KeyRangeAfter(keyword, from, 0, 1, 0, flags...)
}

// KeyRangeAfter is like KeyRange with the begin behind the word keyword, searched as KeyAfter does.
func KeyRangeAfter(keyword string, from, last, step, limit int, flags ...KeyFlags) KeySpec {
	k := KeyRange(from, last, step, limit, flags...)
	k.begin, k.keyword = beginKeyword, keyword
	return k
}

// KeyNum is keys whose number is given by the word at begin; the keys follow it at once, one after the other.
func KeyNum(begin int, flags ...KeyFlags) KeySpec { return KeyNumEvery(begin, 1, flags...) }

// KeyNumEvery is KeyNum with a key in every step-th word.
func KeyNumEvery(begin, step int, flags ...KeyFlags) KeySpec {
	return KeySpec{Flags: join(flags), index: begin, find: findKeyNum, numIdx: 0, first: 1, step: step}
}

// KeysUnknown is keys whose places no rule tells. Spec.FindKeys finds those that can be found.
func KeysUnknown(flags ...KeyFlags) KeySpec {
	return KeySpec{Flags: join(flags), begin: beginUnknown, find: findUnknown}
}

// WithNotes gives the spec with a remark.
func (k KeySpec) WithNotes(text string) KeySpec {
	k.Notes = text
	return k
}

// join is the union of flags.
func join(flags []KeyFlags) (all KeyFlags) {
	for _, f := range flags {
		all |= f
	}
	return all
}

// KeyRef is a key of a call: its position among the words, and what is done with it.
type KeyRef struct {
	Pos   int
	Flags KeyFlags
}

// KeyFinder appends the keys of a call to dst. It is given whole calls only (arity is checked), returns nil and false
// for one that it cannot make sense of, and must not keep argv.
type KeyFinder func(dst []KeyRef, argv [][]byte) (keys []KeyRef, ok bool)

// keyPlan is what Registry works out of Keys.
type keyPlan struct {
	none   bool // no keys
	simple bool // one range from a fixed position
	finder bool // FindKeys has the last word on positions
	flags  bool // FindKeys has the last word on flags
	// The range of a simple one, as in KeySpec.
	begin, last, step, limit int32
	// What COMMAND reports: first and last position and step, 0 when there are none that the three numbers describe.
	legacyFirst, legacyLast, legacyStep int
}

// AppendKeys appends the positions of a call's keys to dst. ok is false when the words cannot be made sense of (a count
// of keys that is no number or too large); the positions are then not to be used. Without memory allocation as long as
// dst has room, but for commands whose positions FindKeys finds. Arity must have been checked. Only for a registry's records.
func (s *Spec) AppendKeys(dst []int, argv [][]byte) (keys []int, ok bool) {
	p := &s.keys
	if p.none {
		return dst, true
	}
	if p.finder {
		return s.appendFound(dst, argv)
	}
	if p.simple {
		last := int(p.last)
		if last < 0 {
			last = lastFromEnd(len(argv), int(p.begin), last, int(p.limit))
		} else {
			last += int(p.begin)
		}
		if last >= len(argv) {
			return dst, false
		}
		for i := int(p.begin); i <= last; i += int(p.step) {
			dst = append(dst, i)
		}
		return dst, true
	}
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.Flags.Has(NotKey) {
			continue
		}
		r, state := k.resolve(argv)
		if state == keysInvalid {
			return dst, false
		}
		for n, pos := 0, r.first; n < r.count; n, pos = n+1, pos+r.step {
			dst = append(dst, pos)
		}
	}
	return dst, true
}

// appendFound is AppendKeys for a command with a finder.
func (s *Spec) appendFound(dst []int, argv [][]byte) ([]int, bool) {
	refs, ok := s.FindKeys(make([]KeyRef, 0, 8), argv)
	for _, r := range refs {
		dst = append(dst, r.Pos)
	}
	return dst, ok
}

// AppendKeyRefs is AppendKeys with the flags of each key, as Redis tells them: without flags when the number of keys was
// one that the command is going to refuse, and no key at all (not even a destination) when it was 0.
func (s *Spec) AppendKeyRefs(dst []KeyRef, argv [][]byte) (keys []KeyRef, ok bool) {
	if s.keys.flags {
		return s.FindKeys(dst, argv)
	}
	start, loose := len(dst), false
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.Flags.Has(NotKey) {
			continue
		}
		r, state := k.resolve(argv)
		if state == keysInvalid {
			return dst, false
		}
		if state == keysZero {
			return dst[:start], true
		}
		loose = loose || state == keysLoose
		for n, pos := 0, r.first; n < r.count; n, pos = n+1, pos+r.step {
			dst = append(dst, KeyRef{Pos: pos, Flags: k.Flags})
		}
	}
	for i := start; loose && i < len(dst); i++ {
		dst[i].Flags = 0
	}
	return dst, true
}

// HasKeys tells whether calls of the command can have keys. Only for a registry's records.
func (s *Spec) HasKeys() bool { return !s.keys.none }

// LegacyKeys gives the positions of the first and last key and the step between, as COMMAND has reported them since
// before key specs: zeros when they cannot be told so; last is negative when counted from the end. Only for a registry's
// records.
func (s *Spec) LegacyKeys() (first, last, step int) {
	return s.keys.legacyFirst, s.keys.legacyLast, s.keys.legacyStep
}

// keyRun is count positions from first on.
type keyRun struct{ first, step, count int }

// keysState is the outcome of resolving a KeySpec for a call.
type keysState uint8

const (
	keysFound keysState = iota
	keysLoose           // found by a number that the command will refuse
	keysAbsent
	keysZero // their number is given as 0
	keysInvalid
)

// resolve finds the positions that k stands for in a call.
func (k *KeySpec) resolve(argv [][]byte) (keyRun, keysState) {
	begin, ok := k.start(argv)
	if !ok {
		return keyRun{}, keysAbsent
	}
	switch k.find {
	case findRange:
		last := begin + k.last
		if k.last < 0 {
			last = lastFromEnd(len(argv), begin, k.last, k.limit)
		}
		if last >= len(argv) || begin >= len(argv) {
			return keyRun{}, keysInvalid
		}
		if last < begin {
			return keyRun{}, keysAbsent
		}
		return keyRun{begin, k.step, (last-begin)/k.step + 1}, keysFound
	case findKeyNum:
		return k.counted(argv, begin)
	default:
		return keyRun{}, keysAbsent
	}
}

// start finds the position at which the keys begin.
func (k *KeySpec) start(argv [][]byte) (pos int, ok bool) {
	switch k.begin {
	case beginIndex:
		return k.index, true
	case beginKeyword:
		from, to, step := k.index, len(argv), 1
		if from < 0 {
			from, to, step = len(argv)+from, 0, -1
		}
		for i := from; i > 0 && i != to && i < len(argv); i += step {
			if EqualFold(argv[i], k.keyword) {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// counted finds the positions of keys behind their number.
func (k *KeySpec) counted(argv [][]byte, begin int) (keyRun, keysState) {
	at := begin + k.numIdx
	if at >= len(argv) {
		return keyRun{}, keysInvalid
	}
	state := keysFound
	n, ok := num.ParseInt(argv[at])
	if !ok {
		n, state = looseCount(argv[at]), keysLoose
	}
	first := begin + k.first
	switch {
	case n == 0:
		return keyRun{}, keysZero
	case n < 0 || n > int64(len(argv)) || (int(n)-1)*k.step > len(argv)-1-first:
		return keyRun{}, keysInvalid
	}
	return keyRun{first, k.step, int(n)}, state
}

// lastFromEnd gives the position of the last key of a range that is counted from the end.
func lastFromEnd(argc, begin, last, limit int) int {
	if limit > 1 {
		return begin + (argc-begin)/limit + last
	}
	return argc + last
}

// looseCount reads a number of keys as C's atoi does: blanks and a sign before it, anything behind. No command takes such
// a number, but Redis finds keys by it. What no call can hold comes out as too large.
func looseCount(b []byte) int64 {
	b = bytes.TrimLeft(b, " \t\n\v\f\r")
	sign := int64(1)
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		if b[0] == '-' {
			sign = -1
		}
		b = b[1:]
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' || n > math.MaxInt32 {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return sign * n
}

// planKeys works out how the keys of a call will be found.
func planKeys(s *Spec) keyPlan {
	p := keyPlan{none: true}
	for i := range s.Keys {
		k := &s.Keys[i]
		p.none = p.none && k.Flags.Has(NotKey)
		unclear := k.begin == beginUnknown || k.Flags.Has(Incomplete)
		p.finder = p.finder || s.FindKeys != nil && (unclear || k.begin == beginKeyword)
		p.flags = p.flags || s.FindKeys != nil && (unclear || k.Flags.Has(VariableFlags))
	}
	if len(s.Keys) == 1 && !p.none && !p.finder && s.Keys[0].fixedRange() {
		k := &s.Keys[0]
		p.simple = true
		p.begin, p.last, p.step, p.limit = int32(k.index), int32(k.last), int32(k.step), int32(k.limit)
	}
	p.legacyFirst, p.legacyLast, p.legacyStep = legacyRange(s.Keys)
	return p
}

// fixedRange tells whether k is a range from a fixed position.
func (k *KeySpec) fixedRange() bool { return k.begin == beginIndex && k.find == findRange }

// movable tells whether keys need more than fixed ranges to be found.
func movable(s *Spec) bool {
	for i := range s.Keys {
		if !s.Keys[i].fixedRange() {
			return true
		}
	}
	return false
}

// legacyRange describes the fixed ranges of keys by first, last and step, as far as they follow each other without a
// gap; what is not a fixed range is left out.
func legacyRange(keys []KeySpec) (first, last, step int) {
	if len(keys) == 1 && keys[0].fixedRange() {
		k := &keys[0]
		if k.last >= 0 {
			return k.index, k.index + k.last, k.step
		}
		return k.index, k.last, k.step
	}
	first = math.MaxInt
	for i := range keys {
		k := &keys[i]
		if !k.fixedRange() {
			continue
		}
		if k.step != 1 || k.limit != 0 || last != 0 && last != k.index-1 {
			return 0, 0, 0
		}
		first = min(first, k.index)
		if k.last < 0 {
			last = k.last
			continue
		}
		last = k.index + k.last
	}
	if first == math.MaxInt {
		return 0, 0, 0
	}
	return first, last, 1
}
