// SPDX-License-Identifier: BSD-3-Clause

package config

import "strings"

// SplitArgs cuts a line into words as redis.conf and redis-cli do: words are separated by white space; a word may be in
// double quotes, with the escapes \xHH \n \r \t \b \a, or in single quotes, where only \' is an escape. ok is false when
// a quote is not closed or is followed by something else than white space.
func SplitArgs(line string) (args []string, ok bool) {
	i := 0
	for {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return args, true
		}
		word, next, ok := scanWord(line, i)
		if !ok {
			return nil, false
		}
		args = append(args, word)
		i = next
	}
}

// scanWord reads the word that begins at line[i].
func scanWord(line string, i int) (word string, next int, ok bool) {
	var b strings.Builder
	for i < len(line) {
		switch c := line[i]; {
		case isSpace(c):
			return b.String(), i, true
		case c == '"' || c == '\'':
			if i, ok = scanQuoted(&b, line, i); !ok {
				return "", 0, false
			}
			return b.String(), i, true
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), i, true
}

// scanQuoted appends what stands between the quote at line[i] and its partner, and returns the place after it.
func scanQuoted(b *strings.Builder, line string, i int) (next int, ok bool) {
	quote := line[i]
	for i++; i < len(line); i++ {
		switch c := line[i]; {
		case c == quote:
			i++
			return i, i == len(line) || isSpace(line[i])
		case c == '\\' && quote == '"' && i+1 < len(line):
			var n int
			c, n = unescape(line[i+1:])
			b.WriteByte(c)
			i += n
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			b.WriteByte(c)
		}
	}
	return 0, false
}

// unescape gives the byte that the text after a backslash stands for, and how much of the text that takes.
func unescape(s string) (c byte, n int) {
	if len(s) >= 3 && s[0] == 'x' {
		hi, ok1 := hexDigit(s[1])
		lo, ok2 := hexDigit(s[2])
		if ok1 && ok2 {
			return hi<<4 | lo, 3
		}
	}
	switch s[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	}
	return s[0], 1
}

// Quote writes s in double quotes so that SplitArgs gives it back.
func Quote(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\a':
			b = append(b, `\a`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
