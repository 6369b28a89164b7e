// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// slow does an instruction that the loop has not done: because it is rare, or takes long enough for a call not to matter, or needs
// metamethods, memory or the hook. f is the frame on top, whose pc is behind the instruction, and r are its registers; both may be
// stale afterwards.
func (s *State) slow(th *Thread, f *frame, r *[window]Value, i instr) error {
	if s.budget--; s.budget < 0 {
		if err := s.tick(); err != nil {
			return err
		}
	}
	switch o := i.op(); o {
	case opGetGlobal, opGetField, opSelf, opGetTable, opGetInt:
		return s.get(th, f, r, i)
	case opSetGlobal:
		return s.setIndex(TableValue(f.cl.env), f.cl.proto.consts[i.d()], r[i.a()], -1)
	case opSetField:
		return s.setIndex(r[i.a()], f.cl.proto.consts[i.d()], r[i.c()], int(i.a()))
	case opSetTable:
		return s.setIndex(r[i.a()], r[i.b()], r[i.c()], int(i.a()))
	case opSetInt:
		return s.setIndex(r[i.a()], Int(int(i.d())), r[i.c()], int(i.a()))
	case opCall:
		return s.callOp(th, f, r, i)
	case opLoop, opForLoop:
		return nil // they came for the hook
	case opForPrep:
		return s.forPrep(f, r, i)
	case opTForCall:
		return s.forCall(th, f, r, i)
	case opCell:
		if err := s.Alloc(int(cellSize)); err != nil {
			return err
		}
		r[i.a()] = cellValue(&cell{v: r[i.a()]})
		return nil
	case opClosure:
		return s.newClosure(f.cl, r, i)
	case opNewTable:
		t, err := s.NewTable(int(i.d()), int(i.bc()))
		if err != nil {
			return err
		}
		r[i.a()] = TableValue(t)
		return nil
	case opSetList:
		return s.setList(th, f, i)
	case opVararg:
		return th.varargs(f, i)
	case opArgTable:
		return s.argTable(th, f, r, i)
	case opConcat:
		return s.concat(th, int(f.base), i)
	case opLen:
		return s.length(th, f, r, i)
	case opEq, opNe:
		return s.equalOp(th, f, r[i.a()], r[i.b()], i, o == opEq)
	case opEqK, opNeK:
		return s.equalOp(th, f, r[i.a()], f.cl.proto.consts[i.bc()], i, o == opEqK)
	case opLt, opNlt, opLe, opNle, opLtK, opNltK, opLeK, opNleK, opGtK, opNgtK, opGeK, opNgeK:
		return s.compareOp(th, f, r, i)
	case opUnm:
		return s.arithmetic(th, f, i, eventUnm, r[i.b()], r[i.b()], int(i.b()), int(i.b()))
	default:
		switch {
		case o >= opAddKR && o <= opPowKR:
			return s.arithmetic(th, f, i, eventAdd+event(o-opAddKR), f.cl.proto.consts[i.d()], r[i.b()], -1, int(i.b()))
		case o >= opAddRK && o < opAddKR:
			return s.arithmetic(th, f, i, eventAdd+event(o-opAddRK), r[i.b()], f.cl.proto.consts[i.d()], int(i.b()), -1)
		case o >= opAdd && o < opAddRK:
			return s.arithmetic(th, f, i, eventAdd+event(o-opAdd), r[i.b()], r[i.c()], int(i.b()), int(i.c()))
		}
		panic("lua: unknown instruction")
	}
}

// get does the instructions that read a field.
func (s *State) get(th *Thread, f *frame, r *[window]Value, i instr) error {
	v, reg := r[i.b()], int(i.b())
	var key Value
	switch i.op() {
	case opGetTable:
		key = r[i.c()]
	case opGetInt:
		key = Int(int(i.d()))
	default:
		key = f.cl.proto.consts[i.d()]
		if i.op() == opGetGlobal {
			v, reg = TableValue(f.cl.env), -1
		}
		if n := s.field(v, key.str()); n != nil {
			n.key = key // so that the loop finds it
		}
	}
	if i.op() == opSelf {
		r[i.a()+1] = v
	}
	to := int(f.base) + int(i.a())
	v, err := s.index(v, key, reg)
	if err != nil {
		return err
	}
	th.stack[to] = v
	return nil
}

