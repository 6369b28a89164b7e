// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// The generated calls are the same each time unless another seed is asked for: go test ./internal/lua/lib -args -lib.seed=5 -lib.calls=20000
var (
	seed     = flag.Uint64("lib.seed", 1, "seed of the generated calls")
	numCalls = flag.Int("lib.calls", 800, "generated calls of each function")
)

// prelude defines T, which prints what a call returns or raises, and what it leaves in its first argument if that is a table.
const prelude = `
local format, print, type, tostring, pcall, select = string.format, print, type, tostring, pcall, select
local pairs, concat, sort, match = pairs, table.concat, table.sort, string.match
local function show(v, depth)
  if type(v) == "string" then
    local kind = match(v, "^(%a+): [0b]") -- an address
    return kind or format("%q", v)
  end
  if type(v) == "table" and depth < 3 then
    local list, rest = {}, {}
    for i = 1, #v do list[i] = show(v[i], depth + 1) end
    for k, e in pairs(v) do
      if type(k) ~= "number" or k > #v or k < 1 or k % 1 ~= 0 then rest[#rest + 1] = show(k, depth + 1) .. "=" .. show(e, depth + 1) end
    end
    sort(rest)
    return "{" .. concat(list, ",") .. ";" .. concat(rest, ",") .. "}"
  end
  if type(v) == "number" or type(v) == "boolean" or v == nil then return tostring(v) end
  return type(v)
end
local function list(ok, ...)
  local t = {tostring(ok)}
  local n = select("#", ...)
  for i = 1, n > 20 and 20 or n do t[i + 1] = show((select(i, ...)), 0) end
  if n > 20 then t[#t + 1] = n end
  return concat(t, " ")
end
local function T(f, t) print(list(pcall(f))) if t ~= nil then print(show(t, 0)) end end
local function P(...) print(list(pcall(...))) end
`

// A pool is values as programs write them.
type pool []string

var (
	numbers = pool{"0", "1", "2", "3", "5", "-1", "-2", "-3", "10", "1.5", "-.5", "2.999", "255", "256", "'2'", "' 0x10 '", "1e15", "1e100", "-1e100", "2^31", "-2^31", "2^31-1",
		"2^32+1", "2^53", "2^63", "-2^63", "1/0", "-1/0", "0/0"}
	small = pool{"0", "1", "2", "3", "4", "5", "-1", "-2", "-3", "10", "1.5", "2.999", "'2'", "-100", "100"}
	strs  = pool{`""`, `"a"`, `"abc"`, `"hello world"`, `"10"`, `" 10 "`, `"0x1F"`, `"1e1"`, `"a\0b"`, `"\0"`, `"\255\128"`, `"x=1, y=2"`, `"(a(b)c)"`, `"Hello, World! 123"`, `"\n\r\"\\"`,
		`("x"):rep(120)`, `("ab\0"):rep(50)`, "12", "-1.5"}
	tables = pool{"{}", "{1,2,3}", `{"a","b","c"}`, `{"a",2,"c",n=3}`, "{3,1,2,5,4}", "{{}}", "{x=1}", "{true}", `{x=1,y=2}`, "{10,20,30,[10]=100}", "{[-1]=1,[0]=0,1}", "{1.5,[2^53]=1}",
		"setmetatable({},{__index=function(t,k) return k end})", "setmetatable({1},{__metatable='locked',__tostring=function() return 'T' end})"}
	others = pool{"nil", "true", "false", "math.abs", "function() end", "coroutine.create(function() end)", "newproxy()"}
	funcs  = pool{"function(a,b) return a end", "function(...) return select('#',...) end", "function(a,b) return b end", "function() end", "function() error('oops') end", "function() error({}) end",
		"function(...) return ... end", "string.upper", "function() return {} end", "function() return false end"}
	bases    = pool{"2", "3", "8", "10", "16", "36", "1", "37", "0", "-1", "'16'", "2.9", "nil"}
	words    = pool{"'collect'", "'count'", "'stop'", "'restart'", "'step'", "'setpause'", "'setstepmul'", "'x'"}
	anything = append(append(append(append(pool{}, numbers...), strs...), tables...), others...)
)

func (p pool) pick(rnd *rand.Rand) string { return p[rnd.IntN(len(p))] }

