// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// The table struct packs values into strings as C lays them out, and takes such strings apart.
//
// A format is a row of options, each a letter with perhaps a count behind it: b B h H l L T i I (whole numbers of 1, 2, 8, 8 or as
// many bytes as the count says; small letters are signed), f d (floats), x (a byte of padding), c (as many bytes as the count
// says), s (text up to a zero byte); and the control options < > (order of bytes), ! (greatest alignment), blank.

const (
	maxIntSize   = 32 // bytes of i and I at most
	defaultAlign = 8  // of ! without a count
)

func (k *Codecs) structFunctions() functions {
	return functions{{"pack", k.structPack}, {"unpack", structUnpack}, {"size", structSize}}
}

// A format reads the options of a format string.
type format struct {
	call  *lua.Call
	rest  string
	big   bool   // the highest byte comes first
	align uint64 // the greatest alignment, in bytes; a power of 2
}

// newFormat takes the format from the first argument, and spends what reading it costs.
func newFormat(c *lua.Call) (format, error) {
	text, err := c.CheckString(0)
	if err != nil {
		return format{}, err
	}
	text, _, _ = strings.Cut(text, "\x00") // it is a C string
	return format{call: c, rest: text, align: 1}, c.State().Spend(len(text))
}

// next takes an option off the format: its letter and its size in bytes, which is 0 for s and for control options.
func (f *format) next() (option byte, size uint64, err error) {
	option, f.rest = f.rest[0], f.rest[1:]
	switch option {
	case 'b', 'B', 'x':
		return option, 1, nil
	case 'h', 'H':
		return option, 2, nil
	case 'f':
		return option, 4, nil
	case 'l', 'L', 'T', 'd':
		return option, 8, nil
	case 'c':
		n, err := f.count(1)
		return option, n, err
	case 'i', 'I':
		n, err := f.count(4)
		if err == nil && n > maxIntSize {
			err = f.call.Errorf("integral size %d is larger than limit of %d", n, maxIntSize)
		}
		return option, n, err
	}
	return option, 0, nil
}

// count takes the digits at the front of the format, or gives the default when there are none.
func (f *format) count(otherwise uint64) (uint64, error) {
	if f.rest == "" || !isDecimal(f.rest[0]) {
		return otherwise, nil
	}
	n := uint64(0)
	for f.rest != "" && isDecimal(f.rest[0]) {
		n = n*10 + uint64(f.rest[0]-'0')
		if n > math.MaxInt32 {
			return 0, f.call.Errorf("integral size overflow")
		}
		f.rest = f.rest[1:]
	}
	return n, nil
}

// padding is how many bytes align an element of that size at pos. The arithmetic is that of powers of 2, whatever the size: what it
// gives for others is part of the format.
func (f *format) padding(pos uint64, option byte, size uint64) uint64 {
	if size == 0 || option == 'c' {
		return 0
	}
	size = min(size, f.align)
	return (size - pos&(size-1)) & (size - 1)
}

// control obeys a control option.
func (f *format) control(option byte) error {
	switch option {
	case ' ':
	case '>':
		f.big = true
	case '<':
		f.big = false
	case '!':
		n, err := f.count(defaultAlign)
		if err != nil {
			return err
		}
		if n == 0 || n&(n-1) != 0 {
			return f.call.Errorf("alignment %d is not a power of 2", n)
		}
		f.align = n
	default:
		return f.call.ArgError(0, "invalid format option '"+string([]byte{option})+"'")
	}
	return nil
}

// structPack implements struct.pack(format, …).
func (k *Codecs) structPack(c *lua.Call) error {
	f, err := newFormat(c)
	if err != nil {
		return err
	}
	w := k.writer()
	for arg := 1; f.rest != "" && err == nil; {
		arg, err = w.packOption(&f, arg)
	}
	return w.finish(c, err)
}

