// SPDX-License-Identifier: BSD-3-Clause

package keys

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/store"
)

func scan(c *command.Ctx) error {
	args := c.Args()
	opts, err := command.ParseScan(&args, command.ScanType)
	if err != nil {
		return err
	}
	want := func(it *store.Item) bool {
		return (!opts.Typed || it.Type() == opts.Type) && opts.Match(it.Key())
	}
	// The keys come before the cursor is known, but after it in the reply: they are gathered first.
	var found [][]byte
	next, err := c.DB.Scan(opts.Cursor, opts.Count, want, func(it *store.Item) {
		found = append(found, append([]byte(nil), it.Key()...))
	})
	if err != nil {
		return err
	}
	c.Reply.Array(2)
	c.Reply.BulkString(strconv.FormatUint(next, 10))
	c.Reply.Array(len(found))
	for _, key := range found {
		c.Reply.Bulk(key)
	}
	return nil
}

func keys(c *command.Ctx) error {
	pattern := c.Argv[1]
	all := len(pattern) == 1 && pattern[0] == '*'
	list, n, seen := c.Reply.DeferLen(), 0, 0
	err := c.DB.Each(func(it *store.Item) error {
		if key := it.Key(); all || glob.Match(pattern, key, false) {
			c.Reply.Bulk(key)
			n++
		}
		if seen++; seen%1000 == 0 {
			return c.Tick()
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.Reply.SetArrayLen(list, n)
	return nil
}

func randomKey(c *command.Ctx) error {
	it, ok := c.DB.Random()
	if !ok {
		c.Reply.Null()
		return nil
	}
	c.Reply.Bulk(it.Key())
	return nil
}
