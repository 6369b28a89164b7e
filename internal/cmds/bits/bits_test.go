// SPDX-License-Identifier: BSD-3-Clause

package bits

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
)

// bitText is the naive model of a bitmap: a byte '0' or '1' for each bit.
type bitText []byte

func textOf(s string) bitText {
	b := make(bitText, 0, len(s)*8)
	for i := range len(s) * 8 {
		b = append(b, '0'+s[i/8]>>(7-i%8)&1)
	}
	return b
}

func (b bitText) bytes() string {
	out := make([]byte, len(b)/8)
	for i, bit := range b {
		out[i/8] |= (bit - '0') << (7 - i%8)
	}
	return string(out)
}

// random gives a string of up to n bytes, often with long runs of the same bit.
func random(r *rand.Rand, n int) string {
	b := make([]byte, r.IntN(n+1))
	kind := r.IntN(4)
	for i := range b {
		switch {
		case kind == 0, kind == 1 && r.IntN(50) == 0, kind == 2 && r.IntN(50) == 0:
			b[i] = byte(r.Uint32())
		case kind == 2:
			b[i] = 0xff
		}
	}
	return string(b)
}

// put makes key hold text, or nothing when that is empty.
func put(r *commandtest.Rig, key, text string) {
	r.DB.Delete([]byte(key))
	if text != "" {
		r.DB.SetText([]byte(key), []byte(text), 0)
	}
}

func read(r *commandtest.Rig, key string) string {
	it, ok := r.DB.Peek([]byte(key))
	if !ok {
		return ""
	}
	return string(it.AppendText(nil))
}

// sizes are the lengths up to which values are tried: small ones, the edge of what lies in a record, several chunks.
var sizes = []int{3, 20, 100, 9000, 500_000}

// TestBitOp compares every operation with what its definition says, bit by bit.
func TestBitOp(t *testing.T) {
	r, rng := commandtest.NewRig(t, Family), rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		op := operation(i % int(numOperations))
		size := sizes[rng.IntN(3)]
		if i >= 380 {
			size = sizes[3+i%2]
		}
		call := []string{"BITOP", op.String(), "d"}
		var sources []bitText
		n := 0
		for op.check(len(sources)) != nil || len(sources) == 0 || op != opNot && rng.IntN(3) > 0 {
			key := string(rune('a' + len(sources)))
			text := random(rng, size)
			put(r, key, text)
			call, sources, n = append(call, key), append(sources, textOf(text)), max(n, len(text)*8)
		}
		if rng.IntN(5) == 0 {
			call[2] = "a"
		}
		want := make(bitText, n)
		for bit := range want {
			want[bit] = '0' + combined(op, bit, sources)
		}
		if v := r.Call(t, call...); v.Int != int64(n/8) || read(r, call[2]) != want.bytes() {
			t.Fatalf("%v of up to %d bytes: %+v", call, size, v)
		}
	}
}

// combined is one bit of BITOP's result.
func combined(op operation, bit int, sources []bitText) byte {
	set, first := 0, false
	for i, s := range sources {
		if bit < len(s) && s[bit] == '1' {
			set++
			first = first || i == 0
		}
	}
	others := set
	if first {
		others--
	}
	is := false
	switch op {
	case opAnd:
		is = set == len(sources)
	case opOr:
		is = set > 0
	case opXor:
		is = set%2 == 1
	case opNot:
		is = set == 0
	case opDiff:
		is = first && others == 0
	case opDiff1:
		is = !first && others > 0
	case opAndOr:
		is = first && others > 0
	case opOne:
		is = set == 1
	}
	if is {
		return 1
	}
	return 0
}

// TestCountAndPos compares BITCOUNT and BITPOS of random parts with the model.
func TestCountAndPos(t *testing.T) {
	r, rng := commandtest.NewRig(t, Family), rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		size := sizes[rng.IntN(3)]
		if rng.IntN(100) == 0 {
			size = sizes[3+rng.IntN(2)]
		}
		text := random(rng, size)
		put(r, "k", text+"x")
		bits := textOf(text + "x")
		unit, name := 8, "BYTE"
		if rng.IntN(2) == 0 {
			unit, name = 1, "BIT"
		}
		total := len(bits) / unit
		start, end := rng.IntN(3*total)-total*3/2, rng.IntN(3*total)-total*3/2
		from, to := place(start, total), min(place(end, total), total-1)
		part := bitText{}
		if from <= to {
			part = bits[from*unit : (to+1)*unit]
		}
		args := []string{strconv.Itoa(start), strconv.Itoa(end), name}
		want := int64(strings.Count(string(part), "1"))
		if start < 0 && end < 0 && start > end {
			want = 0 // whatever BITPOS finds there
		}
		if v := r.Call(t, append([]string{"BITCOUNT", "k"}, args...)...); v.Int != want {
			t.Fatalf("BITCOUNT of %d bytes, %v: %d, want %d", len(text)+1, args, v.Int, want)
		}
		for _, bit := range []string{"0", "1"} {
			pos := int64(strings.Index(string(part), bit))
			if pos >= 0 {
				pos += int64(from * unit)
			}
			if v := r.Call(t, append([]string{"BITPOS", "k", bit}, args...)...); v.Int != pos {
				t.Fatalf("BITPOS %s of %d bytes, %v: %d, want %d", bit, len(text)+1, args, v.Int, pos)
			}
		}
	}
}

