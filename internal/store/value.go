// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/num"
)

// Value is an element of a collection in place, valid until its key changes: a text, or a number where that is how the
// element is kept.
type Value = listpack.Entry

// Text gives a value's text: in place, or a number's appended to scratch.
func Text(v Value, scratch []byte) []byte {
	if v.IsInt() {
		return num.AppendInt(scratch, v.Int)
	}
	return v.Bytes
}
