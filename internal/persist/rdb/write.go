// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/lzf"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// maxPackText is the bytes up to which a text is packed, lest that take long.
const maxPackText = 1 << 20

// A Writer appends values to a buffer. It may be used again, by one goroutine at a time.
type Writer struct {
	buf     []byte
	loans   resp.Loans // long texts between the bytes of buf; only if lends is set
	room    []byte     // where listpacks are made
	table   *lzf.Table
	version int
	packs   bool
	lends   bool // long texts are not copied
}

// Begin empties the buffer for values of the version asked for, from OldestVersion to NewestVersion; packs is whether texts are
// packed where that makes them shorter.
func (w *Writer) Begin(version int, packs bool) {
	w.buf, w.version, w.packs = w.buf[:0], version, packs
}

// text appends a text.
func (w *Writer) text(b []byte) {
	if v, ok := shortInt(b); ok {
		w.buf = appendInt(w.buf, v)
		return
	}
	if w.packs && len(b) >= minPackText && len(b) <= maxPackText && w.pack(b) {
		return
	}
	w.len(len(b))
	w.put(b)
}

// put appends bytes as they are.
func (w *Writer) put(b []byte) {
	if w.lends && len(b) > resp.LongText {
		w.loans.Add(w.buf, b)
		return
	}
	w.buf = append(w.buf, b...)
}

func (w *Writer) len(n int) { w.buf = appendLen(w.buf, uint64(n)) }

// element appends the text of an element.
func (w *Writer) element(v store.Value) {
	if v.IsInt() {
		w.buf = appendInt(w.buf, v.Int)
		return
	}
	w.text(v.Bytes)
}

// pack appends a text in the LZF format; false when it does not get shorter by that.
func (w *Writer) pack(b []byte) bool {
	const gain = 4 // bytes that it must save
	if w.table == nil {
		w.table = new(lzf.Table)
	}
	start, length := len(w.buf), uint64(len(b))
	buf := appendLen(append(w.buf, textForm|textLZF), length)
	buf = appendLen(buf, length)
	at := len(buf)
	buf, ok := w.table.Pack(buf, b, len(b)-gain)
	if !ok {
		w.buf = buf[:start]
		return false
	}
	packed := buf[at:]
	buf = appendLen(buf[:start+1], uint64(len(packed))) // the same bytes as before, or fewer
	buf = appendLen(buf, length)
	w.buf = append(buf, packed...)
	return true
}

// packed appends a text that is in the LZF format already, and has so many bytes when it is not.
func (w *Writer) packed(b []byte, unpacked int) {
	w.buf = append(w.buf, textForm|textLZF)
	w.len(len(b))
	w.len(unpacked)
	w.put(b)
}

// beginPack begins a listpack, to which entries are added, and which endPack appends as a text.
func (w *Writer) beginPack() {
	var head [listpack.HeaderSize]byte
	w.room = append(w.room[:0], head[:]...)
}

// entry adds an entry to the listpack.
func (w *Writer) entry(v store.Value) { w.room = listpack.AppendEntry(w.room, listpack.Entry(v)) }

func (w *Writer) endPack(entries int) {
	w.room = append(w.room, 0)
	listpack.Seal(w.room, entries)
	w.text(w.room)
}
