// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// manyKeys is a file of several parcels, with keys of all kinds that are short and some that are long.
func manyKeys() (file string, keys int) {
	body := []string{"\xfe\x00"}
	for n := range 60 {
		for i, s := range samples() {
			if s.ver() == 10 && (len(s.body) < 1000 || n%30 == i%30) {
				body = append(body, pairOf(s.kind, fmt.Sprint("key:", n, ":", i), s.body))
				keys++
			}
		}
		if n%20 == 0 {
			body = append(body, pairOf(KindString, fmt.Sprint("long:", n), text(strings.Repeat(fmt.Sprint(n, " "), 100_000))))
			keys++
		}
	}
	return aFile("REDIS0010", body...), keys
}

// TestMakers has a file read by one and by several makers, beside others and alone.
func TestMakers(t *testing.T) {
	file, keys := manyKeys()
	var want []string
	for _, o := range []LoadOptions{{}, {Makers: 2}, {Makers: 3, Beside: true}, {Makers: 5, piece: 100}, {Makers: 4, Check: true}} {
		v := newDBs(t)
		o.Checksum = true
		n, err := ReadFile(strings.NewReader(file), v, o)
		if err != nil || n.Keys != int64(keys) || n.Bytes != int64(len(file)) {
			t.Fatalf("%+v: %v, %+v", o, err, n)
		}
		switch got := contents(v); {
		case o.Check && len(got) != 0:
			t.Errorf("%d keys of a file that is only looked at", len(got))
		case o.Check:
		case want == nil:
			want = got
		case !slices.Equal(got, want):
			t.Errorf("%+v: not the same", o)
		}
	}
}

// TestMakersOfPackedKeys has keys that are longer than a piece before it is known whose they are.
func TestMakersOfPackedKeys(t *testing.T) {
	var body []string
	for i := range 20 {
		key := packedText(strings.Repeat(fmt.Sprint("a long key ", i), 20))
		body = append(body, string([]byte{byte(KindList)})+key+size(2)+text("a")+text("b"))
	}
	for piece := 1; piece < 40; piece += 3 {
		n, err := ReadFile(strings.NewReader(aFile("REDIS0010", body...)), newDBs(t), LoadOptions{Makers: 3, piece: piece})
		if err != nil || n.Keys != 20 {
			t.Fatalf("pieces of %d bytes: %v, %+v", piece, err, n)
		}
	}
}

