// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

var (
	generateSeed  = flag.Uint64("lua.seed", 1, "first seed of the random programs")
	generateCount = flag.Int("lua.programs", 300, "how many random programs are compared with lua5.1")
)

// A kind is what an expression's value mostly is.
type kind int

const (
	kindNumber kind = iota
	kindString
	kindTable
	kindFunction
	kindAny
)

// A generator writes random programs. They end, since every loop and function counts; they print what they do; and what goes wrong in
// them is caught and printed, too, with its line and the names that it blames. A variable's first letter says what kind of value it
// should have, so that not all goes wrong.
type generator struct {
	*rand.Rand
	out   strings.Builder
	names [][]string // of the visible variables, by function
	loops int        // around this place, in this function
	dots  bool       // the function has `...`
	depth int
}

// generate returns the program of a seed.
func generate(seed uint64) string {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7)), names: [][]string{nil}, dots: true}
	if g.IntN(3) == 0 {
		g.line("setmetatable(_G, {__index = function(_, n) error('no ' .. n, 2) end})")
	}
	for k := range kindAny + 1 {
		g.line("local %s = %s", g.declare(k), g.expr(k, 0))
	}
	for range 10 + g.IntN(15) {
		if g.IntN(3) == 0 {
			k := g.kind()
			g.line("local %s = %s", g.declare(k), g.pick(g.constant(k), g.variable(k)))
			continue
		}
		g.line("print(pcall(function(...)")
		g.block(false)
		g.line("end, %s))", g.exprs(2, 0))
	}
	g.line("print(%s, %s, %s, %s)", g.variable(kindNumber), g.variable(kindString), g.variable(kindAny), g.variable(kindNumber))
	return g.out.String()
}

func (g *generator) line(format string, args ...any) { fmt.Fprintf(&g.out, format+"\n", args...) }

func (g *generator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g *generator) kind() kind { return kind(g.IntN(int(kindAny) + 1)) }

// declare adds a variable to the current function, and returns its name.
func (g *generator) declare(k kind) string {
	name := string("nstfx"[k]) + g.pick("1", "2", "3")
	last := len(g.names) - 1
	g.names[last] = append(g.names[last], name)
	return name
}

// variable returns the name of a variable of a kind: a local one, an upvalue, or a global.
func (g *generator) variable(k kind) string {
	var found []string
	for _, names := range g.names {
		for _, name := range names {
			if name[0] == "nstfx"[k] {
				found = append(found, name)
			}
		}
	}
	if len(found) == 0 || g.IntN(6) == 0 {
		return string("NSTFX"[k]) + g.pick("1", "2")
	}
	return found[len(found)-1-g.IntN(min(4, len(found)))]
}

// gap is a place where a source may go on in the next line.
func (g *generator) gap() string {
	if g.IntN(12) == 0 {
		return "\n"
	}
	return " "
}

// exprs returns a list of expressions.
func (g *generator) exprs(most, depth int) string {
	list := make([]string, 1+g.IntN(most))
	for i := range list {
		list[i] = g.expr(g.kind(), depth)
	}
	return strings.Join(list, ","+g.gap())
}

func (g *generator) args(depth int) string {
	if g.IntN(5) == 0 {
		return ""
	}
	return g.exprs(3, depth)
}

func (g *generator) constant(k kind) string {
	switch k {
	case kindNumber:
		return g.pick("0", "1", "2", "3", "7", "0.5", "1e15", "-1", "0x10", "2^53", "1/0", "-0", "100", "'10'")
	case kindString:
		return g.pick("'10'", "'abc'", "\"b\\n\"", "[[x]]", "''", "'0x1'", "3")
	case kindTable:
		return g.pick("{}", "{1, 2}", "{n = 1, 's'}")
	case kindFunction:
		return g.pick("id", "print", "T", "function() end")
	}
	return g.pick("nil", "true", "false", "1", "'s'")
}

// suffix returns what may follow a table to make a value of a kind.
func (g *generator) suffix(k kind, depth int) string {
	switch g.IntN(4) {
	case 0:
		return "[ " + g.expr(kindAny, depth-1) + g.gap() + "]"
	case 1:
		return "[" + g.pick("1", "2", "3", "'s1'") + "]"
	}
	return g.gap() + "." + string("nstfx"[k]) + g.pick("1", "2")
}

