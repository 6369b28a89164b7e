// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// logging gives the options of a server with append-only files in a directory; words are further directives and their values.
func logging(dir string, log *testutil.Lines, words ...string) redpoll.Options {
	o := saving(dir, log)
	o.Config["appendonly"] = "yes"
	for i := 0; i < len(words); i += 2 {
		o.Config[words[i]] = words[i+1]
	}
	return o
}

// rewritten waits until no rewrite is under way.
func rewritten(t *testing.T, c *testutil.Client) {
	t.Helper()
	testutil.Poll(t, patience, func() bool {
		return number(t, c, "aof_rewrite_scheduled") == 0 && number(t, c, "aof_rewrite_in_progress") == 0 // what is scheduled first is under way then
	})
}

// manifest gives what the manifest says, without what all lines have in common.
func manifest(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for line := range strings.Lines(string(b)) {
		words = append(words, strings.TrimPrefix(strings.Fields(line)[1], "appendonly.aof."))
	}
	return strings.Join(words, " ")
}

// files lists the files of a directory but the manifest.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "appendonlydir"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, e := range entries {
		if name := strings.TrimPrefix(e.Name(), "appendonly.aof."); name != "manifest" {
			words = append(words, name)
		}
	}
	return strings.Join(words, " ")
}

// fillMore makes what fillAll leaves out: what expires, arrays, and all that streams have.
func fillMore(t *testing.T, c *testutil.Client) {
	t.Helper()
	for _, call := range [][]string{
		{"PSETEX", "living", "100000000", "v"},
		{"HSET", "timed", "a", "1", "b", "2", "c", "3"},
		{"HPEXPIRE", "timed", "100000000", "FIELDS", "2", "a", "c"},
		{"ARSET", "array", "5", "a", "b", "17"},
		{"ARSEEK", "array", "9"},
		{"XADD", "emptied", "7-1", "a", "b"},
		{"XDEL", "emptied", "7-1"},
		{"XGROUP", "CREATE", "nothing", "g", "$", "MKSTREAM"},
		{"XGROUP", "CREATECONSUMER", "nothing", "g", "idle"},
		{"XADD", "groups", "IDMP", "producer", "iid", "*", "a", "b"},
		{"XADD", "groups", "*", "c", "d"},
		{"XGROUP", "CREATE", "groups", "g1", "0"},
		{"XGROUP", "CREATE", "groups", "g2", "0", "ENTRIESREAD", "1"},
		{"XREADGROUP", "GROUP", "g1", "somebody", "STREAMS", "groups", ">"},
		{"ZADD", "scores", "inf", "a", "-inf", "b", "0.1", "c"},
	} {
		c.Must(t, call...)
	}
	id := c.Must(t, "XRANGE", "groups", "-", "+").Elems[1].Elems[0].Str
	c.Must(t, "XNACK", "groups", "g1", "FAIL", "IDS", "1", id)
}

// states gives what DEBUG DIGEST does not have of streams and arrays.
func states(t *testing.T, c *testutil.Client) string {
	t.Helper()
	var b strings.Builder
	for _, call := range [][]string{
		{"XINFO", "STREAM", "emptied", "FULL"}, {"XINFO", "GROUPS", "nothing"}, {"XINFO", "GROUPS", "groups"}, {"XPENDING", "groups", "g1", "-", "+", "10"},
		{"ARNEXT", "array"}, {"HPEXPIRETIME", "timed", "FIELDS", "3", "a", "b", "c"}, {"PEXPIRETIME", "living"},
		{"XADD", "groups", "IDMP", "producer", "iid", "*", "a", "b"},
	} {
		fmt.Fprintln(&b, testutil.Format(c.Must(t, call...)))
	}
	return b.String()
}

