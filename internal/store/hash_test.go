// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// newHashDB makes a database of a store of its own, whose memory is checked for leaks once the test has emptied it.
func newHashDB(t testing.TB, reserve int64) *DB {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	s := New(Options{Arena: arena, Shards: 2, Databases: 1})
	v := s.NewView()
	v.NowMillis = 1_000_000
	return v.DB(0)
}

// live gives the bytes of all blocks in use, once lazy freeing has come to its end.
func live(db *DB) (n int64) {
	for i := range db.s.shards {
		sh := &db.s.shards[i]
		for db.s.freeLazily(sh, 1000) {
		}
		if t := sh.tables[0].Load(); t != nil {
			n += t.heap.Live()
		}
	}
	return n
}

func hashForWrite(t testing.TB, db *DB, key string) *Hash {
	t.Helper()
	h, err := db.FindHashWrite([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return &h
}

// hashModel is what a hash must be: its fields in the order in which they came.
type hashModel struct {
	fields []string
	values map[string]string
	table  bool
}

func (m *hashModel) set(field, value string) (created bool) {
	if _, ok := m.values[field]; !ok {
		m.fields = append(m.fields, field)
		created = true
	}
	m.values[field] = value
	return created
}

func (m *hashModel) delete(field string) bool {
	if _, ok := m.values[field]; !ok {
		return false
	}
	delete(m.values, field)
	m.fields = slices.DeleteFunc(m.fields, func(f string) bool { return f == field })
	return true
}

// check compares a hash as it is read with its model.
func (m *hashModel) check(t testing.TB, db *DB, key string) {
	t.Helper()
	h, err := db.FindHash([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	if h.Len() != len(m.fields) {
		t.Fatalf("%q: %d fields, want %d", key, h.Len(), len(m.fields))
	}
	if db.Exists([]byte(key)) != (len(m.fields) > 0) {
		t.Fatalf("%q: a key with %d fields", key, len(m.fields))
	}
	var fields []string
	h.Each(func(p Pair) bool {
		field := string(Text(p.Field, nil))
		fields = append(fields, field)
		if got, want := string(Text(p.Value, nil)), m.values[field]; got != want {
			t.Fatalf("%q: %q has value %q, want %q", key, field, got, want)
		}
		return true
	})
	want := slices.Clone(m.fields)
	if h.it.ref != 0 && h.isTable() != m.table {
		t.Fatalf("%q: table: %v, want %v", key, h.isTable(), m.table)
	}
	if m.table {
		slices.Sort(fields)
		slices.Sort(want)
	}
	if !slices.Equal(fields, want) {
		t.Fatalf("%q: fields %q, want %q", key, fields, want)
	}
	for _, field := range m.fields {
		v, ok := h.Get([]byte(field))
		if !ok || string(Text(v, nil)) != m.values[field] || v.Len() != len(m.values[field]) {
			t.Fatalf("%q: Get(%q) = %q, %v; want %q", key, field, Text(v, nil), ok, m.values[field])
		}
	}
	if _, ok := h.Get([]byte("no such field")); ok {
		t.Fatal("found what is not there")
	}
}

// limits are settings under which the model is compared.
type limits struct{ entries, value int }

// randomText gives numbers, short and long texts, and often the same again.
func randomText(r *rand.Rand, long int) string {
	switch r.IntN(6) {
	case 0:
		return strconv.Itoa(r.IntN(40) - 20)
	case 1:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case 2:
		return fmt.Sprintf("%0*d", 1+r.IntN(4), r.IntN(30))
	case 3:
		return strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(long+1))
	case 4:
		return string([]byte{byte(r.Uint32()), byte(r.Uint32())})
	}
	return "field" + strconv.Itoa(r.IntN(60))
}

func TestHashAgainstModel(t *testing.T) {
	for name, lim := range map[string]limits{
		"default": {128, 64}, "small": {4, 64}, "short": {128, 8}, "none": {0, 64}, "blocks": {600, 3000}, "table": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				randomHashes(t, lim, rand.New(rand.NewPCG(seed, 1)))
			}
		})
	}
}

