// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"testing"
)

func TestParseBenchmark(t *testing.T) {
	got, err := parseBenchmark([]byte(`"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"GET","81234.50","0.31","0.1","0.250","0.4","1.500","3.9"
`))
	if err != nil {
		t.Fatal(err)
	}
	if got.rate != 81234.5 || got.p50 != 250e3 || got.p99 != 1500e3 || !math.IsNaN(got.p999) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "\"test\",\"rps\"\n", "\"test\",\"rps\"\n\"GET\",\"x\"\n", "ERR\n"} {
		if _, err := parseBenchmark([]byte(bad)); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}
