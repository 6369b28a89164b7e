// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"fmt"
	"strings"
)

// A token is what the scanner gives: a byte that stands for itself, or one of the named ones.
type token int

const (
	tokEnd token = iota + 256 // the source's end
	tokName
	tokNumber
	tokString
	tokConcat
	tokDots
	tokEq
	tokGe
	tokLe
	tokNe

	tokAnd
	tokBreak
	tokDo
	tokElse
	tokElseif
	tokEndBlock
	tokFalse
	tokFor
	tokFunction
	tokIf
	tokIn
	tokLocal
	tokNil
	tokNot
	tokOr
	tokRepeat
	tokReturn
	tokThen
	tokTrue
	tokUntil
	tokWhile
)

// tokenTexts are the named tokens as errors write them, from tokEnd on.
var tokenTexts = [...]string{
	"<eof>", "<name>", "<number>", "<string>", "..", "...", "==", ">=", "<=", "~=",
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or", "repeat",
	"return", "then", "true", "until", "while",
}

// String returns the token as error texts write it: a control character as its number.
func (t token) String() string {
	switch {
	case t >= tokEnd:
		return tokenTexts[t-tokEnd]
	case t < ' ' || t == 0x7f:
		return fmt.Sprintf("char(%d)", int(t))
	}
	return string([]byte{byte(t)})
}

// keyword returns the token of a name: one of its own if the name is reserved.
func keyword(name string) token {
	for _, t := range keywords[name[0]] {
		if tokenTexts[t-tokEnd] == name {
			return t
		}
	}
	return tokName
}

// keywords are the tokens of reserved names, by their first bytes.
var keywords = func() (keywords [256][]token) {
	for t := tokAnd; t <= tokWhile; t++ {
		first := tokenTexts[t-tokEnd][0]
		keywords[first] = append(keywords[first], t)
	}
	return keywords
}()

// A scanner cuts a source into tokens. It never looks back, and errors are panics of *SyntaxError, which Compile catches.
type scanner struct {
	src   string
	pos   int // of the next byte
	chunk string
	line  int    // of the last byte read
	watch *watch // nil: nobody asks for steps and memory
	pause int    // the watch is called when pos is past it

	tok token
	at  int // where tok begins
	num float64
	str string // a name; what a string contains
}

// A SyntaxError is why a source is not a program.
type SyntaxError struct {
	Msg string // begins with the position, "chunk:line: ", if the error has one
}

// Error returns the text as lua5.1 has it.
func (e *SyntaxError) Error() string { return e.Msg }

// fail ends the compilation with an error at the current line. near is the text that the message ends with; none if it is "".
func (s *scanner) fail(msg, near string) {
	if near != "" {
		msg += " near '" + cString(near) + "'"
	}
	panic(&SyntaxError{fmt.Sprintf("%s:%d: %s", shortSource(s.chunk, syntaxSource), s.line, msg)})
}

// failHere is fail near the current token. A zero byte is a token of its own that errors do not show.
func (s *scanner) failHere(msg string) {
	s.fail(msg, s.text())
}

// text returns the current token as errors quote it; a string with its quotes, but what it contains, not how it was written.
func (s *scanner) text() string {
	switch s.tok {
	case tokName, tokNumber:
		return s.src[s.at:s.pos]
	case tokString:
		return s.quoted()
	case 0:
		return ""
	}
	return s.tok.String()
}

func (s *scanner) quoted() string {
	open := s.src[s.at : s.at+1]
	if open != "[" {
		return open + s.str + open
	}
	open = s.src[s.at : s.at+2+strings.IndexByte(s.src[s.at+1:], '[')]
	return open + s.str + strings.ReplaceAll(open, "[", "]")
}

// The classes of bytes, as C's locale has them.
const (
	classSpace = 1 << iota
	classDigit
	classAlpha // begins names
)

var classes = func() (c [256]uint8) {
	for _, b := range " \t\v\f" {
		c[b] = classSpace
	}
	for b := '0'; b <= '9'; b++ {
		c[b] = classDigit
	}
	for b := 'a'; b <= 'z'; b++ {
		c[b], c[b-'a'+'A'] = classAlpha, classAlpha
	}
	c['_'] = classAlpha
	return c
}()

// peek returns the byte n places on; 0 behind the end, too.
func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

func (s *scanner) ended() bool { return s.pos >= len(s.src) }

// skip passes a byte.
func (s *scanner) skip() {
	if s.pos++; s.pos > s.pause {
		s.pause = s.pos + watchStep
		s.watch.read(watchStep)
	}
}

// newline passes the end of a line: any pair of different ones is one.
func (s *scanner) newline() {
	first := s.src[s.pos]
	s.skip()
	if b := s.peek(0); (b == '\n' || b == '\r') && b != first {
		s.pos++
	}
	s.line++
}

// skipBlank passes what is between tokens.
func (s *scanner) skipBlank() {
	for !s.ended() {
		b := s.src[s.pos]
		switch {
		case b == '\n' || b == '\r':
			s.newline()
		case classes[b]&classSpace != 0:
			s.skip()
		case b == '-' && s.peek(1) == '-':
			s.comment()
		default:
			return
		}
	}
}

func (s *scanner) comment() {
	s.pos += 2
	if s.peek(0) == '[' {
		s.at = s.pos
		if level := s.longBracket('['); level >= 0 {
			s.longText(level, "comment")
			return
		}
	}
	for !s.ended() && s.src[s.pos] != '\n' && s.src[s.pos] != '\r' {
		s.skip()
	}
}

