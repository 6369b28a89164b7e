// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
)

// The effect log.
//
//   - An effect is what a command did to the keyspace, as a command that does it again.
//   - An offset counts the bytes of the log since the server's start. What has one has it for ever.
//   - The log lies in a chain of blocks, of which the last is filled. A block goes back to a small pool when all readers have left it;
//     effects that are longer than a block have one of their own.
//   - End is the offset behind the last whole effect, or transaction. What lies before it is never written to again, so readers read
//     it where it lies, without the log's mutex. It is the only word that writers and readers share.
//   - Written and Durable are offsets too: what lies before them the log's file has handed to the system, and has synced.
//
// Invariants: a block's size and offset are written before it is linked, or before its successor is; End is stored when all that it
// covers is there. A reader loads End first: so it finds the blocks up to it.

const (
	maxLogBytes = 64 << 20 // bounds what readers may have left unread
	blockBytes  = 64 << 10
	keepBlocks  = 16 // unused blocks that the pool keeps
)

// block is a part of the log.
type block struct {
	start int64  // offset of its first byte
	data  []byte // the room for it
	size  int    // bytes of data that are the log's; only while next is not nil
	next  atomic.Pointer[block]
}

// Log is the ordered stream of effects: what commands did to the keyspace, as commands that do it again, in an order in
// which they could have run one by one. Effects are appended with the shards of their keys held, under the log's own
// mutex, which is the last lock there is. A transaction's effects stand between MULTI and EXEC, and a SELECT comes
// before an effect on another database than the one before.
//
// Without a reader nothing is written, and looking whether there is one is all that it costs.
type Log struct {
	readers atomic.Int32
	end     atomic.Int64 // written with mu held
	low     atomic.Int64 // where the last of the readers is, or was a little while ago; written with mu held
	awaited atomic.Int32 // readers that want to know when something comes

	mu     sync.Mutex
	first  *block   // these are guarded by mu; first and last are nil without readers
	last   *block   // the one that is filled
	fill   int      // bytes of last that are filled
	free   []*block // of blockBytes
	text   effectText
	db     int // of the last effect; -1: the next one selects its own
	list   []*LogReader
	parked []func() // wake-up calls of clients that found the log full

	full atomic.Bool // parked is not empty; written with mu held
	_    [64]byte

	logFile
}

func newLog() *Log { return &Log{db: -1} }

// Active tells whether anybody reads the log: only then effects need to be made.
func (l *Log) Active() bool { return l.readers.Load() > 0 }

// End gives the offset behind the last whole effect. Any goroutine may call it.
func (l *Log) End() int64 { return l.end.Load() }

// Cut gives the log's end, and has the next effect select its database: what follows can be read on its own. With the world still it
// is the place of that moment.
func (l *Log) Cut() int64 {
	l.lock()
	defer l.unlock()
	l.db = -1
	return l.end.Load()
}

// Park leaves call to be made when the log has room, and gives true; false when it has room.
func (l *Log) Park(call func()) bool {
	if l.unread() < maxLogBytes || !l.Active() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trim(); l.unread() < maxLogBytes {
		return false
	}
	l.parked = append(l.parked, call)
	l.full.Store(true)
	return true
}

// unread gives the bytes that some reader has not read; as low says.
func (l *Log) unread() int64 { return l.end.Load() - l.low.Load() }

// lock and unlock take the log where shards are held, in the order of docs/locking.md.
func (l *Log) lock() {
	invariants.Waits(invariants.RankLog, 0)
	l.mu.Lock()
	invariants.Acquired(invariants.RankLog, 0)
}

func (l *Log) unlock() {
	invariants.Released(invariants.RankLog, 0)
	l.mu.Unlock()
}

// effectText is the text of effects on their way to the log: it is made before the log's mutex is taken. The zero value is empty.
type effectText struct {
	b           []byte
	first, last int  // the databases of the first and the last effect
	isMulti     bool // they will stand between MULTI and EXEC
}

// effectMark is a point in an effectText to go back to.
type effectMark struct {
	size, last int
	isMulti    bool
}

// mark gives the present end.
func (t *effectText) mark() effectMark { return effectMark{len(t.b), t.last, t.isMulti} }

// cut drops what was added since m, and memory for much of it.
func (t *effectText) cut(m effectMark) {
	t.b, t.last, t.isMulti = t.b[:m.size], m.last, m.isMulti
	if m.size == 0 && cap(t.b) > 2*blockBytes {
		t.b = nil
	}
}

