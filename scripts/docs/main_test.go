// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestFresh holds the pages in the repository against what the code makes now.
func TestFresh(t *testing.T) {
	for _, p := range pages() {
		want, err := p.make()
		if err != nil {
			t.Errorf("%s: %v", p.file, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", p.file))
		if err != nil {
			t.Error(err)
		} else if string(got) != want {
			t.Errorf("docs/%s is out of date: run make docs and commit what it writes", p.file)
		}
	}
}

// TestComplete looks for a row of every directive and of every command that can be called.
func TestComplete(t *testing.T) {
	settings, err := configPage()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range config.Directives() {
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			if n := strings.Count(settings, "| "+code(name)) + strings.Count(settings, "<br>"+code(name)); n != 1 {
				t.Errorf("the directive %s is described %d times", name, n)
			}
		}
	}
	commands, err := commandsPage()
	if err != nil {
		t.Fatal(err)
	}
	r, err := command.NewRegistry(server.Families()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Commands() {
		name := strings.ToUpper(s.FullName())
		if !strings.Contains(commands, "| `"+name+"`") && !strings.Contains(commands, "| `"+name+" ") {
			t.Errorf("the command %s is not described", name)
		}
	}
}

// TestMissing proves that every command of Redis is either there or on the list of those that are not.
func TestMissing(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	r, err := command.NewRegistry(server.Families()...)
	if err != nil {
		t.Fatal(err)
	}
	var listed, known []string
	for _, part := range missing {
		listed = append(listed, strings.Fields(strings.ToLower(part.names))...)
	}
	for _, name := range c.Must(t, "COMMAND", "LIST").Elems {
		known = append(known, name.Str)
		if info := c.Must(t, "COMMAND", "INFO", name.Str).Elems[0]; len(info.Elems) > 9 {
			for _, sub := range info.Elems[9].Elems {
				known = append(known, sub.Elems[0].Str)
			}
		}
	}
	for _, name := range known {
		parent, _, isSub := strings.Cut(name, "|")
		there := r.Named([]byte(name)) != nil
		if there == slices.Contains(listed, name) && !(isSub && slices.Contains(listed, parent)) {
			t.Errorf("%s: in this version: %v, on the list of what is not: %v", name, there, !there)
		}
	}
	for _, name := range listed {
		if !slices.Contains(known, name) {
			t.Errorf("%s is on the list of what this version has not, but Redis has it neither", name)
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-dir", dir}); err != nil {
		t.Fatal(err)
	}
	for _, p := range pages() {
		if _, err := os.Stat(filepath.Join(dir, p.file)); err != nil {
			t.Error(err)
		}
	}
	for _, args := range [][]string{nil, {"-dir"}, {"x", dir}} {
		if run(args) == nil {
			t.Errorf("run(%q) gives no error", args)
		}
	}
}

func TestRow(t *testing.T) {
	if got, want := row("a|b", "c"), "| a\\|b | c |\n"; got != want {
		t.Errorf("row gives %q, want %q", got, want)
	}
}