func randomHashes(t *testing.T, lim limits, r *rand.Rand) {
	db := newHashDB(t, 0)
	db.Settings().HashMaxListpackEntries.Store(int64(lim.entries))
	db.Settings().HashMaxListpackValue.Store(int64(lim.value))
	keys := []string{"a", "hash:0001", strings.Repeat("k", 300), ""}
	models := map[string]*hashModel{}
	for _, k := range keys {
		models[k] = &hashModel{values: map[string]string{}}
	}
	expires := r.IntN(2) == 0 // the index of expiries keeps some memory, so that leaks show without it only
	long := min(lim.value+lim.value/8, 5000)
	if r.IntN(2) == 0 {
		long = lim.value // never too long
	}
	for step := range 1500 {
		key := keys[r.IntN(len(keys))]
		m := models[key]
		switch r.IntN(12) {
		case 0, 1, 2, 3, 4, 5:
			modelSet(t, db, key, m, lim, r, long, 1)
		case 6:
			modelSet(t, db, key, m, lim, r, long, 1+r.IntN(12))
		case 7:
			if it, ok := db.FindWrite([]byte(key)); ok && expires {
				db.SetExpiry(&it, []int64{NoExpiry, 2_000_000}[r.IntN(2)])
			}
		case 8:
			if r.IntN(20) == 0 && db.Delete([]byte(key)) {
				*m = hashModel{values: map[string]string{}}
			}
		default:
			field := randomText(r, long)
			if n := len(m.fields); n > 0 && r.IntN(3) > 0 {
				field = m.fields[r.IntN(n)]
			}
			h := hashForWrite(t, db, key)
			if got, want := h.Delete([]byte(field)), m.delete(field); got != want {
				t.Fatalf("Delete(%q) = %v, want %v", field, got, want)
			}
			if len(m.fields) == 0 {
				m.table = false
			}
		}
		if step%10 == 0 {
			m.check(t, db, key)
		}
	}
	for _, key := range keys {
		models[key].check(t, db, key)
		db.Delete([]byte(key))
	}
	if n := live(db); n != 0 && !expires {
		t.Errorf("%d bytes are left", n)
	}
}

func modelSet(t *testing.T, db *DB, key string, m *hashModel, lim limits, r *rand.Rand, long, n int) {
	t.Helper()
	var pairs [][]byte
	created := 0
	for range n {
		field, value := randomText(r, long), randomText(r, long)
		if k := len(m.fields); k > 0 && r.IntN(3) == 0 {
			field = m.fields[r.IntN(k)]
		}
		pairs = append(pairs, []byte(field), []byte(value))
		if len(field) > lim.value || len(value) > lim.value {
			m.table = true
		}
		if m.set(field, value) {
			created++
		}
		if len(m.fields) > lim.entries {
			m.table = true
		}
	}
	if got := hashForWrite(t, db, key).Set(pairs, NoExpiry); got != created {
		t.Fatalf("Set(%q) = %d, want %d", pairs, got, created)
	}
	for _, p := range pairs { // the arguments are the client's
		for i := range p {
			p[i] = '#'
		}
	}
}

func TestHashConversion(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, tc := range []struct {
		name   string
		before []string
		set    []string
		table  bool
	}{
		{"value at the limit", nil, []string{"f", long[1:]}, false},
		{"value too long", nil, []string{"f", long}, true},
		{"field too long", nil, []string{long, "v"}, true},
		{"of an existing field", []string{"f", "v"}, []string{"f", long}, true},
		{"second of several", []string{"f", "v"}, []string{"a", "b", "c", long}, true},
		{"as many as may be", []string{"a", "1", "b", "1"}, []string{"c", "1", "d", "1"}, false},
		{"one too many", []string{"a", "1", "b", "1"}, []string{"c", "1", "d", "1", "e", "1"}, true},
		{"too many at once", nil, []string{"a", "1", "b", "1", "c", "1", "d", "1", "e", "1"}, true},
		{"many, but repeated", nil, []string{"a", "1", "b", "1", "c", "1", "d", "1", "a", "2"}, false},
	} {
		db := newHashDB(t, 0)
		db.Settings().HashMaxListpackEntries.Store(4)
		m := hashModel{values: map[string]string{}, table: tc.table}
		for _, texts := range [][]string{tc.before, tc.set} {
			var pairs [][]byte
			for i := 0; i < len(texts); i += 2 {
				pairs = append(pairs, []byte(texts[i]), []byte(texts[i+1]))
				m.set(texts[i], texts[i+1])
			}
			if len(pairs) > 0 {
				hashForWrite(t, db, "k").Set(pairs, NoExpiry)
			}
		}
		t.Run(tc.name, func(t *testing.T) { m.check(t, db, "k") })
	}
}

