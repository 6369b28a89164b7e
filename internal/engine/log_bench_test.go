// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// BenchmarkLog appends effects as workers do, one or two at a time, while somebody reads.
func BenchmarkLog(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			l := newLog()
			r := l.Attach(nil)
			defer r.Close()
			b.ReportAllocs()
			var group sync.WaitGroup
			var reading sync.Mutex
			for range workers {
				group.Go(func() {
					var text effectText
					argv := [][]byte{[]byte("SET"), []byte("key:000000012345"), []byte("xxxxxxxxxxxxxxxx")}
					for i := range b.N / workers {
						for l.Park(func() {}) {
							runtime.Gosched()
						}
						text.add(0, argv)
						l.append(&text)
						if i%64 == 63 && reading.TryLock() {
							n := 0
							for _, piece := range r.Peek() {
								n += len(piece)
							}
							r.Advance(n)
							reading.Unlock()
						}
					}
				})
			}
			group.Wait()
		})
	}
}
