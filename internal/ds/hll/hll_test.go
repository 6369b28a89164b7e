// SPDX-License-Identifier: BSD-3-Clause

package hll

import (
	"math"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// TestAgainstRedis: the same texts give the number that PFCOUNT of a real redis-server does.
func TestAgainstRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	var s Sketch
	next, text := 0, []byte(nil)
	for _, upTo := range []int{0, 1, 2, 3, 10, 100, 1000, 10_000, 40_000, 100_000} {
		for next < upTo {
			args := []string{"PFADD", "h"}
			for len(args) < 1000 && next < upTo {
				text = append(strconv.AppendInt(text[:0], int64(next), 10), "abcdefghijklmnop"[:next%16]...)
				s.Add(text)
				args = append(args, string(text))
				next++
			}
			c.Must(t, args...)
		}
		if want := c.Must(t, "PFCOUNT", "h").Int; s.Count() != want {
			t.Errorf("after %d texts the estimate is %d, PFCOUNT has %d", upTo, s.Count(), want)
		}
	}
	if e := math.Abs(float64(s.Count())-100_000) / 100_000; e > 0.03 {
		t.Errorf("the estimate is %.1f %% off", 100*e)
	}
}

// TestAdd: a text that was seen changes nothing.
func TestAdd(t *testing.T) {
	var s Sketch
	if !s.Add([]byte("a")) || s.Add([]byte("a")) || s.Count() != 1 {
		t.Errorf("after one text twice the estimate is %d", s.Count())
	}
}
