// SPDX-License-Identifier: BSD-3-Clause

package sets

import (
	"cmp"
	"math"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/hll"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// errTooManyKeys is an error of SINTERCARD and its like.
const errTooManyKeys command.Error = "ERR Number of keys can't be greater than number of args"

// An operation makes a set of sets, which it may put into another order: it calls show with one member after the other, each once
// if nothing else is said, until that gives false. Nothing that it does changes a key.
type operation func(c *command.Ctx, sets []store.Set, show func(member store.Value) bool) error

func sinter(c *command.Ctx) error { return replyCombined(c, intersect) }
func sunion(c *command.Ctx) error { return replyCombined(c, unite) }
func sdiff(c *command.Ctx) error  { return replyCombined(c, subtract) }

func sinterstore(c *command.Ctx) error { return storeCombined(c, intersect, "sinterstore") }
func sunionstore(c *command.Ctx) error { return storeCombined(c, pile, "sunionstore") }
func sdiffstore(c *command.Ctx) error  { return storeCombined(c, subtract, "sdiffstore") }

func sintercard(c *command.Ctx) error { return countCombined(c, intersect) }
func sdiffcard(c *command.Ctx) error  { return countCombined(c, subtract) }

// noteFrom is the number of keys from which on it is noted which have come, lest one set be gone through very often.
const noteFrom = 16

// find looks up the sets under keys, those that are missing being empty. All are looked at, whatever the first ones hold. Of very many
// each comes once, however often it is named; but the first may come twice, since it may be subtracted from and be subtracted.
func find(c *command.Ctx, keys [][]byte) ([]store.Set, error) {
	sets := make([]store.Set, 0, len(keys))
	var noted map[string]bool
	if len(keys) >= noteFrom {
		noted = make(map[string]bool)
	}
	for i, key := range keys {
		s, err := c.DB.FindSet(key)
		if err != nil {
			return nil, err
		}
		if !noted[string(key)] {
			sets = append(sets, s)
		}
		if noted != nil && i > 0 {
			noted[string(key)] = true
		}
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return nil, err
			}
		}
	}
	return sets, nil
}

// replyCombined writes the set that op makes.
func replyCombined(c *command.Ctx, op operation) error {
	sets, err := find(c, c.Argv[1:])
	if err != nil {
		return err
	}
	if len(sets) == 1 {
		return replyAll(c, &sets[0])
	}
	n, header := 0, c.Reply.DeferLen()
	err = op(c, sets, func(member store.Value) bool {
		c.ReplyValue(member)
		n++
		return true
	})
	c.Reply.SetSetLen(header, n)
	return err
}

// storeCombined makes the set that op makes the value of the first key, or removes that if the set is empty.
func storeCombined(c *command.Ctx, op operation, event string) error {
	key := c.Argv[1]
	sets, err := find(c, c.Argv[2:])
	if err != nil {
		return err
	}
	draft := c.DB.DraftSet(true)
	defer draft.Drop()
	if err := op(c, sets, func(member store.Value) bool { draft.Add(member); return true }); err != nil {
		return err
	}
	n := draft.Len()
	if n > 0 {
		draft.Attach(key, store.NoExpiry)
		c.Modified(event, key)
	} else if c.DB.Delete(key) {
		c.Modified("del", key)
	}
	c.Reply.Int(int64(n))
	return nil
}

// cardArgs are the arguments of SINTERCARD and its like.
type cardArgs struct {
	keys   [][]byte
	limit  int64 // math.MaxInt64: none
	approx bool
}

