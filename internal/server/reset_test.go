// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestResetStat makes all counters grow that can, and looks at them after CONFIG RESETSTAT.
func TestResetStat(t *testing.T) {
	cfg := config.New()
	if err := cfg.Load(config.Source{Options: "port 0\nbind 127.0.0.1\nenable-debug-command yes\nsave \"\""}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := testutil.Dial(t, "tcp", s.Addrs()[0].String())
	for range 30 {
		for _, line := range []string{"SET k v", "GET k", "GET none", "GET", "NONSENSE", "PSETEX dying 1 v", "DEL k", "AUTH x", "HSET h a 1", "INCR h"} {
			do(t, c, strings.Fields(line)...)
		}
	}
	for _, name := range []string{"total_reads_processed", "total_writes_processed", "eventloop_cycles"} { // loops publish what they count now and then
		testutil.Poll(t, patience, func() bool { return s.Counters()[name] >= 300 })
	}
	before := s.Counters()
	c.Must(t, "CONFIG", "RESETSTAT")
	// What is counted from the start of the process on, as in Redis, and what the commands of this test are counted in.
	kept := map[string]bool{
		"used_cpu_sys": true, "used_cpu_user": true, "used_cpu_sys_children": true, "used_cpu_user_children": true, "redpoll_gc_cycles": true,
		"total_net_input_bytes": true, "total_net_output_bytes": true, "eventloop_duration_sum": true, "eventloop_duration_cmd_sum": true,
		"rdb_changes_since_last_save": true, "redpoll_handler_panics": true,
	}
	for name, n := range s.Counters() {
		if n > 20 && n >= before[name] && !kept[name] {
			t.Errorf("%s is %v, was %v", name, n, before[name])
		}
	}
	for _, section := range []string{"errorstats", "commandstats", "latencystats"} {
		if info := c.Must(t, "INFO", section).Str; strings.Contains(info, "_get") || strings.Contains(info, "_ERR") {
			t.Errorf("INFO %s: %s", section, info)
		}
	}
}
