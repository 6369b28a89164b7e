// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// errHoles is the error for more indices than maxHoles.
func errHoles(what string) error {
	return command.Error("ERR " + what + " exceeds maximum of " + strconv.Itoa(maxHoles) + " items")
}

func argetrange(c *command.Ctx) error {
	s, err := readSpan(c.Argv[2], c.Argv[3])
	if err != nil {
		return err
	}
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	if s.last-s.first >= maxHoles {
		return errHoles("range")
	}
	c.Reply.Array(int(s.last-s.first) + 1)
	return replyAll(c, &a, s)
}

// replyAll writes what is at each index of a range. What is long of an array that IsBig is sent from where it lies.
func replyAll(c *command.Ctx, a *store.Array, s span) error {
	if a.IsBig() && isLong(a, s) {
		streamAll(c, a, s)
		return nil
	}
	at, left := s.first, s.last-s.first+1
	if s.reverse {
		at = s.last
	}
	holes := func(n uint64) {
		for range n {
			c.Reply.Null()
		}
		left -= n
	}
	err := each(c, a, s, func(index uint64, v store.Value) bool {
		if s.reverse {
			holes(at - index)
			at = index - 1
		} else {
			holes(index - at)
			at = index + 1
		}
		c.ReplyValue(v)
		left--
		return true
	})
	if err == nil {
		holes(left)
	}
	return err
}

func arscan(c *command.Ctx) error {
	s, err := readSpan(c.Argv[2], c.Argv[3])
	if err != nil {
		return err
	}
	limit := int64(math.MaxInt64)
	switch options := c.Argv[4:]; len(options) {
	case 0:
	case 2:
		args := command.MakeArgs(options)
		if !args.Keyword("LIMIT") {
			return command.ErrSyntax
		}
		if limit, err = readLimit(options[1]); err != nil {
			return err
		}
	default:
		return command.ErrArity("arscan")
	}
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	if a.IsBig() {
		n, bytes, err := measure(c, &a, s, limit)
		if err != nil {
			return err
		}
		if n > manyElements || bytes > longRange {
			streamPairs(c, &a, s, n, nil)
			return nil
		}
	}
	n, length := int64(0), c.Reply.DeferLen()
	err = each(c, &a, s, func(index uint64, v store.Value) bool {
		replyPair(c, index, v)
		n++
		return n < limit
	})
	c.Reply.SetArrayLen(length, int(n))
	return err
}

// replyPair writes an element with its index.
func replyPair(c *command.Ctx, index uint64, v store.Value) {
	c.Reply.Array(2)
	c.Reply.Uint(index)
	c.ReplyValue(v)
}

// readLimit reads how many elements are wanted.
func readLimit(text []byte) (int64, error) {
	n, ok := num.ParseInt(text)
	switch {
	case !ok:
		return 0, command.ErrNotInteger
	case n <= 0:
		return 0, errLimit
	}
	return n, nil
}
