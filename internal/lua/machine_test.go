// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// What the machine prints for the chunks of testdata must be what lua5.1 does.
func TestMachineAgainstLua(t *testing.T) {
	for _, file := range []string{"machine.txt", "language.txt"} {
		t.Run(file, func(t *testing.T) { againstLua(t, "testdata/"+file) })
	}
}

// readChunks returns the chunks of a file of testdata, which blank lines separate; the first paragraph is a comment.
func readChunks(t testing.TB, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
	return strings.Split(body, "\n\n")
}

func againstLua(t *testing.T, file string) {
	chunks := readChunks(t, file)
	var script strings.Builder
	script.WriteString(luaPrelude)
	for _, chunk := range chunks {
		script.WriteString("do local f, e = loadstring(" + luaQuote(chunk) + ", '=test') local ok = f\n" +
			"if f then ok, e = pcall(f) end if not ok then print(e) end print('----') end\n")
	}
	want := strings.Split(testutil.Lua(t, script.String()), "----\n")
	for i, chunk := range chunks {
		got, want := mask(newMachine(t, Options{}).run(t, chunk)), mask(want[i])
		if got != want {
			t.Errorf("%s\ngives:\n%s\nlua5.1 gives:\n%s", chunk, got, want)
		}
	}
}

// addresses are what differs from run to run.
var addresses = regexp.MustCompile("0x[0-9a-f]+")

func mask(s string) string { return addresses.ReplaceAllString(s, "0x") }

// Many states run the same program at the same time.
func TestSharedProgram(t *testing.T) {
	p, err := Compile(`local t = {x = 1, y = "s"} t.z = t.x .. t.y local n = 0 for k, v in pairs(t) do n = n + 1 end collect()
		local f = function(...) return select("#", ...) .. "abc" end print(t.z, n, f(1, 2), "abc" == t.y .. "bc", pcall(error, "e"))`, "=shared")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		m := newMachine(t, Options{})
		all.Go(func() {
			for range 100 {
				m.out.Reset()
				if _, err := m.Call(m.Load(p, nil)); err != nil {
					t.Error(err)
				}
				if got := m.out.String(); got != "1s\t3\t2abc\tfalse\tfalse\te\n" {
					t.Errorf("%q", got)
				}
			}
		})
	}
	all.Wait()
}

// stressed returns a machine that marks at almost every allocation, and calls the hook at every step.
func stressed(t testing.TB) *machine {
	m := newMachine(t, Options{Step: 1, Memory: 64 << 20})
	marks := 0
	m.SetHook(func() error {
		if marks++; marks < 2000 {
			m.threshold = 0
		}
		return nil
	})
	return m
}

// Marks and hooks at every occasion change nothing.
func TestMachineUnderStress(t *testing.T) {
	for _, chunk := range append(readChunks(t, "testdata/machine.txt"), readChunks(t, "testdata/language.txt")...) {
		want := mask(newMachine(t, Options{}).run(t, chunk))
		if got := mask(stressed(t).run(t, chunk)); got != want {
			t.Errorf("%s\ngives:\n%s\nat leisure:\n%s", chunk, got, want)
		}
	}
}

// What a coroutine yields survives a mark that comes while it is handed over.
func TestYieldManyUnderStress(t *testing.T) {
	got := stressed(t).run(t, `local function many(n, ...) if n == 0 then return ... end return many(n - 1, n, ...) end
		local co = create(function() for i = 1, 3 do yield(many(400)) end end)
		for i = 1, 3 do local t = {resume(co)} print(#t, t[1], t[2], t[401]) end`)
	if want := strings.Repeat("401\ttrue\t1\t400\n", 3); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
