// SPDX-License-Identifier: BSD-3-Clause

package geos_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

// TestNoMemory: what is refused memory, here of a large set that somebody reads, has not been done by halves.
func TestNoMemory(t *testing.T) {
	place := func(i int, shift float64) string {
		return fmt.Sprintf("%v %v place:%06d", float64(i%360)-180+shift, float64(i%170)-85+shift, i)
	}
	var moved []string
	for i := range 10_000 {
		moved = append(moved, place(i*3, 0.01))
	}
	commandtest.Shortage{
		Lines: []string{"GEOADD g " + strings.Join(moved, " "), "GEOSEARCHSTORE g g FROMLONLAT 0 0 BYRADIUS 9000 km STOREDIST"},
		Most:  2 << 20, Step: 256 << 10,
		Fill: func(t *testing.T) *commandtest.Rig {
			rig := newRig(t)
			add := []string{"GEOADD", "g"}
			for i := range 40_000 {
				add = append(add, strings.Fields(place(i, 0))...)
			}
			rig.Do(2, add...)
			return rig
		},
		View: func(t *testing.T, rig *commandtest.Rig) *store.Frozen {
			z, err := rig.DB.FindZSet([]byte("g"))
			if err != nil || !z.IsBig() {
				t.Fatalf("the set is not big: %v", err)
			}
			return z.Freeze()
		},
		Read: func(rig *commandtest.Rig) string { return string(rig.Do(2, "ZRANGE", "g", "0", "-1", "WITHSCORES")) },
	}.Run(t)
}
