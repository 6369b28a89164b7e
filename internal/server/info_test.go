// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// absent are the fields of redis-server that Redpoll lacks, with the reason.
var absent = map[string]string{
	"used_cpu_sys_main_thread":  "there is no main thread",
	"used_cpu_user_main_thread": "there is no main thread",
}

// newer are fields of servers newer than the oracle, in Redis's order: of Redis 7.2 to 8, and paused_* of Valkey 8.1.
func newer() []string {
	return []string{
		"backup_in_progress", "pubsub_clients", "watching_clients", "total_watched_keys", "total_blocking_keys", "total_blocking_keys_on_nokey",
		"paused_reason", "paused_actions", "paused_timeout_milliseconds", "expired_subkeys",
		"client_query_buffer_limit_disconnections", "client_output_buffer_limit_disconnections",
		"eventloop_cycles", "eventloop_duration_sum", "eventloop_duration_cmd_sum",
		"instantaneous_eventloop_cycles_per_sec", "instantaneous_eventloop_duration_usec",
		"listener0", "allocator_muzzy", "mem_overhead_db_hashtable_rehashing", "evicted_scripts",
		"acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel",
	}
}

// infoNames gives the section lines and the names of fields, in order, without those that depend on what was run.
func infoNames(t *testing.T, info string) (names []string) {
	t.Helper()
	for line := range strings.Lines(info) {
		line = strings.TrimSuffix(line, "\r\n")
		name, _, isField := strings.Cut(line, ":")
		switch {
		case line == "":
		case strings.HasPrefix(line, "# "):
			names = append(names, line)
		case !isField:
			t.Errorf("INFO has the line %q", line)
		case !regexp.MustCompile(`^(cmdstat|errorstat|latency_percentiles_usec)_|^db\d+$`).MatchString(name):
			names = append(names, name)
		}
	}
	return names
}

// TestInfoNames holds sections, fields and their order against redis-server's. Our own fields begin with redpoll_.
func TestInfoNames(t *testing.T) {
	oracle := testutil.Oracle(t).Dial(t)
	c := client(t)
	for _, section := range []string{"everything", "default", "all", "MEMORY", "nonsense", "cluster"} {
		want := slices.DeleteFunc(infoNames(t, oracle.Must(t, "INFO", section).Str), func(name string) bool { return absent[name] != "" })
		got := slices.DeleteFunc(infoNames(t, c.Must(t, "INFO", section).Str), func(name string) bool {
			return strings.HasPrefix(name, "redpoll_") || slices.Contains(newer(), name)
		})
		if !slices.Equal(got, want) {
			for _, name := range want {
				if !slices.Contains(got, name) {
					t.Errorf("INFO %s lacks %s", section, name)
				}
			}
			t.Errorf("INFO %s\ngot  %q\nwant %q", section, got, want)
		}
	}
}

func TestInfoCounts(t *testing.T) {
	_, target := start(t, redpoll.Options{Loops: 1})
	c := target.Dial(t)
	c.Must(t, "SET", "a", "1", "EX", "1000")
	c.Must(t, "SET", "b", "2")
	c.Must(t, "SELECT", "5")
	c.Must(t, "HSET", "h", "f", "v")
	c.Must(t, "GET", "h2")
	do(t, c, "GET", "h")
	do(t, c, "NONSENSE")
	for _, test := range []struct{ field, want string }{
		{"db0", `^keys=2,expires=1,avg_ttl=(0|9\d{5}|1000000),subexpiry=0$`},
		{"db5", `^keys=1,expires=0,avg_ttl=0,subexpiry=0$`},
		{"cmdstat_get", `^calls=2,usec=\d+,usec_per_call=[\d.]+,rejected_calls=0,failed_calls=1$`},
		{"errorstat_WRONGTYPE", `^count=1$`},
		{"errorstat_ERR", `^count=1$`},
		{"keyspace_misses", `^1$`},
		{"total_error_replies", `^2$`},
		{"connected_clients", `^1$`},
		{"redpoll_loops", `^1$`},
		{"role", `^master$`},
		{"run_id", `^[0-9a-f]{40}$`},
		{"redis_version", `^7\.0\.15$`},
		{"used_memory_peak_perc", `^[\d.]+%$`},
	} {
		if got := field(t, c, test.field); !regexp.MustCompile(test.want).MatchString(got) {
			t.Errorf("%s is %q, want %s", test.field, got, test.want)
		}
	}
	for _, name := range []string{"used_memory_rss", "used_memory_dataset", "total_net_input_bytes", "total_system_memory", "total_commands_processed"} {
		t.Log(name, "is to be positive")
		testutil.Poll(t, patience, func() bool { return number(t, c, name) > 0 }) // loops publish what they count now and then
	}
	if rss, most := number(t, c, "used_memory_rss"), int64(4<<30); rss > most {
		t.Errorf("used_memory_rss is %d", rss)
	}
	c.Must(t, "CONFIG", "RESETSTAT")
	if got := number(t, c, "total_error_replies") + number(t, c, "keyspace_misses") + number(t, c, "total_connections_received"); got != 0 {
		t.Errorf("after CONFIG RESETSTAT they add up to %d", got)
	}
}

