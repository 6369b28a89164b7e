// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/lzf"
	"github.com/redpoll/redpoll/internal/store"
)

// text writes a text as it is.
func text(s string) string { return string(appendLen(nil, uint64(len(s)))) + s }

// size writes a length.
func size(n uint64) string { return string(appendLen(nil, n)) }

// double writes a double.
func double(f float64) string { return string(appendDouble(nil, f)) }

// millis writes eight bytes.
func millis(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

// packedText writes a text in the LZF format.
func packedText(s string) string {
	packed, ok := new(lzf.Table).Pack(nil, []byte(s), len(s))
	if !ok {
		panic("it does not get shorter")
	}
	return string([]byte{textForm | textLZF}) + size(uint64(len(packed))) + size(uint64(len(s))) + string(packed)
}

// pack makes a listpack of texts, integers where they read as such.
func pack(texts ...string) string {
	b := make([]byte, listpack.HeaderSize)
	for _, s := range texts {
		v := listpack.Bytes([]byte(s))
		end := len(b)
		b = append(b, make([]byte, v.Size())...)
		v.Put(b[end:])
	}
	b = append(b, 0)
	listpack.Seal(b, len(texts))
	return string(b)
}

// zip makes a ziplist of entries that are given as they are but for the size of the one before.
func zip(entries ...string) string {
	var body []byte
	tail, before := ziplistHeader, 0
	for _, e := range entries {
		tail = ziplistHeader + len(body)
		if before < ziplistLong {
			body = append(body, byte(before))
		} else {
			body = binary.LittleEndian.AppendUint32(append(body, ziplistLong), uint32(before))
		}
		body = append(body, e...)
		before = ziplistHeader + len(body) - tail
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(ziplistHeader+len(body)+1))
	b = binary.LittleEndian.AppendUint32(b, uint32(tail))
	b = binary.LittleEndian.AppendUint16(b, uint16(min(len(entries), ziplistMany)))
	return string(append(append(b, body...), ziplistEnd))
}

// zipEntryOf makes an entry of a ziplist of a text.
func zipEntryOf(s string) string {
	switch n := len(s); {
	case n < 1<<6:
		return string([]byte{byte(n)}) + s
	case n < 1<<14:
		return string([]byte{0x40 | byte(n>>8), byte(n)}) + s
	default:
		return string(binary.BigEndian.AppendUint32([]byte{0x80}, uint32(n))) + s
	}
}

// zipTexts makes a ziplist of texts.
func zipTexts(texts ...string) string {
	var entries []string
	for _, s := range texts {
		entries = append(entries, zipEntryOf(s))
	}
	return zip(entries...)
}

// ints makes an intset.
func ints(width int, members ...int64) string {
	b := make([]byte, intset.SizeFor(len(members), width))
	intset.Init(b, width)
	for _, v := range members {
		intset.Append(b, v)
	}
	return string(b)
}

// numbered gives texts with numbers.
func numbered(prefix string, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint(prefix, i))
	}
	return texts
}

// show tells what a key holds: its encoding, and its elements, in order unless they have none.
func show(db *store.DB, key string) string {
	it, ok := db.Peek([]byte(key))
	if !ok {
		return "nothing"
	}
	var all []string
	add := func(parts ...any) { all = append(all, fmt.Sprint(parts...)) }
	str := func(v store.Value) string { return string(store.Text(v, nil)) }
	switch it.Type() {
	case store.TypeString:
		add(string(it.AppendText(nil)))
	case store.TypeList:
		l := db.ListOf(&it)
		l.Each(0, l.Len(), false, func(v store.Value) bool { add(str(v)); return true })
	case store.TypeSet:
		s := db.SetOf(&it)
		s.Each(func(v store.Value) bool { add(str(v)); return true })
		slices.Sort(all)
	case store.TypeZSet:
		z := db.ZSetOf(&it)
		z.Each(0, z.Len(), false, func(m store.Value, score float64) bool { add(str(m), "=", score); return true })
	case store.TypeHash:
		h := db.HashOf(&it)
		h.Each(func(p store.Pair) bool {
			if p.Expiry != 0 {
				add(str(p.Field), "=", str(p.Value), "@", p.Expiry)
			} else {
				add(str(p.Field), "=", str(p.Value))
			}
			return true
		})
		slices.Sort(all)
	case store.TypeStream:
		s := db.StreamOf(&it)
		all = showStream(&s)
	case store.TypeArray:
		a := db.ArrayOf(&it)
		a.Each(0, store.MaxIndex, false, func(index uint64, v store.Value) bool { add(index, "=", str(v)); return true })
		add("next ", a.Next())
	}
	return it.Encoding().String() + ": " + strings.Join(all, " ")
}

