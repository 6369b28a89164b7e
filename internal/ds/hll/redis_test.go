// SPDX-License-Identifier: BSD-3-Clause

package hll

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// textOf makes a text that belongs to a register and has a rank: the hash of eight bytes has an inverse.
func textOf(index int, rank uint8) string {
	const m, r, inverse = 0xc6a4a7935bd1e995, 47, 0x5f7a0ea7e59b19bd
	n := uint64(8)
	h := uint64(index)
	if rank <= rankBits {
		h |= 1 << (indexBits + rank - 1)
	}
	h ^= h >> r
	h *= inverse
	h ^= h >> r
	k := h*inverse ^ seed ^ n*m
	k *= inverse
	k ^= k >> r
	return string(binary.LittleEndian.AppendUint64(nil, k*inverse))
}

func TestTextOf(t *testing.T) {
	for _, rank := range []uint8{1, 2, 32, 33, 50, 51} {
		if i, r := place([]byte(textOf(12345, rank))); i != 12345 || r != rank {
			t.Errorf("rank %d of register 12345 is rank %d of register %d", rank, r, i)
		}
	}
}

// A scene is what a run of random additions looks like.
type scene struct {
	name      string
	maxSparse int64
	registers int // those that are raised lie in a row of so many, and some elsewhere
	ranks     int // up to this
	steps     int
}

var scenes = []scene{
	{"few ranks side by side", 3000, 40, 2, 1500},
	{"many ranks side by side", 3000, 300, 32, 1500},
	{"all registers", 3000, registers, 6, 3000},
	{"all registers, long", 20000, registers, 3, 3000},
	{"short", 60, registers, 10, 60},
	{"never sparse", 0, registers, 10, 5},
	{"ranks beyond the sparse ones", 3000, 2000, 51, 200},
}

// TestBytesOfRedis: the same additions and unions make the same bytes as in a real redis-server.
func TestBytesOfRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			c.Must(t, "CONFIG", "SET", "hll-sparse-max-bytes", strconv.FormatInt(s.maxSparse, 10))
			c.Must(t, "FLUSHALL")
			var values [3][]byte
			for i := range values {
				values[i] = AppendNew(nil)
				Touch(values[i])
				c.Must(t, "PFADD", fmt.Sprint("h", i))
			}
			for step := range s.steps {
				i := rng.IntN(len(values))
				key := fmt.Sprint("h", i)
				switch v := &values[i]; rng.IntN(200) {
				case 0:
					sameCount(t, c.Must(t, "PFCOUNT", key).Int, *v)
				case 1:
					*v = united(t, *v, values[(i+1)%3], s.maxSparse)
					c.Must(t, "PFMERGE", key, fmt.Sprint("h", (i+1)%3))
				default:
					args := []string{"PFADD", key}
					changed := int64(0)
					for range 1 + rng.IntN(3) {
						args = append(args, s.text(rng))
						now, has, err := Add(*v, []byte(args[len(args)-1]), s.maxSparse)
						if err != nil {
							t.Fatal(err)
						}
						if *v = now; has {
							Touch(now)
							changed = 1
						}
					}
					if got := c.Must(t, args...).Int; got != changed {
						t.Fatalf("step %d: PFADD gives %d, not %d", step, got, changed)
					}
				}
				if got := c.Must(t, "GET", key).Str; got != string(values[i]) {
					t.Fatalf("step %d: the bytes differ, %s\n%s\n%s", step, key, AppendRuns(nil, values[i]), AppendRuns(nil, []byte(got)))
				}
			}
		})
	}
}

// text makes a text for one of the scene's registers.
func (s scene) text(rng *rand.Rand) string {
	index := 5000 + rng.IntN(s.registers)
	if rng.IntN(20) == 0 {
		index = []int{0, 1, registers - 1, rng.IntN(registers)}[rng.IntN(4)]
	}
	return textOf(index%registers, uint8(1+rng.IntN(s.ranks)))
}

// united gives what PFMERGE makes of two values.
func united(t *testing.T, value, other []byte, maxSparse int64) []byte {
	t.Helper()
	var all Sketch
	err := errors.Join(all.Merge(value), all.Merge(other))
	if encodingOf(value) == Dense || encodingOf(other) == Dense {
		value, err = MakeDense(value)
	}
	value, err2 := Unite(value, &all, maxSparse)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	Touch(value)
	return value
}

func sameCount(t *testing.T, want int64, value []byte) {
	t.Helper()
	n, err := Count(value)
	if err != nil || n != want {
		t.Fatalf("the estimate is %d (%v), PFCOUNT gives %d", n, err, want)
	}
	PutCache(value[CacheAt:], n)
	if got, ok := Cached(value); !ok || got != n {
		t.Fatalf("%d is remembered as %d, %v", n, got, ok)
	}
}
