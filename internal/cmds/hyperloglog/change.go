// SPDX-License-Identifier: BSD-3-Clause

package hyperloglog

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/hll"
	"github.com/redpoll/redpoll/internal/store"
)

// tickEvery is how many elements are added between two ticks.
const tickEvery = 256

func pfadd(c *command.Ctx) error {
	key, texts := c.Argv[1], c.Argv[2:]
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	var changes int
	if ok {
		changes, err = add(c, key, &it, texts)
	} else {
		var room [32]byte
		changes, err = addSparse(c, key, nil, hll.AppendNew(room[:0]), texts)
		changes++
	}
	if err != nil {
		return err
	}
	if changes == 0 {
		c.Reply.Int(0)
		return nil
	}
	c.Modified("pfadd", key)
	c.Dirty += int64(changes - 1)
	c.Reply.Int(1)
	return nil
}

// add adds elements to a HyperLogLog that is there and tells how many of them have changed it.
func add(c *command.Ctx, key []byte, it *store.Item, texts [][]byte) (changes int, err error) {
	value, encoding, err := valueOf(it)
	if err != nil {
		return 0, err
	}
	if encoding == hll.Sparse {
		return addSparse(c, key, it, value, texts)
	}
	c.DB.EditString(it, 0, hll.DenseSize, func(value []byte) {
		_, changes, _ = addAll(c, value, texts) // no dense one is damaged, or comes to lie elsewhere
		if changes > 0 {
			hll.Touch(value)
		}
	})
	return changes, nil
}

// addSparse gives key, which holds it or else nothing, the HyperLogLog that becomes of a sparse one with elements added.
func addSparse(c *command.Ctx, key []byte, it *store.Item, value []byte, texts [][]byte) (changes int, err error) {
	var room [4 << 10]byte // for most of those that are sparse
	value, changes, err = addAll(c, append(room[:0], value...), texts)
	if err != nil {
		return 0, err
	}
	if changes > 0 || it == nil {
		hll.Touch(value)
		c.DB.PutRaw(key, it, value)
	}
	return changes, nil
}

// addAll adds elements to a value, which becomes another, and tells how many of them have changed it.
func addAll(c *command.Ctx, value []byte, texts [][]byte) (now []byte, changes int, err error) {
	limit := c.DB.Settings().HLLSparseMaxBytes.Load()
	for i, text := range texts {
		var changed bool
		if value, changed, err = hll.Add(value, text, limit); err != nil {
			return value, 0, shown(err)
		}
		if changed {
			changes++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
	return value, changes, nil
}

func pfmerge(c *command.Ctx) error {
	key := c.Argv[1]
	var all hll.Sketch
	dense, err := seeAll(c, &all, c.Argv[1:])
	if err != nil {
		return err
	}
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	var room [hll.DenseSize]byte
	value, was := hll.AppendNew(room[:0]), (*store.Item)(nil)
	if ok {
		there, _, err := valueOf(&it)
		if err != nil {
			return err
		}
		value, was = append(room[:0], there...), &it
	}
	if dense {
		value, err = hll.MakeDense(value)
	}
	if err == nil {
		value, err = hll.Unite(value, &all, c.DB.Settings().HLLSparseMaxBytes.Load())
	}
	if err != nil {
		return shown(err)
	}
	hll.Touch(value)
	c.DB.PutRaw(key, was, value)
	c.Modified("pfadd", key)
	c.Reply.OK()
	return nil
}

// seeAll has a sketch see what the HyperLogLogs have that keys hold, and tells whether one of them is dense. Keys that are not there have
// seen nothing.
func seeAll(c *command.Ctx, all *hll.Sketch, keys [][]byte) (dense bool, err error) {
	for i, key := range keys {
		if i%16 == 15 {
			if err := c.Tick(); err != nil {
				return false, err
			}
		}
		it, ok, err := c.DB.FindType(key, store.TypeString)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		value, encoding, err := valueOf(&it)
		if err != nil {
			return false, err
		}
		if err := all.Merge(value); err != nil {
			return false, shown(err)
		}
		dense = dense || encoding == hll.Dense
	}
	return dense, nil
}
