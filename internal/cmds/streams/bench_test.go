// SPDX-License-Identifier: BSD-3-Clause

package streams_test

import "testing"

// BenchmarkCommands runs calls on a stream of 1000 entries, without an engine.
func BenchmarkCommands(b *testing.B) {
	for _, call := range []string{
		"XADD s * field value", "XADD s MAXLEN ~ 1000 * field value", "XADD s MAXLEN 1000 * field value",
		"XADD s IDMPAUTO p MAXLEN ~ 1000 * field value",
		"XRANGE s - + COUNT 10", "XREVRANGE s + - COUNT 10", "XRANGE s - +",
	} {
		b.Run(call, func(b *testing.B) {
			c := readyCall(b, call)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Spec.Run(c); err != nil {
					b.Fatal(err)
				}
				c.Reply.Reset()
			}
		})
	}
}
