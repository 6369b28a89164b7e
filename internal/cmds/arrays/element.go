// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

func arget(c *command.Ctx) error {
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	index, err := indexOf(c.Argv[2])
	if err != nil {
		return err
	}
	v, ok := a.Get(index)
	reply(c, v, ok)
	return nil
}

func armget(c *command.Ctx) error {
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	texts := c.Argv[2:]
	if err := checkIndices(texts, 1); err != nil {
		return err
	}
	c.Reply.Array(len(texts))
	p := pace{tick: c.Tick}
	for _, text := range texts {
		index, _ := indexOf(text)
		v, ok := a.Get(index)
		reply(c, v, ok)
		if err := p.step(v); err != nil {
			return err
		}
	}
	return nil
}

func arset(c *command.Ctx) error {
	index, err := indexOf(c.Argv[2])
	if err != nil {
		return err
	}
	values := c.Argv[3:]
	if uint64(len(values)-1) > store.MaxIndex-index {
		return errIndexOverflow
	}
	a, err := c.DB.FindArrayWrite(c.Argv[1])
	if err != nil {
		return err
	}
	added := setFrom(c, &a, index, values)
	changed(c, "arset", len(values))
	c.Reply.Int(added)
	return nil
}

// setFrom sets elements from an index on, all or none of them, and tells how many there were not before.
func setFrom(c *command.Ctx, a *store.Array, index uint64, values [][]byte) (added int64) {
	if len(values) > 1 {
		reserve(a, values, 1)
	}
	for i, value := range values {
		if a.Set(index+uint64(i), value) {
			added++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
	return added
}

// reserve sees to it that values[0], values[step], … can be set.
func reserve(a *store.Array, values [][]byte, step int) {
	bytes := 0
	for i := 0; i < len(values); i += step {
		bytes += len(values[i])
	}
	a.Reserve(len(values)/step, bytes)
}

// changed tells of a change of so many elements of the call's key.
func changed(c *command.Ctx, event string, n int) {
	c.Modified(event, c.Argv[1])
	c.Dirty += int64(n - 1)
}

func armset(c *command.Ctx) error {
	pairs := c.Argv[2:]
	if len(pairs)%2 != 0 {
		return command.ErrArity("armset")
	}
	if err := checkIndices(pairs, 2); err != nil {
		return err
	}
	a, err := c.DB.FindArrayWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if len(pairs) > 2 {
		reserve(&a, pairs[1:], 2)
	}
	added := int64(0)
	for i := 0; i < len(pairs); i += 2 {
		index, _ := indexOf(pairs[i])
		if a.Set(index, pairs[i+1]) {
			added++
		}
		if i%tickEvery == tickEvery-2 {
			_ = c.Tick() // see setFrom
		}
	}
	changed(c, "armset", len(pairs)/2)
	c.Reply.Int(added)
	return nil
}

func ardel(c *command.Ctx) error {
	if err := checkIndices(c.Argv[2:], 1); err != nil {
		return err
	}
	return remove(c, "ardel", 1)
}

func ardelrange(c *command.Ctx) error {
	if len(c.Argv)%2 != 0 {
		return command.ErrArity("ardelrange")
	}
	if err := checkIndices(c.Argv[2:], 1); err != nil {
		return err
	}
	return remove(c, "ardelrange", 2)
}

// remove takes away the elements in ranges of which the call gives the ends, or with step 1 the only index, and the key with the last one.
func remove(c *command.Ctx, event string, step int) error {
	key, texts := c.Argv[1], c.Argv[2:]
	a, err := c.DB.FindArrayWrite(key)
	if err != nil {
		return err
	}
	a.ReserveDelete(len(texts) / step)
	removed := 0
	for i := 0; i < len(texts) && a.Exists(); i += step {
		s, _ := readSpan(texts[i], texts[i+step-1])
		removed += a.Delete(s.first, s.last, c.Tick)
		if i%tickEvery == tickEvery-step {
			_ = c.Tick() // see setFrom
		}
	}
	if removed > 0 {
		changed(c, event, removed)
		if !a.Exists() {
			c.Host.Notify("del", key)
		}
	}
	c.Reply.Int(int64(removed))
	return nil
}

func arcount(c *command.Ctx) error {
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Int(int64(a.Count()))
	return nil
}

func arlen(c *command.Ctx) error {
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Uint(a.Len())
	return nil
}
