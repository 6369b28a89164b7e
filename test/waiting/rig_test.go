// SPDX-License-Identifier: BSD-3-Clause

package waiting

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

var (
	budget = flag.Duration("waiting.time", time.Second, "how long each of the tests works on each server")
	rounds = flag.Int("waiting.rounds", 0, "elements that go through the chains on each setup of Redpoll; 0: as many as there is time for")
)

// patience is how long something may take that should happen at once.
const patience = testutil.Patience

// everywhere runs a test on redis-server and on several setups of Redpoll: few loops and many, all keys in one shard and in several.
func everywhere(t *testing.T, test func(t *testing.T, target *testutil.Target)) {
	t.Run("redis-server", func(t *testing.T) { test(t, testutil.Oracle(t)) })
	for _, o := range []redpoll.Options{{Loops: 2, Shards: 1}, {Loops: 2, Shards: 64}, {Loops: 7, Shards: 4}} {
		t.Run(fmt.Sprintf("%d loops, %d shards", o.Loops, o.Shards), func(t *testing.T) { test(t, start(t, o)) })
	}
}

// start starts a server for the length of the test, which fails when a command or housekeeping panicked meanwhile.
func start(t *testing.T, o redpoll.Options) *testutil.Target {
	t.Helper()
	before := runtime.GOMAXPROCS(o.Loops + 1) // as the server's binary does
	server, err := redpoll.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	target := &testutil.Target{Name: "redpoll", Network: "tcp", Addr: server.Addr(), Redpoll: true}
	t.Cleanup(func() {
		if n := info(t, target.Dial(t), "stats", "redpoll_handler_panics"); n != 0 {
			t.Errorf("%d panics", n)
		}
		server.Close()
		runtime.GOMAXPROCS(before)
	})
	return target
}

// info gives a number from INFO.
func info(t testing.TB, c *testutil.Client, section, field string) int {
	t.Helper()
	n, err := infoField(c, section, field)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func infoField(c *testutil.Client, section, field string) (int, error) {
	v, err := c.Do("INFO", section)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(v.Str) {
		if text, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.Atoi(strings.TrimSpace(text))
		}
	}
	return 0, fmt.Errorf("INFO %s has no %s", section, field)
}

// awaitWaiting waits until so many clients wait.
func awaitWaiting(t testing.TB, c *testutil.Client, n int) {
	t.Helper()
	testutil.Poll(t, patience, func() bool { return info(t, c, "clients", "blocked_clients") == n })
}

// ok reports what went wrong with a command that should have worked.
func ok(v testutil.Value, err error) error {
	if err == nil && v.IsError() {
		return fmt.Errorf("%s", v.Str)
	}
	return err
}
