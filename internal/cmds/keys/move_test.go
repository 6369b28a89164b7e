// SPDX-License-Identifier: BSD-3-Clause

package keys_test

import (
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/hashes"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/command/commandtest"
)

// dying makes a hash of so many fields that are past their time, which is not seen at once: one that lived longer is gone.
func dying(t *testing.T, r *commandtest.Rig, key string, fields int) {
	t.Helper()
	r.SetNow(1)
	r.DB.Settings().LazyExpire.Store(true)
	set := func(ms int, name string) {
		r.Call(t, "HSETEX", key, "PX", strconv.Itoa(ms), "FIELDS", "1", name, "v")
	}
	for i := range fields {
		set(10, "f"+strconv.Itoa(i))
	}
	set(1000, "last")
	r.Call(t, "HDEL", key, "last")
	r.SetNow(100)
}

// TestDyingHash: a hash loses its dead fields some at a time as it is looked up, and may go with the last of them while a
// command is at work with it.
func TestDyingHash(t *testing.T) {
	for _, call := range [][]string{
		{"RENAME", "h", "to"}, {"RENAMENX", "h", "to"}, {"COPY", "h", "to"}, {"MOVE", "h", "1"}, {"COPY", "h", "to", "REPLACE"},
	} {
		for _, fields := range []int{130, 200, 300, 500} {
			r := commandtest.NewRig(t, keys.Family, strings.Family, hashes.Family)
			dying(t, r, "h", fields)
			r.Call(t, "SET", "other", "v")
			r.Do(2, call...)
			if r.Dirty > 0 {
				t.Errorf("%q of a dead hash of %d fields: %d changes", call, fields, r.Dirty)
			}
			if n := r.Call(t, "EXISTS", "h", "to"); n.Int != 0 {
				t.Errorf("%q of a dead hash of %d fields: %d keys", call, fields, n.Int)
			}
		}
	}
}

// TestNoMemoryForACopy: a big value gets another name, in whatever shard, though there is no memory for a second one.
func TestNoMemoryForACopy(t *testing.T) {
	r := commandtest.NewRig(t, keys.Family, strings.Family, hashes.Family)
	r.Call(t, "SETRANGE", "0", strconv.Itoa(20<<20), "end")
	r.Arena.SetLimit(30 << 20)
	for i := range 10 {
		if v := r.Call(t, "RENAME", strconv.Itoa(i), strconv.Itoa(i+1)); v.Str != "OK" {
			t.Fatalf("RENAME gives %+v", v)
		}
	}
	if v := r.Call(t, "STRLEN", "10"); v.Int != 20<<20+3 {
		t.Errorf("STRLEN gives %+v", v)
	}
}
