// SPDX-License-Identifier: BSD-3-Clause

package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

// rig is a directory with the same files for our tools and for the reference's.
type rig struct {
	t   *testing.T
	bin string
	dir string
}

func newRig(t *testing.T) *rig { return &rig{t: t, bin: testutil.OracleBinary(t), dir: t.TempDir()} }

func (r *rig) write(name string, b []byte) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), b, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(name string) []byte {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// stamp is the beginning of a line of the log.
var stamp = regexp.MustCompile(`(?m)^\d+:C \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} # `)

// internal is what Redis's tool says of some values that end too early, with a line of its source.
var internal = regexp.MustCompile(`Internal error in RDB reading offset 0, function at rdb\.c:\d+ -> .*`)

// behind is a byte that Redis's tool prints though it lies behind the end of a line: whatever was there.
var behind = regexp.MustCompile(`got: 00[0-9a-f]{2,8}\n`)

// ours runs one of our tools, with the arguments as they are for the reference's.
func (r *rig) ours(tool, stdin string, args ...string) string {
	var out, errOut bytes.Buffer
	t := &Tool{
		Name: "redis-check-" + tool, Version: "7.0.15", In: strings.NewReader(stdin), Out: &out, Err: &errOut, Disk: disk.OS{},
		Now: time.Now().UnixMilli(), Log: func(line string) { fmt.Fprintln(&out, line) },
	}
	run := t.AOF
	if tool == "rdb" {
		run = t.RDB
	}
	code := run(args)
	return fmt.Sprintf("%s%scode %d", &out, &errOut, code)
}

// theirs runs one of the reference's tools.
func (r *rig) theirs(tool, stdin string, args ...string) string {
	r.t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Cmd{
		Path: r.bin, Args: append([]string{"redis-check-" + tool}, args...), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errOut,
	}
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		r.t.Fatal(err)
	}
	text := internal.ReplaceAllString(stamp.ReplaceAllString(out.String(), ""), "Unexpected EOF reading RDB file")
	text = strings.ReplaceAll(text, "Terminating server after rdb file reading failure.\n", "")
	text = strings.ReplaceAll(text, "Reading type 19 (unknown)", "Reading type 19 (stream-v2)") // newer tools know its name
	return fmt.Sprintf("%s%scode %d", text, &errOut, cmd.ProcessState.ExitCode())
}

// same runs both tools on the same files, which are named in the arguments with @ in front, and compares what they print and leave.
func (r *rig) same(tool, stdin string, files map[string][]byte, args ...string) (text string) {
	r.t.Helper()
	named := make([]string, len(args))
	for i, arg := range args {
		if name, ok := strings.CutPrefix(arg, "@"); ok {
			arg = filepath.Join(r.dir, name)
		}
		named[i] = arg
	}
	var texts, left [2]string
	for i, run := range []func(string, string, ...string) string{r.ours, r.theirs} {
		for name, b := range files {
			r.write(name, b)
		}
		texts[i] = behind.ReplaceAllString(run(tool, stdin, named...), "got: 00--\n")
		for _, name := range slices.Sorted(maps.Keys(files)) {
			left[i] += fmt.Sprintf("%s: %q\n", name, r.read(name))
		}
	}
	if texts[0] != texts[1] {
		r.t.Errorf("%q of %.300q:\n%s\nwant\n%s", args, files, texts[0], texts[1])
	}
	if left[0] != left[1] {
		r.t.Errorf("%q of %.300q leaves\n%.1000s\nwant\n%.1000s", args, files, left[0], left[1])
	}
	return texts[0]
}

// commands writes commands, whose words stand apart by spaces, and annotations.
func commands(lines ...string) (b []byte) {
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			b = append(append(b, line...), "\r\n"...)
			continue
		}
		b = resp.AppendCommand(b, strings.Fields(line)...)
	}
	return b
}

func TestAOFAsRedis(t *testing.T) {
	r := newRig(t)
	good := commands("SELECT 0", "#TS:100", "set a 1", "MULTI", "incr a", "incr b", "EXEC", "#TS:200", "del a")
	one := func(b []byte, args ...string) string {
		return r.same("aof", "", map[string][]byte{"a.aof": b}, append(args, "@a.aof")...)
	}
	one(good)
	for n := rand.IntN(2); n < len(good); n += 2 {
		one(good[:n])
	}
	for _, text := range []string{
		"x", "\x00\x00\x00", "*", "*1", "*x\r\n", "*-1\r\n", "* 1\r\n$1\r\na\r\n", "*+1\r\n$1\r\na\r\n", "*1\r\n$-1\r\n", "*1\r\n$999999999999\r\nabc", "*1\n$1\na\n",
		"*99999999999999999999\r\n", "*1\r\n$3\r\nabcde", "*1\r\n$3\r\nabc\xff\xfe", "*1\r\n*1\r\n", "*1\r\n\xff\r\n", "*1\x00\r\n", "#", "#\r\n", "#x", "\r\n",
		"#" + strings.Repeat("y", 3000) + "\r\n", "*" + strings.Repeat("1", 300) + "\r\n",
		string(commands("exec")), string(commands("multi", "multi")), string(commands("multi", "set a 1")), string(commands("multi", "exec", "exec")),
		string(commands("multi")) + "x", string(commands("multi")) + "*1\r\n$4\r\nex",
	} {
		one([]byte(text))
		one(append(good[:len(good):len(good)], text...))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		b := bytes.Clone(good)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] = "*$#\r\n0123456789aEx\x00\xf0"[rng.IntN(19)]
		}
		one(b)
	}
	for _, until := range []string{"0", "50", "100", "150", "199", "200", "201", "x", "1x", " 7", "", "99999999999999999999"} {
		one(good, "--truncate-to-timestamp", until)
		one(good[len(commands("SELECT 0")):], "--truncate-to-timestamp", until)
		one(append(commands("#TS:x"), good...), "--truncate-to-timestamp", until)
	}
}

