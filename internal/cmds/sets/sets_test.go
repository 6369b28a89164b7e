// SPDX-License-Identifier: BSD-3-Clause

package sets

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

// newRig makes what the family's handlers run on.
func newRig(t testing.TB) *commandtest.Rig { return commandtest.NewRig(t, Family) }

// TestSpecs holds the family's records against what a real redis-server says of the same commands.
func TestSpecs(t *testing.T) {
	commandtest.CompareSpecs(t, newRig(t).Registry, testutil.Oracle(t))
}

func TestEffects(t *testing.T) {
	r := newRig(t)
	r.CheckEffect(t, "SADD s a b c a", "sadd s", 3, "")
	r.CheckEffect(t, "SADD s a b", "", 0, "")
	r.CheckEffect(t, "SREM s x", "", 0, "")
	r.CheckEffect(t, "SREM s a x b", "srem s", 2, "")
	r.CheckEffect(t, "SREM s c x", "srem s,del s", 1, "")
	r.CheckEffect(t, "SADD s a b", "sadd s", 2, "")
	r.CheckEffect(t, "SMOVE s t a", "srem s,sadd t", 2, "")
	r.CheckEffect(t, "SMOVE s t x", "", 0, "")
	r.CheckEffect(t, "SMOVE s s b", "", 0, "")
	r.CheckEffect(t, "SADD t b", "sadd t", 1, "")
	r.CheckEffect(t, "SMOVE s t b", "srem s,del s", 1, "")
	r.CheckEffect(t, "SMOVE s t b", "", 0, "")
	r.CheckEffect(t, "SADD s 1", "sadd s", 1, "")
	r.CheckEffect(t, "SPOP s", "spop s,del s", 1, "SREM s 1")
	r.CheckEffect(t, "SPOP s", "", 0, "")
	r.CheckEffect(t, "SPOP s 3", "", 0, "")
	r.CheckEffect(t, "SADD s 1 2", "sadd s", 2, "")
	r.CheckEffect(t, "SPOP s 0", "", 0, "")
	r.CheckEffect(t, "SPOP s 2", "spop s,del s", 2, "DEL s")
	r.CheckEffect(t, "SADD s a b", "sadd s", 2, "")
	r.CheckEffect(t, "SPOP s 5", "spop s,del s", 2, "DEL s")
	r.CheckEffect(t, "SADD s a b c", "sadd s", 3, "")
	r.CheckEffect(t, "SINTERSTORE d s t", "sinterstore d", 1, "")
	r.CheckEffect(t, "SUNIONSTORE d s t", "sunionstore d", 1, "")
	r.CheckEffect(t, "SDIFFSTORE d s t", "sdiffstore d", 1, "")
	r.CheckEffect(t, "SDIFFSTORE d s s", "del d", 1, "")
	r.CheckEffect(t, "SDIFFSTORE d s s", "", 0, "")
	r.CheckEffect(t, "SINTERSTORE d s none", "", 0, "")
	r.CheckEffect(t, "SUNIONSTORE d none", "", 0, "")
	r.CheckEffect(t, "SMEMBERS s", "", 0, "")
	r.CheckEffect(t, "SRANDMEMBER s -5", "", 0, "")
}

// members gives so many words with a letter in front.
func members(letter string, n int) (words []string) {
	for i := range n {
		words = append(words, fmt.Sprint(letter, i))
	}
	return words
}

// TestPopEffects: the members that SPOP replies with are those that it removes, and those that the log is told of, in SREMs of no
// more than 1024.
func TestPopEffects(t *testing.T) {
	for _, tc := range []struct {
		prefix         string
		size, n, srems int
	}{
		{"", 400, 399, 1}, {"", 400, 7, 1}, {"m", 100, 30, 1}, {"m", 100, 99, 1}, {"m", 5000, 1, 1}, {"m", 5000, 1024, 1},
		{"m", 5000, 1025, 2}, {"m", 5000, 4900, 5}, {strings.Repeat("long", 1000), 300, 100, 1},
	} {
		r := newRig(t)
		r.Do(2, append([]string{"SADD", "s"}, members(tc.prefix, tc.size)...)...)
		popped := r.Call(t, "SPOP", "s", fmt.Sprint(tc.n)).Strings()
		var told []string
		for _, effect := range r.Effects {
			words := strings.Fields(effect)
			if words[0] != "SREM" || words[1] != "s" || len(words) > 1026 {
				t.Fatalf("the log was told %.100q of %d words", effect, len(words))
			}
			told = append(told, words[2:]...)
		}
		if !slices.Equal(told, popped) || len(popped) != tc.n || len(r.Effects) != tc.srems || r.Dirty != int64(tc.n) {
			t.Errorf("%+v: %d were popped, the log was told of %d in %d effects", tc, len(popped), len(told), len(r.Effects))
		}
		left := r.Call(t, "SMEMBERS", "s").Strings()
		all := slices.Concat(left, popped)
		slices.Sort(all)
		if len(slices.Compact(all)) != tc.size {
			t.Errorf("%+v: %d members are left, some were popped and not removed", tc, len(left))
		}
	}
}

