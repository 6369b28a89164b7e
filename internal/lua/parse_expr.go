// SPDX-License-Identifier: BSD-3-Clause

package lua

import "math"

// expressions reads a list of at least one. Each is marked behind its comma, the last one at its end.
func (p *parser) expressions() []marked {
	list := make([]marked, 0, 2) // mostly there are no more
	for {
		e := p.expression()
		comma := p.accept(',')
		list = append(list, marked{e, p.here()})
		p.watch.grow()
		if !comma {
			return list
		}
	}
}

// expression reads one.
func (p *parser) expression() expr { return p.subexpression(0) }

// subexpression reads an expression with the operators that bind more strongly than limit.
func (p *parser) subexpression(limit uint8) expr {
	p.enter()
	var left expr
	switch p.tok {
	case tokNot:
		left = p.unary(opNot)
	case '-':
		left = p.unary(opUnm)
	case '#':
		left = p.unary(opLen)
	default:
		left = p.simple()
	}
	for op := binaryOf(p.tok); op != noBinary && priorities[op].left > limit; op = binaryOf(p.tok) {
		p.advance()
		m := p.here()
		right := p.subexpression(priorities[op].right)
		left = binary(op, marked{left, m}, marked{right, p.here()})
		p.watch.grow()
	}
	p.leave()
	return left
}

func (p *parser) unary(o op) expr {
	p.advance()
	e := p.subexpression(unaryPriority)
	if n, ok := e.(numberExpr); ok && o == opUnm && n == n {
		return -n
	}
	return &unaryExpr{o, marked{e, p.here()}}
}

// binary builds what an operator makes of its operands.
func binary(op binaryOp, left, right marked) expr {
	switch op {
	case binAnd, binOr:
		if e, ok := left.e.(*logicExpr); ok && e.or == (op == binOr) {
			e.parts = append(e.parts, right)
			return e
		}
		return &logicExpr{op == binOr, []marked{left, right}}
	case binConcat:
		if e, ok := right.e.(*concatExpr); ok {
			e.parts = append(e.parts, left)
			return e
		}
		return &concatExpr{[]marked{right, left}, right.mark}
	}
	l := link{op, right.e, right.mark}
	switch e := left.e.(type) {
	case numberExpr:
		if n, ok := fold(op, e, right.e); ok {
			return n
		}
	case *binaryExpr:
		e.links = append(e.links, l)
		return e
	}
	return &binaryExpr{left, []link{l}}
}

// fold computes an arithmetic operator of constants, unless the result should be left to the machine.
func fold(op binaryOp, left numberExpr, right expr) (numberExpr, bool) {
	r, ok := right.(numberExpr)
	if !ok || op > binPow || (op == binDiv || op == binMod) && r == 0 {
		return 0, false
	}
	n := compute(eventAdd+event(op-binAdd), float64(left), float64(r))
	return numberExpr(n), !math.IsNaN(n)
}

// simple reads an expression without operators.
func (p *parser) simple() expr {
	var e expr
	switch p.tok {
	case tokNumber:
		e = numberExpr(p.num)
	case tokString:
		e = stringExpr(p.str)
	case tokNil:
		e = nilExpr{}
	case tokTrue:
		e = boolExpr(true)
	case tokFalse:
		e = boolExpr(false)
	case tokDots:
		if !p.f.proto.vararg {
			p.failHere("cannot use '...' outside a vararg function")
		}
		p.f.usesDots = true
		e = varargExpr{}
	case '{':
		return p.table()
	case tokFunction:
		p.advance()
		return p.functionBody(false, p.line)
	default:
		return p.suffixed()
	}
	p.advance()
	return e
}

// primary reads a name or an expression in parentheses.
func (p *parser) primary() expr {
	switch p.tok {
	case tokName:
		return p.resolve(p.name())
	case '(':
		line := p.line
		p.advance()
		e := p.expression()
		p.expectClosing(')', '(', line)
		switch e.(type) {
		case nilExpr, boolExpr, numberExpr, stringExpr, closureExpr, *tableExpr, *parenExpr:
			return e
		}
		return &parenExpr{marked{e, p.here()}}
	}
	p.failHere("unexpected symbol")
	return nil
}

