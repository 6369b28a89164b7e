// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"bytes"
	"cmp"
	"io"
	"math"
	"regexp"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

const (
	maxPredicates = 250
	maxRegexp     = 2048   // bytes
	maxStates     = 50_000 // of all regular expressions of a call
)

// tickWork is how many bytes are looked at, by a regular expression with each of its states, before a handler asks whether it has taken
// long.
const tickWork = 1 << 20

// A test is one of ARGREP's predicates.
type test struct {
	kind   string // EXACT, MATCH, GLOB or RE
	text   []byte
	nocase bool
	folded []byte         // the text in lower case, of EXACT and MATCH with nocase
	re     *regexp.Regexp // of RE
	states int            // of RE
}

// query is what ARGREP looks for.
type query struct {
	tests      []test
	all        bool // all tests must hold, not one of them
	withValues bool
	nocase     bool
	limit      int64
	room       []byte // of texts in another form

	work int // since the last tick
	tick func() error
	err  error // that tick gave
}

// readQuery reads ARGREP's arguments behind the range.
func readQuery(words [][]byte) (*query, error) {
	q := &query{limit: math.MaxInt64}
	args := command.MakeArgs(words)
	for args.More() {
		switch {
		case args.Keyword("LIMIT"):
			text := args.Bytes()
			if args.Err() != nil {
				return nil, args.Err()
			}
			var err error
			if q.limit, err = readLimit(text); err != nil {
				return nil, err
			}
		case args.Keyword("WITHVALUES"):
			q.withValues = true
		case args.Keyword("NOCASE"):
			q.nocase = true
		case args.Keyword("AND"):
			q.all = true
		case args.Keyword("OR"):
			q.all = false
		default:
			t, err := readTest(&args, len(q.tests))
			if err != nil {
				return nil, err
			}
			q.tests = append(q.tests, t)
		}
	}
	if len(q.tests) == 0 {
		return nil, command.ErrSyntax
	}
	states := 0
	for i := range q.tests {
		if err := q.tests[i].prepare(q.nocase, maxStates-states); err != nil {
			return nil, err
		}
		states += q.tests[i].states
	}
	return q, nil
}

// readTest reads a predicate, before which there were n.
func readTest(args *command.Args, n int) (t test, err error) {
	for _, kind := range [...]string{"EXACT", "MATCH", "GLOB", "RE"} {
		if !args.Keyword(kind) {
			continue
		}
		t = test{kind: kind, text: args.Bytes()}
		switch {
		case args.Err() != nil:
			err = args.Err()
		case n == maxPredicates:
			err = command.Error("ERR too many predicates, maximum is " + strconv.Itoa(maxPredicates))
		case kind == "RE" && len(t.text) > maxRegexp:
			err = command.Error("ERR regular expression is too long, maximum is " + strconv.Itoa(maxRegexp) + " bytes")
		}
		return t, err
	}
	return t, command.ErrSyntax
}

// prepare does what is to be done once for all elements. A regular expression may have so many states.
func (t *test) prepare(nocase bool, maxStates int) (err error) {
	t.nocase = nocase
	switch t.kind {
	case "RE":
		t.re, t.states, err = compile(t.text, nocase, maxStates)
	case "EXACT", "MATCH":
		if nocase {
			t.folded = fold(nil, t.text)
		}
	}
	return err
}

