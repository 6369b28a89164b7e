// SPDX-License-Identifier: BSD-3-Clause

package sorting_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
)

func call(t *testing.T, r *commandtest.Rig, line string) string {
	t.Helper()
	v := r.Call(t, strings.Fields(line)...)
	switch v.Kind {
	case '*':
		return strings.Join(v.Strings(), " ")
	case ':':
		return strconv.FormatInt(v.Int, 10)
	}
	return v.Str
}

func want(t *testing.T, r *commandtest.Rig, line, reply string) {
	t.Helper()
	if got := call(t, r, line); got != reply {
		t.Errorf("%.80s: %.200q, want %.200q", line, got, reply)
	}
}

// fill pushes the numbers below n in another order.
func fill(t *testing.T, r *commandtest.Rig, name, key string, n int) {
	t.Helper()
	for i := range n {
		r.Call(t, name, key, strconv.Itoa(i*7919%n))
	}
}

// TestNeedsAll: the whole keyspace is needed where keys are looked at that no word names.
func TestNeedsAll(t *testing.T) {
	r := newRig(t)
	for line, all := range map[string]bool{
		"SORT k":                           false,
		"SORT k BY nosort GET # STORE d":   false,
		"SORT k GET none GET # ALPHA":      false,
		"SORT k BY w_*":                    true,
		"SORT k BY w_*->f LIMIT 0 1":       true,
		"SORT k BY w_* BY nosort":          false,
		"SORT k BY nosort BY w_*":          false,
		"SORT k GET # GET v_*":             true,
		"SORT k BY w_* x":                  false, // an error
		"SORT k STORE a STORE b":           false,
		"SORT k STORE get STORE b":         true, // COMMAND GETKEYS does not find b
		"SORT k STORE LIMIT STORE b ALPHA": true,
		"SORT_RO k BY w_*":                 true,
		"SORT_RO k GET #":                  false,
		"SORT_RO k BY w_* STORE x":         false, // an error
	} {
		var argv [][]byte
		for _, word := range strings.Fields(line) {
			argv = append(argv, []byte(word))
		}
		if plan := r.Registry.Resolve(argv).PlanOf(argv); plan == command.PlanAll != all {
			t.Errorf("%s has the plan %v", line, plan)
		}
	}
}

// TestStable: what is equal is in the order of the source, every time; members of a table are in that of their texts.
func TestStable(t *testing.T) {
	r := newRig(t)
	var inOrder, members []string
	for i := range 3000 {
		member := fmt.Sprintf("m%d", i*7919%3000)
		r.Call(t, "RPUSH", "l", member)
		r.Call(t, "SADD", "s", member)
		inOrder = append(inOrder, member)
	}
	members = slices.Sorted(slices.Values(inOrder))
	want(t, r, "SORT l ALPHA BY none_*", strings.Join(inOrder, " "))
	want(t, r, "SORT l ALPHA BY none_* DESC", strings.Join(inOrder, " "))
	want(t, r, "SORT l BY none_*", strings.Join(members, " "))
	want(t, r, "SORT s ALPHA BY none_*", strings.Join(members, " "))
	want(t, r, "SORT s ALPHA BY none_* STORE to", "3000")
	want(t, r, "SORT to BY nosort", strings.Join(members, " "))
	want(t, r, "SORT s BY nosort STORE to", "3000")
	want(t, r, "SORT to BY nosort", strings.Join(members, " "))
	if got := len(strings.Fields(call(t, r, "SORT s BY nosort LIMIT 10 20"))); got != 20 {
		t.Errorf("%d members", got)
	}
}

// TestLimits: whatever part is asked for, it is that of the whole.
func TestLimits(t *testing.T) {
	r := newRig(t)
	const n = 500
	for i := range n {
		member := strconv.Itoa(i * 7919 % n)
		r.Call(t, "RPUSH", "l", member, member)
		r.Call(t, "SADD", "s", "m"+member)
		r.Call(t, "SET", "w"+member, strconv.Itoa(i%7))
		r.Call(t, "SET", "wm"+member, strings.Repeat("w", i%11))
	}
	for _, line := range []string{"SORT l", "SORT l DESC", "SORT l BY w*", "SORT s BY w* ALPHA DESC", "SORT s ALPHA", "SORT l BY none* ALPHA"} {
		whole := strings.Fields(call(t, r, line))
		for _, part := range [][2]int{{0, 1}, {0, 0}, {0, 10}, {3, 20}, {100, 1}, {len(whole) - 1, 1}, {400, 5}, {0, len(whole) / 8}, {0, len(whole)/8 - 1}} {
			want(t, r, fmt.Sprintf("%s LIMIT %d %d", line, part[0], part[1]), strings.Join(whole[part[0]:part[0]+part[1]], " "))
		}
	}
}

