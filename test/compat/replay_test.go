// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestReplay sends random calls to a server that logs what they change, and has that run again, by Redpoll and by redis-server: the keys are
// what they were.
func TestReplay(t *testing.T) {
	bin := testutil.OracleBinary(t)
	specs := readSyntax(t, testutil.Oracle(t))
	for seed := range seeds(t) {
		calls := randomCalls(seed, specs)
		if diff := replay(t, bin, calls, seed); diff != "" && replay(t, bin, calls, seed) != "" {
			calls = shrink(calls, func(calls [][]string) bool { return replay(t, bin, calls, seed) != "" })
			var lines []string
			for _, c := range calls {
				lines = append(lines, "> "+testutil.Quote(c))
			}
			t.Fatalf("-compat.seed=%d, shrunk to %d calls:\n%s\n%s", seed, len(calls), strings.Join(lines, "\n"), replay(t, bin, calls, seed))
		}
	}
}

// randomCalls gives the calls of one run.
func randomCalls(seed uint64, specs []*command.Spec) [][]string {
	g := newGenerator(seed, specs)
	calls := make([][]string, callsPerRun)
	for i := range calls {
		calls[i] = g.call()
	}
	return calls
}

// replay logs the calls and describes the first difference that shows when they are run again; "" when there is none. How the log is written
// depends on the seed.
func replay(t *testing.T, bin string, calls [][]string, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	config := map[string]string{
		"enable-debug-command": "yes", "dir": dir, "appendonly": "yes", "appendfsync": "no",
		"aof-use-rdb-preamble": []string{"yes", "no"}[seed%2], "aof-timestamp-enabled": []string{"no", "yes"}[seed/2%2],
	}
	s, target := startFrom(t, config)
	want, err := converse(target, 2, calls)
	if err != nil {
		t.Fatal(err)
	}
	if seed/4%2 == 1 {
		rewriteAOF(t, target)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	theirs := t.TempDir()
	if err := os.CopyFS(theirs, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s, target = startFrom(t, config)
	defer s.Close()
	port := fmt.Sprint(testutil.FreePort(t))
	oracle := testutil.Launch(t, bin, []string{"--dir", theirs, "--save", "", "--appendonly", "yes", "--bind", "127.0.0.1", "--port", port}, "tcp",
		"127.0.0.1:"+port)
	oracle.Await(t)
	defer oracle.Kill()
	ours, there := map[string]keyState{}, map[string]keyState{}
	if err := readKeys(target, ours); err != nil {
		t.Fatal(err)
	}
	if err := readKeys(oracle.Target, there); err != nil {
		t.Fatal(err)
	}
	before := &testutil.Target{Name: "before"}
	if diff := compareKeys(&duel{oracle: before, subject: target}, lasting(want.keys), lasting(ours)); diff != "" {
		return diff
	}
	return compareKeys(&duel{oracle: oracle.Target, subject: before}, lasting(there), lasting(want.keys))
}

// startFrom starts Redpoll in this process.
func startFrom(t *testing.T, config map[string]string) (*redpoll.Server, *testutil.Target) {
	t.Helper()
	s, err := redpoll.Start(redpoll.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return s, &testutil.Target{Name: "redpoll", Network: "tcp", Addr: s.Addr(), Redpoll: true}
}

// rewriteAOF has the append-only files rewritten, and waits until that is done.
func rewriteAOF(t *testing.T, target *testutil.Target) {
	t.Helper()
	c, err := testutil.Connect(target.Network, target.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Must(t, "BGREWRITEAOF")
	testutil.Poll(t, 10*time.Second, func() bool {
		return strings.Contains(c.Must(t, "INFO", "persistence").Str, "aof_rewrite_in_progress:0")
	})
}

// lasting gives those keys that will not have died by the time that a server has been started, without what depends on how they were
// made: the encoding, and with it the order of fields.
func lasting(keys map[string]keyState) map[string]keyState {
	keys = maps.Clone(keys)
	maps.DeleteFunc(keys, func(_ string, s keyState) bool { return s.ttl >= 0 && s.ttl < 10_000 })
	for key, s := range keys {
		s.encoding = ""
		if s.kind == "hash" {
			var pairs []string
			for pair := range slices.Chunk(strings.Split(s.value, "\n"), 2) {
				for i := range pair {
					_, pair[i], _ = strings.Cut(pair[i], ") ")
				}
				pairs = append(pairs, strings.Join(pair, " "))
			}
			slices.Sort(pairs)
			s.value = strings.Join(pairs, "\n")
		}
		keys[key] = s
	}
	return keys
}
