// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of HGETEX's and HSETEX's options.
const (
	errFieldNumber command.Error = "ERR invalid number of fields"
	errNoTime      command.Error = "ERR missing expire time"
	errOneCheck    command.Error = "ERR Only one of FXX or FNX arguments can be specified"
	errOneOfGet    command.Error = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"
	errOneOfSet    command.Error = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
)

// exOptions are the arguments of HGETEX and HSETEX behind the key.
type exOptions struct {
	expire   bool  // an expiration was given
	at       int64 // that, in Unix ms
	persist  bool
	keep     bool
	fxx, fnx bool
	fields   [][]byte // each with its value behind it in HSETEX
}

// expiryWords are the options that give an expiration.
var expiryWords = [...]struct {
	word     string
	unit     int64 // ms
	absolute bool
}{{"EX", 1000, false}, {"PX", 1, false}, {"EXAT", 1000, true}, {"PXAT", 1, true}}

// parseEx reads the options of HGETEX, or of HSETEX, in any order.
func parseEx(c *command.Ctx, set bool) (o exOptions, err error) {
	oneOf := errOneOfGet
	if set {
		oneOf = errOneOfSet
	}
	args := c.Argv[2:]
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		chosen := o.expire || o.persist || o.keep
		switch {
		case command.EqualFold(word, "FIELDS"):
			if args, err = o.parseFields(c, args, set); err != nil {
				return o, err
			}
		case !set && command.EqualFold(word, "PERSIST"):
			if chosen {
				return o, oneOf
			}
			o.persist = true
		case set && command.EqualFold(word, "KEEPTTL"):
			if chosen {
				return o, oneOf
			}
			o.keep = true
		case set && (command.EqualFold(word, "FXX") || command.EqualFold(word, "FNX")):
			if o.fxx || o.fnx {
				return o, errOneCheck
			}
			o.fxx = command.EqualFold(word, "FXX")
			o.fnx = !o.fxx
		default:
			unit, base := expiryUnit(c, word)
			switch {
			case unit == 0:
				return o, errUnknown(word)
			case chosen:
				return o, oneOf
			case len(args) == 0:
				return o, errNoTime
			}
			o.expire = true
			if o.at, err = parseExpiry(c, args[0], unit, base); err != nil {
				return o, err
			}
			args = args[1:]
		}
	}
	if o.fields == nil {
		return o, errFieldsMissing
	}
	return o, nil
}

// expiryUnit gives the unit in ms of an option that gives an expiration, and the Unix ms that it counts from; 0 for any other
// word.
func expiryUnit(c *command.Ctx, word []byte) (unit, base int64) {
	for _, e := range expiryWords {
		if command.EqualFold(word, e.word) {
			if !e.absolute {
				base = c.Now()
			}
			return e.unit, base
		}
	}
	return 0, 0
}

// parseFields reads what stands behind FIELDS and gives the rest.
func (o *exOptions) parseFields(c *command.Ctx, args [][]byte, pairs bool) (rest [][]byte, err error) {
	switch {
	case o.fields != nil:
		return nil, errFieldsTwice
	case len(args) == 0:
		return nil, command.ErrArity(c.Spec.FullName())
	}
	n, ok := num.ParseInt(args[0])
	if !ok || n < 1 || n > math.MaxInt32 {
		return nil, errFieldNumber
	}
	if pairs {
		n *= 2
	}
	args = args[1:]
	if n > int64(len(args)) {
		return nil, errFieldsCount
	}
	o.fields = args[:n]
	return args[n:], nil
}

// hgetex replies with the values, and changes each field's expiration once its value is written.
func hgetex(c *command.Ctx) error {
	h, err := c.DB.FindHashWrite(c.Argv[1])
	if err != nil {
		return err
	}
	o, err := parseEx(c, false)
	if err != nil {
		return err
	}
	if o.expire {
		c.DB.Reserve(len(o.fields) * store.FieldExpirySize)
	}
	c.Reply.Array(len(o.fields))
	var ch changes
	for i, field := range o.fields {
		if v, ok := h.Get(field); !ok {
			c.Reply.Null()
		} else {
			c.ReplyValue(v)
			o.apply(c, &h, field, &ch)
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see setAll
		}
	}
	if o.persist {
		ch.tell(c, &h, "hpersist", store.NoExpiry)
	} else {
		ch.tell(c, &h, "hexpire", o.at)
	}
	return nil
}

