// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// patience is how long something may take that happens within seconds.
const patience = testutil.Patience

// info gives a field of INFO persistence.
func info(t *testing.T, c *testutil.Client, field string) string {
	t.Helper()
	for line := range strings.Lines(c.Must(t, "INFO", "persistence").Str) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// awaitInfo waits until a field of INFO persistence has a value.
func awaitInfo(t *testing.T, c *testutil.Client, field, value string) {
	t.Helper()
	testutil.Poll(t, patience, func() bool { return info(t, c, field) == value })
}

// A logger is a server with an append-only file, and a client that numbers what it writes.
type logger struct {
	t     *testing.T
	dir   string
	disk  *disktest.Disk
	set   directives
	box   *box
	c     *testutil.Client
	acked int // keys that are there: key:1 to key:acked
}

func newLogger(t *testing.T, more directives) *logger {
	t.Helper()
	l := &logger{t: t, dir: t.TempDir(), set: directives{"appendonly": "yes", "auto-aof-rewrite-percentage": "0"}}
	maps.Copy(l.set, more)
	l.disk = newDisk(t, l.dir)
	l.box = mustBoot(t, l.disk, l.dir, l.set)
	l.connect()
	l.write(100)
	return l
}

func (l *logger) connect() {
	l.t.Helper()
	c, err := l.box.dial()
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	l.c = c
}

// try sets the next key.
func (l *logger) try() (testutil.Value, error) {
	v, err := l.c.Do("SET", fmt.Sprint("key:", l.acked+1), strings.Repeat("v", 100))
	if err == nil && v.Str == "OK" {
		l.acked++
	}
	return v, err
}

// write sets so many keys.
func (l *logger) write(n int) {
	l.t.Helper()
	for range n {
		if v, err := l.try(); err != nil || v.IsError() {
			l.t.Fatalf("SET: %v, %v\n%s", v, err, l.box.log)
		}
	}
}

// info gives a field of INFO persistence.
func (l *logger) info(field string) string {
	l.t.Helper()
	return info(l.t, l.c, field)
}

func (l *logger) await(field, value string) {
	l.t.Helper()
	end := time.Now().Add(patience)
	for l.info(field) != value {
		if time.Now().After(end) {
			l.t.Fatalf("%s stays %q\n%s", field, l.info(field), l.box.log)
		}
	}
}

// refused writes until that is refused, and gives with which words.
func (l *logger) refused() string {
	l.t.Helper()
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		v, err := l.try()
		if err != nil {
			l.t.Fatalf("%v\n%s", err, l.box.log)
		}
		if v.IsError() {
			return v.Str
		}
	}
	l.t.Fatalf("writes are not refused\n%s", l.box.log)
	return ""
}

// accepted waits until writes are not refused any more.
func (l *logger) accepted() {
	l.t.Helper()
	testutil.Poll(l.t, patience, func() bool {
		v, err := l.try()
		return err == nil && v.Str == "OK"
	})
}

// finds wants a disk to have all that was acknowledged.
func (l *logger) finds(d *disktest.Disk, when string) {
	l.t.Helper()
	l.findsFirst(l.acked, d, when)
}

// findsFirst is finds for the first n keys.
func (l *logger) findsFirst(n int, d *disktest.Disk, when string) {
	l.t.Helper()
	err := visit(d, l.dir, l.set, func(c *testutil.Client) error {
		const step = 1000
		for from := 1; from <= n; from += step {
			argv := []string{"EXISTS"}
			for i := from; i < min(from+step, n+1); i++ {
				argv = append(argv, fmt.Sprint("key:", i))
			}
			v, err := c.Do(argv...)
			if err != nil || int(v.Int) != len(argv)-1 {
				return or(err, "of key:%d to key:%d of %d only %d are there", from, from+len(argv)-2, n, v.Int)
			}
		}
		return nil
	})
	if err != nil {
		l.t.Errorf("%s: %v\n%s", when, err, l.box.log)
	}
}

