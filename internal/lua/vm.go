// SPDX-License-Identifier: BSD-3-Clause

package lua

import "math"

// run runs the frame on top of a thread until a frame that Go entered returns; its results lie where the function was, and their
// number is returned. After an error the frames are still there, for whoever asks where it happened.
//
// The loop keeps the frame (f), its registers (r), code and constants (k) and the number of the next instruction (pc) in variables,
// and the compiler of Go those in registers, as long as no call returns into the loop. So an instruction either does its work here
// and goes on, or it leaves the switch: then slow does the work, and everything is read from the frame again, which the work may have
// replaced, or moved with its stack. For the same reason there is no defer and no closure here.
func (s *State) run(th *Thread) (int, error) {
newFrame:
	f := &th.frames[len(th.frames)-1]
	code, k := f.cl.proto.code, f.cl.proto.consts
	r := th.window(int(f.base))
	pc := int(f.pc)
	for {
		i := code[pc]
		pc++
		switch i.op() {
		case opMove:
			r[i.a()] = r[i.b()]
			continue
		case opLoadK:
			r[i.a()] = k[i.d()]
			continue
		case opLoadInt:
			r[i.a()].n = ^math.Float64bits(float64(i.d()))
			continue
		case opNil:
			for x := int(i.a()); x <= int(i.b()); x++ {
				r[uint8(x)].n = tagNil
			}
			continue
		case opFalse:
			r[i.a()].n = tagFalse
			continue
		case opTrue:
			r[i.a()].n = tagTrue
			continue
		case opFalseSkip:
			r[i.a()].n = tagFalse
			pc++
			continue

		case opGetCell:
			r[i.a()] = r[i.b()].cell().v
			continue
		case opSetCell:
			r[i.a()].cell().v.put(r[i.b()])
			continue
		case opGetUpval:
			r[i.a()] = f.cl.ups[i.b()]
			continue
		case opGetUpcell:
			r[i.a()] = f.cl.ups[i.b()].cell().v
			continue
		case opSetUpcell:
			f.cl.ups[i.b()].cell().v.put(r[i.a()])
			continue

		case opGetGlobal:
			if n := f.cl.env.slot(k[i.d()].str().hash); n.holds(&k[i.d()]) {
				r[i.a()] = n.val
				continue
			}
		case opSetGlobal:
			if n := f.cl.env.slot(k[i.d()].str().hash); n.holds(&k[i.d()]) && !f.cl.env.Readonly {
				n.val.put(r[i.a()])
				continue
			}
		case opGetField, opSelf:
			b, key := &r[i.b()], &k[i.d()]
			var n *node
			if b.n == tagTable {
				t := b.table()
				if n = t.slot(key.str().hash); n == nil && t.Meta != nil {
					n = t.Meta.inherited(key.str().hash)
				}
			} else if b.n == tagString && s.stringMeta != nil {
				n = s.stringMeta.inherited(key.str().hash)
			}
			if !n.holds(key) {
				break
			}
			if i.op() == opSelf {
				r[i.a()+1] = *b
			}
			r[i.a()] = n.val
			continue
		case opSetField:
			if a := &r[i.a()]; a.n == tagTable {
				if n := a.table().slot(k[i.d()].str().hash); n.holds(&k[i.d()]) && !a.table().Readonly {
					n.val.put(r[i.c()])
					continue
				}
			}
		case opGetTable:
			if b, c := &r[i.b()], &r[i.c()]; b.n == tagTable && c.n > maxTag {
				arr, x := b.table().arr, c.Num()
				if j := int64(x) - 1; float64(j+1) == x && uint64(j) < uint64(len(arr)) && arr[j].n != tagNil {
					r[i.a()] = arr[j]
					continue
				}
			}
		case opGetInt:
			if b := &r[i.b()]; b.n == tagTable {
				arr := b.table().arr
				if j := int(i.d()) - 1; uint(j) < uint(len(arr)) && arr[j].n != tagNil {
					r[i.a()] = arr[j]
					continue
				}
			}
		case opSetTable:
			if a, b := &r[i.a()], &r[i.b()]; a.n == tagTable && b.n > maxTag {
				t, x := a.table(), b.Num()
				if j := int64(x) - 1; float64(j+1) == x && uint64(j) < uint64(len(t.arr)) && t.Meta == nil && !t.Readonly {
					t.arr[j].put(r[i.c()])
					continue
				}
			}
		case opSetInt:
			if a := &r[i.a()]; a.n == tagTable {
				t := a.table()
				if j := int(i.d()) - 1; uint(j) < uint(len(t.arr)) && t.Meta == nil && !t.Readonly {
					t.arr[j].put(r[i.c()])
					continue
				}
			}

		case opAdd:
			if b, c := &r[i.b()], &r[i.c()]; b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() + c.Num())
				continue
			}
		case opSub:
			if b, c := &r[i.b()], &r[i.c()]; b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() - c.Num())
				continue
			}
		case opMul:
			if b, c := &r[i.b()], &r[i.c()]; b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() * c.Num())
				continue
			}
		case opDiv:
			if b, c := &r[i.b()], &r[i.c()]; b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() / c.Num())
				continue
			}
		case opMod:
			if b, c := &r[i.b()], &r[i.c()]; b.n > maxTag && c.n > maxTag {
				if x, y := b.Num(), c.Num(); small(x / y) {
					r[i.a()].n = ^math.Float64bits(mod(x, y))
					continue
				}
			}
		case opAddRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() + k[i.d()].Num())
				continue
			}
		case opSubRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() - k[i.d()].Num())
				continue
			}
		case opMulRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() * k[i.d()].Num())
				continue
			}
		case opDivRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() / k[i.d()].Num())
				continue
			}
		case opModRK:
			if b := &r[i.b()]; b.n > maxTag {
				if x, y := b.Num(), k[i.d()].Num(); small(x / y) {
					r[i.a()].n = ^math.Float64bits(mod(x, y))
					continue
				}
			}
		case opSubKR:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(k[i.d()].Num() - b.Num())
				continue
			}
		case opUnm:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(-b.Num())
				continue
			}
		case opNot:
			if r[i.b()].n <= tagFalse {
				r[i.a()].n = tagTrue
			} else {
				r[i.a()].n = tagFalse
			}
			continue
		case opLen:
			switch b := &r[i.b()]; b.n {
			case tagTable:
				if t := b.table(); len(t.nodes) == 0 && (len(t.arr) == 0 || t.arr[len(t.arr)-1].n != tagNil) {
					r[i.a()].n = ^math.Float64bits(float64(len(t.arr)))
					continue
				}
			case tagString:
				r[i.a()].n = ^math.Float64bits(float64(len(b.str().s)))
				continue
			}

		case opJump:
			pc += int(i.d())
			continue
		case opLoop:
			pc += int(i.d())
			if s.budget += int(i.d() >> paceShift); s.budget >= 0 {
				continue
			}
		case opIf:
			if r[i.a()].n > tagFalse {
				pc += int(i.d())
			}
			continue
		case opIfNot:
			if r[i.a()].n <= tagFalse {
				pc += int(i.d())
			}
			continue
		case opIfSet:
			if b := &r[i.b()]; b.n > tagFalse {
				r[i.a()] = *b
				pc += int(i.d())
			}
			continue
		case opIfNotSet:
			if b := &r[i.b()]; b.n <= tagFalse {
				r[i.a()].n = b.n
				pc += int(i.d())
			}
			continue

		case opEq, opNe:
			if eq, known := quickEqual(&r[i.a()], &r[i.b()]); known {
				if eq == (i.op() == opEq) {
					pc += int(i.d())
				}
				continue
			}
		case opEqK, opNeK:
			if eq, known := quickEqual(&r[i.a()], &k[i.bc()]); known {
				if eq == (i.op() == opEqK) {
					pc += int(i.d())
				}
				continue
			}
		case opLt:
			if a, b := &r[i.a()], &r[i.b()]; a.n > maxTag && b.n > maxTag {
				if a.Num() < b.Num() {
					pc += int(i.d())
				}
				continue
			}
		case opNlt:
			if a, b := &r[i.a()], &r[i.b()]; a.n > maxTag && b.n > maxTag {
				if !(a.Num() < b.Num()) {
					pc += int(i.d())
				}
				continue
			}
		case opLe:
			if a, b := &r[i.a()], &r[i.b()]; a.n > maxTag && b.n > maxTag {
				if a.Num() <= b.Num() {
					pc += int(i.d())
				}
				continue
			}
		case opNle:
			if a, b := &r[i.a()], &r[i.b()]; a.n > maxTag && b.n > maxTag {
				if !(a.Num() <= b.Num()) {
					pc += int(i.d())
				}
				continue
			}
		case opLtK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() < k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
		case opNltK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() < k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
		case opLeK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() <= k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
		case opNleK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() <= k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
		case opGtK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() > k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
		case opNgtK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() > k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
		case opGeK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() >= k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
		case opNgeK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() >= k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}

		case opCall:
			n := int(i.b()) - 1
			fn := &r[i.a()]
			if n < 0 || s.budget < 0 {
				break
			}
			if fn.n == tagGo {
				s.budget--
				f.pc = int32(pc)
				if err := s.goOp(th, fn.gofn(), int(f.base)+int(i.a()), n, int(i.c())); err != nil {
					return 0, err
				}
				goto newFrame
			}
			if fn.n != tagLua {
				break
			}
			p := fn.closure().proto
			base := int(f.base) + int(i.a()) + 1
			if depth := len(th.frames); p.params == n && !p.vararg && base+p.stack+window <= len(th.stack) && depth < cap(th.frames) {
				s.budget -= 1 + len(p.code)>>paceShift
				f.pc = int32(pc)
				th.frames = th.frames[:depth+1]
				f = &th.frames[depth]
				f.cl, f.base, f.fn, f.top, f.want = fn.closure(), int32(base), int32(base-1), 0, int32(i.c())
				f.extra, f.tails, f.entry = 0, 0, false
				code, k, pc = p.code, p.consts, 0
				r = th.window(base)
				continue
			}
		case opReturn0:
			f.pc = int32(pc)
			if th.leave(int(f.base), 0) {
				return 0, nil
			}
			goto newFrame
		case opReturn1:
			top := len(th.frames) - 1
			if f.want == 2 && !f.entry {
				th.stack[f.fn] = r[i.a()]
				th.frames = th.frames[:top]
				goto newFrame
			}
			if th.leave(int(f.base)+int(i.a()), 1) {
				return 1, nil
			}
			goto newFrame
		case opReturn:
			at := int(f.base) + int(i.a())
			n := int(i.b()) - 1
			if n < 0 {
				n = int(f.top) - at
			}
			if th.leave(at, n) {
				return n, nil
			}
			goto newFrame
		case opTailCall:
			f.pc = int32(pc)
			done, n, err := s.tailCall(th, i)
			if err != nil || done {
				return n, err
			}
			goto newFrame

		case opForLoop:
			step := r[i.a()+2].Num()
			x := r[i.a()].Num() + step
			r[i.a()].n = ^math.Float64bits(x)
			if limit := r[i.a()+1].Num(); step > 0 && x <= limit || step <= 0 && x >= limit {
				pc += int(i.d())
			}
			if s.budget += int(i.d() >> paceShift); s.budget >= 0 {
				continue
			}
		case opTForLoop:
			if v := &r[i.a()+3]; v.n != tagNil {
				r[i.a()+2] = *v
				pc += int(i.d())
				s.budget += int(i.d() >> paceShift)
			}
			continue
		}
		f.pc = int32(pc)
		if err := s.slow(th, f, r, i); err != nil {
			return 0, err
		}
		goto newFrame
	}
}

