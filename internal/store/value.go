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

// Needle is a text that elements are compared with. It refers to the text.
type Needle struct {
	text  []byte
	int   int64
	isInt bool
}

// NeedleOf gives the needle of a text.
func NeedleOf(text []byte) Needle {
	n, ok := num.ParseInt(text)
	return Needle{text: text, int: n, isInt: ok}
}

// Is tells whether an element has the needle's text.
func (n Needle) Is(v Value) bool {
	if v.Bytes != nil {
		return string(v.Bytes) == string(n.text)
	}
	return n.isInt && v.Int == n.int
}