// prefix returns an expression of a kind that suffixes can follow.
func (g *generator) prefix(k kind, depth int) string {
	switch {
	case depth > 0 && g.IntN(8) == 0:
		return "(" + g.expr(k, depth-1) + ")"
	case depth > 0 && g.IntN(5) == 0:
		return g.variable(kindTable) + g.suffix(k, depth)
	}
	return g.variable(k)
}

func (g *generator) call(depth int) string {
	switch g.IntN(8) {
	case 0:
		return "pcall(" + g.expr(kindFunction, depth-1) + ")"
	case 1, 2:
		return g.prefix(kindTable, depth) + ":" + g.pick("f1", "f2") + "(" + g.args(depth-1) + g.gap() + ")"
	case 3:
		return "id(" + g.args(depth-1) + ")"
	case 4:
		return "select(" + g.pick("'#'", "2", "1") + ", " + g.exprs(3, depth-1) + ")"
	case 5:
		if g.IntN(2) == 0 {
			return "yield(" + g.args(depth-1) + ")"
		}
		return g.prefix(kindFunction, depth) + g.pick("'s'", "[[s]]", g.table(depth-1))
	}
	return g.prefix(kindFunction, depth) + "(" + g.args(depth-1) + g.gap() + ")"
}

func (g *generator) table(depth int) string {
	var items []string
	for range g.IntN(5) {
		switch k := g.kind(); g.IntN(4) {
		case 0:
			items = append(items, string("nstfx"[k])+g.pick("1", "2")+" = "+g.expr(k, depth-1))
		case 1:
			items = append(items, "[ "+g.expr(kindNumber, depth-1)+"]"+g.gap()+"= "+g.expr(kindAny, depth-1))
		default:
			items = append(items, g.expr(k, depth-1))
		}
	}
	return "{" + g.gap() + strings.Join(items, g.pick(",", ";")+g.gap()) + g.pick("", "", " ") + "}"
}

// metatable returns one with some events.
func (g *generator) metatable(depth int) string {
	var items []string
	for range 1 + g.IntN(3) {
		event := g.pick("__index", "__newindex", "__call", "__add", "__sub", "__mul", "__concat", "__unm", "__eq", "__lt", "__le")
		k := kindFunction
		if strings.HasSuffix(event, "index") && g.IntN(2) == 0 {
			k = kindTable
		}
		items = append(items, event+" = "+g.expr(k, depth))
	}
	return "{" + strings.Join(items, "; ") + "}"
}

// condition returns an expression that is mostly a boolean.
func (g *generator) condition(depth int) string {
	switch k := g.pick("n", "n", "s"); g.IntN(6) {
	case 0:
		return g.expr(kindAny, depth-1)
	case 1:
		return "not " + g.condition(depth-1)
	case 2:
		return g.expr(g.kind(), depth-1) + g.gap() + g.pick("==", "~=") + g.gap() + g.expr(g.kind(), depth-1)
	case 3:
		return g.condition(depth-1) + g.gap() + g.pick("and", "or") + g.gap() + g.condition(depth-1)
	default:
		of := kind(strings.Index("ns", k))
		return g.expr(of, depth-1) + g.gap() + g.pick("<", "<=", ">", ">=", "==", "~=") + g.gap() + g.expr(of, depth-1)
	}
}

func (g *generator) expr(k kind, depth int) string {
	if g.IntN(25) == 0 {
		k = g.kind() // of the wrong kind
	}
	if depth <= 0 {
		switch {
		case g.dots && k == kindAny && g.IntN(4) == 0:
			return "..."
		case g.IntN(3) == 0:
			return g.constant(k)
		}
		return g.variable(k)
	}
	switch g.IntN(10) {
	case 0:
		return "(" + g.expr(k, depth-1) + g.gap() + ")"
	case 1:
		return g.call(depth)
	case 2:
		return g.prefix(kindTable, depth) + g.suffix(k, depth)
	case 3:
		return g.condition(depth) + g.gap() + "and " + g.expr(k, depth-1) + " or" + g.gap() + g.expr(k, depth-1)
	case 4:
		return g.expr(k, depth-1) + g.gap() + g.pick("and", "or") + " " + g.expr(k, depth-1)
	}
	switch k {
	case kindNumber:
		if g.IntN(6) == 0 {
			return g.pick("- ", "#'ab'..") + g.expr(k, depth-1)
		}
		return g.expr(k, depth-1) + g.gap() + g.pick("+", "-", "*", "/", "%", "^", "+", "-") + g.gap() + g.expr(k, depth-1)
	case kindString:
		right := g.pick(g.constant(k), g.variable(kindNumber)) // no strings, so that they cannot double again and again
		return g.expr(k, depth-1) + g.gap() + ".." + g.gap() + right
	case kindTable:
		if g.IntN(4) == 0 {
			return "setmetatable(" + g.table(depth-1) + "," + g.gap() + g.metatable(depth-1) + ")"
		}
		return g.table(depth)
	case kindFunction:
		if g.IntN(6) == 0 {
			return "thread(function" + g.body(depth) + ")"
		}
		return "function" + g.body(depth)
	}
	return g.condition(depth)
}

