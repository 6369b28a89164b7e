// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// statNames gives the names of MEMORY STATS, and those of the first database's map behind its name.
func statNames(t *testing.T, c *testutil.Client) (names []string) {
	list := c.Must(t, "MEMORY", "STATS").Elems
	for i := 0; i+1 < len(list); i += 2 {
		names = append(names, list[i].Str)
		for j := 0; j+1 < len(list[i+1].Elems); j += 2 {
			names = append(names, list[i].Str+"/"+list[i+1].Elems[j].Str)
		}
		if strings.HasPrefix(list[i].Str, "db.") && len(list[i+1].Elems) == 0 { // redis-py 4 reads each of these as a map
			t.Errorf("%s is no map", list[i].Str)
		}
	}
	return names
}

// TestMemoryStatsLikeRedis compares names and their order.
func TestMemoryStatsLikeRedis(t *testing.T) {
	oracle, c := testutil.Oracle(t).Dial(t), client(t)
	newer := []string{"overhead.db.hashtable.lut", "overhead.db.hashtable.rehashing", "allocator.muzzy"}
	for _, call := range []string{"PING", "SET a b", "SELECT 3", "SET a b EX 1000"} {
		oracle.Must(t, strings.Fields(call)...)
		c.Must(t, strings.Fields(call)...)
		want := statNames(t, oracle)
		got := slices.DeleteFunc(statNames(t, c), func(name string) bool { return slices.Contains(newer, name) })
		if !slices.Equal(got, want) {
			t.Errorf("after %s:\ngot  %q\nwant %q", call, got, want)
		}
	}
}

// TestMemoryStats holds figures against each other and those of INFO.
func TestMemoryStats(t *testing.T) {
	c := client(t)
	stats := func() map[string]int64 {
		figures := map[string]int64{}
		list := c.Must(t, "MEMORY", "STATS").Elems
		for i := 0; i+1 < len(list); i += 2 {
			figures[list[i].Str] = list[i+1].Int
		}
		return figures
	}
	if f := stats(); f["keys.count"] != 0 || f["keys.bytes-per-key"] != 0 || f["overhead.db.hashtable.lut"] != 0 {
		t.Errorf("an empty server: %v", f)
	}
	c.Must(t, "DEBUG", "POPULATE", "10000", "key", "100")
	f := stats()
	if per := f["keys.bytes-per-key"]; f["keys.count"] != 10000 || per < 110 || per > 200 {
		t.Errorf("%d keys of %d bytes", f["keys.count"], per)
	}
	if f["overhead.total"]+f["dataset.bytes"] != f["total.allocated"] {
		t.Errorf("overhead and data are not all: %v", f)
	}
	if n := number(t, c, "used_memory_overhead"); n != f["overhead.total"] {
		t.Errorf("INFO has an overhead of %d, MEMORY STATS %d", n, f["overhead.total"])
	}
	if v := c.Must(t, "MEMORY", "MALLOC-STATS"); !strings.Contains(v.Str, "live blocks") {
		t.Errorf("MEMORY MALLOC-STATS: %v", v)
	}
	c.Must(t, "FLUSHALL")
	c.Must(t, "MEMORY", "PURGE")
	if n := number(t, c, "redpoll_arena_cached"); n != 0 && !server.Race {
		t.Errorf("after MEMORY PURGE %d bytes of free pages are resident", n)
	}
}

func TestMemoryDoctor(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		used, peak, clients, rss, resident, pages, live int64
		want                                            string
	}{
		{1 * mb, 1 * mb, 0, 20 * mb, 1 * mb, 1 * mb, 1 * mb, "little or no data"},
		{100 * mb, 120 * mb, 1 * mb, 120 * mb, 105 * mb, 101 * mb, 99 * mb, "No problem"},
		{100 * mb, 200 * mb, 1 * mb, 120 * mb, 105 * mb, 101 * mb, 99 * mb, "Peak"},
		{100 * mb, 120 * mb, 1 * mb, 220 * mb, 205 * mb, 201 * mb, 99 * mb, "Sparse"},
		{100 * mb, 120 * mb, 1 * mb, 220 * mb, 105 * mb, 101 * mb, 99 * mb, "beside"},
		{100 * mb, 120 * mb, 9 * mb, 120 * mb, 105 * mb, 101 * mb, 91 * mb, "Big clients"},
	} {
		got := server.Diagnose(test.used, test.peak, test.clients, test.rss, test.resident, test.pages, test.live, 10)
		if !strings.Contains(got, test.want) || strings.Count(got, " * ") > 1 {
			t.Errorf("%v: %s", test, got)
		}
	}
	if v := client(t).Must(t, "MEMORY", "DOCTOR"); !strings.Contains(v.Str, "little or no data") {
		t.Errorf("MEMORY DOCTOR of an empty server: %v", v)
	}
}
