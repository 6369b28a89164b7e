// SPDX-License-Identifier: BSD-3-Clause

package zsets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/zsets"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/mem"
)

// TestNoMemory: what is refused memory, here of a large set that somebody reads, has not been done by halves.
func TestNoMemory(t *testing.T) {
	fill := func(t *testing.T) *commandtest.Rig {
		r := commandtest.NewRig(t, zsets.Family)
		add := []string{"ZADD", "z"}
		for i := range 40_000 {
			add = append(add, fmt.Sprint(i/3), fmt.Sprintf("%010d", i))
		}
		r.Do(2, add...)
		return r
	}
	members := func(r *commandtest.Rig) string { return string(r.Do(2, "ZRANGE", "z", "0", "-1", "WITHSCORES")) }
	var some []string
	for i := range 15_000 {
		some = append(some, fmt.Sprintf("%010d", i*2))
	}
	for _, line := range []string{
		"ZREMRANGEBYRANK z 100 35000", "ZREMRANGEBYSCORE z 10 (9000", "ZPOPMAX z 30000", "ZREM z " + strings.Join(some, " "),
		"ZADD z -1 " + strings.Join(some, " 3e3 "), "ZUNIONSTORE z 1 z WEIGHTS -1",
	} {
		words := strings.Fields(line)
		whole := fill(t)
		before := members(whole)
		whole.Do(2, words...)
		after := members(whole)
		refusals := 0
		for room := int64(0); room < 2<<20; room += 256 << 10 {
			t.Run(fmt.Sprintf("%.30s/%d KB", line, room>>10), func(t *testing.T) {
				r := fill(t)
				z, err := r.DB.FindZSet([]byte("z"))
				if err != nil || !z.IsBig() {
					t.Fatalf("the set is not big: %v", err)
				}
				view := z.Freeze()
				defer view.Release()
				r.Arena.SetLimit(r.Arena.InUse() + room)
				want := after
				if refused(func() { r.Do(2, words...) }) {
					want = before
					refusals++
				}
				r.Arena.SetLimit(0)
				if members(r) != want {
					t.Error("done by halves")
				}
			})
		}
		if refusals == 0 {
			t.Errorf("%.30s was never refused", line)
		}
	}
}

// refused tells whether there was no memory for a call.
func refused(call func()) (is bool) {
	defer func() {
		if p := recover(); p != nil {
			if is = p == error(mem.ErrNoMemory); !is {
				panic(p)
			}
		}
	}()
	call()
	return false
}