// TestHashLarge makes hashes at once that lie in a block, lets them grow into one, and shrinks them.
func TestHashLarge(t *testing.T) {
	db := newHashDB(t, 0)
	db.Settings().HashMaxListpackValue.Store(40_000)
	for _, n := range []int{1000, 6000, 9000} {
		m := hashModel{values: map[string]string{}}
		var texts [][]byte
		for i := range 4 {
			texts = append(texts, fmt.Appendf(nil, "f%d", i), bytes.Repeat([]byte{byte('a' + i)}, n+i))
			m.set(string(texts[2*i]), string(texts[2*i+1]))
		}
		hashForWrite(t, db, "k").Set(texts, NoExpiry)
		m.check(t, db, "k")
		for i, size := range []int{n + 100, 10 * n / 3, 1, 8000} {
			field, value := string(texts[2*i]), strings.Repeat("x", size)
			m.set(field, value)
			hashForWrite(t, db, "k").SetOne([]byte(field), []byte(value), NoExpiry)
			m.check(t, db, "k")
		}
		for i := range 4 {
			m.delete(string(texts[2*i]))
			hashForWrite(t, db, "k").Delete(texts[2*i])
			m.check(t, db, "k")
		}
		if n := live(db); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	}
}

// TestHashLimitLowered: an existing field's new value is enough for a listpack to become what the settings want now.
func TestHashLimitLowered(t *testing.T) {
	db := newHashDB(t, 0)
	h := hashForWrite(t, db, "k")
	h.Set([][]byte{[]byte("a"), []byte("1"), []byte("b"), []byte("2")}, NoExpiry)
	db.Settings().HashMaxListpackEntries.Store(1)
	h.SetOne([]byte("a"), []byte("3"), NoExpiry)
	m := hashModel{fields: []string{"a", "b"}, values: map[string]string{"a": "3", "b": "2"}, table: true}
	m.check(t, db, "k")
}

// TestHashBytes: a packed hash depends on what its fields were set to last and in what order they came first, on nothing
// else.
func TestHashBytes(t *testing.T) {
	db := newHashDB(t, 0)
	texts := [][]byte{[]byte("field0"), []byte("100"), []byte("1"), []byte("-70000"), {}, []byte("007")}
	want := "\x03\x00\x63field0100\x1f1\xfa\x90\xee\xfe\x03007"
	h := hashForWrite(t, db, "at once")
	h.Set(texts, NoExpiry)
	if got := string(h.it.Blob()); got != want {
		t.Errorf("at once: %q, want %q", got, want)
	}
	h = hashForWrite(t, db, "one by one")
	h.SetOne([]byte("gone"), []byte("x"), NoExpiry)
	h.SetOne(texts[0], []byte("another value"), NoExpiry)
	for i := 0; i < len(texts); i += 2 {
		h.SetOne(texts[i], texts[i+1], NoExpiry)
	}
	h.Delete([]byte("gone"))
	if got := string(h.it.Blob()); got != want {
		t.Errorf("one by one: %q, want %q", got, want)
	}
}

// TestHashOutOfMemory fills a small arena: whatever is refused leaves everything as it was.
func TestHashOutOfMemory(t *testing.T) {
	for name, value := range map[string]int{"packed": 40, "tables": 70, "large": 3000} {
		t.Run(name, func(t *testing.T) {
			db := newHashDB(t, 1<<20)
			r := rand.New(rand.NewPCG(7, uint64(value)))
			models := map[string]*hashModel{}
			refused := 0
			for i := range 200 { // now, while there is memory for keys
				key := "key" + strconv.Itoa(i)
				models[key] = &hashModel{values: map[string]string{}}
				models[key].set("first", "1")
				hashForWrite(t, db, key).SetOne([]byte("first"), []byte("1"), NoExpiry)
			}
			for step := 0; step < 200_000 && refused < 100; step++ {
				key := "key" + strconv.Itoa(r.IntN(200))
				m := models[key]
				field, text := "f"+strconv.Itoa(r.IntN(300)), strings.Repeat("v", r.IntN(value))
				created, ok := trySet(t, db, key, field, text)
				if !ok {
					refused++
					m.table = hashForWrite(t, db, key).isTable() // a conversion may have come first
					m.check(t, db, key)
					continue
				}
				if m.set(field, text) != created {
					t.Fatal("created?")
				}
				m.table = hashForWrite(t, db, key).isTable()
			}
			if refused == 0 {
				t.Fatal("memory was never refused")
			}
			for key, m := range models {
				m.check(t, db, key)
				for _, field := range slices.Clone(m.fields) {
					hashForWrite(t, db, key).Delete([]byte(field))
				}
			}
			if n := live(db); n != 0 {
				t.Errorf("%d bytes are left", n)
			}
		})
	}
}

