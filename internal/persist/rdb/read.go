// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/lzf"
	"github.com/redpoll/redpoll/internal/store"
)

// ReadValue reads the value of a kind, for a key of a database, laid out as Redis lays it out when it loads it. The draft must be
// dropped, or attached, before the reader is used again. The error is r.Err(); nothing stays of the value then, nor when it panics with
// mem.ErrNoMemory.
func ReadValue(r *Reader, kind Kind, db *store.DB) (store.Draft, error) {
	d := r.draft(kind)
	if d == nil {
		r.failKind(kind)
		return nil, r.err
	}
	whole := false
	defer func() {
		if !whole {
			d.Drop()
		}
	}()
	r.fillDraft(kind, db)
	if r.err != nil {
		return nil, r.err
	}
	whole = true
	return d, nil
}

// draft gives the draft for values of a kind, nil if it is none that can be read.
func (r *Reader) draft(kind Kind) store.Draft {
	switch kind {
	case KindString:
		return &r.text
	case KindList, KindListZiplist, KindListQuicklist, KindListQuicklist2:
		return &r.list
	case KindSet, KindSetIntset, KindSetListpack:
		return &r.set
	case KindZSet, KindZSet2, KindZSetZiplist, KindZSetListpack:
		return &r.zset
	case KindHash, KindHashZipmap, KindHashZiplist, KindHashListpack, KindHashTimedPreGA, KindHashPackPreGA, KindHashTimed,
		KindHashTimedPack, KindHashTemplatePack, KindHashTemplate:
		return &r.hash
	case KindHashTemplatePackRef, KindHashTemplateRef:
		if r.templates != nil {
			return &r.hash
		}
	case KindStream, KindStream2, KindStream3, KindStream4, KindStream5:
		return &r.stream
	case KindArray:
		return &r.array
	}
	return nil
}

// failKind notes that a value is of a kind that cannot be read.
func (r *Reader) failKind(kind Kind) {
	switch kind {
	case KindModulePreGA, KindModule2:
		r.fail("A value of a module")
	case KindHashTemplatePackRef, KindHashTemplateRef:
		r.fail("A hash of a template that is in a file")
	default:
		r.fail("A value of an unknown kind")
	}
}

// fillDraft reads a value of a kind into its draft.
func (r *Reader) fillDraft(kind Kind, db *store.DB) {
	switch kind {
	case KindArray:
		r.readArray(db)
	case KindString:
		r.readString(db)
	case KindList:
		r.readList(db)
	case KindListZiplist:
		r.readListZiplist(db)
	case KindListQuicklist, KindListQuicklist2:
		r.readQuicklist(db, kind == KindListQuicklist2)
	case KindSet:
		r.readSet(db)
	case KindSetIntset:
		r.readIntset(db)
	case KindSetListpack:
		r.readSetListpack(db)
	case KindZSet, KindZSet2:
		r.readZSet(db, kind == KindZSet2)
	case KindZSetZiplist:
		r.readZSetCells(db, r.cells("Zset ziplist", r.bytes(db), true))
	case KindZSetListpack:
		r.readZSetCells(db, r.cells("Zset listpack", r.bytes(db), false))
	case KindHash:
		r.readHash(db)
	case KindHashTimedPreGA:
		if r.version >= valkeyVersion {
			r.readValkeyHash(db)
		} else {
			r.readTimedHash(db, 1)
		}
	case KindHashTimed:
		r.readTimedHash(db, r.uint64())
	case KindHashZipmap:
		r.readZipmap(db)
	case KindHashZiplist:
		r.readHashCells(db, r.cells("Hash ziplist", r.bytes(db), true), false)
	case KindHashListpack:
		r.readHashCells(db, r.cells("Hash listpack", r.bytes(db), false), false)
	case KindHashTimedPack:
		r.uint64() // the least of the times, which the fields have themselves
		r.readHashCells(db, r.cells("Hash listpackex", r.bytes(db), false), true)
	case KindHashPackPreGA:
		r.readHashCells(db, r.cells("Hash listpackex", r.bytes(db), false), true)
	case KindHashTemplatePack, KindHashTemplate:
		r.readTemplateHash(db, kind == KindHashTemplatePack)
	case KindHashTemplatePackRef, KindHashTemplateRef:
		r.readReferringHash(db, kind == KindHashTemplatePackRef)
	case KindStream, KindStream2, KindStream3, KindStream4, KindStream5:
		r.readStream(db, kind)
	}
}

// readString reads a string. A long one that is packed stays so until it is attached.
func (r *Reader) readString(db *store.DB) {
	const long = 64 << 10
	n, coded := r.lengthOrForm()
	switch {
	case !coded:
		r.text.Begin(db, store.Value{Bytes: r.raw(n)})
		return
	case n != textLZF:
		r.text.Begin(db, store.Value{Int: r.shortInt(n)})
		return
	}
	packed, size := r.packed()
	if size <= long {
		r.text.Begin(db, store.Value{Bytes: r.unpack(db, &r.rooms[0], packed, size)})
		return
	}
	if have, err := lzf.Len(packed); err != nil || uint64(have) != size {
		r.fail(notPacked)
	}
	r.text.BeginPacked(db, packed, int(size))
}

// cells are the elements in one blob, a listpack or a ziplist, which are checked as they are read.
type cells struct {
	what string // the elements are, for errors
	lp   listpack.Scanner
	zl   ziplist
	zip  bool
}

// cells begins to read a blob.
func (r *Reader) cells(what string, b []byte, zip bool) *cells {
	c := &r.blob
	*c = cells{what: what, zip: zip}
	if zip {
		c.zl = openZiplist(b)
	} else {
		c.lp = listpack.Scan(b)
	}
	return c
}

// next gives the next element; false at the end, or when the blob is corrupt.
func (c *cells) next() (v store.Value, ok bool) {
	if c.zip {
		return c.zl.next()
	}
	e, ok := c.lp.Next()
	return store.Value(e), ok
}

// sound tells, at the end, whether the blob was what it should be.
func (c *cells) sound() bool {
	if c.zip {
		return c.zl.sound()
	}
	return c.lp.Err() == nil
}

// endCells notes what is wrong with a blob that was read to its end, of which n elements have come.
func (r *Reader) endCells(c *cells, n int) {
	switch {
	case !c.sound():
		r.corrupt(c.what)
	case n == 0:
		r.failEmpty()
	}
}
