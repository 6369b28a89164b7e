// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"bytes"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

// both is a configuration of ours and the reference server's, which are told the same.
type both struct {
	t      *testing.T
	ours   *Config
	theirs *testutil.Client
}

func newBoth(t *testing.T) *both {
	b := &both{t: t, ours: New(), theirs: testutil.Oracle(t).Dial(t)}
	// Take over what the reference was started with, and where our defaults differ: a loop for each core, data moved off sparse
	// pages from the start, and of a megabyte too.
	for name, value := range b.reference() {
		switch name {
		case "unixsocket", "dir", "port", "save", "enable-debug-command", "io-threads", "activedefrag", "active-defrag-ignore-bytes":
			if err := b.ours.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b
}

// reference gives what the reference server's CONFIG GET * says.
func (b *both) reference() map[string]string {
	all := map[string]string{}
	list := b.theirs.Must(b.t, "CONFIG", "GET", "*").Strings()
	for i := 0; i+1 < len(list); i += 2 {
		all[list[i]] = list[i+1]
	}
	return all
}

// set sends CONFIG SET to both and compares the answers.
func (b *both) set(words ...string) {
	b.t.Helper()
	theirs, err := b.theirs.Do(append([]string{"CONFIG", "SET"}, words...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	want := strings.TrimPrefix(theirs.Str, "ERR ")
	var params []Param
	for i := 0; i < len(words); i += 2 {
		params = append(params, Param{words[i], words[i+1]})
	}
	got := "OK"
	if err := b.ours.Update(Caller{}, params); err != nil {
		got = err.Error()
	}
	if got != want {
		b.t.Errorf("CONFIG SET %.100q: %q, redis-server answers %q", words, got, want)
	}
	for _, p := range params {
		if b.ours.lookup(p.Name) != nil {
			b.get(p.Name)
		}
	}
}

// get sends CONFIG GET to both and compares the answers, which are in no order.
func (b *both) get(words ...string) {
	b.t.Helper()
	list := b.theirs.Must(b.t, append([]string{"CONFIG", "GET"}, words...)...).Strings()
	want := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		want[list[i]] = list[i+1]
	}
	got := b.ours.Get(words...)
	for _, p := range got {
		if value, ok := want[p.Name]; !ok || value != p.Value {
			b.t.Errorf("CONFIG GET %q: %s is %q, redis-server has %q, %v", words, p.Name, p.Value, value, ok)
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("CONFIG GET %q: %v, redis-server has %v", words, got, want)
	}
}

// TestDefaultsLikeRedis compares all values that a fresh server shows.
func TestDefaultsLikeRedis(t *testing.T) {
	b := newBoth(t)
	ours := map[string]string{}
	for _, p := range b.ours.Get("*") {
		ours[p.Name] = p.Value
	}
	for name, want := range b.reference() {
		got, ok := ours[name]
		switch {
		case !ok:
			t.Errorf("%s is no directive here", name)
		case got != want:
			t.Errorf("%s is %q, in redis-server %q", name, got, want)
		}
	}
}

// TestSetLikeRedis sets every directive to some values and compares the answers.
func TestSetLikeRedis(t *testing.T) {
	b := newBoth(t)
	// What these answer depends on sockets, limits of the system or parts that are not there.
	hooked := map[string]bool{
		"port": true, "tls-port": true, "bind": true, "maxclients": true, "appendonly": true, "maxmemory": true,
		"proto-max-bulk-len": true, "client-query-buffer-limit": true, "activedefrag": true, "requirepass": true,
		"oom-score-adj": true, "watchdog-period": true, "maxmemory-clients": true,
	}
	for name := range b.reference() {
		if hooked[name] || strings.HasPrefix(name, "tls-") || b.ours.lookup(name) == nil {
			continue
		}
		for _, value := range []string{"zzz", "", "-1", "99999999999", "99999999999999999999", "yes", "5"} {
			b.set(name, value)
		}
	}
}

// TestConversationLikeRedis has the cases that have rules of their own.
func TestConversationLikeRedis(t *testing.T) {
	b := newBoth(t)
	for _, words := range [][]string{
		{"replica-priority", "5", "slave-priority", "6"}, {"timeout", "5", "TIMEOUT", "6"}, {"foo", "1", "bar", "2"},
		{"timeout", "5", "foo", "1"}, {"port", "0", "daemonize", "yes", "foo", "1"}, {"DAEMONIZE", "yes"}, {"TimeOut", "x"},
		{"slave-priority", "x"}, {"timeout", "8", "hz", "x"}, {"include", "x"}, {"loadmodule", "x"}, {"dbfilename", "x"},
		{"replicaof", "a 1"}, {"watchdog-period", "-1"}, {"key-load-delay", "1", "rdb-key-save-delay", "x"},
		{"save", "1 2 3"}, {"save", "1  2"}, {"save", "900 1 300 10"}, {"save", ""}, {"save", "0 1"}, {"save", "1 -1"},
		{"save", "1 0"}, {"save", "+1 1"}, {"save", "1 x"}, {"hz", "0"}, {"hz", "1000"}, {"hz", "10"},
		{"maxmemory-clients", "5%"}, {"maxmemory-clients", "1mb"}, {"maxmemory-clients", "0%"}, {"maxmemory-clients", "x%"},
		{"maxmemory-clients", "-5%"}, {"maxmemory-clients", "%"}, {"maxmemory-clients", "101%"}, {"maxmemory-clients", "0"},
		{"repl-backlog-size", "10"}, {"repl-backlog-size", "1kb"}, {"repl-backlog-size", "1Gb"}, {"hash-max-listpack-value", "kb"},
		{"hash-max-listpack-value", " 1"}, {"hash-max-listpack-value", "1.5kb"}, {"hash-max-ziplist-value", "2k"},
		{"timeout", "0x10"}, {"timeout", "010"}, {"timeout", "+1"}, {"timeout", " 1"}, {"timeout", "1 "}, {"timeout", "-0"},
		{"client-output-buffer-limit", "normal 1 2 3"}, {"client-output-buffer-limit", "replica 1mb 2mb 3 slave 5 6 7"},
		{"client-output-buffer-limit", "NORMAL 1 2 -3"}, {"client-output-buffer-limit", "NORMAL 0 0 0 master 1 1 1"},
		{"client-output-buffer-limit", "normal  0 0 0"}, {"client-output-buffer-limit", "pubsub 0 -1 0"},
		{"notify-keyspace-events", "KEA"}, {"notify-keyspace-events", "nmdexhlgK"}, {"notify-keyspace-events", "g$lshzxetdmnKE"},
		{"notify-keyspace-events", "K E"}, {"notify-keyspace-events", "m"}, {"notify-keyspace-events", ""},
		{"latency-tracking-info-percentiles", "50 99.999 1e1 0.10"}, {"latency-tracking-info-percentiles", ""},
		{"latency-tracking-info-percentiles", "nan"}, {"latency-tracking-info-percentiles", "50  1"},
		{"latency-tracking-info-percentiles", "50 1 -1"}, {"latency-tracking-info-percentiles", "33.333333333"},
		{"oom-score-adj-values", "1 2 3"}, {"oom-score-adj-values", "1 2 x"}, {"oom-score-adj-values", "1  2 3"},
		{"oom-score-adj-values", "0 0 2001"}, {"shutdown-on-sigint", "now force"}, {"shutdown-on-sigint", "force NOW save"},
		{"shutdown-on-sigint", "default save"}, {"shutdown-on-sigint", "save  now"}, {"shutdown-on-sigint", ""},
		{"shutdown-on-sigint", "save nosave"}, {"shutdown-on-sigint", "save save"}, {"appendfsync", "ALWAYS"},
		{"latency-tracking", "NO"}, {"latency-tracking", "1"}, {"loglevel", "loud"}, {"loglevel", "WARNING"},
		{"cluster-announce-hostname", strings.Repeat("a", 256)}, {"cluster-announce-hostname", "a_b"},
		{"cluster-announce-hostname", "a-b.c"}, {"proc-title-template", "{x}"}, {"proc-title-template", "{title} x"},
		{"proc-title-template", "{title"}, {"proc-title-template", "a}"}, {"bind", strings.Repeat("127.0.0.1 ", 16) + "::1"},
		{"lua-time-limit", "77"}, {"busy-reply-threshold", "78"}, {"masteruser", "u"}, {"masterauth", `a"b c`},
		{"slave-read-only", "no"}, {"tls-auth-clients", "OPTIONAL"}, {"dir", "nowhere"}, {"unixsocketperm", "700"},
	} {
		b.set(words...)
	}
	for _, words := range [][]string{
		{"TIMEOUT"}, {"TIM*"}, {"timeout", "time*", "timeout"}, {"nope"}, {"key-load*"}, {"KEY-LOAD-DELAY", "hz*"},
		{"*-read-only"}, {"hash-max-zip*"}, {"[b-c]usy*"}, {"slave*", "replica-priority"}, {"\\*"}, {"timeout?"},
	} {
		b.get(words...)
	}
}

// TestRefusalsLikeRedis starts the reference server with command lines and files that it refuses.
func TestRefusalsLikeRedis(t *testing.T) {
	bin := testutil.OracleBinary(t)
	dir := t.TempDir()
	inc := write(t, dir, "b.inc", "\n\nhz x\n")
	for _, text := range []string{
		"shutdown-on-sigint", "shutdown-on-sigint \"\"", "oom-score-adj-values", "client-output-buffer-limit \"normal 1 2\"",
		"save \"1 2 3\"", "save 1 2 3", "save 0 1", "port \"1", "  # hi\n\n\r\n \tport x \r\n", "PoRt   X", "port 'a'b", "\"port\" x",
		"include " + inc, "include " + dir + "/*.inc", "include " + dir + "/none*\nport x", "dir " + dir + "\ninclude b.inc",
		"include a b", "replicaof no one x", "replicaof a", "replicaof a 70000", "replicaof a b", "slaveof a b c", "dir \"\"",
		"dir nowhere", "dir a b", "port", "a.b", "appendfilename \"\"", "appenddirname \"\"", "appenddirname a/b",
		"appendfilename a/b", "dbfilename a/b", "notify-keyspace-events \"\" x", "notify-keyspace-events q",
		"maxclients 99999999999999", "maxclients 0", "unixsocketperm -1", "unixsocketperm 8", "unixsocketperm 7x",
		"unixsocketperm 1000", "syslog-ident a b", "proc-title-template {title} x", "proc-title-template {x}",
		"sentinel monitor x 1 2 3", "user", "rename-command a", "loadmodule", "include", "foo bar", "foo",
		"lua-replicate-commands", "list-max-ziplist-entries 1 2", "maxmemory 1zb", "maxmemory -1", "maxmemory-clients 101%",
		"socket-mark-id -1", "io-threads 0", "io-threads 129", "databases 0", "tcp-backlog -1", "cluster-port 99999",
		"syslog-facility zz", "supervised zz", "enable-debug-command zz", "always-show-logo 1", "latency-tracking-info-percentiles 101",
		"use-exit-on-panic q", "lua-enable-deprecated-api q", "loading-process-events-interval-bytes 1", "watchdog-period -1",
		"cluster-announce-hostname a_b", "bind" + strings.Repeat(" 127.0.0.1", 17), "save\nport x", "bind\nport x",
		"latency-tracking-info-percentiles\nport x", "client-output-buffer-limit\nport x", "replicaof \"a 1\"\nport x",
		"list-max-ziplist-entries 4\nlua-replicate-commands x\nport x", "unixsocketperm \"\"\nunixsocketperm ' 7'\nport x",
		"logfile " + dir + "/no/log", "cluster-enabled yes\nreplicaof a 1",
	} {
		compareRefusal(t, bin, dir, text, nil)
	}
	for _, args := range []string{
		"--port x --hz", "--save --port x", "--port x --save", "\"--port x\" --hz y", "\"--port 0\" \"--hz y\"", "--port --hz",
		"--save 1 --2 3", "--requirepass --hz x", "\"--bind 127.0.0.1 ::1\" --hz x", "--port 0 extra --hz x", "--port",
		"\"-- port x\"", "--port \"\"", "'--port \"x' 3", "-x", "--port 1 --version", "-x --port 1", "--a b --c d", "--hz \"\\x01\\n\"",
	} {
		words, _ := resp.SplitWords(args)
		compareRefusal(t, bin, dir, "", words)
		compareRefusal(t, bin, dir, "# one\nhz 20\n\n", words)
	}
}

// compareRefusal compares what both say to a configuration file, if text is not empty, and arguments.
func compareRefusal(t *testing.T, bin, dir, text string, args []string) {
	t.Helper()
	src := Source{Options: ParseArgs(args).Options}
	if text != "" {
		src.Path = write(t, dir, "a.conf", text)
		args = append([]string{src.Path}, args...)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		t.Errorf("%q %q: redis-server ends with %v", text, args, err)
		return
	}
	cfg := New()
	if err := cfg.Set("dir", dir); err != nil {
		t.Fatal(err)
	}
	got := ""
	if err := cfg.Load(src); err != nil {
		got = err.Error() + "\n"
	}
	if want := stderr.String(); got != want {
		t.Errorf("%q %q:\n%s\nredis-server says\n%s", text, args, got, want)
	}
}

// TestMemoryLikeRedis compares how sizes are read.
func TestMemoryLikeRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	for _, s := range []string{"0", "100", "1k", "1kb", "2m", "2MB", "3g", "3Gb", "4b", "mb", "b", "1.5gb", "1tb", "1 gb", "x", "10kbb"} {
		reply, err := c.Do("CONFIG", "SET", "maxmemory", s)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ParseMemory(s)
		if ok == reply.IsError() {
			t.Errorf("ParseMemory(%q) = %d, %v; Redis says %s", s, got, ok, reply.Str)
		}
		if ok {
			want := c.Must(t, "CONFIG", "GET", "maxmemory").Elems[1].Str
			if text := strconv.FormatUint(got, 10); text != want {
				t.Errorf("ParseMemory(%q) = %s, Redis says %s", s, text, want)
			}
		}
		c.Must(t, "CONFIG", "SET", "maxmemory", "0")
	}
}
