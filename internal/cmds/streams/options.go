// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of the options that say how a stream is to be trimmed.
const (
	errTwoTrims   command.Error = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	errMaxLen     command.Error = "ERR The MAXLEN argument must be >= 0."
	errLimit      command.Error = "ERR The LIMIT argument must be >= 0."
	errLimitAlone command.Error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
	errLimitExact command.Error = "ERR syntax error, LIMIT cannot be used without the special ~ option"
	errNoTrim     command.Error = "ERR syntax error, XTRIM must be called with a trimming strategy"
)

// refPolicy says what becomes of an entry that is to be deleted and is pending in groups.
type refPolicy uint8

const (
	noPolicy  refPolicy = iota // nothing is said, which is keepRefs
	keepRefs                   // it is deleted, and stays pending
	dropRefs                   // it is deleted, and is no longer pending
	ackedOnly                  // it is deleted only if all groups have got and acknowledged it
)

// option reads KEEPREF, DELREF or ACKED, if the next argument is the first of them, and tells whether it was.
func (p *refPolicy) option(a *command.Args) bool {
	switch {
	case *p != noPolicy:
		return false
	case a.Keyword("KEEPREF"):
		*p = keepRefs
	case a.Keyword("DELREF"):
		*p = dropRefs
	case a.Keyword("ACKED"):
		*p = ackedOnly
	default:
		return false
	}
	return true
}

// threshold says by what a stream is trimmed.
type threshold uint8

const (
	noThreshold threshold = iota
	maxLen
	minID
)

// trimming is what a command says about the entries at a stream's beginning that are to go.
type trimming struct {
	by     threshold
	approx bool           // only as far as costs little
	len    int64          // with maxLen, of the stream thereafter
	id     store.StreamID // with minID, the least that stays
	limit  int64          // how many entries go at most; 0: as many as there are
	// limited says that there was a LIMIT.
	limited bool
	refs    refPolicy

	asked store.StreamID // the last entry that was to go, when groups were asked
}

// option reads one of the options MAXLEN, MINID, LIMIT, and those of refPolicy, if the next argument is one, and tells whether it was.
func (t *trimming) option(a *command.Args) bool {
	switch {
	case a.Len() > 1 && a.Keyword("MAXLEN"):
		t.threshold(a, maxLen)
		if t.len = a.Int(); t.len < 0 {
			a.Fail(errMaxLen)
		}
	case a.Len() > 1 && a.Keyword("MINID"):
		t.threshold(a, minID)
		var err error
		if t.id, err = parseID(a.Bytes(), 0); err != nil {
			a.Fail(err)
		}
	case a.Len() > 1 && a.Keyword("LIMIT"):
		t.limited = true
		if t.limit = a.Int(); t.limit < 0 {
			a.Fail(errLimit)
		}
	default:
		return t.refs.option(a)
	}
	return true
}

// threshold begins to read MAXLEN or MINID, up to the number.
func (t *trimming) threshold(a *command.Args, by threshold) {
	if t.by != noThreshold {
		a.Fail(errTwoTrims)
	}
	t.by, t.approx = by, false
	if a.Len() > 1 && !a.Keyword("=") {
		t.approx = a.Keyword("~")
	}
}

// check looks at the options together, which must be done when all are read; need says that a threshold must be among them.
func (t *trimming) check(need bool) error {
	switch {
	case t.limit != 0 && t.by == noThreshold:
		return errLimitAlone
	case need && t.by == noThreshold:
		return errNoTrim
	case t.limited && !t.approx:
		return errLimitExact
	}
	return nil
}

// request gives what is to be removed, but for what groups have a say in.
func (t *trimming) request(c *command.Ctx) store.StreamTrim {
	trim := store.StreamTrim{
		ByID: t.by == minID, MinID: t.id, MaxLen: int(t.len), Approx: t.approx, Limit: int(t.limit), Reserved: true,
	}
	if t.approx && !t.limited {
		trim.Limit = c.DB.TrimLimit()
	}
	return trim
}

// asks tells whether groups have a say in what is removed from a stream, or forget it.
func (t *trimming) asks(s *store.Stream) bool {
	return s.Groups() > 0 && (t.refs == dropRefs || t.refs == ackedOnly)
}

// size gives the bytes that run may take, also when some entries have been added by then.
func (t *trimming) size(c *command.Ctx, s *store.Stream, added int) (n int) {
	trim := t.request(c)
	trim.MaxLen = max(0, trim.MaxLen-added)
	if t.asks(s) {
		trim.Keep = func(store.StreamID) bool { return true }
		if t.refs == dropRefs {
			n = s.DeleteSize(s.Len())
		}
	}
	return n + s.TrimSize(trim)
}

// run trims a stream, and tells how many entries it has removed. What it may take, see size, has been reserved.
func (t *trimming) run(c *command.Ctx, s *store.Stream) (removed int) {
	trim := t.request(c)
	if t.asks(s) {
		removed, *s = t.ask(c, *s, trim)
		return removed
	}
	return s.Trim(trim, c.Tick)
}

// ask is run for a stream whose groups are asked about each entry. The stream is passed by value so that it goes to the Go heap only here.
func (t *trimming) ask(c *command.Ctx, s store.Stream, trim store.StreamTrim) (removed int, _ store.Stream) {
	asked, every := 0, t.refs.pace(&s)
	trim.Keep = func(id store.StreamID) (keep bool) {
		t.asked = id
		if asked++; asked%every == 0 {
			_ = c.Tick() // what is begun is done
		}
		_, free := t.refs.release(&s, id)
		return !free
	}
	removed = s.Trim(trim, c.Tick)
	return removed, s
}

// pace gives the number of entries after which to tick: to treat one of them all groups may have to be asked.
func (p refPolicy) pace(s *store.Stream) int {
	if p == dropRefs || p == ackedOnly {
		return max(1, tickEvery/(1+s.Groups()))
	}
	return tickEvery
}

// release does what a policy says about the references to an entry. It tells how many groups have forgotten the entry, and whether it may
// be deleted.
func (p refPolicy) release(s *store.Stream, id store.StreamID) (forgotten int, free bool) {
	switch p {
	case dropRefs:
		return s.Forget(id), true
	case ackedOnly:
		return 0, !s.Referenced(id)
	}
	return 0, true
}

// appendTo appends options that trim a stream again as far as it was: what depends on the layout of its entries is made exact.
func (t *trimming) appendTo(argv [][]byte, s *store.Stream) [][]byte {
	if t.by == noThreshold {
		return argv
	}
	switch t.refs {
	case dropRefs:
		argv = append(argv, []byte("DELREF"))
	case ackedOnly:
		argv = append(argv, []byte("ACKED"))
	}
	if t.by == maxLen {
		n := t.len
		if t.approx {
			n = int64(s.Len())
		}
		return append(argv, []byte("MAXLEN"), []byte("="), num.AppendInt(nil, n))
	}
	id := t.id
	if t.approx {
		switch {
		case t.asked != store.StreamID{}: // some before it may have stayed
			id, _ = t.asked.Next()
		case s.Len() == 0:
			id = store.MaxStreamID()
		default:
			id = s.Info().First
		}
	}
	return append(argv, []byte("MINID"), []byte("="), id.AppendText(nil))
}
