// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// saving gives the options of a server whose file is in a directory.
func saving(dir string, log *testutil.Lines) redpoll.Options {
	o := redpoll.Options{Config: map[string]string{"dir": dir, "enable-debug-command": "yes"}}
	if log != nil {
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	return o
}

// TestSave saves and starts from the file: the data is what it was, but for keys that are past their time.
func TestSave(t *testing.T) {
	dir := t.TempDir()
	clock := redpoll.NewClock(time.UnixMilli(1_800_000_000_000))
	o := saving(dir, nil)
	o.Clock = clock
	_, target := start(t, o)
	c := target.Dial(t)
	fillAll(t, c)
	c.Must(t, "PSETEX", "dying", "1000", "v")
	c.Must(t, "PSETEX", "living", "1000000", "v")
	if n := number(t, c, "rdb_changes_since_last_save"); n < 20 {
		t.Errorf("%d changes", n)
	}
	clock.Advance(500 * time.Millisecond)
	replies, err := c.Pipeline([]string{"SET", "last", "v"}, []string{"SAVE"}, []string{"INFO", "persistence"}) // of one batch
	if err != nil || replies[1].Value.Str != "OK" || !strings.Contains(replies[2].Value.Str, "rdb_changes_since_last_save:0\r\n") {
		t.Errorf("%v, %v", replies, err)
	}
	if v := c.Must(t, "LASTSAVE"); v.Int != 1_800_000_000 || number(t, c, "rdb_last_save_time") != v.Int || number(t, c, "rdb_saves") != 1 {
		t.Errorf("saved at %v", v)
	}
	digest := c.Must(t, "DEBUG", "DIGEST").Str
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}

	o.Clock = redpoll.NewClock(clock.Now())
	_, again := start(t, o)
	d := again.Dial(t)
	if v := d.Must(t, "DEBUG", "DIGEST").Str; v != digest {
		t.Errorf("the digest is %s, was %s", v, digest)
	}
	if n := number(t, d, "rdb_changes_since_last_save"); n != 0 {
		t.Errorf("%d changes at the start", n)
	}
	later := saving(dir, nil)
	later.Clock = redpoll.NewClock(clock.Now().Add(time.Second))
	_, again = start(t, later)
	d = again.Dial(t)
	if v := d.Must(t, "EXISTS", "dying", "living", "last"); v.Int != 2 || number(t, d, "rdb_last_load_keys_expired") != 1 {
		t.Errorf("%d of the two that live are there", v.Int)
	}
}

// fillAll makes a value of each type, small and large.
func fillAll(t *testing.T, c *testutil.Client) {
	t.Helper()
	long := strings.Repeat("a long text ", 50)
	c.Must(t, "SET", "string", "v")
	c.Must(t, "SET", "int", "-12345")
	c.Must(t, "SET", "long", strings.Repeat(long, 2000))
	for i, n := range []int{3, 2000} {
		for j := range n {
			text := fmt.Sprint("text:", j)
			if j%100 == 99 {
				text += long
			}
			key := func(kind string) string { return kind + strconv.Itoa(i) }
			c.Must(t, "RPUSH", key("list"), text)
			c.Must(t, "SADD", key("set"), text)
			c.Must(t, "SADD", key("ints"), strconv.Itoa(j*j))
			c.Must(t, "ZADD", key("zset"), fmt.Sprint(float64(j)/3), text)
			c.Must(t, "HSET", key("hash"), text, text)
			c.Must(t, "XADD", key("stream"), fmt.Sprint(j+1, "-1"), "field", text)
		}
	}
	c.Must(t, "XGROUP", "CREATE", "stream1", "group", "0")
	c.Must(t, "XREADGROUP", "GROUP", "group", "somebody", "COUNT", "100", "STREAMS", "stream1", ">")
	c.Must(t, "EXPIRE", "hash1", "100000")
	c.Must(t, "SELECT", "3")
	c.Must(t, "SET", "elsewhere", "v")
	c.Must(t, "SELECT", "0")
}

// TestSaveInterchange has the file of each server read by the other.
func TestSaveInterchange(t *testing.T) {
	bin := testutil.OracleBinary(t)
	for _, values := range []string{"", "1000"} {
		dir := t.TempDir()
		o := saving(dir, nil)
		if values != "" {
			o.BigValues, _ = strconv.Atoi(values)
		}
		_, target := start(t, o)
		c := target.Dial(t)
		fillAll(t, c)
		c.Must(t, "SAVE")
		theirs := testutil.Process(t, bin, "--dbfilename", "ours.rdb", "--enable-debug-command", "yes")
		there := theirs.Dial(t)
		home := there.Must(t, "CONFIG", "GET", "dir").Elems[1].Str
		carry(t, filepath.Join(dir, "dump.rdb"), filepath.Join(home, "ours.rdb"))
		there.Must(t, "DEBUG", "RELOAD", "NOSAVE")
		sameData(t, c, there)
		there.Must(t, "SAVE")
		carry(t, filepath.Join(home, "ours.rdb"), filepath.Join(dir, "dump.rdb"))
		c.Must(t, "FLUSHALL")
		c.Must(t, "DEBUG", "RELOAD", "NOSAVE")
		sameData(t, c, there)
	}
}

