// SPDX-License-Identifier: BSD-3-Clause

package streams_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/streams"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// words cuts a line into words, and expands "1..n-1" to IDs.
func words(line string) (list []string) {
	for _, w := range strings.Fields(line) {
		var n int
		if k, _ := fmt.Sscanf(w, "1..%d-1", &n); k == 1 {
			for i := range n {
				list = append(list, fmt.Sprintf("%d-1", i+1))
			}
			continue
		}
		list = append(list, w)
	}
	return list
}

// fill makes a rig with a stream s of n entries i-1 with fields of so many bytes, of which group g has not read anything.
func fill(t testing.TB, n, size int) *commandtest.Rig {
	rig := commandtest.NewRig(t, streams.Family)
	rig.SetNow(1_000_000)
	for i := range n {
		rig.Do(2, "XADD", "s", fmt.Sprintf("%d-1", i+1), "f", strings.Repeat("v", size)+fmt.Sprint(i))
	}
	rig.Do(2, "XGROUP", "CREATE", "s", "g", "0")
	return rig
}

func TestEffects(t *testing.T) {
	rig := fill(t, 5, 3)
	rig.Do(2, words("XGROUP CREATE s h $")...)
	for _, c := range []struct{ line, effects, events string }{
		{"XREADGROUP GROUP g a COUNT 2 STREAMS s >", "XGROUP CREATECONSUMER s g a; XCLAIM s g a 0 1-1 2-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-1; " +
			"XGROUP SETID s g 2-1 ENTRIESREAD 2", "xgroup-createconsumer s"},
		{"XREADGROUP GROUP g a COUNT 1 NOACK STREAMS s >", "XGROUP SETID s g 3-1 ENTRIESREAD 3", ""},
		{"XREADGROUP GROUP g a STREAMS s 0", "", ""},
		{"XREADGROUP GROUP g b STREAMS s 0", "XGROUP CREATECONSUMER s g b", "xgroup-createconsumer s"},
		{"XREADGROUP GROUP g b COUNT 1 CLAIM 0 STREAMS s >", "XCLAIM s g b 0 1-1 TIME 1000000 RETRYCOUNT 3 FORCE JUSTID LASTID 3-1", ""},
		{"XREADGROUP GROUP h b STREAMS s >", "XGROUP CREATECONSUMER s h b", "xgroup-createconsumer s"},
		{"XCLAIM s g a 0 1-1 2-1 9-1 TIME 7 RETRYCOUNT 5 LASTID 1-1", "XCLAIM s g a 0 1-1 TIME 7 RETRYCOUNT 5 FORCE JUSTID LASTID 3-1; " +
			"XCLAIM s g a 0 2-1 TIME 7 RETRYCOUNT 5 FORCE JUSTID LASTID 3-1", ""},
		{"XCLAIM s g a 0 9-1 LASTID 4-1", "XGROUP SETID s g 4-1 ENTRIESREAD 3", ""},
		{"XDEL s 2-1", "", "xdel s"},
		{"XAUTOCLAIM s g b 0 -", "XCLAIM s g b 0 1-1 TIME 1000000 RETRYCOUNT 6 FORCE JUSTID LASTID 4-1; " +
			"XCLAIM s g a 0 2-1 TIME 7 RETRYCOUNT 5 FORCE JUSTID LASTID 4-1", ""},
		{"XNACK s g SILENT IDS 1 1-1", "", ""},
		{"XDEL s 1-1", "", "xdel s"},
		{"XCLAIM s g a 0 1-1", "XACK s g 1-1", ""},
		{"XACKDEL s g IDS 1 3-1", "", ""},
		{"XREADGROUP GROUP g a STREAMS s >", "XCLAIM s g a 0 5-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 5-1; XGROUP SETID s g 5-1 ENTRIESREAD 4", ""},
		{"XACKDEL s g IDS 1 5-1", "", "xdel s"},
		{"XGROUP DELCONSUMER s g a", "", "xgroup-delconsumer s"},
		{"XGROUP CREATECONSUMER s g a", "", "xgroup-createconsumer s"},
		{"XGROUP SETID s g 0", "", "xgroup-setid s"},
		{"XGROUP DESTROY s g", "", "xgroup-destroy s"},
		{"XGROUP CREATE n g 0 MKSTREAM", "", "xgroup-create n"},
	} {
		rig.Do(2, words(c.line)...)
		if got := strings.Join(rig.Effects, "; "); got != c.effects {
			t.Errorf("%s: the log gets\n%s\nwant\n%s", c.line, got, c.effects)
		}
		if got := strings.Join(rig.Events, "; "); got != c.events {
			t.Errorf("%s: events %q, want %q", c.line, got, c.events)
		}
		if changes := c.effects != "" || c.events != "" || strings.HasPrefix(c.line, "XNACK"); changes != (rig.Dirty > 0) && !strings.HasPrefix(c.line, "XACKDEL") {
			t.Errorf("%s: %d changes", c.line, rig.Dirty)
		}
	}
}

