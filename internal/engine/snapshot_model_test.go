// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	gostrings "strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/cmds/arrays"
	"github.com/redpoll/redpoll/internal/cmds/bits"
	"github.com/redpoll/redpoll/internal/cmds/geos"
	"github.com/redpoll/redpoll/internal/cmds/hashes"
	"github.com/redpoll/redpoll/internal/cmds/hyperloglog"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/cmds/sets"
	"github.com/redpoll/redpoll/internal/cmds/sorting"
	"github.com/redpoll/redpoll/internal/cmds/streams"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/cmds/zsets"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/store"
)

// world is an engine with all commands on keys.
type world struct {
	*bench
	specs []*command.Spec // that clients call
	rdb   rdb.FileOptions
	plays atomic.Int64 // what players have done so far
}

// after waits until players have done a few things more, if they can.
func (w *world) after(plays int64) {
	end := w.plays.Load() + plays
	for range 300 {
		if w.plays.Load() >= end {
			return
		}
		runtime.Gosched()
	}
}

// slowEncoder lets players do something between records.
type slowEncoder struct {
	*rdb.FileEncoder
	w *world
	n atomic.Int64
}

func (e *slowEncoder) Append(dst []byte, db *store.DB, it *store.Item) []byte {
	if e.n.Add(1)%2 == 0 {
		e.w.after(5)
	}
	return e.FileEncoder.Append(dst, db, it)
}

// newWorld makes one in which values become big soon.
func newWorld(t *testing.T, shards int) *world { return newWorldAt(t, shards, clock.Real()) }

// newWorldAt is newWorld with another clock.
func newWorldAt(t *testing.T, shards int, c *clock.Clock) *world {
	w := &world{bench: &bench{t: t, clock: c}, rdb: rdb.FileOptions{Version: rdb.NewestVersion, Pack: true, Checksum: true}}
	none := []command.KeySpec(nil)
	whole := func(name, syntax string, run func(c *command.Ctx) error) command.Spec {
		return command.Spec{
			Name: name, Since: "1.0.0", Complexity: "O(1)", Summary: "For tests.", Group: "string",
			Syntax: syntax, Flags: command.Write, Plan: command.PlanAll, Keys: none, Run: run,
		}
	}
	registry, err := command.NewRegistry(Transactions, arrays.Family, bits.Family, geos.Family, hashes.Family, hyperloglog.Family,
		keys.Family, lists.Family, sets.Family, sorting.Family, streams.Family, strings.Family, zsets.Family, (&rdb.Codec{}).Family(),
		command.Family{Name: "whole", Group: "string", Commands: []command.Spec{
			whole("FLUSHALL", "", flushAll),
			whole("FLUSHDB", "", func(c *command.Ctx) error {
				worker(c).Flush(c.DB.Index(), nil)
				c.Dirty++
				return nil
			}),
			whole("SWAPDB", "a:int b:int", swapDB),
			{
				Name: "SELECT", Since: "1.0.0", Complexity: "O(1)", Summary: "For tests.", Group: "string",
				Syntax: "db:int", Plan: command.PlanNone, Run: selectDB,
			},
		}})
	if err != nil {
		t.Fatal(err)
	}
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	w.Engine = New(Options{
		Arena: arena, Clock: w.clock, Log: slog.New(slog.DiscardHandler), Registry: registry, Databases: 4, Shards: shards, BigValues: 600,
		Preimages: 64 << 10, Spill: func() (SpillFile, error) { return os.CreateTemp(t.TempDir(), "spill") },
	})
	t.Cleanup(w.Close)
	w.Store.Settings.StreamIdmpDuration.Store(86400) // a slow machine takes longer than 100 s for a test
	for spec := range registry.All() {
		if len(spec.Keys) > 0 && !spec.Flags.Has(command.Blocking) && spec.ID() != w.execID && spec.Name != "WATCH" {
			w.specs = append(w.specs, spec)
		}
	}
	return w
}

// player is a client that does what comes to its mind.
type player struct {
	*conn
	world *world
	gen   *gen.Generator
	rng   *rand.Rand
}

