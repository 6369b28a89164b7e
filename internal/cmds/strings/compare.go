// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"bytes"
	"encoding/hex"

	"github.com/zeebo/xxh3"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// comparison is a condition on the string that a key holds.
type comparison struct {
	with     []byte // a value, or the text of a digest
	asked    bool   // false: there is no condition
	digest   bool
	mismatch bool // it holds when the two are not the same
}

// option takes a comparison's option and its value from the arguments, and tells whether it was one.
func (m *comparison) option(a *command.Args) bool {
	for _, o := range [...]struct {
		word string
		kind comparison
	}{
		{"IFEQ", comparison{}}, {"IFNE", comparison{mismatch: true}},
		{"IFDEQ", comparison{digest: true}}, {"IFDNE", comparison{digest: true, mismatch: true}},
	} {
		o.kind.asked = true
		if m.asked && (m.digest != o.kind.digest || m.mismatch != o.kind.mismatch) || a.Len() < 2 || !a.Keyword(o.word) {
			continue
		}
		*m = o.kind
		m.with = a.Bytes()
		return true
	}
	return false
}

// holds tells whether the condition holds for a string.
func (m *comparison) holds(c *command.Ctx, it *store.Item) (bool, error) {
	same := true
	switch {
	case m.digest:
		if len(m.with) != digestLen {
			return false, command.Error("ERR must be exactly 16 hexadecimal characters")
		}
		sum, err := digestOf(c, it)
		if err != nil {
			return false, err
		}
		same = bytes.EqualFold(sum[:], m.with)
	case it.TextLen() != len(m.with):
		same = false
	default:
		rest := m.with
		err := c.Pieces(it, 0, len(rest), func(piece []byte) bool {
			same = bytes.Equal(piece, rest[:len(piece)])
			rest = rest[len(piece):]
			return same
		})
		if err != nil {
			return false, err
		}
	}
	return same != m.mismatch, nil
}

// digestLen is the length of a digest's text.
const digestLen = 16

// digestOf gives the XXH3 hash, of 64 bits, of a string's bytes, in lower case hexadecimal digits.
func digestOf(c *command.Ctx, it *store.Item) (text [digestLen]byte, err error) {
	var sum [8]byte
	if it.TextLen() <= maxAtOnce {
		var scratch [24]byte
		h := xxh3.Hash(it.Slice(0, maxAtOnce, scratch[:0]))
		for i := range sum {
			sum[i] = byte(h >> (56 - 8*i))
		}
	} else {
		h := xxh3.New()
		if err = c.Pieces(it, 0, it.TextLen(), func(piece []byte) bool { h.Write(piece); return true }); err != nil {
			return text, err
		}
		h.Sum(sum[:0])
	}
	hex.Encode(text[:], sum[:])
	return text, nil
}

// maxAtOnce is up to what length a string is hashed in one go.
const maxAtOnce = 16 << 10

func digest(c *command.Ctx) error {
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		c.Reply.Null()
		return nil
	}
	text, err := digestOf(c, &it)
	if err != nil {
		return err
	}
	c.Reply.Bulk(text[:])
	return nil
}

// deleteIf deletes a key that was found, if the condition holds, and replies with the number of keys deleted.
func deleteIf(c *command.Ctx, it *store.Item, m *comparison) error {
	holds := true
	if m.asked {
		var err error
		if holds, err = m.holds(c, it); err != nil {
			return err
		}
	}
	if !holds {
		c.Reply.Int(0)
		return nil
	}
	key := c.Argv[1]
	c.DB.Remove(it)
	c.Modified("del", key)
	c.Propagate([]byte("DEL"), key)
	c.Reply.Int(1)
	return nil
}

// delEx looks at its condition only after it has found its key, as Redis does.
func delEx(c *command.Ctx) error {
	if len(c.Argv) != 2 && len(c.Argv) != 4 {
		return command.ErrArity(c.Spec.FullName())
	}
	it, ok := c.DB.FindWrite(c.Argv[1])
	if !ok {
		c.Reply.Int(0)
		return nil
	}
	var m comparison
	if len(c.Argv) == 4 {
		if it.Type() != store.TypeString {
			return command.Error("ERR Key should be of string type if conditions are specified")
		}
		args := command.MakeArgs(c.Argv[2:])
		if !m.option(&args) {
			return command.Error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")
		}
	}
	return deleteIf(c, &it, &m)
}

func delIfEq(c *command.Ctx) error {
	it, ok, err := c.DB.FindTypeWrite(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		c.Reply.Int(0)
		return nil
	}
	return deleteIf(c, &it, &comparison{asked: true, with: c.Argv[2]})
}

// delExKeys tells what DELEX does with its key: with a condition it reads it too.
func delExKeys(dst []command.KeyRef, argv [][]byte) ([]command.KeyRef, bool) {
	flags := command.RM | command.Delete
	if compares(argv[2:]) {
		flags = command.RW | command.Delete
	}
	return append(dst, command.KeyRef{Pos: 1, Flags: flags}), true
}

// compares tells whether there is an option among the arguments that compares.
func compares(args [][]byte) bool {
	for _, arg := range args {
		for _, word := range [...]string{"IFEQ", "IFNE", "IFDEQ", "IFDNE"} {
			if command.EqualFold(arg, word) {
				return true
			}
		}
	}
	return false
}
