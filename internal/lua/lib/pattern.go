// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"
	"strings"
)

// A pattern is a sequence of items, each of which is met once on the way to a match: there are no alternatives and no repeated groups.
// So what a match may have to go back to, the choices, is at most as much as the pattern has items; they lie on a stack of the
// matcher's own, and no pattern, however long, needs Go's stack.
//
// A malformed pattern is an error when matching comes to the malformed place, not before, as in Lua 5.1; and as there a zero byte ends
// a pattern.

// maxCaptures is how many captures a pattern can have.
const maxCaptures = 32

// workPerSpend is about how many steps are done before they are reported: less than 10 µs of work.
const workPerSpend = 1000

// Values of capture.size that are no sizes.
const (
	capturePosition   = -1 // "()": the capture is where it begins
	captureUnfinished = -2 // its closing bracket was not yet met
)

type capture struct{ start, size int }

// A patternError is what is wrong with a pattern, or with what refers to it.
type patternError string

func (e patternError) Error() string { return string(e) }

// A matcher looks for pat in src. It is used again for other patterns, so that it need not be cleared.
type matcher struct {
	src, pat string
	spend    func(n int) error // is told of every step; what it returns ends the matching
	grant    func(n int) error // is asked before n bytes are allocated
	work     int               // steps not yet told to spend

	// What is plain to see of the pattern. head is the item that every match begins with, if headEnd is not 0; lead its byte, if it is
	// one byte.
	head, headEnd int
	lead          byte
	leads         bool
	plain         bool // pat is a short text, in which no byte means anything but itself

	level    int // the captures that were begun
	captures [maxCaptures]capture
	choices  []choice
	long     longSet
}

// A longSet is a set of more than shortSet bytes of the pattern, the last one that was met: looking through it for every byte of src
// would take long.
type longSet struct {
	at, end int // in the pattern; end is 0 if there is none
	has     [math.MaxUint8 + 1]bool
}

const shortSet = 32

// A choice is what to do when what follows does not match.
type choice struct {
	kind choiceKind
	s    int // where src was
	p    int // where pat goes on
	item int // lazy: the item to match once more
	low  int // greedy: the least s to go back to
}

type choiceKind uint8

const (
	greedy   choiceKind = iota // "*", "+": take one byte less
	lazy                       // "-": take one byte more
	optional                   // "?": do without the byte
	opened                     // a capture was begun: it was not
	closed                     // a capture (s is its number) was ended: it is unfinished
)

// set makes the matcher look for pat in src, and says whether pat is anchored to where matching begins; the anchor is taken off.
func (m *matcher) set(src, pat string, anchors bool) (anchored bool) {
	if i := strings.IndexByte(pat, 0); i >= 0 {
		pat = pat[:i]
	}
	anchored = anchors && strings.HasPrefix(pat, "^")
	if anchored {
		pat = pat[1:]
	}
	m.take(src, pat)
	return anchored
}

// take is set for a pattern whose anchor was taken off.
func (m *matcher) take(src, pat string) {
	if m.pat != pat {
		m.long.end = 0
		m.pat = pat
		m.look()
	}
	m.src = src
}

// look notes what is plain to see of the pattern, unless that is long.
func (m *matcher) look() {
	const longest = 64 // bytes
	m.headEnd, m.leads, m.plain = 0, false, false
	if len(m.pat) > longest {
		return
	}
	p := 0
	for p < len(m.pat)-1 && m.pat[p] == '(' && m.pat[p+1] != ')' && p < maxCaptures {
		p++
	}
	if p == len(m.pat) || m.pat[p] == '.' {
		return
	}
	c, end := m.pat[p], p+1
	switch {
	case c == '%' && end < len(m.pat) && !isSpecial(m.pat[end]):
		if c = m.pat[end]; classes[c] == 0 {
			m.lead, m.leads = c, true
		}
		end++
	case c == '[':
		var err error
		if end, err = m.setEnd(end); err != nil {
			return
		}
	case marks[c]:
		return
	default:
		m.lead, m.leads = c, true
	}
	if end < len(m.pat) && strings.IndexByte("*?-", m.pat[end]) >= 0 {
		m.leads = false
		return
	}
	m.head, m.headEnd = p, end
	m.plain = m.leads
	for i := 0; i < len(m.pat) && m.plain; i++ {
		m.plain = !marks[m.pat[i]]
	}
}

