// SPDX-License-Identifier: BSD-3-Clause

package store

// Handlers say what happens to keys. What they cannot know, since it happens on the way, the view tells: that a key was looked for
// and is not there, that one has been made, and that a value is put in place of another.

// Events of a View's OnEvent.
const (
	EventMiss = "keymiss"
	EventNew  = "new"
)

// occur tells of an event on a key.
func (db *DB) occur(event string, key []byte) {
	if db.v.OnEvent != nil {
		db.v.OnEvent(db.index, event, key)
	}
}

// born tells of a key that has been made, unless it has only got another value.
func (db *DB) born(key []byte) {
	if quiet := db.v.displaced.quiet; quiet {
		db.v.displaced.quiet = false
		return
	}
	db.v.OnEvent(db.index, EventNew, key)
}

// displaced is what a value that was put in place of another has done away with.
type displaced struct {
	is    bool
	typ   Type
	quiet bool // the key that comes next is not new
}

// displace notes that the value of a key is about to be overwritten.
func (db *DB) displace(it *Item) {
	db.lose(it)
	if db.v.OnEvent != nil {
		db.v.displaced = displaced{is: true, typ: it.Type()}
	}
}

// Displace removes a key, if it is there, for another value to be put in its place at once. anew tells whether that makes the key a
// new one in the eyes of those who listen to events, as RENAME and COPY do, or only gives it another value, as the commands do that
// store a result.
func (db *DB) Displace(key []byte, anew bool) {
	it, ok := db.lookup(key)
	if !ok {
		return
	}
	db.displace(&it)
	db.v.displaced.quiet = !anew && db.v.displaced.is
	db.Remove(&it)
}

// TakeDisplaced gives the type of the value that another was put in place of, and forgets it; false when there was none.
func (v *View) TakeDisplaced() (t Type, ok bool) {
	d := v.displaced
	v.displaced = displaced{}
	return d.typ, d.is
}
