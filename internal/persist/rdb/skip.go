// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/store"
)

// skipValue reads past a value of a kind, as far as it is needed to know where it ends: what it is made of is not looked at. Where it finds
// something wrong fillDraft does so too, there or before.
func (r *Reader) skipValue(kind Kind, db *store.DB) {
	switch kind {
	case KindString, KindListZiplist, KindSetIntset, KindSetListpack, KindZSetZiplist, KindZSetListpack, KindHashZipmap, KindHashZiplist,
		KindHashListpack, KindHashPackPreGA, KindHashTemplatePackRef:
		r.skipText()
	case KindList, KindSet, KindListQuicklist:
		r.skipTexts(r.length())
	case KindHash:
		r.skipPairs(0)
	case KindHashTimedPack:
		r.uint64()
		r.skipText()
	case KindHashTimedPreGA:
		if r.version >= valkeyVersion {
			r.skipPairs(8)
		} else {
			r.skipTimed()
		}
	case KindHashTimed:
		r.uint64()
		r.skipTimed()
	case KindZSet2:
		for n := r.length(); n > 0 && r.err == nil; n-- {
			r.skipText()
			r.uint64()
		}
	case KindZSet:
		for n := r.length(); n > 0 && r.err == nil; n-- {
			r.skipText()
			if n := r.Byte(); n < scoreNaN {
				r.next(uint64(n))
			}
		}
	case KindListQuicklist2:
		for n := r.length(); n > 0 && r.err == nil; n-- {
			r.length()
			r.skipText()
		}
	case KindHashTemplatePack, KindHashTemplate, KindHashTemplateRef:
		r.skipTemplateHash(kind, db)
	case KindArray:
		r.skipArray()
	default:
		r.skipStream(kind)
	}
}

// skipText reads past a text.
func (r *Reader) skipText() {
	n, coded := r.lengthOrForm()
	switch {
	case !coded:
		r.pass(n)
	case n == textLZF:
		n = r.length()
		r.length()
		r.pass(n)
	default:
		r.shortInt(n)
	}
}

// skipTexts reads past n texts.
func (r *Reader) skipTexts(n uint64) {
	for ; n > 0 && r.err == nil; n-- {
		r.skipText()
	}
}

// skipPairs reads past a number of pairs of texts, each with so many bytes behind it.
func (r *Reader) skipPairs(behind uint64) {
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.skipText()
		r.skipText()
		r.pass(behind)
	}
}

// skipTimed reads past a number of fields with times.
func (r *Reader) skipTimed() {
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.length()
		r.skipText()
		r.skipText()
	}
}

// skipTemplateHash reads past a hash of a template, which says how many values it has.
func (r *Reader) skipTemplateHash(kind Kind, db *store.DB) {
	var n uint64
	switch {
	case kind == KindHashTemplateRef:
		if fields := r.fieldsOf(r.length()); r.err == nil {
			n = uint64(listpack.Count(fields))
		}
	case r.length() == templatePack:
		if fields := r.bytes(db); r.err == nil && listpack.Validate(fields) == nil {
			n = uint64(listpack.Count(fields))
		}
	default:
		n = r.length()
		r.skipTexts(n)
	}
	if kind == KindHashTemplatePack {
		n = 1
	}
	r.skipTexts(n)
}

func (r *Reader) skipArray() {
	n := r.length()
	if r.length() == 1 {
		r.length()
	}
	for ; n > 0 && r.err == nil; n-- {
		r.length()
		switch r.length() {
		case elementInt, elementFloat:
			r.uint64()
		default:
			r.skipText()
		}
	}
}

// skipStream reads past a stream. Its parts are in the order of readStream.
func (r *Reader) skipStream(kind Kind) {
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.skipText()
		r.skipText()
	}
	r.skipNumbers(3)
	if kind != KindStream {
		r.skipNumbers(5)
	}
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.skipGroup(kind)
	}
	if kind < KindStream4 {
		return
	}
	r.skipNumbers(2)
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.skipText()
		for n := r.length(); n > 0 && r.err == nil; n-- {
			r.skipText()
			r.skipNumbers(2)
		}
	}
	r.skipNumbers(2)
}

func (r *Reader) skipGroup(kind Kind) {
	r.skipText()
	r.skipNumbers(2)
	if kind != KindStream {
		r.number()
	}
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.next(rawIDSize)
		r.uint64()
		r.number()
	}
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.skipText()
		r.uint64()
		if kind >= KindStream3 {
			r.uint64()
		}
		r.skipIDs()
	}
	if kind >= KindStream5 {
		r.skipIDs()
	}
}

// skipIDs reads past a number of IDs.
func (r *Reader) skipIDs() {
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.next(rawIDSize)
	}
}

// skipNumbers reads past n numbers.
func (r *Reader) skipNumbers(n int) {
	for range n {
		r.number()
	}
}