// TestMakersFirstError damages many keys: the first in the file is told of, whoever meets what first.
func TestMakersFirstError(t *testing.T) {
	var body []string
	at := headerSize
	first := 0
	for i := range 20_000 {
		pair := pairOf(KindString, fmt.Sprint("key:", i), text("value"))
		if i%997 == 996 {
			pair = pairOf(KindSetIntset, fmt.Sprint("bad:", i), text("no intset"))
			if first == 0 {
				first = at + len(pair)
			}
		}
		body = append(body, pair)
		at += len(pair)
	}
	file := aFile("REDIS0010", body...)
	want := fmt.Sprint("Intset integrity check failed at offset ", first)
	for range 20 {
		if _, err := ReadFile(strings.NewReader(file), newDBs(t), LoadOptions{Makers: 3}); err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
}

// TestMakersTwice has a key twice, far from each other: the second one is the error, or has its way.
func TestMakersTwice(t *testing.T) {
	file, keys := manyKeys()
	file = file[:len(file)-sumSize-1]
	at := len(file)
	file += pairOf(KindString, "long:0", text("again")) + "\xff" + millis(0)
	want := fmt.Sprintf("RDB has duplicated key 'long:0' in DB 0 at offset %d", at+len(pairOf(KindString, "long:0", text("again"))))
	if _, err := ReadFile(strings.NewReader(file), newDBs(t), LoadOptions{Makers: 2}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	v := newDBs(t)
	n, err := ReadFile(strings.NewReader(file), v, LoadOptions{Makers: 2, Replace: true})
	if err != nil || n.Keys != int64(keys)+1 || show(v.DB(0), "long:0") != "embstr: again" {
		t.Errorf("%v, %+v, %.100s", err, n, show(v.DB(0), "long:0"))
	}
}

// TestMakersTell hears of what has no elements, and how far the reading is, and ends it.
func TestMakersTell(t *testing.T) {
	var body []string
	for i := range 100_000 {
		body = append(body, pairOf(KindString, fmt.Sprint("key:", i), text("value")))
		if i%1000 == 0 {
			body = append(body, pairOf(KindHash, fmt.Sprint("none:", i), size(0)))
		}
	}
	file := aFile("REDIS0010", body...)
	empty, told, delays := 0, int64(0), 0
	o := LoadOptions{Makers: 3, Beside: true, EmptyKey: func([]byte) { empty++ }, Delay: func() { delays++ }, Progress: func(bytes, keys int64) error {
		if bytes < told || keys > 100_100 || bytes > int64(len(file)) {
			t.Errorf("%d keys of %d bytes", keys, bytes)
		}
		told = bytes
		return nil
	}}
	n, err := ReadFile(strings.NewReader(file), newDBs(t), o)
	if err != nil || n.Empty != 100 || empty != 100 || told == 0 || delays != 100_100 {
		t.Errorf("%v, %+v, %d empty, %d bytes, %d delays", err, n, empty, told, delays)
	}
	enough := errors.New("enough")
	o.Progress = func(_, _ int64) error { return enough }
	if _, err := ReadFile(strings.NewReader(file), newDBs(t), o); err != enough {
		t.Errorf("ended: %v", err)
	}
}

// TestMakersNoMemory has memory run out in a maker: whatever the key is, nothing hangs.
func TestMakersNoMemory(t *testing.T) {
	file, _ := manyKeys()
	for _, reserve := range []int64{1 << 20, 2 << 20, 3 << 20} {
		arena, err := mem.NewArena(mem.Options{Reserve: reserve})
		if err != nil {
			t.Fatal(err)
		}
		v := store.New(store.Options{Arena: arena, Shards: 8, Databases: 3}).NewView()
		_, err = ReadFile(strings.NewReader(file), v, LoadOptions{Makers: 3, piece: 1000})
		if !errors.Is(err, mem.ErrNoMemory) {
			t.Errorf("%d bytes: %v", reserve, err)
		}
		arena.Close()
	}
}

// TestTemplatesBetweenKeys has templates come between keys, and hashes refer to some that come behind them.
func TestTemplatesBetweenKeys(t *testing.T) {
	var body []string
	at := headerSize
	add := func(b string) {
		body = append(body, b)
		at += len(b)
	}
	for i := range 3000 {
		add(string([]byte{opTemplate}) + size(uint64(i)) + size(2) + text("a") + text("b"))
		add(pairOf(KindHashTemplateRef, fmt.Sprint("key:", i), size(uint64(i))+text("1")+text("2")))
	}
	good := aFile("REDIS0015", body...)
	bad := pairOf(KindHashTemplateRef, "ahead", size(5000)+text("1")+text("2"))
	where := at + len(bad) - 4
	rest := strings.Repeat(pairOf(KindString, "k", text("v")), 1) + string([]byte{opTemplate}) + size(5000) + size(2) + text("a") + text("b")
	for range 10 {
		_, n, err := load(t, good, LoadOptions{Checksum: true})
		if err != nil || n.Keys != 3000 {
			t.Fatalf("%v, %+v", err, n)
		}
		want := fmt.Sprintf("Invalid hash template ID 5000 at offset %d", where)
		if _, _, err := load(t, aFile("REDIS0015", append(slices.Clone(body), bad, rest)...), LoadOptions{}); err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
}

// slowly gives a stream that gives little at a time.
func slowly(b []byte) io.Reader { return &trickle{b: b} }

type trickle struct {
	b []byte
	n int
}

func (r *trickle) Read(b []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	r.n = r.n*7%1009 + 1
	n := copy(b, r.b[:min(r.n, len(r.b))])
	r.b = r.b[n:]
	return n, nil
}

// TestMakersFromAnyStream reads a file that comes in pieces of any size.
func TestMakersFromAnyStream(t *testing.T) {
	file, keys := manyKeys()
	n, err := ReadFile(slowly([]byte(file)), newDBs(t), LoadOptions{Makers: 2, Checksum: true, piece: 500})
	if err != nil || n.Keys != int64(keys) {
		t.Errorf("%v, %+v", err, n)
	}
}
