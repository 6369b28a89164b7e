// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// travellers makes the same values in redis-server and in Redpoll, and has them travel by DUMP and RESTORE.
type travellers struct {
	t               *testing.T
	rng             *rand.Rand
	oracle, subject *testutil.Client
	waiting         [][]string // commands that both are still to get
}

// both sends a command to both servers, if not now, then with the next that arrive makes.
func (tr *travellers) both(args ...string) {
	tr.t.Helper()
	if tr.waiting = append(tr.waiting, args); len(tr.waiting) == 100 {
		tr.arrive()
	}
}

// arrive has all commands that were given to both be done.
func (tr *travellers) arrive() {
	tr.t.Helper()
	calls := tr.waiting
	tr.waiting = nil
	for _, c := range []*testutil.Client{tr.oracle, tr.subject} {
		all(tr.t, c, calls...)
	}
}

// all sends commands and gives the replies, of which none may be an error.
func all(t *testing.T, c *testutil.Client, calls ...[]string) (values []testutil.Value) {
	t.Helper()
	replies, err := c.Pipeline(calls...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range replies {
		if r.Value.IsError() {
			t.Fatalf("%.200s: %s", testutil.Quote(calls[i]), r.Value.Str)
		}
		values = append(values, r.Value)
	}
	return values
}

// text gives a text of one of the kinds that are written in different ways.
func (tr *travellers) text() string {
	rng := tr.rng
	switch rng.IntN(8) {
	case 0:
		return strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10)
	case 1:
		return []string{"", "-0", "007", "+1", "1.5", "9223372036854775808", " 1"}[rng.IntN(7)]
	case 2:
		b := make([]byte, rng.IntN(100))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return string(b)
	case 3:
		return strings.Repeat("abc"[:1+rng.IntN(3)], rng.IntN(100))
	case 4:
		most := []int{100, 100, 100, 100, 2000}[rng.IntN(5)] // few that are larger than a block
		return strings.Repeat(strconv.Itoa(rng.IntN(1e9))+" and ", rng.IntN(1+rng.IntN(most)))
	default:
		return "text" + strconv.Itoa(rng.IntN(10_000))
	}
}

// value makes a key of a type, and has it arrive.
func (tr *travellers) value(key, typ string) {
	defer tr.arrive()
	rng := tr.rng
	n := []int{1, 2, 10, 100, 128, 129, 600}[rng.IntN(7)]
	switch typ {
	case "string":
		tr.both("SET", key, tr.text())
	case "list":
		for range n {
			tr.both([]string{"RPUSH", "RPUSH", "LPUSH"}[rng.IntN(3)], key, tr.text(), tr.text())
		}
	case "ints":
		bits := []int{48, 32, 0}[rng.IntN(3)]
		for range n {
			tr.both("SADD", key, strconv.FormatInt(int64(rng.Uint64())>>bits, 10))
		}
	case "set":
		for range n {
			tr.both("SADD", key, tr.text())
		}
	case "zset":
		for range n {
			score := strconv.FormatFloat((rng.Float64()-0.5)*float64(rng.IntN(3)), 'g', -1, 64)
			tr.both("ZADD", key, []string{score, score, strconv.Itoa(rng.IntN(1000) - 500), "inf", "-inf"}[rng.IntN(5)], tr.text())
		}
	case "hash":
		for range n {
			tr.both("HSET", key, tr.text(), tr.text())
		}
	case "fields":
		for i := range n {
			tr.both("HSET", key, "f"+strconv.Itoa(i), tr.text())
			if rng.IntN(2) == 0 {
				tr.both("HPEXPIREAT", key, strconv.Itoa(4_000_000_000_000+rng.IntN(1e9)), "FIELDS", "1", "f"+strconv.Itoa(i))
			}
		}
	case "stream", "groups":
		tr.stream(key, n, typ == "groups")
	}
}

