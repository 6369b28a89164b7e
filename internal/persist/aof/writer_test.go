// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// textLog is a log of lines, which are its effects.
type textLog struct {
	mu               sync.Mutex
	text             string
	read             int
	written, durable atomic.Int64
}

func (l *textLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text += line
}

func (l *textLog) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.text))
}

// Peek gives small pieces, which end anywhere.
func (l *textLog) Peek() (pieces [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for piece := range slices.Chunk([]byte(l.text[l.read:]), 5) {
		pieces = append(pieces, piece)
	}
	return pieces
}

func (l *textLog) Advance(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read += n; n < 0 || l.read > len(l.text) {
		panic("the log is not so long")
	}
}

func (l *textLog) SetWritten(n int64) { l.written.Store(n) }
func (l *textLog) SetDurable(n int64) { l.durable.Store(n) }

// A rig is a Writer over a disk that can fail, with a clock that stands still. Its goroutine does not run.
type rig struct {
	*Writer
	t     *testing.T
	log   textLog
	disk  *disktest.Disk
	mono  atomic.Int64
	unix  atomic.Int64
	stamp bool

	mu      sync.Mutex
	lines   []string
	refused error
	fatal   bool
}

func newRig(t *testing.T, p Policy, counts bool) *rig {
	r := &rig{t: t, disk: disktest.New()}
	r.mono.Store(int64(time.Hour))
	line := func(text string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, text)
	}
	r.Writer = NewWriter(&r.log, Beginning{File: r.open("1"), Before: 100, Counts: counts}, WriterOptions{
		Policy: p, Mono: r.mono.Load, Unix: r.unix.Load, Stamps: func() bool { return r.stamp }, Warn: line, Info: line,
		Failing: func(err error) { r.refused = err },
		Fatal:   func() { r.fatal = true },
	})
	return r
}