// field returns the node where the loop looks for a field, in the value itself or in a table that is its __index; nil if there is none.
func (s *State) field(v Value, key *String) *node {
	if v.n == tagTable {
		if n := v.table().findStr(key); n != nil {
			return n
		}
	}
	if h := s.metamethod(v, eventIndex); h.n == tagTable {
		return h.table().findStr(key)
	}
	return nil
}

// callOp is opCall.
func (s *State) callOp(th *Thread, f *frame, r *[window]Value, i instr) error {
	at := int(f.base) + int(i.a())
	n := int(i.b()) - 1
	if n < 0 {
		n = int(f.top) - at - 1
	}
	switch fn := r[i.a()]; fn.n {
	case tagLua:
		return th.enterLua(at, n, int32(i.c()), false)
	case tagGo:
		return s.goOp(th, fn.gofn(), at, n, int(i.c()))
	}
	return s.callFrom(th, at, n, int32(i.c()))
}

// goOp is opCall of a function of Go at stack[at], with n arguments.
func (s *State) goOp(th *Thread, fn *GoFunction, at, n, want int) error {
	n, err := s.callGo(th, fn, at, n)
	if err != nil {
		return th.suspend(at, int32(want), err)
	}
	if n+1 != want {
		th.adjust(&th.frames[len(th.frames)-1], at, n, want)
	}
	return nil
}

// enterLua adds a frame for the function of Lua at stack[at] with n arguments behind it.
func (th *Thread) enterLua(at, n int, want int32, entry bool) error {
	cl := th.stack[at].closure()
	p := cl.proto
	base, extra := at+1, 0
	if p.vararg {
		base += n
		extra = max(n-p.params, 0)
		th.s.budget -= n / 8
	}
	th.s.budget -= len(p.code) >> paceShift
	if base+p.stack+window > len(th.stack) {
		if err := th.reserve(base + p.stack); err != nil {
			return err
		}
	}
	f, err := th.push()
	if err != nil {
		return err
	}
	f.cl, f.base, f.fn, f.top, f.pc = cl, int32(base), int32(at), 0, 0
	f.want, f.extra, f.tails, f.entry = want, int32(extra), 0, entry
	if p.vararg {
		copy(th.stack[base:base+p.params], th.stack[at+1:at+1+n-extra])
	}
	for i := n; i < p.params; i++ {
		th.stack[base+i].n = tagNil
	}
	return nil
}

// leave takes the frame on top away and gives its caller the n results at stack[from]; it says whether Go was the caller.
func (th *Thread) leave(from, n int) bool {
	top := len(th.frames) - 1
	f := &th.frames[top]
	fn, want, entry := int(f.fn), int(f.want), f.entry
	if n == 1 {
		th.stack[fn] = th.stack[from]
	} else {
		copy(th.stack[fn:fn+n], th.stack[from:from+n])
	}
	th.frames = th.frames[:top]
	if !entry {
		th.adjust(&th.frames[top-1], fn, n, want)
	}
	return entry
}

// adjust gives a call of frame f, which left n results at stack[at], as many as it wanted.
func (th *Thread) adjust(f *frame, at, n, want int) {
	if want == 0 {
		f.top = int32(at + n)
		return
	}
	for ; n < want-1; n++ {
		th.stack[at+n].n = tagNil
	}
}

// callFrom calls what is not a function of Lua; if it is found to be one after all, its frame is on top then.
func (s *State) callFrom(th *Thread, at, n int, want int32) (err error) {
	if n, err = s.resolve(th, at, n); err != nil {
		return err
	}
	fn := th.stack[at]
	if fn.n == tagLua {
		return th.enterLua(at, n, want, false)
	}
	return s.goOp(th, fn.gofn(), at, n, int(want))
}

// suspend notes where a coroutine goes on if err is that it yields.
func (th *Thread) suspend(at int, want int32, err error) error {
	if err == errYield {
		th.frames = th.frames[:len(th.frames)-1] // of the function that yielded
		th.yieldAt, th.yieldWant = int32(at), want
	}
	return err
}

