// SPDX-License-Identifier: BSD-3-Clause

package lua

// An operand is what an operator will read when its other operand is there, too. Lua 5.1 reads a local variable only then, so a call on
// the right may still change it; everything else is in a register of its own by then.
type operand struct {
	reg  int
	cell bool // what the cell in reg holds then
}

// operand gets an expression ready; it reserves a register if it needs one.
func (f *function) operand(e expr, m mark) operand {
	if v := localOf(e); v != nil {
		return operand{v.reg, v.cell}
	}
	return operand{reg: f.next(e, m)}
}

// localOf returns the variable that an expression is, if it is one.
func localOf(e expr) *localVar {
	switch e := e.(type) {
	case localExpr:
		return e.v
	case *parenExpr:
		return localOf(e.e)
	}
	return nil
}

// use returns the register in which an operand is; it may reserve one.
func (f *function) use(o operand, m mark) int {
	if !o.cell {
		return o.reg
	}
	reg := f.reserve(1, m)
	f.emit(instrABC(opGetCell, reg, o.reg, 0), m)
	return reg
}

// any returns a register that holds an expression's value: a local variable's own, or one that it reserves.
func (f *function) any(e expr, m mark) int {
	if v := localOf(e); v != nil && !v.cell {
		return v.reg
	}
	return f.next(e, m)
}

// next puts an expression's value into the next register, which it reserves.
func (f *function) next(e expr, m mark) int {
	f.into(e, f.free, m)
	return f.reserve(1, m)
}

// into puts an expression's value into a register: of a local variable, or one that is reserved, or the next one. The register is written
// last of all, or before a jump to the end, so the expression may read the variable that it changes.
func (f *function) into(e expr, dst int, m mark) {
	saved := f.free
	f.need(max(0, dst+1-f.free), m)
	switch e := e.(type) {
	case nilExpr:
		f.emit(instrABC(opNil, dst, dst, 0), m)
	case boolExpr:
		f.emit(instrABC(boolOp(bool(e)), dst, 0, 0), m)
	case numberExpr:
		if i, ok := f.smallInt(e); ok {
			f.emit(instrABD(opLoadInt, dst, 0, i), m)
		} else {
			f.emit(instrABD(opLoadK, dst, 0, f.numberConstant(e)), m)
		}
	case stringExpr:
		f.emit(instrABD(opLoadK, dst, 0, f.textConstant(string(e))), m)
	case varargExpr:
		f.emit(instrABC(opVararg, dst, 2, 0), m)
	case localExpr, upvalExpr, globalExpr, *suffixExpr:
		f.load(f.place(e), dst, m)
	case closureExpr:
		f.emit(instrABD(opClosure, dst, 0, e.index), e.mark)
	case *parenExpr:
		f.into(e.e, dst, e.mark)
	case *unaryExpr:
		if e.op == opNot && branches(e.e) {
			f.boolInto(f.jumpIf(e, true, noJump, m), dst, e.mark)
		} else {
			f.emit(instrABC(e.op, dst, f.any(e.e, e.mark), 0), e.mark)
		}
	case *binaryExpr:
		f.binaryInto(e, dst)
	case *concatExpr:
		f.concatInto(e, dst)
	case *logicExpr:
		f.logicInto(e, dst)
	case *tableExpr:
		f.tableInto(e, dst)
	}
	f.free = saved
}

func boolOp(b bool) op {
	if b {
		return opTrue
	}
	return opFalse
}

// opOf returns how far an operator's instruction is from the first arithmetic one.
func opOf(o binaryOp) op { return op(o - binAdd) }

// left computes all but the last operator of a chain, and returns the last one with what is on its left: an operand, or a number.
func (f *function) left(e *binaryExpr) (l operand, number expr, last link) {
	base := f.free
	if n, ok := e.first.e.(numberExpr); ok {
		number = n
	} else {
		l = f.operand(e.first.e, e.first.mark)
	}
	n := len(e.links) - 1
	for i := range e.links[:n] {
		f.apply(l, number, &e.links[i], base)
		f.free = base
		l, number = operand{reg: f.reserve(1, e.links[i].mark)}, nil
	}
	return l, number, e.links[n]
}