// open makes a file, whose name is on the disk.
func (r *rig) open(name string) disk.File {
	r.t.Helper()
	f, err := r.disk.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		err = r.disk.SyncDir("/")
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

func text(t *testing.T, d *disktest.Disk, name string) string {
	t.Helper()
	f, err := d.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// is checks what a file has, and what the log was told.
func (r *rig) is(when, name, want string, written, durable int) {
	r.t.Helper()
	if got := text(r.t, r.disk, name); got != want {
		r.t.Errorf("%s the file %s has %q, want %q", when, name, got, want)
	}
	if w, d := r.log.written.Load(), r.log.durable.Load(); w != int64(written) || d != int64(durable) {
		r.t.Errorf("%s %d is written and %d durable; want %d and %d", when, w, d, written, durable)
	}
}

// told checks the last line of the log.
func (r *rig) told(when, part string) {
	r.t.Helper()
	if len(r.lines) == 0 || !strings.Contains(r.lines[len(r.lines)-1], part) {
		r.t.Errorf("%s the log has %q, want %q", when, r.lines, part)
	}
}

// passes lets time go by.
func (r *rig) passes(d time.Duration) { r.mono.Add(int64(d)) }

func TestWriterEverySec(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.log.add("one\n")
	r.Flush()
	r.is("after a flush", "1", "one\n", 4, 0)
	r.step()
	r.is("within the second", "1", "one\n", 4, 0)
	r.passes(time.Second)
	r.step()
	r.is("after a second", "1", "one\n", 4, 4)
	r.log.add("two\n")
	r.step()
	r.is("once the goroutine has looked", "1", "one\ntwo\n", 8, 4)
	if size := r.Size(); size != 108 {
		t.Errorf("the size is %d", size)
	}
}

func TestWriterAlways(t *testing.T) {
	r := newRig(t, Always, true)
	r.log.add("one\n")
	r.Flush()
	r.is("after a flush, which leaves it to the goroutine", "1", "", 0, 0)
	r.step()
	r.is("when it has looked", "1", "one\n", 4, 4)
	r.SetPolicy(Never)
	r.log.add("two\n")
	r.passes(time.Minute)
	r.step()
	r.is("with another policy", "1", "one\ntwo\n", 8, 4)
	r.Start()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r.is("after the end", "1", "one\ntwo\n", 8, 8)
	r.log.add("three\n")
	r.Flush()
	r.is("afterwards", "1", "one\ntwo\n", 8, 8)
}

// TestWriterLeads: with Always an idle loop syncs, as long as that is quickly done and there is nothing else to do; else it leaves that to the
// goroutine.
func TestWriterLeads(t *testing.T) {
	r := newRig(t, Always, true)
	line := func(when string, idle bool, durable int) {
		t.Helper()
		select {
		case <-r.kick:
		default:
		}
		r.log.add("line\n")
		r.Flush()
		r.Sync(idle)
		r.is(when, "1", r.log.text[:durable], durable, durable)
		if kicked := len(r.kick) > 0; kicked != (durable < len(r.log.text)) {
			t.Errorf("%s the goroutine is kicked: %v", when, kicked)
		}
	}
	line("before a sync has been quick", true, 0)
	r.step()
	line("by an idle loop", true, 10)
	line("by a busy one", false, 10)
	took := quickSync
	r.disk.SetHook(func(op disktest.Op) error {
		if op.Kind == disktest.Sync {
			r.passes(took)
		}
		return nil
	})
	line("by an idle loop that finds the disk slow", true, 20)
	line("after a slow sync", true, 20)
	took--
	r.step()
	r.is("when the goroutine has synced", "1", r.log.text, 25, 25)
	line("after a quick one", true, 30)
	r.turn.Lock()
	r.log.add("line\n")
	r.Sync(true)
	r.is("while somebody else is at it", "1", r.log.text[:30], 30, 30)
	r.act()
	r.is("when he is done", "1", r.log.text, 35, 35)
	r.log.add("line\n")
	r.Rotate(40, r.open("2"))
	r.Sync(true)
	r.is("during a rotation", "1", r.log.text[:35], 35, 35)
	r.log.add("line\n")
	r.step()
	r.is("after a rotation", "2", "line\n", 45, 45)
	r.SetPolicy(Never)
	r.log.add("line\n")
	r.Sync(true)
	r.is("with another policy", "2", "line\nline\n", 50, 45)
}

// TestWriterGoroutine has group commits: whatever several loops append, it becomes durable, with fewer syncs than flushes.
func TestWriterGoroutine(t *testing.T) {
	r := newRig(t, Always, true)
	syncs := 0
	r.disk.SetHook(func(op disktest.Op) error {
		if op.Kind == disktest.Sync {
			syncs++
		}
		return nil
	})
	r.Start()
	const loops, lines = 4, 500
	var wg sync.WaitGroup
	for i := range loops {
		idle := i%2 == 0
		wg.Go(func() {
			for range lines {
				r.log.add("line\n")
				r.Flush()
				r.Sync(idle)
			}
		})
	}
	wg.Wait()
	testutil.Poll(t, testutil.Patience, func() bool { return r.log.durable.Load() == r.log.End() })
	if err := r.Close(); err != nil || syncs >= loops*lines {
		t.Errorf("there were %d syncs, %v", syncs, err)
	}
	if got := text(t, r.disk, "1"); got != r.log.text {
		t.Errorf("the file has %d bytes of %d", len(got), len(r.log.text))
	}
}

func TestWriterRotates(t *testing.T) {
	for _, p := range []Policy{EverySec, Always, Never} {
		r := newRig(t, p, true)
		r.log.add("one\n")
		r.step()
		r.log.add("two\n")
		r.Rotate(r.log.End(), r.open("2"))
		r.log.add("three\n")
		first := true
		r.disk.SetHook(func(op disktest.Op) error { // a loop comes while the first file is being synced
			if op.Kind == disktest.Sync && first {
				first = false
				r.passes(3 * time.Second)
				r.Flush()
				r.passes(3 * time.Second)
				r.Flush()
				r.is("before it is synced", "2", "", 8, map[Policy]int{Always: 4}[p])
			}
			return nil
		})
		r.step()
		if first || r.Rotating() {
			t.Fatal("the first file was not synced")
		}
		r.disk.SetHook(nil)
		r.is("after the rotation", "1", "one\ntwo\n", 14, map[Policy]int{EverySec: 8, Always: 14, Never: 8}[p])
		r.is("after the rotation", "2", "three\n", 14, map[Policy]int{EverySec: 8, Always: 14, Never: 8}[p])
		r.Start()
		r.log.add("four\n")
		r.Rotate(r.log.End(), r.open("3"))
		r.log.add("five\n")
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		r.is("after the end", "2", "three\nfour\n", 24, 24)
		r.is("after the end", "3", "five\n", 24, 24)
	}
}

// TestWriterFull fills the disk, and makes room again.
func TestWriterFull(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.log.add("one\n")
	r.Flush()
	r.disk.SetLimit(10)
	r.log.add("two is long\n")
	r.Flush()
	r.is("with a full disk", "1", "one\n", 4, 0)
	r.told("with a full disk", "Short write while writing to the AOF file: (nwritten=6, expected=12)")
	if !errors.Is(r.refused, syscall.ENOSPC) {
		t.Errorf("writes are refused for %v", r.refused)
	}
	r.passes(time.Second)
	r.step()
	r.is("a second later", "1", "one\n", 4, 4)
	r.disk.SetLimit(4)
	r.passes(time.Second)
	r.step()
	if len(r.lines) != 1 {
		t.Errorf("the log has %q", r.lines)
	}
	r.passes(errorPeriod)
	r.step()
	r.told("with no room at all", "Error writing to the AOF file: No space left on device")
	r.disk.SetLimit(0)
	r.step()
	r.is("before it is tried again", "1", "one\n", 4, 4)
	r.passes(time.Second)
	r.step()
	r.is("with room", "1", "one\ntwo is long\n", 16, 16)
	r.told("with room", "AOF write error looks solved, Redis can write again.")
	if r.refused != nil || r.fatal || r.Damaged() {
		t.Errorf("writes are refused for %v; fatal: %v; damaged: %v", r.refused, r.fatal, r.Damaged())
	}
}

// TestWriterCannotTakeBack has part of a line that cannot be taken back: the rest follows it.
func TestWriterCannotTakeBack(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.stamp = true
	r.unix.Store(1000)
	fail := true
	r.disk.SetHook(func(op disktest.Op) error {
		switch {
		case op.Kind == disktest.Write && fail:
			return disktest.Short{Bytes: 3, Err: syscall.ENOSPC}
		case op.Kind == disktest.Truncate:
			return syscall.EIO
		}
		return nil
	})
	r.log.add("one\n")
	r.Flush()
	r.told("at the failure", "Could not remove short write from the append-only file.")
	r.is("at the failure", "1", "#TS", 0, 0)
	fail = false
	r.passes(time.Second)
	r.step()
	r.is("afterwards", "1", "#TS:1000\r\none\n", 4, 4)
	fail = true
	r.log.add("two\n")
	r.Flush()
	r.is("at another failure", "1", "#TS:1000\r\none\ntwo", 7, 4)
	fail = false
	r.unix.Store(1001)
	r.passes(time.Second)
	r.step()
	r.is("a second later", "1", "#TS:1000\r\none\ntwo\n", 8, 8) // no annotation within an effect
	r.log.add("three\n")
	r.Flush()
	r.is("behind it", "1", "#TS:1000\r\none\ntwo\n#TS:1001\r\nthree\n", 14, 8)
}

// TestWriterLosesSync has a sync that fails: what it was for is not durable before there is a base.
func TestWriterLosesSync(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.log.add("one\n")
	r.passes(time.Second)
	r.step()
	r.disk.SetHook(disktest.Fail(disktest.Sync, "*", 0, 1, syscall.EIO))
	r.log.add("two\n")
	r.passes(time.Second)
	r.step()
	r.is("after the failure", "1", "one\ntwo\n", 8, 4)
	r.told("after the failure", "Fail to fsync the AOF file: Input/output error")
	if r.refused == nil || !r.Damaged() {
		t.Errorf("writes are refused for %v, damaged: %v", r.refused, r.Damaged())
	}
	r.passes(time.Second)
	r.step()
	if r.refused != nil {
		t.Errorf("after a sync that succeeded writes are refused for %v", r.refused)
	}
	r.is("after a sync that succeeded", "1", "one\ntwo\n", 8, 4)
	r.Rotate(r.log.End(), r.open("2"))
	r.log.add("three\n")
	r.passes(time.Second)
	r.step()
	r.is("after the rotation", "2", "three\n", 14, 4)
	r.Supersede(8, 50)
	r.step()
	r.is("with a base", "2", "three\n", 14, 8)
	r.passes(time.Second)
	r.step()
	r.is("a second later", "2", "three\n", 14, 14)
	if size := r.Size(); size != 56 {
		t.Errorf("the size is %d", size)
	}
}

// TestWriterBreaks has the failures that Always does not survive.
func TestWriterBreaks(t *testing.T) {
	for _, c := range []struct {
		kind disktest.Kind
		line string
	}{
		{disktest.Write, "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."},
		{disktest.Sync, "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error. Exiting..."},
	} {
		r := newRig(t, Always, true)
		r.disk.SetHook(disktest.Fail(c.kind, "*", 0, 1, syscall.EIO))
		r.log.add("one\n")
		r.step()
		r.told("at the end", c.line)
		r.passes(time.Minute)
		r.step()
		if durable := r.log.durable.Load(); !r.fatal || durable != 0 {
			t.Errorf("after %v: fatal: %v, %d are durable", c.kind, r.fatal, durable)
		}
		r.Start()
		if err := r.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("after %v: %v", c.kind, err)
		}
	}
}

// TestWriterDrains writes everything for a reader, in spite of a rotation.
func TestWriterDrains(t *testing.T) {
	r := newRig(t, Always, true)
	waited, told := 0, 0
	r.options.Before = func() { waited++ }
	r.options.Wrote = func(int64, bool) { told++ }
	r.options.Synced = func(int64) { told++ }
	r.log.add("one\n")
	r.Rotate(r.log.End(), r.open("2"))
	r.log.add("two\n")
	r.Start()
	if err := r.Drain(); err != nil {
		t.Error(err)
	}
	if one, two := text(t, r.disk, "1"), text(t, r.disk, "2"); one != "one\n" || two != "two\n" {
		t.Errorf("the files have %q and %q", one, two)
	}
	if err := r.Close(); err != nil || waited != 2 || told < 3 {
		t.Errorf("%v; it waited %d times, and told %d times", err, waited, told)
	}
}

// TestWriterLeavesOut has a disk that takes nothing any more in the first file until a base makes that superfluous.
func TestWriterLeavesOut(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.disk.SetHook(disktest.Fail(disktest.Write, "1", 0, 0, syscall.EIO))
	r.log.add("one\n")
	r.Flush()
	r.Rotate(r.log.End(), r.open("2"))
	r.passes(time.Second)
	r.step()
	if r.refused == nil || !r.Rotating() {
		t.Fatalf("writes are refused for %v", r.refused)
	}
	r.Supersede(4, 50)
	r.step()
	r.is("with a base", "2", "", 4, 4)
	if r.refused != nil || r.Rotating() {
		t.Errorf("writes are refused for %v", r.refused)
	}
	r.log.add("two\n")
	r.Flush()
	r.is("afterwards", "2", "two\n", 8, 4)
	if size := r.Size(); size != 54 {
		t.Errorf("the size is %d", size)
	}
}

func TestWriterCounts(t *testing.T) {
	r := newRig(t, Always, false)
	r.log.add("one\n")
	r.step()
	r.is("before the manifest has the file", "1", "one\n", 4, 0)
	r.Count()
	r.step()
	r.is("when it has it", "1", "one\n", 4, 4)
}

// TestWriterPromisesNothing has the failures that Always does not survive while no manifest names the file: nothing was promised yet.
func TestWriterPromisesNothing(t *testing.T) {
	for _, kind := range []disktest.Kind{disktest.Write, disktest.Sync} {
		r := newRig(t, Always, false)
		r.disk.SetHook(disktest.Fail(kind, "*", 0, 1, syscall.EIO))
		r.log.add("one\n")
		r.step()
		if r.fatal || !errors.Is(r.refused, syscall.EIO) {
			t.Errorf("%v: fatal: %v, writes are refused for %v", kind, r.fatal, r.refused)
		}
		r.passes(time.Second)
		r.step()
		r.is("a second later", "1", "one\n", 4, 0)
		if r.refused != nil {
			t.Errorf("%v: writes are refused for %v", kind, r.refused)
		}
		r.disk.SetHook(disktest.Fail(kind, "*", 0, 0, syscall.EIO))
		r.Count()
		r.log.add("two\n")
		r.step()
		if !r.fatal || r.log.durable.Load() >= 8 {
			t.Errorf("%v: what was promised is not there, and it goes on", kind)
		}
	}
}

// TestWriterPostpones has a loop come while a sync is under way.
func TestWriterPostpones(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.log.add("one\n")
	r.Flush()
	r.disk.SetHook(func(op disktest.Op) error {
		if op.Kind != disktest.Sync {
			return nil
		}
		if !r.Syncing() {
			t.Error("no sync is said to be under way")
		}
		r.log.add("two\n")
		r.Flush()
		r.passes(maxPostponed - 1)
		r.Flush()
		r.is("within two seconds", "1", "one\n", 4, 0)
		r.passes(1)
		r.Flush()
		r.is("after two seconds", "1", "one\ntwo\n", 8, 0)
		r.told("after two seconds", "Asynchronous AOF fsync is taking too long")
		r.log.add("three\n")
		r.Flush()
		r.is("right afterwards", "1", "one\ntwo\n", 8, 0)
		return nil
	})
	r.passes(time.Second)
	r.step()
	r.disk.SetHook(nil)
	if n := r.Delayed(); n != 1 || r.Syncing() {
		t.Errorf("writing was delayed %d times", n)
	}
	r.Flush()
	r.is("after the sync", "1", "one\ntwo\nthree\n", 14, 4)
}

// TestWriterSyncsEarly wants all but what comes meanwhile to be on the disk before a rotation, and nothing to wait for that without EverySec.
func TestWriterSyncsEarly(t *testing.T) {
	r := newRig(t, Never, true)
	r.log.add("one\n")
	r.Flush()
	r.is("after a flush", "1", "one\n", 4, 0)
	r.disk.SetHook(func(op disktest.Op) error {
		if op.Kind == disktest.Sync {
			r.log.add("two\n")
			r.Flush()
			r.is("during the sync", "1", "one\ntwo\n", 8, 0)
		}
		return nil
	})
	r.Start()
	r.SyncEarly()
	r.disk.SetHook(nil)
	if got := text(t, r.disk.Crash(rand.New(rand.NewPCG(1, 0)), disktest.Ordered), "1"); !strings.HasPrefix(got, "one\n") {
		t.Errorf("%q is left when power is lost after an early sync", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r.SyncEarly() // of one that has ended waits for nothing
}

func TestWriterStamps(t *testing.T) {
	r := newRig(t, EverySec, true)
	r.stamp = true
	r.unix.Store(1000)
	r.log.add("one\n")
	r.Flush()
	r.log.add("two\n")
	r.Flush()
	r.unix.Store(1002)
	r.log.add("three\n")
	r.Flush()
	want := "#TS:1000\r\none\ntwo\n#TS:1002\r\nthree\n"
	r.is("with times", "1", want, 14, 0)
	if size := r.Size(); size != int64(100+len(want)) {
		t.Errorf("the size is %d, want 100 and %d", size, len(want))
	}
	r.Rotate(r.log.End(), r.open("2"))
	r.log.add("four\n")
	r.step()
	r.is("in another file", "2", "#TS:1002\r\nfour\n", 19, 14)
}

// TestWriterAgainstPowerLoss cuts the power again and again during writes, failures and rotations: what the log was told to be durable is
// there, in files of which only the last that has bytes does not end with a line. It fails if Sync lies.
func TestWriterAgainstPowerLoss(t *testing.T) {
	for _, lies := range []bool{false, true} {
		lost := 0
		for seed := range uint64(30) {
			lost += losePower(t, rand.New(rand.NewPCG(seed, 1)), lies)
		}
		if (lost > 0) != lies {
			t.Errorf("with a disk that lies (%v) %d times something durable was lost", lies, lost)
		}
	}
}

func losePower(t *testing.T, random *rand.Rand, lies bool) (lost int) {
	policy := []Policy{EverySec, Always, Never}[random.IntN(3)]
	r := newRig(t, policy, true)
	if lies {
		r.disk.Lie(disktest.Sync, disktest.SyncDir)
	}
	files := 1
	check := func() {
		durable := r.log.text[:r.log.durable.Load()]
		var all []string
		after := r.disk.Crash(random, disktest.Ordered)
		for n := range files {
			if _, err := after.Stat(fmt.Sprint(n + 1)); err == nil {
				all = append(all, text(t, after, fmt.Sprint(n+1)))
			}
		}
		for i, one := range all {
			if one != "" && !strings.HasSuffix(one, "\n") && strings.Join(all[i+1:], "") != "" {
				lost++
			}
		}
		if !strings.HasPrefix(strings.Join(all, ""), durable) {
			lost++
		}
	}
	for i := range 40 {
		for range random.IntN(3) {
			r.log.add(fmt.Sprintf("line %d\n", i))
		}
		if random.IntN(8) == 0 && !r.Rotating() {
			files++
			r.Rotate(r.log.End(), r.open(fmt.Sprint(files)))
		}
		r.passes(time.Duration(random.IntN(1500)) * time.Millisecond)
		r.Flush()
		check()
		r.step()
		check()
	}
	return lost
}
