// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"strings"
	"testing"
)

// TestMixed: what stands around bulks comes where it belongs, beside short and long texts, and the end is asked for once.
func TestMixed(t *testing.T) {
	long := strings.Repeat("l", LongText+1)
	texts := []string{"a", long, "", long, "b"}
	n, ended, closed := 0, 0, 0
	s := NewMixed(func() (raw, text []byte, ok bool) {
		if n == len(texts) {
			ended++
			return []byte(",5\r\n"), nil, false
		}
		raw = []byte("*2\r\n")
		if n > 0 {
			raw = []byte(",1\r\n*2\r\n")
		}
		n++
		return raw, []byte(texts[n-1]), true
	}, func() { closed++ })
	var want, got strings.Builder
	for i, text := range texts {
		want.WriteString("*2\r\n" + string(AppendBulkLen(nil, len(text))) + text + "\r\n")
		if i < len(texts)-1 {
			want.WriteString(",1\r\n")
		}
	}
	want.WriteString(",5\r\n")
	for b := s.Next(); len(b) > 0; b = s.Next() {
		got.Write(b)
	}
	s.Close()
	if got.String() != want.String() {
		t.Errorf("got %d bytes, want %d, or others", got.Len(), want.Len())
	}
	if ended != 1 || closed != 1 {
		t.Errorf("the end was asked for %d times, and the source closed %d times", ended, closed)
	}
}
