// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// FuzzScripts gives a server any text as a script, a library and a library's dump: it answers, others are answered meanwhile, and what does
// not end can be killed and leaves nothing behind.
func FuzzScripts(f *testing.F) {
	for _, text := range []string{
		`return redis.call('SET', KEYS[1], ARGV[1])`, `return {1, {2, 'x', false}, {err = 'E x'}, {ok = 'y'}}`, `while true do redis.call('INCR', KEYS[1]) end`,
		`redis.setresp(3) return redis.call('HGETALL', KEYS[1])`, `return cjson.encode(cmsgpack.unpack(ARGV[1]))`, `return struct.pack('>i8s', 1, ARGV[1])`,
		"#!lua flags=no-writes\nreturn redis.pcall('DEL', KEYS[1])", "#!lua name=l\nredis.register_function('f', function(k, a) return redis.call('GET', k[1]) end)",
		"#!lua name=l\nredis.register_function{function_name='f', callback=function() while true do end end, flags={'no-writes'}}",
		`return redis.call(unpack(ARGV))`, `local t = {} t[1] = t return t`, `error({err = ARGV[1]})`, `return setmetatable({}, {__index = function(t, k) return k < 9 and k or nil end})`,
		`return loadstring(ARGV[1])`, `redis.call('SELECT', 3) redis.call('FLUSHALL') return redis.call('DBSIZE')`,
	} {
		f.Add([]byte(text), []byte("argument"))
	}
	server, err := redpoll.Start(redpoll.Options{Shards: 2, Loops: 1, Config: map[string]string{
		"enable-debug-command": "yes", "busy-reply-threshold": "5", "lua-memory-limit": "4mb", "maxmemory": "64mb",
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	f.Fuzz(func(t *testing.T, text, arg []byte) {
		hostile, other := dialled(t, server), dialled(t, server)
		for _, call := range [][]string{
			{"EVAL", string(text), "1", "k", string(arg)}, {"EVAL_RO", string(text), "0", string(arg)}, {"FUNCTION", "LOAD", "REPLACE", string(text)},
			{"FCALL", "f", "1", "k", string(arg)}, {"FUNCTION", "RESTORE", string(text)}, {"FUNCTION", "FLUSH"}, {"FLUSHALL"},
		} {
			done := make(chan error, 1)
			go func() {
				_, err := hostile.Do(call...)
				done <- err
			}()
			for ended, deadline := false, time.Now().Add(testutil.Patience); !ended; {
				select {
				case err := <-done:
					if ended = true; err != nil {
						t.Fatalf("%.200q: %v", call, err)
					}
				default:
					if v, err := other.Do("PING"); err != nil || v.Str != "PONG" {
						t.Fatalf("PING during %.200q: %v, %v", call, v, err)
					}
					if _, err := other.Do("SCRIPT", "KILL"); err != nil {
						t.Fatal(err)
					}
					if _, err := other.Do("FUNCTION", "KILL"); err != nil {
						t.Fatal(err)
					}
					if time.Now().After(deadline) {
						t.Fatalf("%.200q does not end", call)
					}
				}
			}
		}
		if v, err := other.Do("DBSIZE"); err != nil || v.Int != 0 {
			t.Fatalf("there are keys after FLUSHALL: %v, %v", v, err)
		}
	})
}

// dialled gives a connection to a server for one test.
func dialled(t *testing.T, s *redpoll.Server) *testutil.Client {
	t.Helper()
	c, err := testutil.Connect("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
