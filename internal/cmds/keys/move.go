// SPDX-License-Identifier: BSD-3-Clause

package keys

import (
	"bytes"
	"cmp"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

func rename(c *command.Ctx) error {
	if err := renameTo(c, false); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

func renameNX(c *command.Ctx) error {
	switch err := renameTo(c, true); err {
	case nil:
		c.Reply.Int(1)
	case errTaken:
		c.Reply.Int(0)
	default:
		return err
	}
	return nil
}

// errTaken says that the new name is in use.
const errTaken = command.Error("ERR target key name is busy")

func renameTo(c *command.Ctx, free bool) error {
	from, to := c.Argv[1], c.Argv[2]
	if ok, err := steady(c, from, c.DB.FindWrite); !ok {
		return cmp.Or(err, error(command.ErrNoSuchKey))
	}
	switch {
	case bytes.Equal(from, to):
		if free {
			return errTaken
		}
		return nil
	case free && c.DB.Exists(to):
		return errTaken
	}
	if err := transfer(c, from, c.DB, to, true); err != nil {
		return err
	}
	c.Modified("rename_from", from)
	c.Modified("rename_to", to)
	return nil
}

// steady finds a key that is to be moved or copied, and has its fields that are past their time removed: so it is still there
// when it is looked up again. It is false when there is no such key; the error is Tick's.
func steady(c *command.Ctx, key []byte, find func(key []byte) (store.Item, bool)) (bool, error) {
	it, ok := find(key)
	if !ok || it.Type() != store.TypeHash {
		return ok, nil
	}
	h := c.DB.HashOf(&it)
	if err := h.Purge(c.Tick); err != nil {
		return false, err
	}
	return h.Len() > 0, nil
}

// transfer moves or copies a value in place of whatever the target key holds, which goes only once that is sure.
func transfer(c *command.Ctx, from []byte, target *store.DB, to []byte, move bool) error {
	if err := reserve(c, from, move); err != nil {
		return err
	}
	target.Displace(to, true)
	if move {
		return c.DB.Move(from, target, to, c.Tick)
	}
	return c.DB.Copy(from, target, to, c.Tick)
}

// usageSamples is how many elements of a large value are looked at to tell what a copy of it will take.
const usageSamples = 16

// reserve refuses what there is no memory for, before anything has changed. A big value is moved without a copy.
func reserve(c *command.Ctx, from []byte, move bool) error {
	it, _ := c.DB.Peek(from)
	if move && it.IsBig() {
		c.DB.Reserve(0)
		return nil
	}
	n, err := it.Usage(usageSamples, c.Tick)
	if err == nil {
		c.DB.Reserve(int(n))
	}
	return err
}

// database gives the database of a number's text.
func database(c *command.Ctx, a *command.Args) (*store.DB, error) {
	n := a.Int32()
	if err := a.Err(); err != nil {
		return nil, err
	}
	if n < 0 || n >= c.DB.Databases() {
		return nil, command.ErrDBIndex
	}
	return c.DB.Other(n), nil
}

func move(c *command.Ctx) error {
	args := c.Args()
	key := args.Key()
	target, err := database(c, &args)
	if err != nil {
		return err
	}
	if target.Index() == c.DB.Index() {
		return command.ErrSameObject
	}
	if ok, err := steady(c, key, c.DB.FindWrite); err != nil || !ok || target.Exists(key) {
		c.Reply.Int(0)
		return err
	}
	if err := c.DB.Move(key, target, key, c.Tick); err != nil {
		return err
	}
	c.Modified("move_from", key)
	c.ModifiedIn(target, "move_to", key)
	c.Reply.Int(1)
	return nil
}

func copyKey(c *command.Ctx) error {
	args := c.Args()
	from, to := args.Key(), args.Key()
	target, replace := c.DB, false
	for args.More() {
		switch {
		case args.Keyword("REPLACE"):
			replace = true
		case args.Len() >= 2 && args.Keyword("DB"):
			db, err := database(c, &args)
			if err != nil {
				return err
			}
			target = db
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return err
	}
	if target.Index() == c.DB.Index() && bytes.Equal(from, to) {
		return command.ErrSameObject
	}
	if ok, err := steady(c, from, c.DB.Find); err != nil || !ok || target.Exists(to) && !replace {
		c.Reply.Int(0)
		return err
	}
	if err := transfer(c, from, target, to, false); err != nil {
		return err
	}
	c.ModifiedIn(target, "copy_to", to)
	c.Reply.Int(1)
	return nil
}