func (w *world) player(seed uint64) *player {
	p := &player{conn: w.connect(), world: w, gen: gen.New(seed), rng: rand.New(rand.NewPCG(seed, 1))}
	p.gen.Keys = nil
	for i := range 400 {
		p.gen.Keys = append(p.gen.Keys, fmt.Sprintf("key%d", i))
	}
	for i := range 60 {
		p.gen.Values = append(p.gen.Values, fmt.Sprintf("value %d", i), gostrings.Repeat("long", i))
	}
	p.gen.Make = func(_ *command.Spec, a *command.Argument) (string, bool) {
		switch a.Name {
		case "seconds":
			return p.pick("1", "1000", "5000"), true
		case "milliseconds":
			return p.pick("1", "5", "20", "100", "1000000"), true
		case "duration": // what a stream remembers of its producers dies with time
			return "86400", true
		case "unix-time-seconds", "unix-time-milliseconds":
			return p.pick("1", "9999999999999"), true
		}
		return "", false
	}
	return p
}

func (p *player) pick(words ...string) string { return words[p.rng.IntN(len(words))] }

// run runs one command to its end.
func (p *player) run(args ...string) {
	argv := make([][]byte, len(args))
	for i, arg := range args {
		argv[i] = []byte(arg)
	}
	for {
		var call Call
		p.w.Prepare(p.cl, &call, argv, false)
		if _, st := p.w.Run(nil, p.cl, []Call{call}); st != Parked {
			break
		}
		if !p.wait() {
			break
		}
	}
	p.replies()
}

// play runs a few commands.
func (p *player) play() {
	defer p.world.plays.Add(1)
	spec := p.world.specs[p.rng.IntN(len(p.world.specs))]
	switch p.rng.IntN(200) {
	case 0:
		p.run("SELECT", strconv.Itoa(p.rng.IntN(3)))
	case 1:
		p.run("SWAPDB", strconv.Itoa(p.rng.IntN(4)), strconv.Itoa(p.rng.IntN(4)))
	case 2:
		if p.rng.IntN(60) == 0 {
			p.run(p.pick("FLUSHDB", "FLUSHALL"))
		}
	case 3, 4, 5:
		p.run("MULTI")
		for range p.rng.IntN(5) {
			p.run(p.gen.Valid(p.world.specs[p.rng.IntN(len(p.world.specs))])...)
		}
		p.run("EXEC")
	case 6, 7, 8:
		p.w.Housekeep(0)
	case 9, 10, 11:
		key := p.gen.Keys[p.rng.IntN(len(p.gen.Keys))]
		p.fill(key + "big")
		p.run("RENAME", key+"big", key)
	default:
		p.run(p.gen.Valid(spec)...)
	}
}

// fill makes a key with many elements.
func (p *player) fill(key string) {
	p.run("DEL", key)
	kind := p.rng.IntN(6)
	for i := range 100 {
		n := strconv.Itoa(i)
		switch kind {
		case 0:
			p.run("RPUSH", key, n, gostrings.Repeat(n, 8))
		case 1:
			p.run("SADD", key, "member "+n)
		case 2:
			p.run("ZADD", key, n, "member "+n)
		case 3:
			p.run("HSET", key, "field "+n, n)
			if i%10 == 0 {
				p.run("HPEXPIRE", key, p.pick("1", "10", "1000000"), "FIELDS", "1", "field "+n)
			}
		case 4:
			p.run("XADD", key, "*", "field", n)
		case 5:
			p.run("APPEND", key, gostrings.Repeat(n, 10))
		}
	}
}

// content is what a key holds.
type keyContent struct {
	expiry int64
	text   string
	fields map[string]timedText // of a hash
}

type timedText struct {
	text   string
	expiry int64
}

