// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strings"
	"unsafe"
)

// Limits of one function, as Lua 5.1 has them.
const (
	maxStack     = 250 // registers; R(x+1) and the like of the last one still fit a byte
	maxLocals    = 200 // local variables that are visible at one place
	maxUpvalues  = 60
	maxConstants = 1<<18 - 1
	maxJump      = 1<<17 - 1
	maxLevels    = 200 // constructs within each other
)

// A Proto is a compiled function: what Compile gives, and what a closure points to. It never changes after Compile has returned, so
// that any number of States and goroutines may share it.
type Proto struct {
	Source   string // the chunk's name as Compile was given it, with its '@' or '='
	line     int    // where `function` stands; 0 for a chunk
	lastLine int    // where its `end` stands

	params int  // fixed parameters: the first registers
	vararg bool // takes more arguments
	stack  int  // registers that it uses, parameters included; at least 2, at most maxStack

	code   []instr
	lines  []int32 // of each instruction
	consts []Value // nil, booleans, numbers, strings
	protos []*Proto
	upvals []upvalDesc
	locals []localDesc // in the order of from; for error texts and debugging

	own *ownProgram // if it is counted as memory of the only state that has it; else nil
}

// An ownProgram is what the functions have in common that a state compiled for itself.
type ownProgram struct {
	size int64
	mark uint32
}

// setOwn notes that the function and those within belong to a state.
func (p *Proto) setOwn(own *ownProgram) {
	p.own = own
	for _, child := range p.protos {
		child.setOwn(own)
	}
}

// An upvalDesc says what one upvalue of a closure is when opClosure makes it: a copy of a register or of an upvalue, either of which may
// hold a cell.
type upvalDesc struct {
	name  string
	local bool // R(index) of the function around it, else U(index)
	index uint8
}

// A localDesc names a register while a variable lives there. Names in parentheses are the hidden variables of loops.
type localDesc struct {
	name     string
	reg      uint8
	from, to int // the instructions from <= pc < to
}

// lineAt returns the source line of an instruction.
func (p *Proto) lineAt(pc int) int { return int(p.lines[pc]) }

// ShortSource returns the chunk's name as the errors of its functions show it.
func (p *Proto) ShortSource() string { return shortSource(p.Source, runtimeSource) }

// How many bytes of a chunk's name errors show, and one more.
const (
	syntaxSource  = 80
	runtimeSource = 60
)

// shortSource returns a chunk's name as errors show it in less than size bytes: "=name" and "@file" stand for themselves, cut at the
// end and at the beginning; all else is a text, of which the first line is shown.
func shortSource(name string, size int) string {
	name = cString(name)
	switch {
	case strings.HasPrefix(name, "="):
		return name[1:min(len(name), size)]
	case strings.HasPrefix(name, "@"):
		name, size = name[1:], size-len(" '...' ")-1
		if len(name) > size {
			return "..." + name[len(name)-size:]
		}
		return name
	}
	line := name
	if i := strings.IndexAny(name, "\n\r"); i >= 0 {
		line = name[:i]
	}
	if size -= len(` [string "..."] `) + 1; len(line) > size {
		line = line[:size]
	}
	if len(line) < len(name) {
		line += "..."
	}
	return `[string "` + line + `"]`
}

// cString cuts a text where C would see its end.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// Size returns about how many bytes the program takes, all functions within it included.
func (p *Proto) Size() int64 { return int64(len(p.Source)) + p.size() }

func (p *Proto) size() int64 {
	n := int64(unsafe.Sizeof(*p)) + int64(cap(p.code))*int64(unsafe.Sizeof(instr(0))) + int64(cap(p.lines))*4 + int64(cap(p.protos))*8 +
		int64(cap(p.upvals))*int64(unsafe.Sizeof(upvalDesc{})) + int64(cap(p.locals))*int64(unsafe.Sizeof(localDesc{}))
	for _, v := range p.consts {
		n += valueSize
		if v.IsString() {
			n += stringCost(len(v.Str()))
		}
	}
	for _, child := range p.protos {
		n += child.size()
	}
	return n
}
