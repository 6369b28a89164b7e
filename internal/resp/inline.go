// SPDX-License-Identifier: BSD-3-Clause

package resp

import "bytes"

// inline parses a command that is a line of words.
func (p *Parser) inline(buf []byte, args [][]byte) ([][]byte, int, error) {
	end, err := p.line(buf, 0, '\n', "too big inline request")
	if end < 0 {
		return args, 0, err
	}
	line := buf[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	out, ok := SplitArgs(line, args)
	if !ok {
		return args, 0, &ProtocolError{"unbalanced quotes in request"}
	}
	p.clear()
	return out, end + 1, nil
}

// SplitWords is SplitArgs for a string, whose words it gives as such; none when ok is false.
func SplitWords(line string) (words []string, ok bool) {
	args, ok := SplitArgs([]byte(line), nil)
	for _, arg := range args {
		words = append(words, string(arg))
	}
	return words, ok
}

// SplitArgs splits a line into words as an inline command, a line of redis.conf or one typed into the CLI is split. Words may
// have quoted parts: between double quotes \n \r \t \b \a, \xHH and a backslash before any other byte are escapes, between single
// quotes only \'. Words are appended to args, as slices of line as long as nothing in them is quoted. ok is false when a quote is
// not closed or is followed by more of the word. A NUL ends the line.
func SplitArgs(line []byte, args [][]byte) (out [][]byte, ok bool) {
	out = args
	if nul := bytes.IndexByte(line, 0); nul >= 0 {
		line = line[:nul]
	}
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return out, true
		}
		start := i
		for i < len(line) && !endsWord(line[i]) && line[i] != '"' && line[i] != '\'' {
			i++
		}
		if i == len(line) || endsWord(line[i]) {
			out = append(out, line[start:i:i])
			continue
		}
		word, next, ok := quotedWord(line, start, i)
		if !ok {
			return args, false
		}
		out = append(out, word)
		i = next
	}
}

// quotedWord copies the word that begins at start and has its first quote at quote. next is where it ends.
func quotedWord(line []byte, start, quote int) (word []byte, next int, ok bool) {
	word = append([]byte{}, line[start:quote]...)
	i := quote
	for i < len(line) && !endsWord(line[i]) {
		switch line[i] {
		case '"':
			word, i = doubleQuoted(word, line, i+1)
		case '\'':
			word, i = singleQuoted(word, line, i+1)
		default:
			word = append(word, line[i])
			i++
			continue
		}
		if i < 0 || i < len(line) && !isSpace(line[i]) {
			return nil, 0, false
		}
		break
	}
	return word, i, true
}

// doubleQuoted appends what follows an opening quote to word. next is the index after the closing one, -1 without one.
func doubleQuoted(word, line []byte, i int) (out []byte, next int) {
	for i < len(line) {
		c := line[i]
		i++
		switch {
		case c == '"':
			return word, i
		case c != '\\' || i == len(line):
			word = append(word, c)
		case line[i] == 'x' && i+2 < len(line) && isHex(line[i+1]) && isHex(line[i+2]):
			word = append(word, hexValue(line[i+1])<<4|hexValue(line[i+2]))
			i += 3
		default:
			word = append(word, unescape(line[i]))
			i++
		}
	}
	return word, -1
}

// singleQuoted is doubleQuoted for the other quote.
func singleQuoted(word, line []byte, i int) (out []byte, next int) {
	for i < len(line) {
		c := line[i]
		i++
		switch {
		case c == '\'':
			return word, i
		case c == '\\' && i < len(line) && line[i] == '\'':
			word = append(word, '\'')
			i++
		default:
			word = append(word, c)
		}
	}
	return word, -1
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// isSpace is C's isspace: what separates words and may follow a quote.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// endsWord is narrower than isSpace: a vertical tab or form feed inside a word belongs to it.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// Quote returns s between double quotes with escapes for what cannot be printed: the inverse of SplitArgs for one word.
func Quote(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\a':
			b = append(b, `\a`...)
		case '\b':
			b = append(b, `\b`...)
		default:
			if c >= ' ' && c <= '~' {
				b = append(b, c)
			} else {
				b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
			}
		}
	}
	return string(append(b, '"'))
}
