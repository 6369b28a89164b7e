// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestFlushGivesMemoryBack fills a server and looks at its memory when the data is gone.
func TestFlushGivesMemoryBack(t *testing.T) {
	for _, flush := range []string{"FLUSHALL", "FLUSHDB"} {
		c := client(t)
		empty := number(t, c, "used_memory")
		for i := range 20 { // in steps that take much less time than a client waits
			c.Must(t, "DEBUG", "POPULATE", "10000", fmt.Sprint("key", i), "400")
		}
		if n := number(t, c, "used_memory"); n < empty+80e6 {
			t.Errorf("used_memory is %d with 80 MB of data", n)
		}
		c.Must(t, flush)
		if n := number(t, c, "allocator_active"); n != 0 {
			t.Errorf("after %s %d bytes of pages are held", flush, n)
		}
		if n := number(t, c, "used_memory"); n > empty+4096 {
			t.Errorf("after %s used_memory is %d, before the data it was %d", flush, n, empty)
		}
		if !server.Race {
			testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_arena_cached") <= 16<<20 })
		}
	}
}

// TestEncodingIsAccountedFor: what changes a value's encoding alone changes the memory that is in use.
func TestEncodingIsAccountedFor(t *testing.T) {
	c := client(t)
	c.Must(t, "SET", "k", "12")
	before := number(t, c, "allocator_allocated")
	if v := c.Must(t, "SETBIT", "k", "2", "1"); v.Int != 1 {
		t.Fatalf("the bit was %d", v.Int)
	}
	if after := number(t, c, "allocator_allocated"); after >= before {
		t.Errorf("%d bytes with two bytes of text, %d with a number", after, before)
	}
}

// TestFlushTouchesWatched makes a transaction fail whose key was flushed.
func TestFlushTouchesWatched(t *testing.T) {
	_, target := start(t, redpoll.Options{})
	c, other := target.Dial(t), target.Dial(t)
	for _, test := range []struct {
		key, flush string
		fails      bool
	}{{"there", "FLUSHALL", true}, {"there", "FLUSHDB", true}, {"missing", "FLUSHALL", false}} {
		c.Must(t, "SET", "there", "v")
		c.Must(t, "WATCH", test.key)
		c.Must(t, "MULTI")
		c.Must(t, "PING")
		other.Must(t, test.flush)
		if v := c.Must(t, "EXEC"); v.Null != test.fails {
			t.Errorf("%s with %s watched: %v", test.flush, test.key, v)
		}
	}
}

func TestMemoryUsage(t *testing.T) {
	c := client(t)
	c.Must(t, "SET", "small", "v")
	c.Must(t, "SET", "dying", "v", "EX", "1000")
	c.Must(t, "SETRANGE", "large", "99999", "x")
	c.Must(t, "HSET", "packed", "f", "v")
	args := []string{"HSET", "table"}
	for i := range 1000 {
		args = append(args, fmt.Sprint("field", i), strings.Repeat("v", 100))
	}
	c.Must(t, args...)
	usage := func(key string, more ...string) int64 {
		return c.Must(t, append([]string{"MEMORY", "USAGE", key}, more...)...).Int
	}
	for _, test := range []struct {
		key      string
		lo, hi   int64
		sampling []string
	}{
		{"small", 16, 2000, nil}, // of a table of one key the share is the whole
		{"dying", 24, 8000, nil},
		{"large", 100_000, 130_000, nil},
		{"packed", 20, 2000, nil},
		{"table", 110_000, 160_000, nil},
		{"table", 110_000, 160_000, []string{"SAMPLES", "0"}},
		{"table", 110_000, 160_000, []string{"SAMPLES", "1"}},
		{"table", 110_000, 160_000, []string{"SAMPLES", "5000"}},
	} {
		if n := usage(test.key, test.sampling...); n < test.lo || n > test.hi {
			t.Errorf("MEMORY USAGE %s %q: %d, want %d..%d", test.key, test.sampling, n, test.lo, test.hi)
		}
	}
	// All keys together take what the server says it has for its data, but for what tables have spare.
	sum := int64(0)
	c.Must(t, "FLUSHALL")
	c.Must(t, "DEBUG", "POPULATE", "3000", "key", "100")
	for i := range 3000 {
		sum += usage(fmt.Sprint("key:", i))
	}
	if live := number(t, c, "allocator_allocated"); sum > live || sum < live*9/10 {
		t.Errorf("keys add up to %d of %d bytes", sum, live)
	}
}

