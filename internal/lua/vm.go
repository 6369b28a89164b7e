// SPDX-License-Identifier: BSD-3-Clause

package lua

import "math"

// run runs the frame on top of a thread until a frame that Go entered returns; its results lie where the function was, and their
// number is returned. After an error the frames are still there, for whoever asks where it happened.
//
// What the loop holds in variables is the frame (f), its registers (r), code and constants (k) and the number of the next
// instruction (pc). Everything that may call or grow a stack makes f and r stale: regs gets them again. Everything that may fail or
// call needs pc in the frame before. There is no defer and no call through an interface here, and errors are the only way out.
func (s *State) run(th *Thread) (int, error) {
newFrame:
	f := &th.frames[len(th.frames)-1]
	cl, base, pc := f.cl, int(f.base), int(f.pc)
	code, k := cl.proto.code, cl.proto.consts
	r := th.window(base)
	for {
		i := code[pc]
		pc++
		switch i.op() {
		case opMove:
			r[i.a()] = r[i.b()]
		case opLoadK:
			r[i.a()] = k[i.d()]
		case opLoadInt:
			r[i.a()].n = ^math.Float64bits(float64(i.d()))
		case opNil:
			for x := int(i.a()); x <= int(i.b()); x++ {
				r[uint8(x)].n = tagNil
			}
		case opFalse:
			r[i.a()].n = tagFalse
		case opTrue:
			r[i.a()].n = tagTrue
		case opFalseSkip:
			r[i.a()].n = tagFalse
			pc++

		case opCell:
			if s.used += cellSize; s.used > s.threshold {
				if err := s.collectFor(0); err != nil {
					return 0, err
				}
			}
			r[i.a()] = cellValue(&cell{v: r[i.a()]})
		case opGetCell:
			r[i.a()] = r[i.b()].cell().v
		case opSetCell:
			r[i.a()].cell().v.put(r[i.b()])
		case opGetUpval:
			r[i.a()] = cl.ups[i.b()]
		case opGetUpcell:
			r[i.a()] = cl.ups[i.b()].cell().v
		case opSetUpcell:
			cl.ups[i.b()].cell().v.put(r[i.a()])

		case opGetGlobal:
			key := k[i.d()]
			if n := cl.env.findStr(key.str()); n != nil && n.val.n != tagNil {
				r[i.a()] = n.val
				continue
			}
			f.pc = int32(pc)
			v, err := s.index(TableValue(cl.env), key, -1)
			if err != nil {
				return 0, err
			}
			f, r = th.regs(base)
			r[i.a()] = v
		case opSetGlobal:
			key := k[i.d()]
			if n := cl.env.findStr(key.str()); n != nil && n.val.n != tagNil && !cl.env.Readonly {
				n.val.put(r[i.a()])
				continue
			}
			f.pc = int32(pc)
			if err := s.setIndex(TableValue(cl.env), key, r[i.a()], -1); err != nil {
				return 0, err
			}
			f, r = th.regs(base)

		case opGetTable:
			b, c := &r[i.b()], &r[i.c()]
			if b.n == tagTable {
				t := b.table()
				if c.n > maxTag {
					x := c.Num()
					if j := int64(x); float64(j) == x && uint64(j-1) < uint64(len(t.arr)) && t.arr[j-1].n != tagNil {
						r[i.a()] = t.arr[j-1]
						continue
					}
				} else if c.n == tagString {
					if n := t.findStr(c.str()); n != nil && n.val.n != tagNil {
						r[i.a()] = n.val
						continue
					}
				}
			}
			f.pc = int32(pc)
			v, err := s.index(*b, *c, int(i.b()))
			if err != nil {
				return 0, err
			}
			f, r = th.regs(base)
			r[i.a()] = v
		case opGetField:
			b, key := &r[i.b()], k[i.d()]
			if b.n == tagTable {
				if n := b.table().findStr(key.str()); n != nil && n.val.n != tagNil {
					r[i.a()] = n.val
					continue
				}
			}
			f.pc = int32(pc)
			v, err := s.index(*b, key, int(i.b()))
			if err != nil {
				return 0, err
			}
			f, r = th.regs(base)
			r[i.a()] = v
		case opGetInt:
			b := &r[i.b()]
			if b.n == tagTable {
				if t := b.table(); uint(i.d()-1) < uint(len(t.arr)) && t.arr[i.d()-1].n != tagNil {
					r[i.a()] = t.arr[i.d()-1]
					continue
				}
			}
			f.pc = int32(pc)
			v, err := s.index(*b, Int(int(i.d())), int(i.b()))
			if err != nil {
				return 0, err
			}
			f, r = th.regs(base)
			r[i.a()] = v
		case opSetTable:
			a, b, c := &r[i.a()], &r[i.b()], &r[i.c()]
			if a.n == tagTable && b.n > maxTag {
				t := a.table()
				x := b.Num()
				if j := int64(x); float64(j) == x && uint64(j-1) < uint64(len(t.arr)) && (t.Meta == nil && !t.Readonly) {
					t.arr[j-1].put(*c)
					continue
				}
			}
			f.pc = int32(pc)
			if err := s.setIndex(*a, *b, *c, int(i.a())); err != nil {
				return 0, err
			}
			f, r = th.regs(base)
		case opSetField:
			a, key := &r[i.a()], k[i.d()]
			if a.n == tagTable {
				if t := a.table(); !t.Readonly {
					if n := t.findStr(key.str()); n != nil && n.val.n != tagNil {
						n.val.put(r[i.c()])
						continue
					}
				}
			}
			f.pc = int32(pc)
			if err := s.setIndex(*a, key, r[i.c()], int(i.a())); err != nil {
				return 0, err
			}
			f, r = th.regs(base)
		case opSetInt:
			a := &r[i.a()]
			if a.n == tagTable {
				if t := a.table(); uint(i.d()-1) < uint(len(t.arr)) && t.Meta == nil && !t.Readonly {
					t.arr[i.d()-1].put(r[i.c()])
					continue
				}
			}
			f.pc = int32(pc)
			if err := s.setIndex(*a, Int(int(i.d())), r[i.c()], int(i.a())); err != nil {
				return 0, err
			}
			f, r = th.regs(base)
		case opSelf:
			b, key := r[i.b()], k[i.d()]
			r[i.a()+1] = b
			if b.n == tagTable {
				if n := b.table().findStr(key.str()); n != nil && n.val.n != tagNil {
					r[i.a()] = n.val
					continue
				}
			}
			f.pc = int32(pc)
			v, err := s.index(b, key, int(i.b()))
			if err != nil {
				return 0, err
			}
			f, r = th.regs(base)
			r[i.a()] = v

		case opNewTable:
			t, err := s.NewTable(int(i.d()), int(i.bc()))
			if err != nil {
				return 0, err
			}
			r[i.a()] = TableValue(t)
		case opSetList:
			f.pc = int32(pc)
			if err := s.setList(th, f, i); err != nil {
				return 0, err
			}

		case opAdd:
			b, c := &r[i.b()], &r[i.c()]
			if b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() + c.Num())
				continue
			}
			goto arith
		case opSub:
			b, c := &r[i.b()], &r[i.c()]
			if b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() - c.Num())
				continue
			}
			goto arith
		case opMul:
			b, c := &r[i.b()], &r[i.c()]
			if b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() * c.Num())
				continue
			}
			goto arith
		case opDiv:
			b, c := &r[i.b()], &r[i.c()]
			if b.n > maxTag && c.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() / c.Num())
				continue
			}
			goto arith
		case opAddRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() + k[i.d()].Num())
				continue
			}
			goto arith
		case opSubRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() - k[i.d()].Num())
				continue
			}
			goto arith
		case opMulRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() * k[i.d()].Num())
				continue
			}
			goto arith
		case opDivRK:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(b.Num() / k[i.d()].Num())
				continue
			}
			goto arith
		case opModRK:
			if b := &r[i.b()]; b.n > maxTag {
				x, y := b.Num(), k[i.d()].Num()
				r[i.a()].n = ^math.Float64bits(x - math.Floor(x/y)*y)
				continue
			}
			goto arith
		case opMod, opPow, opPowRK, opAddKR, opSubKR, opMulKR, opDivKR, opModKR, opPowKR:
			goto arith

		case opUnm:
			if b := &r[i.b()]; b.n > maxTag {
				r[i.a()].n = ^math.Float64bits(-b.Num())
				continue
			}
			f.pc = int32(pc)
			v, err := s.arith(eventUnm, r[i.b()], r[i.b()], int(i.b()), int(i.b()))
			if err != nil {
				return 0, err
			}
			f, r = th.regs(base)
			r[i.a()] = v
		case opNot:
			n := tagFalse
			if r[i.b()].n <= tagFalse {
				n = tagTrue
			}
			r[i.a()].n = n
		case opLen:
			switch b := r[i.b()]; b.n {
			case tagTable:
				r[i.a()].n = ^math.Float64bits(float64(b.table().Len()))
			case tagString:
				r[i.a()].n = ^math.Float64bits(float64(len(b.str().s)))
			default:
				f.pc = int32(pc)
				v, err := s.length(b, int(i.b()))
				if err != nil {
					return 0, err
				}
				f, r = th.regs(base)
				r[i.a()] = v
			}
		case opConcat:
			f.pc = int32(pc)
			if err := s.concat(th, base, i); err != nil {
				return 0, err
			}
			f, r = th.regs(base)

		case opJump:
			pc += int(i.d())
		case opLoop:
			pc += int(i.d())
			if s.budget--; s.budget < 0 {
				if err := s.tick(); err != nil {
					return 0, err
				}
			}
		case opIf:
			if r[i.a()].n > tagFalse {
				pc += int(i.d())
			}
		case opIfNot:
			if r[i.a()].n <= tagFalse {
				pc += int(i.d())
			}
		case opIfSet:
			if b := r[i.b()]; b.n > tagFalse {
				r[i.a()] = b
				pc += int(i.d())
			}
		case opIfNotSet:
			if b := r[i.b()]; b.n <= tagFalse {
				r[i.a()].n = b.n
				pc += int(i.d())
			}

		case opEq, opNe:
			a, b := r[i.a()], r[i.b()]
			var eq bool
			switch {
			case a.n > maxTag && b.n > maxTag:
				eq = a.Num() == b.Num()
			case a.n != b.n:
			case a.n <= tagTrue || a.p == b.p:
				eq = true
			default:
				f.pc = int32(pc)
				var err error
				if eq, err = s.Equal(a, b); err != nil {
					return 0, err
				}
				f, r = th.regs(base)
			}
			if eq == (i.op() == opEq) {
				pc += int(i.d())
			}
		case opEqK:
			if RawEqual(r[i.a()], k[i.bc()]) {
				pc += int(i.d())
			}
		case opNeK:
			if !RawEqual(r[i.a()], k[i.bc()]) {
				pc += int(i.d())
			}
		case opLt:
			a, b := &r[i.a()], &r[i.b()]
			if a.n > maxTag && b.n > maxTag {
				if a.Num() < b.Num() {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opNlt:
			a, b := &r[i.a()], &r[i.b()]
			if a.n > maxTag && b.n > maxTag {
				if !(a.Num() < b.Num()) {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opLe:
			a, b := &r[i.a()], &r[i.b()]
			if a.n > maxTag && b.n > maxTag {
				if a.Num() <= b.Num() {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opNle:
			a, b := &r[i.a()], &r[i.b()]
			if a.n > maxTag && b.n > maxTag {
				if !(a.Num() <= b.Num()) {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opLtK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() < k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opNltK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() < k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opLeK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() <= k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opNleK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() <= k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opGtK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() > k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opNgtK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() > k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opGeK:
			if a := &r[i.a()]; a.n > maxTag {
				if a.Num() >= k[i.bc()].Num() {
					pc += int(i.d())
				}
				continue
			}
			goto compare
		case opNgeK:
			if a := &r[i.a()]; a.n > maxTag {
				if !(a.Num() >= k[i.bc()].Num()) {
					pc += int(i.d())
				}
				continue
			}
			goto compare

		case opCall:
			if s.budget--; s.budget < 0 {
				if err := s.tick(); err != nil {
					return 0, err
				}
			}
			at := base + int(i.a())
			n := int(i.b()) - 1
			if n < 0 {
				n = int(f.top) - at - 1
			}
			f.pc = int32(pc)
			if fn := &r[i.a()]; fn.n == tagLua {
				if err := th.enterLua(at, n, int32(i.c()), false); err != nil {
					return 0, err
				}
				goto newFrame
			}
			lua, err := s.callFrom(th, at, n, int32(i.c()))
			if err != nil {
				return 0, err
			}
			if lua {
				goto newFrame
			}
			f, r = th.regs(base)
		case opTailCall:
			f.pc = int32(pc)
			lua, n, err := s.tailCall(th, f, i)
			if err != nil {
				return 0, err
			}
			if lua {
				goto newFrame
			}
			at := base + int(i.a())
			if th.leave(at, n) {
				return n, nil
			}
			goto newFrame
		case opReturn:
			at := base + int(i.a())
			n := int(i.b()) - 1
			if n < 0 {
				n = int(f.top) - at
			}
			if th.leave(at, n) {
				return n, nil
			}
			goto newFrame
		case opReturn0:
			if th.leave(base, 0) {
				return 0, nil
			}
			goto newFrame
		case opReturn1:
			top := len(th.frames) - 1
			th.stack[f.fn] = r[i.a()]
			if f.entry {
				th.frames = th.frames[:top]
				return 1, nil
			}
			if f.want != 2 {
				th.leave(int(f.fn), 1)
				goto newFrame
			}
			th.frames = th.frames[:top]
			goto newFrame

		case opForPrep:
			f.pc = int32(pc)
			skip, err := s.forPrep(r, i.a())
			if err != nil {
				return 0, err
			}
			if skip {
				pc += int(i.d())
			}
		case opForLoop:
			step := r[i.a()+2].Num()
			x := r[i.a()].Num() + step
			r[i.a()].n = ^math.Float64bits(x)
			limit := r[i.a()+1].Num()
			if step > 0 {
				if x <= limit {
					pc += int(i.d())
				}
			} else if x >= limit {
				pc += int(i.d())
			}
			if s.budget--; s.budget < 0 {
				if err := s.tick(); err != nil {
					return 0, err
				}
			}
		case opTForCall:
			if s.budget--; s.budget < 0 {
				if err := s.tick(); err != nil {
					return 0, err
				}
			}
			f.pc = int32(pc)
			if s.iterate(r, i) {
				continue
			}
			lua, err := s.forCall(th, base, i)
			if err != nil {
				return 0, err
			}
			if lua {
				goto newFrame
			}
			f, r = th.regs(base)
		case opTForLoop:
			if v := r[i.a()+3]; v.n != tagNil {
				r[i.a()+2] = v
				pc += int(i.d())
			}

		case opClosure:
			if err := s.newClosure(cl, r, i); err != nil {
				return 0, err
			}
		case opVararg:
			if err := th.varargs(f, i); err != nil {
				return 0, err
			}
			f, r = th.regs(base)
		case opArgTable:
			t, err := s.argTable(th, f)
			if err != nil {
				return 0, err
			}
			r[i.a()] = TableValue(t)
		default:
			panic("lua: unknown instruction")
		}
		continue

	arith:
		f.pc = int32(pc)
		if err := s.arithmetic(th, base, i, k); err != nil {
			return 0, err
		}
		f, r = th.regs(base)
		continue

	compare:
		f.pc = int32(pc)
		jump, err := s.compareOp(r, i, k)
		if err != nil {
			return 0, err
		}
		f, r = th.regs(base)
		if jump {
			pc += int(i.d())
		}
	}
}
