// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// digest stands for data whatever order it comes in: it is the one that redis-server makes, so that the two can be held
// against each other. Things in an order are mixed in, things without one are added.
type digest [sha1.Size]byte

// add puts in something that has no place among others.
func (d *digest) add(b []byte) {
	sum := sha1.Sum(b)
	for i := range d {
		d[i] ^= sum[i]
	}
}

// mix puts in what comes next.
func (d *digest) mix(b []byte) {
	d.add(b)
	*d = sha1.Sum(d[:])
}

// mixText is mix for a string, which may be a long one.
func (d *digest) mixText(it *store.Item, tick func() error) (err error) {
	h := sha1.New()
	it.Pieces(0, it.TextLen(), func(piece []byte) bool {
		h.Write(piece)
		err = tick()
		return err == nil
	})
	for i, b := range h.Sum(nil) {
		d[i] ^= b
	}
	*d = sha1.Sum(d[:])
	return err
}

// mixEntries is mix for the entries of a stream.
func (d *digest) mixEntries(s store.Stream, tick func() error) (err error) {
	n := 0
	s.Each(store.StreamID{}, entries.MaxID(), false, func(e *store.StreamEntry) bool {
		id := e.ID()
		d.mix(num.AppendUint(append(num.AppendUint(nil, id.Ms), '.'), id.Seq))
		e.Each(func(field, value store.Value) bool {
			d.mix(store.Text(field, nil))
			d.mix(store.Text(value, nil))
			return true
		})
		if n++; n%1024 == 0 {
			err = tick()
		}
		return err == nil
	})
	return err
}

func (d *digest) mixInt(n int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	d.mix(b[:])
}

// object puts a key's value and expiry in. Types have the numbers that they have there: between hashes and streams are modules' types.
func (d *digest) object(db *store.DB, it *store.Item, tick func() error) (err error) {
	typ := int(it.Type())
	if it.Type() == store.TypeStream {
		typ++
	}
	d.mixInt(typ)
	switch it.Type() {
	case store.TypeString:
		err = d.mixText(it, tick)
	case store.TypeList:
		l, n := db.ListOf(it), 0
		l.Each(0, l.Len(), false, func(v store.Value) bool {
			d.mix(store.Text(v, nil))
			if n++; n%1024 == 0 {
				err = tick()
			}
			return err == nil
		})
	case store.TypeHash:
		h := db.HashOf(it)
		n := 0
		h.Each(func(p store.Pair) bool {
			var element digest
			element.mix(store.Text(p.Field, nil))
			element.mix(store.Text(p.Value, nil))
			if p.Expiry != 0 {
				element.add([]byte("!!hexpire!!"))
			}
			d.add(element[:])
			if n++; n%1024 == 0 {
				err = tick()
			}
			return err == nil
		})
	case store.TypeSet:
		s := db.SetOf(it)
		n := 0
		s.Each(func(member store.Value) bool {
			d.add(store.Text(member, nil))
			if n++; n%1024 == 0 {
				err = tick()
			}
			return err == nil
		})
	case store.TypeZSet:
		z := db.ZSetOf(it)
		n := 0
		z.Each(0, z.Len(), false, func(m store.Value, score float64) bool {
			var element digest
			element.mix(store.Text(m, nil))
			element.mix(num.AppendDouble(nil, score))
			d.add(element[:])
			if n++; n%1024 == 0 {
				err = tick()
			}
			return err == nil
		})
	case store.TypeArray:
		err = d.mixElements(db.ArrayOf(it), tick)
	case store.TypeStream:
		err = d.mixEntries(db.StreamOf(it), tick)
	}
	if it.Expiry() != 0 {
		d.add([]byte("!!expire!!"))
	}
	return err
}

func (d *digest) String() string { return hex.EncodeToString(d[:]) }

// debugDigest stands for all databases, seen with the whole keyspace held.
func debugDigest(c *command.Ctx) error {
	var all digest
	err := c.DB.HoldAll(func() error {
		for i := range c.DB.Databases() {
			if err := all.database(c.DB.Other(i), c.Tick); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.Reply.Simple(all.String())
	return nil
}

// database puts all keys of a database in; one without keys leaves no trace.
func (d *digest) database(db *store.DB, tick func() error) error {
	n := 0
	return db.Each(func(it *store.Item) error {
		if n == 0 {
			d.mixInt(db.Index())
		}
		var key digest
		key.mix(it.Key())
		if err := key.object(db, it, tick); err != nil {
			return err
		}
		d.add(key[:])
		if n++; n%256 == 0 {
			return tick()
		}
		return nil
	})
}

// debugDigestValue stands for each key's value, one that is missing having zeros.
func debugDigestValue(c *command.Ctx) error {
	digests := make([]digest, len(c.Argv)-2)
	for i, key := range c.Argv[2:] {
		err := c.DB.Hold(key, func() error {
			if it, ok := c.DB.Peek(key); ok {
				return digests[i].object(c.DB, &it, c.Tick)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.Reply.Array(len(digests))
	for i := range digests {
		c.Reply.Simple(digests[i].String())
	}
	return nil
}

// mixElements puts the elements of an array in, with their indices.
func (d *digest) mixElements(a store.Array, tick func() error) (err error) {
	n := 0
	a.Each(0, store.MaxIndex, false, func(index uint64, v store.Value) bool {
		d.mix(num.AppendUint(nil, index))
		d.mix(store.Text(v, nil))
		if n++; n%1024 == 0 {
			err = tick()
		}
		return err == nil
	})
	return err
}
