// SPDX-License-Identifier: BSD-3-Clause

package hyperloglog

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/ds/hll"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

// get gives what a key holds.
func get(r *commandtest.Rig, key string) string {
	it, ok := r.DB.Peek([]byte(key))
	if !ok {
		return "nothing"
	}
	return string(it.AppendText(nil))
}

// TestSameBytes: the same commands leave the same bytes as in a real redis-server, and values move between the two at any time.
func TestSameBytes(t *testing.T) {
	oracle := testutil.Oracle(t).Dial(t)
	r, rng := commandtest.NewRig(t, Family), rand.New(rand.NewPCG(rand.Uint64(), 2))
	for round := range 40 {
		limit := []int{3000, 200, 18, 0, 16000}[round%5]
		r.DB.Settings().HLLSparseMaxBytes.Store(int64(limit))
		oracle.Must(t, "CONFIG", "SET", "hll-sparse-max-bytes", strconv.Itoa(limit))
		oracle.Must(t, "FLUSHALL")
		for _, key := range []string{"a", "b", "c"} {
			r.DB.Delete([]byte(key))
		}
		for range 60 {
			keys := []string{"a", "b", "c"}
			rng.Shuffle(3, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			var call []string
			switch rng.IntN(8) {
			case 0:
				call = append([]string{"PFMERGE"}, keys[:1+rng.IntN(3)]...)
			case 1:
				call = append([]string{"PFCOUNT"}, keys[:1+rng.IntN(3)]...)
			case 2:
				r.DB.SetText([]byte(keys[0]), []byte(oracle.Must(t, "GET", keys[1]).Str), 0)
				oracle.Must(t, "SET", keys[0], get(r, keys[0]))
				continue
			default:
				call = []string{"PFADD", keys[0]}
				for range rng.IntN(1 + rng.IntN(200)) {
					call = append(call, strconv.Itoa(rng.IntN(20_000)))
				}
			}
			want, err := oracle.Do(call...)
			if got := r.Call(t, call...); err != nil || got.Str != want.Str || got.Int != want.Int {
				t.Fatalf("%.100s: %+v, %v, not %+v", testutil.Quote(call), got, err, want)
			}
			if v := oracle.Must(t, "GET", keys[0]); !v.Null && v.Str != get(r, keys[0]) {
				t.Fatalf("%.100s: the bytes differ", testutil.Quote(call))
			}
		}
	}
}

// numbers gives a call with n elements.
func numbers(name, key string, n int) []string {
	call := []string{name, key}
	for i := range n {
		call = append(call, strconv.Itoa(i))
	}
	return call
}

// TestChanges: each element that changes something counts as a change; what changes nothing says nothing to anybody.
func TestChanges(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.CheckEffect(t, "PFADD p", "pfadd p", 1, "")
	r.CheckEffect(t, "PFADD p", "", 0, "")
	r.CheckEffect(t, "PFADD p a b c a", "pfadd p", 3, "")
	r.CheckEffect(t, "PFADD p a b c", "", 0, "")
	r.CheckEffect(t, "PFADD q a b", "pfadd q", 3, "")
	r.CheckEffect(t, "PFCOUNT p", "", 1, "")
	r.CheckEffect(t, "PFCOUNT p", "", 0, "")
	r.CheckEffect(t, "PFCOUNT p q", "", 0, "")
	r.CheckEffect(t, "PFMERGE q p", "pfadd q", 1, "")
	r.CheckEffect(t, "PFMERGE q p", "pfadd q", 1, "")
	r.CheckEffect(t, "PFDEBUG ENCODING q", "", 0, "")
	r.CheckEffect(t, "PFDEBUG GETREG q", "", 1, "")
	r.CheckEffect(t, "PFDEBUG GETREG q", "", 0, "")
	r.CheckEffect(t, "PFDEBUG TODENSE p", "", 1, "")
	r.CheckEffect(t, "PFDEBUG TODENSE p", "", 0, "")
	r.CheckEffect(t, "PFADD p c d", "pfadd p", 1, "")
	r.CheckEffect(t, "PFCOUNT p", "", 1, "")
}

// TestEnd: a call that is told to end while it looks has changed nothing; one that has begun to change gets to its end.
func TestEnd(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.Call(t, numbers("PFADD", "p", 1000)...)
	before := get(r, "p")
	r.End = errors.New("ERR enough")
	many := []string{"PFCOUNT"}
	for range 100 {
		many = append(many, "p")
	}
	for _, call := range [][]string{many, append([]string{"PFMERGE", "q"}, many[1:]...), {"PFSELFTEST"}} {
		if got := string(r.Do(2, call...)); got != "-ERR enough\r\n" || get(r, "p") != before || get(r, "q") != "nothing" {
			t.Errorf("%s: %q", call[0], got)
		}
	}
	if v := r.Call(t, numbers("PFADD", "new", 20_000)...); v.Int != 1 || r.Ticks < 20_000/tickEvery {
		t.Errorf("%+v, %d ticks", v, r.Ticks)
	}
	if n, err := hll.Count([]byte(get(r, "new"))); err != nil || n < 19_000 || n > 21_000 {
		t.Errorf("the estimate is %d, %v", n, err)
	}
}

// TestAllocations: what hot calls do leaves nothing on the Go heap.
func TestAllocations(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.Call(t, numbers("PFADD", "sparse", 500)...)
	r.Call(t, numbers("PFADD", "dense", 5000)...)
	var w resp.Writer
	w.Init(resp.NewChunkPool(1))
	for _, call := range []string{"PFADD sparse 7", "PFADD dense 7", "PFADD dense new", "PFADD sparse new", "PFMERGE dense sparse", "PFMERGE sparse", "PFCOUNT sparse", "PFCOUNT dense", "PFCOUNT sparse dense"} {
		var argv [][]byte
		for word := range strings.FieldsSeq(call) {
			argv = append(argv, []byte(word))
		}
		c := command.Ctx{DB: r.DB, Reply: &w, Argv: argv, Spec: r.Registry.Resolve(argv), Host: quiet{r}, Client: r}
		next, last := 100_000, &argv[len(argv)-1]
		n := testing.AllocsPerRun(200, func() {
			if strings.HasSuffix(call, "new") {
				next++
				*last = strconv.AppendInt((*last)[:0], int64(next), 10)
			}
			if err := c.Spec.Run(&c); err != nil {
				t.Fatal(err)
			}
			w.Reset()
		})
		if n > 0 {
			t.Errorf("%s: %.1f allocations", call, n)
		}
	}
}

// quiet is a host that does not note what happens.
type quiet struct{ *commandtest.Rig }

func (quiet) NotifyIn(int, string, []byte) {}

func TestSelfTest(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	if v := r.Call(t, "PFSELFTEST"); v.Str != "OK" || r.Ticks < 100 {
		t.Errorf("%+v, %d ticks", v, r.Ticks)
	}
}

func TestHammer(t *testing.T) {
	quick := Family
	quick.Commands = slices.DeleteFunc(slices.Clone(quick.Commands), func(s command.Spec) bool { return s.Name == "PFSELFTEST" })
	r := commandtest.NewRig(t, quick)
	r.Hammer(t, 7, 30_000)
}