// done lets go of what the matcher has looked at, and of a large stack.
func (m *matcher) done() {
	const keep = 1 << 10
	m.src, m.pat = "", ""
	m.headEnd, m.leads, m.plain = 0, false, false
	if cap(m.choices) > keep {
		m.choices = nil
	}
}

// find looks for the first match at or after s, only at s when anchored. start is -1 when there is none.
func (m *matcher) find(s int, anchored bool) (start, end int, err error) {
	if m.plain && !anchored {
		m.level = 0
		return m.findText(s)
	}
	for {
		if m.headEnd > 0 && !anchored {
			if s, err = m.seek(s); err != nil {
				return -1, -1, err
			}
		}
		end, err := m.match(s)
		if err != nil || end >= 0 {
			return s, end, err
		}
		if s++; s > len(m.src) || anchored {
			return -1, -1, nil
		}
	}
}

// seek returns the first place at or after s where the head matches, or the end of src.
func (m *matcher) seek(s int) (int, error) {
	if m.leads {
		i := strings.IndexByte(m.src[s:], m.lead)
		if i < 0 {
			i = len(m.src) - s
		}
		if m.work += i / bytesPerStep; m.work < workPerSpend {
			return s + i, nil
		}
		return s + i, m.report()
	}
	for {
		text := m.src[s:min(len(m.src), s+workPerSpend)]
		i := 0
		if letter := m.pat[m.head+1]; m.pat[m.head] == '%' {
			for class, in := classes[letter], letter >= 'a'; i < len(text) && (kinds[text[i]]&class != 0) != in; {
				i++
			}
		} else {
			for i < len(text) && !m.inSet(text[i], m.head, m.headEnd-1) {
				i++
			}
		}
		if m.work += i / 4; m.work >= workPerSpend {
			if err := m.report(); err != nil {
				return s, err
			}
		}
		if s += i; i < len(text) || s == len(m.src) {
			return s, nil
		}
	}
}

// findText is find for a plain pattern.
func (m *matcher) findText(s int) (start, end int, err error) {
	const chunk = 1 << 14 // bytes: less than 10 µs of work
	for {
		stop := min(len(m.src), s+chunk)
		i := strings.Index(m.src[s:stop], m.pat)
		if i >= 0 {
			stop = s + i
		}
		if m.work += 1 + (stop-s)/bytesPerStep; m.work >= workPerSpend {
			if err := m.report(); err != nil {
				return -1, -1, err
			}
		}
		if i >= 0 {
			return stop, stop + len(m.pat), nil
		}
		if stop == len(m.src) {
			return -1, -1, nil
		}
		s = stop - len(m.pat) + 1
	}
}

// match matches the whole pattern with src from s on, and returns where the match ends, -1 when there is none.
func (m *matcher) match(s int) (end int, err error) {
	m.level, m.choices = 0, m.choices[:0]
	p, ok := 0, true
	for {
		if m.work++; m.work >= workPerSpend {
			if err := m.report(); err != nil {
				return -1, err
			}
		}
		if !ok {
			if s, p, ok = m.back(); !ok && len(m.choices) == 0 {
				return -1, nil
			}
			continue
		}
		if p >= len(m.pat) {
			return s, nil
		}
		switch c := m.pat[p]; {
		case c == '(':
			p, err = m.open(s, p)
		case c == ')':
			p, err = p+1, m.close(s)
		case c == '$' && p+1 == len(m.pat):
			ok, p = s == len(m.src), p+1
		case c == '%' && p+1 < len(m.pat) && isSpecial(m.pat[p+1]):
			s, p, ok, err = m.special(s, p)
		default:
			s, p, ok, err = m.item(s, p)
		}
		if err != nil {
			return -1, err
		}
	}
}

