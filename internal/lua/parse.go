// SPDX-License-Identifier: BSD-3-Clause

package lua

import "fmt"

// advance passes the current token.
func (p *parser) advance() {
	p.lastLine = max(p.line, p.peeked)
	p.peeked = 0
	p.next()
}

// peekAssign says whether an equals sign follows the current token.
func (p *parser) peekAssign() bool {
	saved := p.scanner
	p.next()
	is := p.tok == '='
	p.peeked = p.line
	p.scanner = saved
	return is
}

// here marks the place between the last token and the current one.
func (p *parser) here() mark { return mark{int32(p.lastLine), int32(p.at)} }

// failAt fails near the token behind a mark.
func (p *parser) failAt(m mark, msg string) {
	s := scanner{src: p.src, chunk: p.scanner.chunk, line: 1}
	for s.pos < int(m.at) {
		if b := s.src[s.pos]; b == '\n' || b == '\r' {
			s.newline()
		} else {
			s.pos++
		}
	}
	s.next()
	s.failHere(msg)
}

// accept passes the current token if it is t.
func (p *parser) accept(t token) bool {
	if p.tok == t {
		p.advance()
		return true
	}
	return false
}

// check fails unless the current token is t.
func (p *parser) check(t token) {
	if p.tok != t {
		p.failHere(fmt.Sprintf("'%v' expected", t))
	}
}

// expect passes the token t.
func (p *parser) expect(t token) {
	p.check(t)
	p.advance()
}

// expectClosing passes the token t that ends what open began at a line.
func (p *parser) expectClosing(t, open token, line int) {
	if p.tok != t && line != p.line {
		p.failHere(fmt.Sprintf("'%v' expected (to close '%v' at line %d)", t, open, line))
	}
	p.expect(t)
}

// name passes a name.
func (p *parser) name() string {
	p.check(tokName)
	name := p.str
	p.advance()
	return name
}

// enter is called before whatever can contain itself; leave afterwards.
func (p *parser) enter() {
	if p.level++; p.level > maxLevels {
		p.fail("chunk has too many syntax levels", "")
	}
}

func (p *parser) leave() { p.level-- }

// block reads statements up to a token that ends them.
func (p *parser) block() {
	p.enter()
	for last := false; !last && !p.blockEnds(); {
		trees := p.watch.size()
		last = p.statement()
		p.accept(';')
		p.f.free = p.f.top
		p.watch.shrink(trees)
	}
	p.leave()
}

func (p *parser) blockEnds() bool {
	switch p.tok {
	case tokElse, tokElseif, tokEndBlock, tokUntil, tokEnd:
		return true
	}
	return false
}

// innerBlock reads statements with variables of their own.
func (p *parser) innerBlock() {
	p.f.openBlock(false)
	p.block()
	p.f.closeBlock()
}

// statement reads a statement, and says whether it must be the last of its block.
func (p *parser) statement() (last bool) {
	line := p.line
	switch p.tok {
	case tokIf:
		p.ifStatement(line)
	case tokWhile:
		p.whileStatement(line)
	case tokDo:
		p.advance()
		p.innerBlock()
		p.expectClosing(tokEndBlock, tokDo, line)
	case tokFor:
		p.forStatement(line)
	case tokRepeat:
		p.repeatStatement(line)
	case tokFunction:
		p.functionStatement(line)
	case tokLocal:
		if p.advance(); p.accept(tokFunction) {
			p.localFunction()
		} else {
			p.localStatement()
		}
	case tokReturn:
		p.returnStatement()
		return true
	case tokBreak:
		p.breakStatement()
		return true
	default:
		p.exprStatement()
	}
	return false
}

func (p *parser) ifStatement(line int) {
	f := p.f
	out, next := noJump, noJump
	for again := true; again; {
		p.advance() // if, elseif
		e := p.expression()
		next = f.jumpIf(e, false, noJump, p.here())
		p.expect(tokThen)
		p.innerBlock()
		if again = p.tok == tokElseif; again || p.tok == tokElse {
			out = f.jump(opJump, out, p.here())
			f.patchHere(next)
			next = noJump
		}
	}
	if p.accept(tokElse) {
		p.innerBlock()
	}
	p.expectClosing(tokEndBlock, tokIf, line)
	f.patchHere(next)
	f.patchHere(out)
}

func (p *parser) whileStatement(line int) {
	f := p.f
	p.advance()
	start := f.label()
	exit := f.jumpIf(p.expression(), false, noJump, p.here())
	f.openBlock(true)
	p.expect(tokDo)
	p.innerBlock()
	f.loop(opLoop, 0, start, p.here())
	p.expectClosing(tokEndBlock, tokWhile, line)
	f.closeBlock()
	f.patchHere(exit)
}

// repeatStatement reads a loop whose condition sees the variables of its body.
func (p *parser) repeatStatement(line int) {
	f := p.f
	start := f.label()
	f.openBlock(true)
	f.openBlock(false)
	p.advance()
	p.block()
	p.expectClosing(tokUntil, tokRepeat, line)
	exit := f.jumpIf(p.expression(), true, noJump, p.here())
	f.loop(opLoop, 0, start, p.here())
	f.closeBlock()
	f.patchHere(exit)
	f.closeBlock()
}

func (p *parser) forStatement(line int) {
	f := p.f
	f.openBlock(true)
	p.advance()
	name := p.name()
	switch p.tok {
	case '=':
		p.numericFor(name, line)
	case ',', tokIn:
		p.genericFor(name)
	default:
		p.failHere("'=' or 'in' expected")
	}
	p.expectClosing(tokEndBlock, tokFor, line)
	f.closeBlock()
}

