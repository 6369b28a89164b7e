// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/resp"
)

// run gives the reply of a call in protocol 2.
func run(t *testing.T, r *Registry, line string) string {
	t.Helper()
	var w resp.Writer
	w.Init(resp.NewChunkPool(1))
	argv := argvOf(line)
	s := r.Resolve(argv)
	if err := s.Run(&Ctx{Reply: &w, Argv: argv, Spec: s}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for w.Pending() > 0 {
		n, _ := b.Write(w.Next())
		w.Consume(n)
	}
	return b.String()
}

func TestHelp(t *testing.T) {
	r := testRegistry(t)
	want := strings.ReplaceAll(`*5
+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
+ENCODING <key>
+    Names the encoding of a value.
+HELP
+    Prints this help.
`, "\n", "\r\n")
	if got := run(t, r, "OBJECT HELP"); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	got := run(t, r, "COMMAND HELP")
	for _, line := range []string{
		"+(no subcommand)", "+    Describes every command.", "+COUNT", "+DOCS [<command-name> ...]",
		"+LIST [FILTERBY (MODULE <module-name> | ACLCAT <category> | PATTERN <pattern>)]",
	} {
		if !strings.Contains(got, line+"\r\n") {
			t.Errorf("%q is missing in %q", line, got)
		}
	}
}

func TestHelpWraps(t *testing.T) {
	lines := appendWrapped(nil, strings.Repeat("seven77 ", 20))
	if len(lines) != 3 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if len(line) > helpWidth || !strings.HasPrefix(line, "    seven77") {
			t.Errorf("%q", line)
		}
	}
}