// report tells spend what was done.
func (m *matcher) report() error {
	n := m.work
	m.work = 0
	return m.spend(n)
}

// push notes a choice.
func (m *matcher) push(c choice) error {
	if len(m.choices) == cap(m.choices) {
		const size = 40
		if err := m.grant(2 * size * len(m.choices)); err != nil {
			return err
		}
	}
	m.choices = append(m.choices, c)
	return nil
}

// pushUndo notes what is to be undone when an earlier choice is taken another way; without one there is nothing to go back to.
func (m *matcher) pushUndo(c choice) error {
	if len(m.choices) == 0 {
		return nil
	}
	return m.push(c)
}

// back goes back to the last choice and takes it another way; ok is false when that one had none left.
func (m *matcher) back() (s, p int, ok bool) {
	if len(m.choices) == 0 {
		return 0, 0, false
	}
	c := &m.choices[len(m.choices)-1]
	switch c.kind {
	case greedy:
		if c.s--; c.s > c.low {
			return c.s, c.p, true
		}
		s, p, ok = c.s, c.p, true
	case lazy:
		if c.s < len(m.src) && m.one(m.src[c.s], c.item, c.p-1) {
			c.s++
			return c.s, c.p, true
		}
	case optional:
		s, p, ok = c.s, c.p, true
	case opened:
		m.level--
	case closed:
		m.captures[c.s].size = captureUnfinished
	}
	m.choices = m.choices[:len(m.choices)-1]
	return s, p, ok
}

// open begins a capture.
func (m *matcher) open(s, p int) (next int, err error) {
	if m.level >= maxCaptures {
		return p, patternError("too many captures")
	}
	size, next := captureUnfinished, p+1
	if next < len(m.pat) && m.pat[next] == ')' {
		size, next = capturePosition, next+1
	}
	m.captures[m.level] = capture{s, size}
	m.level++
	return next, m.pushUndo(choice{kind: opened})
}

// close ends the innermost capture that is unfinished.
func (m *matcher) close(s int) error {
	for i := m.level - 1; i >= 0; i-- {
		if c := &m.captures[i]; c.size == captureUnfinished {
			c.size = s - c.start
			return m.pushUndo(choice{kind: closed, s: i})
		}
	}
	return patternError("invalid pattern capture")
}

// isSpecial says whether a percent sign and c are more than a class of bytes.
func isSpecial(c byte) bool { return c == 'b' || c == 'f' || c >= '0' && c <= '9' }

// special matches what isSpecial recognises: "%b()", "%f[set]" and "%1".
func (m *matcher) special(s, p int) (s2, p2 int, ok bool, err error) {
	switch c := m.pat[p+1]; c {
	case 'b':
		if p+3 >= len(m.pat) {
			return s, p, false, patternError("unbalanced pattern")
		}
		end, err := m.balance(s, m.pat[p+2], m.pat[p+3])
		return end, p + 4, end >= 0, err
	case 'f':
		p += 2
		if p >= len(m.pat) || m.pat[p] != '[' {
			return s, p, false, patternError("missing '[' after '%f' in pattern")
		}
		end, err := m.itemEnd(p)
		if err != nil {
			return s, p, false, err
		}
		var before, after byte // zero bytes beyond both ends
		if s > 0 {
			before = m.src[s-1]
		}
		if s < len(m.src) {
			after = m.src[s]
		}
		return s, end, !m.inSet(before, p, end-1) && m.inSet(after, p, end-1), nil
	default:
		i := int(c - '1')
		if c == '0' || i >= m.level || m.captures[i].size == captureUnfinished {
			return s, p, false, patternError("invalid capture index")
		}
		if m.captures[i].size == capturePosition {
			return s, p, false, nil
		}
		text := m.src[m.captures[i].start:][:m.captures[i].size]
		m.work += len(text) / 16
		return s + len(text), p + 2, strings.HasPrefix(m.src[s:], text), nil
	}
}

