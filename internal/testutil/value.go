// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A Value is one decoded reply.
type Value struct {
	// Kind is the type byte of the wire: + - : $ * and of RESP3 % ~ > , # _ ( =
	Kind byte
	// Null marks $-1, *-1 and _.
	Null bool
	// Str is the text of + - : $ , # ( and = (this one without its "txt:").
	Str string
	// Int is the number of a ':' reply; of one past 63 bits, as indices of arrays may be, it has the same bits.
	Int int64
	// Format is the three letters of a verbatim string.
	Format string
	// Elems are the children; a map has its keys and values in turn.
	Elems []Value
}

// IsError says whether the reply is an error.
func (v Value) IsError() bool { return v.Kind == '-' }

// Strings gives the texts of the children.
func (v Value) Strings() []string {
	out := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		out[i] = e.Str
	}
	return out
}

// Shape is the value without its contents: the type bytes, with the number of children. Two replies that may differ in their
// contents must still agree in it.
func (v Value) Shape() string {
	if v.Null {
		return string(v.Kind) + "null"
	}
	if !v.aggregate() {
		return string(v.Kind)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%c%d(", v.Kind, len(v.Elems))
	for _, e := range v.Elems {
		b.WriteString(e.Shape())
	}
	b.WriteByte(')')
	return b.String()
}

// Sorted is a copy whose children stand in the order of their formatted texts, in groups of the given size that stay
// together: 2 for a map or for a flat list of pairs. Children that are pairs themselves, as RESP3 nests them, are each a group.
func (v Value) Sorted(group int) Value {
	switch {
	case v.Kind == '%':
		group = 2
	case len(v.Elems) > 0 && v.Elems[0].aggregate():
		group = 1
	}
	if len(v.Elems)%group != 0 {
		return v
	}
	chunks := slices.Collect(slices.Chunk(v.Elems, group))
	slices.SortFunc(chunks, func(a, b []Value) int {
		return slices.CompareFunc(a, b, func(x, y Value) int { return strings.Compare(Format(x), Format(y)) })
	})
	v.Elems = slices.Concat(chunks...)
	return v
}

func (v Value) aggregate() bool { return strings.IndexByte("*%~>|", v.Kind) >= 0 }

const (
	maxDepth = 10_000 // scripts reply with tables nested as deep as their stack
	maxBulk  = 1 << 30
	maxElems = 1 << 24
)

// errProtocol is wrapped by the errors of a decoder that was sent nonsense.
var errProtocol = errors.New("not RESP")

// A decoder reads one value and keeps its bytes.
type decoder struct {
	r   *bufio.Reader
	raw []byte
}

func (d *decoder) line() (string, error) {
	s, err := d.r.ReadString('\n')
	d.raw = append(d.raw, s...)
	if err != nil {
		return "", err
	}
	if len(s) < 3 || s[len(s)-2] != '\r' {
		return "", fmt.Errorf("%w: line %q", errProtocol, s)
	}
	return s[:len(s)-2], nil
}

func (d *decoder) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, fmt.Errorf("%w: nested deeper than %d", errProtocol, maxDepth)
	}
	s, err := d.line()
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: s[0], Str: s[1:]}
	switch v.Kind {
	case '+', '-', ',', '#', '(':
		return v, nil
	case ':':
		v.Int, err = strconv.ParseInt(v.Str, 10, 64)
		if u, tooLong := strconv.ParseUint(v.Str, 10, 64); err != nil && tooLong == nil {
			v.Int, err = int64(u), nil
		}
		if err != nil {
			return v, fmt.Errorf("%w: %v", errProtocol, err)
		}
		return v, nil
	case '_':
		v.Null = true
		return v, nil
	case '$', '=':
		return d.bulk(v)
	case '*', '%', '~', '>', '|':
		return d.elems(v, depth)
	}
	return v, fmt.Errorf("%w: type %q", errProtocol, s)
}

func (d *decoder) bulk(v Value) (Value, error) {
	n, err := strconv.Atoi(v.Str)
	if err != nil || n < -1 || n > maxBulk {
		return v, fmt.Errorf("%w: bulk length %q", errProtocol, v.Str)
	}
	v.Str = ""
	if n == -1 {
		v.Null = true
		return v, nil
	}
	at := len(d.raw)
	d.raw = append(d.raw, make([]byte, n+2)...)
	if _, err := io.ReadFull(d.r, d.raw[at:]); err != nil {
		return v, err
	}
	if string(d.raw[at+n:]) != "\r\n" {
		return v, fmt.Errorf("%w: bulk of %d bytes ends in %q", errProtocol, n, d.raw[at+n:])
	}
	v.Str = string(d.raw[at : at+n])
	if v.Kind == '=' {
		format, text, ok := strings.Cut(v.Str, ":")
		if !ok || len(format) != 3 {
			return v, fmt.Errorf("%w: verbatim string %.20q", errProtocol, v.Str)
		}
		v.Format, v.Str = format, text
	}
	return v, nil
}

func (d *decoder) elems(v Value, depth int) (Value, error) {
	n, err := strconv.Atoi(v.Str)
	if err != nil || n < -1 || n > maxElems {
		return v, fmt.Errorf("%w: %c of length %q", errProtocol, v.Kind, v.Str)
	}
	v.Str = ""
	if n == -1 {
		v.Null = true
		return v, nil
	}
	if v.Kind == '%' || v.Kind == '|' {
		n *= 2
	}
	for range n {
		e, err := d.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}
