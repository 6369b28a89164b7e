// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"strings"
	"unicode/utf8"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// A tokenKind is what the reader of JSON tells apart.
type tokenKind uint8

const (
	tokenWrong tokenKind = iota // token.why says what is wrong
	tokenObject
	tokenObjectEnd
	tokenArray
	tokenArrayEnd
	tokenString
	tokenNumber
	tokenBoolean
	tokenNull
	tokenColon
	tokenComma
	tokenEnd
)

// tokenNames are the names in the texts of errors.
var tokenNames = [...]string{
	tokenObject: "T_OBJ_BEGIN", tokenObjectEnd: "T_OBJ_END", tokenArray: "T_ARR_BEGIN", tokenArrayEnd: "T_ARR_END",
	tokenString: "T_STRING", tokenNumber: "T_NUMBER", tokenBoolean: "T_BOOLEAN", tokenNull: "T_NULL", tokenColon: "T_COLON",
	tokenComma: "T_COMMA", tokenEnd: "T_END",
}

// A token is a word of JSON.
type token struct {
	kind  tokenKind
	at    int       // where it begins, or where it is wrong
	value lua.Value // of a scalar
	why   string
}

// decode implements cjson.decode(text).
func (k *Codecs) decode(c *lua.Call, set *jsonSettings) error {
	if c.N() != 1 {
		return c.ArgError(0, "expected 1 argument")
	}
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	if len(text) >= 2 && (text[0] == 0 || text[1] == 0) {
		return c.Errorf("JSON parser does not support UTF-16 or UTF-32")
	}
	d := jsonDecoder{codecs: k, state: k.state, call: c, set: set}
	d.text, _, _ = strings.Cut(text, "\x00") // it is a C string
	return d.document()
}

// A jsonDecoder is a call of cjson.decode.
type jsonDecoder struct {
	codecs *Codecs
	state  *lua.State
	call   *lua.Call
	set    *jsonSettings
	text   string
	pos    int   // of what is to be read next
	t      token // what was read last
	depth  int32
	slots  int // of Lua's stack that the original would have in use behind its argument

	// Of the last object and the last array at each depth: mostly the next is as large.
	sizes, lengths [sizedDepths]int
}

// sizedDepths is for how many depths sizes are kept, and mostSized how large they may be.
const (
	sizedDepths = 8
	mostSized   = 64
)

// document reads the one value that there is to be, and returns it from the call.
func (d *jsonDecoder) document() error {
	v, err := d.begin()
	if err != nil {
		return err
	}
	if err := d.call.Push(v); err != nil {
		return err
	}
	if err := d.fill(v); err != nil {
		return err
	}
	if err := d.next(); err != nil {
		return err
	}
	if d.t.kind != tokenEnd {
		return d.unexpected("the end")
	}
	return nil
}

// unexpected is the error of a token that should have been something else.
func (d *jsonDecoder) unexpected(wanted string) error {
	found := d.t.why
	if d.t.kind != tokenWrong {
		found = tokenNames[d.t.kind]
	}
	return d.call.Errorf("Expected %s but found %s at character %d", wanted, found, d.t.at+1)
}

// begin reads a scalar, or the bracket that opens an array or an object, whose table is to be filled when it is where the machine
// finds it as it counts what is in use.
func (d *jsonDecoder) begin() (lua.Value, error) {
	if err := d.next(); err != nil {
		return lua.Nil, err
	}
	return d.begun()
}

// begun is begin when the token was read.
func (d *jsonDecoder) begun() (lua.Value, error) {
	switch d.t.kind {
	case tokenString, tokenNumber, tokenBoolean, tokenNull:
		return d.t.value, nil
	case tokenObject:
		return d.newObject()
	case tokenArray:
		return d.newArray()
	}
	return lua.Nil, d.unexpected("value")
}

// nest goes one level down, where the original wants so many slots.
func (d *jsonDecoder) nest(slots int) error {
	if d.depth++; d.depth > d.set.decodeDepth || 1+d.slots+slots > maxSlots {
		return d.call.Errorf("Found too many nested data structures (%d) at character %d", d.depth, d.pos)
	}
	return nil
}

// newObject makes the table of an object.
func (d *jsonDecoder) newObject() (lua.Value, error) {
	size := d.sizes[d.depth%sizedDepths]
	if err := d.nest(3); err != nil {
		return lua.Nil, err
	}
	t, err := d.state.NewTable(0, size)
	if err != nil {
		return lua.Nil, err
	}
	return lua.TableValue(t), nil
}