// TestRandomCounts: a count is of different members, a negative one of draws.
func TestRandomCounts(t *testing.T) {
	r := newRig(t)
	for _, size := range []int{1, 50, 400, 1000} {
		for _, prefix := range []string{"", "m"} {
			r.DB.Delete([]byte("s"))
			r.Do(2, append([]string{"SADD", "s"}, members(prefix, size)...)...)
			for _, n := range []int{1, 2, size / 4, size - 1, size, size + 1, 10 * size} {
				got := r.Call(t, "SRANDMEMBER", "s", fmt.Sprint(n)).Strings()
				slices.Sort(got)
				if len(got) != min(n, size) || len(slices.Compact(got)) != len(got) {
					t.Errorf("SRANDMEMBER %d of %d gives %d", n, size, len(got))
				}
				if got := r.Call(t, "SRANDMEMBER", "s", fmt.Sprint(-n)).Strings(); len(got) != n {
					t.Errorf("SRANDMEMBER %d of %d gives %d", -n, size, len(got))
				}
			}
		}
	}
}

// TestOperations holds SINTER, SUNION and SDIFF, their STOREs and their CARDs against each other, with sets of all layouts and as
// many keys as make the commands choose another way.
func TestOperations(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	model := map[string]map[string]bool{"none": {}}
	keys := []string{"none"}
	for i, size := range []int{1, 3, 40, 200, 700, 1500, 20, 20, 20, 20} {
		key, set := fmt.Sprint("k", i), map[string]bool{}
		for _, m := range rnd.Perm(2 * size)[:size] {
			member := fmt.Sprint(m)
			if i%3 == 1 {
				member = fmt.Sprint(m%20, "m", m)
			}
			set[member] = true
			r.Do(2, "SADD", key, member)
		}
		model[key], keys = set, append(keys, key)
	}
	for range 300 {
		chosen := make([]string, 1+rnd.IntN(12))
		for i := range chosen {
			chosen[i] = keys[rnd.IntN(len(keys))]
		}
		want := map[string]map[string]bool{"INTER": {}, "UNION": {}, "DIFF": {}}
		times := map[string]int{}
		for i, key := range chosen {
			for m := range model[key] {
				want["UNION"][m] = true
				if times[m] == i {
					times[m]++
				}
				want["INTER"][m] = times[m] == len(chosen)
			}
		}
		for m := range model[chosen[0]] {
			want["DIFF"][m] = !slices.ContainsFunc(chosen[1:], func(key string) bool { return model[key][m] })
		}
		for op, set := range want {
			var sorted []string
			for m, in := range set {
				if in {
					sorted = append(sorted, m)
				}
			}
			slices.Sort(sorted)
			got := r.Call(t, append([]string{"S" + op}, chosen...)...).Strings()
			slices.Sort(got)
			if !slices.Equal(got, sorted) {
				t.Fatalf("S%s %v gives %d members, want %d", op, chosen, len(got), len(sorted))
			}
			for _, limit := range []int{0, 1, len(sorted)/2 + 1, len(sorted) + 5} {
				n := r.Call(t, slices.Concat([]string{"S" + op + "CARD", fmt.Sprint(len(chosen))}, chosen, []string{"LIMIT", fmt.Sprint(limit)})...).Int
				if want := len(sorted); int(n) != want && (limit == 0 || int(n) != min(limit, want)) {
					t.Fatalf("S%sCARD %v LIMIT %d gives %d, want %d", op, chosen, limit, n, want)
				}
			}
			dst := []string{"dst", chosen[0]}[rnd.IntN(2)]
			n := r.Call(t, append([]string{"S" + op + "STORE", dst}, chosen...)...).Int
			stored := r.Call(t, "SMEMBERS", dst).Strings()
			slices.Sort(stored)
			if int(n) != len(sorted) || !slices.Equal(stored, sorted) {
				t.Fatalf("S%sSTORE %s %v gives %d, stores %d, want %d", op, dst, chosen, n, len(stored), len(sorted))
			}
			if dst != "dst" { // put back what was there
				r.DB.Delete([]byte(dst))
				for m := range model[dst] {
					r.Do(2, "SADD", dst, m)
				}
			}
		}
	}
}

