// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// luaQuote writes a string as a Lua literal.
func luaQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		fmt.Fprintf(&b, "\\%03d", s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// compileErrors compiles sources with lua5.1, and returns the errors; "" for what is right.
func compileErrors(t *testing.T, sources []string, name string) []string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "local name = %s\nlocal function c(s) io.write(((select(2, loadstring(s, name)) or ''):gsub('\\nstack traceback:.*', '')), '\\1') end\n", luaQuote(name))
	for _, s := range sources {
		fmt.Fprintf(&b, "c(%s)\n", luaQuote(s))
	}
	return strings.Split(strings.TrimSuffix(testutil.Lua(t, b.String()), "\x01"), "\x01")
}

// luaLevel is how many calls are around a source that a script of lua5.1 compiles: it counts them with the source's own constructs.
const luaLevel = 2

// checkErrors compares the errors of sources with lua5.1's.
func checkErrors(t *testing.T, sources []string, name string) {
	t.Helper()
	for i, want := range compileErrors(t, sources, name) {
		got := ""
		if _, err := compile(sources[i], name, luaLevel, nil); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.300q\n got: %s\nwant: %s", sources[i], got, want)
		}
	}
}

// TestBrokenSources compares the errors of the sources in a file, one a line with Go's escapes.
func TestBrokenSources(t *testing.T) {
	text, err := os.ReadFile("testdata/broken.txt")
	if err != nil {
		t.Fatal(err)
	}
	unescape := strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\0`, "\x00", `\\`, `\`, `\e`, "\x1b", `\h`, "\xfe")
	var sources []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "## ") {
			sources = append(sources, unescape.Replace(line))
		}
	}
	checkErrors(t, sources, "=x")
}

// TestBrokenByOneToken leaves out, doubles and exchanges the tokens of programs that are right.
func TestBrokenByOneToken(t *testing.T) {
	programs := []string{
		"local a, b = 1, 'x' .. f(2)[3]\nif a == b and not c then\n return a\nelseif x then\n y = {1, 2; z = 3, [4] = 5}\nelse\n g:h 'q'\nend",
		"for i = 1, 10, 2 do\n for k, v in pairs(t) do\n  if v > 3 then break end\n end\nend\nrepeat local z = -x ^ 2\nuntil z <= #t % 4",
		"local function f(a, ...)\n local t = {...}\n return a.b.c:d(t, ...)\nend\nfunction m.n:o() return self end\nwhile true do do end break end",
		"a.b, c[1] = (f or g)(function(x) return x, [[\nlong\n]] end) -- comment\nlocal s = \"a\\n\\065\"\nreturn 0x1F + 1e3 / .5",
	}
	for _, program := range programs {
		tokens := cut(program)
		var sources []string
		join := func(parts ...[]string) {
			var b strings.Builder
			for _, p := range parts {
				b.WriteString(strings.Join(p, ""))
			}
			sources = append(sources, b.String())
		}
		for i := range tokens {
			join(tokens[:i], tokens[i+1:])
			join(tokens[:i+1], tokens[i:])
			join(tokens[:i])
			join(tokens[:i], []string{" = "}, tokens[i+1:])
			join(tokens[:i], []string{" end "}, tokens[i+1:])
			join(tokens[:i], []string{"\n("}, tokens[i+1:])
			join(tokens[:i], []string{" x "}, tokens[i:])
			join(tokens[:i], []string{" 7 "}, tokens[i:])
			if i+1 < len(tokens) {
				join(tokens[:i], tokens[i+1:i+2], tokens[i:i+1], tokens[i+2:])
			}
		}
		checkErrors(t, sources, "=x")
	}
}

// TestBrokenRandomPrograms exchanges some tokens of random programs.
func TestBrokenRandomPrograms(t *testing.T) {
	pool := []string{" end ", " ( ", " ) ", " = ", ", ", " if ", " then ", " do ", " function ", " local ", " return ", " ... ", " { ", " } ", " 'x' ", " 7 ",
		" x ", " .. ", " . ", " : ", " [ ", " ] ", " and ", " not ", " - ", " break ", ";", "\n", " [[y\n]] ", " for ", " until ", " repeat ", " else ", "\\", "$", " 3x", " '"}
	r := rand.New(rand.NewPCG(*generateSeed, 8))
	var sources []string
	for i := range uint64(*generateCount) {
		tokens := cut(generate(*generateSeed + i))
		tokens = tokens[:min(len(tokens), 150)]
		for range 1 + r.IntN(3) {
			tokens[r.IntN(len(tokens))] = pool[r.IntN(len(pool))]
		}
		sources = append(sources, strings.Join(tokens, ""))
	}
	checkErrors(t, sources, "=x")
}

// cut returns a right program's tokens, each with what is before it.
func cut(program string) []string {
	var tokens []string
	s := scanner{src: program, line: 1}
	from := 0
	for s.tok != tokEnd {
		s.next()
		tokens = append(tokens, program[from:s.pos])
		from = s.pos
	}
	return tokens
}

// TestLimits compares what is too much of something.
func TestLimits(t *testing.T) {
	rep := strings.Repeat
	many := func(n int, format, sep string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = strings.ReplaceAll(format, "N", fmt.Sprint(i))
		}
		return strings.Join(parts, sep)
	}
	checkErrors(t, []string{
		many(200, "local aN\n", ""), many(201, "local aN\n", ""),
		"function f()\n" + many(201, "local aN\n", "") + "end",
		"local function g(" + many(200, "aN", ",") + ") end", "local function g(" + many(201, "aN", ",\n") + ") end",
		"local " + many(201, "aN", ",\n"),
		many(196, "local aN\n", "") + "for i = 1, 2 do end", many(197, "local aN\n", "") + "for i = 1, 2 do end", many(197, "local aN\n", "") + "for i in x do end",
		many(194, "local aN\n", "") + "for i, j, k in x do end", many(195, "local aN\n", "") + "for i, j, k in x do end",
		"local " + many(60, "aN", ",") + "\nlocal function f() return " + many(60, "aN", "+") + " end",
		"local " + many(61, "aN", ",") + "\nlocal function f() return " + many(61, "aN", "+") + " end",
		"local " + many(61, "aN", ",") + "\nlocal function f() return function() return\n" + many(61, "aN", "+") + " end end",
		"f(" + many(240, "x", ",") + ")", "f(" + many(300, "x", ",") + ")", "f(" + many(300, "x", ",\n") + ")", "return " + many(249, "x", ","), "return " + many(250, "x", ",\n"),
		"local " + many(150, "aN", ",") + "\nlocal b = " + many(150, "x", ",\n"),
		"local t = {" + many(1000, "x", ",\n") + "}", "local t = {" + many(1000, "x = 1", ",\n") + "}",
		"return " + many(150, "x", ".."), "return " + many(300, "x", "..\n"),
		many(100, "a", ",") + " = 1", many(300, "a", ",\n") + " = 1", "do " + many(300, "a", ",\n") + " = 1 end",
		many(150, "a[i]", ",\n") + " = 1",
		rep("(", 150) + "f" + rep(")", 150) + "()", rep("(", 300), rep("do ", 150) + rep("end ", 150), rep("do ", 300), "x = " + rep("-", 150) + "1", "x = " + rep("-", 300) + "1",
		"x = " + rep("not\n", 300) + "1", "x = " + rep("{", 150) + rep("}", 150), "x = " + rep("{", 300), "x = " + rep("f(", 300), "x = " + rep("a[", 300),
		rep("if x then ", 300), rep("while x do ", 300), rep("repeat ", 300), rep("for i = 1, 2 do ", 300), rep("function f() ", 300), "x = " + rep("function() return ", 300),
		"x = 2" + rep("^2", 300), "x = " + rep("a or ", 1000) + "b", "x = " + rep("a + ", 1000) + "b", "x = a" + rep(".b", 1000), "x = a" + rep("()", 1000), "x = a" + rep("[1]", 1000),
		"x = " + rep("a == ", 1000) + "b", "x = " + rep("a < b and c or ", 1000) + "b", rep("if x then elseif y then end ", 1000),
		"x = " + rep("function() end, ", 1000) + "1",
		rep("do local x end ", 32767), rep("do local x end ", 32768),
		"if x then " + rep("y = 1 ", 100000) + " end",
	}, "=x")
}

// TestChunkNames compares how chunks are named in errors of compilation.
func TestChunkNames(t *testing.T) {
	for _, name := range []string{
		"=x", "@file.lua", "code", "two\nlines", "\nempty line", "", "=", "@", "=" + strings.Repeat("n", 100), "@" + strings.Repeat("n", 100),
		strings.Repeat("n", 100), strings.Repeat("n", 63), strings.Repeat("n", 62), strings.Repeat("n", 64), "@" + strings.Repeat("n", 71), "@" + strings.Repeat("n", 72),
		"a\x00b", "=" + strings.Repeat("n", 79),
	} {
		checkErrors(t, []string{"x = = 1"}, name)
	}
}

// TestManyConstants uses constants beyond those that instructions with a jump can name.
func TestManyConstants(t *testing.T) {
	var b strings.Builder
	b.WriteString("local x, s, n, t = 80000.5, 'k80000', 0, {}\n")
	for i := range 70000 {
		fmt.Fprintf(&b, "n = n + %d.5\n", i)
	}
	b.WriteString(`print(n, x == 80000.5, x ~= 80000.5, s == 'k80000', s ~= 'k80001', x < 80000.75, 80000.25 < x, x >= 80001.25, 80001.5 > x, nil == s)
		if s == 'k80000' and not (x < 79999.5) then print('yes') end
		t.k80002, t['k80003'], t.k80004 = 80005.5, 'k80006', {k80007 = 80008.5}
		print(t.k80002 * 80009.5, 80010.5 - t.k80002, t.k80003 .. 'k80011', t.k80004.k80007, -t.k80002, k80012)
		local function f() return x == 80000.5, s == 'k80000' end
		print(f())`)
	checkRun(t, b.String())
}

// checkRun compares what a program prints with lua5.1.
func checkRun(t *testing.T, program string) {
	t.Helper()
	if got, want := newMachine(t, Options{}).run(t, program), testutil.Lua(t, program); got != want {
		t.Errorf("prints:\n%s\nlua5.1 prints:\n%s", got, want)
	}
}
