// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"fmt"
	"sync"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/store"
)

// Redis 8.10 keeps the names of fields that many hashes have in common once, as a template. A payload has the template in front of the
// values. A file has its templates in front of its keys, each with a number, and hashes refer to them.

// The forms of a template's fields in a payload.
const (
	templatePack  = 0 // a listpack in a text
	templateTexts = 1 // their number, and texts
)

// templates are those of a file, which several goroutines read.
type templates struct {
	mu    sync.RWMutex        // a leaf
	known map[uint64]template // by number; guarded by mu
	room  int                 // bytes of their fields; belongs to who reads them from the file
}

type template struct {
	at     int64  // where it ends in the file: hashes follow it
	fields []byte // a listpack
}

func newTemplates() *templates { return &templates{known: map[uint64]template{}} }

// readTemplateHash reads a hash of a template and values.
func (r *Reader) readTemplateHash(db *store.DB, packed bool) {
	r.hash.Begin(db, false)
	switch r.length() {
	case templatePack:
		r.template = append(r.template[:0], r.bytes(db)...)
		if r.err == nil && (listpack.Validate(r.template) != nil || listpack.Count(r.template) == 0) {
			r.corrupt("Hash template")
		}
	case templateTexts:
		r.template = r.templateTexts(db, r.template[:0])
	default:
		r.fail("A template of an unknown form")
	}
	if !packed {
		r.templateValues(db)
		return
	}
	values := r.cells("Hash template-listpack", r.bytes(db), false)
	if number, ok := values.next(); !ok || !number.IsInt() { // it meant something to the server that wrote it
		r.corrupt(values.what)
	}
	r.templateCells(db, values)
}

// readReferringHash reads a hash that refers to one of the file's templates by its number, and values.
func (r *Reader) readReferringHash(db *store.DB, packed bool) {
	r.hash.Begin(db, false)
	if !packed {
		r.refer(r.length())
		r.templateValues(db)
		return
	}
	values := r.cells("Hash template-listpack", r.bytes(db), false)
	number, ok := values.next()
	if !ok || !number.IsInt() {
		r.corrupt(values.what)
	}
	r.refer(uint64(number.Int))
	r.templateCells(db, values)
}

// refer makes one of the file's templates that of the hash that is being read.
func (r *Reader) refer(number uint64) {
	r.template = append(r.template[:0], r.fieldsOf(number)...)
}

// fieldsOf gives the fields of one of the file's templates, which has come before.
func (r *Reader) fieldsOf(number uint64) []byte {
	r.templates.mu.RLock()
	t, ok := r.templates.known[number]
	r.templates.mu.RUnlock()
	if !ok || t.at > r.Offset() {
		r.fail(fmt.Sprintf("Invalid hash template ID %d", number))
		return nil
	}
	return t.fields
}

// templateValues reads a hash's values, which are texts, each for the next field of the template.
func (r *Reader) templateValues(db *store.DB) {
	r.spread(db)
	fields := listpack.Scan(r.template)
	for r.err == nil {
		f, ok := fields.Next()
		if !ok {
			return
		}
		r.addField(db, store.Value(f), r.Text(db), store.NoExpiry)
	}
}

// templateCells is templateValues for what is left of a listpack.
func (r *Reader) templateCells(db *store.DB, values *cells) {
	r.spread(db)
	fields := listpack.Scan(r.template)
	for r.err == nil {
		f, more := fields.Next()
		v, is := values.next()
		switch {
		case !more && !is && values.sound():
			return
		case !more || !is || !r.hash.Add(store.Value(f), v, store.NoExpiry):
			r.corrupt(values.what)
		}
		r.step(db)
	}
}

// spread makes the hash a table if the template has more fields than a packed one may have.
func (r *Reader) spread(db *store.DB) {
	if r.err == nil && int64(listpack.Count(r.template)) > db.Settings().HashMaxListpackEntries.Load() {
		r.hash.Spread()
	}
}

// templateTexts reads fields that are texts behind their number, and appends a listpack of them to b.
func (r *Reader) templateTexts(db *store.DB, b []byte) []byte {
	b = append(b, make([]byte, listpack.HeaderSize)...)
	n := r.length()
	if n == 0 {
		r.fail("A template without fields")
	}
	for left := n; left > 0 && r.err == nil; left-- {
		field := r.Text(db)
		if len(b)+field.Len() > maxUnpacked {
			r.fail("A template that is too long")
			break
		}
		b = listpack.AppendEntry(b, listpack.Entry(field))
		r.step(db)
	}
	b = append(b, 0)
	listpack.Seal(b, int(min(n, maxUnpacked)))
	return b
}

// keepTemplate reads one of a file's templates: a length, its number, and its fields.
func (r *Reader) keepTemplate(db *store.DB) {
	number := r.length()
	fields := r.templateTexts(db, nil)
	if r.err != nil {
		return
	}
	t := r.templates
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, twice := t.known[number]; twice {
		r.fail(fmt.Sprintf("Duplicate hash template ID %d", number))
		return
	}
	if t.room += len(fields); t.room > bigUnpacked {
		db.Reserve(t.room) // it lies elsewhere, but hashes will have it too
	}
	t.known[number] = template{r.Offset(), fields}
}
