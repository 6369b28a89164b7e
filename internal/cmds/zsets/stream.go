// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// spanTexts gives what the reply with members of a set that is frozen is made of, one bulk after the other.
type spanTexts struct {
	walk       store.Members
	left       int // members
	withScores bool
	pairs      bool    // each member and its score are an array, the score a double
	score      float64 // of the member that was given last
	owed       bool    // it is to be given
	scratch    [2 * num.MaxDoubleLen]byte
}

// newSpanStream gives the source of some members, at least one, of a set that IsBig, for a reply in a protocol.
func newSpanStream(z *store.ZSet, s span, withScores bool, proto int) resp.Source {
	view := z.Freeze()
	texts := &spanTexts{walk: view.Members(s.from, s.reverse), left: s.n, withScores: withScores, pairs: withScores && proto == 3}
	return resp.NewMixed(texts.next, view.Release)
}

// next gives the next member or score; see resp.NewMixed.
func (t *spanTexts) next() (raw, text []byte, ok bool) {
	if t.owed {
		t.owed = false
		if !t.pairs {
			return nil, num.AppendDouble(t.scratch[:0], t.score), true
		}
		raw = append(num.AppendDouble(append(t.scratch[:0], ','), t.score), "\r\n"...)
	}
	if t.left == 0 {
		return raw, nil, false
	}
	t.left--
	var m store.Value
	m, t.score, _ = t.walk.Next()
	t.owed = t.withScores
	if t.pairs {
		if raw == nil {
			raw = t.scratch[:0]
		}
		raw = append(raw, "*2\r\n"...)
	}
	return raw, m.Bytes, true
}
