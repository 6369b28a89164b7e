// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// A base of commands (aof-use-rdb-preamble no) has for each key the commands that make it, as those that Redis writes: elements in rows of
// at most rowsPerCommand to a command, then what there is to know of the value as a whole, then when the key dies. What commands
// cannot say is lost: for how long keys and consumers have not been used, what a stream's producers have done in all, and which entries are
// pending that the stream no longer has.

const rowsPerCommand = 64

// CommandEncoder makes keys into commands that make them. All goroutines may use it.
type CommandEncoder struct{ keys atomic.Int64 }

var _ store.Encoder = (*CommandEncoder)(nil)

// Keys gives how many keys were written up to now; a value that is still being streamed counts.
func (e *CommandEncoder) Keys() int64 { return e.keys.Load() }

// AppendStamp appends the annotation that says when what follows it was logged, in Unix seconds.
func AppendStamp(dst []byte, at int64) []byte {
	return append(num.AppendInt(append(dst, "#TS:"...), at), '\r', '\n')
}

// AppendLibrary appends a command that makes a library of functions with this text.
func AppendLibrary(dst []byte, code string) []byte {
	return resp.AppendCommand(dst, "FUNCTION", "LOAD", code)
}

// Database implements store.Encoder.
func (*CommandEncoder) Database(dst []byte, db, _, _ int) []byte {
	return resp.AppendCommand(dst, "SELECT", string(num.AppendInt(nil, int64(db))))
}

// Append implements store.Encoder.
func (e *CommandEncoder) Append(dst []byte, db *store.DB, it *store.Item) []byte {
	e.keys.Add(1)
	w := commands{buf: dst, key: it.Key()}
	switch it.Type() {
	case store.TypeString:
		w.begin(3, "SET")
		w.length(it.TextLen())
		w.buf = w.end(it.AppendText(w.buf))
	case store.TypeList:
		l := db.ListOf(it)
		w.rows("RPUSH", 1, l.Len())
		l.Each(0, l.Len(), false, w.element)
	case store.TypeSet:
		set := db.SetOf(it)
		w.rows("SADD", 1, set.Len())
		set.Each(w.element)
	case store.TypeZSet:
		z := db.ZSetOf(it)
		w.rows("ZADD", 2, z.Len())
		z.Each(0, z.Len(), false, w.member)
	case store.TypeHash:
		h := db.HashOf(it)
		w.hash(it, h.Len())
		h.Each(w.field)
	case store.TypeArray:
		a := db.ArrayOf(it)
		w.rows("ARMSET", 2, a.Count())
		a.Each(0, store.MaxIndex, false, w.cell)
		w.cursor(a.Next())
	case store.TypeStream:
		s := db.StreamOf(it)
		s.Each(store.StreamID{}, store.MaxStreamID(), false, w.entry)
		t := streamTail{info: s.Info(), entries: s.Len()}
		s.EachGroup(t.addGroup)
		if s.HasIdmp() {
			t.idmp, _ = s.Idmp(func() error { return nil })
			t.producers = s.Producers()
		}
		for t.begin(); t.next(&w); {
		}
	}
	w.expire(it.Expiry())
	return w.buf
}

