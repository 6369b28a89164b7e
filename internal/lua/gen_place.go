// SPDX-License-Identifier: BSD-3-Clause

package lua

// A place is what can be loaded, and mostly stored: a variable, an element, or the results of a call that was just made. What it needs is in
// registers, but nothing was read from it yet.
type place struct {
	kind placeKind
	obj  operand // the variable's register; the table; the first result
	key  operand
	n    int // the upvalue, the constant of the name, the index, or the call's instruction
}

type placeKind uint8

const (
	placeLocal placeKind = iota
	placeUpval
	placeUpcell
	placeGlobal
	placeField
	placeInt
	placeIndex
	placeCall
)

// place gets a name, or what has suffixes, ready to be loaded or stored. It reserves registers.
func (f *function) place(e expr) place {
	switch e := e.(type) {
	case localExpr:
		return place{kind: placeLocal, obj: operand{e.v.reg, e.v.cell}}
	case upvalExpr:
		if e.v.cell {
			return place{kind: placeUpcell, n: e.index}
		}
		return place{kind: placeUpval, n: e.index}
	case globalExpr:
		return place{kind: placeGlobal, n: f.textConstant(e.name)}
	}
	return f.suffixed(e.(*suffixExpr))
}

// suffixed applies all suffixes but the last one, which the place stands for.
func (f *function) suffixed(e *suffixExpr) place {
	start := f.free
	var pl place
	for i := range e.suffixes {
		s := &e.suffixes[i]
		var obj operand // what the suffix applies to; of a call in the next register
		switch {
		case i > 0:
			f.load(pl, start, s.mark)
			f.free = start
			obj.reg = f.reserve(1, s.mark)
		case s.kind == suffixCall:
			obj.reg = f.next(e.base, s.mark)
		default:
			obj = f.operand(e.base, s.mark)
		}
		switch s.kind {
		case suffixIndex:
			pl = f.index(obj, s.key, s.after)
		case suffixCall:
			pl = f.call(obj.reg, 0, s)
		case suffixMethod:
			reg := f.use(obj, s.mark)
			f.free = start
			f.reserve(2, s.mark)
			f.emit(instrABD(opSelf, start, reg, f.textConstant(string(s.key.(stringExpr)))), s.mark)
			pl = f.call(start, 1, s)
		}
	}
	return pl
}

// index returns the place of an element.
func (f *function) index(obj operand, key expr, m mark) place {
	if s, ok := key.(stringExpr); ok {
		return place{kind: placeField, obj: obj, n: f.textConstant(string(s))}
	}
	if i, ok := f.smallInt(key); ok {
		return place{kind: placeInt, obj: obj, n: i}
	}
	return place{kind: placeIndex, obj: obj, key: f.operand(key, m)}
}

// call emits a call of the function in reg, which is the last that is reserved but for the self behind it, and gives its first result's
// place, which is not reserved.
func (f *function) call(reg, self int, s *suffix) place {
	n := f.arguments(s.args)
	if n >= 0 {
		n += self
	}
	pc := f.emit(instrABC(opCall, reg, n+1, 2), mark{s.line, s.at})
	f.free = reg
	return place{kind: placeCall, obj: operand{reg: reg}, n: pc}
}

// arguments puts a list's values into the next registers, and returns how many they are; -1 if the last one is open.
func (f *function) arguments(args []marked) int {
	for i, arg := range args {
		if i == len(args)-1 && isOpen(arg.e) {
			f.open(arg.e, arg.mark)
			return -1
		}
		f.next(arg.e, arg.mark)
	}
	return len(args)
}

// open puts all values of a call or of `...` into the registers from the next one on.
func (f *function) open(e expr, m mark) {
	if isCall(e) {
		saved := f.free
		f.setResults(f.place(e), -1)
		f.free = saved
		return
	}
	f.need(1, m)
	f.emit(instrABC(opVararg, f.free, 0, 0), m)
}

// setResults says how many results are wanted of the call that was just emitted; -1 for all.
func (f *function) setResults(pl place, n int) { f.proto.code[pl.n] = f.proto.code[pl.n].withC(n + 1) }

// load puts what is in a place into a register.
func (f *function) load(pl place, dst int, m mark) {
	saved := f.free
	switch pl.kind {
	case placeLocal:
		switch {
		case pl.obj.cell:
			f.emit(instrABC(opGetCell, dst, pl.obj.reg, 0), m)
		case dst != pl.obj.reg:
			f.emit(instrABC(opMove, dst, pl.obj.reg, 0), m)
		}
	case placeUpval:
		f.emit(instrABC(opGetUpval, dst, pl.n, 0), m)
	case placeUpcell:
		f.emit(instrABC(opGetUpcell, dst, pl.n, 0), m)
	case placeGlobal:
		f.emit(instrABD(opGetGlobal, dst, 0, pl.n), m)
	case placeField:
		f.emit(instrABD(opGetField, dst, f.use(pl.obj, m), pl.n), m)
	case placeInt:
		f.emit(instrABD(opGetInt, dst, f.use(pl.obj, m), pl.n), m)
	case placeIndex:
		obj := f.use(pl.obj, m)
		f.emit(instrABC(opGetTable, dst, obj, f.use(pl.key, m)), m)
	case placeCall:
		if dst != pl.obj.reg {
			f.emit(instrABC(opMove, dst, pl.obj.reg, 0), m)
		}
	}
	f.free = saved
}