// TestAppendOnly starts from what the append-only files have, after an end and after rewrites in both forms, with small values and large.
func TestAppendOnly(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		for _, big := range []int{0, 1000} {
			dir := t.TempDir()
			clock := redpoll.NewClock(time.UnixMilli(1_800_000_000_000))
			o := logging(dir, nil, "aof-use-rdb-preamble", preamble, "rdb-version", "15", "aof-timestamp-enabled", preamble)
			o.BigValues, o.Clock = big, clock
			s, target := start(t, o)
			c := target.Dial(t)
			fillAll(t, c)
			fillMore(t, c)
			digest, state := c.Must(t, "DEBUG", "DIGEST").Str, states(t, c)
			again := func(when string) {
				t.Helper()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s, target = start(t, o)
				c = target.Dial(t)
				if v := c.Must(t, "DEBUG", "DIGEST").Str; v != digest {
					t.Errorf("preamble %s, big values %d, %s: the data differs", preamble, big, when)
				}
				if v := states(t, c); v != state {
					t.Errorf("preamble %s, big values %d, %s:\n%s\nwas\n%s", preamble, big, when, v, state)
				}
			}
			again("after a start")
			if v := c.Must(t, "BGREWRITEAOF").Str; v != "Background append only file rewriting started" {
				t.Error(v)
			}
			rewritten(t, c)
			again("after a rewrite")
			if m, form := manifest(t, dir), map[string]string{"yes": "rdb", "no": "aof"}[preamble]; m != "2.base."+form+" 2.incr.aof" || files(t, dir) != m {
				t.Errorf("the manifest names %s; there are %s", m, files(t, dir))
			}
		}
	}
}

// TestAppendOnlyInterchange has the directory of each server read by the other.
func TestAppendOnlyInterchange(t *testing.T) {
	bin := testutil.OracleBinary(t)
	for _, preamble := range []string{"yes", "no"} {
		for _, rewrite := range []bool{false, true} {
			dir := t.TempDir()
			o := logging(dir, nil, "aof-use-rdb-preamble", preamble)
			o.BigValues = 1000
			s, target := start(t, o)
			c := target.Dial(t)
			fillAll(t, c)
			if rewrite {
				c.Must(t, "BGREWRITEAOF")
				rewritten(t, c)
			}
			c.Must(t, "INCR", "counter")
			_, still := start(t, redpoll.Options{Config: map[string]string{"enable-debug-command": "yes"}})
			copyOf := still.Dial(t)
			fillAll(t, copyOf)
			copyOf.Must(t, "INCR", "counter")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			port := fmt.Sprint(testutil.FreePort(t))
			theirs := testutil.Launch(t, bin, []string{"--dir", dir, "--save", "", "--appendonly", "yes", "--enable-debug-command", "yes",
				"--bind", "127.0.0.1", "--port", port}, "tcp", "127.0.0.1:"+port)
			theirs.Await(t)
			there := theirs.Dial(t)
			sameKeys(t, copyOf, there)
			there.Must(t, "BGREWRITEAOF")
			rewritten(t, there)
			there.Must(t, "INCR", "counter")
			copyOf.Must(t, "INCR", "counter")
			if err := there.Send("SHUTDOWN"); err != nil {
				t.Fatal(err)
			}
			if err := theirs.Wait(patience); err != nil {
				t.Fatal(err)
			}
			_, target = start(t, o)
			sameKeys(t, copyOf, target.Dial(t))
		}
	}
}

// sameKeys compares the values of two servers.
func sameKeys(t *testing.T, a, b *testutil.Client) {
	t.Helper()
	keys := a.Must(t, "KEYS", "*").Strings()
	if n := b.Must(t, "DBSIZE").Int; n != int64(len(keys)) {
		t.Errorf("%d and %d keys", len(keys), n)
	}
	for _, key := range keys {
		if x, y := a.Must(t, "DEBUG", "DIGEST-VALUE", key).Elems[0].Str, b.Must(t, "DEBUG", "DIGEST-VALUE", key).Elems[0].Str; x != y {
			t.Errorf("%s differs", key)
		}
	}
}

