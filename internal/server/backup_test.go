// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// backupField gives a field of BACKUP STATUS.
func backupField(t *testing.T, c *testutil.Client, name string) testutil.Value {
	t.Helper()
	status := c.Must(t, "BACKUP", "STATUS").Elems
	for i := 0; i+1 < len(status); i += 2 {
		if status[i].Str == name {
			return status[i+1]
		}
	}
	t.Fatalf("no %s in %v", name, status)
	return testutil.Value{}
}

// backupIs waits until a backup has a state.
func backupIs(t *testing.T, c *testutil.Client, state string) {
	t.Helper()
	testutil.Poll(t, patience, func() bool { return backupField(t, c, "state").Str == state })
}

// begun begins a backup and waits until its snapshot is complete.
func begun(t *testing.T, c *testutil.Client) {
	t.Helper()
	expect(t, c, "OK", "BACKUP", "START")
	backupIs(t, c, "incrementing")
}

// names gives the names of the files that BACKUP LIST names, which must be there, in the directory.
func names(t *testing.T, c *testutil.Client, dir string) (all []string) {
	t.Helper()
	for _, path := range c.Must(t, "BACKUP", "LIST").Strings() {
		if _, err := os.Stat(path); err != nil || filepath.Dir(path) != filepath.Join(dir, "backupdir") {
			t.Errorf("%s: %v", path, err)
		}
		all = append(all, filepath.Base(path))
	}
	return all
}

// filesIn lists a directory, which need not be there.
func filesIn(dir string) (all []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// preloaded starts a server from a file, in a directory of its own.
func preloaded(t *testing.T, from string, more ...string) *testutil.Client {
	t.Helper()
	o := saving(t.TempDir(), nil)
	o.Config["preload-file"] = from
	for i := 0; i < len(more); i += 2 {
		o.Config[more[i]] = more[i+1]
	}
	_, target := start(t, o)
	return target.Dial(t)
}

const backupManifest = "appendonly.aof.manifest"

// TestBackup makes a backup from its beginning to its end while clients write, and starts from it: it has what was there when it was sealed.
func TestBackup(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	o := saving(dir, log)
	o.BigValues = 1000
	_, target := start(t, o)
	c := target.Dial(t)
	fillAll(t, c)
	for i, want := range []string{"idle", "", "0", "0"} {
		if got := backupField(t, c, []string{"state", "error", "start_time", "end_time"}[i]); got.Str != want && fmt.Sprint(got.Int) != want {
			t.Errorf("field %d is %v", i, got)
		}
	}
	expect(t, c, "OK", "BACKUP", "START")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 2 {
		d := target.Dial(t)
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				replies, err := d.Pipeline([]string{"MULTI"}, []string{"INCR", fmt.Sprint("a", n)}, []string{"INCR", fmt.Sprint("b", n)}, []string{"EXEC"},
					[]string{"HSET", "hash1", fmt.Sprint("later", i), "v"}, []string{"RPOPLPUSH", "list1", "list0"})
				if err != nil || replies[3].Value.IsError() {
					t.Errorf("%v, %v", replies, err)
					return
				}
			}
		})
	}
	backupIs(t, c, "incrementing")
	if got := names(t, c, dir); !slices.Equal(got, []string{"appendonly.aof.1.base.rdb"}) || number(t, c, "backup_in_progress") != 1 {
		t.Errorf("%q", got)
	}
	c.Must(t, "SET", "before the seal", "v")
	sealed := target.Dial(t)
	replies, err := c.Pipeline([]string{"SET", "of one batch", "v"}, []string{"BACKUP", "SEAL"}, []string{"SET", "behind the seal", "v"})
	if err != nil || replies[1].Value.Str != "OK" {
		t.Fatalf("%v, %v", replies, err)
	}
	close(stop)
	wg.Wait()
	if got := names(t, sealed, dir); !slices.Equal(got, []string{"appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", backupManifest}) ||
		number(t, c, "backup_in_progress") != 0 {
		t.Errorf("%q", got)
	}
	if began, ended := backupField(t, c, "start_time").Int, backupField(t, c, "end_time").Int; began < 1_700_000_000 || ended < began {
		t.Errorf("from %d to %d", began, ended)
	}
	d := preloaded(t, "aof:"+filepath.Join(dir, "backupdir", backupManifest))
	if d.Must(t, "EXISTS", "before the seal", "of one batch").Int != 2 || d.Must(t, "EXISTS", "behind the seal").Int != 0 {
		t.Error("another moment was sealed")
	}
	for n := range 2 {
		if a, b := d.Must(t, "GET", fmt.Sprint("a", n)).Str, d.Must(t, "GET", fmt.Sprint("b", n)).Str; a != b {
			t.Errorf("half a transaction: %s and %s", a, b)
		}
	}
	if got, want := d.Must(t, "DEBUG", "DIGEST-VALUE", "stream1", "zset1", "long"), c.Must(t, "DEBUG", "DIGEST-VALUE", "stream1", "zset1", "long"); testutil.Format(got) != testutil.Format(want) {
		t.Errorf("%v, not %v", got, want)
	}
	if b := preloaded(t, "rdb:"+filepath.Join(dir, "backupdir", "appendonly.aof.1.base.rdb")); b.Must(t, "EXISTS", "string", "before the seal").Int != 1 {
		t.Error("the base is of another moment")
	}
	expect(t, c, "OK", "BACKUP", "CLEANUP")
	if got := filesIn(filepath.Join(dir, "backupdir")); len(got) != 0 || backupField(t, c, "state").Str != "idle" {
		t.Errorf("%q are left", got)
	}
}

