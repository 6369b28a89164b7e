// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"fmt"
	"strconv"
	"strings"
)

// The language of Spec.Syntax. It is what people write in manuals, made precise enough to derive the argument tree that
// COMMAND DOCS reports.
//
//	syntax   = { term }
//	term     = element { "..." | "{" version "}" | "{-" version "}" }
//	element  = name [ ":" type ] [ "@" index ]      a value
//	         | [ name "=" ] TOKEN                   a word to be written as it is
//	         | TOKEN value                          a value behind a word
//	         | [ name "=" ] "(" choice ")"          a group
//	         | [ name "=" ] "[" choice "]"          an optional group
//	value    = name [ ":" type ] [ "@" index ] { "..." } | [ name "=" ] "(" choice ")" { "..." }
//	choice   = { term } { "|" { term } }
//
// name is in lower case with digits and - _ / : inside; TOKEN is in upper case with digits and - _, or anything in double
// quotes ("*"). A TOKEN takes the value or the round group that follows it at once as its own; put it in brackets of
// either kind where it should not ([COPY] host, (COPY) host).
//
// Types: string int double key pattern unix (a Unix time). Without one, a value called key is a key, one called pattern a
// pattern, any other a string. A key belongs to the first of Spec.Keys, or to the one whose index stands behind @ (a
// pattern to one only when @ says so).
//
// A group with "|" inside is a choice (oneof), one of several terms is a block; one of a single term without a label is
// that term. The name of a choice or a block is its label, or those of its members joined by "_"; the name of a token is
// its label, or the token in lower case. A label makes a group of a single term a block.
//
// "..." behind an element says that it may come several times. Behind brackets around TOKEN value it says that TOKEN
// is repeated as well: "[GET pattern]..." against "[WEIGHTS weight:int...]".
//
// {6.2.0} behind an element is the version that brought it, {-6.2.0} the one that deprecated it.
//
// Arity follows: the words that any call must have, negated when there can be more.

// ArgType is the type of an Argument.
type ArgType uint8

const (
	TypeString ArgType = iota
	TypeInteger
	TypeDouble
	TypeKey
	TypePattern
	TypeUnixTime
	TypePureToken // a word alone
	TypeOneOf     // one of Args
	TypeBlock     // all of Args, in order
)

// String gives the type as COMMAND DOCS writes it.
func (t ArgType) String() string {
	return [...]string{
		"string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block",
	}[t]
}

// typeWords are the types' names in a Syntax.
var typeWords = [...]string{"string", "int", "double", "key", "pattern", "unix"}

// Argument is a node of a command's argument tree.
type Argument struct {
	Name            string
	Type            ArgType
	Token           string // the word before the value; a pure token's own word, which may be ""
	KeySpec         int    // index into Spec.Keys, -1 = none
	Optional        bool
	Multiple        bool
	MultipleToken   bool // Token is repeated with each value
	Since           string
	DeprecatedSince string
	Args            []*Argument // of TypeOneOf and TypeBlock
}

// HasToken tells whether a fixed word comes before or as the argument.
func (a *Argument) HasToken() bool { return a.Token != "" || a.Type == TypePureToken }

// ParseSyntax parses a Spec.Syntax. Errors tell the place.
func ParseSyntax(syntax string) ([]*Argument, error) {
	toks, err := scanSyntax(syntax)
	if err != nil {
		return nil, err
	}
	p := syntaxParser{toks: toks}
	args := p.sequence()
	if p.err == nil && p.peek().kind != tokEnd {
		p.fail("unexpected " + strconv.Quote(p.peek().text))
	}
	if p.err != nil {
		return nil, p.err
	}
	return args, nil
}

// syntaxParser is a recursive descent over the tokens; the first error ends it.
type syntaxParser struct {
	toks []syntaxToken
	at   int
	err  error
}

func (p *syntaxParser) peek() syntaxToken { return p.ahead(0) }

func (p *syntaxParser) ahead(n int) syntaxToken {
	if p.err != nil || p.at+n >= len(p.toks) {
		return syntaxToken{}
	}
	return p.toks[p.at+n]
}

func (p *syntaxParser) take() syntaxToken {
	t := p.peek()
	p.at++
	return t
}

func (p *syntaxParser) fail(text string) {
	if p.err == nil {
		pos := -1
		if p.at < len(p.toks) {
			pos = p.toks[p.at].pos
		}
		p.err = syntaxError(pos, text)
	}
}

// syntaxError is an error at byte pos of a syntax, or at its end when pos is negative.
func syntaxError(pos int, text string) error {
	if pos < 0 {
		return fmt.Errorf("syntax: %s at the end", text)
	}
	return fmt.Errorf("syntax: %s at byte %d", text, pos)
}

