// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// ErrWrongType is the error for a key that holds another type of value than the command works on. Its text is what the
// client gets.
var ErrWrongType = errors.New("WRONGTYPE Operation against a key holding the wrong kind of value")

// BusyShardError says that a walk met a shard that stays busy: the command is to be parked on it and run again.
type BusyShardError struct{ Shard int }

// Error is for logs; no client gets to see it.
func (e *BusyShardError) Error() string { return "store: shard is busy" }

// View is one worker's way into the store: the instant of the command that runs and what it counted. It belongs to the
// worker alone.
type View struct {
	NowMillis int64 // Unix ms
	NoTouch   bool  // reads leave the access time alone (CLIENT NO-TOUCH)
	undoing   bool  // changes are noted; see undo.go
	Hits      int64 // reads that found their key
	Misses    int64

	// KeepDead says that keys which are met dead stay where they are, though nobody finds them (CLIENT PAUSE).
	KeepDead bool

	// Undying says that nothing dies for the view: keys and fields past their time are found, and are removed by others later. So it is
	// while commands of the past are run again, which met them alive.
	Undying bool

	// OnEvent is told of keys that were looked for in vain (EventMiss) or have been made (EventNew), the shard being held; nil when
	// nobody wants to know.
	OnEvent func(db int, event string, key []byte)

	// Tick is called every so often while a command's long value is copied, so that others need not wait; it may be nil.
	Tick func() error

	// Reading says that the command does not change what it looks up, which a walk may then find later as it is; see walk.go.
	Reading bool

	// Absent says that a key which is given a string, or a draft, is known not to be there: it is not looked for once more.
	Absent bool

	// Walking says that no shard is held and each is to be locked while it is visited.
	Walking bool

	s       *Store
	dbs     []DB
	rng     uint64
	hashKey *byte // the key whose hash the engine has worked out already, and its length
	hashLen int
	hash    uint64

	kept     Item   // of which a pre-image is made
	image    []byte // where it is
	pool     pool   // keys that may be evicted next
	ready    readyKeys
	squeezer *squeezer    // nil until a leaf of a list is squeezed
	entry    *StreamEntry // for Stream.Each; nil until it is used, and meanwhile

	displaced displaced // what the command has put a value in place of; only while OnEvent is set
	undo      undo
}

// NewView makes a worker's view.
func (s *Store) NewView() *View {
	v := &View{s: s, dbs: make([]DB, s.databases), rng: hash.Bytes([]byte("view")) | 1}
	for i := range v.dbs {
		v.dbs[i] = DB{s: s, v: v, index: i}
	}
	return v
}

// DB gives the database of that number, which must exist.
func (v *View) DB(i int) *DB { return &v.dbs[i] }

// Twin gives another view of the same data at the same time, for another goroutine.
func (v *View) Twin() *View {
	twin := v.s.NewView()
	twin.NowMillis, twin.Undying, twin.KeepDead = v.NowMillis, v.Undying, v.KeepDead
	return twin
}

// Plan tells the view a key's hash, so that it is not worked out again. The key's memory must stay as it is until the
// command ends.
func (v *View) Plan(key []byte, hash uint64) {
	v.hashKey, v.hashLen, v.hash = unsafe.SliceData(key), len(key), hash
}

// Expect is Plan for a key of a database that is going to be looked for, whose place is fetched into the cache meanwhile.
func (v *View) Expect(db int, key []byte) {
	h := hash.Bytes(key)
	v.Plan(key, h)
	v.s.Prefetch(db, h)
}

// past tells whether what dies at that time, Unix ms, is dead for the view.
func (v *View) past(at int64) bool { return at < v.NowMillis && !v.Undying }

// Shards tells how many shards there are.
func (v *View) Shards() int { return v.s.Shards() }

// ShardOf gives the number of the shard that a key lies in.
func (v *View) ShardOf(key []byte) int { return v.s.ShardOf(v.hashOf(key)) }

// ShardOfHash gives the number of the shard that keys of a hash lie in.
func (v *View) ShardOfHash(hash uint64) int { return v.s.ShardOf(hash) }

// Prefetch asks for the cache line of a key's bucket, as Store.Prefetch does.
func (v *View) Prefetch(db int, hash uint64) { v.s.Prefetch(db, hash) }