// TestRewriteUnderLoad rewrites while clients write; what is loaded afterwards is what there was at the end.
func TestRewriteUnderLoad(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		dir := t.TempDir()
		o := logging(dir, nil, "aof-use-rdb-preamble", preamble)
		o.BigValues = 1000
		s, target := start(t, o)
		c := target.Dial(t)
		fillAll(t, c)
		c.Must(t, "CONFIG", "SET", "appendfsync", "always")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for n := range 3 {
			d := target.Dial(t)
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := d.Pipeline([]string{"INCR", "counter"}, []string{"RPUSH", "list1", "x"}, []string{"LPOP", "list1"}, []string{"APPEND", "long", "x"},
						[]string{"MULTI"}, []string{"INCR", "a"}, []string{"SELECT", fmt.Sprint(n)}, []string{"INCR", "a"}, []string{"EXEC"}, []string{"SELECT", "0"},
						[]string{"HINCRBY", "hash1", fmt.Sprint(i % 50), "1"}, []string{"ZINCRBY", "zset1", "1", fmt.Sprint(i % 50)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 5 {
			c.Must(t, "BGREWRITEAOF")
			rewritten(t, c)
		}
		close(stop)
		wg.Wait()
		if n := number(t, c, "aof_rewrites"); n != 5 || field(t, c, "aof_last_bgrewrite_status") != "ok" {
			t.Errorf("there were %d rewrites", n)
		}
		digest := c.Must(t, "DEBUG", "DIGEST").Str
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, target = start(t, o)
		if v := target.Dial(t).Must(t, "DEBUG", "DIGEST").Str; v != digest {
			t.Errorf("preamble %s: the data differs", preamble)
		}
	}
}

// TestAppendOnlySwitch begins and ends the logging of a server that runs.
func TestAppendOnlySwitch(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	o := saving(dir, log)
	_, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "SET", "before", "v")
	c.Must(t, "CONFIG", "SET", "appendonly", "yes")
	if number(t, c, "aof_enabled") != 1 {
		t.Error("it is not on")
	}
	c.Must(t, "SET", "meanwhile", "v")
	rewritten(t, c)
	c.Must(t, "SET", "afterwards", "v")
	if m := manifest(t, dir); m != "1.base.rdb 1.incr.aof" || files(t, dir) != m {
		t.Errorf("the manifest names %s; there are %s", m, files(t, dir))
	}
	c.Must(t, "CONFIG", "SET", "appendonly", "no")
	c.Must(t, "SET", "too late", "v")
	if number(t, c, "aof_enabled") != 0 || strings.Contains(c.Must(t, "INFO", "persistence").Str, "aof_current_size") {
		t.Error("it is not off")
	}
	_, again := start(t, logging(dir, nil))
	d := again.Dial(t)
	if v := d.Must(t, "EXISTS", "before", "meanwhile", "afterwards", "too late"); v.Int != 3 {
		t.Errorf("%d of 3 are there", v.Int)
	}
	c.Must(t, "BGREWRITEAOF") // without a log there is only a base
	rewritten(t, c)
	if m := manifest(t, dir); m != "2.base.rdb" {
		t.Errorf("the manifest names %s", m)
	}
	c.Must(t, "FLUSHALL")
	if c.Must(t, "DEBUG", "LOADAOF"); c.Must(t, "EXISTS", "too late").Int != 1 {
		t.Error("the base has nothing")
	}
	if err := os.RemoveAll(filepath.Join(dir, "appendonlydir")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "appendonlydir"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.",
		"CONFIG", "SET", "appendonly", "yes")
	if v := c.Must(t, "CONFIG", "GET", "appendonly").Elems[1].Str; v != "no" || !log.Has("Can't open or create append-only dir appendonlydir: ") {
		t.Errorf("appendonly is %s", v)
	}
	expect(t, c, "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.", "BGREWRITEAOF")
	if field(t, c, "aof_last_bgrewrite_status") != "err" {
		t.Error("the rewrite is said to have succeeded")
	}
}

// TestRewriteUnderWay looks at a rewrite that does not end, and at what has to wait for it.
func TestRewriteUnderWay(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	_, target := start(t, logging(dir, log))
	c := target.Dial(t)
	value := strings.Repeat("value ", 100)
	for i := range 500 {
		c.Must(t, "SET", fmt.Sprint("key:", i), value)
	}
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
	c.Must(t, "BGREWRITEAOF")
	expect(t, c, "ERR Background append only file rewriting already in progress", "BGREWRITEAOF")
	if number(t, c, "aof_rewrite_in_progress") != 1 || number(t, c, "current_save_keys_total") != 500 || number(t, c, "aof_current_rewrite_time_sec") < 0 {
		t.Error("no rewrite is under way")
	}
	if m := manifest(t, dir); m != "1.base.rdb 1.incr.aof 2.incr.aof" {
		t.Errorf("the manifest names %s", m)
	}
	c.Must(t, "SET", "later", "v")
	c.Must(t, "CONFIG", "SET", "appendonly", "no")
	if number(t, c, "aof_rewrite_in_progress") != 0 || !log.Has("Killing running AOF rewrite child: ") {
		t.Error("the rewrite goes on")
	}
	testutil.Poll(t, patience, func() bool { names, _ := filepath.Glob(filepath.Join(dir, "temp-*")); return len(names) == 0 })
	c.Must(t, "CONFIG", "SET", "appendonly", "yes") // the first base does not come to its end
	expect(t, c, "ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN")
	if !log.Has("Writing initial AOF, can't exit.") {
		t.Error("no line about that")
	}
	c.Must(t, "CONFIG", "SET", "appendonly", "no")
	if number(t, c, "aof_rewrite_scheduled") != 0 {
		t.Error("another first base is wanted though there is no log any more")
	}
	c.Must(t, "CONFIG", "SET", "appendonly", "yes")
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", "0")
	rewritten(t, c)
	if m := manifest(t, dir); m != "2.base.rdb 3.incr.aof" || files(t, dir) != m {
		t.Errorf("the manifest names %s; there are %s", m, files(t, dir))
	}
}

// TestRewriteScheduled has rewrites wait for a save, and for the end of a transaction.
func TestRewriteScheduled(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, logging(dir, nil))
	c := target.Dial(t)
	c.Must(t, "SET", "k", "v")
	c.Must(t, "MULTI")
	c.Must(t, "BGREWRITEAOF")
	if v := c.Must(t, "EXEC"); v.Elems[0].Str != "Background append only file rewriting scheduled" {
		t.Error(v)
	}
	rewritten(t, c)
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
	c.Must(t, "BGSAVE")
	expect(t, c, "Background append only file rewriting scheduled", "BGREWRITEAOF")
	if number(t, c, "aof_rewrite_scheduled") != 1 || number(t, c, "aof_rewrite_in_progress") != 0 {
		t.Error("it is not scheduled")
	}
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", "0")
	rewritten(t, c)
	if m := manifest(t, dir); m != "3.base.rdb 3.incr.aof" {
		t.Errorf("the manifest names %s", m)
	}
}