// TestApprox: the estimate is near the number of members, and no more than the limit.
func TestApprox(t *testing.T) {
	r := newRig(t)
	for i := range 40 {
		r.Do(2, append([]string{"SADD", fmt.Sprint("k", i%3)}, members(fmt.Sprint("m", i/2, "_"), 1000)...)...)
	}
	const want = 20_000
	if n := r.Call(t, "SUNIONCARD", "3", "k0", "k1", "k2").Int; n != want {
		t.Errorf("there are %d members", n)
	}
	if n := r.Call(t, "SUNIONCARD", "3", "k0", "k1", "k2", "APPROX").Int; n < want*97/100 || n > want*103/100 {
		t.Errorf("about %d members", n)
	}
	for _, limit := range []int64{1, 900, 5000, 17_000} {
		if n := r.Call(t, "SUNIONCARD", "3", "k0", "k1", "k2", "LIMIT", fmt.Sprint(limit), "APPROX").Int; n != limit {
			t.Errorf("about %d members with the limit %d", n, limit)
		}
	}
	if r.Do(2, "SUNIONCARD", "3", "k0", "k1", "k2", "APPROX", "LIMIT", "1000"); r.Ticks > 3 {
		t.Errorf("%d ticks with a limit that comes soon", r.Ticks)
	}
}

func TestTicks(t *testing.T) {
	const n = 2500
	r := newRig(t)
	add, other := append([]string{"SADD", "s"}, members("m", n)...), append([]string{"SADD", "o"}, members("m", n)...)
	r.Do(2, other...)
	closing := errors.New("ERR closing")
	for _, tc := range []struct {
		words []string
		ticks int
		write bool
	}{
		{add, 2, true},
		{[]string{"SMEMBERS", "s"}, 2, false},
		{append([]string{"SMISMEMBER", "s"}, members("m", n)...), 2, false},
		{[]string{"SRANDMEMBER", "s", "2400"}, 2, false},
		{[]string{"SRANDMEMBER", "s", "-2400"}, 2, false},
		{[]string{"SSCAN", "s", "0", "COUNT", "10000"}, 4, false},
		{[]string{"SINTER", "s", "o"}, 4, false},
		{[]string{"SUNION", "s", "o"}, 5, false},
		{[]string{"SDIFF", "s", "o"}, 2, false},
		{[]string{"SINTERCARD", "2", "s", "o"}, 4, false},
		{[]string{"SINTERSTORE", "d", "s", "o"}, 4, true},
		{[]string{"SPOP", "s", "1100"}, 1, true},
		{add, 2, true},
		{[]string{"SPOP", "s", "2400"}, 2, true},
		{add, 2, true},
		{append([]string{"SREM", "s"}, members("m", n)...), 2, true},
	} {
		if !tc.write {
			r.End = closing
			if got := string(r.Do(2, tc.words...)); got != "-ERR closing\r\n" || r.Ticks != 1 {
				t.Errorf("%s with the server going down: %.100q after %d ticks", tc.words[0], got, r.Ticks)
			}
			r.End = nil
		}
		if r.Do(2, tc.words...); r.Ticks != tc.ticks {
			t.Errorf("%.40s: %d ticks", tc.words, r.Ticks)
		}
	}
}

// TestNamedAgain: a set that is named very often is gone through about once.
func TestNamedAgain(t *testing.T) {
	const n = 2500
	r := newRig(t)
	r.Do(2, append([]string{"SADD", "s"}, members("m", n)...)...)
	r.Do(2, append([]string{"SADD", "o"}, members("m", n/2)...)...)
	often := slices.Repeat([]string{"s", "o", "none"}, 300)
	both := slices.Repeat([]string{"s", "o"}, 300)
	for _, tc := range []struct {
		words []string
		want  int64
	}{
		{append([]string{"SINTERCARD", "600"}, both...), n / 2},
		{append([]string{"SINTERCARD", "900"}, often...), 0},
		{append([]string{"SUNIONCARD", "900"}, often...), n},
		{append([]string{"SUNIONSTORE", "d"}, often...), n},
		{append([]string{"SDIFFCARD", "900"}, often...), 0},
		{append([]string{"SDIFFCARD", "301", "s"}, slices.Repeat([]string{"o"}, 300)...), n / 2},
		{append([]string{"SDIFFCARD", "301", "s"}, slices.Repeat([]string{"s"}, 300)...), 0},
	} {
		if got := r.Call(t, tc.words...).Int; got != tc.want || r.Ticks > 15 {
			t.Errorf("%s of %d keys gives %d, want %d; %d ticks", tc.words[0], len(tc.words), got, tc.want, r.Ticks)
		}
	}
}

