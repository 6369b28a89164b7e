// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"slices"
	"strconv"
	"strings"
)

// String renders the reply as redis-cli shows it on a terminal, without the last newline.
func (v Value) String() string {
	var b strings.Builder
	v.format(&b, "")
	return b.String()
}

// format writes v; prefix is the indentation of the lines after the first.
func (v Value) format(b *strings.Builder, prefix string) {
	switch {
	case v.Null:
		b.WriteString("(nil)")
	case v.Type == '-':
		b.WriteString("(error) " + v.Str)
	case v.Type == ':':
		b.WriteString("(integer) " + strconv.FormatInt(v.Int, 10))
	case v.Type == ',':
		b.WriteString("(double) " + v.Str)
	case v.Type == '#' && v.Str == "t":
		b.WriteString("(true)")
	case v.Type == '#':
		b.WriteString("(false)")
	case v.Type == '$':
		b.WriteString(Quote(v.Str))
	case v.Type == '=' && len(v.Str) >= 4:
		b.WriteString(v.Str[4:])
	case v.Elems == nil:
		b.WriteString(v.Str)
	case len(v.Elems) == 0:
		b.WriteString(emptyAggregate(v.Type))
	default:
		v.formatElems(b, prefix)
	}
}

func emptyAggregate(kind byte) string {
	switch kind {
	case '%':
		return "(empty hash)"
	case '~':
		return "(empty set)"
	case '>':
		return "(empty push)"
	}
	return "(empty array)"
}

func (v Value) formatElems(b *strings.Builder, prefix string) {
	step, sep := 1, ") "
	switch v.Type {
	case '%':
		step, sep = 2, "# "
	case '~':
		sep = "~ "
	}
	width := len(strconv.Itoa(len(v.Elems) / step))
	inner := prefix + strings.Repeat(" ", width+2)
	for i := 0; i+step <= len(v.Elems); i += step {
		if i > 0 {
			b.WriteString("\n" + prefix)
		}
		index := strconv.Itoa(i/step + 1)
		b.WriteString(strings.Repeat(" ", width-len(index)) + index + sep)
		v.Elems[i].format(b, inner)
		if step == 2 {
			b.WriteString(" => ")
			if v.Elems[i+1].severalEntries() {
				b.WriteString("\n" + inner)
			}
			v.Elems[i+1].format(b, inner)
		}
	}
}

// severalEntries reports whether v is shown on more than one line for its number of elements, at any depth: as a map's value it
// then goes under its key rather than beside it. Line breaks inside a text do not count.
func (v Value) severalEntries() bool {
	step := 1
	if v.Type == '%' {
		step = 2
	}
	if len(v.Elems) > step {
		return true
	}
	return slices.ContainsFunc(v.Elems, Value.severalEntries)
}
