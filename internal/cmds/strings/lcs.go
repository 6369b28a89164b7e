// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// lcsMatch is a range that both strings have in common.
type lcsMatch struct{ a, b, length int }

func lcs(c *command.Ctx) error {
	itemA, err := lcsFind(c, c.Argv[1])
	if err != nil {
		return err
	}
	itemB, err := lcsFind(c, c.Argv[2])
	if err != nil {
		return err
	}
	args := command.MakeArgs(c.Argv[3:])
	var onlyLen, ranges, withLen bool
	var least int64
	for args.More() {
		switch {
		case args.Keyword("IDX"):
			ranges = true
		case args.Keyword("LEN"):
			onlyLen = true
		case args.Keyword("WITHMATCHLEN"):
			withLen = true
		case args.Len() > 1 && args.Keyword("MINMATCHLEN"):
			least = max(args.Int(), 0)
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return err
	}
	if onlyLen && ranges {
		return command.Error("ERR If you want both the length and indexes, please just use IDX.")
	}
	if bytes := int64(lcsLen(itemA)+1) * int64(lcsLen(itemB)+1) * 4; bytes > c.DB.Settings().MaxBulk.Load() {
		return command.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
	}
	a, b := lcsText(itemA), lcsText(itemB)
	table, err := lcsTable(c, a, b)
	if err != nil {
		return err
	}
	length := int64(table[len(table)-1])
	switch {
	case onlyLen:
		c.Reply.Int(length)
	case ranges:
		replyMatches(c, lcsWalk(table, a, b, nil), least, withLen, length)
	default:
		common := make([]byte, length)
		lcsWalk(table, a, b, common)
		c.Reply.Bulk(common)
	}
	return nil
}

// lcsFind finds a key's string; nil when it is missing.
func lcsFind(c *command.Ctx, key []byte) (*store.Item, error) {
	it, ok := c.DB.Find(key)
	if !ok {
		return nil, nil
	}
	if it.Type() != store.TypeString {
		return nil, command.Error("ERR The specified keys must contain string values")
	}
	return &it, nil
}

// lcsLen gives a string's length, 0 when it is missing.
func lcsLen(it *store.Item) int {
	if it == nil {
		return 0
	}
	return it.TextLen()
}

// lcsText gives a string's bytes in one piece: in place or copied.
func lcsText(it *store.Item) []byte {
	if it == nil {
		return nil
	}
	return it.Slice(0, it.TextLen(), nil)
}

// lcsTable fills the table of the textbook's dynamic programme: the entry i*(len(b)+1)+j is the length of the longest
// common subsequence of a[:i] and b[:j].
func lcsTable(c *command.Ctx, a, b []byte) ([]uint32, error) {
	width := len(b) + 1
	table := make([]uint32, (len(a)+1)*width)
	steps := 0
	for i := 1; i <= len(a); i++ {
		above, row := table[(i-1)*width:i*width], table[i*width:(i+1)*width]
		for j := 1; j < width; j++ {
			if a[i-1] == b[j-1] {
				row[j] = above[j-1] + 1
			} else {
				row[j] = max(above[j], row[j-1])
			}
		}
		if steps += width; steps > 100_000 {
			steps = 0
			if err := c.Tick(); err != nil {
				return nil, err
			}
		}
	}
	return table, nil
}

// lcsWalk follows the table from its end, writes the subsequence to common unless that is nil, and gives the ranges that
// it consists of, last one first.
func lcsWalk(table []uint32, a, b, common []byte) (matches []lcsMatch) {
	width := len(b) + 1
	var run lcsMatch
	end := func() {
		if run.length > 0 {
			matches = append(matches, run)
		}
		run = lcsMatch{}
	}
	at := int(table[len(table)-1])
	for i, j := len(a), len(b); i > 0 && j > 0; {
		if a[i-1] == b[j-1] {
			i, j, at = i-1, j-1, at-1
			if common != nil {
				common[at] = a[i]
			}
			run = lcsMatch{a: i, b: j, length: run.length + 1}
			continue
		}
		end()
		if table[(i-1)*width+j] > table[i*width+j-1] {
			i--
		} else {
			j--
		}
	}
	end()
	return matches
}

func replyMatches(c *command.Ctx, matches []lcsMatch, least int64, withLen bool, length int64) {
	c.Reply.Map(2)
	c.Reply.BulkString("matches")
	n := 0
	for _, m := range matches {
		if int64(m.length) >= least {
			n++
		}
	}
	c.Reply.Array(n)
	for _, m := range matches {
		if int64(m.length) < least {
			continue
		}
		if withLen {
			c.Reply.Array(3)
		} else {
			c.Reply.Array(2)
		}
		for _, start := range []int{m.a, m.b} {
			c.Reply.Array(2)
			c.Reply.Int(int64(start))
			c.Reply.Int(int64(start + m.length - 1))
		}
		if withLen {
			c.Reply.Int(int64(m.length))
		}
	}
	c.Reply.BulkString("len")
	c.Reply.Int(length)
}
