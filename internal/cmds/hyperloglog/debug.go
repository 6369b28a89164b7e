// SPDX-License-Identifier: BSD-3-Clause

package hyperloglog

import (
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/hll"
	"github.com/redpoll/redpoll/internal/store"
)

func pfdebug(c *command.Ctx) error {
	what, key := strings.ToLower(string(c.Argv[1])), c.Argv[2]
	if what == "simd" {
		return debugSIMD(c)
	}
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		return command.Error("ERR The specified key does not exist")
	}
	value, encoding, err := valueOf(&it)
	if err != nil {
		return err
	}
	switch what {
	case "decode":
		if encoding != hll.Sparse {
			return command.Error("ERR HLL encoding is not sparse")
		}
		c.Reply.Bulk(hll.AppendRuns(nil, value))
	case "encoding":
		c.Reply.Simple(encoding.String())
	case "getreg":
		return debugRegisters(c, key, &it, value, encoding)
	case "todense":
		if encoding == hll.Dense {
			c.Reply.Int(0)
			return nil
		}
		if err := makeDense(c, key, &it, value); err != nil {
			return err
		}
		c.Reply.Int(1)
	default:
		return command.Error("ERR Unknown PFDEBUG subcommand '" + string(command.UpToNUL(c.Argv[1])) + "'")
	}
	return nil
}

// debugRegisters implements PFDEBUG GETREG, which makes the HyperLogLog dense, as it does in Redis.
func debugRegisters(c *command.Ctx, key []byte, it *store.Item, value []byte, encoding hll.Encoding) error {
	var all hll.Sketch
	if err := all.Merge(value); err != nil {
		return shown(err)
	}
	if encoding == hll.Sparse {
		if err := makeDense(c, key, it, value); err != nil {
			return err
		}
	}
	c.Reply.Array(hll.Registers)
	for i := range hll.Registers {
		c.Reply.Int(int64(all.Rank(i)))
	}
	return nil
}

// makeDense makes a sparse HyperLogLog dense.
func makeDense(c *command.Ctx, key []byte, it *store.Item, value []byte) error {
	value, err := hll.MakeDense(slices.Clone(value))
	if err != nil {
		return shown(err)
	}
	c.DB.PutRaw(key, it, value)
	c.Modified("", key)
	return nil
}

// debugSIMD implements PFDEBUG SIMD of Redis 8, which tells whether vector instructions are used from now on: here none are.
func debugSIMD(c *command.Ctx) error {
	if on := strings.ToLower(string(c.Argv[2])); on != "on" && on != "off" {
		return command.Error("ERR Argument must be ON or OFF")
	}
	c.Reply.Simple("disabled")
	return nil
}
