// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// logged writes commands, whose words stand apart by spaces, and annotations.
func logged(lines ...string) string {
	var b []byte
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			b = append(append(b, line...), "\r\n"...)
			continue
		}
		b = resp.AppendCommand(b, strings.Fields(line)...)
	}
	return string(b)
}

// lay makes a directory of files, whose names may have a directory in front.
func lay(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// snapshotOf gives a snapshot of what commands make.
func snapshotOf(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	for _, line := range lines {
		c.Must(t, strings.Fields(line)...)
	}
	c.Must(t, "SAVE")
	b, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// manifests with a base and some increments.
const (
	twoParts   = "file b seq 1 type b\nfile i seq 1 type i\n"
	threeParts = twoParts + "file j seq 2 type i\n"
)

// parts is a directory of append-only files with a manifest.
func parts(manifest string, files ...string) map[string]string {
	all := map[string]string{"appendonlydir/appendonly.aof.manifest": manifest}
	for i, text := range files {
		all["appendonlydir/"+string("bij"[i])] = text
	}
	return all
}

// TestAOFLoad starts Redpoll and redis-server from the same files, and compares what they have then.
func TestAOFLoad(t *testing.T) {
	snapshot := snapshotOf(t, "set a 1", "set b 2", "rpush l x y z", "select 3", "set c 3", "psetex d 100000000 4")
	later, past := "4102444800000", "1600000000000"
	for name, tc := range map[string]struct {
		files map[string]string
		keys  int64
		log   []string
	}{
		"an old file": {
			map[string]string{"appendonly.aof": logged("select 0", "set a 1", "incr a", "select 1", "set b 2")}, 2,
			[]string{"Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory (appendonlydir).", "DB loaded from base file appendonly.aof: "},
		},
		"an old file with a snapshot": {
			map[string]string{"appendonly.aof": snapshot + logged("select 0", "incr a", "lpop l", "select 3", "persist d")}, 5,
			[]string{"Reading RDB preamble from AOF file...", "Reading the remaining AOF tail..."},
		},
		"an old file on its way": {
			map[string]string{
				"appendonly.aof": logged("set a 1"), "appendonlydir/appendonly.aof.manifest": "file appendonly.aof seq 1 type b\n",
			}, 1, []string{"Successfully migrated"},
		},
		"an old file and new ones": {
			map[string]string{
				"appendonly.aof": logged("set a 1"), "appendonlydir/appendonly.aof.manifest": twoParts, "appendonlydir/b": logged("set b 1"),
				"appendonlydir/i": logged("set c 1"),
			}, 2, nil,
		},
		"parts": {
			parts(threeParts, snapshot, logged("select 2", "set x 1", "#TS:1", "multi", "set y 1", "select 3", "del c", "exec"), logged("set z 1", "incr a")), 7,
			[]string{"Reading RDB base file on AOF loading...", "DB loaded from base file b: ", "DB loaded from incr file i: ", "DB loaded from incr file j: ",
				"DB loaded from append only file: "},
		},
		"parts that are empty": {parts(threeParts, "", logged("set x 1"), ""), 1, nil},
		"nothing in the parts": {parts(threeParts, "", "", ""), 0, nil},
		"a snapshot beside": {
			map[string]string{"dump.rdb": snapshot, "appendonly.aof": logged("set x 1")}, 1, nil,
		},
		"a snapshot and no other files": {map[string]string{"dump.rdb": snapshot}, 0, nil},
		"times": {
			parts(twoParts, logged("set a 1", "pexpireat a "+past, "set a 2 keepttl", "persist a", "set b 1 pxat "+past, "incr b", "set c 1 pxat "+later, "set d 1",
				"pexpireat d "+past, "append d x", "getex a pxat "+later), logged("rpush e 1", "expireat e 1600000000", "rpush e 2", "persist e")), 3, nil,
		},
		"an error": {
			parts(twoParts, logged("set a x", "incr a", "rpush a 1", "set b 1"), ""), 2,
			[]string{"== CRITICAL == This server is sending an error to its AOF-loading-client: 'ERR value is not an integer or out of range' after processing the command 'incr'"},
		},
		"a cut": {
			parts(twoParts, "", logged("set a 1", "set b 2")+"*3\r\n$3\r\nset\r\n$1\r\nc"), 2,
			[]string{"!!! Warning: short read while loading the AOF file i!!!", "!!! Truncating the AOF i at offset 54 !!!",
				"AOF i loaded anyway because aof-load-truncated is enabled"},
		},
		"a cut of a transaction": {
			parts(twoParts, "", logged("set a 1", "multi", "set b 2", "set c 3")), 1,
			[]string{"Revert incomplete MULTI/EXEC transaction in AOF file i", "!!! Truncating the AOF i at offset 27 !!!"},
		},
	} {
		dir, copied := lay(t, tc.files), lay(t, tc.files)
		log := &testutil.Lines{}
		_, target := start(t, logging(dir, log))
		ours, theirs := target.Dial(t), testutil.Oracle(t, "--dir", copied, "--appendonly", "yes").Dial(t)
		for _, line := range tc.log {
			if !log.Has(line) {
				t.Errorf("%s: the log does not say %q:\n%s", name, line, log)
			}
		}
		keys := int64(0)
		for n := range 16 {
			ours.Must(t, "SELECT", fmt.Sprint(n))
			keys += ours.Must(t, "DBSIZE").Int
		}
		if keys < tc.keys {
			t.Errorf("%s: %d keys", name, keys)
		}
		testutil.Poll(t, patience, func() bool { // keys that are dead go, here and there
			return ours.Must(t, "DEBUG", "DIGEST").Str == theirs.Must(t, "DEBUG", "DIGEST").Str
		})
	}
}

// TestAOFRefused starts Redpoll from files that are not what they should be: it does not start, says why and where, and leaves them as they are.
func TestAOFRefused(t *testing.T) {
	snapshot := snapshotOf(t, "set a 1")
	good, cut := logged("set a 1", "set b 2"), logged("set a 1")[:20]
	const format = "Bad file format reading the append only file %s: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
	for name, tc := range map[string]struct {
		files  map[string]string
		words  []string
		line   string // what the start ends with
		before string // what the log has said, too
	}{
		"a cut": {parts(twoParts, snapshot, good+cut), []string{"aof-load-truncated", "no"},
			"Unexpected end of file reading the append only file i. You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix " +
				"<filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server.",
			"The append only file i is good up to offset 54: Unexpected end of file at offset 74"},
		"a cut before the last": {parts(threeParts, snapshot, good+cut, good), nil, "Fatal error: the truncated file is not the last file",
			"!!! Warning: short read while loading the AOF file i!!!"},
		"a cut in the base": {parts(twoParts, cut, good), nil, "Fatal error: the truncated file is not the last file", ""},
		"a cut in a base that is the last to have anything": {parts(twoParts, good+cut, ""), nil, "Fatal error: the truncated file is not the last file", ""},
		"an empty snapshot": {
			map[string]string{
				"appendonlydir/appendonly.aof.manifest":   "file appendonly.aof.1.base.rdb seq 1 type b\nfile i seq 1 type i\n",
				"appendonlydir/appendonly.aof.1.base.rdb": "", "appendonlydir/i": good,
			}, nil, "Error reading the RDB base file appendonly.aof.1.base.rdb: it is empty, AOF loading aborted", ""},
		"a cut in the snapshot":  {parts(twoParts, snapshot[:len(snapshot)-3], ""), nil, "Error reading the RDB base file b, AOF loading aborted", "The bytes end too early at offset "},
		"damage":                 {parts(twoParts, snapshot, good+"x"+good), nil, fmt.Sprintf(format, "i"), `'*' should be at offset 54`},
		"damage in the base":     {parts(twoParts, good+"*1\r\n$1\r\na\n\n", good), nil, fmt.Sprintf(format, "b"), "a line break is missing at offset 63"},
		"damage that is large":   {parts(twoParts, "", good+"1234"), []string{"aof-load-corrupt-tail-max-size", "3"}, fmt.Sprintf(format, "i"), ""},
		"damage before the last": {parts(threeParts, "", good+"1234", good), []string{"aof-load-corrupt-tail-max-size", "4"}, "Fatal error: the truncated file is not the last file", ""},
		"a command unknown":      {parts(twoParts, good, logged("set a 1", "nonsense a")), nil, "Unknown command 'nonsense' reading the append only file i, at offset 27", ""},
		"words missing": {parts(twoParts, good, logged("set a")), nil,
			"Error reading the append only file i, at offset 0: ERR wrong number of arguments for 'set' command", ""},
		"a database":     {parts(twoParts, good, logged("select 16")), nil, "Error reading the append only file i, at offset 0: the database \"16\" is none of the 16 that there are", ""},
		"a file missing": {parts(threeParts, good, good), nil, "Unable to obtain the AOF file j length. stat: No such file or directory", ""},
	} {
		dir, log := lay(t, tc.files), &testutil.Lines{}
		_, err := redpoll.Start(logging(dir, log, tc.words...))
		var refused *server.StartError
		if !errors.As(err, &refused) || refused.Line != tc.line {
			t.Errorf("%s: %v\nwant %s", name, err, tc.line)
		}
		if !log.Has(strings.ReplaceAll(tc.before, `"`, `\"`)) {
			t.Errorf("%s: the log does not say %q:\n%s", name, tc.before, log)
		}
		for name, text := range tc.files {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
				t.Errorf("%s is %q, %v", name, got, err)
			}
		}
	}
}

// TestAOFTailMended starts from a file that ends in garbage, writes, and starts again.
func TestAOFTailMended(t *testing.T) {
	dir := lay(t, parts(threeParts, "", logged("set a 1")+strings.Repeat("\x00", 300), ""))
	log := &testutil.Lines{}
	o := logging(dir, log, "aof-load-corrupt-tail-max-size", "300")
	s, target := start(t, o)
	if !log.Has("!!! Truncating the AOF i at offset 27 !!!") || !log.Has("AOF i loaded anyway because its corrupt tail is within aof-load-corrupt-tail-max-size") {
		t.Errorf("the log: %s", log)
	}
	target.Dial(t).Must(t, "INCR", "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, target = start(t, logging(dir, nil))
	if v := target.Dial(t).Must(t, "GET", "a"); v.Str != "2" {
		t.Errorf("a is %v", v)
	}
}

// TestAOFLoading asks a server that loads append-only files how far it is, and ends it.
func TestAOFLoading(t *testing.T) {
	var b []byte
	for n := range slowKeys {
		b = resp.AppendCommand(b, "set", fmt.Sprint(n), strings.Repeat("x", 100))
	}
	dir := lay(t, parts(twoParts, "", string(b)))
	s, target := slow(t, dir, &testutil.Lines{}, "appendonly yes")
	c := target.Dial(t)
	if v := do(t, c, "GET", "1"); v.Str != loadingError {
		t.Errorf("GET: %v", v)
	}
	if total := number(t, c, "loading_total_bytes"); total != int64(len(b)) {
		t.Errorf("%d bytes are to be loaded, of %d", total, len(b))
	}
	c.Send("SHUTDOWN")
	if err := s.AwaitData(); !errors.Is(err, server.ErrStopped) {
		t.Errorf("the data is there: %v", err)
	}
}

// TestDebugLoadAOF has a server load what it has logged.
func TestDebugLoadAOF(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	_, target := start(t, logging(dir, log))
	c, waiting := target.Dial(t), target.Dial(t)
	waiting.Send("BLPOP", "none", "0")
	fillMore(t, c)
	before := c.Must(t, "DEBUG", "DIGEST").Str
	for range 2 {
		c.Must(t, "DEBUG", "LOADAOF")
		if after := c.Must(t, "DEBUG", "DIGEST").Str; after != before {
			t.Errorf("the data is another one: %s, not %s", after, before)
		}
		c.Must(t, "SET", "text", "v")
		before = c.Must(t, "DEBUG", "DIGEST").Str
	}
	if !log.Has("Append Only File loaded by DEBUG LOADAOF") {
		t.Errorf("the log: %s", log)
	}
	c.Must(t, "RPUSH", "none", "x")
	if v, err := waiting.Receive(); err != nil || len(v.Value.Elems) != 2 {
		t.Errorf("who waits: %v, %v", v, err)
	}
	c.Must(t, "CONFIG", "SET", "appendonly", "no")
	c.Must(t, "SET", "text", "later")
	c.Must(t, "DEBUG", "LOADAOF")
	if v := c.Must(t, "GET", "text"); v.Str != "v" {
		t.Errorf("the files of the time before: text is %v", v)
	}
	_, target = start(t, saving(t.TempDir(), nil))
	c = target.Dial(t)
	c.Must(t, "SET", "text", "v")
	if v := do(t, c, "DEBUG", "LOADAOF"); v.Str != "ERR Error trying to load the append only files: there are none" {
		t.Errorf("without files: %v", v)
	}
	if v := c.Must(t, "GET", "text"); v.Str != "v" {
		t.Errorf("text is %v", v)
	}
}

// TestAOFOfAnything starts from files of any valid calls of all commands, whatever they do for clients: the server starts, and no handler fails.
func TestAOFOfAnything(t *testing.T) {
	probe, _ := slow(t, t.TempDir(), &testutil.Lines{})
	for seed := range uint64(4) {
		g := gen.New(seed)
		var b []byte
		for range 40 {
			for s := range probe.Registry().All() {
				if call := g.Valid(s); s.ArityOK(len(call)) && s.FullName() != "select" {
					b = resp.AppendCommand(b, call...)
				}
			}
		}
		files := parts(twoParts, "", string(b))
		files["dump.rdb"] = "not read"
		dir := lay(t, files)
		_, target := start(t, logging(dir, nil))
		c := target.Dial(t)
		if n := number(t, c, "redpoll_handler_panics"); n != 0 {
			t.Errorf("seed %d: %d handlers have failed", seed, n)
		}
		c.Must(t, "DEBUG", "DIGEST")
		if left, err := os.ReadFile(filepath.Join(dir, "dump.rdb")); err != nil || string(left) != "not read" {
			t.Errorf("the snapshot is %q, %v", left, err)
		}
	}
}

// TestAppendOnlyUnread starts beside a snapshot: it is not read, and the log says so.
func TestAppendOnlyUnread(t *testing.T) {
	dir, log := lay(t, map[string]string{"dump.rdb": "snapshot"}), &testutil.Lines{}
	s, target := start(t, logging(dir, log))
	if n := target.Dial(t).Must(t, "DBSIZE").Int; n != 0 {
		t.Errorf("%d keys are there", n)
	}
	if !log.Has("so the server starts empty: " + filepath.Join(dir, "dump.rdb") + " is not read") {
		t.Error("nobody is told")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log = &testutil.Lines{}
	if start(t, logging(dir, log)); log.Has("WARNING") {
		t.Error("it is told again when there are append-only files")
	}
}
