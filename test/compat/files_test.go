// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/testutil"
)

// thresholds are directives by which values are laid out in one way or another, and what the tests set them to.
var thresholds = map[string][]string{
	"list-max-listpack-size":    {"-2", "-1", "1", "3", "128"},
	"list-compress-depth":       {"0", "0", "1", "2"},
	"hash-max-listpack-entries": {"128", "0", "5", "512"},
	"hash-max-listpack-value":   {"64", "4", "1000"},
	"set-max-intset-entries":    {"512", "0", "20"},
	"zset-max-listpack-entries": {"128", "0", "5"},
	"zset-max-listpack-value":   {"64", "4", "1000"},
	"stream-node-max-entries":   {"100", "1", "7"},
	"rdbcompression":            {"yes", "yes", "no"},
}

// randomSetup gives each of the directives one of its values.
func randomSetup(rng *rand.Rand) map[string]string {
	setup := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(thresholds)) {
		setup[name] = thresholds[name][rng.IntN(len(thresholds[name]))]
	}
	return setup
}

// asArgs gives a setup as arguments of a server.
func asArgs(setup map[string]string) (args []string) {
	for name, value := range setup {
		args = append(args, "--"+name, value)
	}
	return args
}

// fromDirectory starts Redpoll with a setup and what there is in a directory.
func fromDirectory(t *testing.T, dir string, setup map[string]string) *testutil.Client {
	t.Helper()
	config := maps.Clone(setup)
	config["dir"], config["enable-debug-command"], config["save"] = dir, "yes", ""
	s, err := redpoll.Start(redpoll.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return testutil.Dial(t, "tcp", s.Addr())
}

// oracleFrom starts redis-server likewise.
func oracleFrom(t *testing.T, dir string, setup map[string]string) *testutil.Client {
	t.Helper()
	return testutil.Oracle(t, append(asArgs(setup), "--dir", dir)...).Dial(t)
}

// everything makes some keys of every type in both servers, in two databases, and gives some of them a time to die, and libraries of functions.
func (tr *travellers) everything() {
	tr.both("FUNCTION", "LOAD", aLibrary("short", 0))
	tr.both("FUNCTION", "LOAD", aLibrary("long", 20))
	types := []string{"string", "list", "ints", "set", "zset", "hash", "stream", "groups"}
	if v, err := tr.oracle.Do("HPEXPIREAT", "no such key", "1", "FIELDS", "1", "f"); err == nil && !v.IsError() {
		types = append(types, "fields") // the oracle is new enough
	}
	for _, db := range []string{"3", "0"} {
		tr.both("SELECT", db)
		for _, typ := range types {
			for i := range 3 {
				key := fmt.Sprint(typ, i)
				tr.value(key, typ)
				if tr.rng.IntN(3) == 0 {
					tr.both("PEXPIREAT", key, strconv.Itoa(4_000_000_000_000+tr.rng.IntN(1e9)))
				}
			}
		}
	}
}

// libraries gives what a server tells of its libraries of functions, in their order.
func libraries(t *testing.T, c *testutil.Client) (all []string) {
	t.Helper()
	for _, l := range c.Must(t, "FUNCTION", "LIST", "WITHCODE").Elems {
		all = append(all, testutil.Format(l))
	}
	slices.Sort(all)
	return all
}

// aLibrary gives the text of a library with one function that has the library's name and gives a number.
func aLibrary(name string, n int) string {
	return fmt.Sprintf("#!lua name=%s\n%sredis.register_function{function_name='%s', callback=function() return %d end, description='d', flags={'no-writes'}}",
		name, strings.Repeat("-- the same again\n", n), name, n)
}

// summaries give each key's type and time to die, and what tells its value from all others.
func summaries(t *testing.T, c *testutil.Client, keys []string) (texts []string) {
	t.Helper()
	var calls [][]string
	for _, key := range keys {
		calls = append(calls, []string{"TYPE", key}, []string{"PEXPIRETIME", key}, digesting(key))
	}
	for about := range slices.Chunk(all(t, c, calls...), 3) {
		texts = append(texts, fmt.Sprintf("a %s until %d: %q", about[0].Str, about[1].Int, digest(t, about[2])))
	}
	return texts
}

// digesting gives the command that tells a value from all others. Of a sorted set that is all that it holds, since servers newer than 7.0
// have another text of the same score.
func digesting(key string) []string {
	if strings.HasPrefix(key, "zset") {
		return []string{"ZRANGE", key, "0", "-1", "WITHSCORES"}
	}
	return []string{"DEBUG", "DIGEST-VALUE", key}
}

// digest gives what that command replies.
func digest(t *testing.T, reply testutil.Value) []string {
	t.Helper()
	texts := reply.Strings()
	for i := 1; i < len(texts); i += 2 {
		score, err := strconv.ParseFloat(texts[i], 64)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = fmt.Sprint(score + 0) // newer servers make 0 of -0
	}
	return texts
}

// sameKeys compares all that two servers hold, key by key, and library by library.
func sameKeys(t *testing.T, want, got *testutil.Client) {
	t.Helper()
	if w, g := libraries(t, want), libraries(t, got); !slices.Equal(w, g) {
		t.Errorf("the libraries are\n%s\nwant\n%s", g, w)
	}
	if w, g := want.Must(t, "FCALL", "short", "0"), got.Must(t, "FCALL", "short", "0"); w.Int != g.Int {
		t.Errorf("a function gives %d, want %d", g.Int, w.Int)
	}
	for _, db := range []string{"0", "3"} {
		want.Must(t, "SELECT", db)
		got.Must(t, "SELECT", db)
		keys, have := want.Must(t, "KEYS", "*").Strings(), got.Must(t, "KEYS", "*").Strings()
		slices.Sort(keys)
		slices.Sort(have)
		if len(keys) == 0 || !slices.Equal(keys, have) {
			t.Fatalf("database %s has the keys %q, want %q", db, have, keys)
		}
		w, g := summaries(t, want, keys), summaries(t, got, keys)
		for i, key := range keys {
			if w[i] != g[i] {
				t.Errorf("database %s: %s is %.500s, want %.500s", db, key, g[i], w[i])
			}
			if strings.HasPrefix(key, "stream") || strings.HasPrefix(key, "groups") {
				if w, g := whole(t, want, key), whole(t, got, key); w != g {
					t.Errorf("database %s: the stream %s is\n%s\nwant\n%s", db, key, g, w)
				}
			}
		}
	}
}

// journeys are the seeds of the data that travel: each does so in one of the builds, more of them in the debug build, which sees all that the
// other one sees.
func journeys() []uint64 {
	if invariants.Enabled {
		return []uint64{0, 1}
	}
	return []uint64{2}
}

// TestFilesTravel has both servers write files of the same random data, laid out by random directives, and each start from the other's,
// with the same directives and with others.
func TestFilesTravel(t *testing.T) {
	for _, seed := range journeys() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 11))
			setup, others := randomSetup(rng), randomSetup(rng)
			t.Logf("%v, then %v", setup, others)
			ours, theirs := t.TempDir(), t.TempDir()
			tr := &travellers{t: t, rng: rng, oracle: oracleFrom(t, theirs, setup), subject: fromDirectory(t, ours, setup)}
			tr.everything()
			tr.both("SAVE")
			tr.arrive()
			sameKeys(t, tr.oracle, tr.subject)
			for _, reading := range []map[string]string{setup, others} {
				subject, oracle := fromDirectory(t, theirs, reading), oracleFrom(t, ours, reading)
				sameKeys(t, tr.oracle, subject)
				sameKeys(t, tr.subject, oracle)
				subject.Must(t, "SAVE") // what has come is written again, in the place of the other's file
				oracle.Must(t, "SAVE")
				sameKeys(t, tr.subject, oracleFrom(t, theirs, reading))
				sameKeys(t, tr.oracle, fromDirectory(t, ours, reading))
			}
		})
	}
}