// fold appends a text with ASCII letters in lower case.
func fold(dst, text []byte) []byte {
	for _, b := range text {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}

// matches tells whether an element's text is one that is looked for. It ends with q.err if tick gives an error.
func (q *query) matches(text []byte) bool {
	for i := range q.tests {
		t := &q.tests[i]
		if holds := q.holds(t, text); q.err != nil {
			return false
		} else if holds != q.all {
			return !q.all
		}
	}
	return q.all
}

// spend counts work, and ticks when there was much; false when that gives an error.
func (q *query) spend(n int) bool {
	if q.work += n; q.work >= tickWork {
		q.work, q.err = 0, q.tick()
	}
	return q.err == nil
}

// holds tells whether one test holds of a text.
func (q *query) holds(t *test, text []byte) bool {
	if t.kind == "RE" {
		return q.search(t, text)
	}
	switch q.spend(len(text)); {
	case t.kind == "GLOB":
		return glob.Match(t.text, text, t.nocase)
	case t.kind == "EXACT" && len(text) != len(t.text):
		return false
	case !t.nocase && t.kind == "EXACT":
		return bytes.Equal(text, t.text)
	case !t.nocase:
		return bytes.Contains(text, t.text)
	}
	return q.containsFolded(text, t.folded)
}

// search tells whether a text matches a regular expression. If that may take long it is read byte by byte, and ticked on the way.
func (q *query) search(t *test, text []byte) bool {
	if work := len(text) * t.states; work < tickWork {
		return q.spend(work) && t.re.Match(q.latin(text))
	}
	return t.re.MatchReader(&reader{q: q, text: text, states: t.states}) && q.err == nil
}

// reader gives a text in which each byte is a character to a regular expression.
type reader struct {
	q      *query
	text   []byte
	states int
}

// ReadRune implements io.RuneReader.
func (r *reader) ReadRune() (c rune, size int, err error) {
	if len(r.text) == 0 {
		return 0, 0, io.EOF
	}
	if !r.q.spend(r.states) {
		return 0, 0, r.q.err
	}
	c, r.text = rune(r.text[0]), r.text[1:]
	return c, 1, nil
}

// foldStep is how many bytes of a text are put into lower case at a time.
const foldStep = 64 << 10

// containsFolded tells whether a text contains a folded one.
func (q *query) containsFolded(text, folded []byte) bool {
	for {
		part := text[:min(len(text), foldStep+len(folded))]
		q.room = fold(q.room[:0], part)
		if bytes.Contains(q.room, folded) {
			return true
		}
		if len(part) == len(text) {
			return false
		}
		text = text[foldStep:]
	}
}

// latin gives a text in which each byte is a character, for a regular expression.
func (q *query) latin(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
		return text
	}
	q.room = appendLatin(q.room[:0], text)
	return q.room
}

func argrep(c *command.Ctx) error {
	var ends [2]uint64
	for i, text := range c.Argv[2:4] {
		if word := string(text); word != "-" && word != "+" {
			var err error
			if ends[i], err = indexOf(text); err != nil {
				return err
			}
		}
	}
	q, err := readQuery(c.Argv[4:])
	if err != nil {
		return err
	}
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	if !a.Exists() {
		c.Reply.Array(0)
		return nil
	}
	for i, text := range c.Argv[2:4] {
		if string(text) == "+" {
			ends[i] = a.Len() - 1
		}
	}
	q.tick = c.Tick
	return q.reply(c, &a, spanOf(ends[0], ends[1]))
}

// reply writes what is found.
func (q *query) reply(c *command.Ctx, a *store.Array, s span) error {
	var found []uint64
	bytes := 0
	var digits [num.MaxIntLen]byte
	err := each(c, a, s, func(index uint64, v store.Value) bool {
		if q.matches(store.Text(v, digits[:0])) {
			found, bytes = append(found, index), bytes+len(v.Bytes)
		}
		return int64(len(found)) < q.limit && q.err == nil
	})
	if err = cmp.Or(err, q.err); err != nil {
		return err
	}
	if q.withValues && a.IsBig() && (len(found) > manyElements || bytes > longRange) {
		streamPairs(c, a, s, len(found), found)
		return nil
	}
	c.Reply.Array(len(found))
	p := pace{tick: c.Tick}
	for _, index := range found {
		var v store.Value
		if q.withValues {
			v, _ = a.Get(index)
			replyPair(c, index, v)
		} else {
			c.Reply.Uint(index)
		}
		if err := p.step(v); err != nil {
			return err
		}
	}
	return nil
}
