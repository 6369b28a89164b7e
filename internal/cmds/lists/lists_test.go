// SPDX-License-Identifier: BSD-3-Clause

package lists_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

func TestEffects(t *testing.T) {
	r := commandtest.NewRig(t, lists.Family)
	r.CheckEffect(t, "LPUSHX l a", "", 0, "")
	r.CheckEffect(t, "RPUSH l a b c", "rpush l", 3, "")
	r.CheckEffect(t, "LPUSH l x y", "lpush l", 2, "")
	r.CheckEffect(t, "RPUSHX l d", "rpush l", 1, "")
	r.CheckEffect(t, "LSET l 0 z", "lset l", 1, "")
	r.CheckEffect(t, "LSET l 10 z", "", 0, "")
	r.CheckEffect(t, "LINSERT l AFTER z w", "linsert l", 1, "")
	r.CheckEffect(t, "LINSERT l AFTER none w", "", 0, "")
	r.CheckEffect(t, "LREM l 0 none", "", 0, "")
	r.CheckEffect(t, "LREM l 0 w", "lrem l", 1, "")
	r.CheckEffect(t, "LTRIM l 0 -1", "ltrim l", 0, "")
	r.CheckEffect(t, "LTRIM l 0 3", "ltrim l", 2, "")
	r.CheckEffect(t, "LPOP l", "lpop l", 1, "")
	r.CheckEffect(t, "LPOP l 0", "", 0, "")
	r.CheckEffect(t, "RPOP l 10", "rpop l,del l", 3, "")
	r.CheckEffect(t, "LPOP l", "", 0, "")

	r.CheckEffect(t, "RPUSH l a b c d e f", "rpush l", 6, "")
	r.CheckEffect(t, "LMPOP 2 none l LEFT COUNT 2", "lpop l", 2, "LPOP l 2")
	r.CheckEffect(t, "LMPOP 1 none LEFT", "", 0, "")
	r.CheckEffect(t, "LMOVE l m LEFT RIGHT", "rpush m,lpop l", 1, "")
	r.CheckEffect(t, "RPOPLPUSH l m", "lpush m,rpop l", 1, "")
	r.CheckEffect(t, "BLMOVE l m RIGHT RIGHT 0", "rpush m,rpop l", 1, "LMOVE l m RIGHT RIGHT")
	r.CheckEffect(t, "BRPOPLPUSH l m 0", "lpush m,rpop l,del l", 1, "RPOPLPUSH l m")
	r.CheckEffect(t, "LMOVE l m LEFT LEFT", "", 0, "")
	r.CheckEffect(t, "LMOVE m m LEFT RIGHT", "rpush m,lpop m", 1, "")
	r.CheckEffect(t, "RPUSH one x", "rpush one", 1, "")
	r.CheckEffect(t, "LMOVE one one LEFT LEFT", "lpush one,lpop one", 1, "")
	r.CheckEffect(t, "BLPOP none one m 0", "lpop one,del one", 1, "LPOP one")
	r.CheckEffect(t, "BRPOP m 0", "rpop m", 1, "RPOP m")
	r.CheckEffect(t, "BLMPOP 0 2 none m RIGHT COUNT 2", "rpop m", 2, "RPOP m 2")
	r.CheckEffect(t, "LMOVEM m n LEFT LEFT COUNT 5 OBO", "lpush n,lpop m,del m", 1, "")
	r.CheckEffect(t, "LMOVEM m n LEFT LEFT COUNT 5 OBO", "", 0, "")
	r.CheckEffect(t, "RPUSH m 1 2 3 4", "rpush m", 4, "")
	r.CheckEffect(t, "LMOVEM m n RIGHT LEFT EXACTLY 5 BULK", "", 0, "")
	r.CheckEffect(t, "BLMOVEM m n RIGHT LEFT 0 COUNT 3 BULK", "lpush n,rpop m", 3, "LMOVEM m n RIGHT LEFT EXACTLY 3 BULK")
	r.CheckEffect(t, "BLMOVEM m n left right 0", "rpush n,lpop m,del m", 1, "LMOVEM m n left right EXACTLY 1 OBO")
	r.CheckEffect(t, "LRANGE n 0 -1", "", 0, "")
}

