// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

// fill makes an array of n elements at every third index, and long ones between them.
func fill(t *testing.T, n int) *commandtest.Rig {
	t.Helper()
	r := commandtest.NewRig(t, Family)
	set := []string{"ARMSET", "a"}
	for i := range n {
		set = append(set, strconv.Itoa(3*i), "element "+strconv.Itoa(i))
		if i%1000 == 0 {
			set = append(set, strconv.Itoa(3*i+1), strings.Repeat("long ", 20_000), strconv.Itoa(3*i+2), strconv.Itoa(i))
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

// TestLongReplies: what is sent from where it lies says what is said of each element.
func TestLongReplies(t *testing.T) {
	r := fill(t, 20_000)
	anything := func(testutil.Value) bool { return true }
	element := func(v testutil.Value) bool { return !v.Null }
	sevens := func(v testutil.Value) bool { return strings.Contains(v.Str, "7") || strings.Contains(v.Str, "long") }
	for _, test := range []struct {
		call        string
		first, last int
		pairs       bool
		keep        func(v testutil.Value) bool
	}{
		{"ARGETRANGE a 100 9000", 100, 9000, false, anything},
		{"ARGETRANGE a 59000 62000", 59000, 62000, false, anything},
		{"ARGETRANGE a 8000 7", 8000, 7, false, anything},
		{"ARGETRANGE a 61000 40000", 61000, 40000, false, anything},
		{"ARLASTITEMS a 5000", 54998, 59997, false, anything},
		{"ARLASTITEMS a 5000 REV", 59997, 54998, false, anything},
		{"ARSCAN a 3 9000", 3, 9000, true, element},
		{"ARSCAN a 70000 40000", 70000, 40000, true, element},
		{"ARSCAN a 9000 0 LIMIT 1500", 9000, 0, true, element},
		{"ARGREP a - 30000 MATCH 7 MATCH long WITHVALUES", 0, 30000, true, sevens},
		{"ARGREP a + 10 MATCH 7 MATCH long WITHVALUES LIMIT 3000", 59997, 10, true, sevens},
	} {
		words := strings.Fields(test.call)
		limit, _ := strconv.Atoi(words[len(words)-1])
		step := 1
		if test.last < test.first {
			step = -1
		}
		var want, got []string
		for i := test.first; i != test.last+step && (words[len(words)-2] != "LIMIT" || len(want) < limit); i += step {
			if v := r.Call(t, "ARGET", "a", strconv.Itoa(i)); test.keep(v) {
				want = append(want, text(i, v, test.pairs))
			}
		}
		for _, v := range r.Call(t, words...).Elems {
			if test.pairs {
				got = append(got, text(int(v.Elems[0].Int), v.Elems[1], true))
			} else {
				got = append(got, text(0, v, false))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d elements, want %d: %.200q, want %.200q", test.call, len(got), len(want), got, want)
		}
	}
}

// text shows an element, with its index or without.
func text(index int, v testutil.Value, pair bool) string {
	shown := v.Str
	if v.Null {
		shown = "nil"
	}
	if pair {
		return fmt.Sprint(index, " ", shown)
	}
	return shown
}