func (v *View) hashOf(key []byte) uint64 {
	if unsafe.SliceData(key) == v.hashKey && len(key) == v.hashLen && v.hashKey != nil {
		return v.hash
	}
	return hash.Bytes(key)
}

// tick is Tick for what must get to its end, whatever that says.
func (v *View) tick() {
	if v.Tick != nil {
		_ = v.Tick()
	}
}

// Rand gives a pseudo-random number, good enough for sampling (xorshift64*, Vigna 2016).
func (v *View) Rand() uint64 {
	v.rng ^= v.rng >> 12
	v.rng ^= v.rng << 25
	v.rng ^= v.rng >> 27
	return v.rng * 0x2545f4914f6cdd1d
}

// DB is one database as a command sees it. The shards of the keys that it is asked for must be held, or the world be still.
type DB struct {
	s     *Store
	v     *View
	index int
}

// Index gives the database's number.
func (db *DB) Index() int { return db.index }

// Now gives the command's instant in Unix milliseconds.
func (db *DB) Now() int64 { return db.v.NowMillis }

// Over tells whether a time that a command gives, Unix ms, has come: what is to die then dies at once.
func (db *DB) Over(at int64) bool { return at <= db.v.NowMillis && !db.v.Undying }

// Settings gives the store's settings.
func (db *DB) Settings() *Settings { return &db.s.Settings }

// Other gives another database of the same view: for commands with two (COPY, MOVE). The engine holds the shards of the
// command's keys in all databases, since a shard spans them.
func (db *DB) Other(i int) *DB { return &db.v.dbs[i] }

// Databases tells how many databases there are.
func (db *DB) Databases() int { return db.s.databases }

// Tick is the view's Tick for what must get to its end, whatever that says.
func (db *DB) Tick() { db.v.tick() }

// Rand gives a pseudo-random number for sampling.
func (db *DB) Rand() uint64 { return db.v.Rand() }

// Item is a key that was found. It is valid until its table changes by anything but the Item itself.
type Item struct {
	sh   *Shard
	t    *table
	rec  record
	ref  mem.Ref
	pos  dict.Pos
	hash uint64

	journal *journal // that the value's blocks are changed through; nil: it has none; see undo.go
}

// Type gives the type of the value.
func (it *Item) Type() Type { return it.rec.typ() }

// Encoding gives how the value is laid out.
func (it *Item) Encoding() Encoding { return it.rec.encoding() }

// Key gives the key's bytes in place.
func (it *Item) Key() []byte { return it.rec.key() }

// Expiry gives the Unix milliseconds at which the key dies, 0 when it does not.
func (it *Item) Expiry() int64 { return it.rec.expiry() }

// Blob gives the value's bytes in place, of an encoding that has them in one piece (not one of many blocks).
func (it *Item) Blob() []byte {
	v := it.rec.value()
	if !it.rec.has(inBlock) {
		return v
	}
	b := readBlock(v)
	return it.t.heap.Bytes(b.ref, b.length)
}

// root gives the root of the table of a value that has one, in place.
func (it *Item) root() *dict.Root {
	if it.isBig() {
		return &it.big().table
	}
	return it.rec.table()
}

// tableRoot gives what the record of a value with a table that is not big has of it, in place.
func (it *Item) tableRoot() *tableRoot {
	return (*tableRoot)(unsafe.Pointer(unsafe.SliceData(it.rec.value())))
}

// lookup finds a live key. One whose time has come, and fields whose time has, are removed on the way.
func (db *DB) lookup(key []byte) (it Item, ok bool) {
	ok = db.seek(&it, key)
	return it, ok
}

// seek is lookup into an Item of the caller's, a fresh one, which saves copying it from function to function.
func (db *DB) seek(it *Item, key []byte) bool {
	it.hash = db.v.hashOf(key)
	it.sh = &db.s.shards[it.hash&db.s.mask]
	it.t = it.sh.tables[db.index].Load()
	if it.t == nil {
		return false
	}
	it.ref, it.pos = it.t.keys.Find(it.hash, key)
	if it.ref == 0 {
		return false
	}
	it.rec = record{it.t.heap.Pointer(it.ref)}
	if it.rec.has(hasExpiry) && db.v.past(it.rec.expiry()) {
		db.meetDead(it, key)
		return false
	}
	if it.rec.encoding() >= EncTable && !db.fresh(it) {
		return false
	}
	if it.rec.flags()&parity != db.s.parity {
		db.keep(it)
	}
	if db.v.undoing && !db.v.Reading {
		db.v.noteFound(it)
	}
	return true
}