func TestWaits(t *testing.T) {
	r := commandtest.NewRig(t, lists.Family)
	r.Do(2, "RPUSH", "short", "a", "b")
	for _, tc := range []struct {
		line    string
		keys    string // "": it does not wait
		timeout int64
	}{
		{"BLPOP a b 0", "a b", 0},
		{"BRPOP a 1.5", "a", 1500},
		{"BLMPOP 0.0001 2 a b LEFT", "a b", 1},
		{"BLMOVE a b LEFT LEFT 2", "a", 2000},
		{"BRPOPLPUSH a a 0", "a", 0},
		{"BLMOVEM a b LEFT LEFT 0", "a", 0},
		{"BLMOVEM short b LEFT LEFT 0 EXACTLY 3 OBO", "short", 0},
		{"BLPOP a short 0", "", 0},
	} {
		for _, r.CanWait = range []bool{true, false} {
			reply := string(r.Do(2, strings.Fields(tc.line)...))
			waits := tc.keys != "" && r.CanWait
			if (r.Waits != nil) != waits || waits != (reply == "") {
				t.Errorf("%s: waits for %v, replies %q", tc.line, r.Waits, reply)
			}
			if w := r.Waits; w != nil {
				var keys []string
				for _, key := range w.Keys {
					keys = append(keys, string(key))
				}
				if got := strings.Join(keys, " "); got != tc.keys || w.Timeout != tc.timeout || w.Type != store.TypeList {
					t.Errorf("%s: waits %d ms for %q, a %v", tc.line, w.Timeout, got, w.Type)
				}
			}
		}
	}
}

// What is long lets others run, and ends with the server where that leaves nothing half done.
func TestTicks(t *testing.T) {
	const n = 6500
	r := commandtest.NewRig(t, lists.Family)
	push := []string{"RPUSH", "l"}
	for i := range n {
		push = append(push, fmt.Sprint("element:", i%1000))
	}
	many := slices.Repeat([]string{"none"}, 2000)
	closing := errors.New("ERR closing")
	reads := []string{"LRANGE", "LPOS", "LINSERT", "LMPOP", "BLMPOP", "BLPOP"}
	for _, words := range [][]string{
		push, {"LRANGE", "l", "0", "-1"}, {"LPOS", "l", "none"}, {"LPOS", "l", "element:1", "RANK", "-1", "COUNT", "0"},
		{"LINSERT", "l", "BEFORE", "none", "x"}, {"LMOVEM", "l", "l", "LEFT", "RIGHT", "COUNT", "5000", "BULK"},
		{"LMOVEM", "l", "l", "LEFT", "LEFT", "COUNT", "5000", "OBO"}, {"LMOVEM", "l", "m", "LEFT", "LEFT", "COUNT", "5000", "OBO"},
		{"LREM", "m", "0", "element:7"}, {"LPOP", "m", "4000"},
		slices.Concat([]string{"LMPOP", "2000"}, many, []string{"LEFT"}), slices.Concat([]string{"BLMPOP", "0", "2000"}, many, []string{"LEFT"}),
		slices.Concat([]string{"BLPOP"}, many, []string{"0"}),
	} {
		for _, r.End = range []error{closing, nil} {
			before := string(r.Do(2, "LLEN", "l")) + string(r.Do(2, "LLEN", "m"))
			reply := string(r.Do(2, words...))
			if r.Ticks == 0 {
				t.Errorf("%.3q ticks never", words)
			}
			refused := strings.HasPrefix(reply, "-ERR closing")
			if refused && before != string(r.Do(2, "LLEN", "l"))+string(r.Do(2, "LLEN", "m")) {
				t.Errorf("%.3q is done by halves", words)
			}
			if slices.Contains(reads, words[0]) && refused != (r.End != nil) {
				t.Errorf("%.3q: %.40q", words, reply)
			}
			if !refused && words[0] != "LRANGE" && words[0] != "LPOS" {
				break // done, and not to be done again
			}
		}
	}
}

// TestNoMemory: what is refused memory, here of a long list that somebody reads, has not been done by halves.
func TestNoMemory(t *testing.T) {
	element := func(i int) string { return fmt.Sprintf("%0500d", i) }
	commandtest.Shortage{
		Lines: []string{
			"LMOVE l m LEFT RIGHT", "LMOVE l l RIGHT LEFT", "LMOVEM l m LEFT LEFT COUNT 700 OBO",
			"LMOVEM l l LEFT RIGHT COUNT 1200 BULK", "LMOVEM l l LEFT LEFT COUNT 40 OBO", "LTRIM l 700 -300", "LPOP l 1000",
			"LREM l 0 " + element(7), "LINSERT l AFTER " + element(7) + " x",
		},
		Most: 1 << 20, Step: 48 << 10,
		Fill: func(t *testing.T) *commandtest.Rig {
			rig := commandtest.NewRig(t, lists.Family)
			push := []string{"RPUSH", "l"}
			for i := range 1500 {
				push = append(push, element(i))
			}
			rig.Do(2, push...)
			rig.Do(2, "RPUSH", "m", "an element")
			return rig
		},
		View: func(t *testing.T, rig *commandtest.Rig) *store.Frozen {
			l, err := rig.DB.FindList([]byte("l"))
			if err != nil || !l.IsBig() {
				t.Fatalf("the list is not big: %v", err)
			}
			return l.Freeze()
		},
		Read: func(rig *commandtest.Rig) string {
			return string(rig.Do(2, "LRANGE", "l", "0", "-1")) + string(rig.Do(2, "LRANGE", "m", "0", "-1"))
		},
	}.Run(t)
}