func carry(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sameData compares two servers key by key.
func sameData(t *testing.T, a, b *testutil.Client) {
	t.Helper()
	sameKeys(t, a, b)
	for _, key := range a.Must(t, "KEYS", "*").Strings() {
		if x, y := a.Must(t, "PEXPIRETIME", key).Int, b.Must(t, "PEXPIRETIME", key).Int; x != y {
			t.Errorf("%s expires at %d and %d", key, x, y)
		}
	}
	if x, y := a.Must(t, "DEBUG", "DIGEST").Str, b.Must(t, "DEBUG", "DIGEST").Str; x != y {
		t.Errorf("the data differs")
	}
}

// TestDebugReload saves and loads in place: options, errors, and that a damaged file costs nothing.
func TestDebugReload(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	_, target := start(t, saving(dir, log))
	c := target.Dial(t)
	fillAll(t, c)
	digest := c.Must(t, "DEBUG", "DIGEST").Str
	c.Must(t, "DEBUG", "RELOAD")
	if v := c.Must(t, "DEBUG", "DIGEST").Str; v != digest || number(t, c, "rdb_changes_since_last_save") != 0 {
		t.Errorf("the digest is %s, was %s", v, digest)
	}
	c.Must(t, "SET", "new", "v")
	c.Must(t, "DEL", "string")
	const failed = "ERR Error trying to load the RDB dump, check server logs."
	if v := do(t, c, "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"); v.Str != failed {
		t.Errorf("keys that are there already: %v", v)
	}
	c.Must(t, "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE")
	if v := c.Must(t, "EXISTS", "new", "string"); v.Int != 2 {
		t.Errorf("%d of the two are there", v.Int)
	}
	c.Must(t, "DEBUG", "RELOAD", "NOSAVE")
	if v := c.Must(t, "DEBUG", "DIGEST").Str; v != digest {
		t.Errorf("the digest is %s, was %s", v, digest)
	}
	if v := do(t, c, "DEBUG", "RELOAD", "NONSENSE"); v.Str != "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options." {
		t.Errorf("%v", v)
	}
	path := filepath.Join(dir, "dump.rdb")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)/2] ^= 1
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := do(t, c, "DEBUG", "RELOAD", "NOSAVE"); v.Str != failed || !log.Has("at offset ") {
		t.Errorf("a damaged file: %v", v)
	}
	if v := c.Must(t, "DEBUG", "DIGEST").Str; v != digest {
		t.Errorf("the digest is %s after a damaged file, was %s", v, digest)
	}
	if _, err := redpoll.Start(saving(dir, log)); err == nil || !strings.Contains(err.Error(), "Terminating server after rdb file reading failure.") ||
		!strings.Contains(err.Error(), "at offset ") {
		t.Errorf("a start from it: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if v := do(t, c, "DEBUG", "RELOAD", "NOSAVE"); v.Str != failed || c.Must(t, "DEBUG", "DIGEST").Str != digest {
		t.Errorf("no file: %v", v)
	}
}

// TestReloadServes has clients wait for keys that a file has.
func TestReloadServes(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c, waiting := target.Dial(t), target.Dial(t)
	c.Must(t, "RPUSH", "list", "a")
	c.Must(t, "SAVE")
	c.Must(t, "DEL", "list")
	if err := waiting.Send("BLPOP", "list", "0"); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return number(t, c, "blocked_clients") == 1 })
	c.Must(t, "DEBUG", "RELOAD", "NOSAVE")
	if r, err := waiting.Receive(); err != nil || len(r.Value.Elems) != 2 || c.Must(t, "EXISTS", "list").Int != 0 {
		t.Errorf("%v, %v", r, err)
	}
}