// balance returns the end of the text from s on that begins with open, and ends where as many close as open were met; -1 for none.
func (m *matcher) balance(s int, open, close byte) (end int, err error) {
	if s >= len(m.src) || m.src[s] != open {
		return -1, nil
	}
	depth := 1
	for s++; s < len(m.src); s++ {
		switch m.src[s] {
		case close:
			if depth--; depth == 0 {
				return s + 1, nil
			}
		case open:
			depth++
		}
		if m.work++; m.work >= workPerSpend {
			if err := m.report(); err != nil {
				return -1, err
			}
		}
	}
	return -1, nil
}

// item matches one byte or class of bytes, with the repetition that may follow it.
func (m *matcher) item(s, p int) (s2, p2 int, ok bool, err error) {
	end, err := m.itemEnd(p)
	if err != nil {
		return s, p, false, err
	}
	var repeat byte
	if end < len(m.pat) {
		repeat = m.pat[end]
	}
	switch repeat {
	case '*', '+':
		n, err := m.run(s, p, end)
		if err != nil {
			return s, p, false, err
		}
		low := s
		if repeat == '+' {
			low++
		}
		if s+n > low {
			err = m.push(choice{kind: greedy, s: s + n, p: end + 1, low: low})
		}
		return s + n, end + 1, s+n >= low, err
	case '-':
		return s, end + 1, true, m.push(choice{kind: lazy, s: s, p: end + 1, item: p})
	case '?':
		if s < len(m.src) && m.one(m.src[s], p, end) {
			return s + 1, end + 1, true, m.push(choice{kind: optional, s: s, p: end + 1})
		}
		return s, end + 1, true, nil
	}
	return s + 1, end, s < len(m.src) && m.one(m.src[s], p, end), nil
}

// itemEnd returns where the item at p, without its repetition, ends.
func (m *matcher) itemEnd(p int) (end int, err error) {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			return p, patternError("malformed pattern (ends with '%')")
		}
		return p + 1, nil
	case '[':
		return m.setEnd(p)
	}
	return p, nil
}

// setEnd returns where the set whose first byte is at p ends. A bracket that comes first is one of its bytes.
func (m *matcher) setEnd(p int) (end int, err error) {
	if m.long.end > 0 && m.long.at == p-1 {
		return m.long.end, nil
	}
	start := p
	if p < len(m.pat) && m.pat[p] == '^' {
		p++
	}
	for first := true; ; first = false {
		if p >= len(m.pat) {
			return p, patternError("malformed pattern (missing ']')")
		}
		c := m.pat[p]
		p++
		if c == ']' && !first {
			if p-start <= shortSet {
				return p, nil
			}
			return p, m.learn(start-1, p)
		}
		if c == '%' && p < len(m.pat) {
			p++
		}
		if m.work++; m.work >= workPerSpend {
			if err := m.report(); err != nil {
				return p, err
			}
		}
	}
}

// learn makes the set between p and end the long one.
func (m *matcher) learn(p, end int) error {
	m.long.end = 0
	inverse, at := false, p+1
	if m.pat[at] == '^' {
		inverse = true
		at++
	}
	var has [math.MaxUint8 + 1]bool
	for last := end - 1; at < last; at++ {
		switch {
		case m.pat[at] == '%':
			at++
			for c := range has {
				has[c] = has[c] || inClass(byte(c), m.pat[at])
			}
			m.work += len(has) / 2
		case m.pat[at+1] == '-' && at+2 < last:
			at += 2
			for c := int(m.pat[at-2]); c <= int(m.pat[at]); c++ {
				has[c] = true
			}
			m.work += len(has) / 4
		default:
			has[m.pat[at]] = true
		}
		if m.work++; m.work >= workPerSpend {
			if err := m.report(); err != nil {
				return err
			}
		}
	}
	for c := range has {
		m.long.has[c] = has[c] != inverse
	}
	m.long.at, m.long.end = p, end
	return nil
}

