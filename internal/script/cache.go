// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
)

// The cache of scripts is a table of chains that are never changed, only replaced by others: so it is read without a lock, from any
// goroutine. Who adds or removes a script holds the mutex.
//
// A script that EVAL has brought goes again when there are maxEvals of them and another one comes, the one that was not used for the
// longest time first: programs that build their scripts' texts, with values in them, would fill the memory. One of SCRIPT LOAD stays,
// since its caller counts on it.

const (
	maxEvals = 500
	// touchFrom is how many scripts of EVAL there must be for their uses to be noted: before that none is going to be dropped soon.
	touchFrom = maxEvals / 2
	// scriptCost is about what a cached script takes beside its text and code, in bytes.
	scriptCost = 320
	firstTable = 64 // buckets
)

// sum is the SHA-1 of a script's text.
type sum [sha1.Size]byte

// A cached script is a compiled text. It is Immutable but for its counters.
type cached struct {
	sum   sum
	name  string // the sum in hexadecimal
	text  string
	proto *lua.Proto
	flags command.ScriptFlags
	bytes int64

	counts command.ScriptCounts
	kept   bool          // SCRIPT LOAD has brought it; guarded by cache.mu
	used   atomic.Uint64 // the cache's time when it was last used
	gone   atomic.Bool   // it is no longer in the cache
}

// cache is the set of known scripts.
type cache struct {
	table atomic.Pointer[table] // nil: empty
	clock atomic.Uint64         // counts uses

	mu    sync.Mutex
	evals []*cached // those that may be dropped; guarded by mu

	count, bytes, evicted, evictable atomic.Int64
}

// table has a power of two of chains; the first bytes of a sum say in which it is.
type table struct{ chains []atomic.Pointer[link] }

// link is one script of a chain. Immutable.
type link struct {
	script *cached
	next   *link
}

func (t *table) chain(s *sum) *atomic.Pointer[link] {
	return &t.chains[(int(s[0])|int(s[1])<<8|int(s[2])<<16|int(s[3])<<24)&(len(t.chains)-1)]
}

// find gives the script with this sum, nil when there is none.
func (c *cache) find(s *sum) *cached {
	t := c.table.Load()
	if t == nil {
		return nil
	}
	for l := t.chain(s).Load(); l != nil; l = l.next {
		if l.script.sum == *s {
			return l.script
		}
	}
	return nil
}

// named is find for a sum in hexadecimal, of 40 digits in any case.
func (c *cache) named(name []byte) *cached {
	var s sum
	if len(name) != hex.EncodedLen(len(s)) {
		return nil
	}
	if _, err := hex.Decode(s[:], name); err != nil {
		return nil
	}
	return c.find(&s)
}

// use notes that a script is used just now.
func (c *cache) use(s *cached) {
	if c.evictable.Load() >= touchFrom {
		s.used.Store(c.clock.Add(1))
	}
}

// add adds a script, which may have been in the cache before, and gives the one with its text that is there then: another one, if somebody
// else has added it meanwhile. keep is for SCRIPT LOAD.
func (c *cache) add(s *cached, keep bool) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.find(&s.sum); known != nil {
		if keep && !known.kept {
			known.kept = true
			c.evals = slices.DeleteFunc(c.evals, func(e *cached) bool { return e == known })
			c.evictable.Store(int64(len(c.evals)))
		}
		return known
	}
	s.gone.Store(false)
	if s.kept = keep; !keep {
		for len(c.evals) >= maxEvals {
			c.evict()
		}
		s.used.Store(c.clock.Add(1))
		c.evals = append(c.evals, s)
		c.evictable.Store(int64(len(c.evals)))
	}
	c.insert(s)
	c.count.Add(1)
	c.bytes.Add(s.bytes)
	return s
}

// evict drops the script of EVAL that was not used for the longest time.
func (c *cache) evict() {
	oldest := 0
	for i, s := range c.evals {
		if s.used.Load() < c.evals[oldest].used.Load() {
			oldest = i
		}
	}
	s := c.evals[oldest]
	c.evals = slices.Delete(c.evals, oldest, oldest+1)
	chain := c.table.Load().chain(&s.sum)
	chain.Store(without(chain.Load(), s))
	s.gone.Store(true)
	c.count.Add(-1)
	c.bytes.Add(-s.bytes)
	c.evicted.Add(1)
}

// without gives a chain that lacks one of its scripts.
func without(l *link, s *cached) *link {
	if l.script == s {
		return l.next
	}
	return &link{script: l.script, next: without(l.next, s)}
}

// insert puts a script into the table, which is made twice as large when it has more than two scripts a chain.
func (c *cache) insert(s *cached) {
	t := c.table.Load()
	if t == nil {
		t = &table{chains: make([]atomic.Pointer[link], firstTable)}
		c.table.Store(t)
	}
	if c.count.Load() >= 2*int64(len(t.chains)) {
		larger := &table{chains: make([]atomic.Pointer[link], 2*len(t.chains))}
		for i := range t.chains {
			for l := t.chains[i].Load(); l != nil; l = l.next {
				larger.push(l.script)
			}
		}
		t = larger
		c.table.Store(t)
	}
	t.push(s)
}

func (t *table) push(s *cached) {
	chain := t.chain(&s.sum)
	chain.Store(&link{script: s, next: chain.Load()})
}

// flush drops all scripts.
func (c *cache) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table.Store(nil)
	c.evals = nil
	c.evictable.Store(0)
	c.count.Store(0)
	c.bytes.Store(0)
}

// each calls fn with every script of the cache, in no order.
func (c *cache) each(fn func(*cached)) {
	t := c.table.Load()
	if t == nil {
		return
	}
	for i := range t.chains {
		for l := t.chains[i].Load(); l != nil; l = l.next {
			fn(l.script)
		}
	}
}
