// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/session"
)

// exchanges gives commands in steady state with their replies.
func exchanges() map[string][2][]byte {
	return map[string][2][]byte{
		"GET":  {line("GET", "k"), []byte("$1\r\nv\r\n")},
		"SET":  {line("SET", "k", "v"), []byte("+OK\r\n")},
		"PING": {line("PING"), []byte("+PONG\r\n")},
		"MGET": {line("MGET", "k", "k", "k"), []byte("*3\r\n$1\r\nv\r\n$1\r\nv\r\n$1\r\nv\r\n")},
		// A pipeline longer than a read ends in half a command.
		"long": {bytes.Repeat(line("SET", "k", "v"), 5000), bytes.Repeat([]byte("+OK\r\n"), 5000)},
	}
}

func TestNoAllocations(t *testing.T) {
	if session.Race || invariants.Enabled {
		t.Skip("n/a: the race detector and the debug build allocate")
	}
	for name, x := range exchanges() {
		t.Run(name, func(t *testing.T) {
			r := start(t, options{})
			c := r.tcp()
			send(t, c, line("SET", "k", "v"))
			readN(t, c, 5)
			reply := make([]byte, len(x[1]))
			n := testing.AllocsPerRun(200, func() {
				if _, err := c.Write(x[0]); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, reply); err != nil || !bytes.Equal(reply, x[1]) {
					t.Fatalf("%.100q %v", reply, err)
				}
			})
			// A long pipeline may leave the beginning of a command in each of its reads, some 64 KB apart.
			limit := float64(len(x[0]) / (8 << 10))
			if netloop.API != "epoll" {
				limit *= 4 // the buffers between the loop and package net are given away when they are long
			}
			if n > limit {
				t.Errorf("%v allocations, at most %v", n, limit)
			}
		})
	}
}

func BenchmarkCommand(b *testing.B) {
	x := exchanges()
	for _, name := range []string{"PING", "GET", "SET"} {
		for _, depth := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, depth), func(b *testing.B) {
				r := start(b, options{})
				c := r.tcp()
				send(b, c, line("SET", "k", "v"))
				readN(b, c, 5)
				in, reply := bytes.Repeat(x[name][0], depth), make([]byte, depth*len(x[name][1]))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Write(in); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(c, reply); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/cmd")
			})
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	publish := session.Publisher()
	for b.Loop() {
		publish()
	}
}
