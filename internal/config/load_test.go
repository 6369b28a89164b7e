// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/resp"
)

func TestParseMemory(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "": "0", "kb": "0", "5": "5", "5b": "5", "5k": "5000", "5KB": "5120", "1m": "1000000", "1Mb": "1048576",
		"1g": "1000000000", "1gb": "1073741824", "18446744073709551615": strconv.FormatUint(math.MaxUint64, 10),
		"18446744073709551616": strconv.FormatUint(math.MaxUint64, 10), "18014398509481984kb": strconv.FormatUint(math.MaxUint64, 10),
		"-1": "!", "1.5gb": "!", " 1": "!", "1 ": "!", "1tb": "!", "0x10": "!", strings.Repeat("9", 128): "!",
	} {
		v, ok := ParseMemory(in)
		got := strconv.FormatUint(v, 10)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("ParseMemory(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestParseArgs(t *testing.T) {
	for args, want := range map[string]Arguments{
		``:                                   {},
		`a.conf`:                             {Path: "a.conf"},
		`a.conf --port 1 -`:                  {Path: "a.conf", Stdin: true, Options: `port "1"`},
		`-`:                                  {Stdin: true},
		`--port 1 --hz 2`:                    {Options: "port \"1\"\nhz \"2\""},
		`--replicaof a 1 --hz 2`:             {Options: "replicaof \"a\" \"1\"\nhz \"2\""},
		`--port --hz`:                        {Options: `port "--hz"`},
		`--requirepass --x --hz 2`:           {Options: "requirepass \"--x\"\nhz \"2\""},
		`--save --port 1`:                    {Options: "save \"\"\nport \"1\""},
		`--SAVE`:                             {Options: `SAVE ""`},
		`--save 60 1`:                        {Options: `save "60" "1"`},
		`"--maxmemory 700mb" --hz 2`:         {Options: "maxmemory 700mb\nhz \"2\""},
		`"--bind 127.0.0.1 ::1"`:             {Options: `bind 127.0.0.1 ::1`},
		`"--port 0" "--hz 2"`:                {Options: "port 0\nhz 2"},
		`--requirepass "a \"b"`:              {Options: `requirepass "a \"b"`},
		`-x`:                                 {Options: ` "-x"`},
		`a.conf b.conf`:                      {Path: "a.conf", Options: ` "b.conf"`},
		`""`:                                 {},
		`--client-output-buffer-limit "a 1"`: {Options: `client-output-buffer-limit "a 1"`},
	} {
		words, ok := resp.SplitWords(args)
		if !ok {
			t.Fatal(args)
		}
		if got := ParseArgs(words); got != want {
			t.Errorf("ParseArgs(%s) = %+v, want %+v", args, got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one.inc", "hz 33\nsave 5 6\n")
	write(t, dir, "two.inc", "timeout 9")
	path := write(t, dir, "a.conf", strings.Join([]string{
		"# a comment", "", "  PORT 7000\r", "dir " + dir, "include *.inc", "save 1 2 3 4", `requirepass "a\x20b"`,
		"maxmemory 1mb\x00 2", "\x00 not a line", "rename-command FLUSHALL ''", "user bob on +get", "list-max-ziplist-entries 4", "replicaof 'db 7'",
		"client-output-buffer-limit normal 1 2 3", "client-output-buffer-limit pubsub 4 5 6",
	}, "\n"))
	c := New()
	err := c.Load(Source{Path: path, Stdin: strings.NewReader("\nmaxmemory 2mb"), Options: "hz 44\nbind \"1.1.1.1 2.2.2.2\""})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"port": "7000", "hz": "44", "timeout": "9", "save": "5 6 1 2 3 4", "requirepass": "a b", "maxmemory": "2097152",
		"replicaof": "db 7", "bind": "1.1.1.1 2.2.2.2", "dir": dir,
		"client-output-buffer-limit": "normal 1 2 3 slave 268435456 67108864 60 pubsub 4 5 6",
	} {
		if got := c.Get(name)[0].Value; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if c.File() != path {
		t.Errorf("File() = %q", c.File())
	}
	if r := c.Renames(); len(r) != 1 || r[0].Number != 10 || r[0].Args[0] != "FLUSHALL" || r[0].Args[1] != "" {
		t.Errorf("Renames() = %+v", r)
	}
	if u := c.Users(); len(u) != 1 || strings.Join(u[0].Args, " ") != "bob on +get" {
		t.Errorf("Users() = %+v", u)
	}
}

// TestSaveLines has the cases in which lines add up and those in which they start anew.
func TestSaveLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "3600 1 300 100 60 10000",
		"save 1 2":                          "1 2",
		"save 1 2\nsave 3 4":                "1 2 3 4",
		"save 1 2\nsave \"\"":               "",
		"save \"\"\nsave 3 4":               "3 4",
		"save \"3 4 5 6\"":                  "3 4 5 6",
		"save 1 2\nsave \"\"\nsave 7 8 9 1": "7 8 9 1",
	} {
		c := New()
		if err := c.Load(Source{Options: text}); err != nil {
			t.Fatal(err)
		}
		if got := c.Get("save")[0].Value; got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "bad.inc", "\nhz x")
	loop := write(t, dir, "loop.inc", "include "+filepath.Join(dir, "loop.inc"))
	for text, want := range map[string]string{
		"port 1\n porrt 2":                    "Reading the configuration file, at line 3\n>>> 'porrt 2'\nBad directive or wrong number of arguments",
		"include " + dir + "/bad.inc":         "Reading the configuration file, at line 2\n>>> 'hz x'\nargument couldn't be parsed into an integer",
		"include " + loop:                     "Too many nested include directives",
		"include \"[\"":                       "Invalid include pattern",
		"redis-version 7":                     "argument must be a version such as 7.0.15",
		"save \"1 'x\"":                       "Unbalanced quotes in configuration line",
		"cluster-announce-human-nodename a,b": "Human readable node names may only contain",
		"logfile nowhere/x":                   "Can't open the log file: No such file or directory",
		"dir " + loop:                         "Not a directory",
		"cluster-enabled yes\nreplicaof a 1":  "replicaof directive not allowed in cluster mode",
		"redis-version 7.2.4\nnonsense":       "(Redis 7.2.4)",
	} {
		err := New().Load(Source{Options: text})
		var line *LineError
		if !errors.As(err, &line) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v\nwant\n%s", text, err, want)
		}
	}
	var open *OpenError
	err := New().Load(Source{Path: filepath.Join(dir, "none.conf")})
	if !errors.As(err, &open) || !strings.HasSuffix(err.Error(), "none.conf': No such file or directory") {
		t.Errorf("a missing file: %v", err)
	}
	if err := New().Load(Source{Options: "include " + filepath.Join(dir, "none*.conf")}); err != nil {
		t.Errorf("a pattern without files: %v", err)
	}
}

// FuzzLoad feeds lines as they come: whatever they are, the parser answers.
func FuzzLoad(f *testing.F) {
	for _, d := range Directives() {
		f.Add(d.Name + " " + resp.Quote(d.Default))
	}
	f.Add("\x00client-output-buffer-limit normal 1 2")
	f.Add("save \"\" \nsave 1\nshutdown-on-sigint\nreplicaof no one")
	f.Fuzz(func(t *testing.T, text string) {
		lower := strings.ToLower(text)
		if strings.Contains(lower, "include") || strings.Contains(lower, "logfile") || strings.Contains(text, "\\") {
			t.Skip("it would touch files")
		}
		c := New()
		if c.Load(Source{Options: text}) == nil {
			c.Remarks()
			c.Get("*")
		}
	})
}
