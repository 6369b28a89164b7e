// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// What the machine prints for the chunks of testdata must be what lua5.1 does.
func TestMachineAgainstLua(t *testing.T) {
	for _, file := range []string{"machine.txt", "language.txt"} {
		t.Run(file, func(t *testing.T) { againstLua(t, "testdata/"+file) })
	}
}

func againstLua(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
	chunks := strings.Split(body, "\n\n")
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
