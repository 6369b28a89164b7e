// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// build makes a listpack of texts.
func build(texts ...string) []byte {
	b := AppendEmpty(nil)
	for _, s := range texts {
		v := Bytes([]byte(s))
		b = Append(make([]byte, 0, SizeAfterInsert(b, v)), b, v)
	}
	return b
}

// texts reads a listpack forwards.
func texts(b []byte) (all []string) {
	for off := First(b); off != 0; off = Next(b, off) {
		all = append(all, string(Get(b, off).Append(nil)))
	}
	return all
}

// Each vector is one entry between header and end, by the format's description.
func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		text, entry string // entry in hex
	}{
		{"0", "0001"},
		{"127", "7f01"},
		{"128", "c08002"},
		{"4095", "cfff02"},
		{"-1", "dfff02"},
		{"-4096", "d00002"},
		{"4096", "f1001003"},
		{"-4097", "f1ffef03"},
		{"32767", "f1ff7f03"},
		{"-32768", "f1008003"},
		{"32768", "f200800004"},
		{"-32769", "f2ff7fff04"},
		{"8388607", "f2ffff7f04"},
		{"-8388608", "f200008004"},
		{"8388608", "f30000800005"},
		{"-8388609", "f3ffff7fff05"},
		{"2147483647", "f3ffffff7f05"},
		{"-2147483648", "f30000008005"},
		{"2147483648", "f4000000800000000009"},
		{"9223372036854775807", "f4ffffffffffffff7f09"},
		{"-9223372036854775808", "f4000000000000008009"},
		{"9223372036854775808", "93" + hex.EncodeToString([]byte("9223372036854775808")) + "14"},
		{"", "8001"},
		{"a", "816102"},
		{"-0", "822d3003"},
		{"007", "8330303704"},
		{"+1", "822b3103"},
		{" 1", "82203103"},
		{"1.0", "83312e3004"},
		{strings.Repeat("x", 63), "bf" + strings.Repeat("78", 63) + "40"},
		{strings.Repeat("x", 64), "e040" + strings.Repeat("78", 64) + "42"},
		{strings.Repeat("x", 125), "e07d" + strings.Repeat("78", 125) + "7f"},
		{strings.Repeat("x", 126), "e07e" + strings.Repeat("78", 126) + "0180"},
		{strings.Repeat("x", 4095), "efff" + strings.Repeat("78", 4095) + "2081"},
		{strings.Repeat("x", 4096), "f000100000" + strings.Repeat("78", 4096) + "2085"},
		{strings.Repeat("x", 16377), "f0f93f0000" + strings.Repeat("78", 16377) + "7ffe"},
		{strings.Repeat("x", 16378), "f0fa3f0000" + strings.Repeat("78", 16378) + "00ffff"},
	} {
		b := build(c.text)
		want := fmt.Sprintf("%02x%02x%02x000100%sff", len(b)&255, len(b)>>8&255, len(b)>>16, c.entry)
		if got := hex.EncodeToString(b); got != want {
			t.Errorf("%.30q (%d bytes): %.60s…%s, want %.60s…%s", c.text, len(c.text), got, got[len(got)-10:], want, want[len(want)-10:])
		}
		if err := Validate(b); err != nil {
			t.Errorf("%.30q: %v", c.text, err)
		}
		e := Get(b, First(b))
		if string(e.Append(nil)) != c.text || e.Len() != len(c.text) || Last(b) != HeaderSize || Next(b, HeaderSize) != 0 {
			t.Errorf("%.30q reads as %.30q", c.text, e.Append(nil))
		}
		if _, err := strconv.ParseInt(c.text, 10, 64); e.IsInt() && err != nil {
			t.Errorf("%.30q is stored as an integer", c.text)
		}
		if !Equal(b, HeaderSize, []byte(c.text)) || Equal(b, HeaderSize, []byte(c.text+"0")) || Equal(b, HeaderSize, []byte("other")) {
			t.Errorf("%.30q: Equal is wrong", c.text)
		}
	}
}

