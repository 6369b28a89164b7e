// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// heldSink is a sink whose first Write waits until it is let go.
type heldSink struct {
	textSink
	once    sync.Once
	reached chan struct{} // closed by the first Write, or the end
	goOn    chan struct{}
}

func newHeldSink() *heldSink {
	return &heldSink{reached: make(chan struct{}), goOn: make(chan struct{})}
}

func (s *heldSink) Write(p []byte) error {
	s.once.Do(func() {
		close(s.reached)
		<-s.goOn
	})
	return s.textSink.Write(p)
}

func (s *heldSink) End(err error) {
	s.once.Do(func() { close(s.reached) })
	s.textSink.End(err)
}

// heldBench is an engine with 3000 keys in two databases, of which some are big, and its client.
func heldBench(t *testing.T, o Options) (*bench, *conn) {
	o.Shards, o.BigValues = 8, 2000
	b := fakeBench(t, o)
	t.Cleanup(b.Close)
	c := b.connect()
	for i := range 3000 {
		n := 100
		if i%500 == 0 {
			n = 3000
		}
		c.want("+OK +OK", fmt.Sprintf("SELECT %d", i%2), fmt.Sprintf("SET key:%d %s", i, strings.Repeat("x", n)))
	}
	c.want("+OK", "SELECT 0")
	return b, c
}

// amid begins a snapshot, does something when some of it was saved, and goes on. It gives what it should have, and the sink.
func (b *bench) amid(r SnapshotRequest, do func(s *Snapshot)) (want map[string]string, sink *heldSink) {
	b.t.Helper()
	sink = newHeldSink()
	if r.Encoder == nil {
		r.Encoder = &textEncoder{}
	}
	r.Sink, r.Begin = sink, func(Instant) { want = b.contents() }
	s := b.Snapshot(r)
	<-sink.reached
	do(s)
	close(sink.goOn)
	<-s.Done()
	if sink.ends != 1 {
		b.t.Fatalf("the sink was ended %d times", sink.ends)
	}
	return want, sink
}

// wantSnapshot looks whether a sink has got what there was.
func (b *bench) wantSnapshot(sink *heldSink, want map[string]string) {
	b.t.Helper()
	if sink.err != nil {
		b.t.Fatal(sink.err)
	}
	if got := parse(b.t, sink.Bytes()); !maps.Equal(got, want) {
		b.t.Fatalf("the snapshot has %d keys, or others, not %d", len(got), len(want))
	}
}

// wantSound looks whether a snapshot of what there is now is right.
func (b *bench) wantSound() {
	b.t.Helper()
	want, sink := b.amid(SnapshotRequest{}, func(*Snapshot) {})
	b.wantSnapshot(sink, want)
}

// TestSnapshotAmidChanges makes snapshots in the midst of which the data changes as a whole, and another one behind each.
func TestSnapshotAmidChanges(t *testing.T) {
	whole := func(fn func(b *bench)) func(b *bench, c *conn) {
		return func(b *bench, _ *conn) {
			for !b.Store.Still() {
			}
			fn(b)
			b.Store.SettleAll()
			b.Store.Resume()
		}
	}
	for name, change := range map[string]func(b *bench, c *conn){
		"nothing":  func(*bench, *conn) {},
		"FLUSHALL": whole(func(b *bench) { b.Flush(-1) }),
		"FLUSHDB":  whole(func(b *bench) { b.Flush(1) }),
		"SWAPDB":   whole(func(b *bench) { b.Store.Swap(0, 1, b.clock.WallMillis()) }),
		"SWAPDB and FLUSHDB": whole(func(b *bench) {
			b.Store.Swap(0, 3, b.clock.WallMillis())
			b.Flush(3)
		}),
		"a script's FLUSHALL": func(_ *bench, c *conn) { c.do("RUN 0 | SET key:7 5 | FLUSHALL | SET key:7 6 | FLUSHALL | SWAPDB 0 1") },
		"a script's FLUSHALL, undone": func(_ *bench, c *conn) {
			c.do("RUN 0 | SET key:7 5 | FLUSHALL | SET key:7 6 | SWAPDB 0 1 | FLUSHALL | !kill")
		},
		"a script's, undone, and writes": func(_ *bench, c *conn) {
			c.do("RUN 0 | SWAPDB 1 0 | FLUSHALL | SET key:7 6 | !kill")
			for i := range 3000 {
				c.do(fmt.Sprintf("DEL key:%d", i))
			}
		},
		"writes": func(_ *bench, c *conn) {
			for i := range 3000 {
				c.do(fmt.Sprintf("SET key:%d %d", i, i), fmt.Sprintf("SET new:%d %d", i, i))
			}
		},
		"DEL": func(_ *bench, c *conn) {
			for i := range 3000 {
				c.do(fmt.Sprintf("DEL key:%d", i))
			}
		},
		"eviction": func(b *bench, c *conn) {
			b.setPolicy(store.AllKeysLRU)
			b.SetMaxMemory(b.Used() / 2)
			c.do("GET none")
			if b.keys() > 2000 {
				t.Errorf("%d keys are left", b.keys())
			}
			b.SetMaxMemory(0)
		},
		"a pause": func(b *bench, c *conn) {
			b.Pause(PauseWrite, 1000)
			c.do("GET key:1", "GET key:2998")
			b.Unpause()
			c.do("SET key:2998 v")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, c := heldBench(t, Options{})
			b.t = t
			want, sink := b.amid(SnapshotRequest{}, func(*Snapshot) { change(b, c) })
			b.wantSnapshot(sink, want)
			if len(want) != 3000 {
				t.Errorf("%d keys at the instant", len(want))
			}
			b.wantSoundIfAny()
			for w := b.NewWorker(); w.Housekeep(0) == 0; {
			}
			if n := b.Store.FrozenViews(); n != 0 {
				t.Errorf("%d frozen views are left", n)
			}
			if name == "FLUSHALL" && (b.Store.Used() != 0 || b.Store.Going() != 0) {
				t.Errorf("%d bytes are used, %d are going", b.Store.Used(), b.Store.Going())
			}
		})
	}
}

