// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// endless is a value of rdb-key-save-delay with which no save comes to its end.
const endless = "2000000000"

// settled waits until no save is under way.
func settled(t *testing.T, c *testutil.Client) {
	t.Helper()
	testutil.Poll(t, patience, func() bool { return number(t, c, "rdb_bgsave_in_progress") == 0 })
}

// expect compares a reply.
func expect(t *testing.T, c *testutil.Client, want string, args ...string) {
	t.Helper()
	if v := do(t, c, args...); v.Str != want {
		t.Errorf("%q: %v, not %q", args, v, want)
	}
}

// keysOf starts from the file of a directory and gives how many keys it has.
func keysOf(t *testing.T, dir string) int64 {
	t.Helper()
	_, target := start(t, saving(dir, nil))
	return target.Dial(t).Must(t, "DBSIZE").Int
}

// TestBgSave saves while clients write: the file has what was there when the command came, not what its client did next.
func TestBgSave(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	o := saving(dir, log)
	o.BigValues = 1000
	_, target := start(t, o)
	c := target.Dial(t)
	fillAll(t, c)
	digest := c.Must(t, "DEBUG", "DIGEST").Str
	calls := [][]string{{"BGSAVE"}, {"SET", "later", "v"}, {"DEL", "string", "list1", "hash1"}, {"HSET", "hash0", "later", "v"}, {"SELECT", "3"}, {"FLUSHDB"}}
	for i := range 1000 {
		calls = append(calls, []string{"SET", fmt.Sprint("later:", i), "v"})
	}
	replies, err := c.Pipeline(calls...)
	if err != nil || replies[0].Value.Str != "Background saving started" {
		t.Fatalf("%v, %v", replies, err)
	}
	settled(t, c)
	if n := number(t, c, "rdb_changes_since_last_save"); n != 1006 {
		t.Errorf("%d changes since", n)
	}
	for _, line := range []string{"Background saving started by pid " + strconv.Itoa(os.Getpid()), "DB saved on disk", "Background saving terminated with success"} {
		if !log.Has(line) {
			t.Errorf("no line %q", line)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
	_, again := start(t, saving(dir, nil))
	if v := again.Dial(t).Must(t, "DEBUG", "DIGEST").Str; v != digest {
		t.Errorf("the digest is %s, was %s", v, digest)
	}
}

// TestBgSaveNothing saves no keys at all.
func TestBgSaveNothing(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	c.Must(t, "BGSAVE")
	settled(t, c)
	if n := keysOf(t, dir); n != 0 {
		t.Errorf("%d keys", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "dump.rdb")); err != nil {
		t.Error(err)
	}
}

// TestBgSaveProgress looks at a save that does not end, and cancels it.
func TestBgSaveProgress(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	const keys = 3000
	value := strings.Repeat("value ", 100)
	for i := range keys {
		c.Must(t, "SET", fmt.Sprint("key:", i), value)
	}
	expect(t, c, "ERR Background saving is currently not in progress or scheduled", "BGSAVE", "CANCEL")
	expect(t, c, "ERR syntax error", "BGSAVE", "NOW")
	expect(t, c, "ERR syntax error", "BGSAVE", "SCHEDULE", "CANCEL")
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
	expect(t, c, "Background saving started", "BGSAVE", "SCHEDULE")
	for _, args := range [][]string{{"BGSAVE"}, {"BGSAVE", "SCHEDULE"}, {"SAVE"}} {
		expect(t, c, "ERR Background save already in progress", args...)
	}
	if n := number(t, c, "current_save_keys_total"); n != keys {
		t.Errorf("%d keys are to be saved", n)
	}
	temp := filepath.Join(dir, fmt.Sprintf("temp-%d.rdb", os.Getpid()))
	testutil.Poll(t, patience, func() bool {
		_, err := os.Stat(temp)
		return err == nil && number(t, c, "current_save_keys_processed") > 0
	})
	for i := range keys {
		c.Must(t, "APPEND", fmt.Sprint("key:", i), "v")
	}
	if n := number(t, c, "current_cow_size"); n < keys*600/10 || number(t, c, "current_cow_peak") > n || number(t, c, "rdb_last_cow_size") != 0 {
		t.Errorf("%d bytes copied", n)
	}
	if n := number(t, c, "current_save_keys_processed"); n != keys {
		t.Errorf("%d keys saved, though all were changed", n)
	}
	expect(t, c, "Background saving cancelled", "BGSAVE", "CANCEL")
	settled(t, c)
	testutil.Poll(t, patience, func() bool {
		files, _ := os.ReadDir(dir)
		return len(files) == 0
	})
	if text := c.Must(t, "INFO", "persistence").Str; !strings.Contains(text, "rdb_last_bgsave_status:ok\r\n") ||
		!strings.Contains(text, "current_save_keys_total:0\r\n") || strings.Contains(text, "rdb_last_cow_size:0\r\n") {
		t.Errorf("%s", text)
	}
	c.Must(t, "SET", "k", "v") // nothing is refused
	c.Must(t, "BGSAVE")
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", "0") // which holds at once
	settled(t, c)
	if n := keysOf(t, dir); n != keys+1 {
		t.Errorf("%d keys", n)
	}
}

// TestBgSaveInTransaction has it begin when the transaction is over, and taken back before that.
func TestBgSaveInTransaction(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	c.Must(t, "MULTI")
	c.Must(t, "SET", "k", "v")
	c.Must(t, "BGSAVE")
	c.Must(t, "BGSAVE", "SCHEDULE")
	c.Must(t, "BGSAVE", "CANCEL")
	if v := c.Must(t, "EXEC"); v.Elems[1].Str != "Background saving scheduled" || v.Elems[3].Str != "Scheduled background saving cancelled" {
		t.Errorf("%v", v)
	}
	c.Must(t, "MULTI")
	c.Must(t, "BGSAVE")
	c.Must(t, "EXEC")
	testutil.Poll(t, patience, func() bool { return number(t, c, "rdb_saves") == 1 })
	settled(t, c)
	if n := keysOf(t, dir); n != 1 {
		t.Errorf("%d keys", n)
	}
}

// TestSavePoints has saves begin by themselves: when enough has changed for long enough, and again after one has failed.
func TestSavePoints(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	clock := redpoll.NewClock(time.UnixMilli(1_800_000_000_000))
	o := saving(dir, log)
	o.Clock = clock
	o.Config["save"] = "100 3 10 1000"
	_, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "MSET", "a", "v", "b", "v")
	c.Must(t, "SET", "c", "v")
	clock.Advance(100 * time.Second)
	c.Must(t, "CONFIG", "SET", "save", "100 3 10 1000 50 4") // cron has looked meanwhile, or does
	if n := number(t, c, "rdb_saves"); n != 0 {
		t.Errorf("%d saves too early", n)
	}
	clock.Advance(time.Second)
	testutil.Poll(t, patience, func() bool {
		return log.Has("3 changes in 100 seconds. Saving...") && number(t, c, "rdb_changes_since_last_save") == 0
	})
	settled(t, c)

	path := filepath.Join(dir, "dump.rdb")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "something"), 0o700); err != nil { // nothing can be put in its place
		t.Fatal(err)
	}
	c.Must(t, "MSET", "a", "1", "b", "2")
	c.Must(t, "MSET", "c", "1", "d", "2")
	clock.Advance(51 * time.Second)
	const refused = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."
	testutil.Poll(t, patience, func() bool { return strings.HasPrefix(do(t, c, "SET", "k", "v").Str, refused) })
	if !log.Has("Background saving error") || !log.Has("Error moving temp DB file") || !strings.Contains(c.Must(t, "INFO", "persistence").Str, "rdb_last_bgsave_status:err\r\n") {
		t.Error("the log and INFO do not tell of the error")
	}
	for _, args := range [][]string{{"SET", "k", "v"}, {"PING"}, {"FLUSHALL"}} {
		if v := do(t, c, args...); !strings.HasPrefix(v.Str, refused) {
			t.Errorf("%q: %v", args, v)
		}
	}
	expect(t, c, "1", "GET", "a")
	saves := c.Must(t, "CONFIG", "GET", "save").Elems[1].Str
	for _, directive := range [][2]string{{"stop-writes-on-bgsave-error", "no"}, {"save", ""}} {
		was := c.Must(t, "CONFIG", "GET", directive[0]).Elems[1].Str
		c.Must(t, "CONFIG", "SET", directive[0], directive[1])
		c.Must(t, "SET", "k", "v")
		c.Must(t, "CONFIG", "SET", directive[0], was)
		if v := do(t, c, "SET", "k", "v"); !strings.HasPrefix(v.Str, refused) {
			t.Errorf("with %q again: %v", directive, v)
		}
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	c.Must(t, "CONFIG", "SET", "save", saves)
	if n := number(t, c, "rdb_saves"); n != 2 {
		t.Errorf("%d saves before it is time to try again", n)
	}
	clock.Advance(6 * time.Second)
	testutil.Poll(t, patience, func() bool { return do(t, c, "SET", "k", "v").Str == "OK" })
	if n := number(t, c, "rdb_changes_since_last_save"); n != 1 || number(t, c, "rdb_saves") != 3 {
		t.Errorf("%d changes", n)
	}
}

