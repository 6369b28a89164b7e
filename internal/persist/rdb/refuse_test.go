// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// set gives a blob with one byte changed.
func set(blob string, at int, to byte) string {
	if at < 0 {
		at += len(blob)
	}
	return blob[:at] + string([]byte{to}) + blob[at+1:]
}

// refusals are bodies that are no values.
func refusals() []sample {
	var list []sample
	add := func(name string, kind Kind, parts ...string) {
		list = append(list, sample{name: name, kind: kind, body: strings.Join(parts, "")})
	}
	for _, kind := range []Kind{KindList, KindSet, KindZSet, KindZSet2, KindHash, KindListQuicklist, KindListQuicklist2, KindHashTimedPreGA} {
		add("no elements", kind, size(0))
		add("elements past counting", kind, size(1<<60))
		add("a length that there cannot be", kind, size(math.MaxUint64))
		add("an unknown length", kind, "\x82\x00\x00\x00\x00")
	}
	add("no elements", KindHashTimed, millis(1), size(0))
	for _, kind := range []Kind{KindListZiplist, KindZSetZiplist, KindHashZiplist} {
		good := zipTexts("a", "1", "b", "2")
		add("no elements", kind, text(zip()))
		add("no blob", kind, text(""))
		add("an integer", kind, "\xc0\x05")
		add("a text past the end", kind, size(1<<60), good)
		add("a wrong size", kind, text(set(good, 0, 99)))
		add("no end", kind, text(set(good, -1, 0)))
		add("a tail outside", kind, text(set(good, 4, 99)))
		add("a wrong tail", kind, text(set(good, 4, ziplistHeader)))
		add("a wrong count", kind, text(set(good, 8, 3)))
		add("a wrong size before", kind, text(set(good, ziplistHeader+3, 9)))
		add("a size before the first", kind, text(set(good, ziplistHeader, 1)))
		add("an unknown entry", kind, text(zip("\x01a", "\xc5xx")))
		add("an entry past the end", kind, text(zip("\x01a", "\x3fabc")))
		add("a long entry past the end", kind, text(zip("\x01a", "\x80\xff\xff\xff\xff")))
		add("an integer past the end", kind, text(zip("\x01a", "\xe0abc")))
		add("an end amid", kind, text(set(good, ziplistHeader+3, 0xff)))
	}
	for _, kind := range []Kind{KindSetListpack, KindZSetListpack, KindHashListpack, KindHashPackPreGA} {
		good := pack("a", "1", "b", "2", "cde", "3")
		add("no elements", kind, text(pack()))
		add("no blob", kind, text(""))
		add("a wrong size", kind, text(set(good, 0, 99)))
		add("no end", kind, text(set(good, -1, 0)))
		add("a wrong count", kind, text(set(good, 4, 9)))
		add("a wrong size behind", kind, text(set(good, 8, 9)))
		add("an unknown entry", kind, text(set(good, 6, 0xf7)))
		add("an entry past the end", kind, text(set(good, 6, 0xbf)))
	}
	add("an odd number", KindHashListpack, text(pack("a", "1", "b")))
	add("an odd number", KindZSetListpack, text(pack("a", "1", "b")))
	add("an odd number", KindHashZiplist, text(zipTexts("a", "1", "b")))
	add("no third one", KindHashPackPreGA, text(pack("a", "1", "0", "b", "2")))
	add("a time that is no number", KindHashPackPreGA, text(pack("a", "1", "soon")))
	add("a time below 0", KindHashPackPreGA, text(pack("a", "1", "-1")))
	add("a time too late", KindHashPackPreGA, text(pack("a", "1", "281474976710656")))
	add("times out of order", KindHashPackPreGA, text(pack("a", "1", "9", "b", "2", "8")))
	add("a time behind none", KindHashPackPreGA, text(pack("a", "1", "0", "b", "2", "8")))
	add("a time too late", KindHashTimedPreGA, size(1), size(1<<48), text("a"), text("b"))
	add("a time that is too late from the least", KindHashTimed, millis(1<<48-1), size(1), size(2), text("a"), text("b"))

	add("twice", KindSet, size(2), text("a"), text("a"))
	add("twice", KindSet, size(2), text("5"), "\xc0\x05")
	add("twice", KindSet, size(600), strings.Repeat(text("a"), 600))
	add("twice", KindSetListpack, text(pack("a", "b", "a")))
	add("twice", KindHash, size(2), text("a"), text("1"), text("a"), text("2"))
	add("twice", KindHash, size(600), strings.Repeat(text("a"), 1200))
	add("twice", KindHashListpack, text(pack("a", "1", "a", "2")))
	add("twice", KindHashListpack, text(pack(append(numbered("f", 400), "f0", "x")...)))
	add("twice", KindHashZiplist, text(zipTexts("a", "1", "a", "2")))
	add("twice", KindHashZipmap, text("\x02\x01a\x01\x00b\x01a\x01\x00b\xff"))
	add("twice", KindHashPackPreGA, text(pack("a", "1", "8", "a", "2", "9")))
	add("twice", KindHashTimedPreGA, size(2), size(0), text("a"), text("1"), size(3), text("a"), text("1"))
	add("twice", KindZSet2, size(2), text("a"), double(1), text("a"), double(2))
	add("twice", KindZSet2, size(300), strings.Repeat(text("a")+double(1), 300))
	add("twice", KindZSetListpack, text(pack("a", "1", "a", "2")))
	add("twice", KindZSetZiplist, text(zipTexts("a", "1", "a", "2")))

	add("no number", KindZSet2, size(1), text("a"), double(math.NaN()))
	add("no number", KindZSet, size(1), text("a"), "\xfd")
	add("no number", KindZSet, size(1), text("a"), "\x00")
	add("no number", KindZSet, size(1), text("a"), "\x03abc")
	add("no number", KindZSet, size(1), text("a"), "\x03nan")
	add("no number", KindZSetListpack, text(pack("a", "nan")))
	add("no number", KindZSetListpack, text(pack("a", "b")))

	add("unsorted", KindSetIntset, text(ints(2, 2, 1)))
	add("twice", KindSetIntset, text(ints(2, 1, 1)))
	add("no elements", KindSetIntset, text(ints(2)))
	add("a wrong length", KindSetIntset, text(set(ints(2, 1, 2), 4, 3)))
	add("a length of gigabytes", KindSetIntset, text(set(ints(8, 1, 2), 7, 0x20)))
	add("a wrong width", KindSetIntset, text(set(ints(2, 1, 2), 0, 3)))
	add("no header", KindSetIntset, text("\x02"))

	add("no elements", KindHashZipmap, text("\x00\xff"))
	for _, kind := range []Kind{KindHashTemplatePack, KindHashTemplate} {
		add("a template without fields", kind, size(templatePack), text(pack()), text(pack("1", "1")))
		add("a template without fields", kind, size(templateTexts), size(0), text(pack("1", "1")))
		add("a template of an unknown form", kind, size(2), size(0), text(pack("1", "1")))
		add("a corrupt template", kind, size(templatePack), text(set(pack("a"), 0, 9)), text(pack("1", "1")))
		add("fields past counting", kind, size(templateTexts), size(1<<60), text("a"))
	}
	add("a field twice", KindHashTemplate, size(templatePack), text(pack("a", "a")), text("1"), text("2"))
	add("a field twice", KindHashTemplatePack, size(templatePack), text(pack("a", "a")), text(pack("1", "1", "2")))
	add("too few values", KindHashTemplatePack, size(templatePack), text(pack("a", "b")), text(pack("1", "1")))
	add("too many values", KindHashTemplatePack, size(templatePack), text(pack("a")), text(pack("1", "1", "2")))
	add("no number", KindHashTemplatePack, size(templatePack), text(pack("a")), text(pack("x", "1")))
	add("no values", KindHashTemplatePack, size(templatePack), text(pack("a")), text(pack()))
	add("a template of a file", KindHashTemplatePackRef, text(pack("0", "1")))
	add("a template of a file", KindHashTemplateRef, size(0), text("1"))
	add("no end", KindHashZipmap, text("\x01\x01a\x01\x00b"))
	add("no value", KindHashZipmap, text("\x01\x01a\xff"))
	add("a wrong count", KindHashZipmap, text("\x02\x01a\x01\x00b\xff"))
	add("a field past the end", KindHashZipmap, text("\x01\xfe\xff\xff\xff\xffa\x01\x00b\xff"))
	add("a length longer than needed", KindHashZipmap, text("\x01\x01a\xfe\x01\x00\x00\x00\x00b\xff"))
	add("a value past the end", KindHashZipmap, text("\x01\x01a\x09\x00b\xff"))
	add("free bytes past the end", KindHashZipmap, text("\x01\x01a\x01\x09b\xff"))

	add("an unknown node", KindListQuicklist2, size(1), size(3), text(pack("a")))
	add("an empty node", KindListQuicklist2, size(1), size(nodePlain), text(""))
	add("an empty node", KindListQuicklist2, size(1), size(nodePacked), text(""))
	add("an empty node", KindListQuicklist, size(1), text(""))
	add("empty listpacks alone", KindListQuicklist2, size(2), size(nodePacked), text(pack()), size(nodePacked), text(pack()))
	add("empty ziplists alone", KindListQuicklist, size(1), text(zip()))
	add("a corrupt node", KindListQuicklist2, size(2), size(nodePacked), text(pack("a")), size(nodePacked), text(set(pack("a"), 8, 9)))
	add("a corrupt node", KindListQuicklist, size(2), text(zip("\x01a")), text(set(zip("\x01a"), 8, 9)))

	add("an unknown form", KindString, "\xc4")
	add("no packed bytes", KindString, "\xc3\x00\x05")
	add("packed bytes that are less", KindString, "\xc3\x04\x0a\x02abc")
	add("packed bytes that are more", KindString, "\xc3\x04\x02\x02abc")
	add("packed bytes of exabytes", KindString, "\xc3\x04\x81\x10\x00\x00\x00\x00\x00\x00\x00\x02abc")
	add("a reference to nothing", KindString, "\xc3\x05\x06\x00a\x20\x05\x00")
	add("many packed bytes that are less", KindString, "\xc3", size(3000), size(100000), strings.Repeat("\x00a", 1500))
	add("a text of exabytes", KindString, size(1<<62), "abc")
	add("a module's value", KindModule2, size(1))
	add("a module's value", KindModulePreGA, size(1))
	list = append(list, badStreams()...)
	for _, kind := range []Kind{8, 100, 244, 250, 255} {
		add("an unknown kind", kind, text("a"))
	}
	return list
}