// longBracket passes a bracket and the equals signs behind it. It returns their number if a second bracket follows (which it does not
// pass), else -1 minus that number.
func (s *scanner) longBracket(bracket byte) int {
	s.skip()
	n := 0
	for s.peek(0) == '=' {
		s.skip()
		n++
	}
	if s.peek(0) == bracket {
		return n
	}
	return -n - 1
}

// longText reads a long string or comment from its second bracket on, and puts what it contains into str.
func (s *scanner) longText(level int, what string) {
	s.pos++
	if b := s.peek(0); b == '\n' || b == '\r' {
		s.newline()
	}
	from := s.pos
	var b strings.Builder // if the source's bytes will not do, because of its line ends
	for {
		if s.ended() {
			s.fail("unfinished long "+what, tokEnd.String())
		}
		switch s.src[s.pos] {
		case '[':
			if s.longBracket('[') == level {
				if s.pos++; level == 0 {
					s.fail("nesting of [[...]] is deprecated", "[")
				}
			}
		case ']':
			until := s.pos
			if s.longBracket(']') == level {
				s.pos++
				if s.str = s.src[from:until]; b.Len() > 0 {
					b.WriteString(s.str)
					s.str = b.String()
				}
				return
			}
		case '\n', '\r':
			until := s.pos
			if s.newline(); s.src[until:s.pos] != "\n" {
				b.WriteString(s.src[from:until])
				b.WriteByte('\n')
				from = s.pos
			}
		default:
			s.skip()
		}
	}
}

// next reads one token.
func (s *scanner) next() {
	s.skipBlank()
	s.at = s.pos
	if s.ended() {
		s.tok = tokEnd
		return
	}
	b := s.src[s.pos]
	switch {
	case classes[b]&classAlpha != 0:
		for classes[s.peek(0)]&(classAlpha|classDigit) != 0 {
			s.skip()
		}
		s.str = s.src[s.at:s.pos]
		s.tok = keyword(s.str)
		return
	case classes[b]&classDigit != 0 || b == '.' && classes[s.peek(1)]&classDigit != 0:
		s.number()
		return
	}
	s.symbol(b)
}

// symbol reads a token that begins with the byte b, which is neither a letter nor a digit.
func (s *scanner) symbol(b byte) {
	switch {
	case b == '"' || b == '\'':
		s.quotedString(b)
	case b == '[':
		switch level := s.longBracket('['); {
		case level >= 0:
			s.longText(level, "string")
			s.tok = tokString
		case level < -1:
			s.fail("invalid long string delimiter", s.src[s.at:s.pos])
		default:
			s.tok = '['
		}
	case b == '.' && s.peek(1) == '.' && s.peek(2) == '.':
		s.tok, s.pos = tokDots, s.pos+3
	case b == '.' && s.peek(1) == '.':
		s.tok, s.pos = tokConcat, s.pos+2
	case b == '=' && s.peek(1) == '=':
		s.tok, s.pos = tokEq, s.pos+2
	case b == '<' && s.peek(1) == '=':
		s.tok, s.pos = tokLe, s.pos+2
	case b == '>' && s.peek(1) == '=':
		s.tok, s.pos = tokGe, s.pos+2
	case b == '~' && s.peek(1) == '=':
		s.tok, s.pos = tokNe, s.pos+2
	default:
		s.tok = token(b)
		s.skip()
	}
}

// number reads a number: whatever looks like one is taken, and then must be one.
func (s *scanner) number() {
	for b := s.peek(0); b == '.' || classes[b]&classDigit != 0; b = s.peek(0) {
		s.skip()
	}
	if b := s.peek(0); b == 'e' || b == 'E' {
		s.pos++
		if b := s.peek(0); b == '+' || b == '-' {
			s.pos++
		}
	}
	for classes[s.peek(0)]&(classAlpha|classDigit) != 0 {
		s.skip()
	}
	s.tok = tokNumber
	var ok bool
	if s.num, ok = ParseNumber(s.src[s.at:s.pos]); !ok {
		s.failHere("malformed number")
	}
}

// The letters that mean something else behind a backslash, and what they mean.
const (
	escapeLetters = "abfnrtv"
	escapeBytes   = "\a\b\f\n\r\t\v"
)

// quotedString reads a string between quotes.
func (s *scanner) quotedString(quote byte) {
	s.pos++
	from := s.pos
	var b strings.Builder // if the source's bytes will not do, because of escapes
	for {
		if s.ended() {
			s.fail("unfinished string", tokEnd.String())
		}
		switch c := s.src[s.pos]; c {
		case quote:
			if s.str = s.src[from:s.pos]; b.Len() > 0 {
				b.WriteString(s.str)
				s.str = b.String()
			}
			s.pos++
			s.tok = tokString
			return
		case '\n', '\r':
			s.fail("unfinished string", string(quote)+b.String()+s.src[from:s.pos])
		case '\\':
			b.WriteString(s.src[from:s.pos])
			s.pos++
			s.escape(&b, quote)
			from = s.pos
		default:
			s.skip()
		}
	}
}

// escape reads what follows a backslash.
func (s *scanner) escape(b *strings.Builder, quote byte) {
	if s.ended() {
		return // the string is unfinished
	}
	c := s.src[s.pos]
	switch {
	case c == '\n' || c == '\r':
		s.newline()
		b.WriteByte('\n')
	case classes[c]&classDigit != 0:
		n := 0
		for i := 0; i < 3 && classes[s.peek(0)]&classDigit != 0; i++ {
			n = n*10 + int(s.src[s.pos]-'0')
			s.pos++
		}
		if n > 255 {
			s.fail("escape sequence too large", string(quote)+b.String())
		}
		b.WriteByte(byte(n))
	default:
		s.pos++
		if i := strings.IndexByte(escapeLetters, c); i >= 0 {
			c = escapeBytes[i]
		}
		b.WriteByte(c)
	}
}
