// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/sets"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

// newRig makes what the family's handlers run on.
func newRig(t testing.TB) *commandtest.Rig { return commandtest.NewRig(t, Family) }

func TestSpecs(t *testing.T) {
	// From 7.2 on ZRANK has WITHSCORE, and scripts may call commands that wait.
	commandtest.CompareSpecs(t, newRig(t).Registry, testutil.Oracle(t), "zrank arity", "zrevrank arity", "bzpopmin flags", "bzpopmax flags")
}

func TestHammer(t *testing.T) {
	newRig(t).Hammer(t, 1, 20_000)
}

func TestEffects(t *testing.T) {
	r := newRig(t)
	r.CheckEffect(t, "ZADD z 1 a 2 b 3 a", "zadd z", 3, "")
	r.CheckEffect(t, "ZADD z 3 a", "", 0, "")
	r.CheckEffect(t, "ZADD z XX 1 none", "", 0, "")
	r.CheckEffect(t, "ZADD none XX 1 a", "", 0, "")
	r.CheckEffect(t, "ZADD z NX 1 a 3 c", "zadd z", 1, "")
	r.CheckEffect(t, "ZADD z INCR 1 a", "zincr z", 1, "")
	r.CheckEffect(t, "ZADD z GT INCR -1 a", "", 0, "")
	r.CheckEffect(t, "ZINCRBY z 1.5 a", "zincr z", 1, "")
	r.CheckEffect(t, "ZINCRBY z 0 a", "", 0, "")
	r.CheckEffect(t, "ZADD z INCR inf i", "zincr z", 1, "")
	r.CheckEffect(t, "ZADD z INCR -inf i", "", 0, "")
	r.CheckEffect(t, "ZREM z none", "", 0, "")
	r.CheckEffect(t, "ZREM z i none", "zrem z", 1, "")
	r.CheckEffect(t, "ZRANGESTORE d z 0 1", "zrangestore d", 1, "")
	r.CheckEffect(t, "ZRANGESTORE d z 10 20", "del d", 1, "")
	r.CheckEffect(t, "ZRANGESTORE d none 0 1", "", 0, "")
	r.CheckEffect(t, "ZUNIONSTORE d 2 z none", "zunionstore d", 1, "")
	r.CheckEffect(t, "ZINTERSTORE d 2 z d", "zinterstore d", 1, "")
	r.CheckEffect(t, "ZDIFFSTORE e 1 d", "zdiffstore e", 1, "")
	r.CheckEffect(t, "ZDIFFSTORE d 2 z e", "del d", 1, "")
	r.CheckEffect(t, "ZDIFFSTORE d 2 z e", "", 0, "")
	r.CheckEffect(t, "ZPOPMIN z 0", "", 0, "")
	r.CheckEffect(t, "ZPOPMIN none", "", 0, "")
	r.CheckEffect(t, "ZPOPMIN z", "zpopmin z", 1, "")
	r.CheckEffect(t, "ZPOPMAX z 10", "zpopmax z,del z", 2, "")
	r.CheckEffect(t, "ZMPOP 2 z e MAX COUNT 2", "zpopmax e", 2, "ZPOPMAX e 2")
	r.CheckEffect(t, "ZMPOP 2 z e MIN COUNT 10", "zpopmin e,del e", 1, "ZPOPMIN e 1")
	r.CheckEffect(t, "ZMPOP 2 z e MIN", "", 0, "")
	r.CheckEffect(t, "ZADD z 1 a 2 b 3 c 4 d 5 e", "zadd z", 5, "")
	r.CheckEffect(t, "BZPOPMIN none z 1", "zpopmin z", 1, "ZPOPMIN z")
	r.CheckEffect(t, "BZMPOP 1 2 none z MAX", "zpopmax z", 1, "ZPOPMAX z 1")
	r.CheckEffect(t, "ZREMRANGEBYRANK z 5 6", "", 0, "")
	r.CheckEffect(t, "ZREMRANGEBYRANK z 0 0", "zremrangebyrank z", 1, "")
	r.CheckEffect(t, "ZREMRANGEBYSCORE z 0 3", "zremrangebyscore z", 1, "")
	r.CheckEffect(t, "ZREMRANGEBYLEX z - +", "zremrangebylex z,del z", 1, "")
}

// members parses a reply with members of a sorted set.
func members(t *testing.T, raw []byte) []resp.Value {
	t.Helper()
	v, err := resp.NewReader(bytes.NewReader(raw)).Read()
	if err != nil {
		t.Fatal(err)
	}
	return v.Elems
}

