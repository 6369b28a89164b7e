// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

// FuzzReadValue reads what may be anything, from bytes and from a stream: both make the same of it, what is refused leaves nothing, and
// what is not can be written, and read again.
func FuzzReadValue(f *testing.F) {
	for _, s := range append(samples(), refusals()...) {
		if len(s.body) < 4000 {
			f.Add(byte(s.kind), byte(s.ver()), []byte(s.body))
		}
	}
	rig := commandtest.NewRig(f)
	db := rig.DB
	empty := rig.Arena.InUse()
	f.Fuzz(func(t *testing.T, kind, version byte, body []byte) {
		db.Delete([]byte("k"))
		r := NewReader(body, int(version))
		err := read(r, Kind(kind), db)
		shown := show(db, "k")
		db.Delete([]byte("k"))
		s := NewStreamReader(bytes.NewReader(body), int(version))
		again := read(s, Kind(kind), db)
		switch {
		case err == nil && (again != nil || show(db, "k") != shown):
			t.Fatalf("from a stream: %v, %s\nfrom bytes: %s", again, show(db, "k"), shown)
		case err == nil:
			rewrite(t, db, shown)
		case !errors.Is(err, ErrFormat):
			t.Fatal(err)
		case !errors.Is(again, ErrFormat) && again != io.ErrUnexpectedEOF:
			t.Fatalf("from a stream: %v, but %v", again, err)
		case db.Exists([]byte("k")):
			t.Fatal("what was refused is there")
		case rig.Arena.InUse() > empty+64<<20:
			t.Fatalf("%d bytes stay", rig.Arena.InUse()-empty)
		}
	})
}

// rewrite writes a value and reads it again. It may be laid out in another way then.
func rewrite(t *testing.T, db *store.DB, shown string) {
	t.Helper()
	it, _ := db.Peek([]byte("k"))
	var w Writer
	w.Begin(NewestVersion, true)
	kind := KindOf(db, &it, NewestVersion)
	w.Kind(kind)
	w.Value(db, &it, kind)
	db.Delete([]byte("k"))
	r := NewReader(w.buf[1:], NewestVersion)
	if err := read(r, kind, db); err != nil || r.Len() != 0 || elements(show(db, "k")) != elements(shown) {
		t.Fatalf("written and read again: %v, %d bytes left, %s\nbefore: %s", err, r.Len(), show(db, "k"), shown)
	}
}

// elements gives what show tells but for the encoding.
func elements(shown string) string {
	_, shown, _ = strings.Cut(shown, ": ")
	return shown
}
