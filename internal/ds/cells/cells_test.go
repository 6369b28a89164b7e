// SPDX-License-Identifier: BSD-3-Clause

package cells

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// block gives memory for a block, aligned.
func block(size int) Block { return make(Block, size) }

// texts are of all the kinds that there are.
func texts(rng *rand.Rand) string {
	switch rng.IntN(6) {
	case 0:
		return strconv.Itoa(rng.IntN(100) - 50)
	case 1:
		return strconv.FormatInt(rng.Int64()-rng.Int64(), 10)
	case 2:
		return []string{"", "01", "-0", "9223372036854775807", "-9223372036854775808", "4611686018427387904", "-4611686018427387904"}[rng.IntN(7)]
	case 3:
		return strings.Repeat("x", rng.IntN(300))
	}
	return "text" + strconv.Itoa(rng.IntN(1000))
}

func (c *Cell) String() string {
	if c.Bytes == nil {
		return strconv.FormatInt(c.Int, 10)
	}
	return string(c.Bytes)
}

// same tells whether a block has a model's cells.
func same(t *testing.T, b Block, model map[uint64]string) {
	t.Helper()
	var keys []uint64
	for k := range model {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	w, i := b.Walk(), 0
	var c Cell
	for ; w.Next(&c); i++ {
		if i >= len(keys) || c.Index != keys[i] || c.String() != model[c.Index] {
			t.Fatalf("cell %d is %d, %.40q", i, c.Index, c.String())
		}
	}
	if i != len(keys) || b.Len() != i || b.First() != keys[0] || b.Last() != keys[i-1] {
		t.Fatalf("%d cells from %d to %d, not %d", b.Len(), b.First(), b.Last(), len(keys))
	}
}

// TestModel: blocks behave as a map does.
func TestModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for range 30 {
		spread := []uint64{40, 5000, math.MaxUint64}[rng.IntN(3)]
		at := rng.Uint64N(spread)
		model := map[uint64]string{at: texts(rng)}
		b := block(FirstSize([]byte(model[at])))
		Begin(b, at, []byte(model[at]))
		for range 300 {
			index, text := rng.Uint64N(spread), texts(rng)
			if rng.IntN(3) == 0 && b.Len() > 3 {
				b = remove(t, rng, b, model, index)
			} else {
				change, added := b.Put(index, []byte(text))
				if _, there := model[index]; there == added {
					t.Fatalf("%d is added: %v", index, added)
				}
				model[index] = text
				b = grown(b, &change)
			}
			same(t, b, model)
		}
		if b.Len() == 1 {
			continue
		}
		half, size := b.Split()
		tail := block(size)
		b.MoveTail(tail, half)
		cut := b.Delete(half, math.MaxUint64)
		b.Make(&cut)
		if tail.Size() != size {
			t.Fatalf("the second half has %d bytes, not %d", tail.Size(), size)
		}
		upper := map[uint64]string{}
		for k, v := range model {
			if k >= half {
				upper[k] = v
				delete(model, k)
			}
		}
		same(t, b, model)
		same(t, tail, upper)
	}
}

// grown makes a change, of a copy with room for it if there is none.
func grown(b Block, c *Change) Block {
	if size := b.Size() + c.Size(); size > b.Room() || size < b.Room()/2 {
		more := block(size + 10)
		b.MakeIn(more, c)
		return more
	}
	b.Make(c)
	return b
}

// remove takes away some cells from an index on.
func remove(t *testing.T, rng *rand.Rand, b Block, model map[uint64]string, from uint64) Block {
	to := from + rng.Uint64N(max(1, (math.MaxUint64-from)/4))
	n := 0
	for k := range model {
		if from <= k && k <= to {
			n++
		}
	}
	if n == 0 || n == len(model) {
		return b
	}
	for k := range model {
		if from <= k && k <= to {
			delete(model, k)
		}
	}
	c := b.Delete(from, to)
	return grown(b, &c)
}