// place is where an index points.
func place(i, total int) int {
	if i < 0 {
		i += total
	}
	return max(i, 0)
}

// TestBitField compares operations on random fields with a model that computes in big integers.
func TestBitField(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, far := range []int{0, 8 << 13, 8 * (5<<16 - 100)} { // near the beginning, and where chunks of a long string meet
		r := commandtest.NewRig(t, Family)
		model := make(bitText, far+400*8)
		for i := range model {
			model[i] = '0'
		}
		r.Call(t, "SETBIT", "k", strconv.Itoa(len(model)-1), "0")
		for range 4000 {
			width, signed := 1+rng.IntN(64), rng.IntN(2) == 0
			if width == 64 {
				signed = true
			}
			kind := map[bool]string{true: "i", false: "u"}[signed] + strconv.Itoa(width)
			offset := far + rng.IntN(300*8)
			by := rng.Int64() >> rng.IntN(64) * (1 - 2*rng.Int64N(2))
			over := []string{"WRAP", "SAT", "FAIL"}[rng.IntN(3)]
			op := []string{"SET", "INCRBY"}[rng.IntN(2)]
			v := r.Call(t, "BITFIELD", "k", "GET", kind, strconv.Itoa(offset),
				"OVERFLOW", over, op, kind, strconv.Itoa(offset), strconv.FormatInt(by, 10))
			field := model[offset : offset+width]
			old := number(field, signed)
			sum := big.NewInt(by)
			if op == "INCRBY" {
				sum.Add(sum, old)
			}
			if !signed && op == "SET" && by < 0 {
				sum.SetUint64(uint64(by)) // taken as unsigned, as in Redis
			}
			sum, fits := fitted(sum, width, signed, over)
			want := sum
			if op == "SET" {
				want = old
			}
			if fits || over != "FAIL" {
				setNumber(field, sum)
			}
			if got := v.Elems[0].Str; got != old.String() {
				t.Fatalf("GET %s %d gives %s, not %s", kind, offset, got, old)
			}
			if got := v.Elems[1]; got.Null != (!fits && over == "FAIL") || !got.Null && got.Str != want.String() {
				t.Fatalf("OVERFLOW %s %s %s %d %d on %s gives %+v, not %s", over, op, kind, offset, by, old, got, want)
			}
		}
		if read(r, "k") != model.bytes() {
			t.Errorf("the string is not what the operations make it")
		}
	}
}

// number reads a field.
func number(field bitText, signed bool) *big.Int {
	n, _ := new(big.Int).SetString(string(field), 2)
	if signed && field[0] == '1' {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(field))))
	}
	return n
}

func setNumber(field bitText, n *big.Int) {
	for i := range field {
		field[len(field)-1-i] = '0' + byte(n.Bit(i))
	}
}

// fitted gives n as a field can hold it.
func fitted(n *big.Int, width int, signed bool, over string) (*big.Int, bool) {
	size := new(big.Int).Lsh(big.NewInt(1), uint(width))
	low, high := big.NewInt(0), new(big.Int).Sub(size, big.NewInt(1))
	if signed {
		low.Neg(new(big.Int).Rsh(size, 1))
		high.Add(high, low)
	}
	switch {
	case n.Cmp(low) >= 0 && n.Cmp(high) <= 0:
		return n, true
	case over == "SAT" && n.Cmp(low) < 0:
		return low, false
	case over == "SAT":
		return high, false
	}
	n = new(big.Int).Mod(n, size)
	if n.Cmp(high) > 0 {
		n.Sub(n, size)
	}
	return n, false
}

