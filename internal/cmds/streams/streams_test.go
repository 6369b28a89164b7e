// SPDX-License-Identifier: BSD-3-Clause

package streams_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/streams"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// quiet is a rig that has no log, and forgets events.
type quiet struct{ *commandtest.Rig }

func (quiet) Logs() bool                   { return false }
func (quiet) Notify(string, []byte)        {}
func (quiet) NotifyIn(int, string, []byte) {}

// readyCall gives a call that is ready to be run, with a stream "s" of 1000 entries.
func readyCall(tb testing.TB, call string) *command.Ctx {
	r := commandtest.NewRig(tb, streams.Family)
	for range 1000 {
		r.Do(2, "XADD", "s", "*", "field", "value")
	}
	var w resp.Writer
	w.Init(resp.NewChunkPool(1))
	var argv [][]byte
	for word := range strings.FieldsSeq(call) {
		argv = append(argv, []byte(word))
	}
	return &command.Ctx{DB: r.DB, Reply: &w, Argv: argv, Spec: r.Registry.Resolve(argv), Host: quiet{r}, Client: r}
}

// TestAllocations: what hot calls do leaves nothing on the Go heap.
func TestAllocations(t *testing.T) {
	for _, call := range []string{
		"XADD s * field value", "XADD s 5-* field value", "XADD new * a 1 b 2 c 3", "XADD s MAXLEN ~ 1000 * field value",
		"XADD s MAXLEN 100 * field value",
		"XADD s NOMKSTREAM MINID ~ 5 LIMIT 10 * field value", "XADD s DELREF MAXLEN = 10 * field value", "XADD s IDMP p i * field value",
		"XLEN s", "XRANGE s - + COUNT 10", "XREVRANGE s + - COUNT 10", "XDEL s 1-1", "XTRIM s MAXLEN 50",
	} {
		t.Run(call, func(t *testing.T) {
			c := readyCall(t, call)
			if n := testing.AllocsPerRun(500, func() {
				if err := c.Spec.Run(c); err != nil {
					t.Fatal(err)
				}
				c.Reply.Reset()
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// TestTraces: what calls leave in the effect log, in place of themselves or not, which events they cause, in order, and how many
// changes they count.
func TestTraces(t *testing.T) {
	r := commandtest.NewRig(t, streams.Family)
	for _, step := range []struct {
		call    string
		effects []string
		events  string
		dirty   int64
	}{
		{"XADD s * a 1", []string{"XADD s 1-0 a 1"}, "xadd", 1},
		{"XADD s 1-* a 2", []string{"XADD s 1-1 a 2"}, "xadd", 1},
		{"xadd s nomkstream 2-* a 3", []string{"xadd s 2-0 a 3"}, "xadd", 1},
		{"XADD s 3-0 a 4", nil, "xadd", 1},
		{"XADD s 3-0 a 4", nil, "", 0},
		{"XADD none NOMKSTREAM * a 4", nil, "", 0},
		{"XADD s MAXLEN 4 4-0 a 5", nil, "xadd xtrim", 1},
		{"XADD s MAXLEN = 3 * a 6", []string{"XADD s MAXLEN = 3 4-1 a 6"}, "xadd xtrim", 1},
		{"XADD s MINID 4 * a 7", []string{"XADD s MINID = 4-0 4-2 a 7"}, "xadd xtrim", 1},
		{"XADD s MINID 4 5-1 a 8", nil, "xadd", 1},
		{"XADD s MAXLEN ~ 1 5-2 a 9", []string{"XADD s MAXLEN = 5 5-2 a 9"}, "xadd", 1},
		{"XADD s MINID ~ 5 LIMIT 10 * a 9", []string{"XADD s MINID = 4-0 5-3 a 9"}, "xadd", 1},
		{"XADD s DELREF MAXLEN ~ 1 * a 9", []string{"XADD s DELREF MAXLEN = 7 5-4 a 9"}, "xadd", 1},
		{"XADD s ACKED MAXLEN 6 * a 9", []string{"XADD s ACKED MAXLEN = 6 5-5 a 9"}, "xadd xtrim", 1},
		{"XADD s MAXLEN 0 * a 9", []string{"XADD s MAXLEN = 0 5-6 a 9"}, "xadd xtrim", 1},
		{"XLEN s", nil, "", 0},
		{"XADD s MINID ~ 9 * a 9", []string{"XADD s MINID = 18446744073709551615-18446744073709551615 5-7 a 9"}, "xadd xtrim", 1},
		{"XADD s IDMP p i * a 9", []string{"XADD s 5-8 a 9", "XIDMPRECORD s p i 5-8"}, "xadd", 1},
		{"XADD s IDMP p i * a 9", nil, "", 0},
		{"XADD s IDMP p j MAXLEN 1 * a 9", []string{"XADD s 5-9 a 9", "XIDMPRECORD s p j 5-9", "XTRIM s MAXLEN = 1"}, "xadd xtrim", 1},
		{"XIDMPRECORD s p k 5-9", nil, "", 1},
		{"XIDMPRECORD s p k 5-9", nil, "", 0},
		{"XCFGSET s IDMP-DURATION 10", nil, "", 1},
		{"XDEL s 5-9 5-10", nil, "xdel", 1},
		{"XDEL s 5-9 5-10", nil, "", 0},
		{"XADD s 6-0 a 10", nil, "xadd", 1},
		{"XDELEX s IDS 2 5-9 6-0", nil, "xdel", 1},
		{"XDELEX s DELREF IDS 1 5-9", nil, "", 0},
		{"XADD s 6-1 a 11", nil, "xadd", 1},
		{"XADD s 6-2 a 12", nil, "xadd", 1},
		{"XTRIM s MAXLEN ~ 1", nil, "", 0},
		{"XTRIM s MAXLEN 1", nil, "xtrim", 1},
		{"XTRIM s MINID ~ 100", []string{"XTRIM s MINID = 18446744073709551615-18446744073709551615"}, "xtrim", 1},
		{"XTRIM s MAXLEN 1", nil, "", 0},
		{"XSETID s 9-9", nil, "xsetid", 1},
		{"XSETID s 9-9 ENTRIESADDED 7 MAXDELETEDID 4-4", nil, "xsetid", 1},
		{"XADD s 10-0 a 13", nil, "xadd", 1},
		{"XGROUP CREATE s g 0", nil, "xgroup-create", 1},
		{"XREADGROUP GROUP g c STREAMS s 0", []string{"XGROUP CREATECONSUMER s g c"}, "xgroup-createconsumer", 1},
		{"XCLAIM s g c 0 10-0 FORCE JUSTID", []string{"XCLAIM s g c 0 10-0 TIME 1 RETRYCOUNT 1 FORCE JUSTID LASTID 0-0"}, "", 1},
		{"XDELEX s ACKED IDS 1 10-0", nil, "", 0},
		{"XDEL s 10-0", nil, "xdel", 1},
		{"XDELEX s IDS 1 10-0", nil, "", 0},
		{"XDELEX s DELREF IDS 1 10-0", nil, "", 1},
		{"XDELEX s DELREF IDS 1 10-0", nil, "", 0},
		{"XINFO STREAM s FULL", nil, "", 0},
		{"XRANGE s - +", nil, "", 0},
	} {
		r.Do(2, strings.Fields(step.call)...)
		var events []string
		for _, e := range r.Events {
			event, _, _ := strings.Cut(e, " ")
			events = append(events, event)
		}
		if !slices.Equal(r.Effects, step.effects) || strings.Join(events, " ") != step.events || r.Dirty != step.dirty {
			t.Errorf("%s:\neffects %q\nevents %q, %d changes", step.call, r.Effects, events, r.Dirty)
		}
	}
}

// longStream makes a stream s of so many entries with IDs i-1, from 1 on.
func longStream(t *testing.T, entries int) *commandtest.Rig {
	rig := commandtest.NewRig(t, streams.Family)
	for i := range entries {
		rig.Do(2, "XADD", "s", fmt.Sprintf("%d-1", i+1), "field", fmt.Sprintf("%0500d", i))
	}
	return rig
}

// readGroup gives every second of the entries of s up to a number to a group.
func readGroup(rig *commandtest.Rig, upTo int) {
	s, _ := rig.DB.FindStreamWrite([]byte("s"))
	s.CreateGroup([]byte("g"), store.StreamID{Ms: uint64(upTo)}, 0)
	g, _ := s.GroupWrite([]byte("g"))
	c := g.CreateConsumer([]byte("c"), 1)
	for i := 2; i < upTo; i += 2 {
		g.Deliver(store.StreamID{Ms: uint64(i), Seq: 1}, c, 1, 1)
	}
}

// TestNoMemory: what is refused memory, here of a long stream that somebody reads, has not been done by halves.
func TestNoMemory(t *testing.T) {
	var some []string
	for i := range 500 {
		some = append(some, fmt.Sprintf("%d-1", 3+3*i))
	}
	wide := strings.Repeat(" f v", 5000)
	commandtest.Shortage{
		Lines: []string{
			"XADD s * f v", "XADD s *" + wide, "XADD s MAXLEN 700 * f v", "XADD s MAXLEN ~ 700 *" + wide, "XADD s MINID 150-2 * f v",
			"XADD s DELREF MAXLEN 700 * f v",
			"XADD s ACKED MAXLEN 20 *" + wide,
			"XADD s IDMP p i * f v", "XADD s IDMPAUTO p MAXLEN 1000 *" + wide, "XADD new IDMP p i *" + wide,
			"XDEL s " + strings.Join(some, " "),
			"XDELEX s DELREF IDS 500 " + strings.Join(some, " "), "XDELEX s ACKED IDS 500 " + strings.Join(some, " "),
			"XTRIM s MAXLEN 33", "XTRIM s MAXLEN 0", "XTRIM s DELREF MAXLEN 700", "XTRIM s ACKED MINID 1200-1",
		},
		Most: 1 << 20, Step: 96 << 10,
		Fill: func(t *testing.T) *commandtest.Rig {
			rig := longStream(t, 1500)
			readGroup(rig, 1000)
			return rig
		},
		View: func(t *testing.T, rig *commandtest.Rig) *store.Frozen {
			s, err := rig.DB.FindStream([]byte("s"))
			if err != nil || !s.IsBig() {
				t.Fatalf("the stream is not big: %v", err)
			}
			return s.Freeze()
		},
		Read: func(rig *commandtest.Rig) string {
			return string(rig.Do(2, "XINFO", "STREAM", "s", "FULL", "COUNT", "0")) + string(rig.Do(2, "XRANGE", "new", "-", "+"))
		},
	}.Run(t)
}

// TestLongReplies: ranges of a long stream, which are sent from where it lies, in both directions.
func TestLongReplies(t *testing.T) {
	rig := longStream(t, 3000)
	for _, c := range []struct {
		call      string
		from, end int // the entries' numbers; from > end: backwards
	}{
		{"XRANGE s - +", 1, 3000},
		{"XREVRANGE s + -", 3000, 1},
		{"XRANGE s 5 (2999-1", 5, 2998},
		{"XREVRANGE s 2500 (7-1", 2500, 8},
		{"XRANGE s (10-0 + COUNT 2000", 10, 2009},
		{"XREVRANGE s 2900 - COUNT 2500", 2900, 401},
	} {
		step := 1
		if c.from > c.end {
			step = -1
		}
		var want strings.Builder
		n := 0
		for i := c.from; i != c.end+step; i += step {
			fmt.Fprintf(&want, "*2\r\n$%d\r\n%d-1\r\n*2\r\n$5\r\nfield\r\n$500\r\n%0500d\r\n", len(fmt.Sprint(i))+2, i, i-1)
			n++
		}
		for proto := 2; proto <= 3; proto++ {
			if got := string(rig.Do(proto, strings.Fields(c.call)...)); got != fmt.Sprintf("*%d\r\n", n)+want.String() {
				t.Errorf("%s: %.100q of %d bytes", c.call, got, len(got))
			}
		}
	}
}