func (f *function) binaryInto(e *binaryExpr, dst int) {
	l, number, last := f.left(e)
	f.apply(l, number, &last, dst)
}

// apply puts the result of an operator into a register. On its left is a number if that is not nil, else an operand.
func (f *function) apply(l operand, number expr, k *link, dst int) {
	if k.op >= binEq {
		f.boolInto(f.compare(l, number, k, true, noJump), dst, k.mark)
		return
	}
	n, ok := k.right.(numberExpr)
	switch {
	case number == nil && ok:
		i := f.numberConstant(n)
		f.emit(instrABD(opAddRK+opOf(k.op), dst, f.use(l, k.mark), i), k.mark)
	case number != nil && !ok:
		r := f.use(f.operand(k.right, k.mark), k.mark)
		f.emit(instrABD(opAddKR+opOf(k.op), dst, r, f.numberConstant(number.(numberExpr))), k.mark)
	case number != nil:
		r := f.next(number, k.mark)
		f.emit(instrABD(opAddRK+opOf(k.op), dst, r, f.numberConstant(n)), k.mark)
	default:
		r := f.use(f.operand(k.right, k.mark), k.mark)
		f.emit(instrABC(opAdd+opOf(k.op), dst, f.use(l, k.mark), r), k.mark)
	}
}

// boolInto puts true into a register if the jumps of a list are taken, else false.
func (f *function) boolInto(list jumps, dst int, m mark) {
	f.emit(instrABC(opFalseSkip, dst, 0, 0), m)
	f.patchHere(list)
	f.emit(instrABC(opTrue, dst, 0, 0), m)
}

// branches says whether code for an expression consists of jumps, so that its value need not be made to know whether it counts as true.
func branches(e expr) bool {
	switch e := e.(type) {
	case *parenExpr:
		return branches(e.e)
	case *logicExpr:
		return true
	case *binaryExpr:
		return isComparison(e)
	}
	return false
}

// isComparison says whether a chain's last operator, whose value its value is, is a comparison.
func isComparison(e *binaryExpr) bool { return e.links[len(e.links)-1].op >= binEq }

// compare emits a comparison that jumps if its result is sense, and adds the jump to a list.
func (f *function) compare(l operand, number expr, k *link, sense bool, list jumps) jumps {
	saved := f.free
	not := op(1)
	if sense == (k.op != binNe) {
		not = 0
	}
	constant := -1
	if k.op == binEq || k.op == binNe {
		constant, _ = f.comparable(k.right)
	} else if _, ok := k.right.(numberExpr); ok {
		constant, _ = f.comparable(k.right)
	}
	var i instr
	switch {
	case number == nil && constant >= 0: // register against constant
		i = instrAKD(constantComparison(k.op, false)+not, f.use(l, k.mark), constant, 0)
	case number != nil && constant < 0 && f.fits(number):
		c, _ := f.comparable(number)
		i = instrAKD(constantComparison(k.op, true)+not, f.any(k.right, k.mark), c, 0)
	default:
		r := f.operand(k.right, k.mark)
		if number != nil {
			l = f.operand(number, k.mark)
		}
		a, b := f.use(l, k.mark), f.use(r, k.mark)
		if k.op == binGt || k.op == binGe {
			a, b = b, a
		}
		i = instrABD(registerComparison(k.op)+not, a, b, 0)
	}
	f.free = saved
	return f.jumpWith(i, list, k.mark)
}

// comparable returns the number of an expression that is a constant, if it fits a comparison; else -1.
func (f *function) comparable(e expr) (i int, ok bool) {
	if i, ok = f.constantOf(e); ok && i <= maxComparable {
		return i, true
	}
	return -1, false
}

func (f *function) fits(e expr) bool {
	_, ok := f.comparable(e)
	return ok
}

