// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// replyText writes a string as a bulk.
func replyText(c *command.Ctx, it *store.Item) {
	if n, ok := it.Int(); ok {
		c.Reply.BulkInt(n)
		return
	}
	if it.IsBig() {
		replyStream(c, it, 0, it.TextLen())
		return
	}
	c.Reply.Bulk(it.Blob())
}

// replyStream writes the bytes of a string that IsBig from one place to another, which are sent from where they lie.
func replyStream(c *command.Ctx, it *store.Item, from, to int) {
	c.Reply.BulkLen(to - from)
	c.Reply.Stream(c.DB.StreamText(it, from, to))
	c.Reply.BulkEnd()
}

// replyGet writes what GET replies and tells whether there was a string.
func replyGet(c *command.Ctx, key []byte) (store.Item, bool, error) {
	it, ok, err := c.DB.FindType(key, store.TypeString)
	if err != nil {
		return it, false, err
	}
	if !ok {
		c.Reply.Null()
		return it, false, nil
	}
	replyText(c, &it)
	return it, true, nil
}

func get(c *command.Ctx) error {
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	switch {
	case err != nil:
		return err
	case !ok:
		c.Reply.Null()
	default:
		replyText(c, &it)
	}
	return nil
}

func getDel(c *command.Ctx) error {
	key := c.Argv[1]
	it, ok, err := replyGet(c, key)
	if err != nil || !ok {
		return err
	}
	c.DB.Remove(&it)
	c.Modified("del", key)
	c.Propagate([]byte("DEL"), key)
	return nil
}

// getEx replies with the value and only then touches the expiration, so that a wrong option changes nothing.
func getEx(c *command.Ctx) error {
	key := c.Argv[1]
	args := command.MakeArgs(c.Argv[2:])
	o := parseOptions(&args, optionsOfGetEx)
	if err := args.Done(); err != nil {
		return err
	}
	it, ok, err := c.DB.FindType(key, store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		c.Reply.Null()
		return nil
	}
	at, err := o.expiry(c)
	if err != nil {
		return err
	}
	replyText(c, &it)
	switch {
	case o.persist:
		if it.Expiry() != 0 {
			c.DB.SetExpiry(&it, store.NoExpiry)
			c.Modified("persist", key)
			c.Propagate([]byte("PERSIST"), key)
		}
	case o.unit == 0:
	case o.absolute && c.DB.Over(at):
		c.DB.Remove(&it)
		c.Modified("del", key)
		c.Propagate([]byte("DEL"), key)
	default:
		c.DB.SetExpiry(&it, at)
		c.Modified("expire", key)
		c.Propagate([]byte("PEXPIREAT"), key, strconv.AppendInt(nil, at, 10))
	}
	return nil
}

func getRange(c *command.Ctx) error {
	args := c.Args()
	key, start, end := args.Key(), args.Int(), args.Int()
	if err := args.Done(); err != nil {
		return err
	}
	it, ok, err := c.DB.FindType(key, store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		c.Reply.Bulk(nil)
		return nil
	}
	start, end, ok = clipRange(start, end, int64(it.TextLen()))
	switch n := int(end-start) + 1; {
	case !ok:
		c.Reply.Bulk(nil)
	case n > maxCopied && it.IsBig():
		replyStream(c, &it, int(start), int(end)+1)
	default:
		var scratch [24]byte
		c.Reply.Bulk(it.Slice(int(start), n, scratch[:0]))
	}
	return nil
}

// maxCopied is how many bytes of a string that IsBig are rather copied than streamed: to freeze it costs who changes it next.
const maxCopied = 32 << 10

// clipRange turns a range with both ends inclusive, negative ones counting from the end, into places within n bytes;
// false when it is empty.
func clipRange(start, end, n int64) (int64, int64, bool) {
	if start < 0 && end < 0 && start > end {
		return 0, 0, false
	}
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	end = min(end, n-1)
	return start, end, start <= end && n > 0
}

func mget(c *command.Ctx) error {
	keys := c.Argv[1:]
	c.Reply.Array(len(keys))
	for i, key := range keys {
		it, ok := c.DB.Find(key)
		if !ok || it.Type() != store.TypeString {
			c.Reply.Null()
		} else {
			replyText(c, &it)
		}
		if i%1000 == 999 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

func strLen(c *command.Ctx) error {
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(int64(it.TextLen()))
	return nil
}
