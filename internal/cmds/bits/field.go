// SPDX-License-Identifier: BSD-3-Clause

package bits

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// overflow is what happens to a number that does not fit its field.
type overflow uint8

const (
	wrap overflow = iota
	saturate
	fail
)

// field is a number within a string: so many bits from a place on, highest first, in two's complement when signed.
type field struct {
	offset int64 // in bits
	width  int   // up to 64, or 63 when unsigned
	signed bool
}

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	field
	writes bool
	raises bool  // by the operand; otherwise a writing operation sets the field to it
	by     int64 // the operand
	over   overflow
}

// parseFieldOps reads all operations. end is the bytes that those which write need the string to have, 0 when none writes.
func parseFieldOps(c *command.Ctx) (ops []fieldOp, end int, err error) {
	a := command.MakeArgs(c.Argv[2:])
	over := wrap
	for a.More() {
		op := fieldOp{over: over}
		switch {
		case a.Len() >= 3 && a.Keyword("GET"):
		case a.Len() >= 4 && a.Keyword("SET"):
			op.writes = true
		case a.Len() >= 4 && a.Keyword("INCRBY"):
			op.writes, op.raises = true, true
		case a.Len() >= 2 && a.Keyword("OVERFLOW"):
			if over, err = parseOverflow(a.Bytes()); err != nil {
				return nil, 0, err
			}
			continue
		default:
			return nil, 0, command.ErrSyntax
		}
		if op.field, err = parseField(c, a.Bytes(), a.Bytes()); err != nil {
			return nil, 0, err
		}
		if op.writes {
			op.by = a.Int()
			end = max(end, int(op.offset+int64(op.width)+7)/8)
		}
		ops = append(ops, op)
	}
	return ops, end, a.Done()
}

func parseOverflow(word []byte) (overflow, error) {
	switch {
	case command.EqualFold(word, "WRAP"):
		return wrap, nil
	case command.EqualFold(word, "SAT"):
		return saturate, nil
	case command.EqualFold(word, "FAIL"):
		return fail, nil
	}
	return 0, command.Error("ERR Invalid OVERFLOW type specified")
}

// parseField reads a type, as in i16 or u8, and a place.
func parseField(c *command.Ctx, kind, place []byte) (f field, err error) {
	kind = command.UpToNUL(kind)
	ok := len(kind) > 0 && (kind[0] == 'i' || kind[0] == 'u')
	if ok {
		var width int64
		width, ok = num.ParseInt(kind[1:])
		f.signed = kind[0] == 'i'
		f.width = int(width)
		ok = ok && width >= 1 && (width <= 63 || width == 64 && f.signed)
	}
	if !ok {
		return f, command.Error("ERR Invalid bitfield type. Use something like i16 u8. " +
			"Note that u64 is not supported but i64 is.")
	}
	f.offset, err = bitOffset(c, place, int64(f.width))
	return f, err
}

func bitField(c *command.Ctx) error   { return runFields(c, false) }
func bitFieldRO(c *command.Ctx) error { return runFields(c, true) }

func runFields(c *command.Ctx, readOnly bool) error {
	key := c.Argv[1]
	ops, end, err := parseFieldOps(c)
	if err != nil {
		return err
	}
	if readOnly && end > 0 {
		return command.Error("ERR BITFIELD_RO only supports the GET subcommand")
	}
	var it store.Item
	found, changed := end > 0, false
	if end > 0 {
		it, changed, err = writable(c, key, end)
	} else {
		it, found, err = c.DB.FindType(key, store.TypeString)
	}
	if err != nil {
		return err
	}
	c.Reply.Array(len(ops))
	for i := range ops {
		var b block
		if found {
			b.read(&it, ops[i].field)
		}
		if ops[i].run(c, &b) {
			b.write(c.DB, &it)
			changed = true
		}
		if i%1000 == 999 {
			if err := c.Tick(); err != nil && !changed { // the log must not get half a command
				return err
			}
		}
	}
	if changed {
		c.Modified("setbit", key)
	}
	return nil
}