// resolve puts a function where a call has something else whose metatable has __call; it returns the number of arguments.
func (s *State) resolve(th *Thread, at, n int) (int, error) {
	for range maxLoop {
		fn := th.stack[at]
		if fn.n == tagLua || fn.n == tagGo {
			return n, nil
		}
		h := s.metamethod(fn, eventCall)
		if !h.IsFunction() {
			return 0, s.callError(th, fn, at)
		}
		if err := th.reserve(at + n + 2); err != nil {
			return 0, err
		}
		copy(th.stack[at+1:at+n+2], th.stack[at:at+n+1])
		th.stack[at] = h
		n++
		th.cover(at + n + 1)
	}
	return n, nil
}

// cover keeps the stack up to an end from being taken for unused.
func (th *Thread) cover(end int) {
	if len(th.frames) == 0 {
		th.live = max(th.live, int32(end))
		return
	}
	f := &th.frames[len(th.frames)-1]
	f.top = max(f.top, int32(end))
}

// callError makes the error that something cannot be called.
func (s *State) callError(th *Thread, v Value, at int) error {
	reg := -1
	if f := th.level(0); f != nil && f.cl != nil {
		if reg = at - int(f.base); reg >= f.cl.proto.stack {
			reg = -1
		}
	}
	return s.typeError(v, "call", reg)
}

// tailCall replaces the frame on top by the function that it calls if that is one of Lua; else it calls it, and the frame leaves with
// its results. done says that Go was the caller, which gets n of them.
func (s *State) tailCall(th *Thread, i instr) (done bool, n int, err error) {
	if err := s.Spend(1); err != nil {
		return false, 0, err
	}
	f := &th.frames[len(th.frames)-1]
	at := int(f.base) + int(i.a())
	if n = int(i.b()) - 1; n < 0 {
		n = int(f.top) - at - 1
	}
	if n, err = s.resolve(th, at, n); err != nil {
		return false, 0, err
	}
	fn := th.stack[at]
	if fn.n == tagGo {
		n, err = s.callGo(th, fn.gofn(), at, n)
		if err != nil {
			return false, 0, th.suspend(at, 0, err)
		}
		return th.leave(at, n), n, nil
	}
	s.budget -= n / 8
	to, want, entry, tails := int(f.fn), f.want, f.entry, f.tails
	copy(th.stack[to:to+n+1], th.stack[at:at+n+1])
	th.frames = th.frames[:len(th.frames)-1]
	th.cover(to + n + 1)
	if err := th.enterLua(to, n, want, entry); err != nil {
		return false, 0, err
	}
	th.frames[len(th.frames)-1].tails = tails + 1
	return false, 0, nil
}

// setList is opSetList.
func (s *State) setList(th *Thread, f *frame, i instr) error {
	at := int(f.base) + int(i.a())
	n := int(i.b()) - 1
	if n < 0 {
		n = int(f.top) - at - 1
	}
	t := th.stack[at].table()
	first := int(i.d())
	if err := s.Spend(n / 8); err != nil {
		return err
	}
	if err := s.growArray(t, first+n); err != nil {
		return err
	}
	copy(t.arr[first:], th.stack[at+1:at+1+n])
	for j := range t.arr[first : first+n] {
		if v := &t.arr[first+j]; !v.isObject() {
			v.p = nil
		}
	}
	return nil
}

// forPrep is opForPrep.
func (s *State) forPrep(f *frame, r *[window]Value, i instr) error {
	a := i.a()
	for j, what := range [...]string{"initial value", "limit", "step"} {
		v := &r[a+uint8(j)]
		x, ok := s.toNumber(*v)
		if !ok {
			return s.runError("'for' %s must be a number", what)
		}
		*v = Number(x)
	}
	step, limit := r[a+2].Num(), r[a+1].Num()
	x := r[a].Num() - step + step
	r[a] = Number(x)
	if step > 0 && !(x <= limit) || !(step > 0) && !(limit <= x) {
		f.pc += i.d()
	}
	return nil
}

