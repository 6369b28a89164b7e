// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/redpoll/redpoll/internal/command/commandtest"
)

// TestEffects: what watchers, notifications and the log get of what depends on conditions, chance or time.
func TestEffects(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.CheckEffect(t, "SET k v", "set k", 1, "")
	r.CheckEffect(t, "SET k w IFEQ x", "", 0, "")
	r.CheckEffect(t, "SET k w IFEQ v", "set k", 1, "SET k w")
	r.CheckEffect(t, "SET k x IFNE v KEEPTTL", "set k", 1, "SET k x KEEPTTL")
	r.CheckEffect(t, "SET k y IFEQ x EX 10", "set k,expire k", 1, "SET k y PXAT 10001")
	r.CheckEffect(t, "SET k z IFDNE 0000000000000000 GET", "set k", 1, "SET k z")
	r.CheckEffect(t, "SET k z PX 10", "set k,expire k", 1, "SET k z PXAT 11")
	r.CheckEffect(t, "DELEX k IFEQ y", "", 0, "")
	r.CheckEffect(t, "DELEX k IFEQ z", "del k", 1, "DEL k")
	r.CheckEffect(t, "DELEX k", "", 0, "")
	r.CheckEffect(t, "SET k v", "set k", 1, "")
	r.CheckEffect(t, "DELIFEQ k w", "", 0, "")
	r.CheckEffect(t, "DELIFEQ k v", "del k", 1, "DEL k")
	r.CheckEffect(t, "DIGEST k", "", 0, "")
	r.CheckEffect(t, "MSETEX 2 a 1 b 2 NX", "set a,set b", 2, "")
	r.CheckEffect(t, "MSETEX 2 a 1 b 2 NX", "", 0, "")
	r.CheckEffect(t, "MSETEX 2 a 1 b 2 XX EX 10", "set a,expire a,set b,expire b", 2, "MSETEX 2 a 1 b 2 PXAT 10001")
	r.CheckEffect(t, "MSETEX 1 a 1 KEEPTTL", "set a", 1, "")
	r.CheckEffect(t, "SET b v PXAT 1 GET", "set b,expire b,expired b", 1, "DEL b")
	r.CheckEffect(t, "SET b v PXAT 1", "set b,expire b,expired b", 1, "DEL b")
	r.CheckEffect(t, "MSETEX 2 a 1 b 2 PXAT 1", "set a,expire a,expired a,set b,expire b,expired b", 2, "DEL a,DEL b")
	r.CheckEffect(t, "INCREX n", "incrby n", 1, "SET n 1 KEEPTTL")
	r.CheckEffect(t, "INCREX n UBOUND 1", "", 0, "")
	r.CheckEffect(t, "INCREX n BYFLOAT 0.5", "incrbyfloat n", 1, "SET n 1.5 KEEPTTL")
	r.CheckEffect(t, "INCREX n BYFLOAT 9 UBOUND 3 SATURATE EX 10", "incrbyfloat n,expire n", 1, "SET n 3 PXAT 10001")
	r.CheckEffect(t, "INCREX n EX 20 ENX", "incrby n", 1, "SET n 4 KEEPTTL")
	r.CheckEffect(t, "INCREX n PERSIST", "incrby n,persist n", 1, "SET n 5")
	r.CheckEffect(t, "INCREX n PERSIST", "incrby n", 1, "SET n 6")
	r.CheckEffect(t, "INCREX n EX 20 ENX", "incrby n,expire n", 1, "SET n 7 PXAT 20001")
	r.CheckEffect(t, "INCREX n PXAT 1", "del n", 1, "DEL n")
	r.CheckEffect(t, "INCREX n PXAT 1", "", 0, "")
}

// TestDigests: a long string, which is hashed in pieces, has the digest of its bytes, and is compared by its bytes.
func TestDigests(t *testing.T) {
	r, rng := commandtest.NewRig(t, Family), rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 16, 17, 128, 129, 240, 241, 1024, maxAtOnce, maxAtOnce + 1, 1 << 20, 3<<20 + 17} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		r.DB.SetString([]byte("k"), b, 0)
		want := fmt.Sprintf("%016x", xxh3.Hash(b))
		if got := r.Call(t, "DIGEST", "k").Str; got != want {
			t.Errorf("%d bytes have the digest %s, not %s", n, got, want)
		}
		other := string(b) + "x"
		if n > 0 {
			other = string(b[:n-1]) + string(rune(b[n-1]^1)&0x7f)
		}
		for _, tc := range []struct {
			words []string
			want  int64
		}{{[]string{"IFEQ", other}, 0}, {[]string{"IFNE", string(b)}, 0}, {[]string{"IFDNE", want}, 0}, {[]string{"IFDEQ", want}, 1}} {
			if got := r.Call(t, append([]string{"DELEX", "k"}, tc.words...)...).Int; got != tc.want {
				t.Errorf("%d bytes: DELEX %s replies %d", n, tc.words[0], got)
			}
		}
	}
}

// TestTicks: comparing and hashing what is long ticks, and ends when it is told to, with nothing changed.
func TestTicks(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	text := strings.Repeat("x", 4<<20)
	r.DB.SetString([]byte("k"), []byte(text), 0)
	r.End = errors.New("ERR enough")
	for _, call := range [][]string{
		{"DIGEST", "k"}, {"DELEX", "k", "IFEQ", text}, {"SET", "k", "v", "IFDNE", "0000000000000000"}, {"DELIFEQ", "k", text},
	} {
		if got := string(r.Do(2, call...)); got != "-ERR enough\r\n" || r.Dirty != 0 {
			t.Errorf("%s: %.40q", call[0], got)
		}
	}
	r.End = nil
	if got := r.Call(t, "STRLEN", "k").Int; got != int64(len(text)) {
		t.Errorf("%d bytes are left", got)
	}
}

// TestManyPairs: what sets many keys ticks, and does all of its work even when it is told to end, or none.
func TestManyPairs(t *testing.T) {
	const n = 5000
	r := commandtest.NewRig(t, Family)
	r.End = errors.New("ERR enough")
	for _, tc := range []struct {
		before []string
		dirty  int64
	}{{[]string{"MSET"}, n}, {[]string{"MSETNX"}, 0}, {[]string{"MSETEX", strconv.Itoa(n)}, n}} {
		call := tc.before
		for i := range n {
			call = append(call, tc.before[0]+strconv.Itoa(i), "v")
		}
		if r.Do(2, call...); r.Ticks == 0 || r.Dirty != tc.dirty {
			t.Errorf("%s: %d ticks, %d changes", call[0], r.Ticks, r.Dirty)
		}
	}
}

func TestHammer(t *testing.T) {
	commandtest.NewRig(t, Family).Hammer(t, 7, 30_000)
}