// TestBackupSteps takes steps that may not be taken, and gives backups up.
func TestBackupSteps(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	where := filepath.Join(dir, "backupdir")
	expect(t, c, "ERR No backup in progress", "BACKUP", "ABORT")
	expect(t, c, "ERR No backup ready to seal (must be in the incrementing state)", "BACKUP", "SEAL")
	expect(t, c, "OK", "BACKUP", "CLEANUP")
	begun(t, c)
	expect(t, c, "ERR A backup is already in progress, ABORT it first", "BACKUP", "START")
	expect(t, c, "ERR Backup is in progress", "BACKUP", "CLEANUP")
	expect(t, c, "OK", "BACKUP", "ABORT")
	if got := filesIn(where); len(got) != 0 || backupField(t, c, "state").Str != "failed" || backupField(t, c, "error").Str != "aborted by user" {
		t.Errorf("aborted: %q, %v", got, c.Must(t, "BACKUP", "STATUS"))
	}
	expect(t, c, "ERR No backup in progress", "BACKUP", "ABORT")
	expect(t, c, "ERR No backup ready to seal (must be in the incrementing state)", "BACKUP", "SEAL")
	begun(t, c)
	expect(t, c, "OK", "BACKUP", "SEAL")
	expect(t, c, "ERR A sealed backup exists, CLEANUP it first", "BACKUP", "START")
	expect(t, c, "ERR No backup in progress", "BACKUP", "ABORT")
	expect(t, c, "OK", "BACKUP", "CLEANUP")
	if err := os.WriteFile(filepath.Join(where, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if v := do(t, c, "BACKUP", "START"); !strings.Contains(v.Str, "is not empty") || backupField(t, c, "state").Str != "idle" {
		t.Errorf("a directory with files: %v", v)
	}
	if err := os.RemoveAll(where); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(where, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if v := do(t, c, "BACKUP", "START"); !strings.HasPrefix(v.Str, "ERR Can't create backup directory") {
		t.Errorf("a file for a directory: %v", v)
	}
	if err := os.Remove(where); err != nil {
		t.Fatal(err)
	}
	replies, err := c.Pipeline([]string{"MULTI"}, []string{"SET", "a", "1"}, []string{"BACKUP", "START"}, []string{"SET", "b", "1"}, []string{"BACKUP", "STATUS"}, []string{"EXEC"})
	if err != nil || replies[5].Value.IsError() {
		t.Fatalf("%v, %v", replies, err)
	}
	backupIs(t, c, "incrementing")
	d := preloaded(t, "rdb:"+c.Must(t, "BACKUP", "LIST").Strings()[0])
	if n := d.Must(t, "EXISTS", "a", "b").Int; n != 2 {
		t.Errorf("%d keys of the transaction are in the base", n)
	}
	expect(t, c, "OK", "BACKUP", "ABORT")
}

// TestBackupWaits has a backup wait for a save, and be given up meanwhile.
func TestBackupWaits(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	c.Must(t, "DEBUG", "POPULATE", "1000")
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
	c.Must(t, "BGSAVE")
	expect(t, c, "OK", "BACKUP", "START")
	if got := names(t, c, dir); len(got) != 0 || backupField(t, c, "state").Str != "pending" || number(t, c, "backup_in_progress") != 1 {
		t.Errorf("%q, %v", got, c.Must(t, "BACKUP", "STATUS"))
	}
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", "0")
	backupIs(t, c, "incrementing")
	expect(t, c, "OK", "BACKUP", "SEAL")
	expect(t, c, "OK", "BACKUP", "CLEANUP")
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", endless)
	expect(t, c, "OK", "BACKUP", "START")
	backupIs(t, c, "snapshotting")
	c.Must(t, "SET", "k", "v")
	expect(t, c, "OK", "BACKUP", "ABORT")
	c.Must(t, "BGSAVE")
	expect(t, c, "OK", "BACKUP", "START")
	expect(t, c, "OK", "BACKUP", "ABORT")
	if got := filesIn(filepath.Join(dir, "backupdir")); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
	c.Must(t, "CONFIG", "SET", "rdb-key-save-delay", "0")
	settled(t, c)
	begun(t, c)
}

// TestBackupFails has the disk fail at each of a backup's steps: the server goes on, nothing is left of the backup, and the next one works.
func TestBackupFails(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	_, c := onDisk(t, d, log, "")
	dir := filepath.Join(c.Must(t, "CONFIG", "GET", "dir").Elems[1].Str, "backupdir")
	for _, tc := range []struct {
		kind disktest.Kind
		name string
	}{
		{disktest.Open, "*.incr.aof"}, {disktest.Open, "temp-*.rdb"}, {disktest.Write, "temp-*.rdb"}, {disktest.Sync, "temp-*.rdb"}, {disktest.Rename, "temp-*.rdb"},
		{disktest.SyncDir, "backupdir"}, {disktest.Write, "*.incr.aof"}, {disktest.Sync, "*.incr.aof"}, {disktest.Open, "temp-*.manifest"},
		{disktest.Write, "temp-*.manifest"}, {disktest.Rename, "temp-*.manifest"},
	} {
		fail := disktest.Fail(tc.kind, tc.name, 0, 1, syscall.EIO)
		d.SetHook(func(op disktest.Op) error {
			if filepath.Dir(op.Path) == dir || op.Path == dir {
				return fail(op)
			}
			return nil
		})
		v := do(t, c, "BACKUP", "START")
		if v.Str == "OK" {
			testutil.Poll(t, patience, func() bool {
				state := backupField(t, c, "state").Str
				return state == "incrementing" || state == "failed"
			})
			c.Must(t, "SET", "k", "v")
			v = do(t, c, "BACKUP", "SEAL")
		}
		state, failure := backupField(t, c, "state").Str, backupField(t, c, "error").Str
		if !strings.Contains(v.Str+failure, "nput/output error") || state == "sealed" {
			t.Errorf("%s of %s: %v, %s: %s", tc.kind, tc.name, v, state, failure)
		}
		d.SetHook(nil)
		if entries, err := d.ReadDir(dir); err == nil && len(entries) > 0 {
			t.Fatalf("%s of %s: %v are left", tc.kind, tc.name, entries)
		}
		c.Must(t, "SET", "k", "v")
		begun(t, c)
		expect(t, c, "OK", "BACKUP", "SEAL")
		expect(t, c, "OK", "BACKUP", "CLEANUP")
	}
}

// TestBackupIsForgotten removes a sealed backup after its time, and one that is not sealed at the end of the server.
func TestBackupIsForgotten(t *testing.T) {
	dir := t.TempDir()
	clock := redpoll.NewClock(time.UnixMilli(1_800_000_000_000))
	o := saving(dir, nil)
	o.Clock = clock
	o.Config["backup-sealed-ttl"], o.Config["enable-protected-configs"] = "100", "yes"
	server, target := start(t, o)
	c := target.Dial(t)
	begun(t, c)
	clock.Advance(1000 * time.Second)
	expect(t, c, "OK", "BACKUP", "SEAL")
	if began, ended := backupField(t, c, "start_time").Int, backupField(t, c, "end_time").Int; began != 1_800_000_000 || ended != began+1000 {
		t.Errorf("from %d to %d", began, ended)
	}
	clock.Advance(99 * time.Second)
	c.Must(t, "CONFIG", "SET", "backup-schedule", "every 1d", "backup-dir", "shelf")
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_backups") == 1 }) // cron has had more than a turn
	if backupField(t, c, "state").Str != "sealed" {
		t.Error("it is gone too early")
	}
	clock.Advance(time.Second)
	backupIs(t, c, "idle")
	begun(t, c)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesIn(filepath.Join(dir, "backupdir")); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

// TestPreload starts from files that are elsewhere, and does not look at its own.
func TestPreload(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	c.Must(t, "SET", "k", "theirs")
	c.Must(t, "SAVE")
	log := &testutil.Lines{}
	own := saving(t.TempDir(), log)
	_, target = start(t, own)
	c = target.Dial(t)
	c.Must(t, "SET", "k", "mine")
	c.Must(t, "SET", "only", "mine")
	c.Must(t, "SAVE")
	own.Config["preload-file"] = "rdb:" + filepath.Join(dir, "dump.rdb")
	_, target = start(t, own)
	c = target.Dial(t)
	if v := c.Must(t, "GET", "k").Str; v != "theirs" || c.Must(t, "DBSIZE").Int != 1 {
		t.Errorf("started from another file: %s", v)
	}
	file := "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nlog\r\n*1\r\n$4\r\nEXEC\r\n"
	if err := os.WriteFile(filepath.Join(dir, "x.aof"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	if v := preloaded(t, "aof:"+filepath.Join(dir, "x.aof")).Must(t, "GET", "k").Str; v != "log" {
		t.Errorf("from commands: %s", v)
	}
	torn := filepath.Join(dir, "torn.aof")
	if err := os.WriteFile(torn, []byte(file[:len(file)-9]), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"rdb:" + filepath.Join(dir, "none.rdb"), "aof:" + filepath.Join(dir, "none.manifest"), "aof:" + filepath.Join(dir, "none.aof"),
		"aof:" + torn} {
		o := saving(t.TempDir(), nil)
		o.Config["preload-file"] = from
		if s, err := redpoll.Start(o); err == nil {
			s.Close()
			t.Errorf("started from %s", from)
		}
	}
	if b, err := os.ReadFile(torn); err != nil || len(b) != len(file)-9 {
		t.Errorf("a file that the server has only borrowed has %d bytes, %v", len(b), err)
	}
}

// TestPreloadOwn names the server's own files: they are not written anew.
func TestPreloadOwn(t *testing.T) {
	dir := t.TempDir()
	o := logging(dir, nil)
	s, target := start(t, o)
	target.Dial(t).Must(t, "SET", "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Config["preload-file"] = "aof:appendonlydir/" + backupManifest
	_, target = start(t, o)
	c := target.Dial(t)
	if v := c.Must(t, "GET", "k").Str; v != "v" || number(t, c, "aof_rewrites") != 0 || manifest(t, dir) != "1.base.rdb 1.incr.aof" {
		t.Errorf("%s, %s", v, manifest(t, dir))
	}
}

// TestBackupBesideLog makes a backup of a server that logs, and rewrites its own files meanwhile.
func TestBackupBesideLog(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, logging(dir, nil))
	c := target.Dial(t)
	c.Must(t, "SET", "a", "1")
	begun(t, c)
	c.Must(t, "SET", "b", "2")
	c.Must(t, "BGREWRITEAOF")
	rewritten(t, c)
	c.Must(t, "SET", "c", "3")
	c.Must(t, "CONFIG", "SET", "appendonly", "no")
	c.Must(t, "SET", "d", "4")
	expect(t, c, "OK", "BACKUP", "SEAL")
	c.Must(t, "CONFIG", "SET", "appendonly", "yes")
	rewritten(t, c)
	c.Must(t, "SET", "e", "5")
	for _, more := range [][]string{{"appendonly", "no"}, {"appendonly", "yes"}} {
		d := preloaded(t, "aof:"+filepath.Join(dir, "backupdir", backupManifest), more...)
		if n := d.Must(t, "EXISTS", "a", "b", "c", "d").Int; n != 4 || d.Must(t, "DBSIZE").Int != 4 {
			t.Errorf("%q: %d keys are there", more, n)
		}
	}
}

// TestScheduledBackups lets days go by.
func TestScheduledBackups(t *testing.T) {
	dir, log := t.TempDir(), &testutil.Lines{}
	clock := redpoll.NewClock(time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local))
	o := saving(dir, log)
	o.Clock = clock
	o.Config["backup-dir"], o.Config["backup-schedule"], o.Config["backup-keep"] = "shelf", "daily 03:00", "2"
	_, target := start(t, o)
	c := target.Dial(t)
	shelf := filepath.Join(dir, "shelf")
	c.Must(t, "SET", "day", "0")
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_next_backup_time") == clock.Now().Add(15*time.Hour).Unix() })
	if got := filesIn(shelf); len(got) != 0 {
		t.Errorf("%q are there already", got)
	}
	for day := range 4 {
		c.Must(t, "SET", "day", fmt.Sprint(day))
		clock.Advance(24 * time.Hour)
		testutil.Poll(t, patience, func() bool {
			return number(t, c, "redpoll_backups") == int64(day+1) && len(filesIn(shelf)) == min(day+1, 2)
		})
		if next := number(t, c, "redpoll_next_backup_time"); next != clock.Now().Add(15*time.Hour).Unix() {
			t.Errorf("the next is due at %v", time.Unix(next, 0))
		}
	}
	want := []string{"backup-" + clock.Now().Add(-24*time.Hour).UTC().Format("20060102-150405"), "backup-" + clock.Now().UTC().Format("20060102-150405")}
	if got := filesIn(shelf); !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	for i, name := range want {
		if got := filesIn(filepath.Join(shelf, name)); !slices.Equal(got, []string{"appendonly.aof.1.base.rdb", backupManifest}) {
			t.Errorf("%s has %q", name, got)
		}
		if v := preloaded(t, "aof:"+filepath.Join(shelf, name, backupManifest)).Must(t, "GET", "day").Str; v != fmt.Sprint(2+i) {
			t.Errorf("%s is of day %s", name, v)
		}
	}
	if got := filesIn(dir); !slices.Equal(got, []string{"shelf"}) {
		t.Errorf("%q are left", got)
	}
	if !log.Has("Backup "+want[1]+" is in") || !log.Has("was removed, since there are newer ones") {
		t.Error("the log does not tell")
	}

	c.Must(t, "CONFIG", "SET", "backup-schedule", "every 2h")
	clock.Advance(time.Hour)
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_next_backup_time") == clock.Now().Add(time.Hour).Unix() })
	if err := os.Rename(shelf, shelf+"2"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shelf, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_backup_failures") == 1 })
	if info := c.Must(t, "INFO", "persistence").Str; !strings.Contains(info, "redpoll_last_backup_status:err\r\nredpoll_last_backup_error:it cannot be written to "+shelf+": Not a directory") ||
		!log.Has("Scheduled backup failed") {
		t.Errorf("a backup that fails: %s", info)
	}
	if err := os.Remove(shelf); err != nil {
		t.Fatal(err)
	}
	clock.Advance(5 * time.Minute)
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_backups") == 5 })
	if info := c.Must(t, "INFO", "persistence").Str; !strings.Contains(info, "redpoll_last_backup_status:ok\r\nredpoll_last_backup_error:\r\n") {
		t.Errorf("it works again: %s", info)
	}
}

// TestScheduledBackupKilled kills the server while it makes a backup: the next one leaves nothing of that.
func TestScheduledBackupKilled(t *testing.T) {
	d, log := disktest.New(), &testutil.Lines{}
	var killed atomic.Pointer[disktest.Disk]
	d.SetHook(func(op disktest.Op) error {
		if op.Kind == disktest.Link {
			killed.Store(d.Kill())
		}
		return nil
	})
	s, c := onDisk(t, d, log, "backup-dir shelf\nbackup-schedule every 1d")
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_backups") == 1 })
	dir := c.Must(t, "CONFIG", "GET", "dir").Elems[1].Str
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after := killed.Load()
	_, _ = startOn(t, after, dir, log, "")
	entries, err := after.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "appendonlydir" || entries[1].Name() != "shelf" {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// TestCloseEndsSnapshots closes the server while snapshots are made that take for ever: that is no failure, and leaves nothing.
func TestCloseEndsSnapshots(t *testing.T) {
	for name, begin := range map[string]func(c *testutil.Client){
		"a scheduled backup": func(c *testutil.Client) { c.Must(t, "CONFIG", "SET", "backup-schedule", "every 1h") },
		"BACKUP":             func(c *testutil.Client) { c.Must(t, "BACKUP", "START") },
		"BGSAVE":             func(c *testutil.Client) { c.Must(t, "BGSAVE") },
		"BGREWRITEAOF":       func(c *testutil.Client) { c.Must(t, "BGREWRITEAOF") },
	} {
		dir, log := t.TempDir(), &testutil.Lines{}
		o := saving(dir, log)
		o.Config["backup-dir"], o.Config["rdb-key-save-delay"] = "shelf", endless
		s, target := start(t, o)
		c := target.Dial(t)
		c.Must(t, "SET", "k", "v")
		begin(c)
		unfinished := func() []string {
			return slices.DeleteFunc(append(filesIn(dir), filesIn(filepath.Join(dir, "backupdir"))...), func(name string) bool {
				return !strings.HasPrefix(name, "temp-")
			})
		}
		testutil.Poll(t, patience, func() bool { return len(unfinished()) > 0 })
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text := log.String(); strings.Contains(text, "backup failed") || strings.Contains(text, "error") {
			t.Errorf("%s: the log tells of a failure:\n%s", name, text)
		}
		if got := unfinished(); len(got) > 0 {
			t.Errorf("%s leaves %q", name, got)
		}
	}
}