// iterate does a round of the generic for when the iterator is next or that of ipairs, over a table.
func (s *State) iterate(r *[window]Value, i instr) bool {
	a := i.a()
	fn, t := &r[a], &r[a+1]
	if fn.n != tagGo || t.n != tagTable {
		return false
	}
	var k, v Value
	switch fn.p {
	case s.next.p:
		at := t.table().position(r[a+2])
		if at < 0 {
			return false // an error, which is the function's business
		}
		next := 0
		k, v, next = t.table().Entry(at)
		t.table().pay(s, at, next)
	case s.ipairs.p:
		c := r[a+2]
		if !c.IsNumber() {
			return false
		}
		j := int(int32(num.Truncate(c.Num()))) + 1
		if v = t.table().GetInt(j); !v.IsNil() {
			k = Int(j)
		}
	default:
		return false
	}
	r[a+3] = k
	if n := i.c(); n > 1 {
		r[a+4] = v
		for j := uint8(2); j < n; j++ {
			r[a+3+j].n = tagNil
		}
	}
	return true
}

// forCall is opTForCall.
func (s *State) forCall(th *Thread, f *frame, r *[window]Value, i instr) error {
	if s.iterate(r, i) {
		return nil
	}
	at := int(f.base) + int(i.a()) + 3
	if err := th.reserve(at + 3); err != nil {
		return err
	}
	copy(th.stack[at:at+3], th.stack[at-3:at])
	th.cover(at + 3)
	switch fn := th.stack[at]; fn.n {
	case tagLua:
		return th.enterLua(at, 2, int32(i.c())+1, false)
	case tagGo:
		return s.goOp(th, fn.gofn(), at, 2, int(i.c())+1)
	}
	if s.metamethod(th.stack[at], eventCall).IsNil() {
		return s.typeError(th.stack[at], "call", -1)
	}
	return s.callFrom(th, at, 2, int32(i.c())+1)
}

// newClosure is opClosure in a call of around, whose registers are r.
func (s *State) newClosure(around *Closure, r *[window]Value, i instr) error {
	p := around.proto.protos[i.d()]
	if err := s.Alloc(int(closureSize) + len(p.upvals)*int(valueSize)); err != nil {
		return err
	}
	c := &Closure{proto: p, env: around.env}
	r[i.a()] = closureValue(c)
	if len(p.upvals) == 0 {
		return nil
	}
	c.ups = make([]Value, len(p.upvals))
	for j, u := range p.upvals {
		if u.local {
			c.ups[j].put(r[u.index])
		} else {
			c.ups[j].put(around.ups[u.index])
		}
	}
	return nil
}

// varargs is opVararg.
func (th *Thread) varargs(f *frame, i instr) error {
	at := int(f.base) + int(i.a())
	have := int(f.extra)
	want := int(i.b()) - 1
	from := int(f.base) - have
	if want < 0 {
		want = have
		if err := th.s.Spend(have / 8); err != nil {
			return err
		}
		if err := th.reserve(at + have); err != nil {
			return err
		}
		th.frames[len(th.frames)-1].top = int32(at + have)
	}
	n := copy(th.stack[at:at+want], th.stack[from:from+have])
	for ; n < want; n++ {
		th.stack[at+n].n = tagNil
	}
	return nil
}

// argTable is opArgTable.
func (s *State) argTable(th *Thread, f *frame, r *[window]Value, i instr) error {
	n := int(f.extra)
	t, err := s.NewTable(n, 1)
	if err != nil {
		return err
	}
	copy(t.arr, th.stack[int(f.base)-n:f.base])
	r[i.a()] = TableValue(t)
	return s.rawSet(t, argCount, Int(n))
}

// argCount is the key of the number of arguments in `arg`.
var argCount = constString("n")

// arithmetic does an arithmetic instruction; ra and rb are the registers of its operands or negative.
func (s *State) arithmetic(th *Thread, f *frame, i instr, e event, a, b Value, ra, rb int) error {
	to := int(f.base) + int(i.a())
	if a.n > maxTag && b.n > maxTag {
		th.stack[to] = Number(compute(e, a.Num(), b.Num()))
		return nil
	}
	v, err := s.arith(e, a, b, ra, rb)
	if err != nil {
		return err
	}
	th.stack[to] = v
	return nil
}

// compute does an operator's arithmetic.
func compute(e event, x, y float64) float64 {
	switch e {
	case eventAdd:
		return x + y
	case eventSub:
		return x - y
	case eventMul:
		return x * y
	case eventDiv:
		return x / y
	case eventMod:
		return x - math.Floor(x/y)*y
	case eventPow:
		return num.Pow(x, y)
	default: // eventUnm
		return -x
	}
}

