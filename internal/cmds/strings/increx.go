// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// increment is what INCREX is asked to do with a number.
type increment struct {
	by, low, high []byte // as given; nil: not given
	float         bool
	saturate      bool // a result out of bounds becomes the bound; otherwise nothing is changed
	ifNone        bool // the expiration is for a key that has none
}

// raised is what becomes of a number.
type raised struct {
	declined bool // it would be out of bounds: it stays, and nothing is applied

	value, applied         int64
	floatValue, floatDelta []byte // texts, for INCREX BYFLOAT
}

// parseIncrement reads the options. None may be repeated.
func parseIncrement(a *command.Args) (x increment, o options) {
	for a.More() {
		switch {
		case x.by == nil && a.Len() > 1 && a.Keyword("BYINT"):
			x.by = a.Bytes()
		case x.by == nil && a.Len() > 1 && a.Keyword("BYFLOAT"):
			x.by, x.float = a.Bytes(), true
		case x.low == nil && a.Len() > 1 && a.Keyword("LBOUND"):
			x.low = a.Bytes()
		case x.high == nil && a.Len() > 1 && a.Keyword("UBOUND"):
			x.high = a.Bytes()
		case !x.saturate && a.Keyword("SATURATE"):
			x.saturate = true
		case !x.ifNone && !o.persist && a.Keyword("ENX"):
			x.ifNone = true
		case o.unit == 0 && !o.persist && o.option(a, takesPersist) && !(o.persist && x.ifNone):
		default:
			a.Fail(command.ErrSyntax)
		}
	}
	if a.Err() == nil && x.ifNone && o.unit == 0 {
		a.Fail(command.Error("ERR ENX flag requires an expiration"))
	}
	return x, o
}

