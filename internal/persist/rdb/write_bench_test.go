// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"fmt"
	"testing"

	"github.com/redpoll/redpoll/internal/store"
)

// BenchmarkWrite writes values of many elements, and of few.
func BenchmarkWrite(b *testing.B) {
	db := newDB(b)
	for _, n := range []int{10, 100_000} {
		var all [][]byte
		for i := range n {
			all = append(all, fmt.Append(nil, "element:", i*7919%n))
		}
		l, _ := db.FindListWrite(fmt.Append(nil, "list", n))
		l.Push(all, false, noTick)
		s, _ := db.FindSetWrite(fmt.Append(nil, "set", n))
		s.AddAll(all, n)
		h, _ := db.FindHashWrite(fmt.Append(nil, "hash", n))
		z, _ := db.FindZSetWrite(fmt.Append(nil, "zset", n))
		x, _ := db.FindStreamWrite(fmt.Append(nil, "stream", n))
		for i, text := range all {
			h.SetOne(text, text, store.NoExpiry)
			z.Put(text, float64(i))
			x.Append(store.StreamID{Ms: uint64(1 + i)}, [][]byte{[]byte("field"), text})
		}
		for _, typ := range []string{"list", "set", "hash", "zset", "stream"} {
			for _, pack := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s of %d, packed %v", typ, n, pack), func(b *testing.B) {
					it, _ := db.Peek(fmt.Append(nil, typ, n))
					var w Writer
					for b.Loop() {
						w.Begin(10, pack)
						w.Value(db, &it, KindOf(db, &it, 10))
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/element")
				})
			}
		}
	}
}