// wantSoundIfAny is wantSound, also when there are too few keys for a sink to be held.
func (b *bench) wantSoundIfAny() {
	b.t.Helper()
	var want map[string]string
	sink := &heldSink{}
	sink.once.Do(func() {})
	s := b.Snapshot(SnapshotRequest{Encoder: &textEncoder{}, Sink: sink, Begin: func(Instant) { want = b.contents() }})
	<-s.Done()
	b.wantSnapshot(sink, want)
}

// TestReadersSaveNothing looks at keys, and watches them, in the midst of a snapshot.
func TestReadersSaveNothing(t *testing.T) {
	b, c := heldBench(t, Options{})
	var size int64
	want, sink := b.amid(SnapshotRequest{}, func(s *Snapshot) {
		for i := 0; i < 3000; i += 2 {
			c.do(fmt.Sprintf("GET key:%d", i), fmt.Sprintf("WATCH key:%d", i))
		}
		c.do("MULTI", "GET key:0", "EXEC")
		_, size = s.Preimages()
	})
	b.wantSnapshot(sink, want)
	if size != 0 {
		t.Errorf("%d bytes of pre-images", size)
	}
}

// TestSnapshotCancelled ends snapshots in the midst of a walk, in all ways that there are.
func TestSnapshotCancelled(t *testing.T) {
	b, c := heldBench(t, Options{})
	_, sink := b.amid(SnapshotRequest{}, func(s *Snapshot) {
		s.Cancel()
		s.Cancel()
		c.do("SET key:2999 v")
	})
	if sink.err != ErrCancelled {
		t.Errorf("cancelled: %v", sink.err)
	}
	b.wantSound()

	still := func(fn func()) {
		for !b.Store.Still() {
		}
		fn()
		b.Store.SettleAll()
		b.Store.Resume()
	}
	var other *Snapshot
	otherSink := &textSink{}
	_, sink = b.amid(SnapshotRequest{}, func(s *Snapshot) {
		other = b.Snapshot(SnapshotRequest{Encoder: &textEncoder{}, Sink: otherSink})
		other.Cancel()
		<-other.Done()
		if otherSink.err != ErrCancelled {
			t.Errorf("cancelled while it waited: %v", otherSink.err)
		}
	})
	if sink.err != nil {
		t.Errorf("another one was cancelled: %v", sink.err)
	}

	_, sink = b.amid(SnapshotRequest{}, func(s *Snapshot) {
		for !b.Store.Still() {
		}
		s.Cancel()
	})
	if sink.err != ErrCancelled { // which it got while the world was still
		t.Errorf("cancelled with the world still: %v", sink.err)
	}
	b.Store.Resume()
	b.wantSound()

	_, sink = b.amid(SnapshotRequest{Flushed: true}, func(s *Snapshot) { still(func() { b.Flush(1) }) })
	if sink.err != nil {
		t.Errorf("one database was emptied: %v", sink.err)
	}
	_, sink = b.amid(SnapshotRequest{Flushed: true}, func(s *Snapshot) {
		still(func() { b.Flush(-1) })
		if b.Store.Used() > 30_000 { // what views keep
			t.Errorf("%d bytes are used", b.Store.Used())
		}
	})
	if sink.err != ErrCancelled {
		t.Errorf("all was emptied: %v", sink.err)
	}
	b.wantSoundIfAny()
	c.do("SET a 1")
	_, sink = b.amid(SnapshotRequest{Flushed: true}, func(s *Snapshot) { c.want("-ERR killed", "RUN 0 | FLUSHALL | !kill") })
	if sink.err != nil {
		t.Errorf("what has emptied all was undone: %v", sink.err)
	}
	_, sink = b.amid(SnapshotRequest{Flushed: true}, func(s *Snapshot) { c.do("RUN 0 | FLUSHALL | SET a 1") })
	if sink.err != ErrCancelled {
		t.Errorf("a script has emptied all: %v", sink.err)
	}
}

