// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"errors"
	"strings"
	"testing"
)

// bigSources are such that compiling them takes long or much memory, each for another reason.
func bigSources() map[string]string {
	rep := strings.Repeat
	const n = 1 << 18
	return map[string]string{
		"statements":    rep("a=1 ", n/4),
		"chain":         "x = a" + rep("+a", n/2),
		"suffixes":      "x = a" + rep(".b", n/2),
		"calls":         "a" + rep("()", n/2),
		"elements":      "x = {" + rep("1,", n/2) + "}",
		"list":          "f({" + rep("a,", n/2) + "})",
		"comparisons":   "x = a" + rep("<a", n/2),
		"alternatives":  "x = a" + rep(" or a", n/5),
		"functions":     rep("f=function()end ", n/16),
		"captured":      "local a " + rep("f=function()a=1 end ", n/20),
		"comment":       "--" + rep("x", n),
		"long comment":  "--[[" + rep("x", n) + "]]",
		"string":        "x = '" + rep("x", n) + "'",
		"escapes":       "x = '" + rep(`\0651\n`, n/7) + "'",
		"long string":   "x = [[" + rep("x\r\n", n/3) + "]]",
		"name":          "local " + rep("x", n),
		"number":        "x = 0" + rep("0", n),
		"blanks":        "x = " + rep(" ", n) + "1",
		"lines":         "x = " + rep("\n", n) + "1",
		"equals":        "x = [" + rep("=", n),
		"brackets":      "x = [=[" + rep("]", n) + "]=]",
		"variables":     rep("do local a, b = 1 end ", 16000),
		"branches":      "if a then elseif b then " + rep("elseif b then ", n/14) + "end",
		"broken at end": rep("a=1 ", n/4) + ")",
	}
}

// TestCompileAsks compiles large sources with a state that is asked for steps and memory.
func TestCompileAsks(t *testing.T) {
	for what, src := range bigSources() {
		asked := 0
		s := New(Options{Hook: func() error { asked++; return nil }})
		_, err := s.CompileProto(src, "=x")
		var syntax *SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Errorf("%s: %v", what, err)
		}
		if asked < 100 {
			t.Errorf("%s: the hook was called %d times", what, asked)
		}
		if got := s.Memory(); got > minThreshold {
			t.Errorf("%s: %d bytes are still counted", what, got)
		}
	}
}

func TestCompileStops(t *testing.T) {
	stop := errors.New("stop")
	for what, src := range bigSources() {
		asked := 0
		s := New(Options{Hook: func() error {
			if asked++; asked == 50 {
				return stop
			}
			return nil
		}})
		if _, err := s.Compile(src, "=x"); err != stop {
			t.Errorf("%s: %v, want the hook's error", what, err)
		}
		s = New(Options{Memory: 4 << 20})
		var lua *Error
		if _, err := s.Compile(src, "=x"); !errors.As(err, &lua) || lua.Error() != "not enough memory" {
			t.Errorf("%s: %v, want not enough memory", what, err)
		}
	}
}

func TestCompileCountsPrograms(t *testing.T) {
	s := New(Options{})
	v, err := s.Compile(strings.Repeat("a = 1 ", 10000), "=x")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(s.Globals(), ConstString("f"), v); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Collect(); err != nil {
			t.Fatal(err)
		}
		if got, want := s.Memory(), v.closure().proto.Size(); got < want || got > want+want/2 {
			t.Errorf("%d bytes are counted, the program takes %d", got, want)
		}
	}
	if err := s.Set(s.Globals(), ConstString("f"), Nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	if got := s.Memory(); got > 1<<17 {
		t.Errorf("%d bytes are counted without the program", got)
	}
	if _, err := s.Compile("x = = 1", "=x"); err == nil || err.Error() != "x:1: unexpected symbol near '='" {
		t.Error(err)
	}
}

// FuzzCompile compiles anything: it must not panic, and what it gives must be well formed.
func FuzzCompile(f *testing.F) {
	f.Add("local a, b = 1, ... return function(x, ...) a = x + b return arg, {...} end")
	f.Add("for i = 1, 2 do for k, v in pairs(t) do while x do repeat break until y end end end")
	f.Add("if a == 1 and b < 'x' or not c then return f(), a.b:c{d = 1}[2] elseif x then x, y[z] = 1, 2 end")
	f.Add("x = [==[\n]]]==] .. '\\n\\065\\\n' --[[ ]] --x\n return 0x1p4, 1e3, -0, 2^-1")
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, src)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Msg == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		checkProto(t, p)
	})
}

// checkProto checks what the machine takes for granted.
func checkProto(t *testing.T, p *Proto) {
	t.Helper()
	if len(p.lines) != len(p.code) || p.stack > maxStack || p.stack < p.params {
		t.Fatalf("%d lines, %d instructions, %d registers, %d parameters", len(p.lines), len(p.code), p.stack, p.params)
	}
	for pc, i := range p.code {
		ok := i.op() < numOps
		register := func(r uint8) { ok = ok && int(r) < p.stack }
		constant := func(n int) { ok = ok && n < len(p.consts) }
		switch o := i.op(); o {
		case opSetUpcell, opGetUpcell, opGetUpval:
			ok = int(i.b()) < len(p.upvals)
		case opMove, opGetCell, opSetCell, opNot, opUnm, opLen, opGetInt, opNil:
			register(i.b())
		case opGetTable, opSetTable, opAdd, opSub, opMul, opDiv, opMod, opPow, opConcat:
			register(i.b())
			register(i.c())
		case opGetGlobal, opSetGlobal, opLoadK:
			constant(int(i.d()))
		case opGetField, opSelf:
			register(i.b())
			constant(int(i.d()))
		case opSetField:
			register(i.c())
			constant(int(i.d()))
		case opEqK, opNeK, opLtK, opNltK, opLeK, opNleK, opGtK, opNgtK, opGeK, opNgeK:
			constant(int(i.bc()))
		case opClosure:
			ok = int(i.d()) < len(p.protos)
		case opTForCall:
			ok = int(i.a())+3+max(3, int(i.c())) <= p.stack && p.code[pc+1].op() == opTForLoop
		}
		switch i.op() {
		case opJump, opLoop, opReturn0:
		default:
			register(i.a())
		}
		if i.jumps() {
			to := pc + 1 + int(i.d())
			ok = ok && 0 <= to && to < len(p.code)
			back := i.op() == opLoop || i.op() == opForLoop || i.op() == opTForLoop
			ok = ok && back == (to <= pc)
		}
		if !ok {
			t.Fatalf("instruction %d: op %d, A %d, B %d, C %d, D %d", pc, i.op(), i.a(), i.b(), i.c(), i.d())
		}
	}
	if len(p.code) == 0 || p.code[len(p.code)-1].op() != opReturn0 {
		t.Fatal("the code does not end with a return")
	}
	for _, child := range p.protos {
		for _, u := range child.upvals {
			if u.local && int(u.index) >= p.stack || !u.local && int(u.index) >= len(p.upvals) {
				t.Fatalf("upvalue %q of a function is beyond what it captures", u.name)
			}
		}
		checkProto(t, child)
	}
}