// showStream is show for a stream.
func showStream(s *store.Stream) (all []string) {
	str := func(v store.Value) string { return string(store.Text(v, nil)) }
	id := func(id store.StreamID) string { return string(id.AppendText(nil)) }
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	s.Each(store.StreamID{}, entries.MaxID(), false, func(e *store.StreamEntry) bool {
		var parts []string
		e.Each(func(field, value store.Value) bool {
			parts = append(parts, str(field)+"="+str(value))
			return true
		})
		add("%s(%s)", id(e.ID()), strings.Join(parts, " "))
		return true
	})
	info := s.Info()
	add("leaves %d last %s first %s deleted %s added %d", info.Leaves, id(info.Last), id(info.First), id(info.MaxDeleted), int64(info.Added))
	s.EachGroup(func(g store.Group) bool {
		add("group %s last %s read %d", g.Name(), id(g.Last()), g.Read())
		g.EachConsumer(func(c store.Consumer) bool {
			add("consumer %s seen %d active %d", c.Name(), c.Seen(), c.Active())
			c.Each(store.StreamID{}, entries.MaxID(), func(p store.Pending) bool {
				add("%s at %d, %d times", id(p.ID), p.Delivered, p.Count)
				return true
			})
			return true
		})
		g.EachUnowned(func(p store.Pending) bool { add("unowned %s, %d times", id(p.ID), p.Count); return true })
		return true
	})
	if sum, _ := s.Idmp(func() error { return nil }); sum.IIDs+int(sum.Added+sum.Duplicates) > 0 {
		add("%+v", sum)
		for _, iid := range []string{"i", "j"} {
			if at, ok := s.FindIID([]byte("p"), []byte(iid)); ok {
				add("p/%s=%s", iid, id(at))
			}
		}
	}
	return all
}

// fields shows a hash of numbered fields.
func fields(enc string, n int, value string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("f", i, "=", value))
	}
	slices.Sort(all)
	return enc + ": " + strings.Join(all, " ")
}

// sample is a value that can be read.
type sample struct {
	name    string
	version int // 0: 10
	kind    Kind
	body    string
	want    string // as show tells
}

