// SPDX-License-Identifier: BSD-3-Clause

package hashes

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

func TestSpecs(t *testing.T) {
	commandtest.CompareSpecs(t, newRig(t).Registry, testutil.Oracle(t))
}

func TestEffects(t *testing.T) {
	r := newRig(t)
	r.CheckEffect(t, "HSET h a 1 b 2 a 3", "hset h", 3, "")
	r.CheckEffect(t, "HSETNX h c 1", "hset h", 1, "")
	r.CheckEffect(t, "HSETNX h c 2", "", 0, "")
	r.CheckEffect(t, "HMSET h d 1", "hset h", 1, "")
	r.CheckEffect(t, "HINCRBY h c 5", "hincrby h", 1, "")
	r.CheckEffect(t, "HINCRBY h d x", "", 0, "")
	r.CheckEffect(t, "HINCRBYFLOAT h c 0.5", "hincrbyfloat h", 1, "HSET h c 6.5")
	r.CheckEffect(t, "HDEL h none", "", 0, "")
	r.CheckEffect(t, "HDEL h a b none", "hdel h", 2, "")
	r.CheckEffect(t, "HDEL h c d e", "hdel h,del h", 2, "")
	r.CheckEffect(t, "HDEL h c", "", 0, "")
	r.CheckEffect(t, "HSET h f v", "hset h", 1, "")
	r.CheckEffect(t, "HGETALL h", "", 0, "")

	r.CheckEffect(t, "HSET h a 1 b 2 c 3 d 4", "hset h", 4, "")
	r.CheckEffect(t, "HEXPIRE h 10 FIELDS 3 a b none", "hexpire h", 2, "HPEXPIREAT h 10001 FIELDS 2 a b")
	r.CheckEffect(t, "HEXPIRE h 20 NX FIELDS 3 a c none", "hexpire h", 1, "HPEXPIREAT h 20001 FIELDS 1 c")
	r.CheckEffect(t, "HEXPIRE h 20 XX FIELDS 2 d none", "", 0, "")
	r.CheckEffect(t, "HINCRBYFLOAT h a 0.5", "hincrbyfloat h", 1, "HSETEX h KEEPTTL FIELDS 1 a 1.5")
	r.CheckEffect(t, "HPERSIST h FIELDS 3 a d none", "hpersist h", 1, "HPERSIST h FIELDS 1 a")
	r.CheckEffect(t, "HPERSIST h FIELDS 1 a", "", 0, "")
	r.CheckEffect(t, "HTTL h FIELDS 1 b", "", 0, "")
	r.CheckEffect(t, "HGETEX h FIELDS 1 a", "", 0, "")
	r.CheckEffect(t, "HGETEX h PX 100 FIELDS 2 a none", "hexpire h", 1, "HPEXPIREAT h 101 FIELDS 1 a")
	r.CheckEffect(t, "HGETEX h PERSIST FIELDS 3 a none d", "hpersist h", 1, "HPERSIST h FIELDS 1 a")
	r.CheckEffect(t, "HGETEX h PERSIST FIELDS 1 a", "", 0, "")
	r.CheckEffect(t, "HPEXPIREAT h 1 FIELDS 2 a none", "hdel h", 1, "HDEL h a")
	r.CheckEffect(t, "HGETEX h EX 0 FIELDS 2 b none", "hdel h", 1, "HDEL h b")
	r.CheckEffect(t, "HGETDEL h FIELDS 2 none b", "", 0, "")
	r.CheckEffect(t, "HGETDEL h FIELDS 2 none c", "hdel h", 1, "HDEL h c")
	r.CheckEffect(t, "HGETDEL h FIELDS 1 d", "hdel h", 1, "HDEL h d")
	r.CheckEffect(t, "HGETEX h PXAT 1 FIELDS 1 f", "hdel h,del h", 1, "HDEL h f")
	r.CheckEffect(t, "HSETEX h FIELDS 2 a 1 b 2", "hset h", 2, "")
	r.CheckEffect(t, "HSETEX h FNX FIELDS 1 a 1", "", 0, "")
	r.CheckEffect(t, "HSETEX h KEEPTTL FIELDS 1 a 2", "hset h", 1, "")
	r.CheckEffect(t, "HSETEX h FXX EX 10 FIELDS 1 a 2", "hset h,hexpire h", 1, "HSETEX h PXAT 10001 FIELDS 1 a 2")
	r.CheckEffect(t, "HSETEX h PX 0 FIELDS 2 a 2 new 3", "hset h,hdel h", 2, "HDEL h a new")
	r.CheckEffect(t, "HSETEX h PX 0 FIELDS 1 b 2", "hset h,hdel h,del h", 1, "HDEL h b")
	r.CheckEffect(t, "HSET h a 1", "hset h", 1, "")
	r.CheckEffect(t, "HPEXPIRE h 0 FIELDS 1 a", "hdel h,del h", 1, "HDEL h a")
	r.CheckEffect(t, "HIMPORT PREPARE s bb a", "", 0, "")
	r.CheckEffect(t, "HIMPORT SET h s 1 2", "hset h", 1, "HSET h a 2 bb 1")
	r.CheckEffect(t, "HIMPORT SET h s 3 4", "hset h", 1, "DEL h,HSET h a 4 bb 3")
	r.CheckEffect(t, "HIMPORT SET h s 3", "", 0, "")
	r.CheckEffect(t, "HIMPORT DISCARDALL", "", 0, "")
}

