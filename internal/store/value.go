// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/num"

// Value is an element of a collection in place, valid until its key changes.
type Value struct {
	Bytes []byte // the text; nil for an integer, never nil for a text
	Int   int64  // the integer when Bytes is nil
}

// IsInt tells whether the element is kept as an integer.
func (v Value) IsInt() bool { return v.Bytes == nil }

// Len gives the length of the element's text in bytes.
func (v Value) Len() int {
	if v.IsInt() {
		return num.IntLen(v.Int)
	}
	return len(v.Bytes)
}

// Text gives an element's text: in place, or an integer's appended to scratch.
func Text(v Value, scratch []byte) []byte {
	if v.IsInt() {
		return num.AppendInt(scratch, v.Int)
	}
	return v.Bytes
}
