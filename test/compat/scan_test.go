// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestScans walks keyspaces, hashes and sets of several sizes to the end on both servers: whatever the cursors are, the same
// elements come, and none is missing that was there all the time, however much the table grows and shrinks meanwhile.
func TestScans(t *testing.T) {
	most := 3000
	if invariants.Enabled {
		most = 600
	}
	for _, target := range []*testutil.Target{testutil.Oracle(t), subject(t)} {
		for _, size := range []int{1, 100, most} {
			t.Run(fmt.Sprintf("%s/%d", target.Name, size), func(t *testing.T) {
				c := target.Dial(t)
				c.Must(t, "FLUSHALL")
				change(t, c, "stay", size, true)
				scanAll(t, c, size, []string{"SCAN"}, []string{"MATCH", "stay*", "COUNT", "7", "TYPE", "string"}, 1)
				scanAll(t, c, size, []string{"HSCAN", "hash"}, []string{"COUNT", "7"}, 2)
				scanAll(t, c, size, []string{"SSCAN", "set"}, []string{"COUNT", "7", "MATCH", "*"}, 1)
			})
		}
	}
}

// scanAll scans to the end while keys come and go, and wants the elements stay0, stay1, … each at least once.
func scanAll(t *testing.T, c *testutil.Client, size int, cmd, options []string, step int) {
	t.Helper()
	seen := map[string]bool{}
	cursor, rounds := "0", 0
	for {
		v := c.Must(t, slices.Concat(cmd, []string{cursor}, options)...)
		for i := 0; i < len(v.Elems[1].Elems); i += step {
			seen[v.Elems[1].Elems[i].Str] = true
		}
		if cursor = v.Elems[0].Str; cursor == "0" {
			break
		}
		if rounds++; rounds > 100*size {
			t.Fatalf("%v has no end", cmd)
		}
		switch rounds {
		case 2:
			change(t, c, "come", 4*size, true)
		case 20:
			change(t, c, "come", 4*size, false)
		}
	}
	change(t, c, "come", 4*size, false)
	for i := range size {
		if !seen["stay"+strconv.Itoa(i)] {
			t.Errorf("%v never gave stay%d of %d, only %d elements", cmd, i, size, len(seen))
			return
		}
	}
}

// change sets or deletes n keys and as many fields of the hash and members of the set.
func change(t *testing.T, c *testutil.Client, prefix string, n int, set bool) {
	t.Helper()
	for i := 0; i < n; {
		var batch [][]string
		for ; i < n && len(batch) < 200; i++ {
			name := prefix + strconv.Itoa(i)
			if set {
				batch = append(batch, []string{"SET", name, "v"}, []string{"HSET", "hash", name, "v"}, []string{"SADD", "set", name})
			} else {
				batch = append(batch, []string{"DEL", name}, []string{"HDEL", "hash", name}, []string{"SREM", "set", name})
			}
		}
		if _, err := c.Pipeline(batch...); err != nil {
			t.Fatal(err)
		}
	}
}