// A signature is a function with pools for its arguments; made is called instead of a pool for those that are made up.
type signature struct {
	name string
	args []pool
	made map[int]func(*rand.Rand) string
	show bool // what is left of the first argument
	last bool // the last pool is for any further arguments
	min  int  // arguments
	only bool // no arguments of other kinds: some would take lua5.1 for ever, or crash it
	near bool // the last of 14 digits may differ, and the sign of what is no number
}

var signatures = []signature{
	{name: "string.len", args: []pool{strs}},
	{name: "string.sub", args: []pool{strs, numbers, numbers}},
	{name: "string.byte", args: []pool{strs, numbers, numbers}},
	{name: "string.char", args: []pool{numbers, numbers, numbers}},
	{name: "string.rep", args: []pool{append(strs, others...), append(small, "nil", "{}", "'x'")}, only: true},
	{name: "string.reverse", args: []pool{strs}},
	{name: "string.lower", args: []pool{strs}},
	{name: "string.upper", args: []pool{strs}},
	{name: "string.find", args: []pool{strs, nil, numbers, others}, made: patternArgs},
	{name: "string.match", args: []pool{strs, nil, numbers}, made: patternArgs},
	{name: "string.gsub", args: []pool{strs, nil, nil, small}, made: map[int]func(*rand.Rand) string{0: subject, 1: pattern, 2: replacement}},
	{name: "gmatch", args: []pool{strs, nil}, made: patternArgs},
	{name: "string.gmatch", args: []pool{strs, strs}},
	{name: "string.format", args: []pool{nil, numbers, strs, numbers}, made: map[int]func(*rand.Rand) string{0: formatText}},
	{name: "string.format", args: []pool{nil, anything, anything}, made: map[int]func(*rand.Rand) string{0: formatText}},
	{name: "table.concat", args: []pool{tables, strs, small, small}},
	{name: "table.insert", args: []pool{tables[:5], append(small, "nil", "{}"), anything}, show: true, only: true},
	{name: "table.insert", args: []pool{append(tables[:5:5], others...), strs}, show: true, only: true},
	{name: "table.remove", args: []pool{tables, numbers}, show: true},
	{name: "table.maxn", args: []pool{tables}},
	{name: "table.getn", args: []pool{tables}},
	{name: "table.setn", args: []pool{tables, numbers}},
	{name: "table.foreach", args: []pool{append(tables[:7:7], others...), append(funcs, others...)}, only: true},
	{name: "table.foreachi", args: []pool{tables, funcs}},
	{name: "table.sort", args: []pool{nil, nil}, show: true, made: map[int]func(*rand.Rand) string{0: array, 1: comparator}},
	{name: "math.max", args: []pool{numbers, numbers, numbers}, last: true},
	{name: "math.min", args: []pool{numbers, numbers, numbers}, last: true},
	{name: "math.random", args: []pool{pool{"'x'", "0", "-1", "{}"}, pool{"-1", "-5", "nil", "{}"}, numbers}, min: 1, only: true},
	{name: "math.fmod", args: []pool{numbers, numbers}, made: floatArgs},
	{name: "math.mod", args: []pool{numbers, numbers}, made: floatArgs},
	{name: "math.pow", args: []pool{numbers, numbers}, made: floatArgs, near: true},
	{name: "math.atan2", args: []pool{numbers, numbers}, made: floatArgs, near: true},
	{name: "math.ldexp", args: []pool{numbers, small}, made: floatArgs},
	{name: "tonumber", args: []pool{strs, bases}, made: map[int]func(*rand.Rand) string{0: numeral}},
	{name: "tostring", args: []pool{anything}, made: map[int]func(*rand.Rand) string{0: float}},
	{name: "type", args: []pool{anything}},
	{name: "select", args: []pool{append(pool{"'#'", "'#x'", "'2'"}, numbers...), anything, anything, anything}, last: true},
	{name: "unpack", args: []pool{tables, pool{"1", "0", "-1", "5", "'2'", "1.9", "nil"}, pool{"1", "0", "-1", "3", "7996", "7997", "7998", "8000", "1e5", "'3'", "nil"}}, only: true},
	{name: "unpack", args: []pool{tables, small, small}, only: true},
	{name: "rawequal", args: []pool{anything, anything}},
	{name: "rawget", args: []pool{tables, anything}},
	{name: "rawset", args: []pool{tables, anything, anything}, show: true},
	{name: "next", args: []pool{append(tables[:7:7], others...), append(pool{"1", "2", "3", "'x'", "'zz'", "0/0", "{}"}, others...)}, only: true},
	{name: "pairs", args: []pool{tables}},
	{name: "ipairs", args: []pool{tables}},
	{name: "assert", args: []pool{anything, anything, anything}},
	{name: "error", args: []pool{append(pool{"'text'", "'text'", "12", "nil", "{1}"}, strs...), pool{"0", "1", "2", "3", "-1", "'1'", "nil", "100"}}},
	{name: "pcall", args: []pool{funcs, anything, anything}},
	{name: "xpcall", args: []pool{funcs, funcs}},
	{name: "setmetatable", args: []pool{tables, append(pool{"nil", "{}", "{__metatable=1}"}, others...)}},
	{name: "getmetatable", args: []pool{anything}},
	{name: "loadstring", args: []pool{pool{"'return 1'", "'return ...'", "'x ='", "'error(1)'", "''", "'return return'"}, pool{"'=name'", "'@file'", "'text'", "nil"}}},
	{name: "load", args: []pool{append(pool{"function() return nil end", "function() return '' end"}, funcs[4:6]...), pool{"'=name'", "'@file'", "nil"}}},
	{name: "getfenv", args: []pool{append(pool{"0", "1", "-1", "50", "'1'"}, others...)}, only: true},
	{name: "setfenv", args: []pool{append(pool{"-1", "50", "{}"}, others...), append(pool{"nil"}, tables...)}, only: true},
	{name: "newproxy", args: []pool{append(pool{"newproxy(true)"}, anything...)}},
	{name: "collectgarbage", args: []pool{append(pool{"'x'", "'stop'", "'restart'", "'collect'", "'setpause'", "'setstepmul'"}, others...), small}},
	{name: "coroutine.create", args: []pool{append(append(pool{}, funcs...), others...)}},
	{name: "coroutine.wrap", args: []pool{append(append(pool{}, funcs...), others...)}},
	{name: "coroutine.resume", args: []pool{append(pool{"coroutine.create(function(...) return ... end)", "coroutine.create(function(...) coroutine.yield(...) end)", "coroutine.create(function() error({}) end)",
		"coroutine.create(function(...) error(...) end)", "coroutine.running()"}, others...), anything, anything}},
	{name: "coroutine.status", args: []pool{others}},
	{name: "coroutine.running", args: []pool{others}},
	{name: "coroutine.yield", args: []pool{others}},
	{name: "string.dump", args: []pool{pool{"math.abs", "1", "nil", "'x'"}}, only: true},
}