// contents gives all keys that live at the time of a view, which has the world to itself.
func allContent(v *store.View, o rdb.FileOptions) map[string]keyContent {
	all := map[string]keyContent{}
	enc := o.Encoder()
	for n := range v.DB(0).Databases() {
		db := v.DB(n)
		db.Each(func(it *store.Item) error {
			c := keyContent{expiry: it.Expiry()}
			var parts []string
			add := func(v store.Value) bool {
				parts = append(parts, string(store.Text(v, nil)))
				return true
			}
			switch it.Type() {
			case store.TypeString:
				c.text = string(it.AppendText(nil))
			case store.TypeList:
				l := db.ListOf(it)
				l.Each(0, l.Len(), false, add)
			case store.TypeSet:
				s := db.SetOf(it)
				s.Each(add)
				slices.Sort(parts)
			case store.TypeZSet:
				z := db.ZSetOf(it)
				z.Each(0, z.Len(), false, func(m store.Value, score float64) bool {
					if score == 0 {
						score = 0 // -0, which a large sorted set can have, is 0 in a small one, as which it may be loaded
					}
					parts = append(parts, fmt.Sprintf("%v %q", score, store.Text(m, nil)))
					return true
				})
			case store.TypeHash:
				h := db.HashOf(it)
				c.fields = map[string]timedText{}
				h.Each(func(p store.Pair) bool {
					c.fields[string(store.Text(p.Field, nil))] = timedText{string(store.Text(p.Value, nil)), p.Expiry}
					return true
				})
			case store.TypeArray:
				a := db.ArrayOf(it)
				a.Each(0, store.MaxIndex, false, func(i uint64, v store.Value) bool {
					parts = append(parts, fmt.Sprintf("%d %q", i, store.Text(v, nil)))
					return true
				})
				parts = append(parts, fmt.Sprint(a.Next()))
			case store.TypeStream:
				parts = append(parts, string(enc.Append(nil, db, it)))
			}
			if parts != nil {
				c.text = fmt.Sprintf("%q", parts)
			}
			all[fmt.Sprintf("%d:%v:%s", n, it.Type(), it.Key())] = c
			return nil
		})
	}
	return all
}

// age takes out what is dead at a time, Unix ms.
func age(all map[string]keyContent, now int64) {
	for key, c := range all {
		for field, f := range c.fields {
			if f.expiry != 0 && f.expiry < now {
				delete(c.fields, field)
			}
		}
		if c.expiry != 0 && c.expiry < now || c.fields != nil && len(c.fields) == 0 {
			delete(all, key)
		}
	}
}

// fileSink writes a snapshot into memory as a file.
type fileSink struct {
	memFile
	w   *rdb.FileWriter
	enc *rdb.FileEncoder
	o   rdb.FileOptions
	err error
}

// memFile is a file in memory.
type memFile struct{ b []byte }

func (f *memFile) Write(p []byte) (int, error) {
	f.b = append(f.b, p...)
	return len(p), nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) { return copy(f.b[off:], p), nil }

func (s *fileSink) begin(i Instant) {
	s.enc = i.Encoder.(*slowEncoder).FileEncoder
	s.w, s.err = rdb.NewFileWriter(&s.memFile, i.NowMillis, s.o)
}

func (s *fileSink) Write(p []byte) error {
	_, err := s.w.Write(p)
	return err
}

func (s *fileSink) End(err error) {
	if s.err = err; err == nil {
		s.err = s.w.End(s.enc.Version())
	}
}