// run counts the bytes from s on that the item matches.
func (m *matcher) run(s, p, end int) (n int, err error) {
	if m.pat[p] == '.' {
		return len(m.src) - s, nil
	}
	for i := s; ; {
		stop := min(len(m.src), i+workPerSpend)
		from := i
		i += m.count(m.src[i:stop], p, end)
		if i < stop || stop == len(m.src) {
			m.work += (i - from) / 2
			return i - s, nil
		}
		m.work += i - from
		if err := m.report(); err != nil {
			return 0, err
		}
	}
}

// count counts the bytes that text begins with and the item, which is not ".", matches.
func (m *matcher) count(text string, p, end int) int {
	i := 0
	switch c := m.pat[p]; c {
	case '%':
		for letter := m.pat[p+1]; i < len(text) && inClass(text[i], letter); {
			i++
		}
	case '[':
		for i < len(text) && m.inSet(text[i], p, end-1) {
			i++
		}
	default:
		for i < len(text) && text[i] == c {
			i++
		}
	}
	return i
}

// one says whether the item between p and end matches c.
func (m *matcher) one(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return c == m.pat[p]
}

// inSet says whether the set that begins at p and ends with the bracket at last has c.
func (m *matcher) inSet(c byte, p, last int) bool {
	if last-p > shortSet {
		if m.long.at == p && m.long.end == last+1 {
			return m.long.has[c]
		}
		m.work += (last - p) / 2 // a lazy item, when there is another long set behind it
	}
	in := true
	if p++; m.pat[p] == '^' {
		in = false
		p++
	}
	for ; p < last; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return in
			}
		case m.pat[p+1] == '-' && p+2 < last:
			p += 2
			if m.pat[p-2] <= c && c <= m.pat[p] {
				return in
			}
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

// Kinds of bytes, as C's isalpha and so on know them.
const (
	isLower = 1 << iota
	isUpper
	isDigit
	isXDigit
	isPunct
	isSpace
	isCntrl
	isZero
)

// kinds has the kinds of every byte.
var kinds = func() (kinds [math.MaxUint8 + 1]uint8) {
	mark := func(first, last byte, kind uint8) {
		for c := int(first); c <= int(last); c++ {
			kinds[c] |= kind
		}
	}
	mark('a', 'z', isLower)
	mark('A', 'Z', isUpper)
	mark('0', '9', isDigit)
	mark('0', '9', isXDigit)
	mark('a', 'f', isXDigit)
	mark('A', 'F', isXDigit)
	mark('!', '/', isPunct)
	mark(':', '@', isPunct)
	mark('[', '`', isPunct)
	mark('{', '~', isPunct)
	mark('\t', '\r', isSpace)
	mark(' ', ' ', isSpace)
	mark(0, 0x1f, isCntrl)
	mark(0x7f, 0x7f, isCntrl)
	mark(0, 0, isZero)
	return kinds
}()

// classes has the kinds of bytes that the class of each letter stands for; a capital letter stands for all others.
var classes = func() (classes [math.MaxUint8 + 1]uint8) {
	for letter, kind := range map[byte]uint8{
		'a': isLower | isUpper, 'c': isCntrl, 'd': isDigit, 'l': isLower, 'p': isPunct, 's': isSpace, 'u': isUpper,
		'w': isLower | isUpper | isDigit, 'x': isXDigit, 'z': isZero,
	} {
		classes[letter], classes[letter-'a'+'A'] = kind, kind
	}
	return classes
}()

// inClass says whether the class "%letter" has c. What is no class's letter stands for itself.
func inClass(c, letter byte) bool {
	class := classes[letter]
	if class == 0 {
		return c == letter
	}
	return (kinds[c]&class != 0) == (letter >= 'a')
}