// TestFullDisk has writes refused while the disk is full, and nothing acknowledged lost when it is not any more.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, fsync := range []string{"everysec", "no"} {
		l := newLogger(t, directives{"appendfsync": fsync})
		l.disk.SetLimit(l.disk.Used() + 5000)
		const misconf = "MISCONF Errors writing to the AOF file: No space left on device"
		if got := l.refused(); got != misconf {
			t.Errorf("refused with %q", got)
		}
		for _, argv := range [][]string{{"DEL", "key:1"}, {"PING"}, {"FLUSHALL"}} {
			if v, err := l.c.Do(argv...); err != nil || v.Str != misconf {
				t.Errorf("%s: %v, %v", testutil.Quote(argv), v, err)
			}
		}
		l.c.Must(t, "MULTI")
		l.c.Must(t, "GET", "key:1")
		if v, err := l.c.Do("SET", "key:1", "w"); err != nil || !strings.HasPrefix(v.Str, misconf) {
			t.Errorf("SET in a transaction: %v, %v", v, err)
		}
		if v, err := l.c.Do("EXEC"); err != nil || !strings.HasPrefix(v.Str, "EXECABORT") {
			t.Errorf("EXEC: %v, %v", v, err)
		}
		if v := l.c.Must(t, "STRLEN", "key:1"); v.Int != 100 {
			t.Errorf("a read: %v", v)
		}
		if status := l.info("aof_last_write_status"); status != "err" {
			t.Errorf("the status is %q", status)
		}
		l.disk.SetLimit(0)
		l.accepted()
		l.await("aof_last_write_status", "ok")
		l.finds(l.disk.Kill(), "after a full disk")
		if fsync == "everysec" {
			l.synced()
			l.finds(l.disk.Crash(chance(t), disktest.Ordered), "after a full disk and a sync")
		}
	}
}

// synced waits until all that was written is on the disk.
func (l *logger) synced() {
	l.t.Helper()
	l.await("aof_pending_bio_fsync", "0")
	if v := l.c.Must(l.t, "WAITAOF", "1", "0", "5000"); v.Elems[0].Int != 1 {
		l.t.Fatalf("WAITAOF: %v\n%s", v, l.box.log)
	}
}

// TestWriteFaults has single writes to the log fail, in whole or in part: what was acknowledged is in the file in the end.
func TestWriteFaults(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]disktest.Hook{
		"none of it":   disktest.Fail(disktest.Write, "*.incr.aof", 3, 1, syscall.EIO),
		"a part":       disktest.Fail(disktest.Write, "*.incr.aof", 3, 1, disktest.Short{Bytes: 7, Err: syscall.EIO}),
		"nearly whole": disktest.Fail(disktest.Write, "*.incr.aof", 3, 3, disktest.Short{Bytes: 100, Err: syscall.ENOSPC}),
		"a part that stays": func() disktest.Hook {
			write := disktest.Fail(disktest.Write, "*.incr.aof", 3, 1, disktest.Short{Bytes: 7, Err: syscall.ENOSPC})
			cut := disktest.Fail(disktest.Truncate, "*.incr.aof", 0, 1, syscall.EIO)
			return func(op disktest.Op) error { return errors.Join(write(op), cut(op)) }
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogger(t, nil)
			l.disk.SetHook(hook)
			if got := l.refused(); !strings.HasPrefix(got, "MISCONF Errors writing to the AOF file: ") {
				t.Errorf("refused with %q", got)
			}
			l.accepted()
			l.write(50)
			l.finds(l.disk.Kill(), "killed afterwards")
			l.synced()
			l.finds(l.disk.Crash(chance(t), disktest.Ordered), "power lost afterwards")
		})
	}
}

// TestSyncFault has a sync fail: what it was to keep may be lost for good, so a rewrite makes it good by itself.
func TestSyncFault(t *testing.T) {
	t.Parallel()
	l := newLogger(t, nil)
	fail, noticed := disktest.Fail(disktest.Sync, "*.incr.aof", 0, 1, syscall.EIO), make(chan struct{})
	l.disk.SetHook(func(op disktest.Op) error {
		if strings.HasSuffix(op.Path, ".2.incr.aof") {
			<-noticed // or the rewrite may be over before a client has written
		}
		return fail(op)
	})
	if got := l.refused(); got != "MISCONF Errors writing to the AOF file: Input/output error" {
		t.Errorf("refused with %q", got)
	}
	close(noticed)
	l.accepted()
	l.write(50)
	l.synced() // which a rewrite comes before
	r := chance(t)
	for range 10 {
		l.finds(l.disk.Crash(r, disktest.Ordered), "power lost afterwards")
	}
}

