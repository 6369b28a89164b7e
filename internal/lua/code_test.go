// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewriteCode = flag.Bool("lua.rewrite", false, "write what the compiler makes now into testdata/code.txt")

// opNames are the instructions' names.
var opNames = [numOps]string{
	opMove: "Move", opLoadK: "LoadK", opLoadInt: "LoadInt", opNil: "Nil", opFalse: "False", opTrue: "True",
	opFalseSkip: "FalseSkip", opCell: "Cell", opGetCell: "GetCell", opSetCell: "SetCell", opGetUpval: "GetUpval",
	opGetUpcell: "GetUpcell", opSetUpcell: "SetUpcell", opGetGlobal: "GetGlobal", opSetGlobal: "SetGlobal",
	opGetTable: "GetTable", opGetField: "GetField", opGetInt: "GetInt", opSetTable: "SetTable", opSetField: "SetField",
	opSetInt: "SetInt", opSelf: "Self", opNewTable: "NewTable", opSetList: "SetList", opAdd: "Add", opSub: "Sub", opMul: "Mul",
	opDiv: "Div", opMod: "Mod", opPow: "Pow", opAddRK: "AddRK", opSubRK: "SubRK", opMulRK: "MulRK", opDivRK: "DivRK",
	opModRK: "ModRK", opPowRK: "PowRK", opAddKR: "AddKR", opSubKR: "SubKR", opMulKR: "MulKR", opDivKR: "DivKR",
	opModKR: "ModKR", opPowKR: "PowKR", opUnm: "Unm", opNot: "Not", opLen: "Len", opConcat: "Concat", opJump: "Jump",
	opLoop: "Loop", opIf: "If", opIfNot: "IfNot", opIfSet: "IfSet", opIfNotSet: "IfNotSet", opEq: "Eq", opNe: "Ne", opLt: "Lt",
	opNlt: "Nlt", opLe: "Le", opNle: "Nle", opEqK: "EqK", opNeK: "NeK", opLtK: "LtK", opNltK: "NltK", opLeK: "LeK",
	opNleK: "NleK", opGtK: "GtK", opNgtK: "NgtK", opGeK: "GeK", opNgeK: "NgeK", opCall: "Call", opTailCall: "TailCall",
	opReturn: "Return", opReturn0: "Return0", opReturn1: "Return1", opForPrep: "ForPrep", opForLoop: "ForLoop",
	opTForCall: "TForCall", opTForLoop: "TForLoop", opClosure: "Closure", opVararg: "Vararg", opArgTable: "ArgTable",
}

// listing returns a function's code, and that of the functions within.
func listing(p *Proto) string {
	var b strings.Builder
	for pc, i := range p.code {
		b.WriteString(strings.TrimSpace(fmt.Sprintf("%d: %s %s", pc, opNames[i.op()], operands(p, pc))) + "\n")
	}
	for n, child := range p.protos {
		fmt.Fprintf(&b, "function %d:\n", n)
		for _, line := range strings.SplitAfter(strings.TrimSuffix(listing(child), "\n"), "\n") {
			b.WriteString("  " + line)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// operands returns those of an instruction: registers as numbers, constants as they are, jumps with their target.
func operands(p *Proto, pc int) string {
	i := p.code[pc]
	constant := func(n int) string {
		v := p.consts[n]
		if v.IsString() {
			return fmt.Sprintf("%q", v.Str())
		}
		return Text(v)
	}
	to := fmt.Sprintf("to %d", pc+1+int(i.d()))
	switch o := i.op(); o {
	case opReturn0:
		return ""
	case opTrue, opFalse, opFalseSkip, opCell, opReturn1, opArgTable:
		return fmt.Sprint(i.a())
	case opLoadInt:
		return fmt.Sprintf("%d, %d", i.a(), i.d())
	case opLoadK, opGetGlobal, opSetGlobal:
		return fmt.Sprintf("%d, %s", i.a(), constant(int(i.d())))
	case opGetField, opSelf:
		return fmt.Sprintf("%d, %d, %s", i.a(), i.b(), constant(int(i.d())))
	case opSetField:
		return fmt.Sprintf("%d, %s, %d", i.a(), constant(int(i.d())), i.c())
	case opGetInt:
		return fmt.Sprintf("%d, %d, [%d]", i.a(), i.b(), i.d())
	case opSetInt:
		return fmt.Sprintf("%d, [%d], %d", i.a(), i.d(), i.c())
	case opClosure:
		return fmt.Sprintf("%d, function %d", i.a(), i.d())
	case opNewTable:
		return fmt.Sprintf("%d, %d elements, %d keys", i.a(), i.d(), i.bc())
	case opSetList:
		return fmt.Sprintf("%d, %d from %d", i.a(), int(i.b())-1, i.d()+1)
	case opJump, opLoop:
		return to
	case opIf, opIfNot, opForPrep, opForLoop, opTForLoop:
		return fmt.Sprintf("%d, %s", i.a(), to)
	case opIfSet, opIfNotSet, opEq, opNe, opLt, opNlt, opLe, opNle:
		return fmt.Sprintf("%d, %d, %s", i.a(), i.b(), to)
	case opEqK, opNeK, opLtK, opNltK, opLeK, opNleK, opGtK, opNgtK, opGeK, opNgeK:
		return fmt.Sprintf("%d, %s, %s", i.a(), constant(int(i.bc())), to)
	case opAddRK, opSubRK, opMulRK, opDivRK, opModRK, opPowRK:
		return fmt.Sprintf("%d, %d, %s", i.a(), i.b(), constant(int(i.d())))
	case opAddKR, opSubKR, opMulKR, opDivKR, opModKR, opPowKR:
		return fmt.Sprintf("%d, %s, %d", i.a(), constant(int(i.d())), i.b())
	case opTForCall:
		return fmt.Sprintf("%d, %d variables", i.a(), i.c())
	case opCall:
		return fmt.Sprintf("%d, %s, %s", i.a(), count(i.b(), "arguments"), count(i.c(), "results"))
	case opTailCall, opReturn, opVararg:
		return fmt.Sprintf("%d, %s", i.a(), count(i.b(), "values"))
	case opAdd, opSub, opMul, opDiv, opMod, opPow, opConcat, opGetTable, opSetTable:
		return fmt.Sprintf("%d, %d, %d", i.a(), i.b(), i.c())
	}
	return fmt.Sprintf("%d, %d", i.a(), i.b())
}

// count returns a number that an instruction has with 1 added to it; 0 is open.
func count(n uint8, what string) string {
	if n == 0 {
		return "all " + what
	}
	return fmt.Sprintf("%d %s", n-1, what)
}

// TestCode holds the code that is made of some sources against testdata/code.txt: a change there should be one for the better.
func TestCode(t *testing.T) {
	const file = "testdata/code.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(text), "\n\n")
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, block := range strings.Split(strings.TrimSpace(body), "\n\n") {
		src, want, _ := strings.Cut(block+"\n", "\n----\n")
		p, err := Compile(src, "=code")
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		got := listing(p)
		if got != want && !*rewriteCode {
			t.Errorf("%s\nis compiled to\n%s\nnot to\n%s", src, got, want)
		}
		b.WriteString("\n" + src + "\n----\n" + got)
	}
	if *rewriteCode {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
