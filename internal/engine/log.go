// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
)

const (
	maxLogBytes  = 64 << 20 // bounds what readers may have left unread
	keepLogBytes = 1 << 20  // the largest buffer that stays when all was read
)

// Log is the ordered stream of effects: what commands did to the keyspace, as commands that do it again, in an order in
// which they could have run one by one. Effects are appended with the shards of their keys held, under the log's own
// mutex, which is the last lock there is. A transaction's effects stand between MULTI and EXEC, and a SELECT comes
// before an effect on another database than the one before.
//
// Without a reader nothing is written, and looking whether there is one is all that it costs.
type Log struct {
	readers atomic.Int32

	mu     sync.Mutex
	start  int64 // offset of buf's first byte
	buf    []byte
	db     int // of the last effect; -1: the next one selects its own
	list   []*LogReader
	parked []func() // wake-up calls of clients that found the log full
}

// LogReader reads the log from the moment it was attached.
type LogReader struct {
	log    *Log
	offset int64 // guarded by log.mu
	ready  func()
}

func newLog() *Log { return &Log{db: -1} }

// Active tells whether anybody reads the log: only then effects need to be made.
func (l *Log) Active() bool { return l.readers.Load() > 0 }

// Attach begins to read. ready, if not nil, is called with the log's lock held whenever something was appended: it must do
// no more than wake the reader.
func (l *Log) Attach(ready func()) *LogReader {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &LogReader{log: l, offset: l.start + int64(len(l.buf)), ready: ready}
	l.list = append(l.list, r)
	l.db = -1
	l.readers.Add(1)
	return r
}

// Close ends the reading.
func (r *LogReader) Close() {
	l := r.log
	l.mu.Lock()
	for i, other := range l.list {
		if other == r {
			l.list = append(l.list[:i], l.list[i+1:]...)
			l.readers.Add(-1)
			break
		}
	}
	calls := l.trim()
	l.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

// Read copies what comes next into p and gives its length, 0 when there is nothing new.
func (r *LogReader) Read(p []byte) int {
	l := r.log
	l.mu.Lock()
	n := copy(p, l.buf[r.offset-l.start:])
	r.offset += int64(n)
	calls := l.trim()
	l.mu.Unlock()
	for _, call := range calls {
		call()
	}
	return n
}

// trim drops what all have read, and gives the wake-up calls to make if there is room again.
func (l *Log) trim() (calls []func()) {
	low := l.start + int64(len(l.buf))
	for _, r := range l.list {
		low = min(low, r.offset)
	}
	if read := int(low - l.start); read > len(l.buf)/2 {
		l.buf = append(l.buf[:0], l.buf[read:]...)
		l.start = low
		if len(l.buf) == 0 && cap(l.buf) > keepLogBytes {
			l.buf = nil
		}
	}
	if len(l.buf) < maxLogBytes {
		calls, l.parked = l.parked, nil
	}
	return calls
}

// Park leaves call to be made when the log has room, and gives true; false when it has room.
func (l *Log) Park(call func()) bool {
	if !l.Active() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) < maxLogBytes {
		return false
	}
	l.parked = append(l.parked, call)
	return true
}

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

// Append writes the effects of one command, or of one transaction when there are several, on the database db.
func (l *Log) Append(db int, effects [][][]byte) {
	l.lock()
	defer l.unlock()
	l.selectDB(db)
	if len(effects) == 1 {
		l.write(effects[0])
	} else {
		l.write([][]byte{[]byte("MULTI")})
		for _, argv := range effects {
			l.write(argv)
		}
		l.write([][]byte{[]byte("EXEC")})
	}
	l.announce()
}

// transactionEffect is one effect within a transaction, with its database.
type transactionEffect struct {
	db   int
	argv [][]byte
}

// appendTransaction writes the effects of an EXEC, which may be on several databases.
func (l *Log) appendTransaction(effects []transactionEffect) {
	l.lock()
	defer l.unlock()
	l.selectDB(effects[0].db)
	l.write([][]byte{[]byte("MULTI")})
	for _, e := range effects {
		l.selectDB(e.db)
		l.write(e.argv)
	}
	l.write([][]byte{[]byte("EXEC")})
	l.announce()
}

func (l *Log) selectDB(db int) {
	if db != l.db {
		l.db = db
		var text [8]byte
		l.write([][]byte{[]byte("SELECT"), num.AppendInt(text[:0], int64(db))})
	}
}

func (l *Log) write(argv [][]byte) { l.buf = resp.AppendCommand(l.buf, argv...) }

func (l *Log) announce() {
	for _, r := range l.list {
		if r.ready != nil {
			r.ready()
		}
	}
}