func samples() []sample {
	long := strings.Repeat("a long text ", 9)
	veryLong := strings.Repeat("0123456789abcdef", 1000)
	var list []sample
	add := func(name string, kind Kind, want string, parts ...string) {
		list = append(list, sample{name: name, kind: kind, body: strings.Join(parts, ""), want: want})
	}
	add("empty", KindString, "embstr: ", text(""))
	add("short", KindString, "embstr: hello", text("hello"))
	add("long", KindString, "raw: "+long, text(long))
	add("digits", KindString, "int: -12345", text("-12345"))
	add("no integer", KindString, "embstr: 0123", text("0123"))
	add("int8", KindString, "int: -5", "\xc0\xfb")
	add("int16", KindString, "int: 300", "\xc1\x2c\x01")
	add("int32", KindString, "int: -2", "\xc2\xfe\xff\xff\xff")
	add("packed", KindString, "raw: "+long, packedText(long))
	add("packed and huge", KindString, "raw: "+strings.Repeat(veryLong, 40), packedText(strings.Repeat(veryLong, 40)))
	add("64-bit length", KindString, "embstr: abc", "\x81\x00\x00\x00\x00\x00\x00\x00\x03abc")
	add("32-bit length", KindString, "embstr: abc", "\x80\x00\x00\x00\x03abc")
	add("length in a text's form", KindString, "embstr: abc", "\x40\x03abc")

	add("texts", KindList, "listpack: a b 12 ", size(4), text("a"), text("b"), "\xc0\x0c", text(""))
	add("many texts", KindList, "quicklist: "+strings.Repeat(long+" ", 99)+long, size(100), strings.Repeat(packedText(long), 100))
	add("a large text", KindList, "quicklist: "+veryLong, size(1), packedText(veryLong))
	add("ziplist", KindListZiplist, "quicklist: a 300 "+long+" 0 12 -1 70000 -8000000 5000000000", text(zip("\x01a", "\xc0\x2c\x01",
		zipEntryOf(long), "\xf1", "\xfd", "\xfe\xff", "\xd0\x70\x11\x01\x00", "\xf0\x00\xee\x85", "\xe0\x00\xf2\x05\x2a\x01\x00\x00\x00")))
	add("ziplist of long entries", KindListZiplist, "quicklist: "+long+long+long+" x "+veryLong+veryLong,
		text(zipTexts(long+long+long, "x", veryLong+veryLong)))
	add("ziplists", KindListQuicklist, "quicklist: a 300 b 5", size(3), text(zip("\x01a", "\xc0\x2c\x01")), text(zip()), text(zip("\x01b", "\x015")))
	add("one ziplist", KindListQuicklist, "listpack: a 300", size(1), text(zip("\x01a", "\xc0\x2c\x01")))
	add("one listpack", KindListQuicklist2, "listpack: a 1 "+long, size(1), size(nodePacked), text(pack("a", "1", long)))
	add("one listpack and nothing", KindListQuicklist2, "listpack: a 1", size(3), size(nodePacked), text(pack()),
		size(nodePacked), text(pack("a", "1")), size(nodePacked), text(pack()))
	add("listpacks", KindListQuicklist2, "quicklist: a 1 "+long+" b", size(3), size(nodePacked), text(pack("a", "1")),
		size(nodePlain), packedText(long), size(nodePacked), text(pack("b")))
	add("a plain node", KindListQuicklist2, "quicklist: "+long, size(1), size(nodePlain), text(long))
	add("a packed listpack", KindListQuicklist2, "listpack: "+strings.Repeat("aaa ", 49)+"aaa", size(1), size(nodePacked),
		packedText(pack(slices.Repeat([]string{"aaa"}, 50)...)))
	add("a large listpack", KindListQuicklist2, "quicklist: "+strings.Join(numbered(long, 100), " "), size(1), size(nodePacked),
		text(pack(numbered(long, 100)...)))

	add("integers", KindSet, "intset: -300 12 5", size(3), text("12"), text("-300"), "\xc0\x05")
	add("words", KindSet, "listpack: 12 a", size(2), text("a"), "\xc0\x0c")
	add("integers and a word", KindSet, "listpack: 12 7 a", size(3), "\xc0\x0c", text("7"), text("a"))
	add("a long word", KindSet, "hashtable: "+long+" b", size(2), text("b"), packedText(long))
	{
		many := numbered("", 600)
		body := size(600)
		for _, s := range many {
			body += text(s)
		}
		slices.Sort(many)
		add("many integers", KindSet, "hashtable: "+strings.Join(many, " "), body)
	}
	add("intset", KindSetIntset, "intset: -70000 1 2", text(ints(4, -70000, 1, 2)))
	add("wide intset", KindSetIntset, "intset: 1 2", text(ints(8, 1, 2)))
	{
		var members []int64
		for i := range 600 {
			members = append(members, int64(i))
		}
		many := numbered("", 600)
		slices.Sort(many)
		add("large intset", KindSetIntset, "hashtable: "+strings.Join(many, " "), text(ints(2, members...)))
	}
	add("listpack", KindSetListpack, "listpack: 1 2 "+long, text(pack("1", long, "2")))
	{
		many := numbered("m", 129)
		body := text(pack(many...))
		slices.Sort(many)
		add("large listpack", KindSetListpack, "hashtable: "+strings.Join(many, " "), body)
	}

	add("decimals", KindZSet, "listpack: d=-Inf a=1.5 b=3 c=+Inf", size(4), text("a"), "\x031.5", text("c"), "\xfe", text("d"), "\xff",
		text("b"), "\x013")
	add("binary", KindZSet2, "listpack: 5=-1 a=0.5 b=0.5", size(3), text("b"), double(.5), text("a"), double(.5), "\xc0\x05", double(-1))
	add("an empty member", KindZSet2, "listpack: =2", size(1), text(""), double(2))
	add("an empty field", KindHash, "listpack: =a", size(1), text(""), text("a"))
	add("a long member", KindZSet2, "skiplist: b=1 "+long+"=2", size(2), packedText(long), double(2), text("b"), double(1))
	{
		down, up, mixed, want := size(200), size(200), size(200), []string{}
		for i := range 200 {
			up += text(fmt.Sprint("m", i)) + double(float64(i))
			down += text(fmt.Sprint("m", 199-i)) + double(float64(199-i))
			mixed += text(fmt.Sprint("m", i*77%200)) + double(float64(i*77%200))
			want = append(want, fmt.Sprint("m", i, "=", i))
		}
		for _, body := range []string{up, down, mixed} {
			add("many members", KindZSet2, "skiplist: "+strings.Join(want, " "), body)
		}
	}
	add("ziplist of scores", KindZSetZiplist, "listpack: a=-1 b=2.5 "+long+"=3", text(zip("\x01a", "\xfe\xff", "\x01b", "\x032.5", zipEntryOf(long), "\xf4")))
	add("listpack of scores", KindZSetListpack, "listpack: a=-1 b=2.5 "+long+"=3", text(pack("a", "-1", "b", "2.5", long, "3")))
	add("listpack out of order", KindZSetListpack, "listpack: 3=1 a=1 b=2", text(pack("b", "2", "3", "1", "a", "1")))
	{
		var cells, want []string
		for i := range 129 {
			cells = append(cells, fmt.Sprint("m", i), fmt.Sprint(i))
			want = append(want, fmt.Sprint("m", i, "=", i))
		}
		add("large listpack of scores", KindZSetListpack, "skiplist: "+strings.Join(want, " "), text(pack(cells...)))
	}

	add("fields", KindHash, "listpack: 7=b a=12", size(2), text("a"), "\xc0\x0c", "\xc0\x07", text("b"))
	add("a long value", KindHash, "hashtable: a="+long+" b=c", size(2), text("a"), packedText(long), text("b"), text("c"))
	{
		body, cells := size(600), []string{}
		for i := range 600 {
			body += text(fmt.Sprint("f", i)) + text("v")
			cells = append(cells, fmt.Sprint("f", i), "v")
		}
		add("many fields", KindHash, fields("hashtable", 600, "v"), body)
		add("large listpack of fields", KindHashListpack, fields("hashtable", 600, "v"), text(pack(cells...)))
		add("full listpack of fields", KindHashListpack, fields("listpack", 128, "v"), text(pack(cells[:256]...)))
		add("large ziplist of fields", KindHashZiplist, fields("hashtable", 600, "v"), text(zipTexts(cells...)))
	}
	add("zipmap", KindHashZipmap, "listpack: a=b c=", text("\x02\x01a\x01\x00b\x01c\x00\x02xx\xff"))
	add("zipmap of a long value", KindHashZipmap, "hashtable: a="+long+long+long, text("\x01\x01a\xfe\x44\x01\x00\x00\x00"+long+long+long+"\xff"))
	add("listpack of fields", KindHashListpack, "listpack: 12=a b="+long, text(pack("b", long, "12", "a")))
	add("ziplist of fields", KindHashZiplist, "listpack: 12=a b=1", text(zipTexts("b", "1", "12", "a")))

	return slices.Concat(list, streamSamples(), laterSamples())
}