// TestSaveEndsRefusal has SAVE show that the disk works again.
func TestSaveEndsRefusal(t *testing.T) {
	dir := t.TempDir()
	o := saving(dir, nil)
	o.Config["save"] = "3600 1"
	_, target := start(t, o)
	c := target.Dial(t)
	path := filepath.Join(dir, "dump.rdb")
	if err := os.MkdirAll(filepath.Join(path, "something"), 0o700); err != nil {
		t.Fatal(err)
	}
	if v := do(t, c, "SAVE"); v.Str != "ERR" || do(t, c, "PING").Str != "PONG" {
		t.Errorf("SAVE: %v, which is told to who asked", v)
	}
	c.Must(t, "BGSAVE")
	testutil.Poll(t, patience, func() bool { return strings.HasPrefix(do(t, c, "PING").Str, "MISCONF ") })
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	settled(t, c)
	c.Must(t, "SAVE")
	expect(t, c, "PONG", "PING")
}

// TestFlushAllEndsSave has FLUSHALL end a save that is under way, with and without a file of its own.
func TestFlushAllEndsSave(t *testing.T) {
	for _, points := range []string{"", "3600 1"} {
		dir := t.TempDir()
		o := saving(dir, nil)
		o.Config["save"] = points
		_, target := start(t, o)
		c := target.Dial(t)
		for i := range 100 {
			c.Must(t, "SET", fmt.Sprint("key:", i), "v")
		}
		c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
		c.Must(t, "BGSAVE")
		c.Must(t, "FLUSHALL")
		settled(t, c)
		testutil.Poll(t, patience, func() bool {
			files, _ := os.ReadDir(dir)
			return len(files) == 0 && points == "" || len(files) == 1 && files[0].Name() == "dump.rdb"
		})
		if n := number(t, c, "rdb_changes_since_last_save"); points == "" && n < 101 || points != "" && n != 0 {
			t.Errorf("save %q: %d changes", points, n)
		}
		if n := keysOf(t, dir); n != 0 {
			t.Errorf("save %q: %d keys came back", points, n)
		}
	}
}