// multi makes a transaction of the effects, those that follow included.
func (t *effectText) multi() { t.isMulti = true }

// add adds an effect on a database.
func (t *effectText) add(db int, argv [][]byte) {
	if len(t.b) == 0 {
		t.first, t.last = db, db
	}
	if db != t.last {
		t.b, t.last = appendSelect(t.b, db), db
	}
	n := 0
	for _, arg := range argv {
		n += len(arg)
	}
	if n > blockBytes/2 {
		t.b = slices.Grow(t.b, resp.CommandLen(argv...)+len("*1\r\n$4\r\nEXEC\r\n"))
	}
	t.b = resp.AppendCommand(t.b, argv...)
}

// appendSelect appends the effect that selects a database.
func appendSelect(b []byte, db int) []byte {
	var digits [8]byte
	return resp.AppendCommand(b, []byte("SELECT"), num.AppendInt(digits[:0], int64(db)))
}

// Append writes one effect on the database db, and gives the offset behind it.
func (l *Log) Append(db int, argv ...[]byte) (end int64) {
	l.lock()
	l.text.add(db, argv)
	l.put(&l.text)
	end = l.end.Load()
	l.unlock()
	return end
}

// append writes what is in t, at least one effect, and empties it. It gives the offset behind it.
func (l *Log) append(t *effectText) (end int64) {
	if t.isMulti {
		t.b = append(t.b, "*1\r\n$4\r\nEXEC\r\n"...)
	}
	l.lock()
	l.put(t)
	end = l.end.Load()
	l.unlock()
	return end
}

// put is append with mu held, for a transaction that is closed.
func (l *Log) put(t *effectText) {
	text, isMulti := t.b, t.isMulti
	t.b, t.isMulti = text[:0], false
	if l.last == nil { // the last reader has just gone
		return
	}
	if t.first != l.db {
		var room [40]byte
		l.copy(appendSelect(room[:0], t.first))
	}
	l.db = t.last
	if isMulti {
		l.copy([]byte("*1\r\n$5\r\nMULTI\r\n"))
	}
	if len(text) > blockBytes {
		l.extend(&block{data: text})
		l.fill, t.b = len(text), nil
		l.extend(l.takeBlock()) // so that this one can go as soon as it is read
	} else {
		l.copy(text)
	}
	l.end.Store(l.last.start + int64(l.fill))
	if l.awaited.Load() != 0 {
		l.announce()
	}
}

// copy writes text behind what is there.
func (l *Log) copy(text []byte) {
	for {
		n := copy(l.last.data[l.fill:], text)
		l.fill += n
		if n == len(text) {
			return
		}
		text = text[n:]
		l.extend(l.takeBlock())
	}
}

// extend makes b the last block.
func (l *Log) extend(b *block) {
	last := l.last
	b.start = last.start + int64(l.fill)
	last.size = l.fill
	l.last, l.fill = b, 0
	last.next.Store(b)
}

// takeBlock gives an unused block of blockBytes.
func (l *Log) takeBlock() *block {
	n := len(l.free)
	if n == 0 {
		return &block{data: make([]byte, blockBytes)}
	}
	b := l.free[n-1]
	l.free = l.free[:n-1]
	return b
}

// announce tells the readers that wait that something has come.
func (l *Log) announce() {
	for _, r := range l.list {
		if r.awaits.Swap(false) {
			l.awaited.Add(-1)
			r.ready()
		}
	}
}

// trim lets go of the blocks that all readers have left.
func (l *Log) trim() {
	low := l.end.Load()
	for _, r := range l.list {
		low = min(low, r.offset.Load())
	}
	l.low.Store(low)
	for l.first != l.last && !l.isRead(l.first) {
		b := l.first
		l.first = b.next.Load()
		if b.next.Store(nil); len(b.data) == blockBytes && len(l.free) < keepBlocks {
			l.free = append(l.free, b)
		}
	}
}

// isRead tells whether a reader is at a block.
func (l *Log) isRead(b *block) bool {
	for _, r := range l.list {
		if r.at.Load() == b {
			return true
		}
	}
	return false
}

// takeParked gives the wake-up calls to make if there is room.
func (l *Log) takeParked() (calls []func()) {
	if l.unread() < maxLogBytes {
		calls, l.parked = l.parked, nil
		l.full.Store(false)
	}
	return calls
}