// body returns a function from its parameters on.
func (g *generator) body(depth int) string {
	saved, dots, loops := g.out, g.dots, g.loops
	g.out, g.loops = strings.Builder{}, 0
	g.names = append(g.names, nil)
	var params []string
	for range g.IntN(3) {
		params = append(params, g.declare(g.kind()))
	}
	if g.dots = g.IntN(3) == 0; g.dots {
		params = append(params, "...")
		if g.IntN(2) == 0 {
			g.dots = false // it has `arg`
			g.line("print(arg.n, arg[1])")
		}
	}
	g.depth++
	for range g.IntN(4) {
		if g.depth < 4 && depth >= 0 {
			g.statement()
		}
	}
	switch g.IntN(4) {
	case 0:
	case 1:
		g.line("return %s", g.call(depth))
	default:
		g.line("return %s", g.exprs(2, depth))
	}
	g.depth--
	body := fmt.Sprintf("(%s) T()%s%s end", strings.Join(params, ", "), g.pick("\n", " "), g.out.String())
	g.names = g.names[:len(g.names)-1]
	g.out, g.dots, g.loops = saved, dots, loops
	return body
}

// block writes statements with variables of their own.
func (g *generator) block(loop bool) {
	last := len(g.names) - 1
	visible := len(g.names[last])
	g.depth++
	if loop {
		g.loops++
		g.line("T()")
	}
	for range 1 + g.IntN(3) {
		g.statement()
	}
	if g.loops > 0 && g.IntN(6) == 0 {
		g.line("break")
	}
	if loop {
		g.loops--
	}
	g.depth--
	g.names[last] = g.names[last][:visible]
}

// target returns what can be assigned.
func (g *generator) target(k kind) string {
	if g.IntN(3) > 0 {
		return g.variable(k)
	}
	return g.variable(kindTable) + g.suffix(k, 1)
}

func (g *generator) statement() {
	n := g.IntN(18)
	if g.depth > 3 {
		n %= 10
	}
	k, l := g.kind(), g.kind()
	switch n {
	case 0, 1:
		e := g.expr(k, 2)
		g.line("local %s = %s", g.declare(k), e)
	case 2:
		e, e2 := g.expr(k, 2), g.expr(l, 2)
		g.line("local %s, %s = %s, %s", g.declare(k), g.declare(l), e, e2)
	case 3, 4:
		g.line("%s = %s", g.target(k), g.expr(k, 2))
	case 5:
		g.line("%s, %s = %s, %s", g.target(k), g.target(l), g.expr(k, 2), g.expr(l, 2))
	case 6, 7, 8:
		g.line("print(%s)", g.exprs(3, 2))
	case 9:
		g.line("%s(%s)", g.variable(kindFunction), g.args(1))
	case 10, 11:
		g.line("print(pcall(function%s))", g.body(2))
	case 12:
		g.branch()
	case 13, 14:
		g.loop()
	case 15:
		name := g.declare(kindFunction)
		g.line("local function %s%s", name, g.body(2))
	case 16:
		t := g.variable(kindTable)
		g.line("function %s%s", g.pick(g.variable(kindFunction), t+".f1", t+":f2"), g.body(2))
	case 17:
		g.line("do")
		g.block(false)
		g.line("end")
	}
}

func (g *generator) branch() {
	g.line("if %s then", g.condition(2))
	g.block(false)
	if g.IntN(2) == 0 {
		g.line("elseif %s then", g.condition(2))
		g.block(false)
	}
	if g.IntN(2) == 0 {
		g.line("else")
		g.block(false)
	}
	g.line("end")
}

