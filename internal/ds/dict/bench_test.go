// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"fmt"
	"testing"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

func benchSizes(b *testing.B, run func(b *testing.B, n int)) {
	for _, n := range []int{1000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { run(b, n) })
	}
}

// hashes gives the keys of a table and their hashes in random order, computed ahead: Find is what is measured.
func filled(b *testing.B, n int) (f *fixture, keys [][]byte, hashes []uint64) {
	f = newFixture(b)
	for i := range n {
		f.add(key(i))
	}
	for i := range n {
		k := key(int(mix(uint64(i)) % uint64(n)))
		keys, hashes = append(keys, k), append(hashes, hash.Bytes(k))
	}
	return f, keys, hashes
}

func BenchmarkFindHit(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		f, keys, hashes := filled(b, n)
		i := 0
		for b.Loop() {
			if e, _ := f.Find(hashes[i], keys[i]); e == 0 {
				b.Fatal("not found")
			}
			if i++; i == n {
				i = 0
			}
		}
	})
}

func BenchmarkFindMiss(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		f, keys, hashes := filled(b, n)
		for i := range hashes {
			hashes[i] = hash.Bytes(append(keys[i], 'x'))
		}
		i := 0
		for b.Loop() {
			if e, _ := f.Find(hashes[i], keys[i]); e != 0 {
				b.Fatal("found")
			}
			if i++; i == n {
				i = 0
			}
		}
	})
}

func BenchmarkFindPrefetched(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		f, keys, hashes := filled(b, n)
		const batch = 16
		i := 0
		for b.Loop() {
			if i%batch == 0 {
				if i+batch > n {
					i = 0
				}
				for _, h := range hashes[i : i+batch] {
					f.PrefetchBucket(h)
				}
				for _, h := range hashes[i : i+batch] {
					f.PrefetchEntry(f.PrefetchBucket(h), h)
				}
			}
			if e, _ := f.Find(hashes[i], keys[i]); e == 0 {
				b.Fatal("not found")
			}
			i++
		}
	})
}

// BenchmarkInsertRemove grows a table from nothing to n entries and empties it again; an operation is one of either.
func BenchmarkInsertRemove(b *testing.B) {
	benchSizes(b, func(b *testing.B, n int) {
		f := newFixture(b)
		refs, hashes := make([]mem.Ref, n), make([]uint64, n)
		for i := range refs {
			refs[i], hashes[i] = f.record(key(i)), hash.Bytes(key(i))
		}
		i := 0
		for b.Loop() {
			switch {
			case i < n:
				f.Insert(hashes[i], refs[i])
			default:
				_, p := f.Find(hashes[i-n], recordKey(f.Heap, refs[i-n]))
				f.Remove(p)
			}
			if i++; i == 2*n {
				i = 0
			}
		}
	})
}

func BenchmarkEach(b *testing.B) {
	f, _, _ := filled(b, 1000000)
	n := 0
	for b.Loop() {
		f.Each(func(e mem.Ref) bool { n += len(recordKey(f.Heap, e)); return true })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/entry")
}
