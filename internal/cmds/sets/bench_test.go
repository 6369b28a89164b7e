// SPDX-License-Identifier: BSD-3-Clause

package sets

import (
	"fmt"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/resp"
)

// BenchmarkCommands runs handlers on small sets and on one of a hundred thousand members.
func BenchmarkCommands(b *testing.B) {
	r := newRig(b)
	r.Do(2, append([]string{"SADD", "t1"}, members("m", 10)...)...)
	r.Do(2, append([]string{"SADD", "t2"}, members("m", 10)...)...)
	r.Do(2, append([]string{"SADD", "i1"}, members("", 15)...)...)
	r.Do(2, append([]string{"SADD", "i2"}, members("1", 15)...)...)
	r.Do(2, append([]string{"SADD", "big"}, members("m", 100_000)...)...)
	for _, words := range [][]string{
		{"SISMEMBER", "big", "m77"}, {"SADD", "big", "m77"}, {"SADD", "t1", "m7"}, {"SADD", "i1", "7"}, {"SMEMBERS", "t1"}, {"SRANDMEMBER", "big"},
		{"SINTER", "t1", "t2"}, {"SUNION", "i1", "i2"}, {"SDIFF", "t1", "i2"}, {"SINTERSTORE", "d", "t1", "t2"}, {"SUNIONSTORE", "d", "i1", "i2"},
	} {
		b.Run(fmt.Sprint(words), func(b *testing.B) { run(b, r, words) })
	}
	b.Run("SPOP SADD", func(b *testing.B) {
		call := caller(r, []string{"SPOP", "big"})
		back := caller(r, []string{"SADD", "big", "m1"})
		b.ReportAllocs()
		for b.Loop() {
			call()
			back()
		}
	})
}

func run(b *testing.B, r *commandtest.Rig, words []string) {
	call := caller(r, words)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}

// quiet is a Host that notes nothing.
type quiet struct{ command.Host }

func (quiet) Propagate([][]byte)           {}
func (quiet) Notify(string, []byte)        {}
func (quiet) NotifyIn(int, string, []byte) {}
func (quiet) Tick() error                  { return nil }

// caller gives what runs a call and forgets its reply.
func caller(r *commandtest.Rig, words []string) func() {
	argv := make([][]byte, len(words))
	for i, w := range words {
		argv[i] = []byte(w)
	}
	var w resp.Writer
	w.Init(resp.NewChunkPool(4))
	c := command.Ctx{DB: r.DB, Reply: &w, Argv: argv, Spec: r.Registry.Resolve(argv), Host: quiet{}, Client: r}
	return func() {
		if err := c.Spec.Run(&c); err != nil {
			panic(err)
		}
		w.Reset()
	}
}