// store puts a register into a place.
func (f *function) store(pl place, reg int, m mark) {
	saved := f.free
	switch pl.kind {
	case placeLocal:
		switch {
		case pl.obj.cell:
			f.emit(instrABC(opSetCell, pl.obj.reg, reg, 0), m)
		case reg != pl.obj.reg:
			f.emit(instrABC(opMove, pl.obj.reg, reg, 0), m)
		}
	case placeUpval, placeUpcell:
		f.emit(instrABC(opSetUpcell, reg, pl.n, 0), m)
	case placeGlobal:
		f.emit(instrABD(opSetGlobal, reg, 0, pl.n), m)
	case placeField:
		f.emit(instrACD(opSetField, f.use(pl.obj, m), reg, pl.n), m)
	case placeInt:
		f.emit(instrACD(opSetInt, f.use(pl.obj, m), reg, pl.n), m)
	case placeIndex:
		obj := f.use(pl.obj, m)
		f.emit(instrABC(opSetTable, obj, f.use(pl.key, m), reg), m)
	}
	f.free = saved
}

// values puts n values into the next registers, which it reserves: those of a list, with nil for what is missing. What there is too much is
// computed, too.
func (f *function) values(list []marked, n int, m mark) {
	start := f.free
	for i, v := range list {
		if i == len(list)-1 && isOpen(v.e) {
			f.some(v.e, max(0, n-i), v.mark)
			break
		}
		f.next(v.e, v.mark)
	}
	if missing := start + n - f.free; missing > 0 {
		first := f.reserve(missing, m)
		f.emit(instrABC(opNil, first, f.free-1, 0), m)
	}
	f.free = start + n
}

// some puts n values of a call or of `...` into the next registers, which it reserves.
func (f *function) some(e expr, n int, m mark) {
	if isCall(e) {
		saved := f.free
		f.setResults(f.place(e), n)
		f.free = saved
		f.reserve(n, m)
		return
	}
	first := f.reserve(n, m)
	f.emit(instrABC(opVararg, first, n+1, 0), m)
}

// assign emits an assignment. What the targets consist of is computed first, from left to right, then the values; then they are assigned
// from right to left.
func (f *function) assign(targets []expr, values []marked, m mark) {
	places := make([]place, len(targets))
	for i, target := range targets {
		if i > 0 {
			f.keep(places[:i], target, m)
		}
		places[i] = f.place(target)
	}
	n := len(targets)
	if len(values) == n {
		for _, v := range values[:n-1] {
			f.next(v.e, v.mark)
		}
		start := f.free - (n - 1)
		n--
		f.assignOne(places[n], values[n])
		f.storeAll(places[:n], start, m)
		return
	}
	start := f.free
	f.values(values, n, m)
	f.storeAll(places, start, m)
}

func (f *function) storeAll(places []place, start int, m mark) {
	for i := len(places) - 1; i >= 0; i-- {
		f.store(places[i], start+i, m)
	}
}

// assignOne assigns a value that is not in a register yet.
func (f *function) assignOne(pl place, v marked) {
	if pl.kind == placeLocal && !pl.obj.cell {
		f.into(v.e, pl.obj.reg, v.mark)
		return
	}
	f.store(pl, f.any(v.e, v.mark), v.mark)
}

// keep saves the value of a variable that is about to be assigned for the places before it that use it.
func (f *function) keep(places []place, target expr, m mark) {
	l, ok := target.(localExpr)
	if !ok {
		return
	}
	saved := -1
	for i := range places {
		for _, o := range []*operand{&places[i].obj, &places[i].key} {
			if places[i].kind < placeField || o.reg != l.v.reg || o == &places[i].key && places[i].kind != placeIndex {
				continue
			}
			if saved < 0 {
				saved = f.reserve(1, m)
				f.load(f.place(target), saved, m)
			}
			*o = operand{reg: saved}
		}
	}
}

// ret emits a return of a list of values.
func (f *function) ret(list []marked, m mark) {
	if len(list) == 1 {
		e := list[0].e
		if isCall(e) {
			pl := f.place(e)
			f.proto.code[pl.n] = f.proto.code[pl.n].withOp(opTailCall)
			return
		}
		if !isOpen(e) {
			f.emit(instrABC(opReturn1, f.any(e, list[0].mark), 0, 0), m)
			return
		}
	}
	start := f.free
	n := f.arguments(list)
	f.emit(instrABC(opReturn, start, n+1, 0), m)
}