// laterSamples are values of kinds that came after Redis 7.0.
func laterSamples() (list []sample) {
	const later = 1 << 40
	long := strings.Repeat("a long text ", 9)
	timed := func(name string, version int, kind Kind, want string, parts ...string) {
		list = append(list, sample{name, version, kind, strings.Join(parts, ""), want})
	}
	timed("times", 12, KindHashTimed, fmt.Sprint("listpackex: a=1@", later+5, " b=2 c=3@", later), millis(later), size(3), size(6),
		text("a"), text("1"), size(0), text("b"), text("2"), size(1), text("c"), text("3"))
	timed("times of a candidate", 12, KindHashTimedPreGA, fmt.Sprint("listpackex: a=1@", later, " b=2"), size(2), size(later),
		text("a"), text("1"), size(0), text("b"), text("2"))
	timed("times and a long value", 12, KindHashTimed, fmt.Sprint("hashtable: a="+long+"@", later, " b=2@", later+1), millis(later), size(2),
		size(2), text("b"), text("2"), size(1), text("a"), packedText(long))
	timed("listpack of times", 12, KindHashTimedPack, fmt.Sprint("listpackex: a=1@", later, " b=2@", later+1, " c=3"), millis(later),
		text(pack("a", "1", fmt.Sprint(later), "b", "2", fmt.Sprint(later+1), "c", "3", "0")))
	timed("listpack of times of a candidate", 12, KindHashPackPreGA, fmt.Sprint("listpackex: a=1@", later, " c=3"),
		text(pack("a", "1", fmt.Sprint(later), "c", "3", "0")))
	timed("a template's listpack", 15, KindHashTemplatePack, "listpack: a=1 b="+long, size(templatePack), text(pack("a", "b")), text(pack("7", "1", long)))
	timed("a template's texts", 15, KindHashTemplate, "listpack: 12=x a=1", size(templateTexts), size(2), text("a"), text("12"), text("1"), text("x"))
	timed("a template's long text", 15, KindHashTemplate, "hashtable: a="+long, size(templatePack), text(pack("a")), packedText(long))
	timed("times of Valkey", 80, KindHashTimedPreGA, fmt.Sprint("hashtable: a=1@", later, " b=2"), size(2), text("a"), text("1"),
		millis(later), text("b"), text("2"), millis(math.MaxUint64))
	return list
}