// present is lookup for a key that is going to be given another value: one that is known not to be there is not looked for.
func (db *DB) present(key []byte) (it Item, ok bool) {
	ok = !db.v.Absent && db.seek(&it, key)
	return it, ok
}

// meetDead deals with a key that was found dead: it is removed, or only not there while dead keys are kept.
func (db *DB) meetDead(it *Item, key []byte) {
	if db.v.KeepDead {
		it.sh.touch(db.index, key)
	} else {
		db.lose(it)
		db.s.expire(it.sh, it.t, db.index, it.pos, it.rec)
		db.s.Settle(it.sh.number) // of a command that changes nothing else the engine would not do it
	}
	it.ref = 0
}

// Find looks a key up for reading: it counts as a hit or a miss, and as a use of the key.
func (db *DB) Find(key []byte) (Item, bool) {
	it, ok := db.lookup(key)
	if !ok {
		db.miss(key)
		return it, false
	}
	db.v.Hits++
	if !db.v.NoTouch {
		db.use(&it)
	}
	return it, true
}

// FindWrite looks a key up that the command is about to change: a use of the key, neither hit nor miss.
func (db *DB) FindWrite(key []byte) (Item, bool) {
	it, ok := db.lookup(key)
	if ok && !db.v.NoTouch {
		db.use(&it)
	}
	return it, ok
}

// Look looks a key up for a command that looks at it rather than uses it (TTL, TYPE, OBJECT): it counts as a hit or a
// miss, and not as a use.
func (db *DB) Look(key []byte) (Item, bool) {
	it, ok := db.lookup(key)
	if ok {
		db.v.Hits++
	} else {
		db.miss(key)
	}
	return it, ok
}

// miss counts a read of a key that is not there.
func (db *DB) miss(key []byte) {
	db.v.Misses++
	db.occur(EventMiss, key)
}

// Inspect is Look without an event when there is no such key (OBJECT).
func (db *DB) Inspect(key []byte) (Item, bool) {
	it, ok := db.lookup(key)
	if ok {
		db.v.Hits++
	} else {
		db.v.Misses++
	}
	return it, ok
}

// Peek looks a key up without a trace.
func (db *DB) Peek(key []byte) (Item, bool) { return db.lookup(key) }

// Exists tells whether there is a live key, without a trace.
func (db *DB) Exists(key []byte) bool {
	_, ok := db.lookup(key)
	return ok
}

// FindType is Find for a key that must hold type t if it is there at all; else the error is ErrWrongType.
func (db *DB) FindType(key []byte, t Type) (it Item, ok bool, err error) {
	if !db.seek(&it, key) {
		db.miss(key)
		return it, false, nil
	}
	db.v.Hits++
	if !db.v.NoTouch {
		db.use(&it)
	}
	if it.Type() != t {
		return it, false, ErrWrongType
	}
	return it, true, nil
}

// FindTypeWrite is FindWrite for a key that must hold type t if it is there at all; else the error is ErrWrongType.
func (db *DB) FindTypeWrite(key []byte, t Type) (it Item, ok bool, err error) {
	if !db.seek(&it, key) {
		return it, false, nil
	}
	if !db.v.NoTouch {
		db.use(&it)
	}
	if it.Type() != t {
		return it, false, ErrWrongType
	}
	return it, true, nil
}

// shardOf gives the shard that a key lies in.
func (db *DB) shardOf(key []byte) *Shard { return &db.s.shards[db.v.hashOf(key)&db.s.mask] }