// run replies to an operation on a field that lies in b, and tells whether it has changed it.
func (op *fieldOp) run(c *command.Ctx, b *block) (changed bool) {
	old := b.get(op.field)
	if !op.writes {
		c.Reply.Int(old)
		return false
	}
	value, by := op.by, int64(0)
	if op.raises {
		value, by = old, op.by
	}
	value, fits := op.add(value, by, op.over)
	if !fits && op.over == fail {
		c.Reply.Null()
		return false
	}
	if op.raises {
		c.Reply.Int(value)
	} else {
		c.Reply.Int(old)
	}
	b.set(op.field, value)
	return value != old
}

// add gives value + by as the field can hold it, and whether the sum fits as it is. value itself need not fit.
func (f field) add(value, by int64, over overflow) (sum int64, fits bool) {
	if f.signed {
		return f.addSigned(value, by, over)
	}
	return f.addUnsigned(uint64(value), by, over)
}

func (f field) addSigned(value, by int64, over overflow) (sum int64, fits bool) {
	high := int64(math.MaxInt64) >> (64 - f.width)
	low := -high - 1
	up, down := high-value, low-value // these wrap for a value far outside, and the sum then counts as too high, as in Redis
	narrow := f.width < 64
	limit := low
	switch {
	case value > high || narrow && by > up || value >= 0 && by > 0 && by > up:
		limit = high
	case value < low || narrow && by < down || value < 0 && by < 0 && by < down:
	default:
		return value + by, true
	}
	if over == saturate {
		return limit, false
	}
	return (value + by) << (64 - f.width) >> (64 - f.width), false
}

func (f field) addUnsigned(value uint64, by int64, over overflow) (sum int64, fits bool) {
	high := uint64(1)<<f.width - 1
	limit := uint64(0)
	switch {
	case value > high || by > 0 && uint64(by) > high-value:
		limit = high
	case by < 0 && -uint64(by) > value:
	default:
		return int64(value + uint64(by)), true
	}
	if over == saturate {
		return int64(limit), false
	}
	return int64((value + uint64(by)) & high), false
}

// block is a copy of the bytes that hold a field, followed by zeros: 64 bits lie in up to nine of them.
type block struct {
	at, n int // where they lie in the string, and how many they are
	bytes [9]byte
}

// read copies the bytes of a field, as many as the string has.
func (b *block) read(it *store.Item, f field) {
	b.at = int(f.offset / 8)
	b.n = int(f.offset+int64(f.width)+7)/8 - b.at
	var scratch [24]byte
	copy(b.bytes[:], it.Slice(b.at, b.n, scratch[:0]))
}

// write copies the bytes back into the string, which has them all.
func (b *block) write(db *store.DB, it *store.Item) {
	rest := b.bytes[:b.n]
	db.EditString(it, b.at, b.n, func(piece []byte) { rest = rest[copy(piece, rest):] })
}

// get gives the field's number.
func (b *block) get(f field) int64 {
	shift := f.offset % 8
	x := binary.BigEndian.Uint64(b.bytes[:])<<shift | uint64(b.bytes[8])>>(8-shift)
	if f.signed {
		return int64(x) >> (64 - f.width)
	}
	return int64(x >> (64 - f.width))
}

// set makes n the field's number.
func (b *block) set(f field, n int64) {
	shift := f.offset % 8
	mask, x := ^uint64(0)<<(64-f.width), uint64(n)<<(64-f.width)
	head := binary.BigEndian.Uint64(b.bytes[:])&^(mask>>shift) | x>>shift
	binary.BigEndian.PutUint64(b.bytes[:], head)
	b.bytes[8] = b.bytes[8]&^byte(mask<<(8-shift)) | byte(x<<(8-shift))
}

// bitFieldKeys tells what BITFIELD does with its key: without an operation that writes it only reads it.
func bitFieldKeys(dst []command.KeyRef, argv [][]byte) ([]command.KeyRef, bool) {
	flags := command.RO | command.Access
	a := command.MakeArgs(argv[2:])
	for a.More() && flags.Has(command.RO) {
		switch {
		case a.Len() >= 3 && a.Keyword("GET"):
			a.Bytes()
			a.Bytes()
		case a.Len() >= 2 && a.Keyword("OVERFLOW"):
			a.Bytes()
		default: // an operation that writes, or something that will be refused
			flags = command.RW | command.Access | command.Update
		}
	}
	return append(dst, command.KeyRef{Pos: 1, Flags: flags}), true
}
