// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// event finds what LATENCY LATEST tells of an event.
func event(t *testing.T, c *testutil.Client, name string) []testutil.Value {
	t.Helper()
	for _, e := range c.Must(t, "LATENCY", "LATEST").Elems {
		if e.Elems[0].Str == name {
			return e.Elems
		}
	}
	return nil
}

// TestLatency has commands take long and asks what is known of that. Where the machine is slow there are more events than these.
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
	latest := event(t, c, "command")
	if len(latest) != 4 || latest[3].Int < 40 {
		t.Fatalf("latest: %v", latest)
	}
	samples := c.Must(t, "LATENCY", "HISTORY", "command").Elems
	if !slices.ContainsFunc(samples, func(v testutil.Value) bool { return v.Elems[0].Int == latest[1].Int }) {
		t.Errorf("history: %v", samples)
	}
	if graph := c.Must(t, "LATENCY", "GRAPH", "command").Str; !strings.HasPrefix(graph, "command - high ") {
		t.Errorf("graph: %q", graph)
	}
	if text := c.Must(t, "LATENCY", "DOCTOR").Str; !strings.Contains(text, ". command: ") {
		t.Errorf("doctor: %q", text)
	}
	histogram := c.Must(t, "LATENCY", "HISTOGRAM", "debug", "nothing", "latency").Elems
	if len(histogram) < 4 || histogram[0].Str != "debug" || histogram[1].Elems[1].Int != 2 {
		t.Errorf("histogram: %v", histogram)
	}
	c.Must(t, "CONFIG", "SET", "latency-monitor-threshold", "0")
	if n := c.Must(t, "LATENCY", "RESET", "nothing", "command").Int; n != 1 {
		t.Errorf("%d forgotten", n)
	}
	if e := event(t, c, "command"); e != nil {
		t.Errorf("after it was forgotten: %v", e)
	}
}