// TestRewriteByItself has the files grow until they are rewritten, and the history kept for a while.
func TestRewriteByItself(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	_, target := start(t, logging(dir, log, "auto-aof-rewrite-min-size", "10kb", "aof-disable-auto-gc", "yes"))
	c := target.Dial(t)
	c.Must(t, "SET", "k", strings.Repeat("v", 20_000)) // of which a base has hardly anything
	testutil.Poll(t, patience, func() bool { return number(t, c, "aof_rewrites") > 0 })
	rewritten(t, c)
	if !log.Has("Starting automatic rewriting of AOF on ") || number(t, c, "aof_base_size") > 10<<10 {
		t.Errorf("the files have %d bytes", number(t, c, "aof_base_size"))
	}
	if m := manifest(t, dir); m != "2.base.rdb 1.incr.aof 1.base.rdb 2.incr.aof" || files(t, dir) != "1.base.rdb 1.incr.aof 2.base.rdb 2.incr.aof" {
		t.Errorf("the manifest names %s; there are %s", m, files(t, dir))
	}
	c.Must(t, "CONFIG", "SET", "aof-disable-auto-gc", "no")
	testutil.Poll(t, patience, func() bool {
		return manifest(t, dir) == "2.base.rdb 2.incr.aof" && files(t, dir) == "2.base.rdb 2.incr.aof"
	})
}