// load gives what is in a file at a time, Unix ms.
func load(t *testing.T, file []byte, now int64, o rdb.FileOptions) map[string]keyContent {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{Reserve: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	s := store.New(store.Options{Arena: arena, Shards: 4, Databases: 4})
	view := s.NewView()
	view.NowMillis = now
	if _, err := rdb.ReadFile(bytes.NewReader(file), view, rdb.LoadOptions{Checksum: true}); err != nil {
		t.Fatal(err)
	}
	return allContent(view, o)
}

// compareContent reports what a snapshot has other than it should have.
func compareContent(t *testing.T, got, want map[string]keyContent) {
	t.Helper()
	for key, w := range want {
		if g, there := got[key]; !there || fmt.Sprint(g) != fmt.Sprint(w) {
			got, want := fmt.Sprint(g), fmt.Sprint(w)
			same := 0
			for same < min(len(got), len(want)) && got[same] == want[same] {
				same++
			}
			from := max(same-50, 0)
			t.Errorf("%s (there: %v), from byte %d on:\ngot  %.200s\nwant %.200s", key, there, from, got[min(from, len(got)):], want[from:])
		}
	}
	for key, g := range got {
		if _, there := want[key]; !there {
			t.Errorf("%s is there, and should not be: %.300q", key, fmt.Sprint(g))
		}
	}
}

// take makes a snapshot, and gives what there was at its instant, and its file.
func (w *world) take(t *testing.T) (want map[string]keyContent, file []byte) {
	t.Helper()
	sink := &fileSink{o: w.rdb}
	snapshot := w.Snapshot(SnapshotRequest{Encoder: &slowEncoder{FileEncoder: w.rdb.Encoder(), w: w}, Sink: sink, Begin: func(i Instant) {
		view := w.Store.NewView()
		view.NowMillis = i.NowMillis
		want = allContent(view, w.rdb)
		sink.begin(i)
	}})
	<-snapshot.Done()
	if sink.err != nil {
		t.Fatal(sink.err)
	}
	return want, sink.b
}

// TestSnapshotsOfEverything has clients run all commands on keys while snapshots are made and values are moved in memory, and holds each
// snapshot, loaded elsewhere, against what there was at its instant.
func TestSnapshotsOfEverything(t *testing.T) {
	rounds, plays := 40, int64(20_000)
	switch {
	case invariants.Enabled: // which takes long
		rounds, plays = 5, 1000
	case testing.Short():
		rounds, plays = 15, 5000
	}
	w := newWorld(t, 32)
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	for n := range uint64(3) {
		p := w.player(n)
		wg.Go(func() {
			for !stop.Load() {
				p.play()
			}
		})
	}
	mover := w.NewWorker()
	w.Store.Settings.SparsePercent.Store(1)
	w.Store.Settings.MaxBulk.Store(100_000)
	wg.Go(func() {
		for shard := 0; !stop.Load(); shard = (shard + 1) % w.Store.Shards() {
			if mover.enter() && w.Store.TryLock(shard) {
				w.Store.Compact(shard, 64)
				w.Store.Unlock(shard)
			}
			mover.leave()
		}
	})
	for w.plays.Load() < plays {
		runtime.Gosched()
	}
	for range rounds {
		want, file := w.take(t)
		now := w.clock.WallMillis()
		age(want, now)
		if compareContent(t, load(t, file, now, w.rdb), want); t.Failed() {
			return
		}
	}
}

// TestSnapshotOfLongValues saves values of many elements that clients change all the while: before they are saved, while they are streamed,
// and behind that.
func TestSnapshotOfLongValues(t *testing.T) {
	w := newWorld(t, 4)
	filler := w.player(0)
	elements := 20_000
	if testing.Short() {
		elements = 4000
	}
	for i := 0; i < elements; i += 500 {
		calls := [][]string{{"SADD", "set"}, {"RPUSH", "list"}, {"HSET", "hash"}, {"ZADD", "zset"}}
		for n := i; n < i+500; n++ {
			text := strconv.Itoa(n)
			calls[0], calls[1] = append(calls[0], "member"+text), append(calls[1], "element"+text)
			calls[2], calls[3] = append(calls[2], text, "value"), append(calls[3], text, "member"+text)
		}
		for _, call := range calls {
			filler.run(call...)
		}
		filler.run("SETRANGE", "string", strconv.Itoa(10*i), gostrings.Repeat("x", 5000))
		filler.run("XADD", "stream", "*", "field", gostrings.Repeat("x", 5000))
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	for n := range uint64(2) {
		p := w.player(n + 1)
		wg.Go(func() {
			for !stop.Load() {
				i := strconv.Itoa(p.rng.IntN(elements))
				for _, call := range [][]string{
					{"SADD", "set", i}, {"SREM", "set", "member" + i}, {"LSET", "list", i, "new"}, {"LPUSH", "list", i}, {"HSET", "hash", i, "new"},
					{"ZADD", "zset", i, "member" + i}, {"SETRANGE", "string", i, i}, {"XADD", "stream", "MAXLEN", "100", "*", "f", i},
				} {
					p.run(call...)
				}
				w.plays.Add(1)
			}
		})
	}
	for range 3 {
		want, file := w.take(t)
		if compareContent(t, load(t, file, w.clock.WallMillis(), w.rdb), want); t.Failed() {
			return
		}
	}
}