// sequence reads terms up to a closing bracket, a bar or the end.
func (p *syntaxParser) sequence() []*Argument {
	var args []*Argument
	for p.err == nil {
		switch p.peek().kind {
		case tokEnd, tokClose, tokBar:
			return args
		}
		args = append(args, p.term())
	}
	return nil
}

// term reads an element and what stands behind it.
func (p *syntaxParser) term() *Argument {
	grouped := p.opensGroup()
	a := p.element()
	p.suffixes(a, grouped)
	return a
}

// opensGroup tells whether the next element is in brackets.
func (p *syntaxParser) opensGroup() bool {
	return p.peek().kind == tokOpen || p.peek().kind == tokName && p.ahead(1).kind == tokEquals && p.ahead(2).kind == tokOpen
}

// suffixes reads the marks behind an element.
func (p *syntaxParser) suffixes(a *Argument, grouped bool) {
	for p.err == nil {
		switch t := p.peek(); t.kind {
		case tokDots:
			a.Multiple = true
			a.MultipleToken = grouped && a.HasToken() && a.Type != TypePureToken
		case tokVersion:
			if v, deprecated := strings.CutPrefix(t.text, "-"); deprecated {
				a.DeprecatedSince = v
			} else {
				a.Since = v
			}
		default:
			return
		}
		p.at++
	}
}

// element reads a term without its marks.
func (p *syntaxParser) element() *Argument {
	label := ""
	if p.peek().kind == tokName && p.ahead(1).kind == tokEquals {
		label = p.take().text
		p.at++
	}
	switch t := p.peek(); {
	case t.kind == tokOpen:
		return p.group(label)
	case t.kind == tokWord && label != "":
		p.at++
		return &Argument{Name: label, Type: TypePureToken, Token: t.text, KeySpec: -1}
	case t.kind == tokWord:
		return p.tokenAndValue()
	case t.kind == tokName && label == "":
		return p.value()
	}
	p.fail("a name, a word or a bracket expected")
	return &Argument{}
}

// tokenAndValue reads a token and the value that belongs to it.
func (p *syntaxParser) tokenAndValue() *Argument {
	token := p.take()
	next, after, third := p.peek(), p.ahead(1), p.ahead(2)
	var a *Argument
	grouped := false
	switch {
	case next.kind == tokOpen && next.text == "(":
		a, grouped = p.group(""), true
	case next.kind == tokName && after.kind == tokEquals && third.kind == tokOpen && third.text == "(":
		label := p.take().text
		p.at++
		a, grouped = p.group(label), true
	case next.kind == tokName && after.kind != tokEquals:
		a = p.value()
	default:
		return &Argument{Name: strings.ToLower(token.text), Type: TypePureToken, Token: token.text, KeySpec: -1}
	}
	if grouped && a.HasToken() {
		p.fail("a token before another one")
		return a
	}
	a.Token = token.text
	p.suffixes(a, false)
	return a
}

// value reads name[:type][@index].
func (p *syntaxParser) value() *Argument {
	t := p.peek()
	name, index, indexed := strings.Cut(t.text, "@")
	a := &Argument{Name: name, KeySpec: -1}
	switch name {
	case "key":
		a.Type = TypeKey
	case "pattern":
		a.Type = TypePattern
	default:
		if i := strings.LastIndexByte(name, ':'); i > 0 {
			typ, ok := typeNamed(name[i+1:])
			if !ok {
				p.fail("unknown type " + strconv.Quote(name[i+1:]))
			}
			a.Name, a.Type = name[:i], typ
		}
	}
	if a.Type == TypeKey {
		a.KeySpec = 0
	}
	if indexed {
		n, err := strconv.Atoi(index)
		if err != nil || n < 0 {
			p.fail("bad key spec index")
		}
		a.KeySpec = n
	}
	p.at++
	return a
}

// typeNamed gives the type of that name.
func typeNamed(name string) (ArgType, bool) {
	for i, w := range typeWords {
		if w == name {
			return ArgType(i), true
		}
	}
	return 0, false
}

// group reads brackets and what is in them.
func (p *syntaxParser) group(label string) *Argument {
	open := p.take().text
	var alts []*Argument
	for {
		terms := p.sequence()
		if len(terms) == 0 {
			p.fail("nothing in brackets or beside a bar")
			return &Argument{}
		}
		alts = append(alts, block("", terms))
		if p.peek().kind != tokBar {
			break
		}
		p.at++
	}
	want := ")"
	if open == "[" {
		want = "]"
	}
	if t := p.peek(); t.kind != tokClose || t.text != want {
		p.fail(want + " expected")
		return &Argument{}
	}
	p.at++
	a := alts[0]
	switch {
	case len(alts) > 1:
		a = named(&Argument{Name: label, Type: TypeOneOf, KeySpec: -1, Args: alts})
	case label != "" && a.Type == TypeBlock && a.Name == joinNames(a.Args) && !a.Optional && !a.Multiple && !a.HasToken():
		a.Name = label
	case label != "":
		a = &Argument{Name: label, Type: TypeBlock, KeySpec: -1, Args: alts}
	}
	if open == "[" {
		a.Optional = true
	}
	return a
}

