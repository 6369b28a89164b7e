// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of the bounds of ranges.
const (
	errScoreBound command.Error = "ERR min or max is not a float"
	errLexBound   command.Error = "ERR min or max not valid string range item"
)

// span is n members of a sorted set, the first of rank from; with reverse they go downwards from it.
type span struct {
	from, n int
	reverse bool
}

// limited gives what LIMIT leaves of a span: count members at most, all with a negative one, behind offset others.
func (s span) limited(offset, count int64) span {
	if offset < 0 || offset >= int64(s.n) {
		return span{}
	}
	s.n -= int(offset)
	if s.reverse {
		s.from -= int(offset)
	} else {
		s.from += int(offset)
	}
	if count >= 0 && count < int64(s.n) {
		s.n = int(count)
	}
	return s
}

// upwards gives the same members from the lowest on.
func (s span) upwards() span {
	if s.reverse {
		return span{from: s.from - s.n + 1, n: s.n}
	}
	return s
}

// between gives the members of the ranks from low up to but not including high.
func between(low, high int, reverse bool) span {
	switch {
	case low >= high:
		return span{}
	case reverse:
		return span{from: high - 1, n: high - low, reverse: true}
	}
	return span{from: low, n: high - low}
}

// rankSpan gives the members between two ranks, both included, negative ones counting from the end; with reverse all
// ranks count from the highest member.
func rankSpan(start, stop int64, length int, reverse bool) span {
	n := int64(length)
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	switch {
	case start > stop:
		return span{}
	case reverse:
		return span{from: int(n - 1 - start), n: int(stop - start + 1), reverse: true}
	}
	return span{from: int(start), n: int(stop - start + 1)}
}

// scoreRange is all scores between two.
type scoreRange struct {
	min, max     float64
	minEx, maxEx bool // the bound itself is not in it
}

func parseScoreRange(low, high []byte) (r scoreRange, err error) {
	var ok1, ok2 bool
	r.min, r.minEx, ok1 = parseScoreBound(low)
	r.max, r.maxEx, ok2 = parseScoreBound(high)
	if !ok1 || !ok2 {
		return r, errScoreBound
	}
	return r, nil
}

func parseScoreBound(b []byte) (score float64, exclusive, ok bool) {
	if len(b) > 0 && b[0] == '(' {
		b, exclusive = b[1:], true
	}
	score, ok = num.ParseBound(b)
	return score, exclusive, ok
}

// span gives the members whose scores are in the range.
func (r scoreRange) span(z *store.ZSet, reverse bool) span {
	return between(z.RankOfScore(r.min, r.minEx), z.RankOfScore(r.max, !r.maxEx), reverse)
}

// lexBound is a bound of texts.
type lexBound struct {
	text      []byte
	exclusive bool
	infinite  int // -1: below all texts; 1: above all
}

// lexRange is all texts between two.
type lexRange struct{ min, max lexBound }

func parseLexRange(low, high []byte) (r lexRange, err error) {
	var ok1, ok2 bool
	r.min, ok1 = parseLexBound(low)
	r.max, ok2 = parseLexBound(high)
	if !ok1 || !ok2 {
		return r, errLexBound
	}
	return r, nil
}

func parseLexBound(b []byte) (bound lexBound, ok bool) {
	if len(b) == 0 {
		return bound, false
	}
	switch b[0] {
	case '(', '[':
		return lexBound{text: b[1:], exclusive: b[0] == '('}, true
	case '-':
		bound.infinite = -1
	case '+':
		bound.infinite = 1
	default:
		return bound, false
	}
	return bound, len(command.UpToNUL(b)) == 1
}

// aboveMin tells whether a text is not below the range.
func (r lexRange) aboveMin(text []byte) bool {
	if r.min.infinite != 0 {
		return r.min.infinite < 0
	}
	order := bytes.Compare(text, r.min.text)
	return order > 0 || order == 0 && !r.min.exclusive
}

// belowMax tells whether a text is not above the range.
func (r lexRange) belowMax(text []byte) bool {
	if r.max.infinite != 0 {
		return r.max.infinite > 0
	}
	order := bytes.Compare(text, r.max.text)
	return order < 0 || order == 0 && !r.max.exclusive
}

// empty tells whether no text can be in the range.
func (r lexRange) empty() bool {
	if r.min.infinite != 0 || r.max.infinite != 0 {
		return r.min.infinite > 0 || r.max.infinite < 0
	}
	order := bytes.Compare(r.min.text, r.max.text)
	return order > 0 || order == 0 && (r.min.exclusive || r.max.exclusive)
}

// rank gives the number of members below the bound; with after set, of those up to it.
func (b lexBound) rank(z *store.ZSet, after bool) int {
	switch {
	case b.infinite < 0:
		return 0
	case b.infinite > 0:
		return z.Len()
	}
	return z.RankOfMember(b.text, after)
}

// span gives the members whose texts are in the range. It is meant for sets all of whose scores are equal; of others it
// gives what Redis finds: those up to the first that is out of the range, beginning with the first that is not below it.
func (r lexRange) span(c *command.Ctx, z *store.ZSet, reverse bool) (span, error) {
	last := z.Len() - 1
	if last < 0 || r.empty() {
		return span{}, nil
	}
	low, lowest := memberAt(z, 0)
	high, highest := memberAt(z, last)
	switch {
	case lowest == highest:
		return between(r.min.rank(z, r.min.exclusive), r.max.rank(z, !r.max.exclusive), reverse), nil
	case !r.belowMax(low) || !r.aboveMin(high):
		return span{}, nil
	}
	return r.walk(c, z, reverse)
}

// memberAt gives the text and the score of the member of that rank.
func memberAt(z *store.ZSet, rank int) (text []byte, score float64) {
	z.Each(rank, 1, false, func(m store.Value, s float64) bool {
		text, score = store.Text(m, nil), s
		return true
	})
	return text, score
}

// walk is span for a set of different scores.
func (r lexRange) walk(c *command.Ctx, z *store.ZSet, reverse bool) (found span, err error) {
	from, begins, goesOn := 0, r.aboveMin, r.belowMax
	if reverse {
		from, begins, goesOn = z.Len()-1, goesOn, begins
	}
	var scratch [num.MaxIntLen]byte
	skipped, steps := 0, 0
	z.Each(from, z.Len(), reverse, func(m store.Value, _ float64) bool {
		if steps++; steps%tickEvery == 0 {
			err = c.Tick()
		}
		text := store.Text(m, scratch[:0])
		switch {
		case err != nil:
		case found.n == 0 && !begins(text):
			skipped++
			return true
		case goesOn(text):
			found.n++
			return true
		}
		return false
	})
	if reverse {
		skipped = -skipped
	}
	found.from, found.reverse = from+skipped, reverse
	return found, err
}