func TestEmpty(t *testing.T) {
	b := AppendEmpty(nil)
	if got := hex.EncodeToString(b); got != "070000000000ff" {
		t.Errorf("empty listpack %s", got)
	}
	if Count(b) != 0 || First(b) != 0 || Last(b) != 0 || Seek(b, 0) != 0 || Seek(b, -1) != 0 || Find(b, First(b), nil, 0) != 0 {
		t.Error("an empty listpack has entries")
	}
	if err := Validate(b); err != nil {
		t.Error(err)
	}
}

func randomText(rng *rand.Rand) string {
	switch rng.IntN(8) {
	case 0:
		return strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10)
	case 1:
		return strconv.Itoa(rng.IntN(200) - 20)
	case 2:
		return strings.Repeat("y", rng.IntN(300))
	case 3:
		if rng.IntN(20) == 0 {
			return strings.Repeat("z", 3000+rng.IntN(20000))
		}
		return ""
	case 4:
		return "0" + strconv.Itoa(rng.IntN(100))
	default:
		return "field" + strconv.Itoa(rng.IntN(1000))
	}
}

// splice is what Splice does, on a slice; both in place and into another blob.
func splice(t *testing.T, b []byte, model []string, at, drop int, put []string) ([]byte, []string) {
	t.Helper()
	off := len(b) - 1
	if at < len(model) {
		off = Seek(b, at)
	}
	values := make([]Value, len(put))
	for i := range put {
		values[i] = Bytes([]byte(put[i]))
	}
	model = slices.Replace(slices.Clone(model), at, min(at+drop, len(model)), put...)
	size := SpliceSize(b, off, drop, values...)
	other := Splice(make([]byte, 0, size), b, off, drop, values...)
	room := append(make([]byte, 0, max(size, len(b))), b...)
	inPlace := Splice(room, room, off, drop, values...)
	if len(other) != size || !bytes.Equal(other, inPlace) {
		t.Fatalf("splicing %q at %d over %d: %d bytes announced, elsewhere %d, in place %d:\n%x\n%x", put, at, drop, size, len(other), len(inPlace), other, inPlace)
	}
	return inPlace, model
}

func verify(t *testing.T, b []byte, model []string) {
	t.Helper()
	if err := Validate(b); err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	if Count(b) != len(model) || Size(b) != len(b) {
		t.Fatalf("Count %d, Size %d; want %d, %d", Count(b), Size(b), len(model), len(b))
	}
	if got := texts(b); !slices.Equal(got, model) {
		t.Fatalf("reads as %q, want %q", got, model)
	}
	i := len(model)
	for off := Last(b); off != 0; off = Prev(b, off) {
		i--
		if Seek(b, i) != off || Seek(b, i-len(model)) != off || !Equal(b, off, []byte(model[i])) {
			t.Fatalf("entry %d: Seek gives %d and %d, it is at %d", i, Seek(b, i), Seek(b, i-len(model)), off)
		}
	}
	if i != 0 || Seek(b, len(model)) != 0 || Seek(b, -len(model)-1) != 0 {
		t.Fatalf("read backwards %d entries are missing, or there are too many", i)
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b, model := AppendEmpty(nil), []string(nil)
		for range 300 {
			at := rng.IntN(len(model) + 1)
			put := make([]string, rng.IntN(4))
			for i := range put {
				put[i] = randomText(rng)
			}
			b, model = splice(t, b, model, at, rng.IntN(4), put)
			verify(t, b, model)
			if len(model) > 0 {
				want := model[rng.IntN(len(model))]
				off := Find(b, First(b), []byte(want), 0)
				if first := Seek(b, slices.Index(model, want)); off != first {
					t.Fatalf("Find(%.40q) gives %d, want %d", want, off, first)
				}
			}
		}
		b, model = splice(t, b, model, 0, len(model)+5, nil)
		verify(t, b, model)
	}
}

