// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"fmt"
	"strconv"
	"strings"
)

// Format writes a reply as redis-cli shows it on a terminal, without the newline at the end. Two kinds are spelt out where
// redis-cli prints bare text: (verbatim) and (big number).
func Format(v Value) string {
	var b strings.Builder
	format(&b, v, "")
	return b.String()
}

func format(b *strings.Builder, v Value, indent string) {
	if v.Null {
		b.WriteString("(nil)")
		return
	}
	switch v.Kind {
	case '+':
		b.WriteString(v.Str)
	case '-':
		b.WriteString("(error) " + v.Str)
	case ':':
		b.WriteString("(integer) " + v.Str)
	case ',':
		b.WriteString("(double) " + v.Str)
	case '(':
		b.WriteString("(big number) " + v.Str)
	case '#':
		b.WriteString(map[string]string{"t": "(true)", "f": "(false)"}[v.Str])
	case '$':
		b.WriteString(quote(v.Str))
	case '=':
		b.WriteString("(verbatim) " + quote(v.Str))
	default:
		formatElems(b, v, indent)
	}
}

func formatElems(b *strings.Builder, v Value, indent string) {
	names := map[byte]string{'*': "array", '%': "hash", '~': "set", '>': "push", '|': "attribute"}
	if len(v.Elems) == 0 {
		b.WriteString("(empty " + names[v.Kind] + ")")
		return
	}
	marks := map[byte]string{'*': ")", '%': "#", '~': "~", '>': ")", '|': "|"}
	step := 1
	if v.Kind == '%' || v.Kind == '|' {
		step = 2
	}
	width := len(strconv.Itoa(len(v.Elems) / step))
	inner := indent + strings.Repeat(" ", width+2)
	for i := 0; i < len(v.Elems); i += step {
		if i > 0 {
			b.WriteString("\n" + indent)
		}
		fmt.Fprintf(b, "%*d%s ", width, i/step+1, marks[v.Kind])
		format(b, v.Elems[i], inner)
		if step == 2 {
			b.WriteString(" => ")
			format(b, v.Elems[i+1], inner)
		}
	}
}

// Quote joins arguments into a line that SplitArgs takes apart again; what needs no quotes gets none.
func Quote(args []string) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if plain(a) {
			b.WriteString(a)
		} else {
			b.WriteString(quote(a))
		}
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\' {
			return false
		}
	}
	return s != ""
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\a':
			b.WriteString(`\a`)
		case '\b':
			b.WriteString(`\b`)
		default:
			if c < ' ' || c > '~' {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// SplitArgs takes a line apart as redis-cli does: words between blanks, "double quotes" with the escapes \n \r \t \a \b \\ \"
// and \xHH, 'single quotes' with \' alone. A closing quote must end its word.
func SplitArgs(line string) ([]string, error) {
	var args []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return args, nil
		}
		word, rest, err := splitWord(line)
		if err != nil {
			return nil, err
		}
		args, line = append(args, word), rest
	}
}

func splitWord(s string) (word, rest string, err error) {
	var b []byte
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ' ', '\t':
			return string(b), s[i:], nil
		case '"', '\'':
			n, err := unquote(&b, s[i:])
			if err != nil {
				return "", "", err
			}
			i += n
			if i < len(s) && s[i] != ' ' && s[i] != '\t' {
				return "", "", fmt.Errorf("a closing quote must be followed by a blank: %s", s)
			}
		default:
			b = append(b, c)
			i++
		}
	}
	return string(b), "", nil
}

// unquote appends what the quoted text at the start of s means and gives its length with both quotes.
func unquote(b *[]byte, s string) (int, error) {
	q := s[0]
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == q:
			return i + 1, nil
		case c != '\\' || i+1 == len(s) || q == '\'' && s[i+1] != '\'':
			*b = append(*b, c)
		default:
			i++
			if n, ok := hexByte(s, i); ok {
				*b = append(*b, n)
				i += 2
			} else {
				*b = append(*b, escaped(s[i]))
			}
		}
	}
	return 0, fmt.Errorf("unbalanced quotes: %s", s)
}

// hexByte reads the xHH of an escape at s[i:].
func hexByte(s string, i int) (byte, bool) {
	if s[i] != 'x' || i+2 >= len(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
	return byte(n), err == nil
}

func escaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'a':
		return '\a'
	case 'b':
		return '\b'
	}
	return c
}