// newArray makes the table of an array. It grows with its elements, for what a script takes out of it shows in its length how it has
// grown.
func (d *jsonDecoder) newArray() (lua.Value, error) {
	length := d.lengths[d.depth%sizedDepths]
	if err := d.nest(2); err != nil {
		return lua.Nil, err
	}
	t, err := d.state.NewArray(length)
	if err != nil {
		return lua.Nil, err
	}
	return lua.TableValue(t), nil
}

// fill reads what there is in a value that has just begun, up to its end; in scalars there is nothing.
func (d *jsonDecoder) fill(v lua.Value) error {
	if !v.IsTable() {
		return nil
	}
	var err error
	if d.t.kind == tokenArray {
		length := &d.lengths[(d.depth-1)%sizedDepths]
		d.slots++
		*length, err = d.array(v.Table())
		d.slots--
	} else {
		size := &d.sizes[(d.depth-1)%sizedDepths]
		d.slots += 2
		*size, err = d.object(v.Table())
		d.slots -= 2
	}
	d.depth--
	return err
}

// array reads what follows an opening bracket, and says for how many elements there should have been room.
func (d *jsonDecoder) array(array *lua.Table) (n int, err error) {
	if err := d.next(); err != nil {
		return 0, err
	}
	if d.t.kind == tokenArrayEnd {
		return 0, d.tagArray(array)
	}
	for {
		v, err := d.begun()
		if err != nil {
			return n, err
		}
		n++
		if err := d.state.SetInt(array, n, v); err != nil {
			return n, err
		}
		if err := d.fill(v); err != nil {
			return n, err
		}
		if more, err := d.more(tokenArrayEnd, "comma or array end"); !more {
			return min(n, mostSized), err
		}
	}
}

// object reads what follows an opening brace, and says for how many entries there should have been room.
func (d *jsonDecoder) object(object *lua.Table) (n int, err error) {
	if err := d.next(); err != nil || d.t.kind == tokenObjectEnd {
		return 0, err
	}
	for {
		if err := d.entry(object); err != nil {
			return n, err
		}
		n++
		if more, err := d.more(tokenObjectEnd, "comma or object end"); !more {
			return min(n, mostSized), err
		}
	}
}

// entry reads an entry of an object, whose key was read.
func (d *jsonDecoder) entry(object *lua.Table) error {
	if d.t.kind != tokenString {
		return d.unexpected("object key string")
	}
	key := d.t.value
	if err := d.next(); err != nil {
		return err
	}
	if d.t.kind != tokenColon {
		return d.unexpected("colon")
	}
	v, err := d.begin()
	if err != nil {
		return err
	}
	if err := d.state.Set(object, key, v); err != nil {
		return err
	}
	return d.fill(v)
}

// more reads a comma and what follows it, or the end.
func (d *jsonDecoder) more(end tokenKind, wanted string) (bool, error) {
	if err := d.next(); err != nil {
		return false, err
	}
	switch d.t.kind {
	case end:
		return false, nil
	case tokenComma:
		err := d.next()
		return err == nil, err
	}
	return false, d.unexpected(wanted)
}

// tagArray marks an empty array, if that is wanted.
func (d *jsonDecoder) tagArray(array *lua.Table) error {
	if d.set.decodeArrayTag == 0 {
		return nil
	}
	tag, err := d.state.NewTable(0, 1)
	if err != nil {
		return err
	}
	if err := d.state.SetStr(tag, arrayTag, lua.True); err != nil {
		return err
	}
	return d.state.SetMeta(array, tag)
}

// next reads a token. Its errors are those of memory and budget; a text that is wrong gives a token that says so.
func (d *jsonDecoder) next() error {
	start := d.pos
	for d.pos < len(d.text) && isJSONSpace(d.text[d.pos]) {
		d.pos++
	}
	if err := d.state.Spend(1 + (d.pos-start)/8); err != nil {
		return err
	}
	d.t.at, d.t.kind = d.pos, tokenEnd
	if d.pos == len(d.text) {
		return nil
	}
	switch d.text[d.pos] {
	case '{':
		d.t.kind = tokenObject
	case '}':
		d.t.kind = tokenObjectEnd
	case '[':
		d.t.kind = tokenArray
	case ']':
		d.t.kind = tokenArrayEnd
	case ':':
		d.t.kind = tokenColon
	case ',':
		d.t.kind = tokenComma
	case '"':
		return d.readString()
	default:
		return d.readWord()
	}
	d.pos++
	return nil
}

// is makes the token a scalar.
func (d *jsonDecoder) is(kind tokenKind, v lua.Value) { d.t.kind, d.t.value = kind, v }