// TestSnapshotsShareWalks asks for several at once.
func TestSnapshotsShareWalks(t *testing.T) {
	b, c := heldBench(t, Options{})
	type asked struct {
		*Snapshot
		sink  textSink
		begun Instant
	}
	ask := func(format string, sink Sink) *asked {
		a := &asked{}
		if sink == nil {
			sink = &a.sink
		}
		a.Snapshot = b.Snapshot(SnapshotRequest{Encoder: &textEncoder{}, Format: format, Sink: sink, Begin: func(i Instant) { a.begun = i }})
		return a
	}
	var one, two, three, four *asked
	b.amid(SnapshotRequest{Format: "first"}, func(*Snapshot) {
		one, two, three = ask("a", nil), ask("b", nil), ask("a", nil)
		four = ask("a", &failingSink{})
		c.do("SET later v")
		if b.SnapshotStill(SnapshotRequest{}) != nil {
			t.Error("a second walk begins beside the first")
		}
	})
	for _, a := range []*asked{one, two, three, four} {
		<-a.Done()
	}
	if one.begun.Encoder != three.begun.Encoder || one.begun.Encoder == two.begun.Encoder || one.begun.Encoder != four.begun.Encoder {
		t.Error("snapshots of one format have not one walk, or those of two have")
	}
	if want := b.contents(); !maps.Equal(parse(t, one.sink.Bytes()), want) || !maps.Equal(parse(t, two.sink.Bytes()), want) ||
		!maps.Equal(parse(t, three.sink.Bytes()), want) {
		t.Error("not all have all keys")
	}
	if one.begun.Keys[0] != 1501 || one.begun.Keys[1] != 1500 || one.begun.NowMillis != b.clock.WallMillis() {
		t.Errorf("the instant is %+v", one.begun)
	}
	sink := &textSink{}
	for !b.Store.Still() {
	}
	now := b.SnapshotStill(SnapshotRequest{Encoder: &textEncoder{}, Sink: sink})
	want := b.contents()
	b.Store.Resume()
	c.do("SET key:1 other", "SET key:1001 other")
	<-now.Done()
	if !maps.Equal(parse(t, sink.Bytes()), want) {
		t.Error("the instant of SnapshotStill is another")
	}
}

// failingSink is a full disk.
type failingSink struct{ err error }

var errFull = errors.New("the disk is full")

func (*failingSink) Write([]byte) error { return errFull }

func (s *failingSink) End(err error) { s.err = err }

// brokenEncoder fails from some record on.
type brokenEncoder struct {
	textEncoder
	fails func(it *store.Item)
}

func (e *brokenEncoder) Append(dst []byte, db *store.DB, it *store.Item) []byte {
	e.fails(it)
	return e.textEncoder.Append(dst, db, it)
}

func (e *brokenEncoder) Stream(db *store.DB, it *store.Item) resp.Source {
	e.fails(it)
	return e.textEncoder.Stream(db, it)
}

// TestSnapshotFails has what makes a snapshot fail in all places: nobody else takes harm, and the next one is sound.
func TestSnapshotFails(t *testing.T) {
	b, c := heldBench(t, Options{})
	sink := &failingSink{}
	s := b.Snapshot(SnapshotRequest{Encoder: &textEncoder{}, Sink: sink})
	<-s.Done()
	if sink.err != errFull {
		t.Errorf("the disk is full: %v", sink.err)
	}
	b.wantSound()

	var failed *store.EncoderPanic
	for _, p := range []any{"a bug", mem.ErrNoMemory} {
		for _, key := range []string{"key:2998", "key:2500"} { // the latter is big
			for _, byWorker := range []bool{false, true} {
				armed := !byWorker
				broken := &brokenEncoder{fails: func(it *store.Item) {
					if armed && string(it.Key()) == key {
						panic(p)
					}
				}}
				before := b.Stats.Panics.Load()
				_, sink := b.amid(SnapshotRequest{Encoder: broken}, func(*Snapshot) {
					if armed = true; byWorker {
						c.want("+OK", "SET "+key+" "+strings.Repeat("x", 3000))
					}
				})
				if byWorker && sink.err == nil {
					continue // the walker has been there already
				}
				bug := errors.As(sink.err, &failed)
				if sink.err == nil || bug != (p == "a bug") || bug != (b.Stats.Panics.Load() > before) || !bug && sink.err != mem.ErrNoMemory {
					t.Errorf("%v: the error is %v", p, sink.err)
				}
				b.wantSound()
			}
		}
	}
	b.locks()
}

