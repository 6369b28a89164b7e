// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/command"
)

// again runs commands, each a line of words, with a replayer.
func (b *bench) again(r *Replayer, lines ...string) (n int, err error) {
	var commands [][][]byte
	for _, line := range lines {
		var argv [][]byte
		for _, word := range strings.Fields(line) {
			argv = append(argv, []byte(word))
		}
		commands = append(commands, argv)
	}
	return r.Run(commands)
}

// TestReplay runs a log again, in which keys die that were alive when it was written.
func TestReplay(t *testing.T) {
	for _, alone := range []bool{false, true} {
		b := fakeBench(t, Options{Shards: 4})
		b.Store.Settings.MaxMemory.Store(1)
		log := b.Effects.Attach(nil)
		r := b.NewReplayer(alone, nil)
		r.Failed = func(argv [][]byte, err error) { t.Errorf("%q: %v", argv, err) }
		past, soon := "1600000000000", "1700000000050"
		n, err := b.again(r, "SELECT 1", "SET a 1", "SETAT dead "+past+" 5", "INCRBY dead 2", "SETAT soon "+soon+" v", "SETPX rel 50 v", "GET dead",
			"NOMULTI", "MSET a 2 b 3", "SELECT 0", "HSET h f v", "SETAT kept "+past+" v", "SET kept 1", "SELECT 3", "SET gone 1", "FLUSHALL",
			"SELECT 1", "SET a 2", "SETAT dead "+past+" 5", "INCRBY dead 2", "SETAT soon "+soon+" v", "SETPX rel 50 v", "TAKE nothing 0", "DEL none")
		if err != nil || n != 24 {
			t.Fatalf("%d were run: %v", n, err)
		}
		r.Close()
		if got := b.text(log); got != "" {
			t.Errorf("the log has %q", got)
		}
		if calls := b.Stats.Commands[b.Registry.Lookup([]byte("set")).ID()].Calls.Load() + b.Stats.Total.Load(); calls != 0 {
			t.Errorf("%d calls were counted", calls)
		}
		c := b.connect()
		c.cl.DB = 1
		c.want("$1 2 $-1 $1 v", "GET a", "GET dead", "GET soon")
		b.clock.Advance(51 * time.Millisecond)
		c.want("$-1 $-1", "GET soon", "GET rel")
	}
}

// TestReplayWaits has the replayer wait for a shard, and for the world to move again.
func TestReplayWaits(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	stop := make(chan struct{})
	r := b.NewReplayer(false, stop)
	defer r.Close()
	ran := make(chan error)
	for _, hold := range []func() func(){
		func() func() {
			b.Store.Lock(0)
			b.Store.Lock(1)
			b.Store.Lock(2)
			b.Store.Lock(3)
			return func() {
				for shard := range 4 {
					b.Store.Unlock(shard)
				}
			}
		},
		func() func() {
			if !b.Store.Still() {
				t.Fatal("the world does not stand still")
			}
			return b.Store.Resume
		},
	} {
		for _, line := range []string{"SET a 1", "MSET a 1 b 2", "FLUSHALL"} {
			release := hold()
			go func() {
				_, err := b.again(r, line)
				ran <- err
			}()
			select {
			case err := <-ran:
				if line != "FLUSHALL" { // needs no shard
					t.Errorf("%s has not waited: %v", line, err)
				}
				release()
			case <-time.After(time.Millisecond):
				release()
				if err := <-ran; err != nil {
					t.Error(err)
				}
			}
		}
	}
	if !b.Store.Still() {
		t.Fatal("the world does not stand still")
	}
	close(stop)
	var bad *ReplayError
	if n, err := b.again(r, "SET a 1"); n != 0 || !errors.As(err, &bad) || !errors.Is(err, errStopped) {
		t.Errorf("%d were run after the stop: %v", n, err)
	}
	b.Store.Resume()
}

func TestReplayRefuses(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	failed := ""
	r := b.NewReplayer(false, nil)
	r.Failed = func(argv [][]byte, err error) { failed += string(argv[0]) + ": " + err.Error() + "\n" }
	defer r.Close()
	for _, step := range []struct{ line, want string }{
		{"NOSUCH a", "ERR unknown command"},
		{"SET a", "ERR wrong number of arguments for 'set' command"},
		{"SELECT 4", `the database "4" is none of the 4 that there are`},
		{"SELECT -1", `the database "-1" is none of the 4 that there are`},
		{"SELECT x", `the database "x" is none of the 4 that there are`},
		{"PANIC a", command.ErrInternal.Error()},
		{"PANICALL", command.ErrInternal.Error()},
		{"SETPANIC a 1", command.ErrInternal.Error()},
	} {
		n, err := b.again(r, "SET b 1", step.line, "SET c 1")
		var bad *ReplayError
		if n != 1 || !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), step.want) || (bad.Unknown == "NOSUCH") != (step.line == "NOSUCH a") {
			t.Errorf("%q: %d, %v", step.line, n, err)
		}
	}
	if n, err := b.again(r, "INCRBY b x", "SET c 1"); n != 2 || err != nil || failed != "INCRBY: "+command.ErrNotInteger.Error()+"\n" {
		t.Errorf("%d, %v; %q", n, err, failed)
	}
	c := b.connect()
	c.want("$1 1 $1 1", "GET b", "GET c")
}