func TestEffects(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	put(r, "a", "\xff")
	r.CheckEffect(t, "SETBIT k 3 1", "setbit k", 1, "")
	r.CheckEffect(t, "SETBIT k 3 1", "", 0, "")
	r.CheckEffect(t, "SETBIT k 3 0", "setbit k", 1, "")
	r.CheckEffect(t, "SETBIT k 8 0", "setbit k", 1, "")
	r.CheckEffect(t, "BITFIELD k GET u8 0", "", 0, "")
	r.CheckEffect(t, "BITFIELD k SET u8 0 0", "", 0, "")
	r.CheckEffect(t, "BITFIELD k SET u8 0 1 SET u8 8 1", "setbit k", 1, "")
	r.CheckEffect(t, "BITFIELD k OVERFLOW FAIL INCRBY u8 0 255", "", 0, "")
	r.CheckEffect(t, "BITFIELD new OVERFLOW FAIL SET u8 0 256", "setbit new", 1, "") // the key is there now
	r.CheckEffect(t, "BITOP NOT d a", "set d", 1, "")
	r.CheckEffect(t, "BITOP AND d none", "del d", 1, "")
	r.CheckEffect(t, "BITOP AND d none", "", 0, "")
	r.CheckEffect(t, "BITCOUNT k", "", 0, "")
}

// TestTicks: what is long ticks now and then, and ends when it is told to, with nothing changed.
func TestTicks(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	put(r, "k", strings.Repeat("\x00", 4<<20))
	for _, line := range []string{"BITCOUNT k", "BITPOS k 1", "BITOP NOT d k"} {
		if r.Do(2, strings.Fields(line)...); r.Ticks < 4 {
			t.Errorf("%s: %d ticks", line, r.Ticks)
		}
	}
	for _, line := range []string{"SETBIT far 33554432 1", "BITFIELD wide SET u8 33554432 1"} {
		if r.Do(2, strings.Fields(line)...); r.Ticks < 50 {
			t.Errorf("%s: %d ticks", line, r.Ticks)
		}
	}
	r.Call(t, "BITOP", "AND", "d", "none")
	r.End = errors.New("ERR enough")
	for _, line := range []string{"BITCOUNT k", "BITPOS k 1", "BITOP NOT d k"} {
		if got := string(r.Do(2, strings.Fields(line)...)); got != "-ERR enough\r\n" {
			t.Errorf("%s: %q", line, got)
		}
	}
	if read(r, "d") != "" {
		t.Error("BITOP has left a result")
	}
}

func BenchmarkLarge(b *testing.B) {
	r := commandtest.NewRig(b, Family)
	const size = 64 << 20
	put(r, "zero", strings.Repeat("\x00", size))
	put(r, "a", strings.Repeat("\x5a", size))
	for _, line := range []string{
		"BITCOUNT a", "BITPOS zero 1", "BITOP NOT d a", "BITOP AND d a zero", "BITOP XOR d a zero", "BITOP ONE d a zero", "BITOP DIFF d a zero",
	} {
		b.Run(line, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				r.Do(2, strings.Fields(line)...)
			}
		})
	}
}

// TestManySources: BITOP of many strings ticks while it finds and while it combines them, however short the result is.
func TestManySources(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	put(r, "k", strings.Repeat("\x01", 8<<10))
	for _, op := range []string{"AND", "OR", "XOR", "DIFF", "DIFF1", "ANDOR", "ONE"} {
		call := []string{"BITOP", op, "d"}
		for range 5000 {
			call = append(call, "k")
		}
		r.End = nil
		if r.Do(2, call...); r.Ticks < 5+5000*(8<<10)/tickBytes {
			t.Errorf("%s: %d ticks", op, r.Ticks)
		}
		r.Call(t, "BITOP", "AND", "d", "none")
		r.End = errors.New("ERR enough")
		if got := string(r.Do(2, call...)); got != "-ERR enough\r\n" || read(r, "d") != "" {
			t.Errorf("%s: %q", op, got)
		}
	}
}

// TestManyFields: BITFIELD does all of its work even when it is told to end, once it has changed something.
func TestManyFields(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.End = errors.New("ERR enough")
	call := []string{"BITFIELD", "k"}
	for i := range 3000 {
		call = append(call, "SET", "u8", "#"+strconv.Itoa(i), "1")
	}
	if r.Do(2, call...); r.Ticks < 3 || r.Dirty != 1 {
		t.Errorf("%d ticks, %d changes", r.Ticks, r.Dirty)
	}
	if it, ok := r.DB.Peek([]byte("k")); !ok || it.TextLen() != 3000 || string(it.Slice(2999, 1, nil)) != "\x01" {
		t.Error("the last field is not set")
	}
}

func TestHammer(t *testing.T) {
	commandtest.NewRig(t, Family).Hammer(t, 7, 30_000)
}
