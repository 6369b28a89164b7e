// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/config"
)

func TestConfigGet(t *testing.T) {
	c := client(t)
	all := c.Must(t, "CONFIG", "GET", "*").Strings()
	for _, d := range config.Directives() {
		got := c.Must(t, "CONFIG", "GET", d.Name).Strings()
		if len(got) != 2 || got[0] != d.Name {
			t.Errorf("CONFIG GET %s: %q", d.Name, got)
		}
		if hidden := d.Flags&config.Hidden != 0; slices.Contains(all, d.Name) == hidden {
			t.Errorf("CONFIG GET * has %s: %v", d.Name, !hidden)
		}
	}
	if got := c.Must(t, "CONFIG", "GET", "nonsense", "maxclients", "max?lients").Strings(); !slices.Equal(got, []string{"maxclients", "10000"}) {
		t.Errorf("patterns that meet: %q", got)
	}
	c.Must(t, "HELLO", "3")
	if v := c.Must(t, "CONFIG", "GET", "nonsense"); v.Kind != '%' || len(v.Elems) != 0 {
		t.Errorf("nothing found in protocol 3: %v", v)
	}
}

func TestConfigSet(t *testing.T) {
	c := client(t)
	for _, test := range []struct{ command, want string }{
		{"timeout 5 maxmemory 1mb", "OK"},
		{"timeout 6 nonsense 1", "ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'"},
		{"timeout 6 hz x", "ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer"},
		{"timeout 6 databases 3", "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config"},
		{"timeout 6 TIMEOUT 7", "ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter"},
		{"timeout 6 maxclients 4000000000", "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle"},
		{"timeout 6 hz", "ERR syntax error"},
		{"timeout", "ERR wrong number of arguments for 'config|set' command"},
	} {
		v := do(t, c, append([]string{"CONFIG", "SET"}, strings.Fields(test.command)...)...)
		if !strings.HasPrefix(v.Str, test.want) {
			t.Errorf("%s: %q, want %q", test.command, v.Str, test.want)
		}
		want := []string{"maxclients", "10000", "maxmemory", "1048576", "timeout", "5"}
		if got := c.Must(t, "CONFIG", "GET", "maxclients", "maxmemory", "timeout").Strings(); !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", test.command, got, want)
		}
	}
}

// lineSink passes on what is written to it, in which the log has a line each.
type lineSink chan string

func (l lineSink) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// TestConfigSetWithoutEffect: who turns something on that is not there does not learn of it from the reply.
func TestConfigSetWithoutEffect(t *testing.T) {
	lines := make(lineSink, 1000)
	_, target := start(t, redpoll.Options{Log: slog.New(slog.NewTextHandler(lines, nil))})
	c := target.Dial(t)
	said := func() (n int) {
		for {
			select {
			case line := <-lines:
				if strings.Contains(line, "no effect") {
					n++
				}
			default:
				return n
			}
		}
	}
	for _, test := range []struct {
		set  string
		want int
	}{{"timeout 5", 0}, {"replica-priority 7 hz 20", 1}, {"replica-priority 7 save 60", 0}, {"replica-priority 100", 0}} {
		do(t, c, append([]string{"CONFIG", "SET"}, strings.Fields(test.set)...)...)
		if n := said(); n != test.want {
			t.Errorf("CONFIG SET %s: %d lines in the log, want %d", test.set, n, test.want)
		}
	}
}

// TestSettingsAreFollowed changes settings and looks at what they do.
func TestSettingsAreFollowed(t *testing.T) {
	_, target := start(t, redpoll.Options{Config: map[string]string{"databases": "2"}})
	c := target.Dial(t)
	if v := do(t, c, "SELECT", "2"); v.Str != "ERR DB index is out of range" {
		t.Errorf("SELECT 2 of two: %v", v)
	}
	c.Must(t, "CONFIG", "SET", "hash-max-listpack-entries", "1", "proto-max-bulk-len", "1mb", "maxclients", "1")
	c.Must(t, "HSET", "h", "a", "1", "b", "2")
	if v := c.Must(t, "OBJECT", "ENCODING", "h"); v.Str != "hashtable" {
		t.Errorf("the encoding is %v", v)
	}
	if v := do(t, c, "SETRANGE", "s", "1048576", "x"); !v.IsError() {
		t.Errorf("a string past proto-max-bulk-len: %v", v)
	}
	if v := do(t, target.Dial(t), "PING"); v.Str != "ERR max number of clients reached" {
		t.Errorf("a second client of one: %v", v)
	}
}

func TestDebugIsForbidden(t *testing.T) {
	for who, allowed := range map[string]bool{"no": false, "local": true, "yes": true} {
		_, target := start(t, redpoll.Options{Config: map[string]string{"enable-debug-command": who}})
		c := target.Dial(t)
		v := do(t, c, "DEBUG", "HELP")
		if v.IsError() == allowed || !allowed && !strings.HasPrefix(v.Str, "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\",") {
			t.Errorf("%s: %v", who, v)
		}
		c.Must(t, "MULTI")
		if v := do(t, c, "DEBUG", "HELP"); v.IsError() == allowed {
			t.Errorf("%s: in a transaction %v", who, v)
		}
		if v := do(t, c, "EXEC"); v.IsError() == allowed {
			t.Errorf("%s: the transaction ends with %v", who, v)
		}
	}
}