// packOption appends what one option says, and returns the argument that is next.
func (w *writer) packOption(f *format, arg int) (next int, err error) {
	option, size, err := f.next()
	if err != nil {
		return arg, err
	}
	if err := w.room(2 * maxIntSize); err != nil {
		return arg, err
	}
	for range f.padding(uint64(len(w.b)), option, size) {
		w.b = append(w.b, 0)
	}
	switch option {
	case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I', 'f', 'd':
		n, err := packedNumber(f.call, arg)
		if err != nil {
			return arg, err
		}
		w.packNumber(n, option, int(size), f.big)
		return arg + 1, nil
	case 'x':
		w.b = append(w.b, 0)
		return arg, nil
	case 'c', 's':
		return arg + 1, w.packText(f.call, arg, option, size)
	default:
		return arg, f.control(option)
	}
}

// packedNumber takes an argument of pack. The first that is missing is said to be nil, for the original puts one behind the others.
func packedNumber(c *lua.Call, i int) (float64, error) {
	if i == c.N() {
		return 0, c.ArgError(i, "number expected, got nil")
	}
	return c.CheckNumber(i)
}

// packNumber appends a number as an option says.
func (w *writer) packNumber(n float64, option byte, size int, big bool) {
	var bits uint64
	switch option {
	case 'f':
		bits = uint64(math.Float32bits(float32(n)))
	case 'd':
		bits = math.Float64bits(n)
	default:
		bits = wholeBits(n)
	}
	var text [maxIntSize]byte // beyond 8 bytes there are zeros, whatever the sign
	binary.LittleEndian.PutUint64(text[:], bits)
	if big {
		slices.Reverse(text[:size])
	}
	w.b = append(w.b, text[:size]...)
}

// packText appends a string argument: all of it for s and for c0, else as many bytes as c says, which must be there.
func (w *writer) packText(c *lua.Call, i int, option byte, size uint64) error {
	if i == c.N() {
		return c.ArgError(i, "string expected, got nil")
	}
	s, err := c.CheckString(i)
	if err != nil {
		return err
	}
	if size == 0 {
		size = uint64(len(s))
	}
	if uint64(len(s)) < size {
		return c.ArgError(i+1, "string too short") // the original counts one too far
	}
	if err := w.state.Spend(int(size) / 64); err != nil {
		return err
	}
	if err := w.room(int(size) + 1); err != nil {
		return err
	}
	w.b = append(w.b, s[:size]...)
	if option == 's' {
		w.b = append(w.b, 0)
	}
	return nil
}

// structUnpack implements struct.unpack(format, data [, position]): the values, and the position behind the last.
func structUnpack(c *lua.Call) error {
	f, err := newFormat(c)
	if err != nil {
		return err
	}
	data, err := c.CheckString(1)
	if err != nil {
		return err
	}
	first, err := c.OptInteger(2, 1)
	if err != nil {
		return err
	}
	if first == 0 {
		return c.ArgError(2, "offset must be 1 or greater")
	}
	u := unpacker{format: f, data: data, pos: uint64(first) - 1} // negative ones are beyond any data, until they are aligned
	for u.rest != "" {
		if err := u.step(); err != nil {
			return err
		}
	}
	return c.Return(append(u.results, lua.Number(float64(int64(u.pos+1))))...)
}

// An unpacker is a call of struct.unpack.
type unpacker struct {
	format
	data    string
	pos     uint64 // of what comes next in data; checked by need
	results []lua.Value
}

