// SPDX-License-Identifier: BSD-3-Clause

package aof

import "testing"

// TestAppendLibraries has libraries as the commands that Redis writes.
func TestAppendLibraries(t *testing.T) {
	const want = "*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$1\r\na\r\n*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$2\r\nb\n\r\n"
	if got := string(AppendLibraries(nil, []string{"a", "b\n"})); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
