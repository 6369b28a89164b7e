// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/store"
)

// Redis 8.10 keeps the names of fields that many hashes have in common once, as a template. A payload has the template in front of the
// values; in a file hashes refer to templates by their numbers.

// The forms of a template's fields.
const (
	templatePack  = 0 // a listpack in a text
	templateTexts = 1 // their number, and texts
)

// readTemplateHash reads a hash of a template and values: texts, or with packed set a listpack whose first element is a number that
// meant something to the server that wrote it.
func (r *Reader) readTemplateHash(db *store.DB, packed bool) {
	r.hash.Begin(db, false)
	most := db.Settings().HashMaxListpackEntries.Load()
	n := r.readTemplate(db)
	if n == 0 {
		r.fail("A template without fields")
	}
	if r.err != nil {
		return
	}
	if int64(n) > most {
		r.hash.Spread()
	}
	fields := listpack.Scan(r.template)
	if !packed {
		for f, ok := fields.Next(); ok && r.err == nil; f, ok = fields.Next() {
			r.addField(db, store.Value(f), r.Text(db), store.NoExpiry)
		}
		return
	}
	values := r.cells("Hash template-listpack", r.bytes(db), false)
	if number, ok := values.next(); !ok || !number.IsInt() {
		r.corrupt(values.what)
	}
	for f, ok := fields.Next(); ok && r.err == nil; f, ok = fields.Next() {
		v, is := values.next()
		if !is || !r.hash.Add(store.Value(f), v, store.NoExpiry) {
			r.corrupt(values.what)
		}
		r.step(db)
	}
	if _, more := values.next(); more || !values.sound() {
		r.corrupt(values.what)
	}
}

// readTemplate reads a template and tells how many fields it has; they are a listpack then.
func (r *Reader) readTemplate(db *store.DB) (n int) {
	switch r.length() {
	case templatePack:
		r.template = append(r.template[:0], r.bytes(db)...)
		if r.err == nil && listpack.Validate(r.template) != nil {
			r.corrupt("Hash template")
			return 0
		}
		if r.err == nil {
			n = listpack.Count(r.template)
		}
	case templateTexts:
		b := append(r.template[:0], make([]byte, listpack.HeaderSize)...)
		for left := r.length(); left > 0 && r.err == nil; left-- {
			b = listpack.AppendEntry(b, listpack.Entry(r.Text(db)))
			n++
			r.step(db)
		}
		b = append(b, 0)
		listpack.Seal(b, n)
		r.template = b
	default:
		r.fail("A template of an unknown form")
	}
	return n
}