var (
	patternArgs = map[int]func(*rand.Rand) string{0: subject, 1: pattern}
	floatArgs   = map[int]func(*rand.Rand) string{0: float, 1: float}
)

// TestLikeLua makes calls of every function, with arguments of the right kind and, now and then, of any, and compares what they give
// with lua5.1.
func TestLikeLua(t *testing.T) {
	for i, s := range append(signatures, mathSignatures()...) {
		t.Run(fmt.Sprintf("%s/%d", s.name, i), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(*seed, uint64(i)))
			var calls []string
			for range *numCalls {
				calls = append(calls, s.call(rnd))
			}
			compare(t, calls, s.near)
		})
	}
}

func mathSignatures() (all []signature) {
	for _, name := range strings.Fields("abs acos asin atan ceil cos cosh deg exp floor frexp log log10 modf rad sin sinh sqrt tan tanh") {
		near := strings.ContainsAny(name[:1], "act") && name != "abs" && name != "ceil" || strings.HasPrefix(name, "si") || name == "log10"
		all = append(all, signature{name: "math." + name, args: []pool{numbers}, made: floatArgs, near: near})
	}
	return all
}

// call makes one call.
func (s *signature) call(rnd *rand.Rand) string {
	n := len(s.args)
	if rnd.IntN(4) == 0 {
		n = max(rnd.IntN(n+2), s.min)
	}
	args := make([]string, n)
	for i := range args {
		p := anything
		switch {
		case i < len(s.args):
			p = s.args[i]
		case s.last:
			p = s.args[len(s.args)-1]
		case s.only:
			p = pool{"nil"}
		}
		made := s.made[i]
		switch {
		case !s.only && rnd.IntN(12) == 0:
			args[i] = anything.pick(rnd)
		case made != nil && (p == nil || rnd.IntN(3) > 0):
			args[i] = made(rnd)
		default:
			args[i] = p.pick(rnd)
		}
	}
	list := strings.Join(args, ", ")
	switch {
	case s.name == "getfenv":
		return fmt.Sprintf("T(function() return type((getfenv(%s))) end)", list)
	case s.name == "gmatch":
		return fmt.Sprintf("T(function() local t = {} for a, b, c in string.gmatch(%s) do t[#t+1] = {a, b, c} end return t end)", list)
	case s.show && n > 0:
		return fmt.Sprintf("do local t = %s T(function() return %s(%s) end, t) end", args[0], s.name, strings.Join(append([]string{"t"}, args[1:]...), ", "))
	case rnd.IntN(10) == 0:
		return fmt.Sprintf("P(%s)", strings.TrimSuffix(s.name+", "+list, ", "))
	case rnd.IntN(10) == 0 && strings.HasPrefix(s.name, "string.") && n > 0:
		return fmt.Sprintf("T(function() local s = %s return s:%s(%s) end)", args[0], strings.TrimPrefix(s.name, "string."), strings.Join(args[1:], ", "))
	}
	return fmt.Sprintf("T(function() return %s(%s) end)", s.name, list)
}