// equalOp jumps if a == b is what is wanted.
func (s *State) equalOp(th *Thread, f *frame, a, b Value, i instr, want bool) error {
	if a.n == tagString && b.n == tagString {
		x, y := a.str().s, b.str().s
		s.budget -= len(x) / 64
		if (x == y) == want {
			f.pc += i.d()
		}
		return nil
	}
	eq, err := s.Equal(a, b)
	if err == nil && eq == want {
		th.frames[len(th.frames)-1].pc += i.d()
	}
	return err
}

// compareOp does a comparison by order and jumps.
func (s *State) compareOp(th *Thread, f *frame, r *[window]Value, i instr) (err error) {
	a, b := r[i.a()], r[i.b()]
	o := i.op()
	if o >= opLtK {
		b = f.cl.proto.consts[i.bc()]
	}
	holds := false
	switch o {
	case opLt, opNlt, opLtK, opNltK:
		holds, err = s.Less(a, b)
	case opLe, opNle, opLeK, opNleK:
		holds, err = s.LessEqual(a, b)
	case opGtK, opNgtK:
		holds, err = s.Less(b, a)
	default:
		holds, err = s.LessEqual(b, a)
	}
	switch o {
	case opNlt, opNle, opNltK, opNleK, opNgtK, opNgeK:
		holds = !holds
	}
	if err == nil && holds {
		th.frames[len(th.frames)-1].pc += i.d()
	}
	return err
}

// length is opLen.
func (s *State) length(th *Thread, f *frame, r *[window]Value, i instr) error {
	v := r[i.b()]
	if v.n == tagTable {
		r[i.a()] = Int(v.table().Len())
		return nil
	}
	h := s.metamethod(v, eventLen)
	if h.IsNil() {
		return s.typeError(v, "get length of", int(i.b()))
	}
	to := int(f.base) + int(i.a())
	v, err := s.call2(h, v, Nil)
	if err != nil {
		return err
	}
	th.stack[to] = v
	return nil
}

// concat is opConcat: from the right, as many strings and numbers at a time as there are, else metamethods on two.
func (s *State) concat(th *Thread, base int, i instr) error {
	from, to := base+int(i.b()), base+int(i.c())
	acc := th.stack[to]
	for to > from {
		left := th.stack[to-1]
		if !isText(acc) || !isText(left) {
			h := s.binary(left, acc, eventConcat)
			if h.IsNil() {
				return s.concatError(left, acc, to-1-base)
			}
			v, err := s.call2(h, left, acc)
			if err != nil {
				return err
			}
			acc = v
			to--
			continue
		}
		first := to - 1
		for first > from && isText(th.stack[first-1]) {
			first--
		}
		v, err := s.join(th.stack[first:to], acc)
		if err != nil {
			return err
		}
		acc, to = v, first
	}
	th.stack[base+int(i.a())] = acc
	return nil
}

func isText(v Value) bool { return v.n == tagString || v.n > maxTag }

func (s *State) concatError(a, b Value, reg int) error {
	if isText(a) {
		a, reg = b, reg+1
	}
	return s.typeError(a, "concatenate", reg)
}

// join concatenates strings and numbers; there is at least one before the last.
func (s *State) join(vs []Value, last Value) (Value, error) {
	n := textLen(last)
	for _, v := range vs {
		n += textLen(v)
	}
	if n <= longestWord {
		var b [longestWord]byte
		text := b[:0]
		for _, v := range vs {
			text = appendText(text, v)
		}
		return s.WordOf(appendText(text, last))
	}
	if err := s.room(n); err != nil {
		return Nil, err
	}
	text := make([]byte, 0, n)
	for _, v := range vs {
		text = appendText(text, v)
	}
	return stringValue(&String{s: unsafeString(appendText(text, last))}), nil
}

// room spends and counts what a new string of n bytes costs.
func (s *State) room(n int) error {
	if err := s.Spend(n / 64); err != nil {
		return err
	}
	return s.Alloc(int(stringCost(n)))
}

// textLen returns the length of a string, or what a number's text has at most.
func textLen(v Value) int {
	if v.n == tagString {
		return len(v.str().s)
	}
	return 24
}

func appendText(dst []byte, v Value) []byte {
	if v.n == tagString {
		return append(dst, v.str().s...)
	}
	return AppendNumber(dst, v.Num())
}