// TestReadRefuses reads what is no value: nothing stays of it, and it takes next to no memory.
func TestReadRefuses(t *testing.T) {
	rig := commandtest.NewRig(t)
	r := NewReader(nil, 12)
	for _, s := range refusals() {
		before := rig.Arena.InUse()
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		r.Reset([]byte(s.body), 12)
		err := read(r, s.kind, rig.DB)
		runtime.ReadMemStats(&end)
		var why *FormatError
		if !errors.Is(err, ErrFormat) || !errors.As(err, &why) {
			t.Errorf("%s of kind %d: %v", s.name, s.kind, err)
			continue
		}
		if why.Empty != (s.name == "no elements" && s.kind != KindSetIntset && s.kind != KindHashZipmap || strings.HasSuffix(s.name, "alone")) {
			t.Errorf("%s of kind %d: %+v", s.name, s.kind, why)
		}
		if rig.Arena.InUse() != before || rig.DB.Exists([]byte("k")) {
			t.Errorf("%s of kind %d: something stays", s.name, s.kind)
		}
		if grown := end.TotalAlloc - start.TotalAlloc; grown > 8<<20 { // with -race the arena counts
			t.Errorf("%s of kind %d takes %d bytes", s.name, s.kind, grown)
		}
	}
}

// TestReadBomb: a text that unpacks to eighty times its bytes is refused when there is no memory for it.
func TestReadBomb(t *testing.T) {
	rig := commandtest.NewRig(t)
	packed := "\x00a" + strings.Repeat("\xe0\xff\x00", 1<<18)
	n := uint64(1 + 264<<18)
	body := "\xc3" + size(uint64(len(packed))) + size(n) + packed
	rig.Arena.SetLimit(rig.Arena.InUse() + 16<<20)
	for kind, parts := range map[Kind]string{KindString: "", KindList: size(1), KindSet: size(1), KindSetListpack: ""} {
		func() {
			defer func() {
				if p := recover(); p != error(mem.ErrNoMemory) {
					t.Errorf("kind %d: %v", kind, p)
				}
			}()
			t.Errorf("kind %d: %v", kind, read(NewReader([]byte(parts+body), 10), kind, rig.DB))
		}()
		if rig.DB.Exists([]byte("k")) {
			t.Errorf("kind %d: something stays", kind)
		}
	}
	rig.Arena.SetLimit(0)
	if err := read(NewReader([]byte(body), 10), KindString, rig.DB); err != nil {
		t.Fatal(err)
	}
	it, _ := rig.DB.Peek([]byte("k"))
	it.Pieces(0, int(n), func(piece []byte) bool {
		if len(strings.Trim(string(piece), "a")) != 0 {
			t.Error("the string is another one")
		}
		return true
	})
	if it.TextLen() != int(n) || rig.Ticks == 0 {
		t.Errorf("%d bytes, %d ticks", it.TextLen(), rig.Ticks)
	}
}