// step reads what one option says.
func (u *unpacker) step() error {
	option, size, err := u.next()
	if err != nil {
		return err
	}
	u.pos += u.padding(u.pos, option, size)
	if err := u.need(size); err != nil {
		return err
	}
	if u.call.N()+len(u.results)+2 > maxSlots {
		return u.call.Errorf("stack overflow (too many results)")
	}
	switch option {
	case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
		u.push(lua.Number(u.whole(int(size), option >= 'a')))
	case 'f':
		u.push(lua.Number(float64(math.Float32frombits(uint32(u.bits(4))))))
	case 'd':
		u.push(lua.Number(math.Float64frombits(u.bits(8))))
	case 'x':
	case 'c':
		if size == 0 {
			if size, err = u.previousSize(); err != nil {
				return err
			}
		}
		if err := u.text(size); err != nil {
			return err
		}
	case 's':
		end := strings.IndexByte(u.data[u.pos:], 0)
		if end < 0 {
			return u.call.Errorf("unfinished string in data")
		}
		size = uint64(end) + 1
		if err := u.text(uint64(end)); err != nil {
			return err
		}
	default:
		if err := u.control(option); err != nil {
			return err
		}
	}
	u.pos += size
	return nil
}

func (u *unpacker) push(v lua.Value) { u.results = append(u.results, v) }

// need fails unless that many bytes follow.
func (u *unpacker) need(size uint64) error {
	if n := uint64(len(u.data)); size > n || u.pos > n-size {
		return u.call.ArgError(1, "data string too short")
	}
	return nil
}

// bits reads size bytes in the format's order, of which the last 8 count.
func (u *unpacker) bits(size int) (b uint64) {
	for i := range size {
		at := i
		if !u.big {
			at = size - 1 - i
		}
		b = b<<8 | uint64(u.data[u.pos+uint64(at)])
	}
	return b
}

// whole reads a whole number. The sign is looked for where a shift by that many bits finds it on x86, which takes counts modulo 64.
func (u *unpacker) whole(size int, signed bool) float64 {
	b := u.bits(size)
	if !signed {
		return float64(b)
	}
	if sign := ^uint64(0) << (uint(size*8-1) & 63); b&sign != 0 {
		b |= sign
	}
	return float64(int64(b))
}

// previousSize takes the value before a c0 off the results: it is the size.
func (u *unpacker) previousSize() (uint64, error) {
	last := len(u.results) - 1
	if last < 0 {
		return 0, u.call.Errorf("format 'c0' needs a previous size")
	}
	n, ok := lua.ToNumber(u.results[last])
	if !ok {
		return 0, u.call.Errorf("format 'c0' needs a previous size")
	}
	u.results = u.results[:last]
	size := unsignedBits(n)
	return size, u.need(size)
}

// text pushes that many bytes of the data.
func (u *unpacker) text(size uint64) error {
	v, err := u.call.State().Word(u.data[u.pos : u.pos+size])
	if err == nil {
		u.push(v)
	}
	return err
}

// structSize implements struct.size(format).
func structSize(c *lua.Call) error {
	f, err := newFormat(c)
	if err != nil {
		return err
	}
	pos := uint64(0)
	for f.rest != "" {
		option, size, err := f.next()
		if err != nil {
			return err
		}
		pos += f.padding(pos, option, size)
		switch {
		case option == 's':
			return c.ArgError(0, "option 's' has no fixed size")
		case option == 'c' && size == 0:
			return c.ArgError(0, "option 'c0' has no fixed size")
		case !isLetterOrDigit(option): // letters that are no option pass, unlike in pack
			if err := f.control(option); err != nil {
				return err
			}
		}
		pos += size
	}
	return c.Return(lua.Number(float64(int64(pos))))
}

func isDecimal(b byte) bool { return '0' <= b && b <= '9' }

func isLetterOrDigit(b byte) bool {
	return isDecimal(b) || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// wholeBits converts a number as C does on x86 where pack takes it: through a signed integer when it is negative.
func wholeBits(f float64) uint64 {
	if f < 0 {
		return uint64(num.Truncate(f))
	}
	return unsignedBits(f)
}

// unsignedBits converts a number to an unsigned integer as C does on x86, where the upper half goes through the signed one.
func unsignedBits(f float64) uint64 {
	if f >= 1<<63 {
		return uint64(num.Truncate(f-1<<63)) ^ 1<<63
	}
	return uint64(num.Truncate(f))
}
