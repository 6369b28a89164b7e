// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
)

// A failure is a setup of a server whose machine loses power again and again, or whose process is killed.
type failure struct {
	name    string
	promise promise
	set     directives
	rounds  int
	longest time.Duration   // of a round
	order   disktest.Order  // of what is left
	needed  []disktest.Kind // syncs without which something is lost
}

var failures = []failure{
	{"always", all, directives{"appendonly": "yes", "appendfsync": "always", "auto-aof-rewrite-min-size": "200kb"}, 40, 60 * time.Millisecond,
		disktest.Ordered, []disktest.Kind{disktest.Sync, disktest.SyncDir}},
	{"holes", all, directives{"appendonly": "yes", "appendfsync": "always", "aof-load-corrupt-tail-max-size": "100mb"}, 15, 60 * time.Millisecond,
		disktest.Unordered, nil},
	{"everysec", recent, directives{"appendonly": "yes", "appendfsync": "everysec", "auto-aof-rewrite-min-size": "200kb"}, 3, 3500 * time.Millisecond,
		disktest.Ordered, []disktest.Kind{disktest.Sync, disktest.SyncDir}},
	{"no", whole, directives{"appendonly": "yes", "appendfsync": "no", "auto-aof-rewrite-min-size": "200kb"}, 20, 60 * time.Millisecond, disktest.Ordered, nil},
	{"commands", all, directives{"appendonly": "yes", "appendfsync": "always", "aof-use-rdb-preamble": "no", "aof-timestamp-enabled": "yes"}, 15,
		60 * time.Millisecond, disktest.Ordered, nil},
}

// TestPower loses power under each policy, also right after a server was killed.
func TestPower(t *testing.T) {
	t.Parallel()
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if err := f.run(t); err != nil {
				t.Error(err)
			}
			for _, kind := range f.needed {
				noticed := false
				for range 5 { // chance may have what is not forced to the disk be there all the same
					noticed = noticed || f.run(t, kind) != nil
				}
				if !noticed {
					t.Errorf("nothing is lost without %v either: the test shows nothing", kind)
				}
			}
		})
	}
}

// A cut is a disk at the moment of a failure, and what the crew knew of then.
type cut struct {
	disk    *disktest.Disk
	tallies []tally
	when    string
}

// run has a crew work on one server after the other, and each fail at a random moment, until something is not there that should be.
func (f *failure) run(t *testing.T, lies ...disktest.Kind) error {
	r := chance(t)
	dir := t.TempDir()
	d := newDisk(t, dir)
	pace := time.Duration(0)
	if f.longest > time.Second {
		pace = 5 * time.Millisecond
	}
	w := newCrew(f.promise, pace)
	var still *ballast
	var c cut
	for round := range f.rounds + 1 {
		b, err := boot(d, dir, f.set)
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", round, c.when, err)
		}
		err = func() error {
			defer b.server.Close()
			client, err := b.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			if round == 0 {
				still = fill(t, client, 200, 300)
				client.Must(t, "BGREWRITEAOF") // so that it is on the disk
				awaitInfo(t, client, "aof_rewrite_in_progress", "0")
			} else {
				counts, err := w.look(client, c.tallies)
				if err = errors.Join(err, still.look(client)); err != nil {
					return fmt.Errorf("%w\n%s", err, b.log)
				}
				w.resume(counts)
			}
			if round < f.rounds {
				d.Lie(lies...)
				c, err = f.work(t, b, d, w, r, len(lies) == 0 && r.IntN(4) == 0)
			}
			return err
		}()
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", round, c.when, err)
		}
		d = c.disk
	}
	t.Logf("%d acknowledged writes lost", w.lost)
	return nil
}

// work has the crew work on a server until power is lost, or the process killed.
func (f *failure) work(t *testing.T, b *box, d *disktest.Disk, w *crew, r *rand.Rand, kill bool) (cut, error) {
	shift := w.start(t, b.dial, r)
	client, err := b.dial()
	if err != nil {
		t.Fatal(err)
	}
	shift.closed = append(shift.closed, client.Close)
	shift.wg.Go(func() {
		for {
			if _, err := client.Do("BGREWRITEAOF"); err != nil { // most often one is under way
				return
			}
			<-time.After(f.longest / 60)
		}
	})
	rare := r.IntN(2) == 0 // not before a write or a sync if something else is done soon
	from := time.Now().Add(time.Duration(r.Int64N(int64(f.longest))))
	if f.promise == recent {
		from = time.Now().Add(f.longest - time.Duration(r.Int64N(int64(grace/4))))
	}
	cuts := make(chan cut, 1)
	var mu sync.Mutex
	over := false // guarded by mu
	d.SetHook(func(op disktest.Op) error {
		if op.Kind == disktest.Sync {
			<-time.After(time.Millisecond) // the time in which others write, and in which power may be lost
		}
		often := op.Kind == disktest.Write || op.Kind == disktest.Sync
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if !op.Changes() || now.Before(from) || rare && often && now.Before(from.Add(20*time.Millisecond)) || over {
			return nil
		}
		tallies := w.tally(now)
		c := cut{when: "power is lost before " + op.String()}
		if kill {
			c.disk, c.when = d.Kill(), "the process is killed before "+op.String()
		} else {
			c.disk = d.Crash(r, f.order)
		}
		c.tallies = w.sent(tallies)
		over = true
		cuts <- c
		return nil
	})
	select {
	case c := <-cuts:
		return c, shift.end()
	case <-time.After(f.longest + patience):
		return cut{}, errors.Join(errors.New("nothing is written any more"), shift.end())
	}
}