func TestFindSkips(t *testing.T) {
	b := build("a", "b", "b", "12", "12", "a", "odd")
	for _, c := range []struct {
		value      string
		skip, want int // want: index, -1 for none
	}{{"a", 1, 0}, {"b", 1, 2}, {"12", 1, 4}, {"odd", 1, 6}, {"b", 0, 1}, {"12", 2, 3}, {"12", 1, 4}, {"012", 0, -1}, {"x", 1, -1}, {"a", 100, 0}, {"b", 100, -1}} {
		want := 0
		if c.want >= 0 {
			want = Seek(b, c.want)
		}
		if got := Find(b, First(b), []byte(c.value), c.skip); got != want {
			t.Errorf("Find(%q) with skip %d gives %d, want %d", c.value, c.skip, got, want)
		}
	}
	if got := Find(b, Next(b, First(b)), []byte("a"), 0); got != Seek(b, 5) {
		t.Errorf("Find from the second entry gives %d", got)
	}
	if Find(b, 0, []byte("a"), 0) != 0 {
		t.Error("Find from nowhere finds something")
	}
}

func TestReadWalks(t *testing.T) {
	want := []string{"a", "-77", "", strings.Repeat("q", 5000)}
	b := build(want...)
	var got []string
	for off := First(b); off != 0; {
		var e Entry
		e, off = Read(b, off)
		got = append(got, string(e.Append(nil)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Read gives %q", got)
	}
}

func TestManyEntries(t *testing.T) {
	const n = 70000
	values := make([]Value, n)
	for i := range values {
		values[i] = Int(int64(i))
	}
	b := AppendEmpty(nil)
	b = Append(make([]byte, 0, SizeAfterInsert(b, values...)), b, values...)
	if Count(b) != n || Validate(b) != nil {
		t.Fatalf("Count = %d, want %d; %v", Count(b), n, Validate(b))
	}
	for _, i := range []int{0, 65534, 65535, 69999, -1, -70000} {
		if e := Get(b, Seek(b, i)); e.Int != int64((i+n)%n) {
			t.Errorf("entry %d is %d", i, e.Int)
		}
	}
	if Seek(b, n) != 0 || Seek(b, -n-1) != 0 {
		t.Error("there are entries past the ends")
	}
	b = Delete(b, b, First(b), n-5)
	if got := texts(b); !slices.Equal(got, []string{"69995", "69996", "69997", "69998", "69999"}) || Count(b) != 5 || Validate(b) != nil {
		t.Errorf("after deleting most: %q, Count %d", got, Count(b))
	}
}

func TestConvenience(t *testing.T) {
	b := build("a", "b", "c")
	grow := func(n int) []byte { return make([]byte, 0, n) }
	v := Bytes([]byte("12345"))
	b = Replace(grow(SizeAfterReplace(b, Seek(b, 1), v)), b, Seek(b, 1), v)
	b = Insert(grow(len(b)+v.Size()), b, First(b), Int(-3))
	b = Delete(grow(SizeAfterDelete(b, Last(b), 1)), b, Last(b), 1)
	b = Append(grow(SizeAfterInsert(b, Get(b, 6).Value())), b, Get(b, 6).Value())
	verify(t, b, []string{"-3", "a", "12345", "-3"})
	if !Fits(MaxSize-1, 1) || Fits(MaxSize-1, 2) {
		t.Error("Fits is wrong")
	}
}

// An entry of the same size is replaced without a byte around it being written.
// Entries that are appended one by one make the listpack that Append makes of them.
func TestAppendText(t *testing.T) {
	for _, list := range [][]string{
		{}, {""}, {"a", "", "0", "-1", "127", "128", "-0", "01", "9x", ":", "/", "4095", "-4097", "65536", "8388608", "-9223372036854775808"},
		{strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("9", 63), strings.Repeat("y", 4095), strings.Repeat("z", 70_000)},
	} {
		want := build(list...)
		texts, entries := make([]byte, HeaderSize), make([]byte, HeaderSize)
		for _, s := range list {
			texts = AppendText(texts, []byte(s))
		}
		for off := First(want); off != 0; off = Next(want, off) {
			entries = AppendEntry(entries, Get(want, off))
		}
		for _, b := range [][]byte{texts, entries} {
			b = append(b, 0)
			if Seal(b, len(list)); !bytes.Equal(b, want) {
				t.Errorf("%.100q: %.200x, want %.200x", list, b, want)
			}
		}
	}
}

func TestReplaceInPlaceTouchesOnlyTheEntry(t *testing.T) {
	b := build("counter", "1000", "other", "value")
	off := Seek(b, 1)
	want := build("counter", "2000", "other", "value")
	got := Replace(b, b, off, Int(2000))
	if !bytes.Equal(got, want) || &got[0] != &b[0] {
		t.Errorf("%x, want %x", got, want)
	}
	v, room := Int(3000), make([]byte, len(b), len(b)+100)
	copy(room, b)
	if n := testing.AllocsPerRun(100, func() { Replace(room, room, off, v) }); n != 0 {
		t.Errorf("Replace allocates %v times", n)
	}
}

func TestIntBoundaries(t *testing.T) {
	for _, edge := range []int64{0, 127, 1 << 12, 1 << 15, 1 << 23, 1 << 31, math.MaxInt64} {
		for _, v := range []int64{edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1} {
			b := AppendEmpty(nil)
			b = Append(make([]byte, 0, SizeAfterInsert(b, Int(v))), b, Int(v))
			if e := Get(b, First(b)); !e.IsInt() || e.Int != v {
				t.Errorf("%d reads as %d", v, e.Int)
			}
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	good := build("abc", "1000", strings.Repeat("x", 100), "-5000000000")
	if err := Validate(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if Validate(good[:n]) == nil {
			t.Errorf("accepted the first %d bytes", n)
		}
	}
	for _, c := range []struct{ name, hex string }{
		{"nothing", ""},
		{"wrong length", "080000000000ff"},
		{"no end", "07000000000000"},
		{"end within", "080000000000ffff"},
		{"count too small", "0a0000000000" + "816102" + "ff"},
		{"count too large", "0a0000000200" + "816102" + "ff"},
		{"backward length", "0a0000000100" + "816103" + "ff"},
		{"backward length too wide", "0b0000000100" + "81610082" + "ff"},
		{"string past the end", "0a0000000100" + "836102" + "ff"},
		{"huge string", "0e0000000100" + "f0ffffffff6102" + "ff"},
		{"string without its length", "090000000100" + "f001" + "ff"},
		{"integer past the end", "090000000100" + "f401" + "ff"},
		{"unknown encoding", "0a0000000100" + "f56102" + "ff"},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if Validate(b) == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
	// Redis does not mind these.
	for _, text := range []string{"0a0000000100" + "813502" + "ff", "0b0000000100" + "f1050003" + "ff", "0a000000ffff" + "816102" + "ff"} {
		b, _ := hex.DecodeString(text)
		if err := Validate(b); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzValidate(f *testing.F) {
	f.Add(AppendEmpty(nil))
	f.Add(build("abc", "1000", strings.Repeat("x", 100), "-5000000000", ""))
	f.Add(build(strings.Repeat("x", 5000), "1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= EmptySize && Validate(b) != nil { // see to it that the entries matter
			b = append([]byte(nil), b...)
			binary.LittleEndian.PutUint32(b, uint32(len(b)))
			binary.LittleEndian.PutUint16(b[4:], unknownCount)
			b[len(b)-1] = end
		}
		if Validate(b) != nil {
			return
		}
		model := texts(b)
		verify(t, b, model)
		Find(b, First(b), []byte("1000"), 1)
		at := len(b) % (len(model) + 1)
		out, want := splice(t, b, model, at, 1, []string{"new", "17"})
		verify(t, out, want)
	})
}

func BenchmarkFind(b *testing.B) {
	var fields []string
	for i := range 10 {
		fields = append(fields, fmt.Sprintf("field:%d", i), fmt.Sprintf("some value %d", i*1000))
	}
	blob := build(fields...)
	for _, c := range []struct{ name, field string }{{"first", "field:0"}, {"last", "field:9"}, {"missing", "nonesuch"}} {
		value := []byte(c.field)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				Find(blob, First(blob), value, 1)
			}
		})
	}
}

func BenchmarkReplaceInPlace(b *testing.B) {
	blob := build("counter", "100000", "other", "value")
	off, i := Seek(blob, 1), int64(0)
	for b.Loop() {
		blob = Replace(blob, blob, off, Int(100000+i&1023))
		i++
	}
}
