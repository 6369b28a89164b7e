// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of HIMPORT.
const (
	errFieldTwice command.Error = "ERR duplicate field name in fieldset"
	errNoFieldset command.Error = "ERR no such fieldset"
	errValueCount command.Error = "ERR value count does not match fieldset field count"
)

func himportPrepare(c *command.Ctx) error {
	fields := c.Argv[3:]
	set := command.Fieldset{Fields: make([][]byte, len(fields)), Order: make([]int, len(fields))}
	for i, field := range fields {
		set.Fields[i] = bytes.Clone(field)
		set.Order[i] = i
	}
	steps := 0
	compare := func(a, b int) int { // as Redis: hashes have their fields in this order
		if steps++; steps%tickEvery == 0 {
			_ = c.Tick() // sorting has no way out
		}
		x, y := fields[a], fields[b]
		return cmp.Or(cmp.Compare(len(x), len(y)), bytes.Compare(x, y))
	}
	slices.SortFunc(set.Order, compare)
	for i := 1; i < len(fields); i++ {
		if compare(set.Order[i-1], set.Order[i]) == 0 {
			return errFieldTwice
		}
	}
	if err := c.Client.Fieldsets().Put(c.Argv[2], set); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// himportSet goes to the log as what it does: the log's readers know of no lists.
func himportSet(c *command.Ctx) error {
	key, values := c.Argv[2], c.Argv[4:]
	h, err := c.DB.FindHashWrite(key)
	if err != nil {
		return err
	}
	set, ok := c.Client.Fieldsets().Get(c.Argv[3])
	switch {
	case !ok:
		return errNoFieldset
	case len(values) != len(set.Fields):
		return errValueCount
	}
	size := 0
	pairs := make([][]byte, 0, 2*len(values))
	for _, i := range set.Order {
		pairs = append(pairs, set.Fields[i], values[i])
		size += len(set.Fields[i]) + len(values[i]) + store.ElementCost
	}
	c.DB.Reserve(size)
	there := h.Len() > 0
	if there {
		c.DB.Delete(key)
		if h, err = c.DB.FindHashWrite(key); err != nil {
			return err
		}
	}
	setAll(c, &h, pairs, store.NoExpiry)
	c.ModifiedFields("hset", key, pairs, 2)
	if there {
		c.Propagate([]byte("DEL"), key)
	}
	c.Propagate(append([][]byte{[]byte("HSET"), key}, pairs...)...)
	c.Reply.OK()
	return nil
}

func himportDiscard(c *command.Ctx) error {
	removed := int64(0)
	if c.Client.Fieldsets().Remove(c.Argv[2]) {
		removed = 1
	}
	c.Reply.Int(removed)
	return nil
}

func himportDiscardAll(c *command.Ctx) error {
	c.Reply.Int(int64(c.Client.Fieldsets().Clear()))
	return nil
}