// read makes a value the one of the key k, or gives the error.
func read(r *Reader, kind Kind, db *store.DB) error {
	d, err := ReadValue(r, kind, db)
	if err != nil {
		return err
	}
	defer d.Drop()
	d.Attach([]byte("k"), store.NoExpiry)
	return nil
}

// version gives the version of a sample.
func (s *sample) ver() int {
	if s.version == 0 {
		return 10
	}
	return s.version
}

// TestRead reads a value of each kind from bytes, from a stream that gives one byte at a time, and in place of another.
func TestRead(t *testing.T) {
	rig := commandtest.NewRig(t)
	db := rig.DB
	var reader, stream *Reader
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			reader = NewReader([]byte(s.body), s.ver())
			if err := read(reader, s.kind, db); err != nil || reader.Len() != 0 {
				t.Fatalf("%v, %d bytes left", err, reader.Len())
			}
			if got := show(db, "k"); got != s.want {
				t.Errorf("got  %.300s\nwant %.300s", got, s.want)
			}
			stream = NewStreamReader(iotest.OneByteReader(strings.NewReader(s.body)), s.ver())
			if err := read(stream, s.kind, db); err != nil || stream.Len() != 0 || stream.Offset() != int64(len(s.body)) {
				t.Fatalf("from a stream: %v, %d bytes left", err, stream.Len())
			}
			if got := show(db, "k"); got != s.want {
				t.Errorf("from a stream %.300s\nwant %.300s", got, s.want)
			}
		})
	}
}

// TestReadOneAfterAnother has one reader read all values.
func TestReadOneAfterAnother(t *testing.T) {
	db := commandtest.NewRig(t).DB
	for _, version := range []int{10, 12, 15, 80} {
		var body bytes.Buffer
		var list []sample
		for range 3 {
			for _, s := range samples() {
				if s.ver() == version {
					list = append(list, s)
					body.WriteString(s.body)
				}
			}
		}
		for _, r := range []*Reader{NewReader(body.Bytes(), version), NewStreamReader(&body, version)} {
			for _, s := range list {
				if err := read(r, s.kind, db); err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				if got := show(db, "k"); got != s.want {
					t.Errorf("%s: %.300s\nwant %.300s", s.name, got, s.want)
				}
			}
		}
	}
}

// TestReadShort cuts every value off after each byte.
func TestReadShort(t *testing.T) {
	rig := commandtest.NewRig(t)
	for _, s := range samples() {
		step := 1 + len(s.body)/500
		for n := 0; n < len(s.body); n += step {
			before := rig.Arena.InUse()
			err := read(NewReader([]byte(s.body[:n]), s.ver()), s.kind, rig.DB)
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%s cut to %d bytes: %v", s.name, n, err)
			}
			if rig.Arena.InUse() != before {
				t.Fatalf("%s cut to %d bytes leaves %d behind", s.name, n, rig.Arena.InUse()-before)
			}
		}
	}
}
