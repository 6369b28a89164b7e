// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// newRig makes what the family's handlers run on.
func newRig(t testing.TB) *commandtest.Rig { return commandtest.NewRig(t, Family) }

func TestSpecs(t *testing.T) {
	commandtest.CompareSpecs(t, newRig(t).Registry, testutil.Oracle(t), "zrank arity", "zrevrank arity")
}

func TestHammer(t *testing.T) {
	newRig(t).Hammer(t, 1, 20_000)
}

func TestEffects(t *testing.T) {
	r := newRig(t)
	for _, tc := range []struct {
		line    string
		events  string
		dirty   int64
		effects string // "" = the call itself, when dirty
	}{
		{"ZADD z 1 a 2 b 3 a", "zadd z", 3, ""},
		{"ZADD z 3 a", "", 0, ""},
		{"ZADD z XX 1 none", "", 0, ""},
		{"ZADD none XX 1 a", "", 0, ""},
		{"ZADD z NX 1 a 3 c", "zadd z", 1, ""},
		{"ZADD z INCR 1 a", "zincr z", 1, ""},
		{"ZADD z GT INCR -1 a", "", 0, ""},
		{"ZINCRBY z 1.5 a", "zincr z", 1, ""},
		{"ZINCRBY z 0 a", "", 0, ""},
		{"ZADD z INCR inf i", "zincr z", 1, ""},
		{"ZADD z INCR -inf i", "", 0, ""},
		{"ZREM z none", "", 0, ""},
		{"ZREM z i none", "zrem z", 1, ""},
		{"ZRANGESTORE d z 0 1", "zrangestore d", 1, ""},
		{"ZRANGESTORE d z 10 20", "del d", 1, ""},
		{"ZRANGESTORE d none 0 1", "", 0, ""},
		{"ZUNIONSTORE d 2 z none", "zunionstore d", 1, ""},
		{"ZINTERSTORE d 2 z d", "zinterstore d", 1, ""},
		{"ZDIFFSTORE e 1 d", "zdiffstore e", 1, ""},
		{"ZDIFFSTORE d 2 z e", "del d", 1, ""},
		{"ZDIFFSTORE d 2 z e", "", 0, ""},
		{"ZPOPMIN z 0", "", 0, ""},
		{"ZPOPMIN none", "", 0, ""},
		{"ZPOPMIN z", "zpopmin z", 1, ""},
		{"ZPOPMAX z 10", "zpopmax z,del z", 2, ""},
		{"ZMPOP 2 z e MAX COUNT 2", "zpopmax e", 2, "ZPOPMAX e 2"},
		{"ZMPOP 2 z e MIN COUNT 10", "zpopmin e,del e", 1, "ZPOPMIN e 1"},
		{"ZMPOP 2 z e MIN", "", 0, ""},
		{"ZADD z 1 a 2 b 3 c 4 d 5 e", "zadd z", 5, ""},
		{"BZPOPMIN none z 1", "zpopmin z", 1, "ZPOPMIN z"},
		{"BZMPOP 1 2 none z MAX", "zpopmax z", 1, "ZPOPMAX z 1"},
		{"ZREMRANGEBYRANK z 5 6", "", 0, ""},
		{"ZREMRANGEBYRANK z 0 0", "zremrangebyrank z", 1, ""},
		{"ZREMRANGEBYSCORE z 0 3", "zremrangebyscore z", 1, ""},
		{"ZREMRANGEBYLEX z - +", "zremrangebylex z,del z", 1, ""},
	} {
		r.Do(2, strings.Fields(tc.line)...)
		if got := strings.Join(r.Events, ","); got != tc.events {
			t.Errorf("%s: events %q, want %q", tc.line, got, tc.events)
		}
		if r.Dirty != tc.dirty {
			t.Errorf("%s: dirty %d, want %d", tc.line, r.Dirty, tc.dirty)
		}
		if got := strings.Join(r.Effects, ","); got != tc.effects {
			t.Errorf("%s: effects %q, want %q", tc.line, got, tc.effects)
		}
	}
}
