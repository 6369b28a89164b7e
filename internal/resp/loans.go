// SPDX-License-Identifier: BSD-3-Clause

package resp

const (
	// PieceSize is how many bytes a Source makes at one go, about.
	PieceSize = 64 << 10
	// LongText is the bytes past which a Source gives a text from where it lies.
	LongText = 32 << 10
)

// Loans are the long texts that a Source gives from where they lie, between the bytes that it has made in a buffer. The zero value has none.
type Loans struct {
	texts []loan // that were not given
	given int    // bytes of the buffer that were given
}

type loan struct {
	at   int // where in the buffer it belongs
	text []byte
}

// Add has a text, which is not empty, given behind what the buffer has now. It must stay as it is until Reset.
func (l *Loans) Add(buf, text []byte) { l.texts = append(l.texts, loan{len(buf), text}) }

// Any tells whether there are texts that were not given.
func (l *Loans) Any() bool { return len(l.texts) > 0 }

// Next gives the next bytes of the buffer, or the text that stands between them there; none when all was given.
func (l *Loans) Next(buf []byte) []byte {
	from, to := l.given, len(buf)
	if l.Any() {
		first := l.texts[0]
		if to = first.at; from == to {
			l.texts = l.texts[1:]
			return first.text
		}
	}
	l.given = to
	return buf[from:to]
}

// Reset forgets all, for a buffer that is begun anew.
func (l *Loans) Reset() { *l = Loans{} }