// TestFlushIsPropagated reads what goes to the log: flushes do even when there was nothing to remove, POPULATE never does.
func TestFlushIsPropagated(t *testing.T) {
	cfg := config.New()
	err := cfg.Load(config.Source{Options: "port 0\nbind 127.0.0.1\nenable-debug-command yes\nsave \"\""})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	log := s.Effects().Attach(nil)
	defer log.Close()
	c := testutil.Dial(t, "tcp", s.Addrs()[0].String())
	c.Must(t, "DEBUG", "POPULATE", "10")
	c.Must(t, "FLUSHDB", "ASYNC")
	c.Must(t, "FLUSHALL")
	do(t, c, "FLUSHALL", "NONSENSE")
	var want []byte
	for _, args := range [][]string{{"SELECT", "0"}, {"FLUSHDB", "ASYNC"}, {"FLUSHALL"}} {
		want = testutil.AppendCommand(want, args...)
	}
	if got := bytes.Join(log.Peek(), nil); string(got) != string(want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

// TestMaxMemory has redis-server and Redpoll refuse the same when both use more than they may. With two loops it would be by chance
// whether the client or another loop finds a shard busy that the other evicts from.
func TestMaxMemory(t *testing.T) {
	_, target := start(t, redpoll.Options{Loops: 1})
	oracle, c := testutil.Oracle(t).Dial(t), target.Dial(t)
	for _, line := range []string{
		"SET a 1", "HSET h f v", "MULTI", "SET b 1", "CONFIG SET maxmemory 1", "EXEC",
		"CONFIG SET maxmemory 1", "SET a 2", "GET a", "INCR a", "HSET h f w", "HGET h f", "EXPIRE a 1000", "PERSIST a", "COPY a b", "RENAME a c",
		"MULTI", "GET c", "MULTI", "WATCH c", "SELECT 1", "EXEC", "WATCH c", "MULTI", "EXEC", "MULTI", "SET a 1", "DISCARD",
		"MULTI", "RESET", "CONFIG SET maxmemory 0", "SET a 2", "CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru",
		"SET a 3", "GET a", "CONFIG SET maxmemory 0 maxmemory-policy noeviction", "FLUSHALL",
		"SET a 1", "SET b 1 EX 1000", "HSET h f v", "CONFIG SET maxmemory-policy volatile-ttl maxmemory 1", "EXISTS a b h", "SET c 1",
		"MULTI", "SET c 1", "EXEC", "MULTI", "EXEC", "CONFIG SET maxmemory-policy allkeys-lru", "EXISTS a b h", "DBSIZE", "SET c 1", "EXPIRE c 1000",
		"CONFIG SET maxmemory 0", "SET a 1", "MULTI", "SET b 2", "CONFIG SET maxmemory 1", "SET c 3", "DBSIZE", "EXEC", "DBSIZE",
		"CONFIG SET maxmemory 0", "SET n 100", "OBJECT REFCOUNT n", "OBJECT FREQ n", "CONFIG SET maxmemory 1gb",
		"CONFIG SET maxmemory-policy volatile-lfu", "SET m 100", "OBJECT REFCOUNT m", "OBJECT FREQ m", "OBJECT IDLETIME m",
		"SET m v", "OBJECT FREQ m", "CONFIG SET lfu-log-factor 0", "SET m w", "OBJECT FREQ m", "GET m", "OBJECT FREQ m", "DEL m",
		"SET m v", "OBJECT FREQ m",
		"CONFIG SET maxmemory-policy allkeys-random", "SET n 100", "OBJECT REFCOUNT n", "SET s v", "OBJECT FREQ s", "OBJECT IDLETIME s",
		"CONFIG SET maxmemory-samples 0", "CONFIG SET maxmemory-eviction-tenacity 101", "CONFIG SET maxmemory-policy some",
		"CONFIG SET maxmemory 0 maxmemory-policy noeviction", "FLUSHALL",
	} {
		args := strings.Fields(line)
		want, got := do(t, oracle, args...), do(t, c, args...)
		if args[0] == "OBJECT" && args[1] == "IDLETIME" && want.Kind == got.Kind && want.Kind == ':' {
			got.Int = want.Int // as the machine is slow
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}