// block makes one argument of terms: itself when it is alone.
func block(label string, terms []*Argument) *Argument {
	if len(terms) == 1 && label == "" {
		return terms[0]
	}
	return named(&Argument{Name: label, Type: TypeBlock, KeySpec: -1, Args: terms})
}

// named gives a group without a label the name that follows from its members.
func named(a *Argument) *Argument {
	if a.Name == "" {
		a.Name = joinNames(a.Args)
	}
	return a
}

// joinNames joins the names of args by "_".
func joinNames(args []*Argument) string {
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = a.Name
	}
	return strings.Join(names, "_")
}

// syntaxKind is the kind of a token of the language.
type syntaxKind uint8

const (
	tokEnd syntaxKind = iota
	tokName
	tokWord // a TOKEN
	tokOpen
	tokClose
	tokBar
	tokEquals
	tokDots
	tokVersion
)

// syntaxToken is a token; text is without quotes and braces.
type syntaxToken struct {
	kind syntaxKind
	text string
	pos  int
}

// scanSyntax cuts a syntax into tokens.
func scanSyntax(s string) ([]syntaxToken, error) {
	var toks []syntaxToken
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\n' || s[i] == '\t' {
			i++
			continue
		}
		t, n := scanToken(s[i:])
		if n == 0 {
			return nil, syntaxError(i, "unexpected character "+strconv.QuoteRune(rune(s[i])))
		}
		t.pos = i
		toks = append(toks, t)
		i += n
	}
	return toks, nil
}

// scanToken reads the token at the begin of s; n is its length, 0 for none.
func scanToken(s string) (t syntaxToken, n int) {
	switch c := s[0]; c {
	case '[', '(':
		return syntaxToken{kind: tokOpen, text: s[:1]}, 1
	case ']', ')':
		return syntaxToken{kind: tokClose, text: s[:1]}, 1
	case '|':
		return syntaxToken{kind: tokBar, text: "|"}, 1
	case '=':
		return syntaxToken{kind: tokEquals, text: "="}, 1
	case '"', '{':
		kind, end := tokWord, byte('"')
		if c == '{' {
			kind, end = tokVersion, '}'
		}
		if i := strings.IndexByte(s[1:], end); i >= 0 {
			return syntaxToken{kind: kind, text: s[1 : 1+i]}, i + 2
		}
		return t, 0
	}
	if strings.HasPrefix(s, "...") {
		return syntaxToken{kind: tokDots, text: "..."}, 3
	}
	kind := tokName
	if 'A' <= s[0] && s[0] <= 'Z' {
		kind = tokWord
	}
	for n < len(s) && wordByte(s[n], kind) {
		n++
	}
	return syntaxToken{kind: kind, text: s[:n]}, n
}

// wordByte tells whether c may be in a name or an unquoted token.
func wordByte(c byte, kind syntaxKind) bool {
	switch {
	case '0' <= c && c <= '9', c == '-', c == '_':
		return true
	case kind == tokWord:
		return 'A' <= c && c <= 'Z'
	}
	return 'a' <= c && c <= 'z' || c == ':' || c == '/' || c == '@'
}

// ArityOf gives the arity that follows from args, for a name of words words (2 for a subcommand): the number of words of
// every call, or the negated least number.
func ArityOf(words int, args []*Argument) int {
	least, exact := lengthOf(args)
	if exact {
		return words + least
	}
	return -(words + least)
}

// lengthOf gives the least number of words that args take, and whether it is the only possible one.
func lengthOf(args []*Argument) (least int, exact bool) {
	exact = true
	for _, a := range args {
		n, one := a.length()
		least += n
		exact = exact && one
	}
	return least, exact
}

// length is lengthOf for one argument.
func (a *Argument) length() (least int, exact bool) {
	if a.Optional {
		return 0, false
	}
	least, exact = 1, true
	switch a.Type {
	case TypeBlock:
		least, exact = lengthOf(a.Args)
	case TypeOneOf:
		for i, alt := range a.Args {
			n, one := alt.length()
			if i == 0 {
				least = n
			}
			exact = exact && one && n == least
			least = min(least, n)
		}
	}
	if a.Token != "" && a.Type != TypePureToken {
		least++
	}
	return least, exact && !a.Multiple
}
