// SPDX-License-Identifier: BSD-3-Clause

package lua

import "fmt"

// A usage is what became of a variable.
type usage uint8

const (
	usedCaptured usage = 1 << iota // by a closure
	usedAssigned                   // after its declaration
)

// shared says whether the variable must live in a cell.
func (u usage) shared() bool { return u == usedCaptured|usedAssigned }

// A localVar is a local variable while it is visible.
type localVar struct {
	name     string
	f        *function
	reg      int
	decl     int  // the number of its declaration in the source
	cell     bool // it lives in a cell
	counter  bool // it is its loop's counter
	shadowed *localVar
	desc     int // its place in the Proto's list
}

// newLocal makes a variable that is not visible yet; before is how many others wait like it.
func (p *parser) newLocal(name string, before int) *localVar {
	p.f.limit(len(p.f.actives)+before+1, maxLocals, "local variables")
	v := &localVar{name: p.stringValue(name).Str(), f: p.f, decl: len(p.found)}
	if p.known != nil {
		v.cell = p.known[v.decl].shared()
	}
	p.found = append(p.found, 0)
	return v
}

// note records how a variable is used.
func (p *parser) note(v *localVar, u usage) {
	p.found[v.decl] |= u
	if now := p.found[v.decl]; p.known == nil && (now.shared() || v.counter && now&usedAssigned != 0) {
		p.mistaken = true
	}
}

// resolve finds what a name means here.
func (p *parser) resolve(name string) expr {
	v := p.scope[name]
	switch {
	case v == nil:
		return globalExpr{name}
	case v.f == p.f:
		return localExpr{v}
	}
	p.note(v, usedCaptured)
	return upvalExpr{p.f.upvalue(v), v}
}

// upvalue returns the number of the function's upvalue for a variable of a function around it.
func (f *function) upvalue(v *localVar) int {
	for i, u := range f.upvals {
		if u == v {
			return i
		}
	}
	d := upvalDesc{name: v.name, local: f.outer == v.f, index: uint8(v.reg)}
	if !d.local {
		d.index = uint8(f.outer.upvalue(v))
	}
	f.limit(len(f.upvals)+1, maxUpvalues, "upvalues")
	f.upvals = append(f.upvals, v)
	f.proto.upvals = append(f.proto.upvals, d)
	return len(f.upvals) - 1
}

// activate makes a variable visible, in the register that holds its value. Its registers are those of the function's locals from now on.
func (f *function) activate(v *localVar, reg int, m mark) {
	v.reg = reg
	if v.cell {
		f.emit(instrABC(opCell, reg, 0, 0), m)
	}
	v.desc = len(f.proto.locals)
	if v.desc >= maxDeclarations {
		panic(&SyntaxError{"too many local variables"})
	}
	f.proto.locals = append(f.proto.locals, localDesc{name: v.name, reg: uint8(reg), from: len(f.proto.code)})
	f.actives = append(f.actives, v)
	if f.p.scope == nil {
		f.p.scope = map[string]*localVar{}
	}
	v.shadowed = f.p.scope[v.name]
	f.p.scope[v.name] = v
	f.top = max(f.top, reg+1)
}

// hide ends the variables that were declared since there were n.
func (f *function) hide(n int) {
	for i := len(f.actives) - 1; i >= n; i-- {
		v := f.actives[i]
		f.proto.locals[v.desc].to = len(f.proto.code)
		if v.shadowed != nil {
			f.p.scope[v.name] = v.shadowed
		} else {
			delete(f.p.scope, v.name)
		}
	}
	f.actives = f.actives[:n]
}

// maxDeclarations is how many variables a function can declare, one after the other.
const maxDeclarations = 1<<15 - 1

// A block is a list of statements with variables of its own.
type block struct {
	outer  *block
	vars   int // how many variables the function has outside
	top    int // and how many registers they take
	loop   bool
	breaks jumps // of a loop: its ends
}

func (f *function) openBlock(loop bool) *block {
	f.block = &block{outer: f.block, vars: len(f.actives), top: f.top, loop: loop, breaks: noJump}
	return f.block
}

// closeBlock ends the block's variables. Its breaks go here.
func (f *function) closeBlock() {
	b := f.block
	f.block = b.outer
	f.hide(b.vars)
	f.top, f.free = b.top, b.top
	f.patchHere(b.breaks)
}

// openFunction begins a function within the current one.
func (p *parser) openFunction(line int) {
	f := &function{p: p, outer: p.f, proto: &Proto{Source: p.scanner.chunk, line: line, stack: 2}}
	f.proto.code, f.proto.lines, f.proto.consts = f.room.code[:0], f.room.lines[:0], f.room.consts[:0]
	p.f = f
	f.openBlock(false)
}

// closeFunction ends the current function.
func (p *parser) closeFunction() *Proto {
	f := p.f
	f.emit(instrABC(opReturn0, 0, 0, 0), p.here())
	f.closeBlock()
	p.f = f.outer
	f.proto.trim()
	return f.proto
}

// limit fails if there are more things of a kind than a function may have.
func (f *function) limit(n, most int, what string) {
	switch {
	case n <= most:
	case f.proto.line == 0:
		f.p.fail(fmt.Sprintf("main function has more than %d %s", most, what), "")
	default:
		f.p.fail(fmt.Sprintf("function at line %d has more than %d %s", f.proto.line, most, what), "")
	}
}