// suffixed reads a primary expression with its suffixes.
func (p *parser) suffixed() expr {
	e := p.primary()
	for ; ; p.watch.grow() {
		m := p.here()
		switch p.tok {
		case '.':
			p.advance()
			e = withSuffix(e, suffix{kind: suffixIndex, mark: m, key: stringExpr(p.name())})
		case '[':
			p.advance()
			key := p.expression()
			read := p.here()
			p.expect(']')
			read.at = int32(p.at) // only then it gets into a register
			e = withSuffix(e, suffix{kind: suffixIndex, mark: m, key: key, after: read})
		case ':':
			p.advance()
			name := stringExpr(p.name())
			m = p.here()
			line := p.line
			e = withSuffix(e, suffix{kind: suffixMethod, mark: m, line: int32(line), key: name, args: p.arguments()})
		case '(', tokString, '{':
			line := p.line
			e = withSuffix(e, suffix{kind: suffixCall, mark: m, line: int32(line), args: p.arguments()})
		default:
			return e
		}
	}
}

func withSuffix(e expr, s suffix) expr {
	if x, ok := e.(*suffixExpr); ok {
		x.suffixes = append(x.suffixes, s)
		return x
	}
	x := &struct {
		suffixExpr
		room [2]suffix // mostly there are no more
	}{}
	x.base, x.suffixes = e, append(x.room[:0], s)
	return &x.suffixExpr
}

// arguments reads those of a call.
func (p *parser) arguments() []marked {
	line := p.line
	switch p.tok {
	case tokString:
		e := stringExpr(p.str)
		p.advance()
		return []marked{{e, p.here()}}
	case '{':
		e := p.table()
		return []marked{{e, p.here()}}
	case '(':
		if line != p.lastLine {
			p.failHere("ambiguous syntax (function call x new statement)")
		}
		if p.advance(); p.accept(')') {
			return nil
		}
		args := p.expressions()
		p.expectClosing(')', '(', line)
		args[len(args)-1].mark = p.here()
		return args
	}
	p.failHere("function arguments expected")
	return nil
}

// table reads a table's constructor.
func (p *parser) table() expr {
	line := p.line
	t := &tableExpr{mark: p.here()}
	p.expect('{')
	for p.tok != '}' {
		t.items = append(t.items, p.tableItem())
		p.watch.grow()
		if p.tok != ',' && p.tok != ';' {
			break
		}
		p.advance()
		if item := &t.items[len(t.items)-1]; item.key == nil && p.tok != '}' {
			item.mark = p.here()
		}
	}
	p.expectClosing('}', '{', line)
	t.end = p.here()
	if n := len(t.items); n > 0 && t.items[n-1].key == nil {
		t.items[n-1].mark = t.end
	}
	return t
}

func (p *parser) tableItem() tableItem {
	var item tableItem
	switch {
	case p.tok == tokName && p.peekAssign():
		item.key = stringExpr(p.name())
	case p.tok == '[':
		p.advance()
		item.key = p.expression()
		item.keyed = p.here()
		p.expect(']')
	default:
		item.e = p.expression()
		item.mark = p.here()
		return item
	}
	p.expect('=')
	item.keyed.at = int32(p.at)
	item.e = p.expression()
	item.mark = p.here()
	return item
}

// functionBody compiles a function from its parameters on.
func (p *parser) functionBody(method bool, line int) closureExpr {
	p.openFunction(line)
	f := p.f
	p.expect('(')
	if method {
		f.activate(p.newLocal("self", 0), f.reserve(1, p.here()), p.here())
	}
	dots := p.parameters()
	p.expect(')')
	p.block()
	f.proto.lastLine = p.line
	p.expectClosing(tokEndBlock, tokFunction, line)
	if f.usesDots && dots >= 0 { // then there is no `arg`
		f.proto.code[dots] = instrABC(opNil, int(f.proto.code[dots].a()), int(f.proto.code[dots].a()), 0)
	}
	proto := p.closeFunction()
	p.f.proto.protos = append(p.f.proto.protos, proto)
	return closureExpr{len(p.f.proto.protos) - 1, p.here()}
}

// parameters reads the names of a function's parameters. If it takes more arguments, it has a variable `arg` too; the instruction is
// returned that fills it, else -1.
func (p *parser) parameters() (dots int) {
	f := p.f
	var vars []*localVar
	dots = -1
	for more := p.tok != ')'; more; more = !f.proto.vararg && p.accept(',') {
		switch p.tok {
		case tokName:
			vars = append(vars, p.newLocal(p.name(), len(vars)))
		case tokDots:
			p.advance()
			vars = append(vars, p.newLocal("arg", len(vars)))
			f.proto.vararg = true
		default:
			p.failHere("<name> or '...' expected")
		}
	}
	reg := f.free
	f.reserve(len(vars), p.here())
	f.proto.params = f.free
	if f.proto.vararg {
		f.proto.params--
		dots = f.emit(instrABC(opArgTable, f.free-1, 0, 0), p.here())
	}
	for i, v := range vars {
		f.activate(v, reg+i, p.here())
	}
	return dots
}
