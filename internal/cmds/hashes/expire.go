// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// What commands on the expiries of fields reply for each field.
const (
	noField      = -2
	noExpiration = -1
	unmet        = 0 // the condition does not hold
	done         = 1
	deleted      = 2 // the time given is over
)

// Errors of the arguments of commands that name fields behind FIELDS.
const (
	errTime          command.Error = "ERR invalid expire time, must be >= 0"
	errFieldsTwice   command.Error = "ERR FIELDS keyword specified multiple times"
	errFieldsShort   command.Error = "ERR FIELDS requires at least numfields and one field argument"
	errFieldsMissing command.Error = "ERR missing FIELDS argument"
	errFieldsPlace   command.Error = "ERR Mandatory argument FIELDS is missing or not at the right position"
	errNumFields     command.Error = "ERR Parameter `numFields` should be greater than 0"
	errNumPositive   command.Error = "ERR Number of fields must be a positive integer"
	errNumMatch      command.Error = "ERR The `numfields` parameter must match the number of arguments"
	errFieldsCount   command.Error = "ERR wrong number of arguments"
	errConditions    command.Error = "ERR Multiple condition flags specified"
)

func errUnknown(arg []byte) error {
	return command.Error("ERR unknown argument: " + string(command.UpToNUL(arg)))
}

// maxExpiry is the latest expiration that a field may have, in Unix ms, as in Redis.
const maxExpiry = 1<<46 - 1

// parseExpiry turns an expiration's text, in units of so many ms from base (Unix ms) on, into Unix ms.
func parseExpiry(c *command.Ctx, text []byte, unit, base int64) (int64, error) {
	at, ok := num.ParseInt(text)
	switch {
	case !ok:
		return 0, command.ErrNotInteger
	case at < 0:
		return 0, errTime
	case at > maxExpiry/unit || at*unit > maxExpiry-base:
		return 0, command.Error("ERR invalid expire time in '" + c.Spec.FullName() + "' command")
	}
	return at*unit + base, nil
}

// condition is under which HEXPIRE and its like change a field.
type condition uint8

const (
	ifNone condition = 1 << iota
	ifSome
	ifLater
	ifSooner
)

// holds tells whether an expiration may go from old (0: none) to at.
func (w condition) holds(old, at int64) bool {
	switch w {
	case ifNone:
		return old == 0
	case ifSome:
		return old != 0
	case ifLater:
		return old != 0 && at > old
	case ifSooner:
		return old == 0 || at < old
	}
	return true
}

// parseCondition reads what stands behind the time of HEXPIRE and its like: a condition and the fields, in any order.
func parseCondition(args [][]byte) (fields [][]byte, w condition, err error) {
	words := [...]string{"NX", "XX", "GT", "LT"}
next:
	for i := 0; i < len(args); i++ {
		if command.EqualFold(args[i], "FIELDS") {
			switch {
			case fields != nil:
				return nil, 0, errFieldsTwice
			case i+2 >= len(args):
				return nil, 0, errFieldsShort
			}
			n, ok := num.ParseInt(args[i+1])
			rest := args[i+2:]
			switch {
			case !ok || n < 1 || n > math.MaxInt32:
				return nil, 0, errNumFields
			case n > int64(len(rest)):
				return nil, 0, errFieldsCount
			}
			fields = rest[:n]
			i += 1 + int(n)
			continue
		}
		for bit, word := range words {
			if command.EqualFold(args[i], word) {
				w |= 1 << bit
				continue next
			}
		}
		return nil, 0, errUnknown(args[i])
	}
	switch {
	case fields == nil:
		return nil, 0, errFieldsMissing
	case w&(w-1) != 0:
		return nil, 0, errConditions
	}
	return fields, w, nil
}

func hexpire(c *command.Ctx) error    { return expireBy(c, 1000, c.Now()) }
func hpexpire(c *command.Ctx) error   { return expireBy(c, 1, c.Now()) }
func hexpireat(c *command.Ctx) error  { return expireBy(c, 1000, 0) }
func hpexpireat(c *command.Ctx) error { return expireBy(c, 1, 0) }

