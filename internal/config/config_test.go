// SPDX-License-Identifier: BSD-3-Clause

package config

import "testing"

func TestDefaults(t *testing.T) {
	c := New()
	for _, want := range []Param{
		{"bind", "* -::*"}, {"save", "3600 1 300 100 60 10000"}, {"maxmemory", "0"}, {"replicaof", ""},
		{"client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
		{"latency-tracking-info-percentiles", "50 99 99.9"}, {"notify-keyspace-events", ""}, {"unixsocketperm", "0"},
		{"oom-score-adj-values", "0 200 800"}, {"shutdown-on-sigint", "default"}, {"slave-priority", "100"},
	} {
		if got := c.Get(want.Name); len(got) != 1 || got[0] != want {
			t.Errorf("Get(%q) = %q, want %q", want.Name, got, want)
		}
	}
}