// TestFaultsEndAlways has a server with appendfsync always end when it cannot keep its promise, without a reply to what it cannot keep.
func TestFaultsEndAlways(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]disktest.Hook{
		"a write": disktest.Fail(disktest.Write, "*.incr.aof", 3, 0, syscall.ENOSPC),
		"a part":  disktest.Fail(disktest.Write, "*.incr.aof", 3, 1, disktest.Short{Bytes: 7, Err: syscall.EIO}),
		"a sync":  disktest.Fail(disktest.Sync, "*.incr.aof", 3, 1, syscall.EIO),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogger(t, directives{"appendfsync": "always", "aof-load-corrupt-tail-max-size": "1mb"}) // which the sync has left in doubt
			l.disk.SetHook(hook)
			for {
				v, err := l.try()
				if err != nil {
					break
				}
				if v.IsError() || l.acked > 200 {
					t.Fatalf("%v after %d keys", v, l.acked)
				}
			}
			select {
			case <-l.box.server.Stopped():
			case <-time.After(patience):
				t.Error("the server goes on")
			}
			r := chance(t)
			for range 10 {
				l.finds(l.disk.Crash(r, disktest.Ordered), "power lost")
			}
			l.finds(l.disk.Kill(), "killed")
			l.box.server.Close()
			l.disk.SetHook(nil)
			l.finds(l.disk, "started again")
		})
	}
}

// TestSlowSync has a sync take long: with everysec writing waits for it two seconds, and then no longer.
func TestSlowSync(t *testing.T) {
	t.Parallel()
	l := newLogger(t, nil)
	var slow atomic.Bool
	release := make(chan struct{})
	l.disk.SetHook(func(op disktest.Op) error {
		if op.Kind == disktest.Sync && strings.HasSuffix(op.Path, ".incr.aof") {
			slow.Store(true)
			<-release
		}
		return nil
	})
	for !slow.Load() {
		l.write(1)
	}
	before := l.acked
	for l.info("aof_delayed_fsync") == "0" {
		before = l.acked
		l.write(1)
	}
	l.findsFirst(before, l.disk.Kill(), "killed while a sync is under way")
	close(release)
	l.synced()
	l.finds(l.disk.Crash(chance(t), disktest.Ordered), "power lost when the sync is over")
}

// TestRewriteFaults has everything that a rewrite does fail in turn: what was acknowledged is there all the same, and the next rewrite is well.
func TestRewriteFaults(t *testing.T) {
	t.Parallel()
	l := newLogger(t, directives{"appendfsync": "always"})
	r := chance(t)
	var mu sync.Mutex
	var ops []disktest.Op // guarded by mu
	rewrite := func(hook disktest.Hook) {
		t.Helper()
		l.disk.SetHook(hook)
		before := l.info("aof_rewrites")
		if v, err := l.c.Do("BGREWRITEAOF"); err != nil {
			t.Fatal(err)
		} else if !v.IsError() && before == l.info("aof_rewrites") {
			t.Fatalf("%v", v)
		}
		l.write(5)
		l.await("aof_rewrite_in_progress", "0")
		l.disk.SetHook(nil)
	}
	log := func(op disktest.Op) bool { return strings.HasSuffix(op.Path, ".incr.aof") && op.Kind != disktest.Open }
	rewrite(func(op disktest.Op) error { // goes well, to learn what is done
		if op.Changes() && !log(op) {
			mu.Lock()
			defer mu.Unlock()
			ops = append(ops, op)
		}
		return nil
	})
	mu.Lock()
	all := slices.Clone(ops)
	mu.Unlock()
	if len(all) < 8 {
		t.Fatalf("a rewrite does %v", all)
	}
	for i, op := range all {
		var n atomic.Int64
		rewrite(func(op disktest.Op) error {
			if op.Changes() && !log(op) && n.Add(1) == int64(i+1) {
				return syscall.EIO
			}
			return nil
		})
		status := l.info("aof_last_bgrewrite_status")
		when := fmt.Sprintf("%v failed, the status being %s", op, status)
		l.write(5)
		l.finds(l.disk.Kill(), when)
		for range 3 {
			l.finds(l.disk.Crash(r, disktest.Ordered), when+", power lost")
		}
		rewrite(nil)
		if status := l.info("aof_last_bgrewrite_status"); status != "ok" {
			t.Errorf("%v failed, and the next rewrite is %q\n%s", op, status, l.box.log)
		}
		for _, name := range tree(l.disk, l.dir) {
			if strings.HasPrefix(filepath.Base(name), "temp-") {
				t.Errorf("%v failed, and %s is left", op, name)
			}
		}
		l.finds(l.disk.Crash(r, disktest.Ordered), fmt.Sprintf("%v failed, and the next rewrite is over", op))
	}
}