// TestAgainstReference sends random calls to a real server and to the handlers. Small limits make many sets tables.
func TestAgainstReference(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	for _, proto := range []int{2, 3} {
		c.Must(t, "HELLO", fmt.Sprint(proto))
		c.Must(t, "FLUSHALL")
		c.Must(t, "CONFIG", "SET", "set-max-intset-entries", "6")
		r := newRig(t)
		r.DB.Settings().SetMaxIntsetEntries.Store(6)
		r.DB.Settings().SetMaxListpackEntries.Store(4)
		c.Must(t, "SET", "string", "v")
		r.DB.SetString([]byte("string"), []byte("v"), store.NoExpiry)
		rnd := rand.New(rand.NewPCG(1, uint64(proto)))
		for range 5000 {
			words := randomCall(rnd)
			want, err := c.DoRaw(testutil.AppendCommand(nil, words...))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Do(proto, words...); !sameReply(words, got, want.Raw) {
				t.Fatalf("protocol %d: %q:\n\tgot  %q\n\twant %q", proto, words, got, want.Raw)
			}
			for _, key := range words[1:min(3, len(words))] {
				sameSet(t, r, c, words, key)
			}
		}
	}
}

// sameReply compares replies without their order, and by their beginning where chance decides or cursors are of each server's own.
func sameReply(words []string, got, want []byte) bool {
	if bytes.Equal(got, want) {
		return true
	}
	a, b := strings.Split(string(got), "\r\n"), strings.Split(string(want), "\r\n")
	switch words[0] {
	case "SRANDMEMBER":
		return a[0] == b[0] || a[0][0] == '$' && b[0][0] == '$'
	case "SSCAN":
		return a[0] == b[0] && a[0] == "*2"
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// sameSet looks whether a key holds the same set on both.
func sameSet(t *testing.T, r *commandtest.Rig, c *testutil.Client, words []string, key string) {
	t.Helper()
	it, ok := r.DB.Peek([]byte(key))
	if kind := c.Must(t, "TYPE", key).Str; !ok || it.Type() != store.TypeSet {
		if (kind == "none") == ok || kind == "set" {
			t.Fatalf("%q: %q is there: %v, want %s", words, key, ok, kind)
		}
		return
	}
	want := c.Must(t, "SMEMBERS", key).Strings()
	got := r.Call(t, "SMEMBERS", key).Strings()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%q: %q is %q, want %q", words, key, got, want)
	}
	enc := c.Must(t, "OBJECT", "ENCODING", key).Str
	if ours := it.Encoding().String(); ours != enc && !(ours == "listpack" && enc == "hashtable") {
		t.Fatalf("%q: %q is %s, want %s", words, key, ours, enc)
	}
}

func randomCall(r *rand.Rand) []string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	key := func() string { return pick("s1", "s2", "s3", "s4", "s5", "s6", "string", "none") }
	member := func() string {
		return pick("1", "2", "3", "4", "5", "6", "7", "-8", "70000", "9223372036854775807", "007", "a", "b", "", "member\x00\r\n")
	}
	some := func(words []string, one func() string) []string {
		for words = append(words, one()); r.IntN(2) == 0; {
			words = append(words, one())
		}
		return words
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		return some([]string{"SADD", key()}, member)
	case 3, 4:
		return some([]string{"SREM", key()}, member)
	case 5:
		return some([]string{"SMISMEMBER", key()}, member)
	case 6:
		return []string{pick("SISMEMBER", "SISMEMBER"), key(), member()}
	case 7:
		return []string{"SMOVE", key(), key(), member()}
	case 8:
		return some([]string{pick("SINTER", "SUNION", "SDIFF")}, key)
	case 9:
		return some([]string{pick("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"), pick("s1", "s2", "s3")}, key)
	case 10:
		words := []string{pick("SRANDMEMBER", "SCARD", "SMEMBERS"), key()}
		if r.IntN(4) > 0 {
			words = append(words, pick("0", "1", "3", "100", "-1", "-4", "x", "", "9223372036854775807", "-9223372036854775808"))
		}
		return words
	}
	words := []string{"SSCAN", key(), pick("0", "0", "5", "-1", "x", "", "18446744073709551616")}
	for r.IntN(2) == 0 {
		words = append(words, pick("MATCH", "COUNT", "match", "TYPE", "NOVALUES"))
		if r.IntN(8) > 0 {
			words = append(words, pick("*", "a*", "[1-9]*", "1", "10", "0", "-1", "x", ""))
		}
	}
	return words
}

func TestHammer(t *testing.T) { newRig(t).Hammer(t, 7, 30_000) }