// onDisk starts a server with append-only files on a disk that a test made.
func onDisk(t *testing.T, d *disktest.Disk, log *testutil.Lines, lines string) (*server.Server, *testutil.Client) {
	t.Helper()
	dir := t.TempDir()
	if err := d.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return startOn(t, d, dir, log, lines)
}

// startOn starts a server with append-only files in a directory of a disk.
func startOn(t *testing.T, d *disktest.Disk, dir string, log *testutil.Lines, lines string) (*server.Server, *testutil.Client) {
	t.Helper()
	cfg := config.New()
	err := cfg.Load(config.Source{Options: "save \"\"\nport 0\nbind 127.0.0.1\nappendonly yes\ndir " + dir + "\n" + lines})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg, Disk: d, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err == nil {
		t.Cleanup(func() { s.Close() })
		err = s.AwaitData()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, testutil.Dial(t, "tcp", s.Addrs()[0].String())
}

// TestAppendOnlyFull fills the disk: writes are refused until there is room.
func TestAppendOnlyFull(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "")
	d.SetLimit(d.Used() + 1)
	testutil.Poll(t, patience, func() bool { return do(t, c, "INCR", "counter").IsError() })
	expect(t, c, "MISCONF Errors writing to the AOF file: No space left on device", "INCR", "counter")
	expect(t, c, "MISCONF Errors writing to the AOF file: No space left on device", "PING")
	n := do(t, c, "GET", "counter").Str
	if field(t, c, "aof_last_write_status") != "err" || !log.Has("Short write while writing to the AOF file: ") {
		t.Error("nobody is told")
	}
	d.SetLimit(0)
	testutil.Poll(t, patience, func() bool { return do(t, c, "PING").Str == "PONG" })
	if do(t, c, "GET", "counter").Str != n || field(t, c, "aof_last_write_status") != "ok" || !log.Has("AOF write error looks solved, Redis can write again.") {
		t.Error("it is not as it was")
	}
}

// TestAppendOnlyLosesSync has a sync fail: writes are refused until one succeeds, and the files are rewritten, since the disk may have lost
// something.
func TestAppendOnlyLosesSync(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "")
	d.SetHook(disktest.Fail(disktest.Sync, "*.1.incr.aof", 0, 1, syscall.EIO))
	c.Must(t, "INCR", "counter")
	testutil.Poll(t, patience, func() bool { return log.Has("Fail to fsync the AOF file: Input/output error") })
	testutil.Poll(t, patience, func() bool { return do(t, c, "PING").Str == "PONG" && number(t, c, "aof_rewrites") == 1 })
	rewritten(t, c)
}