// create makes a record for a key that is not there, with room for valLen bytes of value in the record, which the caller
// fills at once. It is the only way a record comes into being. There is no key when memory is refused.
func (db *DB) create(key []byte, shape recordShape) Item {
	h := db.v.hashOf(key)
	it := Item{sh: db.shardOf(key), hash: h}
	it.t = db.table(it.sh)
	if db.v.KeepDead {
		db.s.removeDead(it.sh, it.t, db.index, h, db.v.NowMillis)
	}
	if db.v.undoing {
		db.v.noteAbsent(it.t, h, key)
	}
	if shape.expiry != NoExpiry { // before the key: an entry without one does no harm
		db.s.schedule(it.sh, it.t, h, shape.expiry)
	}
	shape.keyLen, shape.flags = len(key), shape.flags&^parity|db.s.parity
	size := shape.size()
	it.ref = it.t.heap.Alloc(size)
	inserted := false
	defer func() {
		if !inserted {
			it.t.heap.Free(it.ref, size)
		}
	}()
	it.rec = shape.write(it.t.heap.Pointer(it.ref), key, db.freshAccess())
	it.pos = it.t.keys.Insert(h, it.ref)
	inserted = true
	if shape.expiry != NoExpiry {
		it.t.expires++
	}
	if len(it.sh.waits.queues) > 0 {
		db.signal(it.sh, h, key)
	}
	if db.v.OnEvent != nil {
		db.born(key)
	}
	return it
}

// reshape gives the record another layout: key, flags and as much of the value's part as fits stay. What else the old
// value owned is the caller's business.
func (it *Item) reshape(shape recordShape) {
	old := it.rec
	_, shape.keyLen = old.keyAt()
	shape.flags |= old.flags() & parity
	if it.fits(shape) {
		it.relabel(shape)
		return
	}
	heap, size, oldSize := it.t.heap, shape.size(), old.size()
	ref := heap.Alloc(size)
	rec := shape.write(heap.Pointer(ref), old.key(), old.access())
	copy(rec.value(), old.value())
	it.t.keys.Set(it.pos, ref)
	heap.Free(it.ref, oldSize)
	it.ref, it.rec = ref, rec
}

// fits tells whether the record can take another layout where it lies: its allocation does, and key and value begin where
// they did.
func (it *Item) fits(shape recordShape) bool {
	old := it.rec
	return mem.Usable(shape.size()) == mem.Usable(old.size()) && shape.expiry != NoExpiry == old.has(hasExpiry) &&
		!shape.enc.rooted() && !old.encoding().rooted()
}

// relabel gives the record a layout that fits; its value's bytes stay what they are.
func (it *Item) relabel(shape recordShape) {
	rec := it.rec
	it.t.heap.Bytes(it.ref, shape.size()) // the allocation may be used that far now (see mem)
	*rec.byteAt(1) = rec.flags()&^(inBlock|isBig) | shape.flags
	rec.setKind(shape.typ, shape.enc)
	rec.setValLen(shape.valLen)
	if shape.expiry != NoExpiry {
		rec.setExpiry(shape.expiry)
	}
}

// shape gives the record's present layout.
func (it *Item) shape() recordShape {
	_, n := it.rec.keyAt()
	return recordShape{
		typ: it.Type(), enc: it.Encoding(), keyLen: n, valLen: it.rec.valLen(),
		expiry: it.rec.expiry(), flags: it.rec.flags() & (inBlock | isBig | parity),
	}
}

// Delete removes a key; false when there was no live one.
func (db *DB) Delete(key []byte) bool {
	it, ok := db.lookup(key)
	if ok {
		db.Remove(&it)
	}
	return ok
}

// Remove removes the key that was found. Large values are freed later, in slices.
func (db *DB) Remove(it *Item) {
	db.lose(it)
	it.forsake()
	db.s.remove(it.sh, it.t, it.pos, it.rec)
	it.ref, it.rec = 0, record{}
}

func (s *Store) remove(sh *Shard, t *table, pos dict.Pos, rec record) {
	ref := t.keys.At(pos)
	t.keys.Remove(pos)
	if rec.has(hasExpiry) {
		t.expires--
	}
	if t.leastTime(rec) != 0 {
		t.timed--
	}
	s.freeValue(sh, t, rec)
	t.heap.Free(ref, rec.size())
}

// expire removes a key whose time has come.
func (s *Store) expire(sh *Shard, t *table, db int, pos dict.Pos, rec record) {
	s.expired.Add(1)
	s.bury(sh, t, db, pos, rec, false)
}

// bury removes a key that died, or whose fields all did, and tells of it.
func (s *Store) bury(sh *Shard, t *table, db int, pos dict.Pos, rec record, fields bool) {
	key := rec.key()
	sh.touch(db, key)
	if s.onExpire != nil {
		s.onExpire(db, key, fields)
	}
	s.remove(sh, t, pos, rec)
}