// compare runs calls on both machines and reports where what they print differs.
func compare(t *testing.T, calls []string, near bool) {
	t.Helper()
	var script strings.Builder
	script.WriteString(prelude)
	for i, call := range calls {
		fmt.Fprintf(&script, "print(%d) %s\n", i, call)
	}
	got, want := byCall(output(t, script.String())), byCall(testutil.Lua(t, script.String()))
	wrong := 0
	for i := range calls {
		if got[i] == want[i] || near && areNear(got[i], want[i]) {
			continue
		}
		if wrong++; wrong > 10 {
			t.Fatal("and more")
		}
		t.Errorf("%s\ngot  %swant %s", calls[i], got[i], want[i])
	}
}

// areNear says whether two results are nearly the same number: Go's functions are not rounded as C's are.
func areNear(a, b string) bool {
	x, errX := strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(a, "true "), "-")), 64)
	y, errY := strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(b, "true "), "-")), 64)
	return errX == nil && errY == nil && (x != x && y != y || math.Abs(x-y) <= 1e-13*math.Abs(x))
}

// byCall splits what a script printed into what each call did.
func byCall(out string) map[int]string {
	all := map[int]string{}
	at := -1
	for line := range strings.Lines(out) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n == at+1 {
			at = n
			continue
		}
		all[at] += line
	}
	return all
}

// subject makes a text for patterns.
func subject(rnd *rand.Rand) string {
	const letters = "aaabbc1_ .(),%-\x00"
	b := make([]byte, rnd.IntN(14))
	for i := range b {
		b[i] = letters[rnd.IntN(len(letters))]
	}
	return quote(string(b))
}

// quote writes a string as Lua does.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\%03d`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// pattern makes a pattern, sometimes a malformed one.
func pattern(rnd *rand.Rand) string {
	items := []string{"a", "b", "c", ".", "%a", "%d", "%s", "%w", "%p", "%z", "%x", "%A", "%S", "%W", "[ab]", "[^a]", "[%a_]", "[a-c]", "[]]", "[^]]", "[a-]", "[%-a]", "%.", "%%", "_", " ", "1"}
	odd := []string{"(", ")", "()", "%b()", "%bab", "%f[%w]", "%f[^a]", "%f[%z]", "%1", "%2", "%0", "%", "[", "[^", "[a", "]", "^", "$", "\x00", "[a-%", "%f", "%b", "(.)", "(%a*)", "(.-)"}
	repeats := []string{"*", "+", "-", "?"}
	var b strings.Builder
	if rnd.IntN(6) == 0 {
		b.WriteByte('^')
	}
	for rnd.IntN(4) == 0 {
		b.WriteByte('(')
	}
	for range 1 + rnd.IntN(5) {
		if rnd.IntN(4) == 0 {
			b.WriteString(odd[rnd.IntN(len(odd))])
		} else {
			b.WriteString(items[rnd.IntN(len(items))])
		}
		if rnd.IntN(3) == 0 {
			b.WriteString(repeats[rnd.IntN(len(repeats))])
		}
	}
	if rnd.IntN(6) == 0 {
		b.WriteByte('$')
	}
	return quote(b.String())
}

