// SPDX-License-Identifier: BSD-3-Clause

package bits

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// errOffset is the error for a place that is no number, or past what a string may hold.
const errOffset = command.Error("ERR bit offset is not an integer or out of range")

// bitOffset reads a place in bits. With a width, #7 is a place too: that of the eighth field of so many bits.
func bitOffset(c *command.Ctx, text []byte, width int64) (int64, error) {
	unit := int64(1)
	if width > 0 && len(text) > 0 && text[0] == '#' {
		text, unit = text[1:], width
	}
	n, ok := num.ParseInt(text)
	if !ok || n < 0 || n > math.MaxInt64/unit || n*unit/8 >= c.DB.Settings().MaxBulk.Load() {
		return 0, errOffset
	}
	return n * unit, nil
}

// writable finds a key's string for writing, encoded as raw and made or lengthened to n bytes at least; grown tells whether
// it was.
func writable(c *command.Ctx, key []byte, n int) (it store.Item, grown bool, err error) {
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return it, false, err
	}
	if !ok {
		c.DB.Reserve(n)
		it = c.DB.NewString(key)
	}
	grown = it.TextLen() < n
	c.DB.EditString(&it, n-1, 1, func([]byte) {})
	return it, grown, nil
}

func setBit(c *command.Ctx) error {
	key := c.Argv[1]
	offset, err := bitOffset(c, c.Argv[2], 0)
	if err != nil {
		return err
	}
	on, ok := num.ParseInt(c.Argv[3])
	if !ok || on != 0 && on != 1 {
		return command.Error("ERR bit is not an integer or out of range")
	}
	it, changed, err := writable(c, key, int(offset/8)+1)
	if err != nil {
		return err
	}
	var old int64
	shift := 7 - offset%8
	c.DB.EditString(&it, int(offset/8), 1, func(piece []byte) {
		old = int64(piece[0] >> shift & 1)
		piece[0] = piece[0]&^(1<<shift) | byte(on<<shift)
	})
	if changed || old != on {
		c.Modified("setbit", key)
	}
	c.Reply.Int(old)
	return nil
}

func getBit(c *command.Ctx) error {
	offset, err := bitOffset(c, c.Argv[2], 0)
	if err != nil {
		return err
	}
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	var bit int64
	if ok {
		var scratch [24]byte
		if b := it.Slice(int(offset/8), 1, scratch[:0]); len(b) > 0 {
			bit = int64(b[0] >> (7 - offset%8) & 1)
		}
	}
	c.Reply.Int(bit)
	return nil
}
