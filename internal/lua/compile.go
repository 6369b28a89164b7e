// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"fmt"
	"strings"
)

// Compile turns a source into a function without parameters but `...`: what loadstring returns. name is the chunk's name, "@file",
// "=name" or any text, as errors and Proto.Source have it. The error is a *SyntaxError with lua5.1's text. Bytecode is not accepted:
// it is a source that begins with a strange character.
//
// Time and memory are linear in the source, and the stack is bounded by maxLevels.
func Compile(src, name string) (*Proto, error) { return compile(src, name, 0, nil) }

// CompileProto is Compile for a source from outside that may be of any size: it takes the state's steps, and its memory may not go
// beyond the state's limit meanwhile. Besides a *SyntaxError the error may be an *Error, "not enough memory", or the hook's. The Proto
// does not belong to the state.
func (s *State) CompileProto(src, name string) (*Proto, error) {
	w := &watch{s: s}
	defer w.end()
	return compile(src, name, 0, w)
}

// Compile turns a source that a script supplies into a function with the globals as its environment. It takes steps and memory like
// CompileProto, and the program counts as the state's memory as long as it lives. The error is an *Error, of the source's too, or the
// hook's.
func (s *State) Compile(src, name string) (Value, error) {
	p, err := s.CompileProto(src, name)
	if syntax, ok := err.(*SyntaxError); ok {
		return Nil, s.raise(s.text(syntax.Msg))
	} else if err != nil {
		return Nil, err
	}
	own := &ownProgram{size: p.Size()}
	if err := s.Alloc(int(own.size)); err != nil {
		return Nil, err
	}
	p.setOwn(own)
	return s.Load(p, nil), nil
}

// compile compiles a source as if it were within as many constructs as level says.
//
// Where a variable lives must be known before code is made for it, but shows only later, when a closure captures and somebody assigns
// it. So the compiler takes for granted that no variable is both, and when one turned out to be, it begins again, knowing which.
func compile(src, name string, level int, w *watch) (p *Proto, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			p, err = nil, e
		case stopped:
			p, err = nil, e.err
		default:
			panic(e)
		}
	}()
	first := newParser(src, name, level, w)
	if p = first.chunk(); !first.mistaken {
		return p, nil
	}
	second := newParser(src, name, level, w)
	second.known, second.texts = first.found, first.texts
	return second.chunk(), nil
}

// A watch takes steps and memory from a state while it compiles.
type watch struct {
	s      *State
	pinned int
}

// stopped is what a watch panics with when the state does not let it go on.
type stopped struct{ err error }

const (
	watchStep  = 1 << 10 // bytes of the source, or instructions, after which the state is asked
	watchSteps = 8       // steps a byte or instruction
	watchBytes = 24      // memory a byte: of trees, code, constants; mostly it is less
)

// read is called for every n bytes that were read.
func (w *watch) read(n int) {
	err := w.s.Pin(n * watchBytes)
	if err == nil {
		w.pinned += n * watchBytes
		err = w.s.Spend(n * watchSteps)
	}
	if err != nil {
		panic(stopped{err})
	}
}

// made is called for every n instructions that were made.
func (w *watch) made(n int) {
	if err := w.s.Spend(n * watchSteps); err != nil {
		panic(stopped{err})
	}
}

func (w *watch) end() { w.s.Unpin(w.pinned) }

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

// A parser reads one source, once. The scanner and the functions being compiled are its state: a statement is read, then code made of it
// in f.
type parser struct {
	scanner
	lastLine int // where the last token ended that was passed
	peeked   int // the line of the token behind the current one, if it was looked at; else 0
	level    int // how many constructs are around this place
	f        *function

	scope    map[string]*localVar // by name, the innermost
	known    []usage              // by declaration; nil: the first time
	found    []usage
	mistaken bool // the code is wrong, since a variable was used unexpectedly

	texts map[string]Value // the program's strings
}

func newParser(src, name string, level int, w *watch) *parser {
	return &parser{
		scanner: scanner{src: src, chunk: name, line: 1, watch: w},
		level:   level,
		scope:   map[string]*localVar{},
		texts:   map[string]Value{},
	}
}

// chunk compiles the source.
func (p *parser) chunk() *Proto {
	p.openFunction(0)
	p.f.proto.vararg = true
	p.advance()
	p.block()
	p.check(tokEnd)
	return p.closeFunction()
}

// stringValue returns the value of a string that does not keep the source alive; equal ones are the same object.
func (p *parser) stringValue(s string) Value {
	v, ok := p.texts[s]
	if !ok {
		v = constString(strings.Clone(s))
		p.texts[v.Str()] = v
	}
	return v
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
