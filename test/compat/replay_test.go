// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestReplay sends random calls to a server that logs what they change, Redpoll or redis-server, and has both run that again: the keys and the
// libraries of functions are what they were.
func TestReplay(t *testing.T) {
	bin := testutil.OracleBinary(t)
	specs := readSyntax(t, testutil.Oracle(t))
	for seed := range seeds(t) {
		calls := randomCalls(seed, specs)
		if diff := replay(t, bin, calls, seed); diff != "" && replay(t, bin, calls, seed) != "" {
			bad := func(calls [][]string) bool { return replay(t, bin, calls, seed) != "" }
			calls = shrinkScripts(shrink(calls, bad), bad)
			var lines []string
			for _, c := range calls {
				lines = append(lines, "> "+testutil.Quote(c))
			}
			t.Fatalf("-compat.seed=%d, shrunk to %d calls:\n%s\n%s", seed, len(calls), strings.Join(lines, "\n"), replay(t, bin, calls, seed))
		}
	}
}

// randomCalls gives the calls of one run: in every second one, scripts and functions make most of them.
func randomCalls(seed uint64, specs []*command.Spec) (calls [][]string) {
	if seed%2 == 0 {
		g := newGenerator(seed, specs)
		for range callsPerRun {
			calls = append(calls, g.call())
		}
		return calls
	}
	g := newScriptwriter(seed, specs)
	g.proto = 2
	for len(calls) < scriptsPerRun {
		switch g.rnd.IntN(5) {
		case 0:
			calls = append(calls, g.change())
		case 1, 2:
			calls = append(calls, g.byFunction(g.plain()))
		default:
			calls = append(calls, g.step()...)
		}
	}
	return calls
}

// change makes a call that changes which libraries there are; all have the same function.
func (g *scriptwriter) change() []string {
	name := []string{"one", "two"}[g.rnd.IntN(2)]
	code := "#!lua name=" + name + "\n--" + fmt.Sprint(g.rnd.IntN(100)) + "\nredis.register_function('run',function(keys,args) " +
		"return redis.call(unpack(args)) end)"
	changes := [][]string{{"LOAD", "REPLACE", code}, {"LOAD", "REPLACE", code}, {"LOAD", code}, {"DELETE", name}, {"FLUSH"}}
	return append([]string{"FUNCTION"}, changes[g.rnd.IntN(len(changes))]...)
}

// byFunction has a call be made by the function of the libraries.
func (g *scriptwriter) byFunction(call []string) []string {
	if wouldWait(call) {
		return call
	}
	return append([]string{"FCALL", "run", "0"}, call...)
}

// A host starts a server that logs to a directory, and what was logged there is run again. stop ends it.
type host func(dir string) (target *testutil.Target, stop func() error)

// replay logs the calls and describes the first difference that shows when they are run again; "" when there is none. Who writes the log, and
// how, depends on the seed.
func replay(t *testing.T, bin string, calls [][]string, seed uint64) string {
	t.Helper()
	chance := rand.New(rand.NewPCG(seed, 9))
	config := map[string]string{
		"appendonly": "yes", "appendfsync": "no", "save": "", "enable-debug-command": "yes",
		"aof-use-rdb-preamble": []string{"yes", "no"}[chance.IntN(2)], "aof-timestamp-enabled": []string{"no", "yes"}[chance.IntN(2)],
	}
	hosts := []host{
		func(dir string) (*testutil.Target, func() error) {
			here := maps.Clone(config)
			here["dir"] = dir
			s, target := startFrom(t, here)
			return target, s.Close
		},
		func(dir string) (*testutil.Target, func() error) {
			port := fmt.Sprint(testutil.FreePort(t))
			args := []string{"--dir", dir, "--bind", "127.0.0.1", "--port", port}
			for name, value := range config {
				args = append(args, "--"+name, value)
			}
			p := testutil.Launch(t, bin, args, "tcp", "127.0.0.1:"+port)
			p.Await(t)
			p.Target.Name = "redis-server"
			return p.Target, p.Stop
		},
	}
	dirs := []string{t.TempDir(), t.TempDir()}
	target, stop := hosts[chance.IntN(2)](dirs[0])
	want, err := converse(target, 2, calls)
	if err != nil {
		t.Fatal(err)
	}
	libraries := functions(t, target)
	if chance.IntN(2) == 1 {
		rewriteAOF(t, target)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dirs[1], os.DirFS(dirs[0])); err != nil {
		t.Fatal(err)
	}
	for i, start := range hosts {
		again, stop := start(dirs[i])
		got := map[string]keyState{}
		if err := readKeys(again, got); err != nil {
			t.Fatal(err)
		}
		diff := compareKeys(&duel{oracle: target, subject: again}, lasting(want.keys), lasting(got))
		if l := functions(t, again); diff == "" && l != libraries {
			diff = fmt.Sprintf("the libraries were\n%s\nand on %s are\n%s", libraries, again.Name, l)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if diff != "" {
			return "logged by " + target.Name + ": " + diff
		}
	}
	return ""
}

// functions lists the libraries that a server has, all in some order: redis-server has none.
func functions(t *testing.T, target *testutil.Target) string {
	t.Helper()
	c, err := testutil.Connect(target.Network, target.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return testutil.Format(ordered(c.Must(t, "FUNCTION", "LIST", "WITHCODE")))
}

// ordered gives a value with the elements of each array in an order.
func ordered(v testutil.Value) testutil.Value {
	v.Elems = slices.Clone(v.Elems)
	for i := range v.Elems {
		v.Elems[i] = ordered(v.Elems[i])
	}
	return v.Sorted(1)
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
	testutil.Poll(t, testutil.Patience, func() bool {
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
