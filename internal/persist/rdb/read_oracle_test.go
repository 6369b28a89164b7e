// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

var mutateFor = flag.Duration("rdb.mutate", 0, "how long TestReadMutated goes on")

// showRemote is show for a key of a server that speaks Redis's protocol.
func showRemote(t *testing.T, c *testutil.Client, key string) string {
	t.Helper()
	ask := func(words ...string) []string {
		v, err := c.Do(words...)
		if err != nil || v.IsError() {
			t.Fatalf("%s: %v %v", words, v, err)
		}
		return v.Strings()
	}
	one := func(words ...string) string { return c.Must(t, words...).Str }
	enc := one("OBJECT", "ENCODING", key)
	var all []string
	pairs := func(list []string, value func(string) string) {
		for i := 0; i+1 < len(list); i += 2 {
			all = append(all, list[i]+"="+value(list[i+1]))
		}
	}
	switch kind := one("TYPE", key); kind {
	case "string":
		all = []string{one("GET", key)}
	case "list":
		all = ask("LRANGE", key, "0", "-1")
	case "set":
		all = ask("SMEMBERS", key)
		slices.Sort(all)
	case "zset":
		pairs(ask("ZRANGE", key, "0", "-1", "WITHSCORES"), func(s string) string {
			f, _ := strconv.ParseFloat(s, 64)
			return fmt.Sprint(f)
		})
	case "hash":
		pairs(ask("HGETALL", key), func(s string) string { return s })
		slices.Sort(all)
	case "stream":
		all = showRemoteStream(c.Must(t, "XINFO", "STREAM", key, "FULL", "COUNT", "0"))
	}
	return enc + ": " + strings.Join(all, " ")
}

// showRemoteStream is showStream of what XINFO STREAM FULL says.
func showRemoteStream(info testutil.Value) (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	part := func(v testutil.Value, name string) testutil.Value {
		for i := 0; i+1 < len(v.Elems); i += 2 {
			if v.Elems[i].Str == name {
				return v.Elems[i+1]
			}
		}
		panic("XINFO has no " + name)
	}
	for _, e := range part(info, "entries").Elems {
		var parts []string
		for i := 0; i+1 < len(e.Elems[1].Elems); i += 2 {
			parts = append(parts, e.Elems[1].Elems[i].Str+"="+e.Elems[1].Elems[i+1].Str)
		}
		add("%s(%s)", e.Elems[0].Str, strings.Join(parts, " "))
	}
	add("leaves %d last %s first %s deleted %s added %d", part(info, "radix-tree-keys").Int, part(info, "last-generated-id").Str,
		part(info, "recorded-first-entry-id").Str, part(info, "max-deleted-entry-id").Str, part(info, "entries-added").Int)
	for _, g := range part(info, "groups").Elems {
		read := part(g, "entries-read")
		if read.Null {
			read.Int = -1
		}
		add("group %s last %s read %d", part(g, "name").Str, part(g, "last-delivered-id").Str, read.Int)
		for _, c := range part(g, "consumers").Elems {
			add("consumer %s seen %d", part(c, "name").Str, part(c, "seen-time").Int)
			for _, p := range part(c, "pending").Elems {
				add("%s at %d, %d times", p.Elems[0].Str, p.Elems[1].Int, p.Elems[2].Int)
			}
		}
	}
	return all
}

// What Redis 7.0 believes, or does not know.
var (
	believed = regexp.MustCompile(`last [0-9-]+ first [0-9-]+ `)
	active   = regexp.MustCompile(` active -?[0-9]+`)
	reckoned = regexp.MustCompile(` read -?[0-9]+`)
	unknown  = regexp.MustCompile(`read -[0-9]+`)
	before   = regexp.MustCompile(` at -[0-9]+,`) // before 1970
)

// alike makes what show tells of this server and of Redis 7.0 comparable: that has no sets that are packed, and no lists, and does not
// know when a consumer was active.
func alike(kind Kind, shown string) string {
	switch kind {
	case KindList, KindListZiplist, KindListQuicklist, KindListQuicklist2:
		shown = strings.Replace(shown, "listpack: ", "quicklist: ", 1)
	case KindSet:
		shown = strings.Replace(shown, "listpack: ", "hashtable: ", 1)
	case KindStream, KindStream2:
		shown = believed.ReplaceAllString(active.ReplaceAllString(shown, ""), "")
		shown = unknown.ReplaceAllString(shown, "read -1")
		shown = before.ReplaceAllString(shown, " at 0,")
		if kind == KindStream {
			shown = reckoned.ReplaceAllString(shown, "")
		}
	}
	return shown
}

// oracle starts a real server with the settings of a rig, and others.
func oracle(t *testing.T, args ...string) *testutil.Target {
	return testutil.Oracle(t, append([]string{"--sanitize-dump-payload", "yes", "--hash-max-listpack-entries", "128"}, args...)...)
}

// restore has a server make the value of a kind that of the key k.
func restore(t *testing.T, c *testutil.Client, kind Kind, body string) testutil.Value {
	t.Helper()
	payload := AppendFooter(append([]byte{byte(kind)}, body...), 0, 10)
	v, err := c.Do("RESTORE", "k", "0", string(payload), "REPLACE")
	if err != nil {
		t.Fatalf("a value of kind %d, %q: %v", kind, body, err)
	}
	return v
}

