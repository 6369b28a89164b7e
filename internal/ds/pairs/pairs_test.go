// SPDX-License-Identifier: BSD-3-Clause

package pairs

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/num"
)

// pack makes a blob of texts by turns.
func pack(texts ...string) []byte {
	b := make([]byte, HeaderSize)
	for i := 0; i < len(texts); i += 2 {
		var p Pair
		p.Encode([]byte(texts[i]), []byte(texts[i+1]))
		end := len(b)
		b = append(b, make([]byte, p.Size())...)
		if got := p.Put(b, end); got != len(b) {
			panic(fmt.Sprintf("%q: Put gave %d, Size %d", texts[i:i+2], got-end, p.Size()))
		}
	}
	SetCount(b, len(texts)/2)
	return b
}

func (v Value) text() string {
	if v.Bytes == nil {
		return string(num.AppendInt(nil, v.Int))
	}
	return string(v.Bytes)
}

func unpack(b []byte) (texts []string) {
	for off := First(b); off != 0; {
		var f, v Value
		f, v, off = Read(b, off)
		texts = append(texts, f.text(), v.text())
	}
	return texts
}

func TestForms(t *testing.T) {
	x := strings.Repeat
	for _, tc := range []struct {
		field, value string
		want         string // behind the header; a long text is cut
	}{
		{"", "", "\x00"},
		{"field0", "xxxxxxxx", "\x68field0xxxxxxxx"},
		{x("f", 14), "v", "\xe1" + x("f", 14) + "v"},
		{x("f", 15), "v", "\xf1\x00" + x("f", 15) + "v"},
		{"f", x("v", 262), "\x1ff\xf7" + x("v", 262)},
		{"f", x("v", 263), "\x1ff\xf8\x07\x01\x00\x00" + x("v", 263)},
		{"1", "999", "\x131999"},
		{"1", "1000", "\x1f1\xf9\xe8\x03"},
		{"1", "01000", "\x15101000"},
		{"-32768", "32768", "\xff\xf9\x00\x80\xfa\x00\x80\x00"},
		{"-8388608", "8388608", "\xff\xfa\x00\x00\x80\xfb\x00\x00\x80\x00"},
		{"2147483648", "-2147483648", "\xff\xfc\x00\x00\x00\x80\x00\x00\x00\x00\xfb\x00\x00\x00\x80"},
		{"9223372036854775807", "9223372036854775808", "\xff\xfc\xff\xff\xff\xff\xff\xff\xff\x7f\x049223372036854775808"},
	} {
		b := pack(tc.field, tc.value)
		if got := string(b[HeaderSize:]); got != tc.want {
			t.Errorf("%q, %q: %q, want %q", tc.field, tc.value, got, tc.want)
		}
		if got := unpack(b); len(got) != 2 || got[0] != tc.field || got[1] != tc.value {
			t.Errorf("%q, %q came back as %q", tc.field, tc.value, got)
		}
	}
}

func TestFind(t *testing.T) {
	texts := []string{
		"a", "1", "b", "2", "ab", strings.Repeat("v", 300), strings.Repeat("ab", 20), "x", "", "empty", "12345", "int", "012345", "no int",
		"abcdefghijklmno", "fifteen", "abcdefghijklmn", "fourteen", strconv.Itoa(math.MinInt64), strconv.Itoa(math.MaxInt64),
		"abcdefghijklmnx", "-12345678",
	}
	b := pack(texts...)
	for _, filled := range []int{0, 1, 2, 30} {
		b := append(bytes.Clone(b), bytes.Repeat([]byte{Filler}, filled)...)
		if got := unpack(b); strings.Join(got, ",") != strings.Join(texts, ",") {
			t.Errorf("with %d filled: %q", filled, got)
		}
		for i := 0; i < len(texts); i += 2 {
			off, end := Find(b, []byte(texts[i]))
			if off == 0 {
				t.Errorf("%q was not found", texts[i])
				continue
			}
			f, v, next := Read(b, off)
			if f.text() != texts[i] || v.text() != texts[i+1] || next != end && next != 0 {
				t.Errorf("%q: %q, %q, %d, %d", texts[i], f.text(), v.text(), next, end)
			}
		}
		for _, other := range []string{"c", "aa", "12346", "abcdefghijklmny", "0", "-", strings.Repeat("z", 400)} {
			if off, end := Find(b, []byte(other)); off != 0 || end != len(b)-filled {
				t.Errorf("%q: %d, %d", other, off, end)
			}
		}
	}
}

