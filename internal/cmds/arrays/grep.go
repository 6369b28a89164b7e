// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

const (
	maxPredicates = 250
	maxRegexp     = 2048 // bytes
)

// A test is one of ARGREP's predicates.
type test struct {
	kind   string // EXACT, MATCH, GLOB or RE
	text   []byte
	nocase bool
	folded []byte         // the text in lower case, of EXACT and MATCH with nocase
	re     *regexp.Regexp // of RE
}

// query is what ARGREP looks for.
type query struct {
	tests      []test
	all        bool // all tests must hold, not one of them
	withValues bool
	nocase     bool
	limit      int64
	room       []byte // of texts in another form
}

// readQuery reads ARGREP's arguments behind the range.
func readQuery(words [][]byte) (*query, error) {
	q := &query{limit: math.MaxInt64}
	args := command.MakeArgs(words)
	for args.More() {
		switch word := strings.ToUpper(args.String()); word {
		case "EXACT", "MATCH", "GLOB", "RE":
			t := test{kind: word, text: args.Bytes()}
			if args.Err() != nil {
				return nil, args.Err()
			}
			if len(q.tests) == maxPredicates {
				return nil, command.Error("ERR too many predicates, maximum is " + strconv.Itoa(maxPredicates))
			}
			if word == "RE" && len(t.text) > maxRegexp {
				return nil, command.Error("ERR regular expression is too long, maximum is " + strconv.Itoa(maxRegexp) + " bytes")
			}
			q.tests = append(q.tests, t)
		case "LIMIT":
			text := args.Bytes()
			if args.Err() != nil {
				return nil, args.Err()
			}
			var err error
			if q.limit, err = readLimit(text); err != nil {
				return nil, err
			}
		case "WITHVALUES":
			q.withValues = true
		case "NOCASE":
			q.nocase = true
		case "AND", "OR":
			q.all = word == "AND"
		default:
			return nil, command.ErrSyntax
		}
	}
	if len(q.tests) == 0 {
		return nil, command.ErrSyntax
	}
	for i := range q.tests {
		if err := q.tests[i].prepare(q.nocase); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// prepare does what is to be done once for all elements.
func (t *test) prepare(nocase bool) (err error) {
	t.nocase = nocase
	switch t.kind {
	case "RE":
		t.re, err = compile(t.text, nocase)
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

// matches tells whether an element's text is one that is looked for.
func (q *query) matches(text []byte) bool {
	for i := range q.tests {
		if q.holds(&q.tests[i], text) != q.all {
			return !q.all
		}
	}
	return q.all
}

// holds tells whether one test holds of a text.
func (q *query) holds(t *test, text []byte) bool {
	switch {
	case t.kind == "GLOB":
		return glob.Match(t.text, text, t.nocase)
	case t.kind == "RE":
		return t.re.Match(q.latin(text))
	case t.kind == "EXACT" && len(text) != len(t.text):
		return false
	case !t.nocase && t.kind == "EXACT":
		return bytes.Equal(text, t.text)
	case !t.nocase:
		return bytes.Contains(text, t.text)
	}
	return q.containsFolded(text, t.folded)
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
	n, length := int64(0), c.Reply.DeferLen()
	var digits [num.MaxIntLen]byte
	err = each(c, &a, spanOf(ends[0], ends[1]), func(index uint64, v store.Value) bool {
		if !q.matches(store.Text(v, digits[:0])) {
			return true
		}
		if q.withValues {
			replyPair(c, index, v)
		} else {
			c.Reply.Uint(index)
		}
		n++
		return n < q.limit
	})
	c.Reply.SetArrayLen(length, int(n))
	return err
}