// TestWaits: what a call that waits has it wait for.
func TestWaits(t *testing.T) {
	rig := fill(t, 2, 3)
	rig.CanWait = true
	rig.Do(2, words("XREADGROUP GROUP g a COUNT 1 STREAMS s >")...)
	rig.SetNow(1_000_400)
	rig.Do(2, words("XREADGROUP GROUP g a STREAMS s >")...)
	rig.Do(2, words("XGROUP CREATE t g 0 MKSTREAM")...)
	for _, c := range []struct {
		line    string
		keys    string
		timeout int64
		causes  store.Causes
		retry   int64
		argv    string
	}{
		{"XREAD BLOCK 0 STREAMS s none $ 5", "s none", 0, 0, 0, "XREAD BLOCK 0 STREAMS s none 2-1 5"},
		{"XREAD BLOCK 7 STREAMS s 9", "s", 7, 0, 0, ""},
		{"XREAD BLOCK 7 STREAMS none +", "none", 7, 0, 0, ""},
		{"XREADGROUP GROUP g a BLOCK 9 STREAMS s >", "s", 9, store.Lost, 0, ""},
		{"XREADGROUP GROUP g a BLOCK 9 CLAIM 1000 STREAMS t s > >", "t s", 9, store.Lost | store.Delivered, 600, ""},
		{"XREADGROUP GROUP g a BLOCK 9 CLAIM 401 STREAMS s >", "s", 9, store.Lost | store.Delivered, 1, ""},
		{"XREADGROUP GROUP g a BLOCK 9 CLAIM 9223372036854775807 STREAMS s >", "s", 9, store.Lost | store.Delivered, 0, ""},
		{"XREADGROUP GROUP g a BLOCK 9 CLAIM 0 STREAMS t >", "t", 9, store.Lost | store.Delivered, 0, ""},
	} {
		if reply := rig.Do(2, words(c.line)...); rig.Waits == nil {
			t.Errorf("%s: does not wait, %q", c.line, reply)
			continue
		}
		w := rig.Waits
		keys, argv := string(bytes.Join(w.Keys, []byte(" "))), string(bytes.Join(w.Argv, []byte(" ")))
		if keys != c.keys || w.Type != store.TypeStream || w.Timeout != c.timeout || w.Causes != c.causes || w.Retry != c.retry || argv != c.argv {
			t.Errorf("%s: waits for %+v, %q, %q", c.line, w, keys, argv)
		}
	}
	alike := func(line string) uint64 {
		rig.Do(2, words(line)...)
		return rig.Waits.Alike
	}
	rig.Do(2, words("XGROUP CREATE t h 0")...)
	a, b := alike("XREADGROUP GROUP g a BLOCK 0 STREAMS t >"), alike("XREADGROUP GROUP g b BLOCK 1 COUNT 3 STREAMS t >")
	c, d := alike("XREADGROUP GROUP h a BLOCK 0 STREAMS t >"), alike("XREADGROUP GROUP g a BLOCK 0 CLAIM 5 STREAMS t >")
	if a != b || a == c || a == d || alike("XREAD BLOCK 0 STREAMS t 0") != 0 {
		t.Error("who is alike is not told from who is not")
	}
}

