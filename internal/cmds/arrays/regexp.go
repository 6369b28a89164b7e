// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
)

// Redis's regular expressions are POSIX's extended ones with some of Perl's escapes, of bytes. They are written anew for Go's package, which
// takes no longer than the expression times the text: each byte becomes the character with its number (Latin-1), in the expression as
// in the text. There are no references back to what a group has matched, in Redis neither.

const (
	errEmptyRegexp command.Error = "ERR regular expression is empty"
	errBackrefs    command.Error = "ERR regular expression backreferences are not supported"
)

// errRegexp makes the error of a regular expression.
func errRegexp(what string) error { return command.Error("ERR invalid regular expression: " + what) }

// What is wrong with a regular expression.
const (
	badBackslash = "Trailing backslash"
	badBracket   = "Missing ']'"
	badParen     = "Missing ')'"
	badBrace     = "Missing '}'"
	badBounds    = "Invalid contents of {}"
	badClass     = "Unknown character class name"
	badCollation = "Unknown collating element"
	badRange     = "Invalid character range"
	badRepeat    = "Invalid use of repetition operators"
	badRegexp    = "Invalid regexp"
	badSize      = "Out of memory"
)

// compile compiles a regular expression, which may have so many states, and tells how many it has, about.
func compile(pattern []byte, nocase bool, maxStates int) (re *regexp.Regexp, states int, err error) {
	if len(pattern) == 0 {
		return nil, 0, errEmptyRegexp
	}
	flags := "(?s)"
	if nocase {
		flags = "(?si)"
	}
	p := regexpParser{text: pattern}
	if err := p.rewrite(); err != nil {
		return nil, 0, err
	}
	text := flags + p.out.String()
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, errRegexp(wrongWith(err))
	}
	if p.backrefs {
		return nil, 0, errBackrefs
	}
	if states = statesOf(tree); states > maxStates {
		return nil, 0, errRegexp(badSize)
	}
	if re, err = regexp.Compile(text); err != nil {
		return nil, 0, errRegexp(wrongWith(err))
	}
	return re, states, nil
}

// statesOf tells about how many states a regular expression takes when it is compiled: what is repeated takes them each time.
func statesOf(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += statesOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return n
}

// wrongWith says what is wrong in the words of Redis.
func wrongWith(err error) string {
	var at *syntax.Error
	if !errors.As(err, &at) {
		return badRegexp
	}
	switch at.Code {
	case syntax.ErrMissingBracket:
		return badBracket
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return badParen
	case syntax.ErrInvalidCharRange:
		return badRange
	case syntax.ErrInvalidRepeatOp, syntax.ErrMissingRepeatArgument:
		return badRepeat
	case syntax.ErrLarge, syntax.ErrNestingDepth, syntax.ErrInvalidRepeatSize: // the last one: repeated within what is repeated
		return badSize
	}
	return badRegexp
}

// regexpParser writes a regular expression anew.
type regexpParser struct {
	text []byte
	at   int
	out  strings.Builder

	backrefs bool // there are some, for which nothing is written
}

// rewrite does it. Errors are those that Go's package would not find.
func (p *regexpParser) rewrite() (err error) {
	for p.at < len(p.text) && err == nil {
		b := p.text[p.at]
		p.at++
		switch b {
		case '\\':
			err = p.escape()
		case '[':
			err = p.brackets()
		case '{':
			err = p.bounds()
		case '(', ')', '|', '*', '+', '?', '.', '^', '$':
			p.out.WriteByte(b)
		default:
			p.literal(b)
		}
	}
	return err
}

// literal writes a byte that stands for itself.
func (p *regexpParser) literal(b byte) {
	p.out.WriteString(regexp.QuoteMeta(string(rune(b))))
}

// escape writes what follows a backslash.
func (p *regexpParser) escape() error {
	if p.at == len(p.text) {
		return errRegexp(badBackslash)
	}
	b := p.text[p.at]
	p.at++
	switch b {
	case 'w', 'W', 's', 'S', 'd', 'D', 'b', 'B', 't', 'n', 'r', 'f', 'a':
		p.out.WriteByte('\\')
		p.out.WriteByte(b)
	case 'e':
		p.out.WriteString(`\x1b`)
	case '<', '>': // the beginning and the end of a word
		p.out.WriteString(`\b`)
	case 'Q':
		p.quoted()
	case 'x':
		return p.hex()
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		p.backrefs = true
	default:
		p.literal(b)
	}
	return nil
}

// quoted writes what stands between \Q and \E as it is.
func (p *regexpParser) quoted() {
	for p.at < len(p.text) {
		if strings.HasPrefix(string(p.text[p.at:min(p.at+2, len(p.text))]), `\E`) {
			p.at += 2
			return
		}
		p.literal(p.text[p.at])
		p.at++
	}
}