// TestRates looks at the figures that cron samples.
func TestRates(t *testing.T) {
	c := client(t)
	testutil.Poll(t, patience, func() bool {
		c.Must(t, "PING")
		return number(t, c, "instantaneous_ops_per_sec") > 0 && field(t, c, "instantaneous_input_kbps") != "0.00"
	})
}

// TestLatencyStats asks for percentiles of what was run.
func TestLatencyStats(t *testing.T) {
	c := client(t)
	line := func(command string) string {
		for line := range strings.Lines(c.Must(t, "INFO", "latencystats").Str) {
			if rest, ok := strings.CutPrefix(line, "latency_percentiles_usec_"+command+":"); ok {
				return strings.TrimSpace(rest)
			}
		}
		return ""
	}
	want := func(command, pattern string) {
		t.Helper()
		if got := line(command); !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%s: %q, want %s", command, got, pattern)
		}
	}
	c.Must(t, "SET", "k", "v")
	want("set", `^p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}$`)
	want("get", `^$`)
	c.Must(t, "DEBUG", "SLEEP", "0.05")
	c.Must(t, "CONFIG", "SET", "latency-tracking-info-percentiles", "0.0 12.5 100")
	want("debug", `^p0=([5-9]|\d\d+)\d{4}\.\d{3},p12\.5=([5-9]|\d\d+)\d{4}\.\d{3},p100=([5-9]|\d\d+)\d{4}\.\d{3}$`)
	want("config|set", `^p0=`)
	c.Must(t, "CONFIG", "SET", "latency-tracking", "no")
	c.Must(t, "GET", "k")
	want("get", `^$`)
	c.Must(t, "CONFIG", "RESETSTAT")
	want("set", `^$`)
	c.Must(t, "CONFIG", "SET", "latency-tracking", "yes", "latency-tracking-info-percentiles", "")
	c.Must(t, "GET", "k")
	want("get", `^$`)
	if info := c.Must(t, "INFO", "latencystats").Str; !strings.Contains(info, "latency_percentiles_usec_get:\r\n") {
		t.Errorf("without percentiles: %q", info)
	}
}

// TestWatchingClients counts clients that watch, and the keys, as they come and go.
func TestWatchingClients(t *testing.T) {
	_, target := start(t, redpoll.Options{})
	a, b := target.Dial(t), target.Dial(t)
	want := func(when string, clients, keys int64) {
		t.Helper()
		t.Log(when)
		testutil.Poll(t, patience, func() bool {
			return number(t, a, "watching_clients") == clients && number(t, a, "total_watched_keys") == keys
		})
	}
	want("at first", 0, 0)
	a.Must(t, "WATCH", "k", "l", "k")
	b.Must(t, "WATCH", "k")
	want("watched", 2, 2)
	a.Must(t, "UNWATCH")
	want("one has ended it", 1, 1)
	a.Must(t, "WATCH", "m")
	a.Must(t, "SET", "m", "1")
	a.Must(t, "MULTI")
	do(t, a, "EXEC")
	want("after EXEC", 1, 1)
	a.Must(t, "WATCH", "m", "n")
	a.Must(t, "MULTI")
	a.Must(t, "DISCARD")
	want("after DISCARD", 1, 1)
	a.Must(t, "WATCH", "m")
	a.Must(t, "RESET")
	want("after RESET", 1, 1)
	b.Close()
	want("the other is gone", 0, 0)
}

// TestInfoSections asks in odd ways.
func TestInfoSections(t *testing.T) {
	c := client(t)
	for _, test := range []struct{ args, has, hasNot string }{
		{"", "# Server,# Keyspace", "# Commandstats,# Debug,# Latencystats"},
		{"all", "# Server,# Commandstats,# Latencystats", "# Debug"},
		{"everything", "# Server,# Commandstats", "# Debug"},
		{"debug", "# Debug,eventloop_duration_cron_sum:,eventloop_cmd_per_cycle_max:", "# Server"},
		{"DeFault commandstats", "# Server,# Commandstats", "# Latencystats"},
		{"cpu cpu sentinel", "# CPU", "# Server,# Sentinel"},
	} {
		info := c.Must(t, append([]string{"INFO"}, strings.Fields(test.args)...)...).Str
		for text := range strings.SplitSeq(test.has, ",") {
			if strings.Count(info, text) != 1 {
				t.Errorf("INFO %s has %s %d times", test.args, text, strings.Count(info, text))
			}
		}
		for text := range strings.SplitSeq(test.hasNot, ",") {
			if strings.Contains(info, text) {
				t.Errorf("INFO %s has %s", test.args, text)
			}
		}
	}
	if port := field(t, c, "tcp_port"); field(t, c, "listener0") != "name=tcp,bind=127.0.0.1,port="+port {
		t.Errorf("listener0 is %s", field(t, c, "listener0"))
	}
}
