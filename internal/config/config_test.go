// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryDirectiveIsComplete(t *testing.T) {
	for _, d := range Directives() {
		if d.Doc == "" || strings.HasSuffix(d.Doc, ".") {
			t.Errorf("%s: Doc is to be one line without a full stop: %q", d.Name, d.Doc)
		}
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			if name != strings.ToLower(name) {
				t.Errorf("%s: names are in lower case", name)
			}
		}
		switch d.Kind {
		case Int, Memory, PercentOrMemory, Octal:
			if d.Max == 0 {
				t.Errorf("%s: no Max", d.Name)
			}
		case Enum, EnumSet:
			if len(d.Names) < 2 {
				t.Errorf("%s: no Names", d.Name)
			}
		case Special:
			if d.make == nil {
				t.Errorf("%s: no make", d.Name)
			}
		}
		if d.Status == Ignored && d.Here == "" {
			t.Errorf("%s: Here is to say why it has no meaning", d.Name)
		}
	}
}

func TestDefaults(t *testing.T) {
	c := New()
	for _, want := range []Param{
		{"bind", "* -::*"}, {"save", "3600 1 300 100 60 10000"}, {"maxmemory", "0"}, {"replicaof", ""},
		{"client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
		{"latency-tracking-info-percentiles", "50 99 99.9"}, {"notify-keyspace-events", ""}, {"unixsocketperm", "0"},
		{"oom-score-adj-values", "0 200 800"}, {"shutdown-on-sigint", "default"}, {"slave-priority", "100"},
		{"dir", workingDir()}, {"redis-version", "7.0.15"},
	} {
		if got := c.Get(want.Name); len(got) != 1 || got[0] != want {
			t.Errorf("Get(%q) = %q, want %q", want.Name, got, want)
		}
	}
	if n := c.Int("io-threads").Load(); n != int64(usableCores) || n < 1 {
		t.Errorf("io-threads is %d", n)
	}
}

func TestHandles(t *testing.T) {
	c := New()
	for _, p := range []Param{
		{"timeout", "7"}, {"maxmemory", "18446744073709551615"}, {"maxmemory-clients", "5%"}, {"unixsocketperm", "770"},
		{"appendonly", "YES"}, {"loglevel", "Verbose"}, {"shutdown-on-sigint", "now save"}, {"requirepass", "a b"},
		{"bind", "127.0.0.1 -::1"}, {"save", "60 1 10 2"}, {"client-output-buffer-limit", "pubsub 1mb 2 3"},
		{"notify-keyspace-events", "KEx"}, {"latency-tracking-info-percentiles", "50 99.99"}, {"replicaof", "db 7000"},
		{"oom-score-adj-values", "1 2 -3"},
	} {
		if err := c.Set(p.Name, p.Value); err != nil {
			t.Fatal(err)
		}
	}
	set := c.Enum("shutdown-on-sigint")
	for what, ok := range map[string]bool{
		"timeout":                    c.Int("timeout").Load() == 7,
		"maxmemory":                  c.Int("maxmemory").Load() == maxI64,
		"maxmemory-clients":          c.Int("maxmemory-clients").Load() == -5,
		"unixsocketperm":             c.Int("unixsocketperm").Load() == 0o770,
		"appendonly":                 c.Bool("appendonly").Load(),
		"loglevel":                   c.Enum("loglevel").Load() == "verbose" && c.Enum("loglevel").Index() == 1,
		"loglevel Is":                c.Enum("loglevel").Is("verbose") && !c.Enum("loglevel").Is("debug") && !c.Enum("loglevel").Is("x"),
		"shutdown-on-sigint":         set.Is("save") && set.Is("now") && !set.Is("force") && !set.Is("default") && set.Load() == "save now",
		"shutdown-on-sigterm":        c.Enum("shutdown-on-sigterm").Is("default"),
		"requirepass":                c.Str("requirepass").Load() == "a b",
		"bind":                       slices.Equal(c.Bind().Load(), []string{"127.0.0.1", "-::1"}),
		"save":                       slices.Equal(c.SavePoints().Load(), []SavePoint{{60, 1}, {10, 2}}),
		"client-output-buffer-limit": c.BufferLimits().Load() == BufferLimits{Replica: BufferLimit{256 << 20, 64 << 20, 60}, PubSub: BufferLimit{1 << 20, 2, 3}},
		"notify-keyspace-events":     c.KeyspaceEvents().Load() == EventKeyspace|EventKeyevent|EventExpired,
		"percentiles":                slices.Equal(c.Percentiles().Load(), []float64{50, 99.99}),
		"replicaof":                  c.ReplicaOf().Load() == Master{"db", 7000},
		"oom-score-adj-values":       c.OOMScores().Load() == [3]int{1, 2, -3},
		"alias":                      c.Int("lua-time-limit") == c.Int("busy-reply-threshold"),
	} {
		if !ok {
			t.Errorf("%s: not the value that was set", what)
		}
	}
}

func TestHandleOfAnotherKindPanics(t *testing.T) {
	for what, fetch := range map[string]func(c *Config){
		"unknown": func(c *Config) { c.Int("nope") },
		"kind":    func(c *Config) { c.Bool("timeout") },
		"hook":    func(c *Config) { c.OnChange(func() error { return nil }, "nope") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			fetch(New())
		}()
	}
}

func TestGet(t *testing.T) {
	names := func(patterns ...string) string {
		var out []string
		for _, p := range New().Get(patterns...) {
			out = append(out, p.Name)
		}
		return strings.Join(out, " ")
	}
	for pattern, want := range map[string]string{
		"TimeOut":                "TimeOut",
		"TIMEOU?":                "timeout",
		"timeout TIMEOUT time*":  "timeout",
		"nope":                   "",
		"*-read-only":            "replica-read-only slave-read-only",
		"key-load*":              "",
		"key-load-delay":         "key-load-delay",
		"hz databases":           "hz databases",
		"maxmemory-s* [h]z":      "maxmemory-samples hz",
		"requirepass include":    "requirepass",
		"lua-time-limit busy-r*": "lua-time-limit busy-reply-threshold",
	} {
		if got := names(strings.Fields(pattern)...); got != want {
			t.Errorf("Get(%s) names %q, want %q", pattern, got, want)
		}
	}
	if got := New().Get(); got != nil {
		t.Errorf("Get() = %v", got)
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	c := New()
	params := []Param{{"timeout", "5"}, {"hz", "20"}, {"loglevel", "loud"}}
	err := c.Update(Caller{}, params)
	var set *SetError
	if !errors.As(err, &set) || set.Name != "loglevel" || c.Int("timeout").Load() != 0 || c.Int("hz").Load() != 10 {
		t.Errorf("after %v timeout is %d and hz %d", err, c.Int("timeout").Load(), c.Int("hz").Load())
	}
	params[2].Value = "debug"
	if err := c.Update(Caller{}, params); err != nil || c.Int("timeout").Load() != 5 || !c.Enum("loglevel").Is("debug") {
		t.Errorf("%v", err)
	}
}

// TestHooks follows the hooks of an update that succeeds, one that a hook refuses, and one that changes nothing.
func TestHooks(t *testing.T) {
	c := New()
	var calls []string
	refuse := false
	timeout, hz := c.Int("timeout"), c.Int("hz")
	c.OnChange(func() error {
		calls = append(calls, "both")
		return nil
	}, "timeout", "hz")
	c.OnChange(func() error {
		calls = append(calls, "hz")
		if refuse && hz.Load() == 30 {
			return errors.New("too fast")
		}
		return nil
	}, "hz")
	check := func(what string, err error, wantErr, wantCalls string, wantTimeout, wantHz int64) {
		t.Helper()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != wantErr || strings.Join(calls, " ") != wantCalls || timeout.Load() != wantTimeout || hz.Load() != wantHz {
			t.Errorf("%s: error %q, calls %q, timeout %d, hz %d", what, text, calls, timeout.Load(), hz.Load())
		}
		calls = nil
	}
	check("success", c.Update(Caller{}, []Param{{"timeout", "1"}, {"HZ", "20"}}), "", "both hz", 1, 20)
	check("nothing new", c.Update(Caller{}, []Param{{"timeout", "1"}, {"hz", "20"}}), "", "", 1, 20)
	refuse = true
	check("refused", c.Update(Caller{}, []Param{{"timeout", "2"}, {"hz", "30"}}),
		"CONFIG SET failed (possibly related to argument 'hz') - too fast", "both hz both hz", 1, 20)
	check("Set", c.Set("hz", "30"),
		"CONFIG SET failed (possibly related to argument 'hz') - too fast", "both hz both hz", 1, 20)
}

func TestHookThatCannotRestore(t *testing.T) {
	c := New()
	c.OnChange(func() error { return errors.New("broken") }, "hz")
	err := c.Update(Caller{}, []Param{{"hz", "20"}})
	var restored *Restored
	var set *SetError
	if !errors.As(err, &restored) || !errors.As(err, &set) || set.Reason != "broken" || restored.Failed == nil {
		t.Errorf("got %#v", err)
	}
}

func TestUpdateNeedsPermission(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		allow  string
		caller Caller
		want   string
	}{
		{"no", Caller{Local: true}, "CONFIG SET failed (possibly related to argument 'dir') - can't set protected config"},
		{"local", Caller{}, "CONFIG SET failed (possibly related to argument 'dir') - can't set protected config"},
		{"local", Caller{Local: true}, ""},
		{"yes", Caller{}, ""},
		{"yes", Caller{Loading: true}, ErrLoading.Error()},
	} {
		c := New()
		if err := c.Set("enable-protected-configs", test.allow); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := c.Update(test.caller, []Param{{"dir", dir}}); err != nil {
			got = err.Error()
		}
		if got != test.want || got == "" && c.InDir("x") != filepath.Join(dir, "x") {
			t.Errorf("%s %+v: %q, want %q", test.allow, test.caller, got, test.want)
		}
	}
}

func TestInDir(t *testing.T) {
	c := New()
	abs := filepath.Join(t.TempDir(), "a")
	if c.InDir("") != "" || c.InDir(abs) != abs || c.InDir("b") != filepath.Join(workingDir(), "b") {
		t.Errorf("%q %q %q", c.InDir(""), c.InDir(abs), c.InDir("b"))
	}
}

func TestRemarks(t *testing.T) {
	c := New()
	err := c.Load(Source{Options: "save ''\nreplica-priority 7\nactiverehashing no\nrdbcompression yes\ntimeout 5\nloadmodule x.so\nuser a on"})
	if err != nil {
		t.Fatal(err)
	}
	ignored, later := c.Remarks()
	if len(ignored) != 1 || !strings.HasPrefix(ignored[0], "Directive 'activerehashing' has no effect in Redpoll: ") {
		t.Errorf("ignored: %q", ignored)
	}
	if len(later) != 2 || !strings.HasPrefix(later[0], "Directive 'replica-priority' is not supported by this version") ||
		!strings.Contains(later[1], "'x.so' was not loaded") {
		t.Errorf("later: %q", later)
	}
	set := []Param{{"hz", "20"}, {"slave-priority", "7"}, {"save", ""}, {"appendonly", "no"}, {"lazyfree-lazy-expire", "yes"}}
	if err := c.Update(Caller{}, set); err != nil {
		t.Fatal(err)
	}
	if got := c.Lacking(set); len(got) != 1 || !strings.HasPrefix(got[0], "Directive 'replica-priority' is not supported") {
		t.Errorf("lacking: %q", got)
	}
}

func TestEvents(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "KEA": "AKE", "AKEmn": "AKEm", "g$lshzxetdKE": "AKE", "nmdexhlgK": "glhxednKm", "K": "K",
	} {
		ev, ok := ParseEvents(in)
		if !ok || ev.String() != want {
			t.Errorf("%q gives %q, %v, want %q", in, ev, ok, want)
		}
	}
	if _, ok := ParseEvents("Kq"); ok {
		t.Error("q is taken for a class")
	}
}

func TestReadBuild(t *testing.T) {
	if b := ReadBuild(); len(b.Commit) != 8 || b.ID == "" {
		t.Errorf("%+v", b)
	}
}

// write makes a file in dir and gives its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLocaleNames takes what may be the name of a locale.
func TestLocaleNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "C": true, "C.UTF-8": true, "POSIX": true, "de_AT": true, "de_AT.UTF-8": true, "ca_ES@valencia": true, "fil_PH": true,
		"zzz": false, "yes": false, "de": false, "DE_at": false, "5": false, "de_AUT": false, "_AT": false,
	} {
		if err := New().Set("locale-collate", name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