// stream makes a stream of n entries, of which some are deleted, and gives it groups and consumers, some of which have read.
func (tr *travellers) stream(key string, n int, groups bool) {
	rng := tr.rng
	fields := []string{tr.text(), tr.text()}
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint(1+i*i, "-", rng.IntN(3)))
		call := []string{"XADD", key, ids[i], fields[0], tr.text(), fields[1], tr.text()}
		tr.both(call[:len(call)-2*(rng.IntN(5)/4)]...)
	}
	tr.both("XDEL", key, ids[rng.IntN(n)], ids[rng.IntN(n)])
	for i := range 4 * rng.IntN(2) {
		group := "g" + strconv.Itoa(i)
		tr.both("XGROUP", "CREATE", key, group, ids[rng.IntN(n)/2], "ENTRIESREAD", strconv.Itoa(i-1))
		for c := range i {
			if groups {
				consumer := fmt.Sprint("consumer", c)
				tr.both("XREADGROUP", "GROUP", group, consumer, "COUNT", strconv.Itoa(1+rng.IntN(n)), "STREAMS", key, ">")
				tr.both("XACK", key, group, ids[rng.IntN(n)])
			}
		}
	}
}

// whole gives all that there is to know of a stream, but for what is newer than the oracle, or follows from the rest otherwise.
func whole(t *testing.T, c *testutil.Client, key string) string {
	var strip func(v testutil.Value) testutil.Value
	strip = func(v testutil.Value) testutil.Value {
		var kept []testutil.Value
		for i := 0; i < len(v.Elems); i++ {
			if name := v.Elems[i].Str; name == "active-time" || name == "nacked-count" || name == "lag" {
				i++
				continue
			}
			kept = append(kept, strip(v.Elems[i]))
		}
		v.Elems = kept
		return v
	}
	return testutil.Format(strip(sameInfo(c.Must(t, "XINFO", "STREAM", key, "FULL", "COUNT", "0"))))
}

// ordered tells whether redis-server and Redpoll have the elements of a value in one order, and blocks that hold the same.
func (tr *travellers) ordered(key string) bool {
	switch tr.oracle.Must(tr.t, "OBJECT", "ENCODING", key).Str {
	case "hashtable":
		return false
	case "quicklist":
		return tr.subject.Must(tr.t, "OBJECT", "ENCODING", key).Str == "listpack"
	}
	return true
}

// serialized gives what DEBUG OBJECT tells of the bytes that a value takes.
func serialized(t *testing.T, c *testutil.Client, key string) string {
	_, text, _ := strings.Cut(c.Must(t, "DEBUG", "OBJECT", key).Str, "serializedlength:")
	return strings.Fields(text)[0]
}

// travel has the value of a key travel from each server to the other, written in the version that Redpoll is told.
func (tr *travellers) travel(key, version string) {
	t := tr.t
	tr.subject.Must(t, "CONFIG", "SET", "rdb-version", version)
	theirs, ours := tr.oracle.Must(t, "DUMP", key).Str, tr.subject.Must(t, "DUMP", key).Str
	if version == "10" && tr.ordered(key) && !strings.HasPrefix(key, "groups") { // the servers have their times of delivery
		if theirs != ours {
			t.Errorf("%s: redis-server dumps %.200q, Redpoll %.200q", key, theirs, ours)
		}
		if want, got := serialized(t, tr.oracle, key), serialized(t, tr.subject, key); got != want {
			t.Errorf("%s: serialized it has %s bytes, in redis-server %s", key, got, want)
		}
	}
	tr.oracle.Must(t, "RESTORE", key+"2", "0", ours, "REPLACE")
	tr.subject.Must(t, "RESTORE", key+"2", "0", theirs, "REPLACE")
	if strings.HasPrefix(key, "stream") || strings.HasPrefix(key, "groups") {
		if version == "10" && whole(t, tr.oracle, key) != whole(t, tr.subject, key+"2") {
			t.Errorf("%s: another stream came from redis-server", key)
		}
		if version == "10" && whole(t, tr.subject, key) != whole(t, tr.oracle, key+"2") {
			t.Errorf("%s: another stream came to redis-server", key)
		}
	}
	for _, c := range []*testutil.Client{tr.oracle, tr.subject} {
		digests := c.Must(t, "DEBUG", "DIGEST-VALUE", key, key+"2").Elems
		if digests[0].Str != digests[1].Str {
			t.Errorf("%s: it was another value when it had come through version %s", key, version)
		}
		if strings.HasPrefix(key, "string") {
			continue // the encoding of one is a matter of its history
		}
		was, is := c.Must(t, "OBJECT", "ENCODING", key).Str, c.Must(t, "OBJECT", "ENCODING", key+"2").Str
		if was != is {
			t.Errorf("%s: it was a %s and is a %s", key, was, is)
		}
	}
}

