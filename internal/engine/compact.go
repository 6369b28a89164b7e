// SPDX-License-Identifier: BSD-3-Clause

package engine

// Compacting the store's heaps (see store.Store.Compact) is part of the loops' housekeeping. The server's cron looks now and
// then at what all heaps hold beyond what lives in them; when that is too much, and other than when it last was, each loop goes
// through its shards once. A loop gives it at most dutySlice at one go and rests in between, for as long as its effort asks.
// What a loop is told to do it is told again at each look, so that it is done though the clock is set back.

// compactSlices is how many slices, of some 20 µs, of compacting there are in one go at most.
const compactSlices = 10

// Compaction says when heaps are compacted, and how much of the loops' time may be spent on it. Excess is what heaps hold
// beyond what lives in them.
type Compaction struct {
	Off          bool
	Ignore       int64 // bytes of excess that are never too much
	Lower, Upper int64 // excess, in per cent of what lives, from which on LeastCPU and MostCPU are spent
	LeastCPU     int64 // per cent of the loops' time, 1 to 99
	MostCPU      int64
}

// SetCompaction changes the limits; without a call nothing is compacted.
func (e *Engine) SetCompaction(c Compaction) {
	e.compaction.Store(&c)
	e.Store.Settings.SparsePercent.Store(c.Lower)
}

// effort gives the per cent of the loops' time that an excess is worth; 0 when it is not too much.
func (c *Compaction) effort(excess, live int64) int64 {
	if c == nil || c.Off || excess <= c.Ignore || excess*100 <= live*c.Lower {
		return 0
	}
	share := float64(1)
	if c.Upper > c.Lower {
		share = min((float64(excess)*100/float64(max(live, 1))-float64(c.Lower))/float64(c.Upper-c.Lower), 1)
	}
	return max(c.LeastCPU+int64(share*float64(c.MostCPU-c.LeastCPU)), 1)
}

// Compact has the loops compact the store if that is worth while; now is the monotonic time in ns. It is called now and then, by
// one goroutine at a time.
func (e *Engine) Compact(now int64) {
	if e.loading.Load() {
		return
	}
	excess, live := e.Store.Excess()
	effort := e.compaction.Load().effort(excess, live)
	e.effort.Store(effort)
	if e.Stats.CompactSince.Load() != 0 {
		e.Stats.CompactNanos.Add(now - e.lastCompact)
	}
	e.lastCompact = now
	if effort == 0 {
		e.lastExcess = 0
	} else if change := excess - e.lastExcess; max(change, -change) > e.lastExcess/16 {
		e.lastExcess = excess
		for i := range e.loops {
			e.loops[i].sparse.Store(true)
		}
	}
	busy := false
	for i := range e.loops {
		if l := &e.loops[i]; l.sparse.Load() || l.compacting.Load() > 0 {
			busy = true
			if l.lower(e.clock.WallMillis()) && e.wake != nil {
				e.wake(i)
			}
		}
	}
	if !busy {
		e.Stats.CompactSince.Store(0)
	} else if e.Stats.CompactSince.Load() == 0 {
		e.Stats.CompactSince.Store(now)
	}
}

// Compacting gives the per cent of the loops' time that compacting takes at present, 0 when there is nothing to do.
func (e *Engine) Compacting() int64 {
	for i := range e.loops {
		if e.loops[i].compacting.Load() > 0 {
			return e.effort.Load()
		}
	}
	return 0
}

// compact gives the loop's shards in turn what is left of a go of housekeeping that began at a monotonic time, and gives the
// time, in Unix ms, at which to go on. The worker is inside of its gate.
func (w *Worker) compact(loop int, now, began int64) (next int64) {
	e := w.e
	l := &e.loops[loop]
	shards := e.shardsOf(loop)
	if l.sparse.Load() && l.sparse.Swap(false) {
		l.compacting.Store(int32(shards))
	}
	left, effort := l.compacting.Load(), e.effort.Load()
	if left == 0 {
		return never
	}
	if began < l.compactAt {
		return now + (l.compactAt-began)/1_000_000 + 1
	}
	for slices := 0; left > 0 && effort > 0 && slices < compactSlices && e.clock.Mono()-began < dutySlice; slices++ {
		shard := loop + l.compactTurn%shards*len(e.loops)
		if !e.Store.TryLock(shard) {
			left = int32(shards) // one more turn for it
			l.compactTurn++
			continue
		}
		more := false
		w.guarded(func() { more = e.Store.Compact(shard, dutyEntries) })
		if !more {
			left--
			l.compactTurn++
		}
		e.Store.Unlock(shard)
	}
	if left == 0 || effort == 0 {
		l.compacting.Store(0)
		return never
	}
	l.compacting.Store(left)
	rest := dutySlice * (100 - effort) / effort
	l.compactAt = e.clock.Mono() + rest
	return now + max(rest/1_000_000, 1)
}

// shardsOf tells how many shards a loop sees to.
func (e *Engine) shardsOf(loop int) int {
	n := e.Store.Shards() / len(e.loops)
	if loop < e.Store.Shards()%len(e.loops) {
		n++
	}
	return n
}