// parseCard reads them. Only some of the commands know APPROX.
func parseCard(c *command.Ctx, approx bool) (o cardArgs, err error) {
	args := c.Args()
	n := args.IntOr(command.ErrNumKeys)
	switch {
	case args.Err() == nil && n < 1:
		args.Fail(command.ErrNumKeys)
	case n > int64(args.Len()):
		args.Fail(errTooManyKeys)
	}
	for args.Err() == nil && int64(len(o.keys)) < n {
		o.keys = append(o.keys, args.Key())
	}
	for args.More() {
		switch {
		case args.Len() >= 2 && args.Keyword("LIMIT"):
			if o.limit = args.IntOr(command.ErrLimit); o.limit < 0 {
				args.Fail(command.ErrLimit)
			}
		case approx && args.Keyword("APPROX"):
			o.approx = true
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if o.limit == 0 {
		o.limit = math.MaxInt64
	}
	return o, args.Done()
}

// countCombined writes how many members op shows, up to a limit.
func countCombined(c *command.Ctx, op operation) error {
	o, err := parseCard(c, false)
	if err != nil {
		return err
	}
	return o.count(c, op)
}

func (o *cardArgs) count(c *command.Ctx, op operation) error {
	sets, err := find(c, o.keys)
	if err != nil {
		return err
	}
	n := int64(0)
	if len(sets) == 1 {
		n = min(int64(sets[0].Len()), o.limit)
	} else if err := op(c, sets, func(store.Value) bool { n++; return n < o.limit }); err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}

func sunioncard(c *command.Ctx) error {
	o, err := parseCard(c, true)
	if err != nil {
		return err
	}
	if !o.approx {
		return o.count(c, unite)
	}
	sets, err := find(c, o.keys)
	if err != nil {
		return err
	}
	n, err := estimate(c, sets, o.limit)
	if err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}

// countEvery is how many members an estimate counts at least before it is worked out again.
const countEvery = 1000

// estimate tells about how many different members sets have, up to a limit.
func estimate(c *command.Ctx, sets []store.Set, limit int64) (int64, error) {
	var sketch hll.Sketch
	var text [num.MaxIntLen]byte
	w, enough := walk{c: c}, false
	seen, next := int64(0), limit // the estimate cannot come to the limit before next are seen
	for i := 0; i < len(sets) && !enough; i++ {
		err := w.each(&sets[i], func(member store.Value) bool {
			sketch.Add(store.Text(member, text[:0]))
			if seen++; seen >= next {
				n := sketch.Count()
				enough, next = n >= limit, seen+max(limit-n, countEvery)
			}
			return !enough
		})
		if err != nil {
			return 0, err
		}
	}
	return min(sketch.Count(), limit), nil
}

// walk goes through sets and ticks on the way.
type walk struct {
	c     *command.Ctx
	steps int
	err   error
	text  [num.MaxIntLen]byte // of an integer that is looked for
}

// each calls fn with every member of a set until it gives false, and gives the error that the command is to end with.
func (w *walk) each(s *store.Set, fn func(member store.Value) bool) error {
	s.Each(func(member store.Value) bool { return w.step(1) && fn(member) })
	return w.err
}

// step counts work, and ticks now and then; false when the command is to end at once.
func (w *walk) step(n int) bool {
	if w.steps += n; w.steps >= tickEvery {
		w.steps = 0
		w.err = w.c.Tick()
	}
	return w.err == nil
}

// has tells whether one of the sets has a member.
func (w *walk) has(sets []store.Set, member store.Value) bool {
	for i := range sets {
		if sets[i].HasValue(member, w.text[:0]) {
			w.steps += i
			return true
		}
	}
	w.steps += len(sets)
	return false
}

// intersect is the operation that shows what all sets have: it looks for the members of the smallest in the others.
func intersect(c *command.Ctx, sets []store.Set, show func(member store.Value) bool) error {
	slices.SortStableFunc(sets, func(a, b store.Set) int { return cmp.Compare(a.Len(), b.Len()) })
	least, others := &sets[0], sets[1:]
	if least.Len() == 0 {
		return nil
	}
	w := walk{c: c}
	return w.each(least, func(member store.Value) bool {
		for i := range others {
			if !others[i].HasValue(member, w.text[:0]) {
				w.steps += i
				return true
			}
		}
		w.steps += len(others)
		return show(member)
	})
}

// pile is unite for who does not mind to be shown a member again.
func pile(c *command.Ctx, sets []store.Set, show func(member store.Value) bool) error {
	w, more := walk{c: c}, true
	for i := 0; i < len(sets) && more; i++ {
		err := w.each(&sets[i], func(member store.Value) bool {
			more = show(member)
			return more
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lookMost is the number of sets up to which it is looked up in those before whether a member has been shown, instead of being noted.
const lookMost = 3

// unite is the operation that shows what any set has.
func unite(c *command.Ctx, sets []store.Set, show func(member store.Value) bool) error {
	if len(sets) > lookMost {
		shown := c.DB.DraftSet(true)
		defer shown.Drop()
		return pile(c, sets, func(member store.Value) bool { return !shown.Add(member) || show(member) })
	}
	largestFirst(sets)
	w, more := walk{c: c}, true
	for i := 0; i < len(sets) && more; i++ {
		err := w.each(&sets[i], func(member store.Value) bool {
			more = w.has(sets[:i], member) || show(member)
			return more
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func largestFirst(sets []store.Set) {
	slices.SortStableFunc(sets, func(a, b store.Set) int { return cmp.Compare(b.Len(), a.Len()) })
}

// subtract is the operation that shows what the first set has and no other. Either its members are looked for in the others, or
// those of the others taken out of a copy of it, whichever is less work.
func subtract(c *command.Ctx, sets []store.Set, show func(member store.Value) bool) error {
	first, others := &sets[0], sets[1:]
	looking, copying := first.Len(), first.Len()
	for i := range others {
		if others[i].Same(first) {
			return nil
		}
		if n := others[i].Len(); n > 0 {
			looking += first.Len()
			copying += n
		}
	}
	if looking/2 > copying { // to look is cheaper, and often ends early
		return subtractCopy(c, first, others, show)
	}
	largestFirst(others)
	w := walk{c: c}
	return w.each(first, func(member store.Value) bool {
		return w.has(others, member) || show(member)
	})
}

// subtractCopy is subtract with a copy of the first set.
func subtractCopy(c *command.Ctx, first *store.Set, others []store.Set, show func(member store.Value) bool) error {
	left := c.DB.DraftSet(true)
	defer left.Drop()
	w := walk{c: c}
	if err := w.each(first, func(member store.Value) bool { return left.Add(member) }); err != nil {
		return err
	}
	for i := range others {
		err := w.each(&others[i], func(member store.Value) bool {
			left.Delete(member)
			return left.Len() > 0
		})
		if err != nil {
			return err
		}
	}
	left.Each(func(member store.Value) bool { return w.step(1) && show(member) })
	return w.err
}
