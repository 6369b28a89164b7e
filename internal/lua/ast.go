// SPDX-License-Identifier: BSD-3-Clause

package lua

// An expr is an expression as the parser builds it: with names resolved, constants folded, and chains of operators and of suffixes as
// lists, so that only what nests in the source nests here.
//
// Statements have no trees: each is turned into code when it has been read, and what it consisted of is forgotten.
type expr interface{ isExpr() }

// A mark is a place in the source where code is made: the line of the last token before it, which the code gets, and where the token
// behind it begins, for errors. They are where Lua 5.1, which makes code while it reads, would make it.
type mark struct {
	line int32
	at   int32
}

// A marked expression is one of a list, with the place where it gets into a register.
type marked struct {
	e expr
	mark
}

type (
	nilExpr    struct{}
	boolExpr   bool
	numberExpr float64
	stringExpr string
	varargExpr struct{}

	localExpr struct{ v *localVar }
	upvalExpr struct {
		index int
		v     *localVar
	}
	globalExpr struct{ name string }

	// closureExpr is a function that was compiled already: one of the protos of the function that is being compiled.
	closureExpr struct {
		index int
		mark
	}

	// parenExpr is an expression in parentheses that differs by them: it has one value, and is no target of assignments.
	parenExpr struct{ marked }

	// unaryExpr is one of opUnm, opNot and opLen of an operand.
	unaryExpr struct {
		op op
		marked
	}

	// A binaryExpr applies operators from left to right: each to what is on its left and to its right operand.
	binaryExpr struct {
		first marked // marked where the first operator has been read
		links []link
	}

	// A concatExpr is two or more operands, the last one first.
	concatExpr struct {
		parts []marked
		mark  // where all have been read
	}

	// A logicExpr is two or more operands with `and` between them, or with `or`.
	logicExpr struct {
		or    bool
		parts []marked
	}

	// A suffixExpr applies suffixes from left to right.
	suffixExpr struct {
		base     expr
		suffixes []suffix
	}

	tableExpr struct {
		items []tableItem
		mark
		end mark // where the closing brace has been read
	}
)

// A link is a binary operator, one of the arithmetic ones or a comparison, with its right operand.
type link struct {
	op    binaryOp
	right expr
	mark  // where right has been read
}

// A suffix is an index, a field, a call or a method's call behind what it applies to.
type suffix struct {
	kind  suffixKind
	mark           // where what is on its left gets into a register; of a method, where its name has been read
	line  int32    // of a call: where the arguments begin
	key   expr     // the index; the name as a stringExpr
	args  []marked // of a call
	after mark     // of an index: where it has been read
}

type suffixKind uint8

const (
	suffixIndex  suffixKind = iota // [key] and .key
	suffixCall                     // (args)
	suffixMethod                   // :key(args)
)

// A tableItem is [key] = value, or a value alone if key is nil.
type tableItem struct {
	key    expr
	keyed  mark // where the key has been read
	marked      // the value
}

func (nilExpr) isExpr()     {}
func (boolExpr) isExpr()    {}
func (numberExpr) isExpr()  {}
func (stringExpr) isExpr()  {}
func (varargExpr) isExpr()  {}
func (localExpr) isExpr()   {}
func (upvalExpr) isExpr()   {}
func (globalExpr) isExpr()  {}
func (closureExpr) isExpr() {}
func (*parenExpr) isExpr()  {}
func (*unaryExpr) isExpr()  {}
func (*binaryExpr) isExpr() {}
func (*concatExpr) isExpr() {}
func (*logicExpr) isExpr()  {}
func (*suffixExpr) isExpr() {}
func (*tableExpr) isExpr()  {}

// isCall says whether e is a call, whose results may be many.
func isCall(e expr) bool {
	s, ok := e.(*suffixExpr)
	return ok && s.suffixes[len(s.suffixes)-1].kind != suffixIndex
}

// isOpen says whether e may have any number of values.
func isOpen(e expr) bool {
	if _, ok := e.(varargExpr); ok {
		return true
	}
	return isCall(e)
}

// A binaryOp is a binary operator of the source.
type binaryOp uint8

const (
	binAdd binaryOp = iota // the arithmetic ones are in the order of opAdd, …
	binSub
	binMul
	binDiv
	binMod
	binPow
	binConcat
	binEq // the comparisons
	binNe
	binLt
	binLe
	binGt
	binGe
	binAnd
	binOr
	noBinary
)

// priorities are how strongly each operator binds what is on its left and on its right.
var priorities = [...]struct{ left, right uint8 }{
	binAdd: {6, 6}, binSub: {6, 6}, binMul: {7, 7}, binDiv: {7, 7}, binMod: {7, 7},
	binPow: {10, 9}, binConcat: {5, 4},
	binEq: {3, 3}, binNe: {3, 3}, binLt: {3, 3}, binLe: {3, 3}, binGt: {3, 3}, binGe: {3, 3},
	binAnd: {2, 2}, binOr: {1, 1},
}

const unaryPriority = 8

// binaryOf returns the operator that a token is.
func binaryOf(t token) binaryOp {
	switch t {
	case '+':
		return binAdd
	case '-':
		return binSub
	case '*':
		return binMul
	case '/':
		return binDiv
	case '%':
		return binMod
	case '^':
		return binPow
	case tokConcat:
		return binConcat
	case tokEq:
		return binEq
	case tokNe:
		return binNe
	case '<':
		return binLt
	case tokLe:
		return binLe
	case '>':
		return binGt
	case tokGe:
		return binGe
	case tokAnd:
		return binAnd
	case tokOr:
		return binOr
	}
	return noBinary
}
