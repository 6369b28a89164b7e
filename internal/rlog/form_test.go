// SPDX-License-Identifier: BSD-3-Clause

package rlog

import (
	"log/slog"
	"testing"
)

func TestForms(t *testing.T) {
	h, out := newLog(Debug)
	log := slog.New(h)
	for _, test := range []struct {
		form Form
		role Role
		msg  string
		want string
	}{
		{Form{}, Master, "m", "4711:M 03 Nov 2026 20:30:01.123 * m\n"},
		{Form{Stamp: ISO8601}, Master, "m", "4711:M 2026-11-03T20:30:01.123+00:00 * m\n"},
		{Form{Stamp: Milliseconds}, Replica, "m", "4711:S 1793737801123 * m\n"},
		{Form{Logfmt: true}, Master, "a \"b\"\nc", "pid=4711 role=primary timestamp=\"03 Nov 2026 20:30:01.123\" level=notice message=\"a 'b' c\"\n"},
		{Form{true, ISO8601}, Sentinel, "m", "pid=4711 role=sentinel timestamp=\"2026-11-03T20:30:01.123+00:00\" level=notice message=\"m\"\n"},
		{Form{true, Milliseconds}, Starting, "m", "pid=4711 role=RDB/AOF timestamp=\"1793737801123\" level=notice message=\"m\"\n"},
	} {
		out.Reset()
		h.SetForm(test.form)
		h.SetRole(test.role)
		log.Info(test.msg)
		if out.String() != test.want {
			t.Errorf("%v: %q, want %q", test.form, out, test.want)
		}
	}
	for level, word := range map[slog.Level]string{Debug: "debug", Verbose: "info", Notice: "notice", Warning: "warning", slog.LevelError: "warning"} {
		if got := levelWord(level); got != word {
			t.Errorf("%v is %s, want %s", level, got, word)
		}
	}
}

// TestAlso gives every line to another as well.
func TestAlso(t *testing.T) {
	type line struct {
		level slog.Level
		msg   string
	}
	var lines []line
	h := New(Options{Now: fixed, Out: t.Output(), Level: Notice, Also: func(l slog.Level, msg string) { lines = append(lines, line{l, msg}) }})
	log := slog.New(h)
	log.Debug("dropped")
	log.Warn("said", "n", 1)
	if len(lines) != 1 || lines[0] != (line{Warning, "said n=1"}) {
		t.Errorf("%v", lines)
	}
}