// TestSaveFails has no place for the file: the old one stays, nothing is left, the server goes on.
func TestSaveFails(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	o := saving(dir, log)
	o.Config["save"] = "3600 1"
	_, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "SET", "k", "v")
	if err := os.MkdirAll(filepath.Join(dir, "dump.rdb", "something"), 0o700); err != nil { // nothing can be put in its place
		t.Fatal(err)
	}
	if v := do(t, c, "SAVE"); v.Str != "ERR" || !log.Has("Error moving temp DB file") {
		t.Errorf("SAVE: %v", v)
	}
	if v := do(t, c, "SHUTDOWN"); v.Str != "ERR Errors trying to SHUTDOWN. Check logs." || !log.Has("Error trying to save the DB, can't exit.") {
		t.Errorf("SHUTDOWN: %v", v)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 || number(t, c, "rdb_changes_since_last_save") != 1 {
		t.Errorf("%d files", len(files))
	}
	if err := c.Send("SHUTDOWN", "SAVE", "FORCE"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Receive(); err == nil {
		t.Errorf("SHUTDOWN SAVE FORCE: %v", r)
	}
}

// TestFlushAllSaves has FLUSHALL empty the file too.
func TestFlushAllSaves(t *testing.T) {
	dir := t.TempDir()
	o := saving(dir, nil)
	o.Config["save"] = "3600 1"
	_, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "SET", "k", "v")
	c.Must(t, "SAVE")
	c.Must(t, "FLUSHDB")
	if n := number(t, c, "rdb_changes_since_last_save"); n != 1 || number(t, c, "rdb_saves") != 1 {
		t.Errorf("%d changes after FLUSHDB", n)
	}
	c.Must(t, "SET", "k", "v")
	c.Must(t, "FLUSHALL")
	if n := number(t, c, "rdb_changes_since_last_save"); n != 0 || number(t, c, "rdb_saves") != 1 { // which it does not count as
		t.Errorf("%d changes after FLUSHALL", n)
	}
	if n := keysOf(t, dir); n != 0 {
		t.Errorf("%d keys came back", n)
	}
	c.Must(t, "EVAL", "redis.call('set', 'a', 1) redis.call('flushall') redis.call('flushall') redis.call('set', 'b', 1)", "0")
	if n := number(t, c, "rdb_changes_since_last_save"); n != 0 {
		t.Errorf("%d changes after a script's FLUSHALL", n)
	}
	if n := keysOf(t, dir); n != 1 {
		t.Errorf("%d keys are in the file, but the script has set one after FLUSHALL", n)
	}
}

// TestUndoneFlushAllSavesNothing kills a script that has emptied all databases.
func TestUndoneFlushAllSavesNothing(t *testing.T) {
	dir := t.TempDir()
	o := saving(dir, nil)
	o.Config["save"], o.Config["busy-reply-threshold"] = "3600 1", "5"
	_, target := start(t, o)
	c, killer := target.Dial(t), target.Dial(t)
	c.Must(t, "SET", "k", "v")
	c.Must(t, "SAVE")
	if err := c.Send("EVAL", "redis.call('flushall') while true do end", "0"); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, 10*time.Second, func() bool {
		v, err := killer.Do("SCRIPT", "KILL")
		return err == nil && v.Str == "OK"
	})
	if v, err := c.Receive(); err != nil || !v.Value.IsError() {
		t.Errorf("the script is killed: %v, %v", v, err)
	}
	expect(t, c, "v", "GET", "k")
	if n := keysOf(t, dir); n != 1 || number(t, c, "rdb_changes_since_last_save") != 0 {
		t.Errorf("%d keys are in the file", n)
	}
}

// TestShutdownSaves ends a server while others write: what was acknowledged is in the file.
func TestShutdownSaves(t *testing.T) {
	dir := t.TempDir()
	o := saving(dir, nil)
	o.Config["save"] = "3600 1"
	_, target := start(t, o)
	const writers = 4
	var acknowledged [writers]int
	var wg sync.WaitGroup
	begun := make(chan bool, writers)
	for i := range writers {
		c := target.Dial(t)
		wg.Go(func() {
			for n := 1; ; n++ {
				if v, err := c.Do("INCR", fmt.Sprint("counter:", i)); err != nil || v.IsError() {
					return
				}
				if acknowledged[i] = n; n == 200 {
					begun <- true
				}
			}
		})
	}
	for range writers {
		<-begun
	}
	if v, err := target.Dial(t).Do("SHUTDOWN"); err == nil {
		t.Errorf("SHUTDOWN: %v", v)
	}
	wg.Wait()
	_, again := start(t, saving(dir, nil))
	c := again.Dial(t)
	for i, n := range acknowledged {
		if v := c.Must(t, "GET", fmt.Sprint("counter:", i)).Str; v != strconv.Itoa(n) && v != strconv.Itoa(n+1) {
			t.Errorf("writer %d was told of %d, the file has %s", i, n, v)
		}
	}
}