// hex writes the byte whose number follows in hexadecimal digits, up to two or any number in braces.
func (p *regexpParser) hex() error {
	digits := p.text[p.at:min(p.at+2, len(p.text))]
	if p.at < len(p.text) && p.text[p.at] == '{' {
		end := strings.IndexByte(string(p.text[p.at:]), '}')
		if end < 0 {
			return errRegexp(badBrace)
		}
		digits = p.text[p.at+1 : p.at+end]
		p.at += end + 1
		n, err := strconv.ParseUint(string(digits), 16, 8)
		if err != nil && len(digits) > 0 {
			return errRegexp(badBrace)
		}
		p.literal(byte(n))
		return nil
	}
	n := 0
	for n < len(digits) && strings.IndexByte("0123456789abcdefABCDEF", digits[n]) >= 0 {
		n++
	}
	v, _ := strconv.ParseUint(string(digits[:n]), 16, 8) // no digits are 0
	p.at += n
	p.literal(byte(v))
	return nil
}

// maxRepeat is how often something may be repeated by {}.
const maxRepeat = 255

// bounds writes how often what comes before may be repeated.
func (p *regexpParser) bounds() error {
	end := strings.IndexByte(string(p.text[p.at:]), '}')
	if end < 0 {
		return errRegexp(badBrace)
	}
	low, high, two := strings.Cut(string(p.text[p.at:p.at+end]), ",")
	p.at += end + 1
	least, ok := bound(low, 0)
	most := least
	if two {
		var fine bool
		most, fine = bound(high, -1)
		ok = ok && fine && (low != "" || high != "")
	} else {
		ok = ok && low != ""
	}
	if !ok || most >= 0 && most < least {
		return errRegexp(badBounds)
	}
	p.out.WriteByte('{')
	p.out.WriteString(strconv.Itoa(least))
	if two {
		p.out.WriteByte(',')
		if most >= 0 {
			p.out.WriteString(strconv.Itoa(most))
		}
	}
	p.out.WriteByte('}')
	return nil
}

// bound reads one of the numbers in {}, which may be missing.
func bound(text string, missing int) (n int, ok bool) {
	if text == "" {
		return missing, true
	}
	v, ok := num.ParseUint([]byte(text))
	return int(min(v, maxRepeat)), ok && v <= maxRepeat
}

// brackets writes a set of characters. In it a backslash stands for itself.
func (p *regexpParser) brackets() error {
	p.out.WriteByte('[')
	if p.at < len(p.text) && p.text[p.at] == '^' {
		p.out.WriteByte('^')
		p.at++
	}
	for first := true; ; first = false {
		if p.at == len(p.text) {
			return errRegexp(badBracket)
		}
		b := p.text[p.at]
		switch {
		case b == ']' && !first:
			p.at++
			p.out.WriteByte(']')
			return nil
		case b == '[' && p.at+1 < len(p.text) && strings.IndexByte(":.=", p.text[p.at+1]) >= 0:
			if err := p.class(p.text[p.at+1]); err != nil {
				return err
			}
			continue
		}
		p.at++
		low, high := b, b
		if p.at+1 < len(p.text) && p.text[p.at] == '-' && p.text[p.at+1] != ']' {
			high = p.text[p.at+1]
			if p.at += 2; high < low || high == '[' && p.at < len(p.text) && strings.IndexByte(":.=", p.text[p.at]) >= 0 {
				return errRegexp(badRange)
			}
		}
		p.member(low)
		if high != low {
			p.out.WriteByte('-')
			p.member(high)
		}
	}
}

// member writes a character of a set.
func (p *regexpParser) member(b byte) {
	p.out.WriteString(`\x{` + strconv.FormatUint(uint64(b), 16) + "}")
}

// class writes a class such as [:alpha:] within a set, or a character in [. .] or [= =].
func (p *regexpParser) class(kind byte) error {
	end := strings.Index(string(p.text[p.at+2:]), string([]byte{kind, ']'}))
	if end < 0 {
		return errRegexp(badBracket)
	}
	name := string(p.text[p.at+2 : p.at+2+end])
	p.at += end + 4
	if kind != ':' {
		if len(name) != 1 {
			return errRegexp(badCollation)
		}
		p.member(name[0])
		return nil
	}
	switch name {
	case "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit":
		p.out.WriteString("[:" + name + ":]")
		return nil
	}
	return errRegexp(badClass)
}

// appendLatin appends a text with each byte as a character.
func appendLatin(dst, text []byte) []byte {
	for _, b := range text {
		dst = utf8.AppendRune(dst, rune(b))
	}
	return dst
}
