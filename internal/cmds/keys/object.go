// SPDX-License-Identifier: BSD-3-Clause

package keys

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// object runs fn with the key that a subcommand of OBJECT names; a missing one is answered with null.
func object(c *command.Ctx, fn func(it *store.Item) error) error {
	it, ok := c.DB.Inspect(c.Argv[2])
	if !ok {
		c.Reply.Null()
		return nil
	}
	return fn(&it)
}

func objectEncoding(c *command.Ctx) error {
	return object(c, func(it *store.Item) error {
		c.Reply.BulkString(it.Encoding().String())
		return nil
	})
}

// sharedInts is how many small numbers Redis keeps one shared object for, whose reference count it reports as the largest
// 32-bit number.
const sharedInts = 10000

func objectRefCount(c *command.Ctx) error {
	return object(c, func(it *store.Item) error {
		if n, ok := it.Int(); ok && n >= 0 && n < sharedInts && !unshared(c.DB.Settings()) {
			c.Reply.Int(math.MaxInt32)
			return nil
		}
		c.Reply.Int(1)
		return nil
	})
}

// unshared tells whether each value needs an access time of its own: Redis shares no objects then.
func unshared(s *store.Settings) bool {
	policy := store.Policy(s.Policy.Load())
	return s.MaxMemory.Load() > 0 && (policy.LRU() || policy.LFU())
}

const switching = " Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."

func objectIdleTime(c *command.Ctx) error {
	return object(c, func(it *store.Item) error {
		if c.DB.Settings().LFU() {
			return command.Error("ERR An LFU maxmemory policy is selected, idle time not tracked." + switching)
		}
		c.Reply.Int(c.DB.Idle(it))
		return nil
	})
}

func objectFreq(c *command.Ctx) error {
	return object(c, func(it *store.Item) error {
		if !c.DB.Settings().LFU() {
			return command.Error("ERR An LFU maxmemory policy is not selected, access frequency not tracked." + switching)
		}
		c.Reply.Int(c.DB.Frequency(it))
		return nil
	})
}
