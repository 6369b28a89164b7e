// SPDX-License-Identifier: BSD-3-Clause

package streams_test

import (
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/streams"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/resp"
)

// BenchmarkCommands runs calls on a stream of 1000 entries, without an engine.
func BenchmarkCommands(b *testing.B) {
	for _, call := range []string{
		"XADD s * field value", "XADD s MAXLEN ~ 1000 * field value", "XADD s MAXLEN 1000 * field value",
		"XADD s IDMPAUTO p MAXLEN ~ 1000 * field value",
		"XRANGE s - + COUNT 10", "XREVRANGE s + - COUNT 10", "XRANGE s - +",
	} {
		b.Run(call, func(b *testing.B) {
			r := commandtest.NewRig(b, streams.Family)
			for range 1000 {
				r.Do(2, "XADD", "s", "*", "field", "value")
			}
			var w resp.Writer
			w.Init(resp.NewChunkPool(1))
			var argv [][]byte
			for word := range strings.FieldsSeq(call) {
				argv = append(argv, []byte(word))
			}
			c := command.Ctx{DB: r.DB, Reply: &w, Argv: argv, Spec: r.Registry.Resolve(argv), Host: quiet{r}, Client: r}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Spec.Run(&c); err != nil {
					b.Fatal(err)
				}
				w.Reset()
			}
		})
	}
}
