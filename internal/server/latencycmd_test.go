// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"strings"
	"testing"
)

// TestLatency has commands take long and asks what is known of that.
func TestLatency(t *testing.T) {
	c := client(t)
	if n := len(c.Must(t, "LATENCY", "LATEST").Elems); n != 0 {
		t.Errorf("%d events without a threshold", n)
	}
	if text := c.Must(t, "LATENCY", "DOCTOR").Str; !strings.Contains(text, "not recorded") {
		t.Errorf("doctor: %q", text)
	}
	c.Must(t, "CONFIG", "SET", "latency-monitor-threshold", "20")
	c.Must(t, "DEBUG", "SLEEP", "0.03")
	c.Must(t, "MULTI")
	c.Must(t, "PING")
	c.Must(t, "DEBUG", "SLEEP", "0.04")
	c.Must(t, "EXEC")
	latest := c.Must(t, "LATENCY", "LATEST").Elems
	if len(latest) != 1 || latest[0].Elems[0].Str != "command" || latest[0].Elems[3].Int < 40 {
		t.Fatalf("latest: %v", latest)
	}
	samples := c.Must(t, "LATENCY", "HISTORY", "command").Elems
	if len(samples) == 0 || samples[len(samples)-1].Elems[0].Int != latest[0].Elems[1].Int {
		t.Errorf("history: %v", samples)
	}
	if graph := c.Must(t, "LATENCY", "GRAPH", "command").Str; !strings.HasPrefix(graph, "command - high ") {
		t.Errorf("graph: %q", graph)
	}
	if text := c.Must(t, "LATENCY", "DOCTOR").Str; !strings.Contains(text, "1. command: ") {
		t.Errorf("doctor: %q", text)
	}
	histogram := c.Must(t, "LATENCY", "HISTOGRAM", "debug", "nothing", "latency").Elems
	if len(histogram) < 4 || histogram[0].Str != "debug" || histogram[1].Elems[1].Int != 2 {
		t.Errorf("histogram: %v", histogram)
	}
	if n := c.Must(t, "LATENCY", "RESET", "nothing", "command").Int; n != 1 {
		t.Errorf("%d forgotten", n)
	}
	if n := len(c.Must(t, "LATENCY", "LATEST").Elems); n != 0 {
		t.Errorf("%d events after they were forgotten", n)
	}
}
