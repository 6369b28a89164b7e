// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/mem"
)

// modelKey and modelValue are what the model keeps of a key.
type modelKey struct {
	db  int
	key string
}

type modelValue struct {
	text   string                // of a string
	fields map[string]modelField // of a hash
	set    map[string]bool       // of a set
	scored zsetModel             // of a sorted set
	list   []string              // of a list; never changed in place
	stream *modelStream          // of a stream
	array  *modelArray           // of an array
	expiry int64
}

// isString tells whether it is that of a string, or of no key.
func (e modelValue) isString() bool {
	return e.fields == nil && e.set == nil && e.scored == nil && e.list == nil && e.stream == nil && e.array == nil
}

// modelField is a field's value and when it expires.
type modelField struct {
	value  string
	expiry int64
}

// keyspace drives a store and a Go map through the same operations.
type keyspace struct {
	t      *testing.T
	rng    *rand.Rand
	s      *Store
	v      *View
	keys   []string
	model  map[modelKey]modelValue
	views  []modelView
	texts  []textView
	tight  bool // memory is short: operations may be refused
	inRun  bool // see undo_test.go: time stands still, and nothing is evicted
	denied int
}

func newKeyspace(t *testing.T, seed uint64, shards int, reserve int64) *keyspace {
	k := &keyspace{
		t: t, rng: rand.New(rand.NewPCG(seed, uint64(shards))), model: map[modelKey]modelValue{},
	}
	arena, err := mem.NewArena(mem.Options{Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	k.s = New(Options{Arena: arena, Shards: shards, Databases: 3, OnExpire: func(db int, key []byte, _ bool) {
		if _, ok := k.live(modelKey{db, string(key)}); ok {
			t.Fatalf("%d/%.20q died too early", db, key)
		}
	}, OnExpireField: k.fieldDied, OnEvict: func(db int, key []byte) { delete(k.model, modelKey{db, string(key)}) }})
	k.s.Settings.HashMaxListpackEntries.Store(8)
	k.s.Settings.SetMaxListpackEntries.Store(8)
	k.s.Settings.SetMaxIntsetEntries.Store(16)
	k.s.Settings.ZSetMaxListpackEntries.Store(20)
	k.s.Settings.ListMaxListpackSize.Store(-1)
	k.s.Settings.StreamNodeMaxEntries.Store(20)
	k.s.Settings.ListCompressDepth.Store(int64(seed % 3))
	k.s.bigTable, k.s.bigString = 6000, 20_000
	k.v = k.s.NewView()
	k.v.NowMillis = 1_700_000_000_000
	for i := range 60 {
		k.keys = append(k.keys, "key:"+strconv.Itoa(i))
	}
	for _, n := range []int{1, 200, 253, 254, 255, 256, 300, 4000, maxInline - 8, maxInline - 7, maxInline, 9000, 40_000} {
		k.keys = append(k.keys, strings.Repeat("K", n))
	}
	k.keys = append(k.keys, "")
	return k
}

// some gives some key of some database.
func (k *keyspace) some() modelKey {
	return modelKey{k.rng.IntN(k.s.databases), k.keys[k.rng.IntN(len(k.keys))]}
}

// text gives some value: numbers, and lengths around all the limits.
func (k *keyspace) text() string {
	n := 0
	switch k.rng.IntN(8) {
	case 0, 1:
		return strconv.FormatInt(k.rng.Int64()>>k.rng.IntN(64)*(1-2*k.rng.Int64N(2)), 10)
	case 2:
		n = maxEmbstr - 1 + k.rng.IntN(3)
	case 3:
		n = maxInline - 20 + k.rng.IntN(40)
	case 4:
		n = k.rng.IntN(mem.MaxSmall * 3)
	default:
		n = k.rng.IntN(100)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(k.rng.Uint32()%26)
	}
	return string(b)
}

func (k *keyspace) expiry() int64 {
	switch k.rng.IntN(4) {
	case 0:
		return k.v.NowMillis + k.rng.Int64N(50)
	case 1:
		return k.v.NowMillis + k.rng.Int64N(100_000_000_000)
	case 2:
		return k.v.NowMillis + k.rng.Int64N(100_000)
	}
	return NoExpiry
}

// fieldExpiry gives when a field is to expire; never and far off are rarer than for keys, so that much dies.
func (k *keyspace) fieldExpiry() int64 {
	if k.rng.IntN(3) == 0 {
		return k.v.NowMillis + 1 + k.rng.Int64N(100_000_000)
	}
	if k.rng.IntN(5) == 0 {
		return NoExpiry
	}
	return k.v.NowMillis + 1 + k.rng.Int64N(400)
}

// live gives what the model has of a key that has not died.
func (k *keyspace) live(key modelKey) (modelValue, bool) {
	e, ok := k.model[key]
	if ok && e.expiry != 0 && e.expiry < k.v.NowMillis {
		delete(k.model, key)
		return modelValue{}, false
	}
	for f, v := range e.fields {
		if v.expiry != 0 && v.expiry < k.v.NowMillis {
			delete(e.fields, f)
		}
	}
	if ok && e.fields != nil && len(e.fields) == 0 {
		delete(k.model, key)
		return modelValue{}, false
	}
	return e, ok
}

// fieldDied checks that a field's time has come when the store says that it died.
func (k *keyspace) fieldDied(db int, key, field []byte) {
	e, ok := k.model[modelKey{db, string(key)}]
	if f := e.fields[string(field)]; ok && (f.expiry == 0 || f.expiry >= k.v.NowMillis) && f.value != "" {
		k.t.Fatalf("%d/%.20q: field %q died too early: %+v at %d", db, key, field, f, k.v.NowMillis)
	}
}

// try runs a change of a key; it gives false when memory was refused.
func (k *keyspace) try(change func()) (done bool) {
	defer func() {
		if done {
			return
		}
		if e := recover(); !k.tight || e != mem.ErrNoMemory {
			panic(e)
		}
		k.denied++
	}()
	change()
	return true
}

// look compares one key with the model.
func (k *keyspace) look(key modelKey) {
	k.t.Helper()
	want, there := k.live(key)
	it, ok := k.v.DB(key.db).Peek([]byte(key.key))
	if ok != there {
		k.t.Fatalf("%d/%.20q is there: %v, want %v", key.db, key.key, ok, there)
	}
	if ok {
		k.compare(key, &it, want)
	}
}

func (k *keyspace) compare(key modelKey, it *Item, want modelValue) {
	k.t.Helper()
	if string(it.Key()) != key.key || it.Expiry() != want.expiry {
		k.t.Fatalf("%d/%.20q: found %.20q, expiry %d, want %d", key.db, key.key, it.Key(), it.Expiry(), want.expiry)
	}
	switch {
	case want.set != nil:
		k.compareSet(key, it, want)
	case want.scored != nil:
		k.compareZSet(key, it, want.scored)
	case want.list != nil:
		k.compareList(key, it, want)
	case want.stream != nil:
		k.compareStream(key, it, want)
	case want.array != nil:
		k.compareArray(key, it, want)
	case want.fields != nil:
		k.compareHash(key, it, want)
	default:
		if got := string(it.AppendText(nil)); it.Type() != TypeString || got != want.text || it.TextLen() != len(got) {
			k.t.Fatalf("%d/%.20q is a %v with %d bytes %.20q, want %d bytes %.20q", key.db, key.key, it.Type(), len(got), got, len(want.text), want.text)
		}
	}
}

func (k *keyspace) compareHash(key modelKey, it *Item, want modelValue) {
	k.t.Helper()
	if it.Type() != TypeHash {
		k.t.Fatalf("%d/%.20q is a %v, want a hash", key.db, key.key, it.Type())
	}
	h := k.v.DB(key.db).HashOf(it)
	if it.pos != (dict.Pos{}) { // else a walk shows it
		var err error
		if !k.try(func() { err = h.Purge(func() error { return nil }) }) {
			return // it is frozen, and has fields past their time
		}
		if err != nil {
			k.t.Fatal(err)
		}
	} else if h.Overdue() {
		return // as above: what a walk shows cannot be purged
	}
	if h.Len() != len(want.fields) {
		k.t.Fatalf("%d/%.20q has %d fields, want %d", key.db, key.key, h.Len(), len(want.fields))
	}
	for f, v := range want.fields {
		got, ok := h.Get([]byte(f))
		text := string(got.Bytes)
		if got.IsInt() {
			text = strconv.FormatInt(got.Int, 10)
		}
		if at, _ := h.Expiry([]byte(f)); !ok || text != v.value || at != v.expiry {
			k.t.Fatalf("%d/%.20q field %q is %q, expires at %d, want %+v", key.db, key.key, f, text, at, v)
		}
	}
}

// step runs one operation on both and compares the keys that it touched.
func (k *keyspace) step() {
	key, other := k.some(), k.some()
	db, name := k.v.DB(key.db), []byte(key.key)
	e, there := k.live(key)
	_, taken := k.live(other)
	switch op := k.operation(); op {
	case 0, 1, 2, 3:
		k.set(key, db, name, e)
	case 4:
		if k.try(func() { db.SetText(name, []byte("12"), NoExpiry) }) {
			k.model[key] = modelValue{text: "12"}
		}
	case 5, 6:
		if there && e.isString() {
			k.grow(key, db, name, e)
		}
	case 7:
		if it, ok := db.FindWrite(name); ok && e.isString() {
			if n, isInt := it.Int(); isInt {
				it.PutInt(n + 1)
				e.text = strconv.FormatInt(n+1, 10)
				k.model[key] = e
			}
		}
	case 8, 9, 10:
		if it, ok := db.FindWrite(name); ok {
			at := k.expiry()
			if k.try(func() { db.SetExpiry(&it, at) }) {
				e.expiry = at
				k.model[key] = e
			}
		}
	case 11:
		if db.Delete(name) != there {
			k.t.Fatalf("Delete of %.20q, there: %v", name, there)
		}
		delete(k.model, key)
	case 12, 13:
		if there && !taken && other != key {
			k.transfer(key, other, op == 12)
		}
	case 14, 15, 16, 17, 18:
		if !there || e.fields != nil {
			k.hash(key, db, e)
		}
	case 27, 28, 29, 30, 31:
		if !there || e.set != nil {
			k.changeSet(key, db, e)
		}
	case 36, 37, 38, 39, 40:
		if !there || e.list != nil {
			k.changeListKey(key, db, e)
		}
	case 41, 42, 43, 44, 45:
		if !there || e.stream != nil {
			k.changeStream(key, db, e)
		}
	case 48, 49, 50, 51, 52:
		if !there || e.array != nil {
			k.changeArray(key, db, e)
		}
	case 19:
		k.build(key, db, name, e)
	case 46, 47:
		k.attach(key, db, e)
	case 20, 21:
		k.try(func() { k.view(key) })
	case 22, 23:
		if n := len(k.views); n > 0 {
			k.release(k.rng.IntN(n))
		}
	case 24:
		k.freeze(db, name, e)
	case 25:
		if n := len(k.texts); n > 0 {
			k.read(k.rng.IntN(n))
		}
	case 26:
		k.evict()
	case 32, 33, 34, 35:
		if !there || e.scored != nil {
			k.zset(key, db, e)
		}
	default:
		k.v.NowMillis += k.rng.Int64N(30)
	}
	k.look(key)
	k.look(other)
}

func (k *keyspace) set(key modelKey, db *DB, name []byte, e modelValue) {
	text, at := k.text(), k.expiry()
	if k.rng.IntN(4) == 0 {
		at = KeepExpiry
	}
	if !k.try(func() { db.SetString(name, []byte(text), at) }) {
		return
	}
	if at == KeepExpiry {
		at = e.expiry
	}
	k.model[key] = modelValue{text: text, expiry: at}
	want := EncRaw
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		want = EncInt
	} else if len(text) <= maxEmbstr {
		want = EncEmbstr
	}
	if it, _ := db.Peek(name); it.Encoding() != want && at >= k.v.NowMillis {
		k.t.Fatalf("%.20q of %d bytes is %v", text, len(text), it.Encoding())
	}
}

// build makes a string of random length that repeats what the key holds, as BITOP may: the old value is read until the last
// byte of the new one is written.
func (k *keyspace) build(key modelKey, db *DB, name []byte, e modelValue) {
	old := e.text
	if old == "" || !e.isString() {
		old = "x"
	}
	n := 1 + k.rng.IntN(maxInline*2)
	if k.rng.IntN(3) == 0 {
		n = 1 + k.rng.IntN(buildStep*3)
	}
	want := strings.Repeat(old, n/len(old)+1)[:n]
	failure, fails := errors.New("enough"), k.rng.IntN(4) == 0
	it, ok := db.FindWrite(name)
	done := k.try(func() {
		err := db.BuildString(name, n, func(off int, piece []byte) error {
			if fails && off+len(piece) == n {
				return failure
			}
			for i := range piece {
				if at := (off + i) % len(old); ok && it.Type() == TypeString && e.text != "" {
					piece[i] = it.Slice(at, 1, nil)[0]
				} else {
					piece[i] = old[at]
				}
			}
			return nil
		})
		if fails != (err == failure) {
			k.t.Fatalf("BuildString gives %v", err)
		}
	})
	if done && !fails {
		k.model[key] = modelValue{text: want}
	}
}

func (k *keyspace) grow(key modelKey, db *DB, name []byte, e modelValue) {
	it, _ := db.FindWrite(name)
	n := k.rng.IntN(2*len(e.text) + 50)
	k.try(func() {
		db.WriteString(&it, n, []byte("Z"))
		e.text += string(make([]byte, max(n+1-len(e.text), 0)))
		e.text = e.text[:n] + "Z" + e.text[n+1:]
		k.model[key] = e
		if got := it.AppendText(nil); string(got) != e.text {
			k.t.Fatalf("WriteString at %d of %q gives %q", n, e.text, got)
		}
	})
}

func (k *keyspace) transfer(from, to modelKey, move bool) {
	e := k.model[from]
	source, target := k.v.DB(from.db), k.v.DB(to.db)
	tick := func() error { return nil }
	var err error
	done := k.try(func() {
		if move {
			err = source.Move([]byte(from.key), target, []byte(to.key), tick)
		} else {
			err = source.Copy([]byte(from.key), target, []byte(to.key), tick)
		}
	})
	if err != nil {
		k.t.Fatal(err)
	}
	if !done {
		return
	}
	if move {
		delete(k.model, from)
	} else if e.fields != nil {
		fields := map[string]modelField{}
		for f, v := range e.fields {
			fields[f] = v
		}
		e.fields = fields
	} else if e.set != nil {
		e.set = maps.Clone(e.set)
	}
	e.scored = slices.Clone(e.scored)
	k.model[to] = e
}

// housekeep runs housekeeping as often as it wants to be.
func (k *keyspace) housekeep() {
	for i := range k.s.shards {
		for rounds := 0; k.s.Due(i) <= k.v.NowMillis; rounds++ {
			if !k.s.TryLock(i) {
				k.t.Fatalf("shard %d is locked", i)
			}
			k.s.Housekeep(i, k.v.NowMillis, 1+k.rng.IntN(200))
			k.s.Unlock(i)
			if rounds > 100_000 {
				k.t.Fatal("housekeeping does not end")
			}
		}
		k.compact(i)
	}
}

// compact has a shard go on with walks that move its blocks, sparse or not.
func (k *keyspace) compact(shard int) {
	if !k.s.TryLock(shard) {
		k.t.Fatalf("shard %d is locked", shard)
	}
	defer k.s.Unlock(shard)
	sh := &k.s.shards[shard]
	for db := range sh.used {
		if t := sh.tables[db].Load(); t != nil {
			t.compaction.walking = k.rng.IntN(2) == 0
			for _, b := range t.bigs {
				b.compaction.walking = true
			}
		}
	}
	k.s.Compact(shard, 1+k.rng.IntN(300))
}

// check compares everything, and audits the memory.
func (k *keyspace) check() {
	k.t.Helper()
	k.readAll()
	for key := range k.model {
		k.look(key)
	}
	for n := range k.s.databases {
		seen := map[string]int{}
		db := k.v.DB(n)
		k.v.Walking = true
		for cursor := uint64(0); ; {
			next, err := db.Scan(cursor, 7, anyItem, func(it *Item) {
				key := modelKey{n, string(it.Key())}
				seen[key.key]++
				k.compare(key, it, k.model[key])
			})
			if err != nil {
				k.t.Fatal(err)
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
		k.v.Walking = false
		for key := range k.model {
			if key.db == n && seen[key.key] != 1 {
				k.t.Fatalf("SCAN has shown %d/%.20q %d times", n, key.key, seen[key.key])
			}
			if key.db == n {
				delete(seen, key.key)
			}
		}
		if len(seen) > 0 {
			k.t.Fatalf("SCAN has shown %d keys that are not there", len(seen))
		}
	}
	for _, v := range k.views {
		k.compareView(v)
	}
	k.housekeep() // looking at hashes may have left something to be freed
	k.audit()
}

// audit adds up what all records own and compares it with the heaps.
func (k *keyspace) audit() {
	k.t.Helper()
	k.housekeep() // a key that was found dead may have left a big value
	var all int64
	for i := range k.s.shards {
		sh := &k.s.shards[i]
		for n := range sh.tables {
			if t := sh.tables[n].Load(); t != nil {
				all += k.auditTable(sh, t)
			}
		}
		k.s.Settle(i)
	}
	seen := map[*big]bool{} // condemned but read
	for _, v := range k.views {
		if b := v.f.at.b; b.owner == nil && !seen[b] {
			seen[b] = true
			all += b.heap.Live()
		}
	}
	if k.s.Used() != all {
		k.t.Fatalf("Used is %d, all live blocks are %d", k.s.Used(), all)
	}
}

func (k *keyspace) auditTable(sh *Shard, t *table) int64 {
	k.t.Helper()
	sum, expires, timed, bigSum := t.keys.Bytes()+t.expiry.Bytes(), 0, 0, int64(0)
	t.keys.Each(func(e mem.Ref) bool {
		rec := record{t.heap.Pointer(e)}
		sum += int64(mem.Usable(rec.size()))
		o := t.owns(rec)
		if o.block.ref != 0 {
			sum += int64(mem.Usable(o.block.size))
		}
		if o.big != nil {
			bigSum += k.auditBig(o.big, rec)
		} else {
			sum += k.auditBody(o.roots.body(o.enc, t.heap), o.times)
		}
		if rec.has(hasExpiry) {
			expires++
		}
		if t.leastTime(rec) != 0 {
			timed++
		}
		return true
	})
	for _, c := range sh.lazy {
		if c.heap == t.heap {
			k.t.Fatal("audit needs lazy freeing to be done")
		}
	}
	if sum != t.heap.Live() || expires != t.expires || timed != t.timed {
		k.t.Fatalf("%d bytes are accounted for, %d live; %d keys expire, %d counted; %d hashes are timed, %d counted",
			sum, t.heap.Live(), expires, t.expires, timed, t.timed)
	}
	if n := t.expiry.Len(); n > 2*(t.expires+t.timed)+t.keys.Len()/reindexShare+reindexSlack+1 {
		k.t.Fatalf("%d entries for %d keys that expire", n, t.expires)
	}
	return sum + bigSum
}

// auditBody gives the bytes that a value of many blocks takes.
func (k *keyspace) auditBody(v body, times fieldTimes) (sum int64) {
	k.t.Helper()
	if err := v.leaves().Check(); err != nil {
		k.t.Fatal(err)
	}
	sum = v.leaves().Bytes()
	v.leaves().Each(func(leaf mem.Ref, _ int) bool {
		sum += int64(mem.Usable(v.enc.leafKind().size(v.heap, leaf)))
		return true
	})
	if v.enc == EncSkiplist {
		checkSorted(k.t, sorted{body: v})
	}
	v.eachPart(func(p streamPart) bool {
		size, err := p.size(v, 0, neverEnds)
		if err != nil {
			k.t.Fatal(err)
		}
		sum += size
		return true
	})
	return sum + k.auditFields(v.heap, v.table, times)
}

// auditFields gives the bytes that a table of fields takes.
func (k *keyspace) auditFields(heap *mem.Heap, root *dict.Root, times fieldTimes) (sum int64) {
	k.t.Helper()
	t := dict.Table{Heap: heap, Root: root, Key: fieldKey}
	if err := t.Check(); err != nil {
		k.t.Fatal(err)
	}
	left := fieldTimes{}
	t.Each(func(e mem.Ref) bool {
		sum += int64(mem.Usable(elementAt(heap, e).size))
		left.count(0, fieldTime(heap, e))
		return true
	})
	if x := times.fieldIndex(heap); x != nil {
		sum += int64(mem.Usable(indexSize)) + x.Bytes()
		if n := x.Len(); n < int(left.n) || n > 2*int(left.n)+t.Len()/reindexShare+indexSlack+1 {
			k.t.Fatalf("%d entries for %d fields that expire", n, left.n)
		}
	}
	if left.n != times.n || left.n > 0 && (times.least > left.least || times.latest < left.latest) {
		k.t.Fatalf("times of fields are %+v, the record says %+v", left, times)
	}
	return sum + t.Bytes()
}

// auditBig is auditFields for a big value, which may have more that views still see.
func (k *keyspace) auditBig(b *big, rec record) int64 {
	k.t.Helper()
	if rec.typ() == TypeString {
		return b.heap.Live()
	}
	times := fieldTimes{}
	if ft := rec.times(); ft != nil {
		times = *ft
	}
	live := b.heap.Live()
	if sum := k.auditBody(b.body(), times); sum > live || sum < live && b.moments == 0 {
		k.t.Fatalf("a big value of %d bytes has %d live, frozen at %d moments", sum, live, b.moments)
	}
	return live
}

// flush empties one database or all.
func (k *keyspace) flush(db int) {
	k.v.Flush(db)
	for key := range k.model {
		if db < 0 || key.db == db {
			delete(k.model, key)
		}
	}
}

// deleteAll deletes one key after the other, ends all views, and looks whether anything stays behind but empty indexes.
func (k *keyspace) deleteAll() {
	k.t.Helper()
	for db := range k.s.databases {
		for _, key := range k.keys {
			k.v.DB(db).Delete([]byte(key))
			delete(k.model, modelKey{db, key})
		}
	}
	k.releaseAll()
	k.v.NowMillis += 1 << 42 // the indexes have nothing left for later
	k.housekeep()
	k.check()
	var indexes int64
	for i := range k.s.shards {
		sh := &k.s.shards[i]
		for n := range sh.tables {
			t := sh.tables[n].Load()
			if t == nil {
				continue
			}
			if t.keys.Len() > 0 || t.keys.Bytes() > 0 || len(t.bigs) > 0 || t.expires != 0 || t.timed != 0 {
				k.t.Errorf("%d keys in %d bytes, %d big values", t.keys.Len(), t.keys.Bytes(), len(t.bigs))
			}
			indexes += t.expiry.Bytes()
		}
		if len(sh.lazy)+len(sh.sweeping)+len(sh.unsettled)+len(sh.releases.list) > 0 {
			k.t.Errorf("shard %d has something to do", i)
		}
	}
	if used := k.s.Used(); used != indexes || k.s.Going() != 0 || k.s.LazyPending() != 0 || k.s.FrozenViews() != 0 {
		k.t.Errorf("%d bytes are used, %d by indexes; %d in %d values are being freed; %d views",
			used, indexes, k.s.Going(), k.s.LazyPending(), k.s.FrozenViews())
	}
	if r := &k.s.bigs; len(r.free) != int(r.next) {
		k.t.Errorf("%d of %d numbers of big values are free", len(r.free), r.next)
	}
}

// swap has two databases change their keys.
func (k *keyspace) swap(a, b int) {
	k.v.Swap(a, b)
	swapped := map[modelKey]modelValue{}
	for key, value := range k.model {
		switch key.db {
		case a:
			key.db = b
		case b:
			key.db = a
		}
		swapped[key] = value
	}
	k.model = swapped
}

// steps gives the length of a test, shorter when asked for, as under the race detector.
func steps(n int) int {
	if testing.Short() {
		return n / 5
	}
	return n
}

func TestKeyspace(t *testing.T) {
	for _, shards := range []int{1, 4, 256} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			k := newKeyspace(t, 11, shards, 1<<30)
			for i := range steps(7000) {
				k.step()
				switch {
				case i%700 == 699:
					k.swap(k.rng.IntN(3), k.rng.IntN(3))
					k.check()
				case i%3000 == 2999:
					k.flush(k.rng.IntN(3))
					k.check()
				case i%500 == 0:
					k.housekeep()
					k.check()
				case i%20 == 0:
					k.housekeep()
				}
			}
			k.housekeep()
			k.check()
			k.deleteAll()
			k.flush(-1)
			k.check()
			if k.s.Used() != 0 || k.s.arena.Stats().InUse != 0 {
				t.Errorf("after FLUSHALL %d bytes are used, %d held", k.s.Used(), k.s.arena.Stats().InUse)
			}
		})
	}
}

// TestOutOfMemory: whatever allocation is refused, its operation has changed nothing, and housekeeping goes on.
func TestOutOfMemory(t *testing.T) {
	for seed := range uint64(3) {
		k := newKeyspace(t, seed, 4, 600<<10)
		k.tight = true
		const refusals = 30 // how soon they come depends on the seed of the hash
		for i := 0; i < steps(4000) || k.denied < refusals && i < 10*steps(4000); i++ {
			k.step()
			if i%20 == 0 {
				k.housekeep()
			}
			if i%200 == 0 {
				k.check()
			}
		}
		k.housekeep()
		k.check()
		if k.denied < refusals {
			t.Errorf("only %d operations were refused", k.denied)
		}
		k.releaseAll()
		k.flush(-1)
		k.check()
		if k.s.Used() != 0 {
			t.Errorf("%d bytes are used by nothing", k.s.Used())
		}
	}
}