// TestAppendOnlyBreaks has a disk fail on which writes are promised to be: the server ends, and who has not been told waits.
func TestAppendOnlyBreaks(t *testing.T) {
	for _, kind := range []disktest.Kind{disktest.Write, disktest.Sync} {
		d, log := disktest.New(), &testutil.Lines{}
		s, c := onDisk(t, d, log, "appendfsync always")
		other := testutil.Dial(t, "tcp", s.Addrs()[0].String())
		c.Must(t, "INCR", "counter")
		d.SetHook(disktest.Fail(kind, "*.incr.aof", 0, 1, syscall.EIO))
		if err := c.Send("INCR", "counter"); err != nil {
			t.Fatal(err)
		}
		<-s.Stopped()
		for _, words := range [][]string{{"appendfsync", "everysec"}, {"appendonly", "no"}} { // nobody gets to know what is lost by that either
			expect(t, other, "OK", "CONFIG", "SET", words[0], words[1])
		}
		if err := s.Close(); !errors.Is(err, server.ErrBroken) || !log.Has("AOF fsync policy is 'always'") {
			t.Errorf("%v: %v", kind, err)
		}
		if v, err := c.Receive(); err == nil {
			t.Errorf("%v: a reply came: %v", kind, v)
		}
	}
}

// TestManifestDamaged does not start.
func TestManifestDamaged(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	s, _ := start(t, logging(dir, log))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"), []byte("file x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := redpoll.Start(logging(dir, log))
	if err == nil || !strings.Contains(err.Error(), "Invalid AOF manifest file format") || !log.Has(">>> 'file x'") {
		t.Error(err)
	}
}