// wrong makes the token one that says what is wrong at the position.
func (d *jsonDecoder) wrong(why string) { d.t.kind, d.t.at, d.t.why = tokenWrong, d.pos, why }

func isJSONSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// readWord reads a number, true, false or null.
func (d *jsonDecoder) readWord() error {
	rest := d.text[d.pos:]
	switch first := rest[0]; {
	case first == '-' || isDecimal(first):
		if d.set.decodeInvalid == 0 && oddNumber(rest) {
			d.wrong("invalid number")
			return nil
		}
		return d.readNumber()
	case strings.HasPrefix(rest, "true"):
		d.is(tokenBoolean, lua.True)
		d.pos += 4
	case strings.HasPrefix(rest, "false"):
		d.is(tokenBoolean, lua.False)
		d.pos += 5
	case strings.HasPrefix(rest, "null"):
		d.is(tokenNull, lua.NullPointer)
		d.pos += 4
	case d.set.decodeInvalid == 1 && oddNumber(rest):
		return d.readNumber()
	default:
		d.wrong("invalid token")
	}
	return nil
}

// oddNumber says whether s begins with what C takes for a number and JSON does not: a plus, hex, a leading zero, infinity or NaN.
func oddNumber(s string) bool {
	if s[0] == '+' {
		return true
	}
	s = strings.TrimPrefix(s, "-")
	if len(s) < 2 {
		return false
	}
	if s[0] == '0' {
		return s[1]|0x20 == 'x' || isDecimal(s[1])
	}
	return len(s) >= 3 && (strings.EqualFold(s[:3], "inf") || strings.EqualFold(s[:3], "nan"))
}

// readNumber reads a number as C's strtod does.
func (d *jsonDecoder) readNumber() error {
	rest := d.text[d.pos:]
	if f, n := quickNumber(rest); n > 0 {
		d.is(tokenNumber, lua.Number(f))
		d.pos += n
		return d.state.Spend(n / 4)
	}
	n := numberLen(rest)
	if err := d.state.Spend(n / 4); err != nil {
		return err
	}
	f, ok := num.ParseC(rest[:n])
	if !ok {
		d.wrong("invalid number")
		return nil
	}
	d.is(tokenNumber, lua.Number(f))
	d.pos += n
	return nil
}

// mostDigits is how many digits surely fit into a double, which holds the power of ten of as many as well.
const mostDigits = 15

var powersOfTen = [mostDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// quickNumber reads the number that s begins with if that is a short one without an exponent, so that a division gives what C's strtod
// would. n is its length, 0 if it is none of that kind.
func quickNumber(s string) (f float64, n int) {
	negative := s[0] == '-'
	if negative {
		n++
	}
	m, digits, fraction := int64(0), 0, -1 // fraction: how many digits follow the point
	for ; n < len(s) && digits <= mostDigits; n++ {
		if c := s[n]; isDecimal(c) {
			m = m*10 + int64(c-'0')
			digits++
			if fraction >= 0 {
				fraction++
			}
		} else if c == '.' && fraction < 0 && digits > 0 {
			fraction = 0
		} else if c == '.' || isLetterOrDigit(c) {
			return 0, 0
		} else {
			break
		}
	}
	if digits == 0 || digits > mostDigits || fraction == 0 {
		return 0, 0
	}
	f = float64(m)
	if fraction > 0 {
		f /= powersOfTen[fraction]
	}
	if negative {
		f = -f // -0 as well
	}
	return f, n
}

// numberLen is how many bytes of s, which has no blanks in front, C's strtod would read.
func numberLen(s string) int {
	sign := 0
	if s[0] == '-' || s[0] == '+' {
		sign = 1
	}
	body := s[sign:]
	if body != "" && body[0] > '9' {
		return wordLen(body, sign)
	}
	if len(body) > 2 && body[0] == '0' && body[1]|0x20 == 'x' {
		if n := mantissaLen(body[2:], isHexDigit); n > 0 {
			return sign + 2 + n + exponentLen(body[2+n:], 'p')
		}
	}
	n := mantissaLen(body, isDecimal)
	if n == 0 {
		return 0
	}
	return sign + n + exponentLen(body[n:], 'e')
}

// wordLen is how long a number is that is written as a word behind its sign, 0 when it is none.
func wordLen(s string, sign int) int {
	for _, word := range [...]string{"infinity", "inf", "nan"} {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) {
			n := sign + len(word)
			if word == "nan" {
				n += bracketLen(s[len(word):])
			}
			return n
		}
	}
	return 0
}