// rewritten has a server write its append-only files anew, and waits until they are.
func rewritten(t *testing.T, c *testutil.Client) {
	t.Helper()
	c.Must(t, "BGREWRITEAOF")
	testutil.Poll(t, testutil.Patience, func() bool {
		info := c.Must(t, "INFO", "persistence").Str
		return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") &&
			strings.Contains(info, "aof_last_bgrewrite_status:ok")
	})
}

// copied copies a directory whose files nobody writes to at present.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestAppendOnlyFilesTravel has both servers log the same random commands, and write their files anew, and each start from the other's
// files.
func TestAppendOnlyFilesTravel(t *testing.T) {
	for _, seed := range journeys() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 12))
			setup, others := randomSetup(rng), randomSetup(rng)
			for _, s := range []map[string]string{setup, others} {
				s["appendonly"] = "yes"
				s["aof-use-rdb-preamble"] = []string{"yes", "no"}[rng.IntN(2)]
				s["aof-timestamp-enabled"] = []string{"yes", "no"}[rng.IntN(2)]
			}
			others["stream-node-max-entries"] = setup["stream-node-max-entries"] // or blocks begin elsewhere
			t.Logf("%v, then %v", setup, others)
			ours, theirs := t.TempDir(), t.TempDir()
			tr := &travellers{t: t, rng: rng, oracle: oracleFrom(t, theirs, setup), subject: fromDirectory(t, ours, setup)}
			exchange := func() {
				tr.both("CONFIG", "SET", "appendfsync", "always")
				tr.both("SET", "last", "v") // with it all is on the disk
				tr.both("CONFIG", "SET", "appendfsync", "everysec")
				tr.arrive()
				sameKeys(t, tr.oracle, tr.subject)
				sameKeys(t, tr.oracle, fromDirectory(t, copied(t, theirs), others))
				sameKeys(t, tr.subject, oracleFrom(t, copied(t, ours), others))
			}
			tr.everything()
			exchange() // increments
			rewritten(t, tr.oracle)
			rewritten(t, tr.subject)
			exchange() // bases
			tr.both("FUNCTION", "LOAD", "REPLACE", aLibrary("short", 1))
			tr.both("FUNCTION", "DELETE", "long")
			tr.both("SELECT", "3")
			tr.both("DEL", "string0", "hash1")
			tr.both("RPUSH", "list1", "behind the base")
			tr.both("SELECT", "0")
			tr.both("MULTI")
			tr.both("SET", "of a transaction", "v")
			tr.both("PEXPIREAT", "set0", "4000000000123")
			tr.both("FUNCTION", "LOAD", aLibrary("queued", 2))
			tr.both("EXEC")
			tr.arrive()
			payload := tr.oracle.Must(t, "FUNCTION", "DUMP").Str
			tr.both("FUNCTION", "FLUSH")
			tr.both("FUNCTION", "RESTORE", payload)
			exchange() // both
		})
	}
}
