// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"testing"
	"time"
)

// deaths counts what a store says of what died.
type deaths struct{ keys, fields int }

// newTimedDB makes a database of a store of its own with one shard, whose clock stands at 1,000,000, and counts deaths.
func newTimedDB(t testing.TB) (*DB, *deaths) {
	t.Helper()
	db := newHashDB(t, 1<<30)
	died := &deaths{}
	db.s = New(Options{
		Arena: db.s.arena, Shards: 1, Databases: 1,
		OnExpire:      func(int, []byte, bool) { died.keys++ },
		OnExpireField: func(int, []byte, []byte) { died.fields++ },
	})
	v := db.s.NewView()
	v.NowMillis = 1_000_000
	return v.DB(0), died
}

// fill sets fields f0 … of a hash to expire at that time, or never with 0.
func fill(t testing.TB, db *DB, key string, n int, at int64) {
	t.Helper()
	h := hashForWrite(t, db, key)
	for i := range n {
		h.SetOne(fmt.Appendf(nil, "f%d", i), []byte("value"), at)
	}
}

func lengthOf(t testing.TB, db *DB, key string) int {
	t.Helper()
	h, err := db.FindHash([]byte(key))
	if err == nil {
		err = h.Purge(func() error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	return h.Len()
}

// sizes are numbers of fields of a packed hash, a table, and a table with an index.
var sizes = [...]int{5, 200, 3000}

// TestFieldsDieOnTime: housekeeping removes fields when they are due, and not before.
func TestFieldsDieOnTime(t *testing.T) {
	for _, n := range sizes {
		db, died := newTimedDB(t)
		start := db.Now()
		h := hashForWrite(t, db, "h")
		h.SetOne([]byte("stays"), []byte("v"), NoExpiry)
		for i := range n {
			h.SetOne(fmt.Appendf(nil, "f%d", i), []byte("value"), start+int64(10*i)+1)
		}
		for i := range n {
			db.v.NowMillis = start + int64(10*i) + 1
			housekeepAll(db.v)
			if died.fields != i {
				t.Fatalf("of %d: %d have died by their own millisecond, want %d", n, died.fields, i)
			}
			db.v.NowMillis += 6 // the index of keys is some ms late
			if housekeepAll(db.v); died.fields != i+1 {
				t.Fatalf("of %d: %d have died, want %d", n, died.fields, i+1)
			}
		}
		if got := db.s.ExpiredFields(); got != int64(n) || lengthOf(t, db, "h") != 1 {
			t.Errorf("of %d: ExpiredFields is %d, %d are left", n, got, lengthOf(t, db, "h"))
		}
		if tab := db.s.shards[0].tables[0].Load(); tab.timed != 0 || db.s.Due(0) < start+100_000 && tab.expiry.Len() > 0 {
			t.Errorf("of %d: %d hashes are timed, %d entries are left", n, tab.timed, tab.expiry.Len())
		}
	}
}

// TestFieldsAreGoneAtTheirTime: no read shows a field past its time, whoever has removed it or not.
func TestFieldsAreGoneAtTheirTime(t *testing.T) {
	for _, n := range sizes {
		db, died := newTimedDB(t)
		start := db.Now()
		db.s.Settings.LazyExpire.Store(true)
		fill(t, db, "h", n, start+5)
		hashForWrite(t, db, "h").SetOne([]byte("stays"), []byte("v"), NoExpiry)
		if db.v.NowMillis = start + 5; lengthOf(t, db, "h") != n+1 {
			t.Errorf("of %d: %d in their last millisecond", n, lengthOf(t, db, "h"))
		}
		db.v.NowMillis++
		h := hashForWrite(t, db, "h")
		for i := range n {
			if _, ok := h.Get(fmt.Appendf(nil, "f%d", i)); ok {
				t.Fatalf("of %d: f%d is there", n, i)
			}
		}
		if h.SetExpiry([]byte("f1"), start+1000) || h.Delete([]byte("f2")) {
			t.Errorf("of %d: a dead field was found", n)
		}
		seen := 0
		count := func(Pair) bool { seen++; return true }
		h.Each(count)
		for cursor := uint64(1); cursor != 0; {
			if cursor == 1 {
				cursor = 0
			}
			cursor = h.Scan(cursor, 10, func(p Pair) { count(p) })
		}
		h.Draw(3, count)
		if seen != 5 || string(h.Random().Field.Bytes) != "stays" {
			t.Errorf("of %d: %d live fields were shown, want 1 by Each, 1 by Scan, 3 by Draw", n, seen)
		}
		if !h.SetOne([]byte("f3"), []byte("again"), KeepExpiry) {
			t.Errorf("of %d: a field set again after its death is not new", n)
		}
		if at, ok := h.Expiry([]byte("f3")); !ok || at != NoExpiry {
			t.Errorf("of %d: it expires at %d", n, at)
		}
		if lengthOf(t, db, "h") != 2 || died.fields < n-1 {
			t.Errorf("of %d: %d are left, %d died", n, lengthOf(t, db, "h"), died.fields)
		}
	}
}

// TestDeadHashIsGone: a hash all of whose fields have died is no key, to no command.
func TestDeadHashIsGone(t *testing.T) {
	for _, keep := range []bool{false, true} {
		for _, n := range sizes {
			db, died := newTimedDB(t)
			db.s.Settings.LazyExpire.Store(true)
			fill(t, db, "h", n, db.Now()+5)
			db.v.NowMillis += 6
			db.v.KeepDead = keep
			if err := db.Each(func(it *Item) error { t.Errorf("%d fields: Each shows the key", n); return nil }); err != nil {
				t.Fatal(err)
			}
			if _, ok := db.Random(); ok || db.Exists([]byte("h")) || lengthOf(t, db, "h") != 0 {
				t.Errorf("%d fields, all dead: the key is there", n)
			}
			keys, _, _ := db.Counts()
			if !keep && (keys != 0 || db.s.ExpiredFields() != int64(n) || died.keys == 0 && died.fields != n) {
				t.Errorf("%d keys are left; %d of %d fields were counted, %+v", keys, db.s.ExpiredFields(), n, died)
			}
			if keep && (keys != 1 || *died != deaths{}) {
				t.Errorf("dead keys are to be kept: %d are, %+v", keys, died)
			}
		}
	}
}

// TestKeepDead: while dead keys are kept, dead fields are, and nobody sees them.
func TestKeepDead(t *testing.T) {
	for _, n := range sizes {
		db, died := newTimedDB(t)
		fill(t, db, "h", n, db.Now()+5)
		hashForWrite(t, db, "h").SetOne([]byte("stays"), []byte("v"), NoExpiry)
		db.v.NowMillis += 6
		db.v.KeepDead = true
		h := hashForWrite(t, db, "h")
		if _, ok := h.Get([]byte("f1")); ok || lengthOf(t, db, "h") != 1 || string(h.Random().Field.Bytes) != "stays" {
			t.Errorf("of %d: dead fields are seen", n)
		}
		h.Sample(1, func(p Pair) bool {
			if string(p.Field.Bytes) != "stays" {
				t.Errorf("of %d: %s was drawn", n, p.Field.Bytes)
			}
			return true
		})
		if died.fields != 0 {
			t.Errorf("of %d: %d were removed", n, died.fields)
		}
		db.v.KeepDead = false
		if lengthOf(t, db, "h") != 1 || died.fields != n {
			t.Errorf("of %d: %d died afterwards", n, died.fields)
		}
	}
}

// TestReapingIsBounded: very many fields that are due in one instant do not hold their shard long.
func TestReapingIsBounded(t *testing.T) {
	const n, most = 200_000, 64
	db, died := newTimedDB(t)
	fill(t, db, "h", n, db.Now()+5)
	hashForWrite(t, db, "h").SetOne([]byte("stays"), []byte("v"), NoExpiry)
	db.v.NowMillis += 10
	if hashForWrite(t, db, "h"); died.fields > 2*reapMost {
		t.Errorf("looking the key up has removed %d fields", died.fields)
	}
	for rounds := 0; db.s.Due(0) <= db.Now(); rounds++ {
		before := died.fields
		if db.s.Housekeep(0, db.Now(), most); died.fields-before > 3*most {
			t.Fatalf("%d fields at one go", died.fields-before)
		}
		if rounds > n {
			t.Fatal("no end")
		}
	}
	if died.fields != n || lengthOf(t, db, "h") != 1 {
		t.Errorf("%d of %d have died", died.fields, n)
	}

	fill(t, db, "all", n, db.Now()+5)
	db.v.NowMillis += 10
	*died = deaths{}
	db.s.Housekeep(0, db.Now(), most)
	if *died != (deaths{keys: 1}) || db.Exists([]byte("all")) {
		t.Errorf("a hash that has died whole: %+v", died)
	}
}

// TestFieldsWhenClockIsSetBack: what is added afterwards comes due at its time.
func TestFieldsWhenClockIsSetBack(t *testing.T) {
	db, _ := newTimedDB(t)
	const hour = 3_600_000
	fill(t, db, "h", 2000, NoExpiry)
	h := hashForWrite(t, db, "h")
	for i := range 1000 {
		h.SetExpiry(fmt.Appendf(nil, "f%d", i), db.Now()+int64(i))
	}
	db.v.NowMillis += 2 * hour
	housekeepAll(db.v)
	h = hashForWrite(t, db, "h")
	h.SetExpiry([]byte("f1001"), db.Now()+10*hour)
	db.v.NowMillis -= hour
	h = hashForWrite(t, db, "h")
	h.SetExpiry([]byte("f1000"), db.Now()+10)
	db.v.NowMillis += 11
	if _, ok := hashForWrite(t, db, "h").Get([]byte("f1000")); ok || lengthOf(t, db, "h") != 999 {
		t.Errorf("there: %v, %d fields", ok, lengthOf(t, db, "h"))
	}
	db.v.NowMillis += 11 * hour
	housekeepAll(db.v)
	if n := lengthOf(t, db, "h"); n != 998 {
		t.Errorf("%d fields, want 998", n)
	}
}

// TestPurgeIsInterrupted: what is left goes later.
func TestPurgeIsInterrupted(t *testing.T) {
	db, died := newTimedDB(t)
	fill(t, db, "h", 5000, db.Now()+5)
	hashForWrite(t, db, "h").SetOne([]byte("stays"), []byte("v"), NoExpiry)
	db.v.NowMillis += 6
	h := hashForWrite(t, db, "h")
	if err := h.Purge(func() error { return errStop }); err != errStop || died.fields > reapMost+2*tickEvery {
		t.Errorf("error %v after %d fields", err, died.fields)
	}
	if lengthOf(t, db, "h") != 1 {
		t.Errorf("%d fields are left", lengthOf(t, db, "h"))
	}
}

// TestTimedBytes: a field that expires costs its time, and others next to nothing.
func TestTimedBytes(t *testing.T) {
	cost := func(timed int, at int64) int64 {
		db, _ := newTimedDB(t)
		const n = 1000
		var texts [][]byte
		for i := range 10 {
			texts = append(texts, fmt.Appendf(nil, "field%d", i), []byte("value678"))
		}
		base := live(db)
		for i := range n {
			h := hashForWrite(t, db, fmt.Sprintf("session:%08d", i))
			h.Set(texts, NoExpiry)
			for j := range timed {
				h.SetExpiry(texts[2*j], at+int64(i))
			}
		}
		tab := db.s.shards[0].tables[0].Load()
		return (live(db) - base - tab.expiry.Bytes()) / n
	}
	at := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	plain, one, all := cost(0, at), cost(1, at), cost(10, at)
	t.Logf("a hash of ten fields: %d bytes; with one that expires %d, with ten %d", plain, one, all)
	if one > plain+32 || all > plain+100 {
		t.Errorf("%d bytes without expiry, %d with one, %d with ten", plain, one, all)
	}
}

// TestViewAndLengthAgree: a view shows as many fields as Len tells, though a clock that was set back a little lets some fields
// stay past their time: a reply has said how many fields are to come.
func TestViewAndLengthAgree(t *testing.T) {
	db, _ := newTimedDB(t)
	const fields = 20_000
	fill(t, db, "h", fields, NoExpiry)
	h := hashForWrite(t, db, "h")
	for i := range 1000 {
		h.SetExpiry(fmt.Appendf(nil, "f%d", i), db.Now()+int64(i)+1)
	}
	db.v.NowMillis += 5000
	housekeepAll(db.v)
	h = hashForWrite(t, db, "h")
	h.SetExpiry([]byte("f1001"), db.Now()+1_000_000)
	db.v.NowMillis -= 500
	h = hashForWrite(t, db, "h")
	h.SetExpiry([]byte("f1002"), db.Now()+100)
	for range 10 {
		db.v.NowMillis += 60
		want := lengthOf(t, db, "h")
		h = hashForWrite(t, db, "h")
		if !h.IsBig() {
			t.Fatal("the hash is not big")
		}
		view, seen := h.Freeze(), 0
		walk := view.Fields()
		for _, ok := walk.Next(); ok; _, ok = walk.Next() {
			seen++
		}
		view.Release()
		if seen != want {
			t.Errorf("%d ms later: a view shows %d fields of %d", db.v.NowMillis-1_004_500, seen, want)
		}
	}
}
