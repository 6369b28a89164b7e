// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// benchKeys is how many keys a benchmark's file has.
const benchKeys = 200_000

// benchView is a view of an empty store of the usual size.
func benchView(b *testing.B) (v *store.View, end func()) {
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	v = store.New(store.Options{Arena: arena, Shards: 64, Databases: 16}).NewView()
	v.NowMillis = fileTime
	return v, func() { arena.Close() }
}

// BenchmarkReadFile reads files of strings, of small hashes, lists and sorted sets, and of one large sorted set.
func BenchmarkReadFile(b *testing.B) {
	for _, bc := range []struct {
		name  string
		value func(db *store.DB, key []byte, i int)
	}{
		{"strings", func(db *store.DB, key []byte, i int) {
			db.SetString(key, fmt.Appendf(nil, "%032d%032d", i, i*i), store.NoExpiry)
		}},
		{"expiring", func(db *store.DB, key []byte, i int) {
			db.SetString(key, fmt.Appendf(nil, "%032d", i), fileTime+int64(i))
		}},
		{"hashes", func(db *store.DB, key []byte, i int) {
			var h store.HashDraft
			h.Begin(db, false)
			for j := range 10 {
				h.Add(store.Value{Bytes: fmt.Appendf(nil, "field:%d", j)}, store.Value{Bytes: fmt.Appendf(nil, "value of %d %d", i, j)}, store.NoExpiry)
			}
			h.Attach(key, store.NoExpiry)
		}},
		{"sorted sets", func(db *store.DB, key []byte, i int) {
			var z store.ZSetDraft
			z.Begin(db)
			for j := range 10 {
				z.Add(store.Value{Bytes: fmt.Appendf(nil, "member:%d:%d", i, j)}, float64(j*10+i%7))
			}
			z.Attach(key, store.NoExpiry)
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			v, end := benchView(b)
			for i := range benchKeys {
				bc.value(v.DB(0), fmt.Appendf(nil, "key:%012d", i), i)
			}
			var file output
			if err := WriteFile(&file, v, FileOptions{Version: 10, Checksum: true}); err != nil {
				b.Fatal(err)
			}
			end()
			for _, makers := range []int{1, 2} {
				b.Run(fmt.Sprint("makers=", makers), func(b *testing.B) {
					b.SetBytes(int64(file.Len()))
					for b.Loop() {
						b.StopTimer()
						v, end := benchView(b)
						b.StartTimer()
						n, err := ReadFile(bytes.NewReader(file.Bytes()), v, LoadOptions{Checksum: true, Makers: makers, Beside: true})
						if err != nil || n.Keys != benchKeys {
							b.Fatal(n, err)
						}
						b.StopTimer()
						end()
						b.StartTimer()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
				})
			}
		})
	}
}
