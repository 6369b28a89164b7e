// SPDX-License-Identifier: BSD-3-Clause

package store

import "strings"

// textView is a stream of a big string, with what it is to give.
type textView struct {
	stream *TextStream
	want   string
}

// freeze begins to read a part of a big string.
func (k *keyspace) freeze(db *DB, name []byte, e modelValue) {
	it, ok := db.Peek(name)
	if !ok || it.Type() != TypeString || len(k.texts) > 5 {
		return
	}
	if it.IsBig() != (len(e.text) > k.s.bigString) {
		k.t.Fatalf("a string of %d bytes is big: %v", len(e.text), it.IsBig())
	}
	if it.IsBig() {
		from, to := k.rng.IntN(1000), len(e.text)-k.rng.IntN(1000)
		k.texts = append(k.texts, textView{db.StreamText(&it, from, to), e.text[from:to]})
	}
}

// read reads a frozen string to its end, or not quite, whatever has become of its key.
func (k *keyspace) read(i int) {
	k.t.Helper()
	v := k.texts[i]
	for n := k.rng.IntN(10); n > 0; n-- {
		b := v.stream.Next()
		if !strings.HasPrefix(v.want, string(b)) || len(b) == 0 && v.want != "" {
			k.t.Fatalf("a view gives %d bytes %.20q, want %.20q", len(b), b, v.want)
		}
		if v.want = v.want[len(b):]; v.want == "" {
			break
		}
	}
	v.stream.Close()
	k.texts = append(k.texts[:i], k.texts[i+1:]...)
}

// readAll ends all reading of strings.
func (k *keyspace) readAll() {
	k.t.Helper()
	for len(k.texts) > 0 {
		k.read(0)
	}
	if n := k.s.FrozenViews(); n != int64(len(k.views)) {
		k.t.Fatalf("%d views are left, there are %d", n, len(k.views))
	}
	k.housekeep()
}