// TestDumpTravels holds payloads of all types and encodings against each other, byte for byte where the order of elements is the same.
func TestDumpTravels(t *testing.T) {
	for _, setup := range [][]string{
		{},
		{"rdbcompression", "no"},
		{"list-max-listpack-size", "16", "list-compress-depth", "1"},
		{"hash-max-listpack-entries", "0", "zset-max-listpack-entries", "0"},
	} {
		t.Run(strings.Join(setup, " "), func(t *testing.T) {
			tr := &travellers{t: t, rng: rand.New(rand.NewPCG(7, uint64(len(setup))))}
			tr.oracle, tr.subject = testutil.Oracle(t).Dial(t), subject(t).Dial(t)
			for i := 0; i < len(setup); i += 2 {
				tr.both("CONFIG", "SET", setup[i], setup[i+1])
			}
			for _, typ := range []string{"string", "list", "ints", "set", "zset", "hash", "stream", "groups"} {
				for i := range 6 {
					key := fmt.Sprint(typ, i)
					tr.value(key, typ)
					tr.travel(key, "10")
					if typ != "stream" && typ != "groups" {
						tr.travel(key, strconv.Itoa(6+i%4))
					}
				}
			}
		})
	}
}

// TestLargeValuesTravel has values travel that Redpoll streams: to redis-server and, as they came there, back.
func TestLargeValuesTravel(t *testing.T) {
	oracle, subject := testutil.Oracle(t).Dial(t), subject(t).Dial(t)
	const elements, some = 20_000, 500
	fill := func(words func(i int) []string, call ...string) {
		for i := 0; i < elements; i += some {
			args := call
			for n := range some {
				args = append(args, words(i+n)...)
			}
			subject.Must(t, args...)
		}
	}
	text := func(i int) string { return fmt.Sprint("element ", i*7919, strings.Repeat(" of some length", i%5)) }
	fill(func(i int) []string { return []string{text(i), text(i + 1)} }, "HSET", "hash")
	fill(func(i int) []string { return []string{text(i)} }, "SADD", "set")
	fill(func(i int) []string { return []string{text(i)} }, "RPUSH", "list")
	fill(func(i int) []string { return []string{strconv.Itoa(i * 7919 % 10_007), text(i)} }, "ZADD", "zset")
	for i := 0; i < elements; i += some {
		var calls [][]string
		for n := i; n < i+some; n++ {
			calls = append(calls, []string{"XADD", "stream", fmt.Sprint(1+n, "-1"), "field", text(n), "other", text(n)})
		}
		all(t, subject, calls...)
	}
	subject.Must(t, "XGROUP", "CREATE", "stream", "group", "0")
	subject.Must(t, "XREADGROUP", "GROUP", "group", "consumer", "COUNT", "15000", "STREAMS", "stream", ">")
	subject.Must(t, "SET", "string", strings.Repeat("0123456789", 300_000))
	for _, key := range []string{"hash", "set", "list", "zset", "stream", "string"} {
		oracle.Must(t, "RESTORE", key, "0", subject.Must(t, "DUMP", key).Str)
		subject.Must(t, "RESTORE", "back", "0", oracle.Must(t, "DUMP", key).Str, "REPLACE")
		want := subject.Must(t, "DEBUG", "DIGEST-VALUE", key, "back").Strings()
		if there := oracle.Must(t, "DEBUG", "DIGEST-VALUE", key).Strings()[0]; there != want[0] || want[1] != want[0] {
			t.Errorf("a %s of %s has become %s in redis-server, and %s when it came back", key, want[0], there, want[1])
		}
		if usage := subject.Must(t, "MEMORY", "USAGE", key).Int; usage < 512<<10 {
			t.Errorf("a %s of %d bytes is not large", key, usage)
		}
	}
	if whole(t, oracle, "stream") != whole(t, subject, "stream") {
		t.Error("the groups of the stream are others")
	}
}
