// SPDX-License-Identifier: BSD-3-Clause

package lua

// Words. What scripts make of strings is mostly short, and mostly the same again and again: fields of a text, keys, numbers as text.
// A state keeps the words that it made last, by their hash, and gives out the one that is there already: that is quicker than to
// allocate another, it has its hash, and two that are compared are often one object.
//
// A word that comes again is counted as if it had been made again, since the last mark may not have found it in use. Those that only
// the state itself still holds are counted nowhere; they are few and short.

const (
	longestWord = 40  // bytes
	numWords    = 256 // a power of two
)

// words are the last ones, each where its hash says.
type words [numWords]*String

// noBytes and oneByte are the strings of no byte and of one, which are never made.
var (
	noBytes = constString("")
	oneByte = func() (all [256]Value) {
		for c := range all {
			all[c] = constString(string([]byte{byte(c)}))
		}
		return all
	}()
)

// Word returns a string of the state with a copy of text, as Copy does; for strings that are likely to be short and to have come
// before.
func (s *State) Word(text string) (Value, error) {
	switch n := len(text); {
	case n == 0:
		return noBytes, nil
	case n == 1:
		return oneByte[text[0]], nil
	case n > longestWord:
		return s.Copy(text)
	}
	if err := s.Alloc(int(stringCost(len(text)))); err != nil {
		return Nil, err
	}
	if s.words == nil {
		s.words = new(words)
	}
	hash := hashString(text)
	known := &s.words[hash%numWords]
	if w := *known; w != nil && w.hash == hash && w.s == text {
		return stringValue(w), nil
	}
	w := copyString(text)
	w.hash = hash
	*known = w
	return stringValue(w), nil
}

// WordOf is Word of bytes.
func (s *State) WordOf(b []byte) (Value, error) { return s.Word(unsafeString(b)) }
