// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

var (
	kills = flag.Int("durability.kills", 0, "how often the binary is killed in each setup; 0: as often as makes sense in a short test")
	seed  = flag.Uint64("durability.seed", 1, "of what is chosen by chance; 0: one by chance")
)

// A setup is a way in which a binary keeps its data.
type setup struct {
	name    string
	promise promise
	kills   int // in a short test
	args    []string
	// damage is done to the directory after a kill; nil: none. It is to be noticed.
	damage func(t *testing.T, dir string)
}

// setups are what is tested of both servers.
var setups = []setup{
	{"always", all, 30, []string{"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-min-size", "300kb"}, nil},
	{"everysec", recent, 15, []string{"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-min-size", "300kb"}, nil},
	{"no", recent, 10, []string{"--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-min-size", "300kb"}, nil},
	{"commands", all, 10, []string{"--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no", "--aof-timestamp-enabled", "yes"}, nil},
	{"rdb", saved, 10, nil, nil},
}

// chance gives random numbers, and has the log say how to have them again.
func chance(t *testing.T) *rand.Rand {
	n := *seed
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("-durability.seed %d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// TestKill kills Redpoll.
func TestKill(t *testing.T) {
	t.Parallel()
	bin, args := testutil.RedpollBinary(t)
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) { survive(t, s, append([]string{bin}, args...)) })
	}
}

// TestKillMixed has Redpoll and a real redis-server take turns on the same files.
func TestKillMixed(t *testing.T) {
	t.Parallel()
	oracle := testutil.OracleBinary(t)
	bin, args := testutil.RedpollBinary(t)
	for _, s := range setups {
		s.kills = 4
		t.Run(s.name, func(t *testing.T) { survive(t, s, append([]string{bin}, args...), []string{oracle}) })
	}
}

// TestKillOracle proves the workers on a real redis-server.
func TestKillOracle(t *testing.T) {
	t.Parallel()
	bin := testutil.OracleBinary(t)
	for _, s := range setups {
		s.kills = 2
		t.Run(s.name, func(t *testing.T) { survive(t, s, []string{bin}) })
	}
}

