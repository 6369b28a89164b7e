// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// textEncoder writes strings: records of a length, the key, a length and the value; a database is a length of -1 and its number.
type textEncoder struct{ records atomic.Int64 }

func (*textEncoder) Database(dst []byte, db, _, _ int) []byte {
	return binary.AppendVarint(binary.AppendVarint(dst, -1), int64(db))
}

func appendText(dst, text []byte) []byte {
	return append(binary.AppendVarint(dst, int64(len(text))), text...)
}

func (e *textEncoder) Append(dst []byte, _ *store.DB, it *store.Item) []byte {
	e.records.Add(1)
	return appendText(appendText(dst, it.Key()), it.AppendText(nil))
}

func (e *textEncoder) Stream(db *store.DB, it *store.Item) resp.Source {
	e.records.Add(1)
	head := appendText(nil, it.Key())
	n := it.TextLen()
	head = binary.AppendVarint(head, int64(n))
	return &textSource{head: head, text: db.StreamText(it, 0, n)}
}

type textSource struct {
	head []byte
	text *store.TextStream
}

func (s *textSource) Next() []byte {
	if head := s.head; head != nil {
		s.head = nil
		return head
	}
	return s.text.Next()
}

func (s *textSource) Close() { s.text.Close() }

// parse gives what an encoder has written, by database and key. A key that comes twice is an error.
func parse(t testing.TB, b []byte) map[string]string {
	all := map[string]string{}
	db := int64(-1)
	for len(b) > 0 {
		n, size := binary.Varint(b)
		b = b[size:]
		if n < 0 {
			db, size = binary.Varint(b)
			b = b[size:]
			continue
		}
		key := fmt.Sprintf("%d:%s", db, b[:n])
		b = b[n:]
		n, size = binary.Varint(b)
		b = b[size:]
		if _, there := all[key]; there || db < 0 {
			t.Fatalf("key %q is there twice, or without a database", key)
		}
		all[key] = string(b[:n])
		b = b[n:]
	}
	return all
}

// textSink keeps what it is given.
type textSink struct {
	bytes.Buffer
	err  error
	ends int
	slow func()
}

func (s *textSink) Write(p []byte) error {
	if s.slow != nil {
		s.slow()
	}
	s.Buffer.Write(p)
	return nil
}

func (s *textSink) End(err error) {
	s.err = err
	s.ends++
}

// contents gives all strings of the bench. The world is still.
func (b *bench) contents() map[string]string {
	all := map[string]string{}
	view := b.Store.NewView()
	view.NowMillis = b.clock.WallMillis()
	for db := range b.Store.Databases() {
		view.DB(db).Each(func(it *store.Item) error {
			all[fmt.Sprintf("%d:%s", db, it.Key())] = string(it.AppendText(nil))
			return nil
		})
	}
	return all
}

// TestSnapshotIsOfOneInstant has clients change everything while snapshots are made, and holds these against the data as it was.
func TestSnapshotIsOfOneInstant(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 8, BigValues: 2000})
	t.Cleanup(b.Close)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			c := b.connect()
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := strconv.Itoa(int(rng.Uint64N(3000)))
				value := strconv.Itoa(i)
				switch rng.Uint64N(16) {
				case 0:
					c.do("DEL " + key)
				case 1:
					c.do(fmt.Sprintf("SELECT %d", rng.Uint64N(3)))
				case 2:
					c.do("SET " + key + " " + strings.Repeat(value+",", 600))
				case 3:
					c.do("MULTI", "SET "+key+" "+value, "SET "+key+"' "+value, "EXEC")
				case 4:
					c.do("GET " + key)
				default:
					c.do("SET " + key + " " + value)
				}
			}
		})
	}
	for range 30 {
		var want map[string]string
		sink := &textSink{}
		snapshot := b.Snapshot(SnapshotRequest{Encoder: &textEncoder{}, Sink: sink, Begin: func(Instant) { want = b.contents() }})
		<-snapshot.Done()
		if sink.err != nil || sink.ends != 1 {
			t.Fatalf("ended %d times, error %v", sink.ends, sink.err)
		}
		if got := parse(t, sink.Bytes()); !maps.Equal(got, want) {
			for k, v := range want {
				if got[k] != v {
					t.Errorf("key %s: got %.20q want %.20q", k, got[k], v)
				}
			}
			t.Fatalf("%d keys, want %d", len(got), len(want))
		}
		if saved, total := snapshot.Progress(); saved != total || int(total) != len(want) {
			t.Fatalf("progress is %d of %d", saved, total)
		}
	}
	close(stop)
	wg.Wait()
}