// replacement makes what gsub replaces with.
func replacement(rnd *rand.Rand) string {
	return pool{`"x"`, `""`, `"%0%0"`, `"<%1>"`, `"%2"`, `"%%"`, `"%"`, `"%a%"`, `"a\0b"`, "12", "nil", "{a='A', b=false, ['1']=1, c={}}", "function(a) return a and #tostring(a) end",
		"function() end", "function() return {} end", "function(...) return select('#', ...) end", "function() error('oops') end", "string.upper", "setmetatable({}, {__index=function(t, k) return '['..k..']' end})",
		"function(s) return (string.gsub(tostring(s), '.', '%0%0')) end"}.pick(rnd)
}

// formatText makes a format.
func formatText(rnd *rand.Rand) string {
	var b strings.Builder
	for range 1 + rnd.IntN(3) {
		b.WriteString(pool{"", "", "x", "%%", "a\x00b", " "}.pick(rnd))
		b.WriteByte('%')
		for rnd.IntN(3) == 0 {
			b.WriteByte("-+ #0"[rnd.IntN(5)])
		}
		if rnd.IntN(3) == 0 {
			b.WriteString(pool{"1", "5", "10", "20", "99", "100", "0"}.pick(rnd))
		}
		if rnd.IntN(3) == 0 {
			b.WriteString(pool{".", ".0", ".1", ".3", ".10", ".20", ".99", ".100"}.pick(rnd))
		}
		if rnd.IntN(40) > 0 {
			b.WriteByte("cdiouxXeEfgGqssdgqy%pa"[rnd.IntN(22)])
		}
	}
	return quote(b.String())
}

// numeral makes a text that is nearly a number.
func numeral(rnd *rand.Rand) string {
	var b strings.Builder
	for range 1 + rnd.IntN(6) {
		b.WriteString(pool{"0", "1", "7", "9", "10", "123456789", "a", "f", "z", "Z", "e", "E", "x", "0x", "0X", ".", "-", "+", " ", "\t", "p", "inf", "nan", "e5", "e-3", "ffffffffffffffff", "\x00"}.pick(rnd))
	}
	return quote(b.String())
}

// float makes a number of any size.
func float(rnd *rand.Rand) string {
	switch rnd.IntN(5) {
	case 0:
		return strconv.FormatFloat(rnd.NormFloat64(), 'g', 17, 64)
	case 1:
		return strconv.FormatFloat(rnd.NormFloat64()*1e6, 'f', 3, 64)
	case 2:
		return strconv.Itoa(rnd.IntN(2000) - 1000)
	case 3:
		return fmt.Sprintf("%fe%d", rnd.NormFloat64(), rnd.IntN(600)-300)
	}
	return fmt.Sprintf("10^%d", rnd.IntN(40)-20)
}

// array makes a table to be sorted.
func array(rnd *rand.Rand) string {
	n := rnd.IntN(12)
	if rnd.IntN(4) == 0 {
		n = rnd.IntN(150)
	}
	kind := rnd.IntN(10)
	var items []string
	for i := range n {
		switch {
		case kind < 5:
			items = append(items, strconv.Itoa(rnd.IntN(n+1)))
		case kind < 7:
			items = append(items, fmt.Sprintf("'%c%d'", 'a'+rnd.IntN(4), rnd.IntN(20)))
		case kind < 8:
			items = append(items, strconv.Itoa(i))
		case kind < 9:
			items = append(items, strconv.Itoa(n-i))
		default:
			items = append(items, pool{"1", "'x'", "2", "{}", "true"}.pick(rnd))
		}
	}
	return "{" + strings.Join(items, ",") + "}"
}

// comparator makes what sort compares with, good and bad.
func comparator(rnd *rand.Rand) string {
	return pool{"nil", "nil", "function(a, b) return a > b end", "function(a, b) return a < b end", "function(a, b) return a <= b end", "function() return true end", "function() return false end",
		"function(a, b) return tostring(a) < tostring(b) end", "function(a, b) return #tostring(a) < #tostring(b) end", "function(a, b) error('oops') end",
		"(function() local n = 0 return function(a, b) n = n + 1 return n % 3 == 0 end end)()", "function() end", "12"}.pick(rnd)
}