// expireBy sets the expiration of fields that the command names in units of so many ms from base (Unix ms) on.
func expireBy(c *command.Ctx, unit, base int64) error {
	h, err := c.DB.FindHashWrite(c.Argv[1])
	if err != nil {
		return err
	}
	at, err := parseExpiry(c, c.Argv[2], unit, base)
	if err != nil {
		return err
	}
	fields, when, err := parseCondition(c.Argv[3:])
	if err != nil {
		return err
	}
	c.DB.Reserve(len(fields) * store.FieldExpirySize)
	c.Reply.Array(len(fields))
	var ch changes
	for i, field := range fields {
		result := int64(done)
		switch old, ok := h.Expiry(field); {
		case !ok:
			result = noField
		case !when.holds(old, at):
			result = unmet
		case c.DB.Over(at):
			h.Expire(field)
			ch.deleted = append(ch.deleted, field)
			result = deleted
		default:
			h.SetExpiry(field, at)
			ch.changed = append(ch.changed, field)
		}
		c.Reply.Int(result)
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see setAll
		}
	}
	ch.tell(c, &h, "hexpire", at)
	return nil
}

// changes are the fields whose expiration a command changed, and those that it deleted.
type changes struct{ changed, deleted [][]byte }

// tell says what changed, to watchers and the log, which gets results: event is what happened to changed, whose expiration
// is at now, store.NoExpiry for none.
func (ch *changes) tell(c *command.Ctx, h *store.Hash, event string, at int64) {
	key := c.Argv[1]
	if len(ch.deleted) > 0 {
		c.ModifiedFields("hdel", key, ch.deleted, 1)
		c.Propagate(append([][]byte{[]byte("HDEL"), key}, ch.deleted...)...)
	}
	if len(ch.changed) > 0 {
		c.ModifiedFields(event, key, ch.changed, 1)
		argv := [][]byte{[]byte("HPERSIST"), key}
		if at != store.NoExpiry {
			argv = [][]byte{[]byte("HPEXPIREAT"), key, strconv.AppendInt(nil, at, 10)}
		}
		argv = append(argv, []byte("FIELDS"), strconv.AppendInt(nil, int64(len(ch.changed)), 10))
		c.Propagate(append(argv, ch.changed...)...)
	}
	if n := len(ch.changed) + len(ch.deleted); n > 0 {
		c.Dirty = int64(n)
	}
	if len(ch.deleted) > 0 && h.Len() == 0 {
		c.Host.Notify("del", key)
	}
}

// parseFields reads FIELDS, the number of fields, and as many fields up to the end of the arguments.
func parseFields(args [][]byte) (fields [][]byte, err error) {
	if !command.EqualFold(args[0], "FIELDS") {
		return nil, errFieldsPlace
	}
	n, ok := num.ParseInt(args[1])
	switch {
	case !ok || n < 1:
		return nil, errNumPositive
	case n != int64(len(args)-2):
		return nil, errNumMatch
	}
	return args[2:], nil
}

func hpersist(c *command.Ctx) error {
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
		result := int64(done)
		switch old, ok := h.Expiry(field); {
		case !ok:
			result = noField
		case old == 0:
			result = noExpiration
		default:
			h.SetExpiry(field, store.NoExpiry)
			ch.changed = append(ch.changed, field)
		}
		c.Reply.Int(result)
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see setAll
		}
	}
	ch.tell(c, &h, "hpersist", store.NoExpiry)
	return nil
}

func httl(c *command.Ctx) error         { return replyExpiries(c, 1000, c.Now()) }
func hpttl(c *command.Ctx) error        { return replyExpiries(c, 1, c.Now()) }
func hexpiretime(c *command.Ctx) error  { return replyExpiries(c, 1000, 0) }
func hpexpiretime(c *command.Ctx) error { return replyExpiries(c, 1, 0) }

// replyExpiries replies with the expirations of fields in units of so many ms from base on, rounded up.
func replyExpiries(c *command.Ctx, unit, base int64) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	fields, err := parseFields(c.Argv[2:])
	if err != nil {
		return err
	}
	c.Reply.Array(len(fields))
	for i, field := range fields {
		switch at, ok := h.Expiry(field); {
		case !ok:
			c.Reply.Int(noField)
		case at == 0:
			c.Reply.Int(noExpiration)
		default:
			c.Reply.Int((at - base + unit - 1) / unit)
		}
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}