func trySet(t *testing.T, db *DB, key, field, value string) (created, ok bool) {
	defer func() {
		if p := recover(); p != nil && p != error(mem.ErrNoMemory) {
			panic(p)
		}
	}()
	created = hashForWrite(t, db, key).SetOne([]byte(field), []byte(value), NoExpiry)
	return created, true
}

func TestHashScan(t *testing.T) {
	for _, entries := range []int64{0, 1000} {
		db := newHashDB(t, 0)
		db.Settings().HashMaxListpackEntries.Store(entries)
		h := hashForWrite(t, db, "k")
		for i := range 500 {
			h.SetOne(fmt.Appendf(nil, "stays%d", i), []byte("v"), NoExpiry)
		}
		seen := map[string]bool{}
		cursor, calls := uint64(0), 0
		for {
			n := 0
			cursor = h.Scan(cursor, 10, func(p Pair) {
				n++
				seen[string(p.Field.Bytes)] = true
			})
			if entries == 0 && n > 40 {
				t.Errorf("%d fields in one call", n)
			}
			h.SetOne(fmt.Appendf(nil, "comes%d", calls), []byte("v"), NoExpiry)
			h.Delete(fmt.Appendf(nil, "comes%d", calls-20))
			if calls++; cursor == 0 {
				break
			}
		}
		for i := range 500 {
			if !seen[fmt.Sprintf("stays%d", i)] {
				t.Fatalf("stays%d was not shown", i)
			}
		}
		if (entries == 0) != (calls > 1) {
			t.Errorf("%d calls", calls)
		}
	}
	h := Hash{}
	if next := h.Scan(5, 10, func(Pair) { t.Error("a field of nothing") }); next != 0 {
		t.Error(next)
	}
}

func TestHashRandom(t *testing.T) {
	const fields, rounds = 30, 6000
	for _, entries := range []int64{0, 1000} {
		db := newHashDB(t, 0)
		db.Settings().HashMaxListpackEntries.Store(entries)
		h := hashForWrite(t, db, "k")
		for i := range fields {
			h.SetOne(fmt.Appendf(nil, "%d", i), fmt.Appendf(nil, "v%d", i), NoExpiry)
		}
		even := func(what string, times map[string]int, want int) {
			t.Helper()
			for i := range fields {
				if n := times[strconv.Itoa(i)]; n < want/2 || n > want*2 {
					t.Errorf("entries %d: %s: field %d came %d times, want about %d", entries, what, i, n, want)
				}
			}
		}
		times := map[string]int{}
		for range rounds {
			times[string(Text(h.Random().Field, nil))]++
		}
		even("Random", times, rounds/fields)
		clear(times)
		h.Draw(rounds, func(p Pair) bool {
			if "v"+string(Text(p.Field, nil)) != string(Text(p.Value, nil)) {
				t.Fatal("a field with another's value")
			}
			times[string(Text(p.Field, nil))]++
			return true
		})
		even("Draw", times, rounds/fields)
		for _, n := range []int{0, 1, 5, 9, 20, 29, 30} {
			clear(times)
			for range 3000 {
				once := map[string]bool{}
				h.Sample(n, func(p Pair) bool {
					field := string(Text(p.Field, nil))
					once[field] = true
					times[field]++
					return true
				})
				if len(once) != n {
					t.Fatalf("a sample of %d has %d", n, len(once))
				}
			}
			even(fmt.Sprint("Sample of ", n), times, 3000*n/fields)
		}
		n := 0
		h.Draw(10, func(Pair) bool { n++; return n < 3 })
		h.Sample(20, func(Pair) bool { n++; return n < 6 })
		h.Sample(5, func(Pair) bool { n++; return n < 9 })
		h.Each(func(Pair) bool { n++; return n < 12 })
		if n != 12 {
			t.Errorf("went on after false: %d", n)
		}
	}
}

func TestHashWrongType(t *testing.T) {
	db := newHashDB(t, 0)
	db.SetString([]byte("s"), []byte("v"), NoExpiry)
	if _, err := db.FindHash([]byte("s")); err != ErrWrongType {
		t.Error(err)
	}
	if _, err := db.FindHashWrite([]byte("s")); err != ErrWrongType {
		t.Error(err)
	}
}

