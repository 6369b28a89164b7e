// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/stats"
)

// TestDrawSpikes: the first drawing is the one that redis-server 7.0 gives for such samples.
func TestDrawSpikes(t *testing.T) {
	line := strings.Repeat("-", 80)
	for _, tc := range []struct {
		samples []stats.Spike
		worst   int64
		now     int64
		want    string
	}{
		{[]stats.Spike{{At: 5, Millis: 100}, {At: 7, Millis: 300}, {At: 8, Millis: 50}, {At: 9, Millis: 200}}, 300, 10, `
command - high 300 ms, low 50 ms (all time high 300 ms)
` + line + `
 #  
 | o
 | |
#|_|
    
5321
ssss
`},
		{[]stats.Spike{{At: 0, Millis: 101}, {At: 1, Millis: 20}, {At: 2, Millis: 110}, {At: 3, Millis: 130}}, 900, 90_000, `
command - high 130 ms, low 20 ms (all time high 900 ms)
` + line + `
  _#
# ||
| ||
|_||
    
1111
dddd
`},
		{[]stats.Spike{{At: 0, Millis: 7}}, 7, 100, `
command - high 7 ms, low 7 ms (all time high 7 ms)
` + line + `
 
 
 
_
 
1
m
`},
	} {
		if got := "\n" + drawSpikes("command", tc.samples, tc.worst, tc.now); got != tc.want {
			t.Errorf("%v:%s\nwant%s", tc.samples, got, tc.want)
		}
	}
	many := make([]stats.Spike, 160)
	if got := strings.Count(drawSpikes("x", many, 0, 0), "\n"); got != 2+2*7+1 {
		t.Errorf("two lines of samples have %d rows", got)
	}
}

// TestHistogramBounds: the microseconds of these steps are those that redis-server 7.0 gives.
func TestHistogramBounds(t *testing.T) {
	for step, want := range map[int]int64{2: 4, 3: 8, 4: 16, 5: 33, 9: 528, 16: 67633, 17: 135266, 18: 270532, 19: 541065} {
		if got := histogramBound(step); got != want {
			t.Errorf("step %d: %d µs, want %d", step, got, want)
		}
	}
}