// TestLongReplies: what of a big set is sent from where it lies is what short replies show.
func TestLongReplies(t *testing.T) {
	r := newRig(t)
	const n = 12_000
	for i := range n {
		member := "member:" + strconv.Itoa(i*7919%n) + strings.Repeat("x", i%90)
		if i%3000 == 5 {
			member += strings.Repeat("y", 40_000)
		}
		r.Do(2, "ZADD", "z", strconv.Itoa(i/5)+".25", member)
	}
	if z, _ := r.DB.FindZSet([]byte("z")); !z.IsBig() {
		t.Fatal("the set is not big")
	}
	for _, proto := range []int{2, 3} {
		for _, options := range [][]string{nil, {"WITHSCORES"}, {"REV"}, {"REV", "WITHSCORES"}} {
			call := func(from, to int) []resp.Value {
				return members(t, r.Do(proto, append([]string{"ZRANGE", "z", strconv.Itoa(from), strconv.Itoa(to)}, options...)...))
			}
			var want []resp.Value
			for i := 100; i < n-100; i += 50 {
				want = append(want, call(i, i+49)...)
			}
			if got := call(100, n-101); !reflect.DeepEqual(got, want) {
				t.Errorf("RESP%d, ZRANGE %v: %d elements, want %d, or others", proto, options, len(got), len(want))
			}
		}
	}
}

// TestDestinationAmongSources: the result is made of members whose memory its being stored frees.
func TestDestinationAmongSources(t *testing.T) {
	r := commandtest.NewRig(t, Family, sets.Family)
	for _, n := range []int{3, 50, 400} {
		for _, call := range []string{
			"ZUNIONSTORE a 2 a b", "ZINTERSTORE a 2 a a", "ZDIFFSTORE a 2 a none", "ZRANGESTORE a a 0 -1", "ZUNIONSTORE s 2 s b", "ZRANGESTORE a a 1 -2",
		} {
			for _, key := range []string{"a", "b", "s"} {
				r.DB.Delete([]byte(key))
			}
			for i := range n {
				r.Do(2, "ZADD", "a", strconv.Itoa(i), "member:"+strconv.Itoa(i))
				r.Do(2, "ZADD", "b", strconv.Itoa(i), "another:"+strconv.Itoa(i))
				r.Do(2, "SADD", "s", "member:"+strconv.Itoa(i))
			}
			words := strings.Fields(call)
			dst := words[1]
			read := append([]string{strings.TrimSuffix(words[0], "STORE")}, words[2:]...)
			want := members(t, r.Do(2, append(read, "WITHSCORES")...))
			r.Do(2, words...)
			if got := members(t, r.Do(2, "ZRANGE", dst, "0", "-1", "WITHSCORES")); !reflect.DeepEqual(got, want) {
				t.Errorf("%s of %d members: got %v\nwant %v", call, n, got, want)
			}
		}
	}
}

// TestTicks: what can take long asks for it.
func TestTicks(t *testing.T) {
	r := newRig(t)
	add := []string{"ZADD", "z"}
	for i := range 5000 {
		add = append(add, strconv.Itoa(i), strconv.Itoa(i))
	}
	for _, call := range []string{
		strings.Join(add, " "), "ZRANGE z 0 -1", "ZRANGESTORE d z 0 -1", "ZUNION 2 z d", "ZUNIONSTORE e 2 z d", "ZINTER 2 z d", "ZDIFF 2 z none",
		"ZDIFF 2 z d", "ZINTERCARD 2 z d", "ZRANDMEMBER z 4000", "ZRANDMEMBER z -4000 WITHSCORES", "ZSCAN z 0 COUNT 3000", "ZPOPMIN d 4000",
		"ZREMRANGEBYRANK e 0 3000", "ZLEXCOUNT z - +", "ZREVRANGEBYLEX z + -",
	} {
		if r.Do(2, strings.Fields(call)...); r.Ticks == 0 {
			t.Errorf("%.40s never ticks", call)
		}
	}
	r.End = errors.New("the end")
	for _, call := range []string{"ZRANGE z 0 -1", "ZUNION 2 z e", "ZUNIONSTORE e 2 z e", "ZINTER 2 z e", "ZDIFF 2 z none", "ZPOPMIN z 4000"} {
		if got := string(r.Do(2, strings.Fields(call)...)); got != "-the end\r\n" {
			t.Errorf("%s: %.60q, want the end", call, got)
		}
		if r.Dirty != 0 {
			t.Errorf("%s: dirty %d", call, r.Dirty)
		}
	}
}
