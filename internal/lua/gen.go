// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"math"
	"slices"
)

// A function is one that is being compiled: its Proto, and the state of its registers.
//
// The registers below top are those of local variables. Those from top up to free hold what expressions need meanwhile. Whoever makes
// code for an expression leaves free as it was, except where it says that it reserves.
type function struct {
	p     *parser
	outer *function
	proto *Proto
	block *block

	actives  []*localVar // the visible variables, of all blocks
	upvals   []*localVar // what the Proto's upvals stand for
	top      int
	free     int
	usesDots bool

	constants map[Value]int // of the Proto, strings by their object; nil while they are few
	zero      constZero

	// Where the Proto's lists begin, so that most functions allocate them once, when their lengths are known.
	room struct {
		code   [32]instr
		lines  [32]int32
		consts [fewConstants]Value
	}
}

const fewConstants = 8

// A constZero says which zero a function has among its constants. Lua 5.1 takes 0 and -0 for the same constant, so that the first of them
// decides about the sign of all.
type constZero uint8

const (
	noZero constZero = iota
	positiveZero
	negativeZero
)

// number returns a constant as the function sees it.
func (f *function) number(n float64) float64 {
	if n != 0 {
		return n
	}
	if f.zero == noZero {
		f.zero = positiveZero
		if math.Signbit(n) {
			f.zero = negativeZero
		}
	}
	if f.zero == negativeZero {
		return math.Copysign(0, -1)
	}
	return 0
}

// constant returns the number of a constant: nil, a boolean, a number that number gave, or a string.
func (f *function) constant(v Value) int {
	if f.constants == nil {
		if i := slices.Index(f.proto.consts, v); i >= 0 {
			return i
		}
	} else if i, ok := f.constants[v]; ok {
		return i
	}
	i := len(f.proto.consts)
	if i >= maxConstants {
		panic(&SyntaxError{"constant table overflow"})
	}
	f.proto.consts = append(f.proto.consts, v)
	switch {
	case f.constants != nil:
		f.constants[v] = i
	case i == fewConstants:
		f.constants = map[Value]int{}
		for i, v := range f.proto.consts {
			f.constants[v] = i
		}
	}
	return i
}

func (f *function) numberConstant(n numberExpr) int { return f.constant(Number(f.number(float64(n)))) }
func (f *function) textConstant(s string) int       { return f.constant(f.p.stringValue(s)) }

// constantOf returns the number of the constant that an expression is.
func (f *function) constantOf(e expr) (i int, ok bool) {
	switch e := e.(type) {
	case nilExpr:
		return f.constant(Nil), true
	case boolExpr:
		return f.constant(Bool(bool(e))), true
	case numberExpr:
		return f.numberConstant(e), true
	case stringExpr:
		return f.textConstant(string(e)), true
	}
	return 0, false
}

// smallInt returns a number that fits an instruction.
func (f *function) smallInt(e expr) (int, bool) {
	n, ok := e.(numberExpr)
	if !ok {
		return 0, false
	}
	x := f.number(float64(n))
	i := int(int32(x))
	return i, float64(i) == x && !(x == 0 && math.Signbit(x))
}

// emit appends an instruction of the line that a mark has, and returns where it is.
func (f *function) emit(i instr, m mark) int {
	f.proto.code = append(f.proto.code, i)
	f.proto.lines = append(f.proto.lines, m.line)
	if len(f.proto.code)%watchStep == 0 {
		f.p.watch.made(watchStep)
	}
	return len(f.proto.code) - 1
}

// need makes sure that the function has n registers from free on.
func (f *function) need(n int, m mark) {
	if n += f.free; n > f.proto.stack {
		if n >= maxStack {
			f.p.failAt(m, "function or expression too complex")
		}
		f.proto.stack = n
	}
}

// reserve takes n registers, and returns the first.
func (f *function) reserve(n int, m mark) int {
	f.need(n, m)
	f.free += n
	return f.free - n
}

// jumps is a list of forward jumps to the same place, which is not known yet: the last one's number, whose D is the one before, and so on
// until noJump.
type jumps int

const noJump jumps = -1

// jump emits a jump without operands but its distance, and adds it to a list.
func (f *function) jump(o op, list jumps, m mark) jumps { return f.jumpWith(instr(o), list, m) }

// jumpWith emits an instruction that jumps, and adds it to a list.
func (f *function) jumpWith(i instr, list jumps, m mark) jumps {
	return jumps(f.emit(i.withD(int(list)), m))
}

// patchHere lets a list's jumps go to the next instruction.
func (f *function) patchHere(list jumps) {
	for list != noJump {
		i := &f.proto.code[list]
		before := jumps(i.d())
		*i = i.withD(f.distance(int(list), len(f.proto.code)))
		list = before
	}
}

// distance returns what D must be in a jump.
func (f *function) distance(from, to int) int {
	d := to - (from + 1)
	if d > maxJump || d < -maxJump {
		f.p.failHere("control structure too long")
	}
	return d
}

// label returns the next instruction's number, to which loop will go back.
func (f *function) label() int { return len(f.proto.code) }

// loop emits a jump backwards.
func (f *function) loop(o op, a, start int, m mark) {
	f.emit(instrABD(o, a, 0, f.distance(len(f.proto.code), start)), m)
}

// trim gives back what the lists have in reserve.
func (p *Proto) trim() {
	p.code = exactly(p.code)
	p.lines = exactly(p.lines)
	p.consts = exactly(p.consts)
}

// exactly returns a copy without anything in reserve.
func exactly[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return slices.Clip(slices.Clone(list))
}