// maxComparable is the last constant that comparisons can name.
const maxComparable = 1<<16 - 1

// constantComparison returns the instruction that compares a register with a constant; swapped if the constant is on the left.
func constantComparison(o binaryOp, swapped bool) op {
	switch {
	case o == binEq || o == binNe:
		return opEqK
	case o == binLt && !swapped || o == binGt && swapped:
		return opLtK
	case o == binLe && !swapped || o == binGe && swapped:
		return opLeK
	case o == binGt || o == binLt:
		return opGtK
	}
	return opGeK
}

// registerComparison returns the instruction that compares registers: the second with the first for > and >=.
func registerComparison(o binaryOp) op {
	switch o {
	case binEq, binNe:
		return opEq
	case binLt, binGt:
		return opLt
	}
	return opLe
}

// truth says whether an expression is a constant, and whether it counts as true.
func truth(e expr) (value, known bool) {
	switch e := e.(type) {
	case nilExpr:
		return false, true
	case boolExpr:
		return bool(e), true
	case numberExpr, stringExpr:
		return true, true
	}
	return false, false
}

// jumpIf emits code that jumps when an expression counts as sense, and else goes on. The jumps are added to a list.
func (f *function) jumpIf(e expr, sense bool, list jumps, m mark) jumps {
	if value, known := truth(e); known {
		if value == sense {
			list = f.jump(opJump, list, m)
		}
		return list
	}
	switch e := e.(type) {
	case *parenExpr:
		return f.jumpIf(e.e, sense, list, e.mark)
	case *unaryExpr:
		if e.op == opNot {
			return f.jumpIf(e.e, !sense, list, e.mark)
		}
	case *binaryExpr:
		if isComparison(e) {
			saved := f.free
			l, number, last := f.left(e)
			list = f.compare(l, number, &last, sense, list)
			f.free = saved
			return list
		}
	case *logicExpr:
		return f.jumpIfLogic(e, sense, list)
	}
	saved := f.free
	i := instrABC(ifOp(sense), f.any(e, m), 0, 0)
	f.free = saved
	return f.jumpWith(i, list, m)
}

// ifOp returns the instruction that jumps when a register counts as sense; ifSet the one that also copies it.
func ifOp(sense bool) op {
	if sense {
		return opIf
	}
	return opIfNot
}

func ifSet(sense bool) op {
	if sense {
		return opIfSet
	}
	return opIfNotSet
}

func (f *function) jumpIfLogic(e *logicExpr, sense bool, list jumps) jumps {
	last := len(e.parts) - 1
	if e.or == sense { // each operand decides alone
		for _, part := range e.parts {
			list = f.jumpIf(part.e, sense, list, part.mark)
		}
		return list
	}
	skip := noJump
	for _, part := range e.parts[:last] {
		skip = f.jumpIf(part.e, !sense, skip, part.mark)
	}
	list = f.jumpIf(e.parts[last].e, sense, list, e.parts[last].mark)
	f.patchHere(skip)
	return list
}

// An outcome is where the operands of `and` and `or` go that decide: to the end, with the value in the register that is wanted, or to
// where true or false is put there.
type outcome struct{ end, yes, no jumps }

// logicInto puts the value of operands with `and` or `or` between them into a register: of the first one that decides, or the last one.
func (f *function) logicInto(e *logicExpr, dst int) {
	o, last := outcome{noJump, noJump, noJump}, e.parts[len(e.parts)-1]
	for _, part := range e.parts[:len(e.parts)-1] {
		f.decide(part.e, e.or, dst, &o, part.mark)
	}
	if b, ok := last.e.(*binaryExpr); ok && isComparison(b) {
		o.yes = f.jumpIf(b, true, o.yes, last.mark)
	} else {
		f.into(last.e, dst, last.mark)
		if o.yes != noJump || o.no != noJump {
			o.end = f.jump(opJump, o.end, last.mark)
		} else {
			f.patchHere(o.end)
			return
		}
	}
	f.patchHere(o.no)
	f.boolInto(o.yes, dst, last.mark)
	f.patchHere(o.end)
}