// TestKillNotices proves that the workers notice a log that lacks its last lines.
func TestKillNotices(t *testing.T) {
	t.Parallel()
	bin := testutil.OracleBinary(t)
	s := setups[0]
	s.damage = func(t *testing.T, dir string) {
		files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		last := files[len(files)-1]
		info, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(last, max(info.Size()-20_000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if killOften(t, s, []string{bin}) == nil {
		t.Error("20,000 bytes of the log are gone, and nobody notices")
	}
}

// A victim is the server that is killed again and again, on the files of a directory.
type victim struct {
	t        *testing.T
	r        *rand.Rand
	binaries [][]string // each with its first arguments
	args     []string
	sock     string
}

// launch starts one of the binaries, and does not wait for it.
func (v *victim) launch() *testutil.Proc {
	b := v.binaries[v.r.IntN(len(v.binaries))]
	return testutil.Launch(v.t, b[0], append(b[1:len(b):len(b)], v.args...), "unix", v.sock)
}

// start starts one of the binaries and waits for it. A kill in a rewrite of Redpoll's may leave a torn increment behind which there is an empty
// one, which redis-server does not take; then the first binary, which is Redpoll, has its turn.
func (v *victim) start() *testutil.Proc {
	p := v.launch()
	if len(v.binaries) > 1 && !p.Answers() && strings.Contains(p.Output(), "the truncated file is not the last file") {
		p = testutil.Launch(v.t, v.binaries[0][0], append(slices.Clone(v.binaries[0][1:]), v.args...), "unix", v.sock)
	}
	p.Await(v.t)
	return p
}

func (v *victim) dial() (*testutil.Client, error) { return testutil.Connect("unix", v.sock) }

// survive wants nothing to be lost by binaries that are killed.
func survive(t *testing.T, s setup, binaries ...[]string) {
	if err := killOften(t, s, binaries...); err != nil {
		t.Fatal(err)
	}
}

// killOften kills binaries at random moments and looks each time at what the next one has, until it finds fault.
func killOften(t *testing.T, s setup, binaries ...[]string) error {
	if *kills > 0 {
		s.kills = *kills
	}
	r := chance(t)
	dir, err := os.MkdirTemp("", "redpoll") // t.TempDir is too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	v := &victim{t: t, r: r, binaries: binaries, sock: filepath.Join(dir, "s")}
	v.args = append([]string{"--port", "0", "--unixsocket", v.sock, "--dir", dir, "--save", "", "--enable-debug-command", "yes"}, s.args...)
	w := newCrew(s.promise, 0)
	p := v.launch()
	p.Await(t)
	c, err := v.dial()
	if err != nil {
		t.Fatal(err)
	}
	still := fill(t, c, 3000, 3000)
	c.Must(t, "SAVE")
	c.Close()
	for round := range s.kills {
		shift := w.start(t, v.dial, r)
		busy := v.disturb(w, s, r)
		life := time.Duration(r.IntN(150)) * time.Millisecond
		if s.promise == recent && round%8 == 7 { // so that something is old
			life += grace + time.Duration(r.IntN(1000))*time.Millisecond
		}
		<-time.After(life)
		ended := time.Now()
		p.Kill()
		err := shift.end()
		<-busy
		if err != nil {
			return fmt.Errorf("round %d: %w\n%s", round, err, p.Output())
		}
		tallies := w.sent(w.tally(ended))
		if s.damage != nil {
			s.damage(t, dir)
		}
		for r.IntN(4) == 0 { // killed while it loads
			p = v.launch()
			<-time.After(time.Duration(r.IntN(40)) * time.Millisecond)
			p.Kill()
		}
		p = v.start()
		if c, err = v.dial(); err != nil {
			t.Fatal(err)
		}
		counts, err := w.look(c, tallies)
		if err := errors.Join(err, still.look(c)); err != nil {
			return fmt.Errorf("round %d: %w\n%s\n%s", round, err, p.Output(), listing(dir))
		}
		w.resume(counts)
		c.Close()
	}
	t.Logf("%d kills, %d acknowledged writes lost", s.kills, w.lost)
	return p.Stop()
}

// disturb has the server rewrite its log and save while the crew works; it is over when the channel is closed.
func (v *victim) disturb(w *crew, s setup, r *rand.Rand) <-chan struct{} {
	over := make(chan struct{})
	rewrite, save, pause := r.IntN(2) == 0, s.promise == saved || r.IntN(4) == 0, time.Duration(r.IntN(40))*time.Millisecond
	c, err := v.dial()
	if err != nil {
		v.t.Fatal(err)
	}
	go func() {
		defer close(over)
		defer c.Close()
		<-time.After(pause)
		for save && s.promise == saved {
			if !saveOnce(c, w) {
				return
			}
		}
		if rewrite {
			_, _ = c.Do("BGREWRITEAOF") // it may be under way, or the server gone
		}
		if save {
			_, _ = c.Do("BGSAVE")
		}
	}()
	return over
}

// saveOnce saves and notes what must be in the file when that has ended well; false when the server has gone.
func saveOnce(c *testutil.Client, w *crew) bool {
	acked := make([]int64, len(w.workers))
	for i, each := range w.workers {
		acked[i] = each.ledger().acked.Load()
	}
	if v, err := c.Do("BGSAVE"); err != nil || v.IsError() {
		return err == nil
	}
	for {
		v, err := c.Do("INFO", "persistence")
		if err != nil {
			return false
		}
		if !strings.Contains(v.Str, "rdb_bgsave_in_progress:1") {
			if strings.Contains(v.Str, "rdb_last_bgsave_status:ok") {
				for i, each := range w.workers {
					each.ledger().saved.Store(acked[i])
				}
			}
			return true
		}
	}
}

// listing shows the files of a directory.
func listing(dir string) string {
	var b strings.Builder
	_ = filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, p, info.Size())
		}
		return nil
	})
	return b.String()
}