func TestTicks(t *testing.T) {
	const n = 2500
	r := newRig(t)
	set, fields := []string{"HSET", "h"}, []string{}
	for i := range n {
		set = append(set, fmt.Sprint("f", i), "v")
		fields = append(fields, fmt.Sprint("f", i))
	}
	reads := []string{"HGETALL", "HKEYS", "HMGET", "HRANDFIELD", "HSCAN", "HTTL"}
	closing := errors.New("ERR closing")
	for _, words := range [][]string{
		set, {"HGETALL", "h"}, {"HKEYS", "h"}, append([]string{"HMGET", "h"}, fields...), {"HRANDFIELD", "h", "2400"},
		{"HRANDFIELD", "h", "-2400", "WITHVALUES"}, {"HRANDFIELD", "h", "3000"}, {"HSCAN", "h", "0", "COUNT", "10000"},
		append([]string{"HTTL", "h", "FIELDS", "2500"}, fields...),
		append([]string{"HEXPIRE", "h", "100", "FIELDS", "2500"}, fields...),
		append([]string{"HPERSIST", "h", "FIELDS", "2500"}, fields...),
		append([]string{"HGETEX", "h", "EX", "100", "FIELDS", "2500"}, fields...),
		append([]string{"HSETEX", "h", "EX", "100", "FIELDS", "2500"}, set[2:]...),
		append([]string{"HGETDEL", "h", "FIELDS", "2500"}, fields...),
		set, append([]string{"HDEL", "h"}, fields...),
	} {
		write := !slices.Contains(reads, words[0])
		if !write {
			r.End = closing
			if got := string(r.Do(2, words...)); got != "-ERR closing\r\n" || r.Ticks != 1 {
				t.Errorf("%s with the server going down: %.100q after %d ticks", words[0], got, r.Ticks)
			}
			r.End = nil
		}
		want := 2
		if words[0] == "HSCAN" { // gathers first
			want = 4
		}
		if r.Do(2, words...); r.Ticks != want {
			t.Errorf("%s: %d ticks", words[0], r.Ticks)
		}
		if write && r.Dirty != n {
			t.Errorf("%s: %d changes", words[0], r.Dirty)
		}
	}
}

// TestTicksOfPrepare: to sort many fields takes long.
func TestTicksOfPrepare(t *testing.T) {
	r := newRig(t)
	call := []string{"HIMPORT", "PREPARE", "set"}
	for i := range 10_000 {
		call = append(call, fmt.Sprint("f", i*7919%10_000))
	}
	if got := string(r.Do(2, call...)); got != "+OK\r\n" || r.Ticks < 10 {
		t.Errorf("%q after %d ticks", got, r.Ticks)
	}
}

// TestAgainstReference sends random calls to a real server and to the handlers. Small limits make many hashes tables.
func TestAgainstReference(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	for _, proto := range []int{2, 3} {
		c.Must(t, "HELLO", fmt.Sprint(proto))
		c.Must(t, "FLUSHALL")
		c.Must(t, "CONFIG", "SET", "hash-max-listpack-entries", "6", "hash-max-listpack-value", "12")
		r := newRig(t)
		r.DB.Settings().HashMaxListpackEntries.Store(6)
		r.DB.Settings().HashMaxListpackValue.Store(12)
		c.Must(t, "SET", "string", "v")
		r.DB.SetString([]byte("string"), []byte("v"), store.NoExpiry)
		rnd := rand.New(rand.NewPCG(1, uint64(proto)))
		for range 4000 {
			words := randomCall(rnd)
			want, err := c.DoRaw(testutil.AppendCommand(nil, words...))
			if err != nil {
				t.Fatal(err)
			}
			got := r.Do(proto, words...)
			if !sameReply(t, r, words, proto, got, want) {
				t.Fatalf("protocol %d: %q:\n\tgot  %q\n\twant %q", proto, words, got, want.Raw)
			}
			if it, ok := r.DB.Peek([]byte(words[1])); ok {
				if enc := c.Must(t, "OBJECT", "ENCODING", words[1]).Str; words[1] != "string" && enc != it.Encoding().String() {
					t.Fatalf("%q: %s, want %s", words, it.Encoding(), enc)
				}
			} else if c.Must(t, "EXISTS", words[1]).Int != 0 {
				t.Fatalf("%q: the key is gone", words)
			}
		}
	}
}