// TestHashMemory holds ten small fields to their budget, and ordinary calls to no garbage.
func TestHashMemory(t *testing.T) {
	db := newHashDB(t, 0)
	pairs := make([][]byte, 0, 20)
	for i := range 10 {
		pairs = append(pairs, fmt.Appendf(nil, "field%d", i), fmt.Appendf(nil, "value%03d", i))
	}
	const n = 20_000
	for i := range n {
		hashForWrite(t, db, fmt.Sprintf("hsh:%012d", i)).Set(pairs, NoExpiry)
	}
	if per := live(db) / n; per > 190 {
		t.Errorf("%d bytes a hash", per)
	} else {
		t.Logf("%d bytes a hash", per)
	}
	key := []byte("hsh:000000000001")
	for _, value := range []string{"value777", "longer value", "1"} {
		value := []byte(value)
		allocs := testing.AllocsPerRun(100, func() {
			h, _ := db.FindHashWrite(key)
			h.SetOne(pairs[6], value, NoExpiry)
			h.Set(pairs, NoExpiry)
			h.Delete(pairs[0])
			h.Each(func(p Pair) bool { return true })
			if _, ok := h.Get(pairs[8]); !ok {
				t.Error("lost a field")
			}
		})
		if allocs != 0 {
			t.Errorf("%q: %v allocations", value, allocs)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	db := newHashDB(b, 0)
	var texts [][]byte
	for i := range 10 {
		texts = append(texts, fmt.Appendf(nil, "field%d", i), []byte("xxxxxxxx"))
	}
	key, value := []byte("hsh:000000000001"), []byte("yyyyyyyy")
	hashForWrite(b, db, string(key)).Set(texts, NoExpiry)
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			db.FindHashWrite(key)
		}
	})
	b.Run("set one of ten", func(b *testing.B) {
		for b.Loop() {
			h, _ := db.FindHashWrite(key)
			h.SetOne(texts[6], value, NoExpiry)
		}
	})
	b.Run("set all ten", func(b *testing.B) {
		for b.Loop() {
			h, _ := db.FindHashWrite(key)
			h.Set(texts, NoExpiry)
		}
	})
	b.Run("make and remove", func(b *testing.B) {
		key := []byte("another")
		for b.Loop() {
			h, _ := db.FindHashWrite(key)
			h.Set(texts, NoExpiry)
			db.Delete(key)
		}
	})
	b.Run("read all ten", func(b *testing.B) {
		for b.Loop() {
			h, _ := db.FindHash(key)
			n := 0
			h.Each(func(p Pair) bool { n += p.Value.Len(); return true })
		}
	})
	b.Run("set in a table", func(b *testing.B) {
		h, _ := db.FindHashWrite([]byte("table"))
		var field []byte
		for b.Loop() {
			field = fmt.Appendf(field[:0], "%d", db.Rand()%100_000)
			h.SetOne(append(field, "long enough not to be packed............................"...), value, NoExpiry)
		}
	})
}

// hash sets or deletes fields, and their expiries.
func (k *keyspace) hash(key modelKey, db *DB, e modelValue) {
	many := 200
	if len(key.key)%4 == 0 { // some hashes are to get an index
		many = 3000
	}
	for range 1 + k.rng.IntN(many/30) {
		var h Hash
		var err error
		if !k.try(func() { h, err = db.FindHashWrite([]byte(key.key)) }) {
			return // it is frozen: changing it would take memory
		}
		if err != nil {
			k.t.Fatal(err)
		}
		field := strconv.Itoa(k.rng.IntN(many))
		old, there := e.fields[field]
		switch k.rng.IntN(8) {
		case 0:
			if !k.try(func() { // it takes memory if the hash is frozen
				if h.Delete([]byte(field)) != there {
					k.t.Fatalf("Delete of field %q, there: %v", field, there)
				}
			}) {
				continue
			}
			if delete(e.fields, field); len(e.fields) == 0 {
				delete(k.model, key)
				return
			}
			continue
		case 1, 2:
			at := k.fieldExpiry()
			if k.try(func() {
				if h.SetExpiry([]byte(field), at) != there {
					k.t.Fatalf("SetExpiry of field %q, there: %v", field, there)
				}
			}) && there {
				old.expiry = at
				e.fields[field] = old
			}
			continue
		}
		value := k.text()
		if len(value) > 1000 {
			value = value[:1000]
		}
		if value == "" {
			value = "empty"
		}
		at := k.fieldExpiry()
		if k.rng.IntN(2) == 0 {
			at = []int64{KeepExpiry, NoExpiry}[k.rng.IntN(2)]
		}
		if k.try(func() {
			if h.SetOne([]byte(field), []byte(value), at) == there {
				k.t.Fatalf("SetOne of field %q, there: %v", field, there)
			}
		}) {
			if e.fields == nil {
				e.fields = map[string]modelField{}
			}
			if at == KeepExpiry {
				at = old.expiry
			}
			e.fields[field] = modelField{value, at}
			k.model[key] = e
		}
	}
}