// TestHidden: keys are found where a group or a consumer has the name of the word before them, by way of the whole keyspace.
func TestHidden(t *testing.T) {
	r, err := command.NewRegistry(streams.Family)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]command.Plan{
		"XREADGROUP GROUP g c STREAMS s >":                                    command.PlanKeys,
		"XREADGROUP GROUP streams STREAMS STREAMS s >":                        command.PlanKeys,
		"XREADGROUP NOACK GROUP g c COUNT 1 STREAMS s >":                      command.PlanKeys,
		"XREADGROUP NOACK GROUP g STREAMS STREAMS s >":                        command.PlanAll,
		"XREADGROUP COUNT 1 GROUP streams c STREAMS s >":                      command.PlanAll,
		"XREADGROUP GROUP a b GROUP STREAMS c STREAMS s >":                    command.PlanAll,
		"XREADGROUP COUNT 1 BLOCK STREAMS GROUP g c STREAMS s >":              command.PlanAll,
		"XREADGROUP STREAMS s > a b c":                                        command.PlanKeys,
		"XREADGROUP GROUP g c COUNT 1 NOACK CLAIM 5 MAXSIZE 9":                command.PlanKeys,
		"XREADGROUP GROUP g c MAXCOUNT 1 CLAIM 3 BLOCK 4 STREAMS STREAMS k >": command.PlanKeys,
	} {
		argv := make([][]byte, 0)
		for _, w := range strings.Fields(line) {
			argv = append(argv, []byte(w))
		}
		if got := r.Resolve(argv).PlanOf(argv); got != want {
			t.Errorf("%s: plan %d", line, got)
		}
	}
}

// TestLongReply: what a group reads of a big stream is sent from where it lies, as it was, and the whole is pending.
func TestLongReply(t *testing.T) {
	const n = 20_000
	rig := fill(t, n, 40)
	want := string(rig.Do(2, words("XRANGE s - +")...))
	rig.Do(2, words("XGROUP CREATE s h 0")...)
	for _, line := range []string{"XREADGROUP GROUP g a STREAMS s >", fmt.Sprintf("XREADGROUP GROUP h a COUNT %d STREAMS s >", n)} {
		got := string(rig.Do(2, words(line)...))
		if got != "*1\r\n*2\r\n$1\r\ns\r\n"+want {
			t.Fatalf("%s: %d bytes, want %d and the name", line, len(got), len(want))
		}
	}
	if got := string(rig.Do(2, words("XACK s g 1..20000-1 20001-1")...)); got != ":20000\r\n" {
		t.Errorf("acknowledged %q", got)
	}
	if got := string(rig.Do(2, words("XREADGROUP GROUP h a COUNT 1 STREAMS s 19999")...)); !strings.Contains(got, "20000-1") && !strings.Contains(got, "19999-1") {
		t.Errorf("pending is %q", got)
	}
}

// TestGroupShortage: calls that are refused memory have changed nothing.
func TestGroupShortage(t *testing.T) {
	const n = 3_000
	spread := "" // over many blocks
	for i := range 100 {
		spread += fmt.Sprintf(" %d-1", 1+20*i)
	}
	commandtest.Shortage{
		Lines: []string{
			"XREADGROUP GROUP g a STREAMS s >", "XREADGROUP GROUP g a COUNT 1500 STREAMS s >", "XREADGROUP GROUP g a NOACK STREAMS s >",
			"XREADGROUP GROUP h a CLAIM 0 STREAMS s >", "XACK s h " + strings.Join(words("1..1000-1"), " "), "XAUTOCLAIM s h b 0 - COUNT 1000",
			"XCLAIM s h b 0 " + strings.Join(words("1..1000-1"), " "), "XNACK s h FAIL IDS 1000 " + strings.Join(words("1..1000-1"), " "),
			"XACKDEL s h IDS 700 " + strings.Join(words("1..700-1"), " "), "XACKDEL s h IDS 100" + spread,
			"XACKDEL s h DELREF IDS 100" + spread, "XGROUP DELCONSUMER s h a", "XREADGROUP GROUP h a STREAMS s 0",
		},
		Most: 2 << 20, Step: 256 << 10,
		Fill: func(t *testing.T) *commandtest.Rig {
			rig := fill(t, n, 200)
			rig.Do(2, words("XGROUP CREATE s h 0")...)
			rig.Do(2, words("XREADGROUP GROUP h a COUNT 2000 STREAMS s >")...)
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
			s, _ := rig.DB.FindStream([]byte("s"))
			var b strings.Builder
			fmt.Fprintln(&b, s.Len())
			s.EachGroup(func(g store.Group) bool {
				fmt.Fprintf(&b, "%s %v %d %d\n", g.Name(), g.Last(), g.Read(), g.Pending())
				g.EachConsumer(func(c store.Consumer) bool {
					fmt.Fprintf(&b, "%s %d\n", c.Name(), c.Pending())
					return true
				})
				g.Each(store.StreamID{}, store.MaxStreamID(), func(p store.Pending) bool {
					owner := ""
					if c, ok := g.Owner(p); ok {
						owner = string(c.Name())
					}
					fmt.Fprintln(&b, p.ID, p.Delivered, p.Count, owner)
					return true
				})
				return true
			})
			return b.String()
		},
	}.Run(t)
}

