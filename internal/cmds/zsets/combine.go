// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"cmp"
	"math"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// errWeight is the error of WEIGHTS.
const errWeight command.Error = "ERR weight value is not a float"

// aggregate is how the scores of a member in several sets become one.
type aggregate uint8

const (
	sum aggregate = iota
	least
	greatest
	count // the sum of the sets' weights, whatever the scores are
)

// of gives the one score of two.
func (a aggregate) of(x, y float64) float64 {
	switch a {
	case least:
		if y < x {
			return y
		}
		return x
	case greatest:
		if y > x {
			return y
		}
		return x
	}
	return number(x + y)
}

// number is f, or 0 if it is none: what infinities of both signs add up to, or an infinite score comes to with the weight 0.
func number(f float64) float64 {
	if f != f {
		return 0
	}
	return f
}

// operand is one of the sets of a command on several: a sorted set, or a set, all of whose scores are 1.
type operand struct {
	weight float64
	plain  bool // a set
	set    store.Set
	zset   store.ZSet
}

// open finds the set of a key; the error is store.ErrWrongType.
func (o *operand) open(db *store.DB, key []byte) error {
	it, ok := db.Find(key)
	switch {
	case !ok:
	case it.Type() == store.TypeZSet:
		o.zset = db.ZSetOf(&it)
	case it.Type() == store.TypeSet:
		o.set, o.plain = db.SetOf(&it), true
	default:
		return store.ErrWrongType
	}
	return nil
}

func (o *operand) len() int {
	if o.plain {
		return o.set.Len()
	}
	return o.zset.Len()
}

// score gives a member's score; false when it is not in the set.
func (o *operand) score(member []byte) (float64, bool) {
	if o.plain {
		return 1, o.set.Has(member)
	}
	return o.zset.Score(member)
}

// each calls fn with every member until it gives false.
func (o *operand) each(fn func(m store.Value, score float64) bool) {
	if o.plain {
		o.set.Each(func(m store.Value) bool { return fn(m, 1) })
		return
	}
	o.zset.Each(0, o.zset.Len(), false, fn)
}

// weighted gives what a score in the set counts, which may be NaN.
func (o *operand) weighted(score float64, a aggregate) float64 {
	if a == count {
		return o.weight
	}
	return score * o.weight
}

// operation is a command on several sets, as its arguments have it.
type operation struct {
	c          *command.Ctx
	keys       [][]byte
	operands   []operand
	aggregate  aggregate
	withScores bool
	limit      int64 // of ZINTERCARD; 0: none
}

// options says which options a command on several sets has.
type options struct{ weights, withScores, limit bool }

// parseOperation reads the number of keys, the keys and the options, and finds the sets in between, as Redis does.
func parseOperation(c *command.Ctx, args *command.Args, has options) (o *operation, err error) {
	n := args.Int()
	switch {
	case args.Err() != nil:
	case n < 1:
		args.Fail(command.Error("ERR at least 1 input key is needed for '" + c.Spec.FullName() + "' command"))
	case n > int64(args.Len()):
		args.Fail(command.ErrSyntax)
	}
	if err := args.Err(); err != nil {
		return nil, err
	}
	o = &operation{c: c, operands: make([]operand, n)}
	for i := range o.operands {
		key := args.Key()
		o.keys = append(o.keys, key)
		o.operands[i].weight = 1
		if err := o.operands[i].open(c.DB, key); err != nil {
			return nil, err
		}
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return nil, err
			}
		}
	}
	o.parseOptions(args, has)
	return o, args.Done()
}

func (o *operation) parseOptions(args *command.Args, has options) {
	for args.More() {
		switch {
		case has.weights && args.Len() > len(o.operands) && args.Keyword("WEIGHTS"):
			for i := range o.operands {
				weight, ok := num.ParseFloat(args.Bytes())
				if !ok {
					args.Fail(errWeight)
				}
				o.operands[i].weight = weight
			}
		case has.weights && args.Len() >= 2 && args.Keyword("AGGREGATE"):
			o.parseAggregate(args)
		case has.withScores && args.Keyword("WITHSCORES"):
			o.withScores = true
		case has.limit && args.Len() >= 2 && args.Keyword("LIMIT"):
			if o.limit = args.IntOr(command.ErrLimit); o.limit < 0 {
				args.Fail(command.ErrLimit)
			}
		default:
			args.Fail(command.ErrSyntax)
		}
	}
}

func (o *operation) parseAggregate(args *command.Args) {
	for a, word := range [...]string{sum: "SUM", least: "MIN", greatest: "MAX", count: "COUNT"} {
		if args.Keyword(word) {
			o.aggregate = aggregate(a)
			return
		}
	}
	args.Fail(command.ErrSyntax)
}

// sort puts the smallest set first; equal ones stay in their order, which decides how sums are rounded.
func (o *operation) sort() {
	slices.SortStableFunc(o.operands, func(a, b operand) int { return cmp.Compare(a.len(), b.len()) })
}

