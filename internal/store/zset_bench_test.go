// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// BenchmarkZSet is of a set of a million members with random scores, or with equal ones.
func BenchmarkZSet(b *testing.B) {
	const members = 1_000_000
	for _, kind := range []string{"random", "equal"} {
		score := rand.Float64
		if kind == "equal" {
			score = func() float64 { return 7 }
		}
		arena, err := mem.NewArena(mem.Options{Reserve: 8 << 30})
		if err != nil {
			b.Fatal(err)
		}
		v := New(Options{Arena: arena, Shards: 1, Databases: 1}).NewView()
		v.NowMillis = someTime
		db := v.DB(0)
		z, _ := db.FindZSetWrite([]byte("z"))
		var room [32]byte
		member := func(i int) []byte { return fmt.Appendf(room[:0], "member:%012d", i) }
		for _, i := range rand.Perm(members) {
			z.Put(member(i), score())
		}
		heap := z.it.big().heap
		b.Run(kind+"/change", func(b *testing.B) {
			for b.Loop() {
				z.Put(member(rand.IntN(members)), score())
			}
			b.ReportMetric(float64(heap.Live())/members, "B/member")
		})
		b.Run(kind+"/rank", func(b *testing.B) {
			for b.Loop() {
				z.Rank(member(rand.IntN(members)))
			}
		})
		b.Run(kind+"/ten by score", func(b *testing.B) {
			for b.Loop() {
				z.Each(min(z.RankOfScore(score(), false), members-10), 10, false, func(Value, float64) bool { return true })
			}
		})
		b.Run(kind+"/remove and add", func(b *testing.B) {
			for b.Loop() {
				m := member(rand.IntN(members))
				z.Remove(m)
				z.Put(m, score())
			}
		})
		arena.Close()
	}
}