func (p *parser) numericFor(name string, line int) {
	f := p.f
	hidden := []*localVar{p.newLocal("(for index)", 0), p.newLocal("(for limit)", 1), p.newLocal("(for step)", 2)}
	v := p.newLocal(name, 3)
	base := f.free
	p.advance()
	f.next(p.expression(), p.here())
	p.expect(',')
	f.next(p.expression(), p.here())
	if p.accept(',') {
		f.next(p.expression(), p.here())
	} else {
		f.next(numberExpr(1), p.here())
	}
	for i, h := range hidden {
		f.activate(h, base+i, p.here())
	}
	p.expect(tokDo)
	exit := f.jumpWith(instrABC(opForPrep, base, 0, 0), noJump, p.here())
	start := f.label()
	f.openBlock(false)
	if v.counter = p.known == nil || p.known[v.decl]&usedAssigned == 0; v.counter {
		f.activate(v, base, p.here())
	} else {
		reg := f.reserve(1, p.here())
		f.emit(instrABC(opMove, reg, base, 0), p.here())
		f.activate(v, reg, p.here())
	}
	p.block()
	f.closeBlock()
	f.loop(opForLoop, base, start, mark{int32(line), int32(p.at)})
	f.patchHere(exit)
}

func (p *parser) genericFor(name string) {
	f := p.f
	hidden := []*localVar{p.newLocal("(for generator)", 0), p.newLocal("(for state)", 1), p.newLocal("(for control)", 2)}
	vars := []*localVar{p.newLocal(name, 3)}
	for p.accept(',') {
		vars = append(vars, p.newLocal(p.name(), len(vars)+3))
	}
	p.expect(tokIn)
	m := mark{line: int32(p.line)} // the loop's calls
	base := f.free
	f.values(p.expressions(), 3, p.here())
	f.need(3, p.here()) // the call's
	for i, h := range hidden {
		f.activate(h, base+i, p.here())
	}
	p.expect(tokDo)
	begin := f.jump(opJump, noJump, p.here())
	start := f.label()
	f.openBlock(false)
	reg := f.reserve(len(vars), p.here())
	for i, v := range vars {
		f.activate(v, reg+i, p.here())
	}
	p.block()
	f.closeBlock()
	f.patchHere(begin)
	f.emit(instrABC(opTForCall, base, 0, len(vars)), m)
	f.loop(opTForLoop, base, start, m)
}

func (p *parser) functionStatement(line int) {
	p.advance()
	target := p.resolve(p.name())
	method := false
	for !method && (p.tok == '.' || p.tok == ':') {
		method = p.tok == ':'
		m := p.here()
		p.advance()
		target = withSuffix(target, suffix{kind: suffixIndex, mark: m, key: stringExpr(p.name())})
	}
	p.noteAssigned(target)
	body := p.functionBody(method, line)
	f := p.f
	place := f.place(target)
	f.store(place, f.any(body, body.mark), mark{int32(line), body.mark.at})
}

func (p *parser) localFunction() {
	f := p.f
	v := p.newLocal(p.name(), 0)
	reg := f.reserve(1, p.here())
	if v.cell {
		f.emit(instrABC(opNil, reg, reg, 0), p.here())
	}
	f.activate(v, reg, p.here())
	body := p.functionBody(false, p.line)
	if !v.cell {
		f.into(body, reg, body.mark)
	} else {
		f.emit(instrABC(opSetCell, reg, f.next(body, body.mark), 0), body.mark)
	}
	f.proto.locals[v.desc].from = len(f.proto.code)
}

func (p *parser) localStatement() {
	f := p.f
	var vars []*localVar
	for {
		vars = append(vars, p.newLocal(p.name(), len(vars)))
		if !p.accept(',') {
			break
		}
	}
	var values []marked
	if p.accept('=') {
		values = p.expressions()
	}
	reg := f.free
	f.values(values, len(vars), p.here())
	for i, v := range vars {
		f.activate(v, reg+i, p.here())
	}
}

func (p *parser) returnStatement() {
	f := p.f
	p.advance()
	if p.blockEnds() || p.tok == ';' {
		f.emit(instrABC(opReturn0, 0, 0, 0), p.here())
		return
	}
	f.ret(p.expressions(), p.here())
}

func (p *parser) breakStatement() {
	p.advance()
	b := p.f.block
	for b != nil && !b.loop {
		b = b.outer
	}
	if b == nil {
		p.failHere("no loop to break")
	}
	b.breaks = p.f.jump(opJump, b.breaks, p.here())
}

// exprStatement reads a call or an assignment.
func (p *parser) exprStatement() {
	f := p.f
	e := p.suffixed()
	if isCall(e) {
		f.setResults(f.place(e), 0)
		return
	}
	targets := []expr{e}
	for {
		switch target := targets[len(targets)-1].(type) {
		case localExpr, upvalExpr, globalExpr:
		case *suffixExpr:
			if isCall(target) {
				p.failHere("syntax error")
			}
		default:
			p.failHere("syntax error")
		}
		if !p.accept(',') {
			break
		}
		targets = append(targets, p.suffixed())
		f.limit(len(targets)-1, maxLevels-p.level, "variables in assignment")
	}
	p.expect('=')
	values := p.expressions()
	for _, target := range targets {
		p.noteAssigned(target)
	}
	f.assign(targets, values, p.here())
}

// noteAssigned records that a variable is assigned.
func (p *parser) noteAssigned(target expr) {
	switch target := target.(type) {
	case localExpr:
		p.note(target.v, usedAssigned)
	case upvalExpr:
		p.note(target.v, usedAssigned)
	}
}
