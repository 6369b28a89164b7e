// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// scriptOf makes a script that a cache can hold.
func scriptOf(text string) *cached {
	s := sum(sha1.Sum([]byte(text)))
	return &cached{sum: s, name: hex.EncodeToString(s[:]), text: text, bytes: int64(len(text))}
}

// TestCacheFinds: what was added is found by its sum and its name, in any case, and nothing else is.
func TestCacheFinds(t *testing.T) {
	var c cache
	if c.named([]byte(scriptOf("x").name)) != nil {
		t.Error("an empty cache has a script")
	}
	const n = 5000
	for i := range n {
		c.add(scriptOf(fmt.Sprint(i)), true)
	}
	for i := range n {
		name := scriptOf(fmt.Sprint(i)).name
		if s := c.named([]byte(strings.ToUpper(name))); s == nil || s.text != fmt.Sprint(i) {
			t.Fatalf("script %d is %v", i, s)
		}
		if c.named([]byte(name[:39])) != nil || c.named([]byte(name+"0")) != nil || c.named([]byte("z"+name[1:])) != nil {
			t.Fatal("a script is found by something that is no sum")
		}
	}
	if c.named([]byte(scriptOf("other").name)) != nil || c.count.Load() != n {
		t.Errorf("%d scripts, and one that was not added", c.count.Load())
	}
	c.flush()
	if c.named([]byte(scriptOf("0").name)) != nil || c.count.Load() != 0 || c.bytes.Load() != 0 {
		t.Error("something is left behind a flush")
	}
}

// TestCacheEvicts: of the scripts of EVAL those go that were not used for the longest time; those of SCRIPT LOAD stay, whichever came first.
func TestCacheEvicts(t *testing.T) {
	var c cache
	loaded := c.add(scriptOf("loaded"), true)
	promoted := c.add(scriptOf("promoted"), false)
	c.add(scriptOf("promoted"), true)
	for i := range maxEvals {
		c.add(scriptOf(fmt.Sprint(i)), false)
	}
	c.use(c.find(&scriptOf("0").sum))
	c.add(scriptOf("one more"), false)
	first, second := c.find(&scriptOf("0").sum), c.find(&scriptOf("1").sum)
	if first == nil || second != nil {
		t.Errorf("the script that was used: %v; the oldest: %v", first, second)
	}
	for range 2 * maxEvals {
		c.add(scriptOf(fmt.Sprint("new", c.count.Load(), c.evicted.Load())), false)
	}
	if c.find(&loaded.sum) != loaded || c.find(&promoted.sum) != promoted {
		t.Error("a script of SCRIPT LOAD was dropped")
	}
	if n := c.count.Load(); n != maxEvals+2 {
		t.Errorf("%d scripts, want %d", n, maxEvals+2)
	}
	if n := c.evicted.Load(); n != 2*maxEvals+1 {
		t.Errorf("%d were dropped, want %d", n, 2*maxEvals+1)
	}
	bytes := int64(0)
	c.each(func(s *cached) { bytes += s.bytes })
	if bytes != c.bytes.Load() {
		t.Errorf("%d bytes are counted, there are %d", c.bytes.Load(), bytes)
	}
}

// TestCacheShares: whoever adds a script that another one has added gets that one; readers need no lock.
func TestCacheShares(t *testing.T) {
	var c cache
	var wg sync.WaitGroup
	got := make([]*cached, 8)
	for i := range got {
		wg.Go(func() {
			for n := range 2000 {
				s := c.add(scriptOf(fmt.Sprint("same", n)), true)
				if c.find(&s.sum) != s {
					t.Errorf("script %d is not found", n)
				}
				if n == 1000 {
					got[i] = s
				}
			}
		})
	}
	wg.Wait()
	for _, s := range got {
		if s != got[0] {
			t.Error("a script is in the cache twice")
		}
	}
}
