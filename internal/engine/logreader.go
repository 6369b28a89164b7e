// SPDX-License-Identifier: BSD-3-Clause

package engine

import "sync/atomic"

// LogReader reads the log from the moment it was attached. It is used by one goroutine at a time.
type LogReader struct {
	log    *Log
	ready  func()
	awaits atomic.Bool // ready is to be called; set by the reader, taken back with log.mu held

	offset atomic.Int64          // of the next byte; written by the reader
	at     atomic.Pointer[block] // where that lies, or the block before; written by the reader
	left   bool                  // it has left a block since it last looked for those to be let go of
	pieces [][]byte
}

// Attach begins to read at the log's end. ready, if not nil, is called once after each Await, as soon as there is something to read,
// with locks held: it must do no more than wake the reader. What commands do that are just being run may be missing: whoever wants to
// have all that is done to a state of the keyspace attaches with the world still.
func (l *Log) Attach(ready func()) *LogReader {
	l.lock()
	defer l.unlock()
	end := l.end.Load()
	if l.last == nil {
		l.last, l.fill = l.takeBlock(), 0
		l.last.start, l.first = end, l.last
		l.low.Store(end)
	}
	r := &LogReader{log: l, ready: ready}
	r.offset.Store(end)
	r.at.Store(l.last)
	l.list = append(l.list, r)
	l.db = -1
	l.readers.Add(1)
	return r
}

// Offset gives the offset of what Peek gives next. Any goroutine may call it.
func (r *LogReader) Offset() int64 { return r.offset.Load() }

// Unread gives the bytes that Peek would give. Any goroutine may call it.
func (r *LogReader) Unread() int64 { return r.log.end.Load() - r.offset.Load() }

// Peek gives all that has not been read: whole effects, as an Advance leaves them, in pieces that are good, and must not be written to,
// until Advance or Close is called; the list itself until the next Peek.
func (r *LogReader) Peek() [][]byte {
	r.pieces = r.pieces[:0]
	end := r.log.end.Load() // before anything of the chain is looked at
	offset, b := r.offset.Load(), r.at.Load()
	for offset < end {
		size := len(b.data)
		next := b.next.Load()
		if next != nil {
			size = b.size
		}
		from, to := int(offset-b.start), int(min(end-b.start, int64(size)))
		if from < to {
			r.pieces = append(r.pieces, b.data[from:to:to])
			offset += int64(to - from)
		}
		b = next
	}
	return r.pieces
}

// Advance counts the first n bytes that Peek has given as read.
func (r *LogReader) Advance(n int) {
	offset := r.offset.Load() + int64(n)
	b := r.at.Load()
	for {
		next := b.next.Load()
		if next == nil || offset < b.start+int64(b.size) {
			break
		}
		b, r.left = next, true
	}
	r.at.Store(b)
	r.offset.Store(offset)
	if r.left || r.log.full.Load() {
		r.left = false
		r.log.release(nil)
	}
}

// Await has ready called as soon as there is something to read; at once, by the caller, if there is already.
func (r *LogReader) Await() {
	if !r.awaits.Swap(true) {
		r.log.awaited.Add(1)
	}
	if r.Unread() > 0 && r.awaits.Swap(false) { // a writer that came meanwhile may not have seen it
		r.log.awaited.Add(-1)
		r.ready()
	}
}

// Close ends the reading.
func (r *LogReader) Close() { r.log.release(r) }

// release lets go of what no reader needs any more, a reader that has gone included, and wakes those who wait for room.
func (l *Log) release(gone *LogReader) {
	l.lock()
	for i, r := range l.list {
		if r == gone {
			l.list = append(l.list[:i], l.list[i+1:]...)
			l.readers.Add(-1)
			if r.awaits.Swap(false) {
				l.awaited.Add(-1)
			}
			break
		}
	}
	l.trim()
	if len(l.list) == 0 {
		l.first, l.last, l.free = nil, nil, nil
	}
	calls := l.takeParked()
	l.unlock()
	for _, call := range calls {
		call()
	}
}