// TestClaimTicks: entries that are pending and not in the stream any more do not make a claim a long step.
func TestClaimTicks(t *testing.T) {
	const n = 20_000
	rig := fill(t, n, 1)
	rig.Do(2, words("XREADGROUP GROUP g a STREAMS s >")...)
	rig.Do(2, words("XTRIM s MAXLEN 0")...)
	rig.Do(2, words("XREADGROUP GROUP g b CLAIM 0 STREAMS s >")...) // makes the list of those that are idle
	for _, line := range []string{"XREADGROUP GROUP g b CLAIM 0 STREAMS s >", "XREADGROUP GROUP g b CLAIM 99999999 BLOCK 1 STREAMS s >"} {
		rig.Ticks, rig.CanWait = 0, true
		rig.Do(2, words(line)...)
		if rig.Ticks < n/1000 {
			t.Errorf("%s: %d ticks for %d entries", line, rig.Ticks, n)
		}
	}
}

// TestTwoStreamsShortage: a call that is refused memory for the second of two streams has not read the first.
func TestTwoStreamsShortage(t *testing.T) {
	freeze := func(t *testing.T, rig *commandtest.Rig, key string) *store.Frozen {
		s, err := rig.DB.FindStream([]byte(key))
		if err != nil || !s.IsBig() {
			t.Fatalf("the stream %s is not big: %v", key, err)
		}
		return s.Freeze()
	}
	commandtest.Shortage{
		Lines: []string{"XREADGROUP GROUP g a COUNT 10 STREAMS t s > 0", "XREADGROUP GROUP g b COUNT 1 STREAMS s u > >"},
		Most:  384 << 10, Step: 32 << 10,
		Fill: func(t *testing.T) *commandtest.Rig {
			rig := fill(t, 400, 2000)
			for i := range 400 {
				rig.Do(2, "XADD", "t", fmt.Sprintf("%d-1", i+1), "f", strings.Repeat("v", 2000))
			}
			rig.Do(2, words("XGROUP CREATE t g 0")...)
			rig.Do(2, words("XADD u 1-1 f v")...)
			rig.Do(2, words("XGROUP CREATE u g 0")...)
			rig.Do(2, words("XREADGROUP GROUP g a COUNT 300 STREAMS s >")...)
			return rig
		},
		View: func(t *testing.T, rig *commandtest.Rig) *store.Frozen {
			t.Cleanup(freeze(t, rig, "t").Release)
			return freeze(t, rig, "s")
		},
		Read: func(rig *commandtest.Rig) (all string) {
			for _, key := range []string{"s", "t", "u"} {
				all += string(rig.Do(2, "XINFO", "STREAM", key, "FULL", "COUNT", "0"))
			}
			return all
		},
	}.Run(t)
}

// TestReadAllocations: what hot calls do leaves nothing on the Go heap.
func TestReadAllocations(t *testing.T) {
	for _, call := range []string{
		"XREADGROUP GROUP g a COUNT 20 STREAMS s >", "XREADGROUP GROUP g a STREAMS s >", "XREADGROUP GROUP g a NOACK COUNT 20 STREAMS s >",
		"XREADGROUP GROUP g a COUNT 5 STREAMS s 0", "XREAD COUNT 20 STREAMS s 0", "XREAD STREAMS s $", "XACK s g 1-0 2-0",
	} {
		t.Run(call, func(t *testing.T) { testAllocations(t, call) })
	}
}