// union gathers the members of all sets.
func (o *operation) union() (*gathering, error) {
	o.sort()
	g := &gathering{c: o.c}
	for i := range o.operands {
		var err error
		operand := &o.operands[i]
		operand.each(func(m store.Value, score float64) bool {
			score = number(operand.weighted(score, o.aggregate))
			if at, there := g.member(m, score); there {
				at.Score = o.aggregate.of(at.Score, score)
			}
			err = g.tick()
			return err == nil
		})
		if err != nil {
			return nil, err
		}
	}
	g.sort()
	return g, nil
}

// eachCommon calls fn with the members that are in all sets until it gives false.
func (o *operation) eachCommon(fn func(m store.Value, score float64) bool) (err error) {
	o.sort()
	g := gathering{c: o.c} // for its tick
	first := &o.operands[0]
	first.each(func(m store.Value, score float64) bool {
		result := number(first.weighted(score, o.aggregate))
		var scratch [num.MaxIntLen]byte
		text := store.Text(m, scratch[:0])
		for i := range o.operands[1:] {
			other := &o.operands[1+i]
			if err = g.tick(); err != nil {
				return false
			}
			score, ok := other.score(text)
			if !ok {
				return true
			}
			result = o.aggregate.of(result, other.weighted(score, o.aggregate))
		}
		err = g.tick()
		return err == nil && fn(m, result)
	})
	return err
}

// intersection gathers the members that are in all sets.
func (o *operation) intersection() (*gathering, error) {
	g := &gathering{c: o.c}
	err := o.eachCommon(func(m store.Value, score float64) bool {
		g.add(m, score)
		return true
	})
	g.sort()
	return g, err
}

// difference gathers the members that are in the first set and in no other: it looks each up in the others, or takes the
// others' members out of it, whatever looks at fewer.
func (o *operation) difference() (g *gathering, err error) {
	g = &gathering{c: o.c}
	first, others := &o.operands[0], o.operands[1:]
	total := 0
	for i := range others {
		total += others[i].len()
	}
	if first.len() == 0 {
		return g, nil
	}
	if total/len(o.operands) < first.len()/2 {
		err = o.subtract(g)
	} else {
		slices.SortStableFunc(others, func(a, b operand) int { return cmp.Compare(b.len(), a.len()) })
		err = o.lookUp(g)
	}
	g.sort()
	return g, err
}

// lookUp gathers the members of the first set that the others do not have.
func (o *operation) lookUp(g *gathering) (err error) {
	o.operands[0].each(func(m store.Value, score float64) bool {
		var scratch [num.MaxIntLen]byte
		text := store.Text(m, scratch[:0])
		for i := range o.operands[1:] {
			if err = g.tick(); err != nil {
				return false
			}
			if _, ok := o.operands[1+i].score(text); ok {
				return true
			}
		}
		g.add(m, score)
		err = g.tick()
		return err == nil
	})
	return err
}

// subtract gathers the members of the first set and takes those of the others away.
func (o *operation) subtract(g *gathering) (err error) {
	o.operands[0].each(func(m store.Value, score float64) bool {
		g.member(m, score)
		err = g.tick()
		return err == nil
	})
	gone := math.NaN() // no member has this score
	for i := range o.operands[1:] {
		if err != nil {
			return err
		}
		o.operands[1+i].each(func(m store.Value, _ float64) bool {
			if at := g.get(m); at != nil {
				at.Score = gone
			}
			err = g.tick()
			return err == nil
		})
	}
	g.list = slices.DeleteFunc(g.list, func(m store.Scored) bool { return m.Score != m.Score })
	return err
}

func zunion(c *command.Ctx) error { return replyOperation(c, (*operation).union, true) }
func zinter(c *command.Ctx) error { return replyOperation(c, (*operation).intersection, true) }
func zdiff(c *command.Ctx) error  { return replyOperation(c, (*operation).difference, false) }

// replyOperation implements the forms that reply with the result.
func replyOperation(c *command.Ctx, gather func(*operation) (*gathering, error), weights bool) error {
	args := c.Args()
	o, err := parseOperation(c, &args, options{weights: weights, withScores: true})
	if err != nil {
		return err
	}
	g, err := gather(o)
	if err != nil {
		return err
	}
	return g.reply(o.withScores)
}

func zunionstore(c *command.Ctx) error {
	return storeOperation(c, (*operation).union, true, "zunionstore")
}

func zinterstore(c *command.Ctx) error {
	return storeOperation(c, (*operation).intersection, true, "zinterstore")
}

func zdiffstore(c *command.Ctx) error {
	return storeOperation(c, (*operation).difference, false, "zdiffstore")
}

// storeOperation implements the forms that store the result.
func storeOperation(c *command.Ctx, gather func(*operation) (*gathering, error), weights bool, event string) error {
	args := c.Args()
	dst := args.Key()
	o, err := parseOperation(c, &args, options{weights: weights})
	if err != nil {
		return err
	}
	g, err := gather(o)
	if err != nil {
		return err
	}
	g.store(dst, o.keys, event)
	return nil
}

func zintercard(c *command.Ctx) error {
	args := c.Args()
	o, err := parseOperation(c, &args, options{limit: true})
	if err != nil {
		return err
	}
	n := int64(0)
	err = o.eachCommon(func(store.Value, float64) bool {
		n++
		return n != o.limit
	})
	if err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}
