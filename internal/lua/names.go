// SPDX-License-Identifier: BSD-3-Clause

package lua

import "strings"

// nameOf returns what the program calls the value that instruction pc finds in a register: kind is "local", "global", "field",
// "method" or "upvalue"; "" when nothing is known. It takes time in the order of the function's code.
func (p *Proto) nameOf(pc, reg int) (kind, name string) {
	if name := p.localAt(pc, reg); name != "" {
		return "local", name
	}
	at := p.setterOf(pc, reg)
	if at < 0 {
		return "", ""
	}
	switch i := p.code[at]; i.op() {
	case opMove:
		if int(i.b()) < reg {
			return p.nameOf(pc, int(i.b()))
		}
	case opGetCell:
		if name := p.localAt(pc, int(i.b())); name != "" {
			return "local", name
		}
	case opGetUpval, opGetUpcell:
		return "upvalue", p.upvals[i.b()].name
	case opGetGlobal:
		return "global", p.consts[i.d()].Str()
	case opGetField:
		return "field", p.consts[i.d()].Str()
	case opGetTable, opGetInt:
		return "field", "?"
	case opSelf:
		if int(i.a()) == reg {
			return "method", p.consts[i.d()].Str()
		}
	}
	return "", ""
}

// localAt returns the name of the variable that lives in a register at an instruction; "" if none does, or a hidden one.
func (p *Proto) localAt(pc, reg int) string {
	name := ""
	for i := range p.locals {
		l := &p.locals[i]
		if l.from > pc {
			break
		}
		if int(l.reg) == reg && pc < l.to && !strings.HasPrefix(l.name, "(") {
			name = l.name
		}
	}
	return name
}

// setterOf returns the last instruction before pc that writes a register, or tests it; -1 if there is none. As in Lua 5.1, which shows in
// the names that errors have, forward jumps are followed whether they are taken or not.
func (p *Proto) setterOf(pc, reg int) int {
	last := -1
	for at := 0; at < pc; at++ {
		i := p.code[at]
		if i.sets(reg) {
			last = at
		}
		if d := int(i.d()); i.jumps() && d > 0 && at+1+d <= pc {
			at += d
		}
	}
	return last
}

// jumps says whether an instruction has a distance to jump.
func (i instr) jumps() bool {
	return opJump <= i.op() && i.op() <= opNgeK || opForPrep <= i.op() && i.op() <= opTForLoop && i.op() != opTForCall
}

// sets says whether an instruction writes a register, or tests it.
func (i instr) sets(reg int) bool {
	a := int(i.a())
	switch o := i.op(); {
	case o == opNil:
		return a <= reg && reg <= int(i.b())
	case o == opSelf:
		return reg == a || reg == a+1
	case o == opCall || o == opTailCall:
		return reg >= a
	case o == opTForCall:
		return reg >= a+3
	case o == opTForLoop:
		return reg == a+2
	case o == opSetCell || o == opSetUpcell || o == opSetGlobal || opSetTable <= o && o <= opSetInt || o == opSetList:
		return false
	case opJump <= o && o <= opLoop || opEq <= o && o <= opNgeK || opReturn <= o && o <= opReturn1:
		return false
	}
	return reg == a
}