// sameReply compares replies: in any order where that is free, by their shape where chance decides.
func sameReply(t *testing.T, r *commandtest.Rig, words []string, proto int, got []byte, want testutil.Reply) bool {
	t.Helper()
	if bytes.Equal(got, want.Raw) {
		return true
	}
	it, ok := r.DB.Peek([]byte(words[1]))
	if !ok || it.Type() != store.TypeHash || got[0] == '-' || want.Raw[0] == '-' {
		return false
	}
	lines := func(b []byte) []string { // what is in a reply, without its order
		l := strings.Split(string(b), "\r\n")
		slices.Sort(l)
		return l
	}
	switch words[0] {
	case "HRANDFIELD":
		first, _, _ := strings.Cut(string(got), "\r\n")
		wantFirst, _, _ := strings.Cut(string(want.Raw), "\r\n")
		return first == wantFirst || first[0] == '$' && wantFirst[0] == '$'
	case "HSCAN":
		// A table's cursors are each server's own; that all fields are shown is tested elsewhere.
		return it.Encoding() == store.EncTable
	}
	return it.Encoding() == store.EncTable && slices.Equal(lines(got), lines(want.Raw))
}

func randomCall(r *rand.Rand) []string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	key := pick("h1", "h2", "h3", "h4", "string", "none")
	field := func() string {
		return pick("a", "b", "c", "d", "e", "f", "g", "", "12", "12345", "-7", "a longer field", "field\x00\r\n")
	}
	value := func() string {
		return pick("v", "", "0", "10", "-3", "1000000", "9223372036854775807", "-9223372036854775808", "1.5", "3.0e3", " 1", "+5", "inf",
			"nan", "007", "twelve bytes", "thirteen byte", "0x10", "1e400", "\xff\x00")
	}
	switch r.IntN(18) {
	case 0, 1, 2:
		words := []string{pick("HSET", "HSET", "HMSET"), key, field(), value()}
		for r.IntN(3) == 0 {
			words = append(words, field(), value())
		}
		if r.IntN(20) == 0 {
			words = append(words, field())
		}
		return words
	case 3:
		return []string{"HSETNX", key, field(), value()}
	case 4, 5:
		words := []string{"HDEL", key, field()}
		for r.IntN(2) == 0 {
			words = append(words, field())
		}
		return words
	case 6, 7:
		return []string{"HINCRBY", key, field(), value()}
	case 8, 9:
		return []string{"HINCRBYFLOAT", key, field(), value()}
	case 10:
		return []string{"HMGET", key, field(), field(), field()}
	case 11:
		return []string{pick("HGETALL", "HKEYS", "HVALS", "HLEN"), key}
	case 12, 13:
		return []string{pick("HGET", "HEXISTS", "HSTRLEN"), key, field()}
	case 14, 15:
		words := []string{"HRANDFIELD", key}
		if r.IntN(4) > 0 {
			words = append(words, pick("0", "1", "3", "100", "-1", "-4", "x", "", "9223372036854775807", "-9223372036854775808"))
		}
		if r.IntN(2) == 0 {
			words = append(words, pick("WITHVALUES", "withvalues", "WITHVALUE", "2"))
		}
		return words
	}
	words := []string{"HSCAN", key, pick("0", "0", "5", "-1", "x", "", "18446744073709551616")}
	for r.IntN(2) == 0 {
		words = append(words, pick("MATCH", "COUNT", "match", "TYPE"))
		if r.IntN(8) > 0 {
			words = append(words, pick("*", "a*", "[1-9]*", "1", "10", "0", "-1", "x", ""))
		}
	}
	return words
}

func TestHammer(t *testing.T) {
	newRig(t).Hammer(t, 7, 30_000)
}