func TestCount(t *testing.T) {
	b := pack()
	if Count(b) != 0 || First(b) != 0 {
		t.Error("an empty blob is not empty")
	}
	texts := make([]string, 2*70_000)
	for i := range texts {
		texts[i] = strconv.Itoa(i)
	}
	b = pack(texts[:2*65534]...)
	if n := Count(b); n != 65534 {
		t.Error(n)
	}
	b = pack(texts...)
	AddCount(b, -1) // has no effect: it is no longer known
	if n := Count(b); n != 70_000 {
		t.Error(n)
	}
	b = pack("a", "b")
	AddCount(b, 3)
	AddCount(b, -2)
	if n := Count(b); n != 2 {
		t.Error(n)
	}
}

func TestRandomTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func() string {
		switch r.IntN(4) {
		case 0:
			return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
		case 1:
			return strings.Repeat("\xff", r.IntN(20))
		}
		b := make([]byte, r.IntN(1<<r.IntN(10)))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	for range 300 {
		seen := map[string]bool{}
		var texts []string
		for range r.IntN(40) {
			if f := random(); !seen[f] {
				seen[f] = true
				texts = append(texts, f, random())
			}
		}
		b := pack(texts...)
		if got := unpack(b); strings.Join(got, "\x00,") != strings.Join(texts, "\x00,") {
			t.Fatalf("%q came back as %q", texts, got)
		}
		for i := 0; i < len(texts); i += 2 {
			off, _ := Find(b, []byte(texts[i]))
			if off == 0 {
				t.Fatalf("%q was not found", texts[i])
			}
			if f, v, _ := Read(b, off); f.text() != texts[i] || v.text() != texts[i+1] {
				t.Fatalf("%q: %q, %q", texts[i], f.text(), v.text())
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	var texts []string
	for i := range 10 {
		texts = append(texts, fmt.Sprint("field", i), "xxxxxxxx")
	}
	blob := pack(texts...)
	field := []byte("field9")
	for b.Loop() {
		if off, _ := Find(blob, field); off == 0 {
			b.Fatal("not found")
		}
	}
}

func FuzzTexts(f *testing.F) {
	f.Add([]byte("field"), []byte("12345"), []byte("-1000"), []byte(""))
	f.Add([]byte("\xff\xff"), []byte("fifteen bytes.."), []byte("1"), bytes.Repeat([]byte{0xff}, 263))
	f.Fuzz(func(t *testing.T, a, b, c, d []byte) {
		if bytes.Equal(a, c) {
			return
		}
		blob := pack(string(a), string(b), string(c), string(d))
		for _, want := range [][2]string{{string(a), string(b)}, {string(c), string(d)}} {
			off, _ := Find(blob, []byte(want[0]))
			if off == 0 {
				t.Fatalf("%q is not in %q", want[0], blob)
			}
			if field, value, _ := Read(blob, off); field.text() != want[0] || value.text() != want[1] {
				t.Fatalf("%q came back as %q, %q", want, field.text(), value.text())
			}
		}
		if n := len(unpack(blob)); n != 4 {
			t.Fatalf("%d texts in %q", n, blob)
		}
	})
}

// TestRaw: a value that is kept as it is stays a text, and pairs are passed over whatever their form.
func TestRaw(t *testing.T) {
	texts := []string{"", "a", "12345678", "-1000000", strings.Repeat("x", 14), strings.Repeat("y", 15), strings.Repeat("z", 300)}
	b := make([]byte, 4096)
	off := HeaderSize
	var ends []int
	for _, value := range texts {
		var p Pair
		p.EncodeRaw([]byte("f"+value), []byte(value))
		end := p.Put(b, off)
		if end != off+p.Size() {
			t.Fatalf("%q: %d bytes, want %d", value, end-off, p.Size())
		}
		ends = append(ends, end)
		off = end
	}
	b = b[:off]
	off = HeaderSize
	for i, value := range texts {
		if Ended(b, off) {
			t.Fatal("the end comes too early")
		}
		if _, v, _ := Read(b, off); v.Bytes == nil || string(v.Bytes) != value {
			t.Errorf("got %q or %d, want %q", v.Bytes, v.Int, value)
		}
		if off = Skip(b, off); off != ends[i] {
			t.Fatalf("%q ends at %d, want %d", value, off, ends[i])
		}
	}
	if !Ended(b, off) {
		t.Error("there is no end")
	}
}
