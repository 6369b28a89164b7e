// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/crc64"
	"github.com/redpoll/redpoll/internal/store"
)

// dump implements DUMP. What is large is frozen, and looked at with its shard free.
func (d *Codec) dump(c *command.Ctx) error {
	key, stream := c.Argv[1], (*Stream)(nil)
	err := c.DB.Hold(key, func() error {
		it, ok := c.DB.Find(key)
		switch {
		case !ok:
			c.Reply.Null()
		case streams(&it):
			stream = NewStream(c.DB, &it, int(d.Version.Load()), d.Pack.Load())
		default:
			d.dumpWhole(c, &it)
		}
		return nil
	})
	if err != nil || stream == nil {
		return err
	}
	size, err := stream.Size(c.Tick)
	if err != nil {
		stream.Close()
		return err
	}
	c.Reply.BulkLen(1 + size + FooterSize)
	c.Reply.Stream(&payload{value: stream, version: max(int(d.Version.Load()), stream.Kind().Version())})
	c.Reply.BulkEnd()
	return nil
}

// streams tells whether a value is to be written by a Stream. A string that is short enough to be packed is not.
func streams(it *store.Item) bool {
	return it.IsBig() && (it.Type() != store.TypeString || it.TextLen() > maxPackText)
}

// dumpWhole replies with a payload that is made at one go.
func (d *Codec) dumpWhole(c *command.Ctx, it *store.Item) {
	w := d.writer()
	defer d.release(w)
	kind := KindOf(c.DB, it, w.version)
	w.Kind(kind)
	w.Value(c.DB, it, kind)
	w.buf = AppendFooter(w.buf, 0, max(w.version, kind.Version()))
	c.Reply.Bulk(w.buf)
}

// SerializedLen tells how many bytes a value takes when it is written, without its kind, as DEBUG OBJECT has it. tick is called
// every so often and ends the counting when it gives an error, which is returned.
func (d *Codec) SerializedLen(db *store.DB, it *store.Item, tick func() error) (int, error) {
	if streams(it) {
		s := NewStream(db, it, int(d.Version.Load()), d.Pack.Load())
		defer s.Close()
		return s.Size(tick)
	}
	w := d.writer()
	defer d.release(w)
	w.Value(db, it, KindOf(db, it, w.version))
	return len(w.buf), nil
}

// payload is the source of what DUMP replies for a large value.
type payload struct {
	value   *Stream
	version int
	sum     uint64 // checksum of what was given
	stage   stage
	room    [FooterSize]byte
}

// stage is what a payload gives next.
type stage int

const (
	stageKind stage = iota
	stageValue
	stageEnd
)

// Next implements resp.Source.
func (p *payload) Next() []byte {
	var b []byte
	switch p.stage {
	case stageKind:
		p.stage = stageValue
		b = append(p.room[:0], byte(p.value.Kind()))
	case stageValue:
		if b = p.value.Next(); len(b) > 0 {
			break
		}
		p.stage = stageEnd
		b = binary.LittleEndian.AppendUint16(p.room[:0], uint16(p.version))
		return binary.LittleEndian.AppendUint64(b, crc64.Update(p.sum, b))
	}
	p.sum = crc64.Update(p.sum, b)
	return b
}

// Close implements resp.Source.
func (p *payload) Close() { p.value.Close() }
