// SPDX-License-Identifier: BSD-3-Clause

package zsets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/zsets"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

// TestNoMemory: what is refused memory, here of a large set that somebody reads, has not been done by halves.
func TestNoMemory(t *testing.T) {
	member := func(i int) string { return fmt.Sprintf("%010d", i) }
	var some []string
	for i := range 15_000 {
		some = append(some, member(i*2))
	}
	commandtest.Shortage{
		Lines: []string{
			"ZREMRANGEBYRANK z 100 35000", "ZREMRANGEBYSCORE z 10 (9000", "ZPOPMAX z 30000", "ZREM z " + strings.Join(some, " "),
			"ZADD z -1 " + strings.Join(some, " 3e3 "), "ZUNIONSTORE z 1 z WEIGHTS -1",
		},
		Most: 2 << 20, Step: 256 << 10,
		Fill: func(t *testing.T) *commandtest.Rig {
			rig := commandtest.NewRig(t, zsets.Family)
			add := []string{"ZADD", "z"}
			for i := range 40_000 {
				add = append(add, fmt.Sprint(i/3), member(i))
			}
			rig.Do(2, add...)
			return rig
		},
		View: func(t *testing.T, rig *commandtest.Rig) *store.Frozen {
			z, err := rig.DB.FindZSet([]byte("z"))
			if err != nil || !z.IsBig() {
				t.Fatalf("the set is not big: %v", err)
			}
			return z.Freeze()
		},
		Read: func(rig *commandtest.Rig) string { return string(rig.Do(2, "ZRANGE", "z", "0", "-1", "WITHSCORES")) },
	}.Run(t)
}