// TestShutdownEndsSave ends the server while a save is under way: what it has written is gone, and the last save has what is newer.
func TestShutdownEndsSave(t *testing.T) {
	for _, how := range []string{"NOSAVE", "SAVE"} {
		dir, log := t.TempDir(), &testutil.Lines{}
		s, target := start(t, saving(dir, log))
		c := target.Dial(t)
		c.Must(t, "SET", "k", "v")
		c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
		c.Must(t, "BGSAVE")
		c.Must(t, "SET", "later", "v")
		delay := endless
		if how == "SAVE" {
			delay = "0" // or the last save had it too
		}
		if replies, err := c.Pipeline([]string{"CONFIG", "SET", "rdb-key-save-delay", delay}, []string{"SHUTDOWN", how}); err == nil {
			t.Errorf("SHUTDOWN %s: %v", how, replies)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		files, _ := os.ReadDir(dir)
		switch {
		case how == "NOSAVE" && len(files) != 0, how == "SAVE" && (len(files) != 1 || keysOf(t, dir) != 2):
			t.Errorf("SHUTDOWN %s leaves %d files", how, len(files))
		case how == "NOSAVE" && !log.Has("Background saving cancelled"):
			t.Error("the log does not tell that the save was cancelled")
		}
	}
}

// TestOldTemps has a start remove what saves have left that did not end, but not those of others, or what only looks like it.
func TestOldTemps(t *testing.T) {
	dir := t.TempDir()
	gone := 1 << 30 // no system has so many processes
	old := time.Now().Add(-time.Hour)
	for name, left := range map[string]bool{
		fmt.Sprintf("temp-%d.rdb", gone): false, fmt.Sprintf("temp-%d-0123abcd.rdb", gone): false, fmt.Sprintf("temp-%d.rdb", os.Getpid()): false,
		fmt.Sprintf("temp-%d.rdb", os.Getppid()): true, "temp-x.rdb": true, "temp-.rdb": true, fmt.Sprintf("temp-%d.aof", gone): true,
		fmt.Sprintf("temp-%d-new.rdb", gone): true,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(name, "new") {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			if _, err := os.Stat(path); (err == nil) != left {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, fmt.Sprintf("temp-%d-new.rdb", gone)), future, future); err != nil {
		t.Fatal(err)
	}
	start(t, saving(dir, nil))
}
