// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/lzf"

// StringDraft is a string in the making. It refers to the bytes that it is made of.
type StringDraft struct {
	db     *DB
	value  Value
	packed []byte // in the LZF format, instead of the value
	size   int    // of the string when it is unpacked
}

// Begin makes the draft a string of this text or integer, which must stay what it is until the draft is attached.
func (d *StringDraft) Begin(db *DB, value Value) { *d = StringDraft{db: db, value: value} }

// BeginPacked makes the draft a string of size bytes that packed unpacks to in the LZF format, as lzf.Len tells. packed must stay what
// it is until the draft is attached.
func (d *StringDraft) BeginPacked(db *DB, packed []byte, size int) {
	*d = StringDraft{db: db, packed: packed, size: size}
}

// Type gives TypeString.
func (d *StringDraft) Type() Type { return TypeString }

// Attach makes the draft the value of a key; see Draft. A long string that is packed is unpacked piece by piece.
func (d *StringDraft) Attach(key []byte, at int64) {
	switch {
	case d.packed == nil && d.value.IsInt():
		d.db.SetInt(key, d.value.Int, at)
	case d.packed == nil:
		d.db.SetString(key, d.value.Bytes, at)
	case d.size <= d.db.s.bigString:
		text := make([]byte, d.size)
		if lzf.Unpack(text, d.packed) == nil {
			d.db.SetString(key, text, at)
		}
	default:
		u := lzf.Unpacker{Src: d.packed}
		_ = d.db.buildText(key, d.size, at, inSteps(func(off int, piece []byte) error {
			if off%tickBytes == 0 {
				d.db.v.tick()
			}
			return u.Next(piece)
		}))
	}
}

// Drop lets go of the bytes that the draft was made of.
func (d *StringDraft) Drop() { *d = StringDraft{} }
