// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"bytes"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
)

// TestShebang: the flags of a first line, and the code behind it; test/compat has the errors.
func TestShebang(t *testing.T) {
	for _, c := range []struct {
		text, code string
		flags      command.ScriptFlags
	}{
		{"return 1", "return 1", command.ScriptUnflagged},
		{"", "", command.ScriptUnflagged},
		{"#!lua\nreturn 1", "\nreturn 1", 0},
		{"#!lua flags=no-writes,allow-oom\nx", "\nx", command.ScriptNoWrites | command.ScriptAllowOOM},
		{"#!lua flags=allow-stale flags=no-cluster\n", "\n", command.ScriptAllowStale | command.ScriptNoCluster},
		{"#!lua flags=allow-cross-slot-keys\n", "\n", command.ScriptAllowCrossSlot},
	} {
		flags, code, err := shebang([]byte(c.text))
		if flags != c.flags || string(code) != c.code || err != nil {
			t.Errorf("%q has flags %b, code %q, %v", c.text, flags, code, err)
		}
	}
}

// TestLongShebang: a first line without an end is not looked through.
func TestLongShebang(t *testing.T) {
	text := append([]byte("#!lua "), bytes.Repeat([]byte("flags=no-writes "), longestShebang)...)
	if _, _, err := shebang(append(text, "\nreturn 1"...)); err == nil {
		t.Error("it is accepted")
	}
}

// TestCallFlags: what a script says of itself takes the place of its command's flags.
func TestCallFlags(t *testing.T) {
	const base = command.NoScript | command.Stale | command.MayReplicate
	for _, c := range []struct {
		script command.ScriptFlags
		want   command.Flags
	}{
		{command.ScriptUnflagged, base},
		{0, command.NoScript | command.Write | command.DenyOOM},
		{command.ScriptNoWrites, command.NoScript},
		{command.ScriptAllowOOM, command.NoScript | command.Write},
		{command.ScriptAllowStale | command.ScriptNoWrites, command.NoScript | command.Stale},
	} {
		if got := callFlags(base, c.script); got != c.want {
			t.Errorf("script flags %b give %b, want %b", c.script, got, c.want)
		}
	}
}
