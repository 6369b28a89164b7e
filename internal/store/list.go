// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/listpack"
)

// A small list is packed: a listpack, which lies in the record or in a block as other packed values do. One that outgrows
// list-max-listpack-size is a tree of leaves (see list_tree.go) until it has shrunk to half of that in a single leaf. So
// clients see the encodings that Redis would have.

// safeListpack is the bytes that a listpack has at most where the setting limits its elements, as in Redis.
const safeListpack = 8 << 10

// List is the list under a key, or one without elements when there is no such key: pushing an element makes the key, and
// removing the last one removes it. It is valid until its table changes by anything but the List itself.
type List struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key
}

// FindList finds a list for reading; see Find. The error is ErrWrongType.
func (db *DB) FindList(key []byte) (List, error) {
	it, _, err := db.FindType(key, TypeList)
	return List{db: db, key: key, it: it}, err
}

// FindListWrite finds a list to be changed; see FindWrite. The error is ErrWrongType.
func (db *DB) FindListWrite(key []byte) (List, error) {
	it, _, err := db.FindTypeWrite(key, TypeList)
	return List{db: db, key: key, it: it}, err
}

// ListOf gives the list of a key that was found and is one.
func (db *DB) ListOf(it *Item) List { return List{db: db, key: it.Key(), it: *it} }

// listLimit is how much goes into one listpack of a list.
type listLimit struct{ bytes, elements int }

// listLimit gives what list-max-listpack-size says: a number of elements, or with -1 to -5 the bytes from 4 KB to 64 KB.
func (db *DB) listLimit() listLimit {
	n := db.s.Settings.ListMaxListpackSize.Load()
	if n >= 0 {
		return listLimit{bytes: safeListpack, elements: int(max(n, 1))}
	}
	return listLimit{bytes: 2048 << min(-n, 5), elements: math.MaxInt}
}

// exceeded tells whether a listpack of so many bytes and elements is too large.
func (l listLimit) exceeded(bytes, elements int) bool {
	return bytes > l.bytes || elements > l.elements
}

// Len tells how many elements there are.
func (l *List) Len() int {
	if l.it.ref == 0 {
		return 0
	}
	return listpack.Count(l.it.listpack())
}

// At gives the element at an index from 0 on; false when there are not so many.
func (l *List) At(i int) (v Value, ok bool) {
	l.Each(i, 1, false, func(e Value) bool {
		v, ok = e, true
		return false
	})
	return v, ok
}

// Each calls fn with n elements, or as many as there are, from the index from on, or until it gives false: towards the tail,
// or with reverse towards the head. The list must not change meanwhile.
func (l *List) Each(from, n int, reverse bool, fn func(v Value) bool) {
	if l.it.ref == 0 || n <= 0 || from < 0 || from >= l.Len() {
		return
	}
	eachEntry(l.it.listpack(), from, n, reverse, fn)
}

// Push adds elements at the head or the tail, one after the other, so that at the head the last one comes to be the first. The
// slices are copied and must not be part of this list. Nothing has changed when memory is refused. tick is called every so
// often; its error is of no consequence, since a command is not to be done by halves.
func (l *List) Push(texts [][]byte, head bool, tick func() error) {
	l.pushPacked(texts, head)
	_ = tick
}

// Insert makes text the element at an index, which is at most Len; those from there on move up. The list is there. The slice
// is copied and must not be part of this list.
func (l *List) Insert(i int, text []byte) {
	l.insertPacked(i, text)
}

// Set puts text in the place of the element at an index, which is there. The slice is copied and must not be part of this
// list.
func (l *List) Set(i int, text []byte) {
	l.setPacked(i, text)
}

// Reserve makes it all but certain that n elements of so many bytes in all can be pushed; see DB.Reserve.
func (l *List) Reserve(n, bytes int) {
	const overhead = 16 // of an element, at most
	l.db.Reserve(bytes + n*overhead)
}

// Size gives the bytes of the texts of n elements from the index from on.
func (l *List) Size(from, n int) (bytes int) {
	l.Each(from, n, false, func(v Value) bool {
		bytes += v.Len()
		return true
	})
	return bytes
}

// Reverse turns the order of n elements from the index from on round. tick is as for Push.
func (l *List) Reverse(from, n int, tick func() error) {
	l.Reserve(n, l.Size(from, n))
	var room, other [64]byte
	for i, j := from, from+n-1; i < j; i, j = i+1, j-1 {
		a, _ := l.At(i)
		first := append(room[:0], Text(a, nil)...)
		b, _ := l.At(j)
		last := append(other[:0], Text(b, nil)...)
		l.Set(i, last)
		l.Set(j, first)
		if i%tickEvery == tickEvery-1 {
			_ = tick()
		}
	}
}

// Remove removes n elements from the index from on, which are there, and the key with the last one.
func (l *List) Remove(from, n int) {
	if n == 0 {
		return
	}
	if n == l.Len() {
		l.db.Remove(&l.it)
		return
	}
	l.removePacked(from, n)
}

// RemoveEqual removes elements that are text, limit at most, beginning at the head or with reverse at the tail, and the key
// with the last element. It tells how many. tick is called every so often; its error is of no consequence, since a command is
// not to be done by halves. The text must not be part of this list.
func (l *List) RemoveEqual(text Needle, limit int, reverse bool, tick func() error) (removed int) {
	if l.it.ref == 0 {
		return 0
	}
	_ = tick
	return l.removeEqualPacked(text, limit, reverse)
}