// A step of the budget is 1<<paceShift instructions at most: a jump back costs a step and one more for so many that it goes back over,
// a call likewise for the code that it enters, and slow takes one each time. A negative budget is noticed by slow, where back edges and
// calls then go.
const paceShift = 4

// small says whether a quotient's floor fits an integer, so that mod needs no call.
func small(q float64) bool { return q > -1<<52 && q < 1<<52 }

// mod returns x % y where x/y is small.
func mod(x, y float64) float64 {
	q := x / y
	n := float64(int64(q))
	if n > q {
		n--
	}
	return x - float64(n*y) + 0 // + 0 since -0 % 5 is 0
}

// quickEqual says whether two values are equal, unless that needs a look at bytes or a metamethod.
func quickEqual(a, b *Value) (eq, known bool) {
	switch {
	case a.n > maxTag && b.n > maxTag:
		return a.Num() == b.Num(), true
	case a.n != b.n:
		return false, true
	}
	return true, a.n <= tagTrue || a.p == b.p
}

// slot returns the first node whose key has a hash: nil means that there is none.
func (t *Table) slot(hash uint32) *node {
	nodes := t.nodes
	if len(nodes) == 0 {
		return nil
	}
	for j := nodes[hash&uint32(len(nodes)-1)].head; j != 0; {
		n := &nodes[j-1]
		if n.hash == hash {
			return n
		}
		j = n.next
	}
	return nil
}

// inherited is slot of the table that a metatable's __index is, if it is one.
func (t *Table) inherited(hash uint32) *node {
	if h := t.slot(eventNames[eventIndex].str().hash); h.holds(&eventNames[eventIndex]) && h.val.n == tagTable {
		return h.val.table().slot(hash)
	}
	return nil
}

// holds says whether a node, if it is one, has a value under the very string k. An equal string that is another object is a case for
// slow, which puts k there, so that the next one finds it.
func (n *node) holds(k *Value) bool {
	return n != nil && n.key.p == k.p && n.key.n == tagString && n.val.n != tagNil
}