// known tells whether Redis 7.0 can read the kind.
func (s *sample) known() bool { return s.ver() <= 10 && s.kind != KindSetListpack }

// TestReadLikeRedis: a real server makes the same of every value, and refuses what is refused.
func TestReadLikeRedis(t *testing.T) {
	c := oracle(t).Dial(t)
	for _, s := range samples() {
		if !s.known() {
			continue
		}
		if v := restore(t, c, s.kind, s.body); v.IsError() {
			t.Errorf("%s: %s", s.name, v.Str)
			continue
		}
		got := alike(s.kind, showRemote(t, c, "k"))
		if s.name == "listpack out of order" {
			continue // Redis believes that it is in order
		}
		if want := alike(s.kind, s.want); got != want {
			t.Errorf("%s: Redis has %.300s\nwant %.300s", s.name, got, want)
		}
	}
	for _, s := range refusals() {
		if s.kind >= KindHashTemplatePack && s.kind <= KindHashTemplateRef || s.kind == KindHashPackPreGA || s.kind == KindHashTimed || s.kind == KindHashTimedPreGA || s.kind == KindSetListpack {
			continue
		}
		v := restore(t, c, s.kind, s.body)
		switch {
		case strings.Contains(v.Str, "Bad data format"):
		case s.name == "no number" && s.kind == KindZSetListpack: // Redis takes as much of it as it can read
		default:
			t.Errorf("%s of kind %d: Redis says %s", s.name, s.kind, v.Str)
		}
	}
}

// mutate changes a few bytes.
func mutate(rng *rand.Rand, body []byte) []byte {
	b := slices.Clone(body)
	for range 1 + rng.IntN(3) {
		if len(b) == 0 {
			break
		}
		at := rng.IntN(min(len(b), 1+rng.IntN(300)))
		switch rng.IntN(6) {
		case 0:
			b[at] ^= 1 << rng.IntN(8)
		case 1:
			b[at] = []byte{0, 1, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfe, 0xff}[rng.IntN(9)]
		case 2:
			b[at] += byte(1 + rng.IntN(3))
		case 3:
			b = slices.Delete(b, at, min(len(b), at+1+rng.IntN(4)))
		case 4:
			b = slices.Insert(b, at, byte(rng.IntN(256)))
		case 5:
			to := rng.IntN(len(b))
			n := min(rng.IntN(16), len(b)-at, len(b)-to)
			copy(b[to:to+n], b[at:at+n])
		}
	}
	return b
}

// TestReadMutated changes values at random: a real server takes the same ones, and makes the same of them.
func TestReadMutated(t *testing.T) {
	c := oracle(t).Dial(t)
	db := commandtest.NewRig(t).DB
	seed := uint64(1)
	if *mutateFor > 0 {
		seed = uint64(time.Now().UnixNano())
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	var list []sample
	for _, s := range samples() {
		if s.known() && len(s.body) < 20000 {
			list = append(list, s)
		}
	}
	const behind = 20 // bytes behind the value, lest Redis take the footer for a part of it
	taken, end := 0, time.Now().Add(*mutateFor)
	for n := 0; n < 4000 || time.Now().Before(end); n++ {
		s := list[rng.IntN(len(list))]
		body := append(mutate(rng, []byte(s.body)), make([]byte, behind)...)
		err := read(NewReader(body, 10), s.kind, db)
		if body[0] == len32 || body[0] == len64 {
			continue // Redis allocates whatever number of elements there is said to be
		}
		v := restore(t, c, s.kind, string(body))
		switch {
		case err != nil && !errors.Is(err, ErrFormat):
			t.Fatalf("seed %d: %s: %v", seed, s.name, err)
		case err == nil && !v.IsError():
			taken++
			got, want := alike(s.kind, show(db, "k")), alike(s.kind, showRemote(t, c, "k"))
			if s.kind == KindZSetListpack || s.kind == KindZSetZiplist { // Redis believes that they are in order
				got, want = sorted(got), sorted(want)
			}
			if got != want {
				t.Errorf("seed %d: %s as %q:\nshows %.300s\nRedis %.300s", seed, s.name, body, got, want)
			}
		case err == nil || !v.IsError():
			if !lenient(s.kind, err) {
				t.Errorf("seed %d: %s as %q: %v; Redis says %s", seed, s.name, body, err, v.Str)
			}
		}
	}
	t.Logf("%d were taken", taken)
}

// sorted puts the words of a text in order.
func sorted(s string) string {
	words := strings.Split(s, " ")
	slices.Sort(words)
	return strings.Join(words, " ")
}

// lenient tells whether Redis may take what was refused with an error.
func lenient(kind Kind, err error) bool {
	var why *FormatError
	if !errors.As(err, &why) {
		return false
	}
	switch why.Reason {
	case tooShort: // it takes the footer for a part of the value
		return true
	case notPacked: // if it is said to be empty
		return true
	}
	if strings.HasSuffix(why.Reason, "istpack integrity check failed") { // it has one byte of a length that is read backwards be two
		return true
	}
	switch kind {
	case KindZSet, KindZSetListpack, KindZSetZiplist: // it reads as much of a text as is a number
		return why.Reason == noScore
	case KindStream, KindStream2: // it does not look at the order of IDs, nor whether there is a number where it wants one
		return strings.HasPrefix(why.Reason, "Stream listpack") || why.Reason == "A length of an unknown form"
	}
	return false
}