// Stream implements store.Encoder.
func (e *CommandEncoder) Stream(db *store.DB, it *store.Item) resp.Source {
	e.keys.Add(1)
	s := &valueStream{expiry: it.Expiry(), view: db.Freeze(it)}
	w := &s.w
	w.key, w.lends = append([]byte(nil), it.Key()...), true
	switch it.Type() {
	case store.TypeString:
		w.begin(3, "SET")
		w.length(it.TextLen())
		s.parts = &textParts{text: s.view.Text(0, it.TextLen())}
	case store.TypeList:
		l := db.ListOf(it)
		w.rows("RPUSH", 1, l.Len())
		s.parts = &elementParts{s.view.Elements(0, l.Len(), false)}
	case store.TypeSet:
		set := db.SetOf(it)
		w.rows("SADD", 1, set.Len())
		s.parts = &fieldParts{s.view.Fields(), func(w *commands, p store.Pair) { w.element(p.Field) }}
	case store.TypeZSet:
		z := db.ZSetOf(it)
		w.rows("ZADD", 2, z.Len())
		s.parts = &memberParts{s.view.Members(0, false)}
	case store.TypeHash:
		h := db.HashOf(it)
		w.hash(it, h.Len())
		s.parts = &fieldParts{s.view.Fields(), func(w *commands, p store.Pair) { w.field(p) }}
	case store.TypeArray:
		a := db.ArrayOf(it)
		w.rows("ARMSET", 2, a.Count())
		s.parts = &cellParts{walk: s.view.Cells(0, store.MaxIndex, false), cursor: a.Next()}
	case store.TypeStream:
		stream := db.StreamOf(it)
		p := &entryParts{walk: s.view.Entries(store.StreamID{}, store.MaxStreamID(), false)}
		p.tail = streamTail{info: stream.Info(), entries: stream.Len()}
		s.view.EachGroup(p.tail.addGroup)
		if s.view.HasIdmp() {
			p.tail.idmp, p.tail.producers = s.view.Idmp(), s.view.Producers()
		}
		p.tail.begin()
		s.parts = p
	}
	return s
}

// commands is a buffer of commands about one key.
type commands struct {
	buf []byte
	key []byte

	verb  string // of a row of commands
	width int    // arguments that an element has in them
	left  int    // elements that are still to come
	room  int    // of those, how many the command takes that was begun
	timed bool   // fields are written one by one, since some expire

	lends bool // long texts are not copied
	loans resp.Loans
}

// begin begins a command about the key, of so many words in all.
func (w *commands) begin(words int, verbs ...string) {
	w.buf = append(num.AppendInt(append(w.buf, '*'), int64(words)), '\r', '\n')
	for _, verb := range verbs {
		w.word(verb)
	}
	w.text(w.key)
}

func (w *commands) length(n int) { w.buf = resp.AppendBulkLen(w.buf, n) }

// end ends a word.
func (w *commands) end(b []byte) []byte { return append(b, '\r', '\n') }

func (w *commands) word(s string) {
	w.length(len(s))
	w.buf = w.end(append(w.buf, s...))
}

func (w *commands) text(b []byte) {
	w.length(len(b))
	if w.lends && len(b) > resp.LongText {
		w.loans.Add(w.buf, b)
	} else {
		w.buf = append(w.buf, b...)
	}
	w.buf = w.end(w.buf)
}

func (w *commands) int(n int64) {
	var room [num.MaxIntLen]byte
	w.text(num.AppendInt(room[:0], n))
}

func (w *commands) uint(n uint64) {
	var room [num.MaxIntLen]byte
	w.text(num.AppendUint(room[:0], n))
}

func (w *commands) id(id store.StreamID) {
	var room [store.MaxStreamIDText]byte
	w.text(id.AppendText(room[:0]))
}

func (w *commands) value(v store.Value) {
	if v.IsInt() {
		w.int(v.Int)
		return
	}
	w.text(v.Bytes)
}

// rows begins a row of commands for n elements.
func (w *commands) rows(verb string, width, n int) { w.verb, w.width, w.left = verb, width, n }

// row begins the next element.
func (w *commands) row() {
	if w.room == 0 {
		w.room = min(w.left, rowsPerCommand)
		w.begin(2+w.room*w.width, w.verb)
	}
	w.room--
	w.left--
}

// element appends an element of a list or a set.
func (w *commands) element(v store.Value) bool {
	w.row()
	w.value(v)
	return true
}

// member appends a member of a sorted set.
func (w *commands) member(member store.Value, score float64) bool {
	var room [num.MaxDoubleLen]byte
	w.row()
	w.text(num.AppendDouble(room[:0], score))
	w.value(member)
	return true
}

// hash begins a hash of n fields.
func (w *commands) hash(it *store.Item, n int) {
	w.rows("HMSET", 2, n)
	w.timed = it.LeastTime() != 0
}

