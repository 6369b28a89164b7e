// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/ds/listpack"

// listpackFiller is what stands behind the end of a listpack for which no smaller place was to be had (see splice).
const listpackFiller = 0xff

// listpack gives the blob of a packed list.
func (it *Item) listpack() []byte {
	b := it.Blob()
	return b[:listpack.Size(b)]
}

// spliceList opens a gap in a packed list and gives the listpack, for the caller to put entries into the gap and to seal.
func (it *Item) spliceList(g gap) []byte {
	size := len(it.listpack()) - g.cut + g.n
	return it.splice(g, listpackFiller)[:size]
}

// eachEntry calls fn with n entries of a listpack, or as many as there are, until it gives false; see List.Each. It tells
// whether fn never did.
func eachEntry(b []byte, from, n int, reverse bool, fn func(v Value) bool) bool {
	for off := listpack.Seek(b, from); off != 0 && n > 0; n-- {
		e, next := listpack.Read(b, off)
		if !fn(Value(e)) {
			return false
		}
		if reverse {
			next = listpack.Prev(b, off)
		}
		off = next
	}
	return true
}

// entriesSize gives the bytes that texts take as entries of a listpack.
func entriesSize(texts [][]byte) (n int) {
	for _, text := range texts {
		v := listpack.Bytes(text)
		n += v.Size()
	}
	return n
}

// putEntries writes texts as entries into b, with reverse the last one first.
func putEntries(b []byte, texts [][]byte, reverse bool) {
	off := 0
	for i := range texts {
		if reverse {
			i = len(texts) - 1 - i
		}
		v := listpack.Bytes(texts[i])
		off += v.Put(b[off:])
	}
}

// pushPacked is Push for a list that stays, or begins, packed.
func (l *List) pushPacked(texts [][]byte, head bool) {
	n := entriesSize(texts)
	if l.it.ref == 0 {
		var b []byte
		l.it, b = l.db.createPacked(l.key, TypeList, EncListpack, listpack.EmptySize+n)
		putEntries(b[listpack.HeaderSize:], texts, head)
		listpack.Seal(b, len(texts))
		return
	}
	b := l.it.listpack()
	count := listpack.Count(b)
	at := listpack.HeaderSize
	if !head {
		at = len(b) - 1
	}
	b = l.it.spliceList(gap{at: at, n: n})
	putEntries(b[at:], texts, head)
	listpack.Seal(b, count+len(texts))
}

// insertPacked is Insert for a packed list that stays one.
func (l *List) insertPacked(i int, text []byte) {
	b := l.it.listpack()
	count := listpack.Count(b)
	at := len(b) - 1
	if i < count {
		at = listpack.Seek(b, i)
	}
	v := listpack.Bytes(text)
	b = l.it.spliceList(gap{at: at, n: v.Size()})
	v.Put(b[at:])
	listpack.Seal(b, count+1)
}

// setPacked is Set for a packed list that stays one.
func (l *List) setPacked(i int, text []byte) {
	b := l.it.listpack()
	count, at := listpack.Count(b), listpack.Seek(b, i)
	v := listpack.Bytes(text)
	b = l.it.spliceList(gap{at: at, cut: listpack.After(b, at) - at, n: v.Size()})
	v.Put(b[at:])
	listpack.Seal(b, count)
}

// removePacked is Remove for a packed list of more elements.
func (l *List) removePacked(from, n int) {
	b := l.it.listpack()
	count, at := listpack.Count(b), listpack.Seek(b, from)
	end := len(b) - 1
	if from+n < count {
		end = listpack.Seek(b, from+n)
	}
	b = l.it.spliceList(gap{at: at, cut: end - at})
	listpack.Seal(b, count-n)
}

// removeEqualPacked is RemoveEqual for a packed list.
func (l *List) removeEqualPacked(text Needle, limit int, reverse bool) (removed int) {
	b := l.it.listpack()
	count, matches := listpack.Count(b), countEqual(b, text)
	removed = min(matches, limit)
	if removed == 0 || removed == count {
		l.Remove(0, removed, neverEnds)
		return removed
	}
	skip := 0
	if reverse {
		skip = matches - removed
	}
	at := closeEqual(b, text, skip, removed)
	b = l.it.spliceList(gap{at: at, cut: len(b) - 1 - at})
	listpack.Seal(b, count-removed)
	return removed
}

// countEqual counts the entries of a listpack that are text.
func countEqual(b []byte, text Needle) (n int) {
	for off := listpack.First(b); off != 0; {
		var e listpack.Entry
		if e, off = listpack.Read(b, off); text.Is(Value(e)) {
			n++
		}
	}
	return n
}

// closeEqual moves the entries of a listpack together over n of those that are text, the first of these but for skip, and
// gives the offset behind the last.
func closeEqual(b []byte, text Needle, skip, n int) (end int) {
	from, end := listpack.HeaderSize, listpack.HeaderSize // what lies from from on, as far as looked at, is to be moved to end
	for off := listpack.First(b); off != 0 && n > 0; {
		e, next := listpack.Read(b, off)
		switch {
		case !text.Is(Value(e)):
		case skip > 0:
			skip--
		default:
			end += copy(b[end:], b[from:off])
			from = listpack.After(b, off)
			n--
		}
		off = next
	}
	return end + copy(b[end:], b[from:len(b)-1])
}