// TestTicks: every part of a long call asks now and then whether it is to end, and ends with the answer.
func TestTicks(t *testing.T) {
	r := newRig(t)
	const n = 8000
	fill(t, r, "RPUSH", "l", n)
	fill(t, r, "SADD", "s", n)
	for line, ticks := range map[string]int{
		"SORT l":                                   90,
		"SORT l BY w_* GET # GET v_* GET h_*->f":   110,
		"SORT s":                                   90,
		"SORT l BY nosort":                         2 * n / 1000,
		"SORT s BY nosort":                         2 * n / 1000,
		"SORT s BY nosort LIMIT 7000 1":            7000 / 1000,
		"SORT l BY nosort GET # GET # STORE to":    3 * n / 1000,
		"SORT l BY nosort LIMIT 0 10":              0,
		"SORT l BY nosort DESC LIMIT 7000 5 ASC":   0,
		"SORT_RO l BY w_* GET v_* LIMIT 0 1 ALPHA": 2 * n / 1000,
	} {
		call(t, r, line)
		if r.Ticks < ticks {
			t.Errorf("%s: %d ticks, want %d", line, r.Ticks, ticks)
		}
	}
	call(t, r, "DEL to")
	r.End = command.Error("ERR the end")
	for _, line := range []string{"SORT l", "SORT s", "SORT l BY nosort GET w_* STORE to", "SORT l BY w_*", "SORT l STORE to"} {
		want(t, r, line, "ERR the end")
	}
	r.End = nil
	want(t, r, "EXISTS to", "0")
}

// TestLongTexts: strings that do not lie in one piece are compared, returned and stored; none is a number.
func TestLongTexts(t *testing.T) {
	r := newRig(t)
	const size = 600_000
	text := strings.Repeat("x", size)
	for i, end := range []string{"c", "a", "b", "a\x00z", ""} {
		r.Call(t, "RPUSH", "l", strconv.Itoa(i))
		r.Call(t, "SET", "w"+strconv.Itoa(i), text+end)
	}
	r.Call(t, "RPUSH", "l", "5", "6", "7")
	r.Call(t, "SET", "w5", "x")
	r.Call(t, "SET", "w6", "y")
	want(t, r, "SORT l BY w* ALPHA", "7 5 4 1 3 2 0 6")
	want(t, r, "SORT l BY w* ALPHA DESC", "6 0 2 1 3 4 5 7")
	want(t, r, "SORT l BY w* ALPHA STORE to", "8")
	want(t, r, "SORT to BY nosort", "7 5 4 1 3 2 0 6")
	want(t, r, "SORT l BY w*", "ERR One or more scores can't be converted into double")
	want(t, r, "SORT l BY nosort GET w* LIMIT 1 1", text+"a")
	want(t, r, "SORT l GET w* GET # STORE to", "16")
	want(t, r, "SORT to BY nosort LIMIT 6 2", text+"a\x00z 3")
	want(t, r, "SORT to BY nosort LIMIT 14 2", " 7")
}

// TestOverItsOwnSource: what is stored may come from what it replaces.
func TestOverItsOwnSource(t *testing.T) {
	r := newRig(t)
	for _, n := range []int{10, 3000} {
		fill(t, r, "RPUSH", "l", n)
		want(t, r, "SORT l DESC STORE l", strconv.Itoa(n))
		want(t, r, "SORT l BY nosort LIMIT 0 3", fmt.Sprintf("%d %d %d", n-1, n-2, n-3))
		want(t, r, "SORT l BY nosort GET # GET # STORE l", strconv.Itoa(2*n))
		want(t, r, "SORT l BY nosort LIMIT 0 3", fmt.Sprintf("%d %d %d", n-1, n-1, n-2))
		r.Call(t, "DEL", "l")
	}
	r.Call(t, "RPUSH", "l", "1", "2")
	r.Call(t, "SET", "v1", strings.Repeat("a", 3000))
	want(t, r, "SORT l GET v* GET v* STORE v1", "4")
	want(t, r, "SORT v1 BY nosort LIMIT 2 2 GET #", " ")
	want(t, r, "SORT v1 BY nosort LIMIT 0 1", strings.Repeat("a", 3000))
}

// TestEvents tells of what is stored and of what is removed.
func TestEvents(t *testing.T) {
	r := newRig(t)
	r.Call(t, "RPUSH", "l", "2", "1", "3")
	for _, step := range []struct {
		line   string
		events string
		dirty  int64
	}{
		{"SORT l STORE to", "sortstore to", 3},
		{"SORT l LIMIT 0 1 STORE to", "sortstore to", 1},
		{"SORT l LIMIT 9 1 STORE to", "del to", 1},
		{"SORT l LIMIT 9 1 STORE to", "", 0},
		{"SORT none STORE l", "del l", 1},
		{"SORT none", "", 0},
	} {
		call(t, r, step.line)
		if got := strings.Join(r.Events, ", "); got != step.events || r.Dirty != step.dirty {
			t.Errorf("%s: events %q, %d changes", step.line, got, r.Dirty)
		}
	}
}

// TestNoMemory: nothing has happened when there is no memory for the list, however it came to be so long.
func TestNoMemory(t *testing.T) {
	r := newRig(t)
	fill(t, r, "RPUSH", "l", 1000)
	r.Call(t, "SET", "to", "stays")
	r.Call(t, "SETRANGE", "v", strconv.Itoa(1<<20), "end")
	for i := range 1000 {
		r.Call(t, "SET", "p"+strconv.Itoa(i), strings.Repeat("p", 100_000))
	}
	r.Arena.SetLimit(r.Arena.InUse() + 4<<20)
	for _, line := range []string{
		"SORT l GET p* STORE to",
		"SORT l BY nosort STORE to" + strings.Repeat(" GET #", 1000),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%.40s was not refused", line)
				}
			}()
			call(t, r, line)
		}()
	}
	r.Arena.SetLimit(0)
	want(t, r, "GET to", "stays")
	want(t, r, "LLEN l", "1000")
}
