// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// zsetModel is what a sorted set must be: its members in their order.
type zsetModel []modelScored

type modelScored struct {
	member string
	score  float64
}

func (m zsetModel) find(member string) int {
	return slices.IndexFunc(m, func(e modelScored) bool { return e.member == member })
}

func (m *zsetModel) put(member string, score float64) (added, changed bool) {
	if i := m.find(member); i < 0 {
		*m = append(*m, modelScored{member, score})
		added = true
	} else if (*m)[i].score != score {
		(*m)[i].score = score
		changed = true
	}
	slices.SortFunc(*m, func(a, b modelScored) int {
		return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.member, b.member))
	})
	return added, changed
}

func zsetForWrite(t testing.TB, db *DB, key string) *ZSet {
	t.Helper()
	z, err := db.FindZSetWrite([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return &z
}

// read gives members of a set as the model has them.
func readZSet(z *ZSet, from, n int, reverse bool) (all zsetModel) {
	z.Each(from, n, reverse, func(m Value, score float64) bool {
		all = append(all, modelScored{string(Text(m, nil)), score})
		return true
	})
	return all
}

// same tells whether two are equal to the last bit of the scores.
func (m zsetModel) same(other zsetModel) bool {
	return slices.EqualFunc(m, other, func(a, b modelScored) bool {
		return a.member == b.member && math.Float64bits(a.score) == math.Float64bits(b.score)
	})
}

// check compares a set as it is read with its model.
func (m zsetModel) check(t testing.TB, db *DB, key string, rng *rand.Rand) {
	t.Helper()
	z, err := db.FindZSet([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	if z.Len() != len(m) {
		t.Fatalf("%d members, want %d", z.Len(), len(m))
	}
	if len(m) == 0 {
		return
	}
	if got := readZSet(&z, 0, len(m), false); !got.same(m) {
		t.Fatalf("got  %v\nwant %v", got, m)
	}
	from := rng.IntN(len(m))
	n := rng.IntN(len(m) - from + 1)
	if got := readZSet(&z, from, n, false); !got.same(m[from : from+n]) {
		t.Fatalf("%d from %d: got  %v\nwant %v", n, from, got, m[from:from+n])
	}
	down := slices.Clone(m[from : from+n])
	slices.Reverse(down)
	if got := readZSet(&z, from+n-1, n, true); !got.same(down) {
		t.Fatalf("%d down from %d: got  %v\nwant %v", n, from+n-1, got, down)
	}
	e := m[from]
	if rank, score, ok := z.Rank([]byte(e.member)); !ok || rank != from || score != e.score {
		t.Fatalf("Rank of %q: %d, %v, %v, want %d and %v", e.member, rank, score, ok, from, e.score)
	}
	if score, ok := z.Score([]byte(e.member)); !ok || score != e.score {
		t.Fatalf("Score of %q: %v, %v, want %v", e.member, score, ok, e.score)
	}
	bounds := []float64{e.score, e.score - 0.5, math.Nextafter(e.score, math.Inf(1)), math.Inf(-1), math.Inf(1)}
	for _, bound := range bounds {
		below := len(slices.DeleteFunc(slices.Clone(m), func(e modelScored) bool { return e.score >= bound }))
		upTo := len(slices.DeleteFunc(slices.Clone(m), func(e modelScored) bool { return e.score > bound }))
		if a, b := z.RankOfScore(bound, false), z.RankOfScore(bound, true); a != below || b != upTo {
			t.Fatalf("RankOfScore of %v: %d and %d, want %d and %d", bound, a, b, below, upTo)
		}
	}
	if _, ok := z.Score([]byte("none")); ok {
		t.Fatal("a score of no member")
	}
}

// someScore gives scores of all kinds, often equal ones.
func someScore(rng *rand.Rand) float64 {
	switch rng.IntN(8) {
	case 0:
		return rng.NormFloat64()
	case 1:
		return math.Inf(1 - 2*rng.IntN(2))
	case 2:
		return float64(rng.Int64() >> rng.IntN(64) * int64(1-2*rng.IntN(2)))
	case 3:
		return math.Float64frombits(rng.Uint64() &^ (1 << 62))
	case 4:
		return 0.1 * float64(rng.IntN(5))
	}
	return float64(rng.IntN(7) - 3)
}

// someMember gives numbers, texts and what lies around the limits of packed texts.
func someMember(rng *rand.Rand, many int) string {
	n := rng.IntN(many)
	switch n % 4 {
	case 0:
		return strconv.Itoa(n - many/2)
	case 1:
		return strings.Repeat("m", n%70) + strconv.Itoa(n)
	case 2:
		return "\x00\xff" + strconv.Itoa(n)
	}
	return strings.Repeat(strconv.Itoa(n), 4)
}

func TestZSetModel(t *testing.T) {
	for _, lim := range []struct{ entries, value, many int }{{128, 64, 40}, {128, 300, 150}, {10, 64, 40}, {0, 64, 30}, {128, 64, 1000}} {
		rng := rand.New(rand.NewPCG(uint64(lim.entries), uint64(lim.many)))
		db := newHashDB(t, 64<<20)
		db.Settings().ZSetMaxListpackEntries.Store(int64(lim.entries))
		db.Settings().ZSetMaxListpackValue.Store(int64(lim.value))
		var m zsetModel
		for i := range 4000 {
			z := zsetForWrite(t, db, "z")
			member := someMember(rng, lim.many)
			switch rng.IntN(16) {
			case 0, 1, 2, 3:
				at := m.find(member)
				if z.Remove([]byte(member)) != (at >= 0) {
					t.Fatalf("Remove of %q, which is at %d", member, at)
				}
				if at >= 0 {
					m = slices.Delete(m, at, at+1)
				}
			case 4:
				if len(m) == 0 || i%3 > 0 {
					continue
				}
				from := rng.IntN(len(m))
				n := rng.IntN(len(m) - from + 1)
				var gone zsetModel
				z.RemoveRange(from, n, func(v Value, score float64) {
					gone = append(gone, modelScored{string(Text(v, nil)), score})
				})
				if !gone.same(m[from : from+n]) {
					t.Fatalf("removed %v, want %v", gone, m[from:from+n])
				}
				m = slices.Delete(m, from, from+n)
			default:
				score := someScore(rng)
				added, changed := z.Put([]byte(member), score)
				if a, c := m.put(member, score); added != a || changed != c {
					t.Fatalf("Put of %q: %v, %v, want %v, %v", member, added, changed, a, c)
				}
			}
			if db.Exists([]byte("z")) != (len(m) > 0) {
				t.Fatal("a key without members, or none with some")
			}
			m.check(t, db, "z", rng)
		}
		db.Delete([]byte("z"))
		if n := live(db); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	}
}

func TestZSetLex(t *testing.T) {
	db := newHashDB(t, 64<<20)
	z := zsetForWrite(t, db, "z")
	members := []string{"", "-7", "10", "1000", "2000", "a", "ab", "b", "\xff"}
	for _, m := range members {
		z.Put([]byte(m), 1)
	}
	for i, m := range members {
		if a, b := z.RankOfMember([]byte(m), false), z.RankOfMember([]byte(m), true); a != i || b != i+1 {
			t.Errorf("rank of %q: %d and %d, want %d", m, a, b, i)
		}
	}
	if n := z.RankOfMember([]byte("aa"), false); n != 6 {
		t.Errorf("rank of aa: %d, want 6", n)
	}
}

func TestZSetScores(t *testing.T) {
	db := newHashDB(t, 64<<20)
	for _, score := range []float64{
		0, 1, -1, 999, 1000, -99, -100, 1 << 15, 1 << 23, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, 1 << 53, 1 << 62, 1 << 63,
		0.1, -0.1, 1e300, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1),
		math.Float64frombits(0x3837363534333231), // its bytes read as 12345678
	} {
		for _, first := range []string{"", "a"} { // alone, and not
			z := zsetForWrite(t, db, "z")
			if first != "" {
				z.Put([]byte(first), 0)
			}
			z.Put([]byte("m"), score)
			got, ok := z.Score([]byte("m"))
			if !ok || math.Float64bits(got) != math.Float64bits(score) {
				t.Errorf("got %v (%x), want %v", got, math.Float64bits(got), score)
			}
			db.Delete([]byte("z"))
		}
	}
}

func TestZSetSample(t *testing.T) {
	const members, rounds = 64, 4000
	db := newHashDB(t, 64<<20)
	z := zsetForWrite(t, db, "z")
	for i := range members {
		z.Put([]byte(strconv.Itoa(i)), float64(i))
	}
	for _, n := range []int{0, 1, 3, 20, members} {
		seen := map[string]int{}
		for range rounds {
			round := map[string]bool{}
			z.Sample(n, func(m Value, score float64) bool {
				round[string(Text(m, nil))] = true
				return true
			})
			if len(round) != n {
				t.Fatalf("%d different members, want %d", len(round), n)
			}
			for m := range round {
				seen[m]++
			}
		}
		want := float64(rounds * n / members)
		for m, times := range seen {
			if d := float64(times) - want; d*d > 30*want {
				t.Errorf("of %d, %q came %d times, want about %v", n, m, times, want)
			}
		}
	}
	drawn := 0
	z.Draw(1000, func(Value, float64) bool { drawn++; return drawn < 700 })
	if drawn != 700 {
		t.Errorf("%d were drawn", drawn)
	}
}

func TestCreateZSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	db := newHashDB(t, 64<<20)
	for _, n := range []int{1, 5, 128, 129, 1000, 20_000} {
		var m zsetModel
		var members []Scored
		for i := range n {
			member := "m" + strconv.Itoa(1_000_000+i)
			m = append(m, modelScored{member, float64(i / 3)})
			members = append(members, Scored{[]byte(member), float64(i / 3)})
		}
		z := db.CreateZSet([]byte("z"), members, func() error { return nil })
		if z.Len() != n {
			t.Fatalf("%d members, want %d", z.Len(), n)
		}
		m.check(t, db, "z", rng)
		db.Delete([]byte("z"))
	}
	if n := live(db); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}