// TestAppendOnlyPreloaded has the data of another file take the place of what the append-only files have.
func TestAppendOnlyPreloaded(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	_, target := start(t, saving(from, nil))
	c := target.Dial(t)
	c.Must(t, "SET", "new", "v")
	c.Must(t, "SAVE")
	s, target := start(t, logging(dir, nil))
	target.Dial(t).Must(t, "SET", "old", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, target = start(t, logging(dir, nil, "preload-file", "rdb:"+filepath.Join(from, "dump.rdb")))
	c = target.Dial(t)
	c.Must(t, "SET", "newer", "v")
	rewritten(t, c)
	if m := manifest(t, dir); m != "2.base.rdb 2.incr.aof" || files(t, dir) != m {
		t.Errorf("the manifest names %s; there are %s", m, files(t, dir))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, target = start(t, logging(dir, nil))
	c = target.Dial(t)
	if v := c.Must(t, "EXISTS", "new", "newer"); v.Int != 2 || c.Must(t, "DBSIZE").Int != 2 {
		t.Errorf("%d of two are there", v.Int)
	}
}

// TestRewriteLimit holds back rewrites that fail again and again, longer each time.
func TestRewriteLimit(t *testing.T) {
	var l server.RewriteLimit
	now := int64(1_800_000_000)
	is := func(failures int64, held bool, minutes int64) {
		t.Helper()
		if yes, said := l.Holds(failures, now); yes != held || said != minutes {
			t.Errorf("after %d failures: %v for %d minutes, want %v for %d", failures, yes, said, held, minutes)
		}
	}
	is(2, false, 0)
	for _, minutes := range []int64{1, 2, 4, 8, 16, 32, 60, 60} {
		is(3, true, minutes)
		is(3, true, 0)
		now += minutes*60 - 1
		is(3, true, 0)
		now++
		is(3, false, 0)
	}
	is(0, false, 0)
	is(3, true, 1)
}

// increments counts the increments of a directory that has append-only files on a disk.
func increments(t *testing.T, d *disktest.Disk, c *testutil.Client) (n int) {
	t.Helper()
	dir := c.Must(t, "CONFIG", "GET", "dir").Elems[1].Str
	entries, err := d.ReadDir(filepath.Join(dir, "appendonlydir"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".incr.aof") {
			n++
		}
	}
	return n
}

// TestRewriteFailsAgain has rewrites fail at every step of theirs: each leaves an increment at most, and everything can be loaded from
// them; one that succeeds does away with all of them.
func TestRewriteFailsAgain(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "enable-debug-command yes")
	failures := int64(0)
	for _, fault := range []struct {
		kind    disktest.Kind
		pattern string
		skip    int64 // times that it goes well before
	}{
		{disktest.Open, "temp-rewriteaof-bg-*", 0}, {disktest.Write, "temp-rewriteaof-bg-*", 0}, {disktest.Sync, "temp-rewriteaof-bg-*", 0},
		{disktest.Rename, "temp-rewriteaof-bg-*", 0}, {disktest.Write, "temp-*.manifest", 1}, {disktest.Rename, "temp-*.manifest", 1},
		{disktest.SyncDir, "appendonlydir", 2}, {disktest.SyncDir, "appendonlydir", 3},
	} {
		c.Must(t, "INCR", "counter")
		d.SetHook(disktest.Fail(fault.kind, fault.pattern, fault.skip, 1, syscall.EIO))
		c.Must(t, "BGREWRITEAOF")
		testutil.Poll(t, patience, func() bool { return number(t, c, "aof_rewrite_in_progress") == 0 })
		failures++
		if n := number(t, c, "aof_rewrites_consecutive_failures"); n != failures || field(t, c, "aof_last_bgrewrite_status") != "err" {
			t.Errorf("%v %s: %d failures, want %d", fault.kind, fault.pattern, n, failures)
		}
		before := c.Must(t, "DEBUG", "DIGEST").Str
		if c.Must(t, "DEBUG", "LOADAOF"); c.Must(t, "DEBUG", "DIGEST").Str != before {
			t.Errorf("%v %s: the data differs", fault.kind, fault.pattern)
		}
	}
	for _, fault := range []struct {
		kind    disktest.Kind
		pattern string
	}{
		{disktest.Open, "*.incr.aof"}, {disktest.Write, "temp-*.manifest"}, {disktest.Sync, "temp-*.manifest"}, {disktest.Rename, "temp-*.manifest"},
		{disktest.SyncDir, "appendonlydir"},
	} {
		c.Must(t, "INCR", "counter")
		d.SetHook(disktest.Fail(fault.kind, fault.pattern, 0, 1, syscall.EIO))
		expect(t, c, "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.", "BGREWRITEAOF")
	}
	d.SetHook(nil)
	if n := increments(t, d, c); n < 5 {
		t.Errorf("there are %d increments", n)
	}
	c.Must(t, "INCR", "counter")
	before := c.Must(t, "DEBUG", "DIGEST").Str
	c.Must(t, "DEBUG", "LOADAOF")
	if c.Must(t, "DEBUG", "DIGEST").Str != before {
		t.Error("the data differs after failures")
	}
	c.Must(t, "BGREWRITEAOF")
	rewritten(t, c)
	c.Must(t, "INCR", "counter")
	before = c.Must(t, "DEBUG", "DIGEST").Str
	c.Must(t, "DEBUG", "LOADAOF")
	if c.Must(t, "DEBUG", "DIGEST").Str != before || number(t, c, "aof_rewrites_consecutive_failures") != 0 {
		t.Error("the data differs after a rewrite")
	}
}

// TestSwitchFailsAgain has the first base fail: it is made again, from what there is then.
func TestSwitchFailsAgain(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "enable-debug-command yes")
	c.Must(t, "CONFIG", "SET", "appendonly", "no")
	c.Must(t, "SET", "a", "1")
	d.SetHook(disktest.Fail(disktest.Write, "temp-rewriteaof-bg-*", 0, 2, syscall.EIO))
	c.Must(t, "CONFIG", "SET", "appendonly", "yes")
	c.Must(t, "INCR", "a")
	testutil.Poll(t, patience, func() bool {
		return log.Has("Removing the temp incr aof file temp-appendonly.aof.incr in the background")
	})
	testutil.Poll(t, patience, func() bool {
		return number(t, c, "aof_rewrites_consecutive_failures") == 0 && number(t, c, "aof_current_size") > 0
	})
	rewritten(t, c)
	c.Must(t, "INCR", "a")
	c.Must(t, "DEBUG", "LOADAOF")
	if v := c.Must(t, "GET", "a").Str; v != "3" {
		t.Errorf("a is %s", v)
	}
}
