// SPDX-License-Identifier: BSD-3-Clause

package aof

import "testing"

// TestAppendLibrary has a library as the command that Redis writes.
func TestAppendLibrary(t *testing.T) {
	const want = "*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$2\r\na\n\r\n"
	if got := string(AppendLibrary(nil, "a\n")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