// field appends a field of a hash. Those past their time may be missing from a hash that has some, so these are written one by one.
func (w *commands) field(p store.Pair) bool {
	if w.timed {
		w.left, w.room = 1, 0
	}
	w.row()
	w.value(p.Field)
	w.value(p.Value)
	if p.Expiry != 0 {
		w.begin(6, "HPEXPIREAT")
		w.int(p.Expiry)
		w.word("FIELDS")
		w.word("1")
		w.value(p.Field)
	}
	return true
}

// cell appends an element of an array.
func (w *commands) cell(index uint64, v store.Value) bool {
	w.row()
	w.uint(index)
	w.value(v)
	return true
}

// cursor appends where an array is added to next.
func (w *commands) cursor(index uint64) {
	if index != 0 {
		w.begin(3, "ARSEEK")
		w.uint(index)
	}
}

// entry appends an entry of a stream.
func (w *commands) entry(e *store.StreamEntry) bool {
	w.begin(3+2*e.Len(), "XADD")
	w.id(e.ID())
	e.Each(func(field, value store.Value) bool {
		w.value(field)
		w.value(value)
		return true
	})
	return true
}

// expire appends when the key dies, Unix ms; 0 is never.
func (w *commands) expire(at int64) {
	if at != 0 {
		w.begin(3, "PEXPIREAT")
		w.int(at)
	}
}

// valueStream is the commands that make a value which is big.
type valueStream struct {
	w      commands
	view   *store.Frozen
	parts  parts
	expiry int64
	ended  bool // all parts are in the buffer, and what follows them
}

// parts goes through what a value consists of.
type parts interface {
	// next appends the next part, or what follows the last one; false when it has appended nothing.
	next(w *commands) bool
}

// Next implements resp.Source.
func (s *valueStream) Next() []byte {
	w := &s.w
	b := w.loans.Next(w.buf)
	if len(b) == 0 {
		s.fill()
		b = w.loans.Next(w.buf)
	}
	return b
}

// fill makes the next piece, behind what was begun when the value was frozen.
func (s *valueStream) fill() {
	w := &s.w
	w.buf = w.buf[:0]
	w.loans.Reset()
	for !s.ended && len(w.buf) < resp.PieceSize && !w.loans.Any() {
		if !s.parts.next(w) {
			s.ended = true
			w.expire(s.expiry)
		}
	}
}

// Close implements resp.Source.
func (s *valueStream) Close() { s.view.Release() }

// textParts are the pieces of a string.
type textParts struct {
	text  *store.TextStream
	ended bool
}

func (p *textParts) next(w *commands) bool {
	b := p.text.Next()
	switch {
	case len(b) > resp.LongText:
		w.loans.Add(w.buf, b)
	case len(b) > 0:
		w.buf = append(w.buf, b...)
	case p.ended:
		return false
	default:
		p.ended = true
		w.buf = w.end(w.buf)
	}
	return true
}

// elementParts are the elements of a list.
type elementParts struct{ walk *store.Elements }

func (p *elementParts) next(w *commands) bool {
	v, ok := p.walk.Next()
	return ok && w.element(v)
}

// fieldParts are the members of a set or the fields of a hash.
type fieldParts struct {
	walk store.Fields
	add  func(w *commands, p store.Pair)
}

func (p *fieldParts) next(w *commands) bool {
	pair, ok := p.walk.Next()
	if ok {
		p.add(w, pair)
	}
	return ok
}

// memberParts are the members of a sorted set.
type memberParts struct{ walk store.Members }

func (p *memberParts) next(w *commands) bool {
	member, score, ok := p.walk.Next()
	return ok && w.member(member, score)
}

// cellParts are the elements of an array, and its cursor.
type cellParts struct {
	walk   *store.CellWalk
	cursor uint64
}

func (p *cellParts) next(w *commands) bool {
	index, v, ok := p.walk.Next()
	if ok {
		return w.cell(index, v)
	}
	w.cursor(p.cursor)
	ok = p.cursor != 0
	p.cursor = 0
	return ok
}

// entryParts are the entries of a stream, and what follows them.
type entryParts struct {
	walk *store.Entries
	tail streamTail
}

func (p *entryParts) next(w *commands) bool {
	if e, ok := p.walk.Next(); ok {
		return w.entry(e)
	}
	return p.tail.next(w)
}
