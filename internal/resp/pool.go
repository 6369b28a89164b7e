// SPDX-License-Identifier: BSD-3-Clause

package resp

// ChunkSize is the capacity in bytes of a pooled reply chunk.
const ChunkSize = 16 << 10

// ChunkPool keeps reply chunks for reuse. It belongs to one event loop and is not safe for concurrent use; every Writer of that
// loop shares it. The zero value keeps nothing and is usable.
type ChunkPool struct {
	free [][]byte
	max  int
}

// NewChunkPool returns a pool that keeps at most max free chunks; what comes back beyond that is left to the collector.
func NewChunkPool(max int) *ChunkPool {
	return &ChunkPool{max: max}
}

// Get returns an empty chunk of capacity ChunkSize, owned by the caller until Put.
func (p *ChunkPool) Get() []byte {
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		return b
	}
	return make([]byte, 0, ChunkSize)
}

// Put takes a chunk back. Chunks of another size, such as those of big bulks, are dropped.
func (p *ChunkPool) Put(b []byte) {
	if cap(b) == ChunkSize && len(p.free) < p.max {
		p.free = append(p.free, b[:0])
	}
}

// Free returns the number of chunks the pool keeps at the moment.
func (p *ChunkPool) Free() int { return len(p.free) }