// decide emits code that, when an expression counts as sense, puts its value into a register and jumps, and else goes on.
func (f *function) decide(e expr, sense bool, dst int, o *outcome, m mark) {
	if value, known := truth(e); known {
		if value == sense {
			f.into(e, dst, m)
			o.end = f.jump(opJump, o.end, m)
		}
		return
	}
	switch e := e.(type) {
	case *parenExpr:
		f.decide(e.e, sense, dst, o, e.mark)
		return
	case *logicExpr:
		f.decideLogic(e, sense, dst, o)
		return
	case *unaryExpr:
		if e.op == opNot {
			f.decideBool(e, sense, o, m)
			return
		}
	case *binaryExpr:
		if isComparison(e) {
			f.decideBool(e, sense, o, m)
			return
		}
	}
	saved := f.free
	if v := localOf(e); v != nil && !v.cell {
		o.end = f.jumpWith(instrABC(ifSet(sense), dst, v.reg, 0), o.end, m)
	} else if dst < f.top { // a variable, which the other operands may read
		o.end = f.jumpWith(instrABC(ifSet(sense), dst, f.next(e, m), 0), o.end, m)
	} else {
		f.into(e, dst, m)
		o.end = f.jumpWith(instrABC(ifOp(sense), dst, 0, 0), o.end, m)
	}
	f.free = saved
}

// decideBool is decide for an expression that is true or false.
func (f *function) decideBool(e expr, sense bool, o *outcome, m mark) {
	if sense {
		o.yes = f.jumpIf(e, true, o.yes, m)
	} else {
		o.no = f.jumpIf(e, false, o.no, m)
	}
}

func (f *function) decideLogic(e *logicExpr, sense bool, dst int, o *outcome) {
	last := len(e.parts) - 1
	if e.or == sense {
		for _, part := range e.parts {
			f.decide(part.e, sense, dst, o, part.mark)
		}
		return
	}
	skip := noJump
	for _, part := range e.parts[:last] {
		skip = f.jumpIf(part.e, !sense, skip, part.mark)
	}
	f.decide(e.parts[last].e, sense, dst, o, e.parts[last].mark)
	f.patchHere(skip)
}

func (f *function) concatInto(e *concatExpr, dst int) {
	first := f.free
	for i := len(e.parts) - 1; i >= 0; i-- {
		f.next(e.parts[i].e, e.parts[i].mark)
	}
	f.emit(instrABC(opConcat, dst, first, f.free-1), e.mark)
}

// tableFlush is how many elements of a constructor are put into the table at once.
const tableFlush = 50

func (f *function) tableInto(e *tableExpr, dst int) {
	t := f.reserve(1, e.mark)
	create := f.emit(0, e.mark)
	elements, keys, pending := 0, 0, 0
	for i := range e.items {
		item := &e.items[i]
		last := i == len(e.items)-1
		switch {
		case item.key != nil:
			keys++
			f.tableField(t, item)
		case last && isOpen(item.e):
			f.open(item.e, item.mark)
			f.emit(instrABD(opSetList, t, 0, elements-pending), item.mark)
			pending = 0
		default:
			f.next(item.e, item.mark)
			elements++
			if pending++; pending == tableFlush && !last {
				f.emit(instrABD(opSetList, t, pending+1, elements-pending), item.mark)
				pending, f.free = 0, t+1
			}
		}
	}
	if pending > 0 {
		f.emit(instrABD(opSetList, t, pending+1, elements-pending), e.end)
	}
	f.proto.code[create] = instrAKD(opNewTable, t, min(keys, maxComparable), elements)
	if dst != t {
		f.emit(instrABC(opMove, dst, t, 0), e.end)
	}
}

// tableField emits the assignment of an item that has a key.
func (f *function) tableField(t int, item *tableItem) {
	saved := f.free
	place := f.index(operand{reg: t}, item.key, item.keyed)
	f.store(place, f.any(item.e, item.mark), item.mark)
	f.free = saved
}