// apply does with a field's expiration what HGETEX was told.
func (o *exOptions) apply(c *command.Ctx, h *store.Hash, field []byte, ch *changes) {
	old, _ := h.Expiry(field)
	switch {
	case o.persist:
		if old != 0 {
			h.SetExpiry(field, store.NoExpiry)
			ch.changed = append(ch.changed, field)
		}
	case !o.expire:
	case c.DB.Over(o.at):
		h.Expire(field)
		ch.deleted = append(ch.deleted, field)
	default:
		h.SetExpiry(field, o.at)
		ch.changed = append(ch.changed, field)
	}
}

func hsetex(c *command.Ctx) error {
	o, err := parseEx(c, true)
	if err != nil {
		return err
	}
	h, err := c.DB.FindHashWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if (o.fxx || o.fnx) && !o.mayset(c, &h) {
		c.Reply.Int(0)
		return nil
	}
	switch {
	case o.expire && c.DB.Over(o.at):
		o.setOver(c, &h)
	case o.expire:
		o.set(c, &h, o.at)
	case o.keep:
		o.set(c, &h, store.KeepExpiry)
	default:
		o.set(c, &h, store.NoExpiry)
	}
	c.Reply.Int(1)
	return nil
}

// mayset tells whether all of the fields are there (FXX) or none is (FNX).
func (o *exOptions) mayset(c *command.Ctx, h *store.Hash) bool {
	for i := 0; i < len(o.fields); i += 2 {
		if _, ok := h.Get(o.fields[i]); ok != o.fxx {
			return false
		}
		if i%(2*tickEvery) == 2*(tickEvery-1) {
			_ = c.Tick()
		}
	}
	return true
}

// set gives the fields their values and the expiration at (see store.Hash.Set).
func (o *exOptions) set(c *command.Ctx, h *store.Hash, at int64) {
	key := c.Argv[1]
	setAll(c, h, o.fields, at)
	c.ModifiedFields("hset", key, o.fields, 2)
	if o.expire {
		c.Host.NotifyFields("hexpire", key, o.fields, 2)
		argv := [][]byte{[]byte("HSETEX"), key, []byte("PXAT"), strconv.AppendInt(nil, at, 10), []byte("FIELDS"),
			strconv.AppendInt(nil, int64(len(o.fields)/2), 10)}
		c.Propagate(append(argv, o.fields...)...)
	}
	c.Dirty = int64(len(o.fields) / 2)
}

// setOver is set for an expiration that is over: the fields go at once.
func (o *exOptions) setOver(c *command.Ctx, h *store.Hash) {
	key := c.Argv[1]
	argv := [][]byte{[]byte("HDEL"), key}
	for i := 0; i < len(o.fields); i += 2 {
		h.Expire(o.fields[i])
		argv = append(argv, o.fields[i])
		if i%(2*tickEvery) == 2*(tickEvery-1) {
			_ = c.Tick() // see setAll
		}
	}
	c.ModifiedFields("hset", key, o.fields, 2)
	c.Host.NotifyFields("hdel", key, o.fields, 2)
	if h.Len() == 0 {
		c.Host.Notify("del", key)
	}
	c.Propagate(argv...)
	c.Dirty = int64(len(o.fields) / 2)
}

func hgetdel(c *command.Ctx) error {
	h, err := c.DB.FindHashWrite(c.Argv[1])
	if err != nil {
		return err
	}
	fields, err := parseFields(c.Argv[2:])
	if err != nil {
		return err
	}
	c.Reply.Array(len(fields))
	var ch changes
	for i, field := range fields {
		if v, ok := h.Get(field); !ok {
			c.Reply.Null()
		} else {
			c.ReplyValue(v)
			h.Delete(field)
			ch.deleted = append(ch.deleted, field)
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see setAll
		}
	}
	ch.tell(c, &h, "", store.NoExpiry)
	return nil
}