func incrEx(c *command.Ctx) error {
	args := command.MakeArgs(c.Argv[2:])
	x, o := parseIncrement(&args)
	if err := args.Done(); err != nil {
		return err
	}
	var ints intSum
	var floats floatSum
	var err error
	if x.float {
		floats, err = x.floats()
	} else {
		ints, err = x.ints()
	}
	if err != nil {
		return err
	}
	at, err := o.expiry(c)
	if err != nil {
		return err
	}
	it, ok, err := c.DB.FindTypeWrite(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	var r raised
	if x.float {
		r, err = floats.raise(&it, ok, x.saturate)
	} else {
		r, err = ints.raise(&it, ok, x.saturate)
	}
	if err != nil {
		return err
	}
	if !r.declined {
		x.store(c, &it, ok, &r, o.persist, at)
	}
	c.Reply.Array(2)
	if x.float {
		c.Reply.Decimal(r.floatValue)
		c.Reply.Decimal(r.floatDelta)
	} else {
		c.Reply.Int(r.value)
		c.Reply.Int(r.applied)
	}
	return nil
}

// store gives the key its new number and its expiration, and tells watchers and the log.
func (x *increment) store(c *command.Ctx, it *store.Item, found bool, r *raised, persist bool, at int64) {
	key := c.Argv[1]
	had := found && it.Expiry() != store.NoExpiry
	if at == store.NoExpiry && !persist || x.ifNone && had {
		at = store.KeepExpiry
	}
	if at > 0 && c.DB.Over(at) {
		if found {
			c.DB.Remove(it)
			c.Modified("del", key)
			c.Propagate([]byte("DEL"), key)
		}
		return
	}
	text, event := r.floatValue, "incrbyfloat"
	if x.float {
		c.DB.SetText(key, text, at)
	} else {
		text, event = num.AppendInt(nil, r.value), "incrby"
		c.DB.SetInt(key, r.value, at)
	}
	c.Modified(event, key)
	switch {
	case at > 0:
		c.Host.Notify("expire", key)
	case persist && had:
		c.Host.Notify("persist", key)
	}
	propagateSet(c, key, text, at)
}

const errBounds = command.Error("ERR LBOUND can't be greater than UBOUND")

// intSum is an addition of integers within bounds.
type intSum struct{ by, low, high int64 }

// ints reads the numbers as integers.
func (x *increment) ints() (s intSum, err error) {
	s = intSum{by: 1, low: math.MinInt64, high: math.MaxInt64}
	for _, n := range [...]struct {
		text []byte
		name string
		to   *int64
	}{{x.by, "Increment", &s.by}, {x.low, "LBOUND", &s.low}, {x.high, "UBOUND", &s.high}} {
		if n.text == nil {
			continue
		}
		var ok bool
		if *n.to, ok = num.ParseInt(n.text); !ok {
			return s, command.Error("ERR " + n.name + " is not an integer or out of range")
		}
	}
	if s.low > s.high {
		return s, errBounds
	}
	return s, nil
}

// raise adds to the integer of a string, to 0 without one.
func (s *intSum) raise(it *store.Item, found, saturate bool) (r raised, err error) {
	var old int64
	if found {
		var scratch [longestInt]byte
		var ok bool
		if old, ok = num.ParseInt(it.Slice(0, longestInt, scratch[:0])); !ok {
			return r, command.ErrNotInteger
		}
	}
	sum := old + s.by
	tooHigh := s.by > 0 && sum < old
	tooLow := s.by < 0 && sum > old
	switch {
	case tooHigh || !tooLow && sum > s.high:
		sum = s.high
	case tooLow || sum < s.low:
		sum = s.low
	default:
		return raised{value: sum, applied: s.by}, nil
	}
	if !saturate {
		return raised{declined: true, value: old}, nil
	}
	applied := sum - old
	if (applied > 0) != (sum > old) {
		return r, command.Error("ERR applied increment would overflow")
	}
	return raised{value: sum, applied: applied}, nil
}

// floatSum is an addition of floating-point numbers within bounds.
type floatSum struct{ by, low, high num.LongDouble }

// floats reads the numbers as floating-point ones.
func (x *increment) floats() (s floatSum, err error) {
	s = floatSum{low: num.MaxLongDouble(true), high: num.MaxLongDouble(false)}
	for _, n := range [...]struct {
		text []byte
		name string
		to   *num.LongDouble
	}{{x.by, "Increment", &s.by}, {x.low, "LBOUND", &s.low}, {x.high, "UBOUND", &s.high}} {
		if n.text == nil {
			continue
		}
		var ok bool
		if *n.to, ok = num.ParseLongDouble(n.text); !ok {
			return s, command.Error("ERR " + n.name + " is not a valid float")
		}
		if n.to == &s.by && s.by.IsInf() {
			return s, command.Error("ERR BYFLOAT increment cannot be Infinity")
		}
	}
	if s.low.Cmp(s.high) > 0 {
		return s, errBounds
	}
	return s, nil
}

// raise adds to the number of a string, to 0 without one.
func (s *floatSum) raise(it *store.Item, found, saturate bool) (r raised, err error) {
	var old num.LongDouble
	if found {
		var ok bool
		if old, ok = longDoubleOf(it); !ok {
			return r, command.ErrNotFloat
		}
		if old.IsInf() {
			return r, command.Error("ERR value cannot be Infinity")
		}
	}
	sum, finite := old.Add(s.by)
	down := s.by.Cmp(num.LongDouble{}) < 0
	switch {
	case !finite && !down, finite && sum.Cmp(s.high) > 0:
		sum = s.high
	case !finite, sum.Cmp(s.low) < 0:
		sum = s.low
	default:
		return raised{floatValue: textOf(sum), floatDelta: textOf(s.by)}, nil
	}
	if !saturate {
		return raised{declined: true, floatValue: textOf(old), floatDelta: []byte("0")}, nil
	}
	delta, ok := sum.Sub(old)
	if !ok {
		return r, command.Error("ERR applied increment would be Infinity")
	}
	return raised{floatValue: textOf(sum), floatDelta: textOf(delta)}, nil
}

func textOf(l num.LongDouble) []byte { return num.AppendLongDouble(nil, l) }