func TestAOFFixAsRedis(t *testing.T) {
	r := newRig(t)
	good := commands("set a 1", "MULTI", "incr a", "EXEC")
	for _, answer := range []string{"y", "Y\n", "yes\n", "n", "", "x\n", " y"} {
		for _, tail := range []string{"", "x", "*1\r\n", string(commands("multi", "set a 1"))} {
			text := r.same("aof", answer, map[string][]byte{"a.aof": append(good[:len(good):len(good)], tail...)}, "--fix", "@a.aof")
			if fixed := strings.Contains(text, "Successfully truncated"); fixed != (tail != "" && strings.HasPrefix(strings.ToLower(answer), "y")) {
				t.Errorf("%q, %q: %s", answer, tail, text)
			}
		}
	}
}

func TestAOFArgumentsAsRedis(t *testing.T) {
	r := newRig(t)
	for _, args := range [][]string{
		{}, {"@none"}, {"--fix"}, {"--fix", "@none"}, {"--fix", "@a", "@a"}, {"--truncate-to-timestamp", "@a"}, {"@a", "@a", "@a", "@a"},
		{"--truncate-to-timestamp", "1", "@none"}, {"--fix", "@a"}, {"@a"},
	} {
		r.same("aof", "", map[string][]byte{"a": nil}, args...)
	}
	r.same("aof", "", nil, r.dir)
}

func TestManifestAsRedis(t *testing.T) {
	r := newRig(t)
	snapshot := r.snapshot()
	good, cut := commands("#TS:100", "set a 1", "#TS:200", "set a 2"), commands("set a 1")[:20]
	manifest := []byte("file b seq 1 type b\nfile h seq 1 type h\nfile i seq 1 type i\nfile j seq 2 type i\n")
	for _, files := range []map[string][]byte{
		{"b": snapshot, "i": good, "j": good},
		{"b": good, "i": good, "j": nil},
		{"b": nil, "i": nil, "j": nil},
		{"b": snapshot, "i": good, "j": cut},
		{"b": snapshot, "i": cut, "j": good},
		{"b": cut, "i": good, "j": good},
		{"b": snapshot[:50], "i": good, "j": good},
		{"b": append(snapshot[:len(snapshot):len(snapshot)], good...), "i": good, "j": good},
		{"b": append(snapshot[:len(snapshot):len(snapshot)], cut...), "i": good, "j": good},
		{"b": snapshot, "i": good, "j": snapshot},
	} {
		files["m"] = manifest
		r.same("aof", "", files, "@m")
		r.same("aof", "y", files, "--fix", "@m")
		r.same("aof", "", files, "--truncate-to-timestamp", "150", "@m")
		r.same("aof", "", files, "--truncate-to-timestamp", "250", "@m")
	}
	if err := os.Remove(filepath.Join(r.dir, "i")); err != nil {
		t.Fatal(err)
	}
	r.same("aof", "", map[string][]byte{"m": manifest, "b": snapshot}, "@m")
	for _, text := range []string{
		"# x\nfile b seq 1 type b\n", "file\n", "file b seq 1 type x\n", "file b seq 1 type b\nfile b seq 2 type b\n", "file b seq 1 type b",
		"file b seq 1 type b\n\n", "file i seq 2 type i\nfile i seq 2 type i\n", "file ../b seq 1 type b\n", "filet\n", "file 'b seq 1 type b\n",
		"file b seq 1 type b # x y\n", "file \"b\" seq 1 type b\r\n",
	} {
		r.same("aof", "", map[string][]byte{"m": []byte(text), "b": good, "i": good}, "@m")
	}
}

// snapshot gives a snapshot of the reference server, with a key of each type.
func (r *rig) snapshot() []byte {
	r.t.Helper()
	dir := r.t.TempDir()
	c := testutil.Oracle(r.t, "--dir", dir).Dial(r.t)
	for _, line := range []string{
		"debug set-active-expire 0", "set text value", "set number 12345 ex 100000", "set dead 1 pxat 1000", "rpush list a b c 1000", "sadd ints 1 2 3", "sadd set a b", "zadd zset 1 a 2.5 b",
		"hset hash f v g 10", "xadd stream 1-1 f v", "xgroup create stream g 0", "set long " + strings.Repeat("ab", 100), "select 3", "set k v",
	} {
		c.Must(r.t, strings.Fields(line)...)
	}
	c.Must(r.t, "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
	c.Must(r.t, "SAVE")
	b, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func TestRDBAsRedis(t *testing.T) {
	r := newRig(t)
	snapshot := r.snapshot()
	one := func(b []byte) { r.same("rdb", "", map[string][]byte{"a": b}, "@a") }
	one(snapshot)
	for n := rand.IntN(5); n < len(snapshot); n += 5 {
		one(snapshot[:n])
	}
	unsummed := bytes.Clone(snapshot)
	clear(unsummed[len(unsummed)-8:])
	one(unsummed)
	wrong := bytes.Clone(snapshot)
	wrong[len(wrong)-1] ^= 1
	one(wrong)
	one(append([]byte("REDIS0000"), snapshot[9:]...))
	one(append([]byte("REDIS9999"), snapshot[9:]...))
	one(append([]byte("RUDIS0010"), snapshot[9:]...))
	one(append(snapshot[:9:9], 200))
	one(append(snapshot[:9:9], "\xfa\x05a\x00bcd\x02x\x00\xff"...))
	for _, args := range [][]string{{}, {"@none"}, {"@a", "@a"}, {"-v"}, {"--version"}} {
		r.same("rdb", "", nil, args...)
	}
}