// bracketLen is how long the brackets are that may follow nan, 0 when there are none.
func bracketLen(s string) int {
	if s == "" || s[0] != '(' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch b := s[i]; {
		case b == ')':
			return i + 1
		case b != '_' && !isLetterOrDigit(b):
			return 0
		}
	}
	return 0
}

// mantissaLen is how long the digits are, with one point among them; 0 without any digit.
func mantissaLen(s string, digit func(byte) bool) int {
	n, digits := 0, 0
	for point := false; n < len(s); n++ {
		switch {
		case digit(s[n]):
			digits++
		case s[n] == '.' && !point:
			point = true
		default:
			if digits == 0 {
				return 0
			}
			return n
		}
	}
	if digits == 0 {
		return 0
	}
	return n
}

// exponentLen is how long an exponent is that begins with that letter, 0 when there is none.
func exponentLen(s string, letter byte) int {
	n := 1
	if s == "" || s[0]|0x20 != letter {
		return 0
	}
	if n < len(s) && (s[n] == '-' || s[n] == '+') {
		n++
	}
	first := n
	for n < len(s) && isDecimal(s[n]) {
		n++
	}
	if n == first {
		return 0
	}
	return n
}

func isHexDigit(b byte) bool { return isDecimal(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

// readString reads a string. One without escapes is taken as it stands.
func (d *jsonDecoder) readString() error {
	d.pos++
	rest := d.text[d.pos:]
	n := plainLen(rest)
	if err := d.state.Spend(2 + n/8); err != nil {
		return err
	}
	if n == len(rest) || rest[n] != '"' {
		return d.readEscaped(n)
	}
	d.pos += n + 1
	v, err := d.state.Word(rest[:n])
	d.is(tokenString, v)
	return err
}

// plainLen is how many bytes there are before a quote or a backslash.
func plainLen(s string) int {
	n := 0
	for n < len(s) && s[n] != '"' && s[n] != '\\' {
		n++
	}
	return n
}

// readEscaped reads a string whose first n bytes have no escapes.
func (d *jsonDecoder) readEscaped(n int) error {
	w := d.codecs.writer()
	for {
		if err := w.room(n + utf8.UTFMax); err != nil {
			return err
		}
		w.b = append(w.b, d.text[d.pos:d.pos+n]...)
		d.pos += n
		switch d.at(d.pos) {
		case 0:
			d.wrong("unexpected end of string")
			return nil
		case '"':
			d.pos++
			v, err := d.state.WordOf(w.b)
			d.is(tokenString, v)
			return err
		}
		if why := d.readEscape(w); why != "" {
			d.wrong(why)
			return nil
		}
		n = plainLen(d.text[d.pos:])
		if err := d.state.Spend(1 + n/8); err != nil {
			return err
		}
	}
}

// readEscape reads a backslash and what follows it, and says what is wrong with it.
func (d *jsonDecoder) readEscape(w *writer) (why string) {
	letter := d.at(d.pos + 1)
	if letter == 'u' {
		return d.readUnicode(w)
	}
	i := strings.IndexByte(`"\/btnfr`, letter)
	if i < 0 {
		return "invalid escape code"
	}
	w.b = append(w.b, "\"\\/\b\t\n\f\r"[i])
	d.pos += 2
	return ""
}

// at gives a byte of the text, 0 behind its end.
func (d *jsonDecoder) at(i int) byte {
	if i < len(d.text) {
		return d.text[i]
	}
	return 0
}

// readUnicode reads \uXXXX, or two of them that are a surrogate pair, and appends the character as UTF-8.
func (d *jsonDecoder) readUnicode(w *writer) (why string) {
	const wrong = "invalid unicode escape code"
	r, ok := d.hex4(d.pos + 2)
	if !ok {
		return wrong
	}
	length := 6
	if r&0xf800 == 0xd800 {
		low, ok := d.hex4(d.pos + 8)
		if r&0x400 != 0 || d.at(d.pos+6) != '\\' || d.at(d.pos+7) != 'u' || !ok || low&0xfc00 != 0xdc00 {
			return wrong
		}
		r = (r&0x3ff<<10 | low&0x3ff) + 0x10000
		length = 12
	}
	w.b = utf8.AppendRune(w.b, r)
	d.pos += length
	return ""
}

// hex4 reads four hexadecimal digits.
func (d *jsonDecoder) hex4(at int) (r rune, ok bool) {
	for i := at; i < at+4; i++ {
		b := d.at(i)
		switch {
		case isDecimal(b):
			r = r<<4 | rune(b-'0')
		case isHexDigit(b):
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