func testAllocations(t *testing.T, call string) {
	const calls = 200
	rig := fill(t, calls*25, 5)
	var argv [][]byte
	for _, w := range words(call) {
		argv = append(argv, []byte(w))
	}
	var w resp.Writer
	w.Init(resp.NewChunkPool(16))
	c := command.Ctx{DB: rig.DB, Reply: &w, Argv: argv, Spec: rig.Registry.Resolve(argv), Host: quietHost{rig}, Client: rig}
	n := testing.AllocsPerRun(calls, func() {
		if err := c.Spec.Run(&c); err != nil {
			t.Fatal(err)
		}
		w.Reset()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// quietHost is a Rig whose log nobody reads.
type quietHost struct{ *commandtest.Rig }

func (quietHost) Logs() bool { return false }

func BenchmarkReadGroup(b *testing.B) {
	for _, count := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			rig := fill(b, 100_000, 20)
			rig.Do(2, words("XGROUP CREATECONSUMER s g a")...)
			read := bytes.Fields(fmt.Appendf(nil, "XREADGROUP GROUP g a COUNT %d STREAMS s >", count))
			back := bytes.Fields([]byte("XGROUP SETID s g 0"))
			var w resp.Writer
			w.Init(resp.NewChunkPool(16))
			quiet := quietHost{rig}
			run := func(argv [][]byte) {
				spec := rig.Registry.Resolve(argv)
				c := command.Ctx{DB: rig.DB, Reply: &w, Argv: argv, Spec: spec, Host: quiet, Client: rig}
				if err := spec.Run(&c); err != nil {
					b.Fatal(err)
				}
				w.Reset()
			}
			b.ResetTimer()
			for i := range b.N {
				if i%(100_000/count) == 0 {
					b.StopTimer()
					run(bytes.Fields([]byte("XGROUP DELCONSUMER s g a")))
					run(back)
					b.StartTimer()
				}
				run(read)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/entry")
		})
	}
}

// TestManyGroupsTick: what asks all groups about each entry ticks the more often the more groups there are, and so does what drops much.
func TestManyGroupsTick(t *testing.T) {
	const groups, n = 500, 60
	ids := strings.Join(words("1..60-1"), " ")
	for line, least := range map[string]int{
		"XDELEX s DELREF IDS 60 " + ids: 30, "XACKDEL s g ACKED IDS 60 " + ids: 30, "XTRIM s DELREF MAXLEN 0": 30, "XADD s ACKED MAXLEN 1 * f v": 30,
		"XDELEX s IDS 60 " + ids: 0,
	} {
		rig := fill(t, n, 1)
		for i := range groups {
			rig.Do(2, "XGROUP", "CREATE", "s", fmt.Sprint(i), "0")
		}
		rig.Do(2, words("XREADGROUP GROUP g c STREAMS s >")...)
		rig.Do(2, words(line)...)
		if rig.Ticks < least || least == 0 && rig.Ticks > 0 {
			t.Errorf("%.30s: %d ticks", line, rig.Ticks)
		}
	}
	rig := fill(t, 3000, 1)
	rig.Do(2, words("XREADGROUP GROUP g c STREAMS s >")...)
	rig.Do(2, words("XTRIM s MAXLEN 0")...)
	rig.Do(2, words("XAUTOCLAIM s g c 0 - COUNT 3000")...)
	if rig.Ticks < 6 { // each is looked at, and then dropped
		t.Errorf("XAUTOCLAIM: %d ticks", rig.Ticks)
	}
}

// TestManyConsumersTick: consumers are sorted by their names, and removed, with ticks.
func TestManyConsumersTick(t *testing.T) {
	const n = 20_000
	rig := fill(t, 1, 1)
	for i := range n {
		rig.Do(2, "XGROUP", "CREATECONSUMER", "s", "g", fmt.Sprint(i*7919%n))
	}
	for _, c := range []struct {
		line  string
		least int
	}{
		{"XINFO CONSUMERS s g", 50}, {"XINFO STREAM s FULL", 50}, {"XGROUP DESTROY s g", 30},
	} {
		if rig.Do(2, words(c.line)...); rig.Ticks < c.least {
			t.Errorf("%s: %d ticks", c.line, rig.Ticks)
		}
	}
}
