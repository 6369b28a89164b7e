// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"strings"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	p := Process(t, OracleBinary(t), "--enable-debug-command", "yes")
	c := p.Dial(t)
	replies, err := c.Pipeline([]string{"SET", "k", "v"}, []string{"GET", "k"}, []string{"DEBUG", "OBJECT", "none"})
	if err != nil || len(replies) != 3 {
		t.Fatal(replies, err)
	}
	if got := string(replies[1].Raw); got != "$1\r\nv\r\n" {
		t.Errorf("raw reply %q", got)
	}
	if got := Format(replies[2].Value); got != "(error) ERR no such key" {
		t.Errorf("DEBUG OBJECT of nothing: %s", got)
	}
	if got := c.Must(t, "CONFIG", "GET", "save").Strings(); got[1] != "" {
		t.Errorf("the server would save to disk: %q", got)
	}
	if err := c.Send("SHUTDOWN", "NOSAVE"); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(Patience); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Output(), "Redis") {
		t.Errorf("output not kept: %q", p.Output())
	}
}

func TestTwoOracles(t *testing.T) {
	a, b := Oracle(t).Dial(t), Oracle(t, "--maxmemory", "5mb").Dial(t)
	a.Must(t, "SET", "k", "v")
	if n := b.Must(t, "DBSIZE").Int; n != 0 {
		t.Errorf("the second oracle sees %d keys of the first", n)
	}
	if got := b.Must(t, "CONFIG", "GET", "maxmemory").Elems[1].Str; got != "5242880" {
		t.Errorf("maxmemory %s", got)
	}
}

func TestPoll(t *testing.T) {
	n := 0
	Poll(t, time.Second, func() bool { n++; return n == 3 })
	if poll(time.Millisecond, func() bool { return false }) {
		t.Error("a condition that never holds was taken for true")
	}
}
