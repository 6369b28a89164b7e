// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

// fill makes an array of n elements at every third index, and long ones between them.
func fill(t *testing.T, n int) *commandtest.Rig {
	t.Helper()
	r := commandtest.NewRig(t, Family)
	set := []string{"ARMSET", "a"}
	for i := range n {
		set = append(set, strconv.Itoa(3*i), "element "+strconv.Itoa(i))
		if i%1000 == 0 {
			set = append(set, strconv.Itoa(3*i+1), strings.Repeat("long ", 20_000))
		}
	}
	r.Do(2, set...)
	return r
}

// TestNoMemory: what is refused memory, here of a large array that somebody reads, has not been done by halves.
func TestNoMemory(t *testing.T) {
	var ranges, indices, pairs, values, short []string
	for i := range 3000 {
		ranges = append(ranges, strconv.Itoa(20*i), strconv.Itoa(20*i+9))
		indices = append(indices, strconv.Itoa(21*i))
		pairs = append(pairs, strconv.Itoa(17*i), fmt.Sprint("new:", i))
		values = append(values, fmt.Sprint("new:", i))
	}
	for i := range 20 {
		short = append(short, strconv.Itoa(3000*i+1), "x")
	}
	commandtest.Shortage{
		Lines: []string{
			"ARDELRANGE a " + strings.Join(ranges, " "), "ARDEL a " + strings.Join(indices, " "), "ARMSET a " + strings.Join(pairs, " "),
			"ARSET a 500 " + strings.Join(values, " "), "ARINSERT a " + strings.Join(values, " "), "ARMSET a " + strings.Join(short, " "),
			"ARRING a 60000 " + strings.Join(values, " "), "ARRING a 40000 " + strings.Join(values, " "), "ARSEEK a 7", "ARDELRANGE a 10 59990",
		},
		Most: 2 << 20, Step: 256 << 10,
		Fill: func(t *testing.T) *commandtest.Rig { return fill(t, 20_000) },
		View: func(t *testing.T, r *commandtest.Rig) *store.Frozen {
			a, err := r.DB.FindArray([]byte("a"))
			if err != nil || !a.IsBig() {
				t.Fatalf("the array is not big: %v", err)
			}
			return a.Freeze()
		},
		Read: func(r *commandtest.Rig) string {
			return string(r.Do(2, "ARSCAN", "a", "0", strconv.FormatUint(store.MaxIndex, 10))) + string(r.Do(2, "ARNEXT", "a"))
		},
	}.Run(t)
}