func (g *generator) loop() {
	last := len(g.names) - 1
	visible := len(g.names[last])
	switch g.IntN(4) {
	case 0:
		head := fmt.Sprintf("= %s,%s%s", g.pick("1", "2", g.expr(kindNumber, 1)), g.gap(), g.pick("3", "5", g.expr(kindNumber, 1)))
		if g.IntN(3) == 0 {
			head += ", " + g.pick("1", "2", "-1", "0.5", g.expr(kindNumber, 1))
		}
		g.line("for %s %s do", g.declare(kindNumber), head)
		g.block(true)
		g.line("end")
	case 1:
		list := g.pick("ipairs("+g.expr(kindTable, 1)+")", "ipairs{"+g.exprs(3, 1)+"}",
			"function(t, i) T() if i < 3 then return i + 1, "+g.expr(kindAny, 1)+" end end,"+g.gap()+g.expr(kindTable, 1)+", 0")
		g.line("for %s, %s in %s do", g.declare(kindNumber), g.declare(kindAny), list)
		g.block(true)
		g.line("end")
	case 2:
		g.line("while %s do", g.condition(2))
		g.block(true)
		g.line("end")
	case 3:
		g.line("repeat")
		g.block(true)
		g.line("until %s", g.condition(2))
	}
	g.names[last] = g.names[last][:visible]
}

// generatedPrelude is what the programs may use: T counts, and ends the program with an error sooner or later.
const generatedPrelude = `local steps, lines = 0, 0
function T() steps = steps + 1 if steps > 150 then error("enough", 0) end end
function id(...) return ... end
local plain = print
function print(...) lines = lines + 1 if lines < 100 then plain(...) end end
local call = pcall
function pcall(f, ...) return call(f, ...) end
local new, go, meta, kind = create, resume, setmetatable, type
function setmetatable(t, m) if kind(t) ~= 'table' or kind(m) ~= 'table' then error('no table', 2) end return meta(t, m) end
function thread(f) if kind(f) ~= 'function' then error('no function', 2) end local c = new(function(...) return f(...) end) return function(...) return go(c, ...) end end
local list = ipairs
function ipairs(t) if type(t) ~= 'table' then error('no table', 2) end return list(t) end
N1, N2, S1, S2, F1, F2 = 1, 2.5, 's', '7', id, function(a, b) return b, a end
T1, T2 = {1, 2, 3, n1 = 4, f1 = F2, s1 = 's'}, {f2 = F1, n2 = 5}
T1.t1, T1.t2, T2.t1, T2.t2, X1, X2 = T2, T1, T1, T2, T1
`

// TestRandomPrograms runs random programs in the machine and in lua5.1.
func TestRandomPrograms(t *testing.T) {
	const batch = 100
	for done := 0; done < *generateCount; done += batch {
		var script strings.Builder
		script.WriteString(luaPrelude)
		programs := make([]string, min(batch, *generateCount-done))
		for i := range programs {
			programs[i] = generate(*generateSeed + uint64(done+i))
			fmt.Fprintf(&script, "do local e = {} for k, v in pairs(_G) do e[k] = v end e._G = e\n"+
				"local p = setfenv(assert(loadstring(%s, '=prelude')), e) p()\n"+
				"local f, m = loadstring(%s, '=test') if f then f, m = pcall(setfenv(f, e), 1, 2) end\n"+
				"if not f then print(m) end print('----') end\n", luaQuote(generatedPrelude), luaQuote(programs[i]))
		}
		want := strings.Split(testutil.Lua(t, script.String()), "----\n")
		for i, program := range programs {
			got := strings.Split(maskRandom(runGenerated(t, program)), "\n")
			want := strings.Split(maskRandom(want[i]), "\n")
			for j := range max(len(got), len(want)) {
				if j >= len(got) || j >= len(want) || got[j] != want[j] {
					t.Fatalf("seed %d:\n%s\nprints:\n%s\nlua5.1 prints:\n%s", *generateSeed+uint64(done+i), number(program),
						strings.Join(got[min(j, len(got)):min(j+3, len(got))], "\n"), strings.Join(want[min(j, len(want)):min(j+3, len(want))], "\n"))
				}
			}
		}
	}
}

func runGenerated(t *testing.T, program string) string {
	m := newMachine(t, Options{Memory: 64 << 20})
	m.run(t, generatedPrelude)
	return m.run(t, program, Int(1), Int(2))
}

// maskRandom hides what may differ: addresses, and the sign of what is no number, which depends on the order of a sum's operands.
func maskRandom(s string) string { return strings.ReplaceAll(mask(s), "-nan", "nan") }

// number puts numbers before a program's lines.
func number(program string) string {
	var b strings.Builder
	for i, line := range strings.Split(program, "\n") {
		fmt.Fprintf(&b, "%3d  %s\n", i+1, line)
	}
	return b.String()
}