// TestReadWithoutMemory reads values into a store that has no memory for them, or for some of it: the key keeps the value that it had,
// and all memory is given back.
func TestReadWithoutMemory(t *testing.T) {
	long := numbered(strings.Repeat("a long member ", 50), 1000)
	var list, hash, zset string
	for i, s := range long {
		list += text(s)
		hash += text(s) + text("value")
		zset += text(s) + double(float64(i))
	}
	n := size(uint64(len(long)))
	for _, s := range []sample{
		{name: "string", kind: KindString, body: text(strings.Repeat("x", 1<<20))},
		{name: "list", kind: KindList, body: n + list},
		{name: "set", kind: KindSet, body: n + list},
		{name: "hash", kind: KindHash, body: n + hash},
		{name: "zset", kind: KindZSet2, body: n + zset},
	} {
		rig := commandtest.NewRig(t)
		rig.DB.SetString([]byte("k"), []byte("old"), store.NoExpiry)
		refused := 0
		for left := int64(0); ; left += 128 << 10 {
			before := rig.Arena.InUse()
			rig.Arena.SetLimit(before + left)
			whole := false
			func() {
				defer func() {
					if p := recover(); p != nil && p != error(mem.ErrNoMemory) {
						t.Fatalf("%s: %v", s.name, p)
					}
				}()
				if err := read(NewReader([]byte(s.body), 10), s.kind, rig.DB); err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				whole = true
			}()
			rig.Arena.SetLimit(0)
			if whole {
				break
			}
			if refused++; show(rig.DB, "k") != "embstr: old" {
				t.Fatalf("%s: the old value has gone", s.name)
			}
		}
		if refused < 3 {
			t.Errorf("%s: memory was refused %d times only", s.name, refused)
		}
	}
}

// TestReadNumbers reads lengths and eight bytes.
func TestReadNumbers(t *testing.T) {
	for _, n := range []uint64{0, 1, 63, 64, 16383, 16384, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64 - 1} {
		r := NewReader(appendLen(nil, n), 10)
		if got := r.length(); got != n || r.Err() != nil || r.Len() != 0 {
			t.Errorf("%d is read as %d, %v", n, got, r.Err())
		}
	}
	r := NewReader(binary.LittleEndian.AppendUint64(nil, 1<<40), 10)
	if r.uint64() != 1<<40 || r.uint64() != 0 || !errors.Is(r.Err(), ErrFormat) {
		t.Error("eight bytes are read otherwise")
	}
}