// TestSnapshotsEndWithTheEngine closes the engine amid a walk, with another snapshot that waits.
func TestSnapshotsEndWithTheEngine(t *testing.T) {
	b, c := heldBench(t, Options{})
	waits := &textSink{}
	var closed sync.WaitGroup
	_, sink := b.amid(SnapshotRequest{}, func(*Snapshot) {
		b.Snapshot(SnapshotRequest{Encoder: &textEncoder{}, Format: "other", Sink: waits})
		closed.Go(b.Close)
		for !b.closing.Load() {
		}
	})
	closed.Wait()
	c.want("+OK +OK", "SET key:0 v", "FLUSHALL") // from clients that are still there
	after := &textSink{}
	<-b.Snapshot(SnapshotRequest{Sink: after}).Done()
	if sink.err != ErrCancelled || waits.err != ErrCancelled || after.err != ErrCancelled {
		t.Errorf("%v, %v and %v", sink.err, waits.err, after.err)
	}
}

// pausedEncoder has the streams of big values wait for a word before each piece.
type pausedEncoder struct {
	textEncoder
	asks chan struct{} // gets a word when a piece is asked for
	goOn chan struct{}
}

func (e *pausedEncoder) Stream(db *store.DB, it *store.Item) resp.Source {
	return &pausedSource{Source: e.textEncoder.Stream(db, it), e: e}
}

type pausedSource struct {
	resp.Source
	e *pausedEncoder
}

func (s *pausedSource) Next() []byte {
	s.e.asks <- struct{}{}
	<-s.e.goOn
	return s.Source.Next()
}

// spillFile is a file in memory.
type spillFile struct {
	memFile
	most   int // bytes that it takes; 0: any number
	peak   int
	closed bool
}

func (f *spillFile) WriteAt(p []byte, off int64) (int, error) {
	if end := int(off) + len(p); f.most > 0 && end > f.most {
		return 0, errFull
	}
	f.b = append(f.b[:off], p...)
	f.peak = max(f.peak, len(f.b))
	return len(p), nil
}

func (f *spillFile) ReadAt(p []byte, off int64) (int, error) { return copy(p, f.b[off:]), nil }

func (f *spillFile) Truncate(size int64) error {
	f.b = f.b[:size]
	return nil
}

func (f *spillFile) Close() error {
	f.closed = true
	return nil
}

// TestPreimagesAreBounded has clients write while a big value is being streamed, which takes very long: what they save goes to a file, and
// where that is full, or there is none, they wait.
func TestPreimagesAreBounded(t *testing.T) {
	const most = 128 << 10
	for name, file := range map[string]*spillFile{"a file": {}, "a full disk": {most: 100_000}, "no file": nil} {
		t.Run(name, func(t *testing.T) {
			o := Options{Preimages: most}
			if file != nil {
				o.Spill = func() (SpillFile, error) { return file, nil }
			}
			b, c := heldBench(t, o)
			e := &pausedEncoder{asks: make(chan struct{}, 1000), goOn: make(chan struct{})}
			var want map[string]string
			sink := &textSink{}
			s := b.Snapshot(SnapshotRequest{Encoder: e, Sink: sink, Begin: func(Instant) { want = b.contents() }})
			<-e.asks // the walker is in a value
			parked, pieces := 0, 0
			for i := 0; i < 3000; {
				n, st := c.try(fmt.Sprintf("SELECT %d", i%2), fmt.Sprintf("SET key:%d v", i))
				c.replies()
				if size, _ := s.Preimages(); size > most+10_000 {
					t.Fatalf("%d bytes of pre-images", size)
				}
				if n == 2 {
					i++
					continue
				}
				if parked++; st != Parked {
					t.Fatalf("%d of 2 commands were run, then %v", n, st)
				}
				for done := false; !done; {
					select {
					case e.goOn <- struct{}{}: // the next piece
						pieces++
					case <-c.woke:
						done = true
					}
				}
			}
			close(e.goOn)
			<-s.Done()
			if sink.err != nil || !maps.Equal(parse(t, sink.Bytes()), want) {
				t.Errorf("the snapshot is wrong: %v", sink.err)
			}
			if _, peak := s.Preimages(); parked == 0 || peak > most+10_000 {
				t.Errorf("parked %d times, %d bytes", parked, peak)
			}
			if file != nil && (!file.closed || file.peak < 40_000 || file.most > 0 && file.peak > file.most) {
				t.Errorf("the file took %d bytes, and is closed: %v", file.peak, file.closed)
			}
			b.wantSound()
		})
	}
}
