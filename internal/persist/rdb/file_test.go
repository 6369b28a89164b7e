// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/crc64"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// fileTime is when the files of tests are read, Unix ms.
const fileTime = 1_000_000_000_000

// aFile makes a file of a version: what is between header and checksum is given, but for the end.
func aFile(head string, body ...string) string {
	b := []byte(head + strings.Join(body, "") + "\xff")
	if head[len(head)-4:] >= "0005" || strings.HasPrefix(head, magicValkey) {
		b = binary.LittleEndian.AppendUint64(b, crc64.Update(0, b))
	}
	return string(b)
}

// pairOf makes a key with a value.
func pairOf(kind Kind, key, body string) string { return string([]byte{byte(kind)}) + text(key) + body }

// load reads a file into an empty store with two databases, alone, and into another with several makers: that comes to the same.
func load(t testing.TB, file string, o LoadOptions) (*store.View, Loaded, error) {
	t.Helper()
	rig, other := commandtest.NewRig(t), commandtest.NewRig(t)
	rig.SetNow(fileTime)
	other.SetNow(fileTime)
	o.Size = int64(len(file))
	n, err := ReadFile(strings.NewReader(file), rig.View(), o)
	o.Aux, o.Skipped, o.EmptyKey, o.Beside = nil, nil, nil, true
	o.Makers, o.piece = 2+len(file)%2, len(file)%80
	m, again := ReadFile(strings.NewReader(file), other.View(), o)
	if fmt.Sprint(again) != fmt.Sprint(err) || err == nil && m != n {
		t.Fatalf("%d makers: %v, %+v\none: %v, %+v", o.Makers, again, m, err, n)
	}
	if one, several := contents(rig.View()), contents(other.View()); err == nil && !slices.Equal(one, several) {
		t.Fatalf("%d makers: %.1000q\none: %.1000q", o.Makers, several, one)
	}
	return rig.View(), n, err
}

// readAgain reads a file into a view where its keys may be already, alone and with several makers: that comes to the same.
func readAgain(t testing.TB, file func() io.Reader, view *store.View, o LoadOptions) error {
	t.Helper()
	o.Replace, o.piece = true, 20
	n, err := ReadFile(file(), view, o)
	o.Makers = 3
	if m, again := ReadFile(file(), view, o); fmt.Sprint(again) != fmt.Sprint(err) || err == nil && m != n {
		t.Fatalf("%d makers: %v, %+v\none: %v, %+v", o.Makers, again, m, err, n)
	}
	return err
}

// TestFileCounts has a file say how many keys it has, rightly and wrongly: they are there, in not much more memory than they take without.
func TestFileCounts(t *testing.T) {
	const keys = 25_000
	var body strings.Builder
	for i := range keys {
		body.WriteString(pairOf(KindString, fmt.Sprint("key:", i), text("some value")))
	}
	used := func(said uint64, o LoadOptions) int64 {
		arena, err := mem.NewArena(mem.Options{Reserve: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer arena.Close()
		s := store.New(store.Options{Arena: arena, Shards: 8, Databases: 3})
		v := s.NewView()
		v.NowMillis = fileTime
		resize := string([]byte{opResize}) + size(said) + size(0)
		file := aFile("REDIS0010", "\xfe\x02"+resize+body.String(), "\xfe\x01"+resize+pairOf(KindString, "key", text("value")))
		n, err := ReadFile(strings.NewReader(file), v, o)
		if err != nil || n.Keys != keys+1 || show(v.DB(2), fmt.Sprint("key:", keys-1)) != "embstr: some value" || show(v.DB(1), "key") != "embstr: value" {
			t.Fatalf("%d keys are said, %+v: %v, %+v", said, o, err, n)
		}
		s.SettleAll()
		return s.Used()
	}
	for _, makers := range []int{1, 3} {
		plain := used(keys, LoadOptions{Makers: makers})
		for _, size := range []int64{100_000, 1 << 50} {
			for _, said := range []uint64{0, 1, keys, 2 * keys, 1 << 60} {
				got := used(said, LoadOptions{Makers: makers, Size: size, Beside: size == 100_000})
				if most := plain + plain/2; got > most {
					t.Errorf("%d makers, %d keys are said of a file of %d bytes: %d bytes used, want %d at most", makers, said, size, got, most)
				}
			}
		}
	}
}

// contents tells what keys of all databases hold, and when they die.
func contents(v *store.View) (all []string) {
	for i := range v.DB(0).Databases() {
		db := v.DB(i)
		_ = db.Each(func(it *store.Item) error { // which has the error of its function
			key := string(it.Key())
			all = append(all, fmt.Sprintf("%d %s at %d: %s", i, key, it.Expiry(), show(db, key)))
			return nil
		})
	}
	slices.Sort(all)
	return all
}

// TestFileOfEveryVersion reads what each version brought.
func TestFileOfEveryVersion(t *testing.T) {
	key := pairOf(KindString, "k", text("v"))
	soon, past := "\xfd"+string(binary.LittleEndian.AppendUint32(nil, fileTime/1000+9)), "\xfd\x01\x00\x00\x00"
	for _, tc := range []struct {
		name, file string
		want       []string
		n          Loaded
	}{
		{"empty", aFile("REDIS0001"), nil, Loaded{Version: 1}},
		{"one key", aFile("REDIS0001", "\xfe\x00", key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 1, Keys: 1}},
		{"another database", aFile("REDIS0002", "\xfe\x01", key), []string{"1 k at 0: embstr: v"}, Loaded{Version: 2, Keys: 1}},
		{"both", aFile("REDIS0002", "\xfe\x00", key, "\xfe\x01", key), []string{"0 k at 0: embstr: v", "1 k at 0: embstr: v"},
			Loaded{Version: 2, Keys: 2}},
		{"seconds", aFile("REDIS0003", soon, key), []string{"0 k at 1000000009000: embstr: v"}, Loaded{Version: 3, Keys: 1}},
		{"seconds past", aFile("REDIS0003", past, key), nil, Loaded{Version: 3, Expired: 1}},
		{"milliseconds", aFile("REDIS0003", "\xfc", millis(fileTime+5), key), []string{"0 k at 1000000000005: embstr: v"},
			Loaded{Version: 3, Keys: 1}},
		{"now", aFile("REDIS0004", "\xfc", millis(fileTime), key), []string{"0 k at 1000000000000: embstr: v"}, Loaded{Version: 4, Keys: 1}},
		{"milliseconds past", aFile("REDIS0004", "\xfc", millis(fileTime-1), key), nil, Loaded{Version: 4, Expired: 1}},
		{"no time at all", aFile("REDIS0004", "\xfc", millis(0), key), nil, Loaded{Version: 4, Expired: 1}},
		{"negative", aFile("REDIS0004", "\xfc", millis(1<<63), key), nil, Loaded{Version: 4, Expired: 1}},
		{"an expiry is of one key", aFile("REDIS0004", "\xfc", millis(1), pairOf(KindString, "a", text("")), key), []string{"0 k at 0: embstr: v"},
			Loaded{Version: 4, Keys: 1, Expired: 1}},
		{"checksum", aFile("REDIS0005", key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 5, Keys: 1}},
		{"checksum off", "REDIS0006" + key + "\xff" + millis(0), []string{"0 k at 0: embstr: v"}, Loaded{Version: 6, Keys: 1}},
		{"aux and sizes", aFile("REDIS0007", "\xfa"+text("redis-ver")+text("3.2.0"), "\xfe\x00\xfb"+size(1)+size(0), key),
			[]string{"0 k at 0: embstr: v"}, Loaded{Version: 7, Keys: 1}},
		{"idle", aFile("REDIS0009", "\xf8"+size(1000), key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 9, Keys: 1}},
		{"frequency", aFile("REDIS0009", "\xf9\x07", key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 9, Keys: 1}},
		{"module", aFile("REDIS0009", "\xf7"+size(0xffffffffff), size(2)+size(1), size(1)+size(5), size(2)+size(5), size(3)+"1234",
			size(4)+"12345678", size(5)+text("text"), size(0), key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 9, Keys: 1}},
		{"functions", aFile("REDIS0010", "\xf5"+text("#!lua name=lib"), key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 10, Keys: 1}},
		{"slots", aFile("REDIS0012", "\xf4"+size(7)+size(1)+size(0), key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 12, Keys: 1}},
		{"Valkey", aFile("VALKEY080", key), []string{"0 k at 0: embstr: v"}, Loaded{Version: 80, Keys: 1}},
		{"no elements", aFile("REDIS0010", pairOf(KindHash, "h", size(0)), pairOf(KindSetListpack, "s", text(pack())), key),
			[]string{"0 k at 0: embstr: v"}, Loaded{Version: 10, Keys: 1, Empty: 2}},
		{"behind the end", aFile("REDIS0010", key) + "what is it?", []string{"0 k at 0: embstr: v"}, Loaded{Version: 10, Keys: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db, n, err := load(t, tc.file, LoadOptions{Checksum: true})
			tc.n.Bytes = int64(len(strings.TrimSuffix(tc.file, "what is it?")))
			if got := contents(db); err != nil || n != tc.n || !slices.Equal(got, tc.want) {
				t.Errorf("%v, %+v, %q", err, n, got)
			}
		})
	}
}

// TestFileUndying reads a file in front of a log: keys past their time are there, since the log may be about them.
func TestFileUndying(t *testing.T) {
	file := aFile("REDIS0010", "\xfc"+millis(fileTime-1), pairOf(KindString, "k", text("v")))
	for _, makers := range []int{1, 2} {
		v := newDBs(t)
		v.Undying = true
		n, err := ReadFile(strings.NewReader(file), v, LoadOptions{Makers: makers})
		if err != nil || n.Keys != 1 || n.Expired != 0 || !v.DB(0).Exists([]byte("k")) {
			t.Errorf("%d makers: %v, %+v", makers, err, n)
		}
	}
}

// TestFileOfEveryKind has one file for every version with all samples that there are of it.
func TestFileOfEveryKind(t *testing.T) {
	for version, head := range map[int]string{10: "REDIS0010", 12: "REDIS0012", 15: "REDIS0015", 80: "VALKEY080"} {
		var body []string
		want := map[string]string{}
		for i, s := range samples() {
			if key := fmt.Sprint("key:", i); s.ver() == version {
				body = append(body, pairOf(s.kind, key, s.body))
				want[key] = s.want
			}
		}
		db, n, err := load(t, aFile(head, body...), LoadOptions{Checksum: true})
		if err != nil || n.Keys != int64(len(want)) {
			t.Fatalf("version %d: %v, %+v", version, err, n)
		}
		for key, want := range want {
			if got := show(db.DB(0), key); got != want {
				t.Errorf("version %d, %s: %.300s\nwant %.300s", version, key, got, want)
			}
		}
	}
}

// TestFileRefused reads what is wrong as a whole; the error tells where.
func TestFileRefused(t *testing.T) {
	key := pairOf(KindString, "k", text("v"))
	for _, tc := range []struct{ name, file, want string }{
		{"nothing", "", "The bytes end too early at offset 0"},
		{"no file", "what is it?", "Wrong signature trying to load DB from file at offset 9"},
		{"no version", "REDIS00x1", "Wrong signature trying to load DB from file at offset 9"},
		{"version 0", "REDIS0000\xff", "Can't handle RDB format version 0 at offset 9"},
		{"new", "REDIS0016\xff", "Can't handle RDB format version 16 at offset 9"},
		{"Valkey's as Redis's", "REDIS0080\xff", "Can't handle RDB format version 80 at offset 9"},
		{"Redis's as Valkey's", "VALKEY011\xff", "Can't handle RDB format version 11 at offset 9"},
		{"twice", aFile("REDIS0010", key, key), "RDB has duplicated key 'k' in DB 0 at offset 19"},
		{"database", aFile("REDIS0010", "\xfe\x02"), "Data file was created with a server configured to handle more than 2 databases at offset 11"},
		{"kind", aFile("REDIS0010", pairOf(Kind(99), "k", "")), "A value of an unknown kind at offset 10"},
		{"what is not known", aFile("REDIS0010", "\xf1"), "A value of an unknown kind"},
		{"module's value", aFile("REDIS0010", pairOf(KindModule2, "k", "")), "A value of a module at offset 10"},
		{"candidate's functions", aFile("REDIS0010", "\xf6"), "Pre-release function format not supported at offset 10"},
		{"module's data", aFile("REDIS0010", "\xf7"+size(1)+size(2)+size(1)+size(9)), "Module data integrity check failed at offset 14"},
		{"checksum", aFile("REDIS0010", key)[:15] + "12345678", "RDB CRC error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := load(t, tc.file, LoadOptions{Checksum: true})
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
	if _, _, err := load(t, aFile("REDIS0010", key)[:15]+"12345678", LoadOptions{}); err != nil {
		t.Errorf("a checksum that nobody looks at: %v", err)
	}
	if db, n, err := load(t, aFile("REDIS0010", key, pairOf(KindString, "k", text("w"))), LoadOptions{Replace: true}); err != nil || n.Keys != 2 ||
		show(db.DB(0), "k") != "embstr: w" {
		t.Errorf("a key in place of another: %v, %+v", err, n)
	}
	if db, n, err := load(t, aFile("REDIS0010", key, key), LoadOptions{Check: true}); err != nil || n.Keys != 2 || len(contents(db)) != 0 {
		t.Errorf("a file that is only looked at: %v, %+v", err, n)
	}
}

// TestFileTells hears what a file says beside keys.
func TestFileTells(t *testing.T) {
	var told []string
	o := LoadOptions{
		Aux:      func(name, value string) { told = append(told, name+"="+value) },
		Skipped:  func(what string) { told = append(told, what) },
		EmptyKey: func(key []byte) { told = append(told, string(key)) },
	}
	const graph = 0x828ac3a5e1b0000 // a name in six bits a letter
	_, _, err := load(t, aFile("REDIS0010", "\xfa"+text("used-mem")+"\xc2"+"\x01\x00\x00\x00", "\xf5"+text("#!lua"),
		"\xf7"+size(graph)+size(2)+size(1)+size(0), "\xf3\x01\x01\x02\x03\x04\x00", "\xf3\x01\x01\x02\x03\x04\x00", pairOf(KindZSet, "none", size(0))), o)
	want := []string{"used-mem=1", "a library of functions",
		"data of the module " + told[min(2, len(told)-1)][len("data of the module "):][:9] + ", since there are no modules here",
		"what modules keep beside keys, since there are no modules here", "none"}
	if err != nil || !slices.Equal(told, want) {
		t.Errorf("%v, %q", err, told)
	}
}

// allKinds is a file with something of everything.
func allKinds() string {
	var body []string
	for i, s := range samples() {
		if s.ver() == 10 && len(s.body) < 300 {
			body = append(body, "\xfc"+millis(fileTime+uint64(i)), pairOf(s.kind, fmt.Sprint("key:", i), s.body))
		}
	}
	return aFile("REDIS0010", append([]string{"\xfa" + text("a") + text("b"), "\xfe\x01"}, body...)...)
}

// TestFileShort cuts a file off after each byte: the error tells where, and whether the file comes in pieces makes no difference.
func TestFileShort(t *testing.T) {
	file := allKinds()
	rig := commandtest.NewRig(t)
	rig.SetNow(fileTime)
	for n := range len(file) {
		err := readAgain(t, func() io.Reader { return strings.NewReader(file[:n]) }, rig.View(), LoadOptions{Checksum: true})
		if want := fmt.Sprintf("The bytes end too early at offset %d", n); !errors.Is(err, ErrFormat) || err.Error() != want {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	inBytes := func() io.Reader { return iotest.OneByteReader(strings.NewReader(file)) }
	if err := readAgain(t, inBytes, rig.View(), LoadOptions{Checksum: true}); err != nil {
		t.Fatal(err)
	}
	for n := range len(file) {
		failing := func() io.Reader {
			return io.MultiReader(strings.NewReader(file[:n]), iotest.ErrReader(errors.New("no disk")))
		}
		if err := readAgain(t, failing, rig.View(), LoadOptions{}); err == nil || !strings.HasPrefix(err.Error(), "no disk at offset ") {
			t.Errorf("from a disk that fails: %v", err)
		}
	}
}

// TestFileFlipped changes every byte of a file: none goes unnoticed. Without the checksum there is at least no panic.
func TestFileFlipped(t *testing.T) {
	file := []byte(allKinds())
	rig := commandtest.NewRig(t)
	rig.SetNow(fileTime)
	for i := range file {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			file[i] ^= flip
			_, err := ReadFile(bytes.NewReader(file), rig.View(), LoadOptions{Checksum: true, Replace: true})
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("byte %d ^ %#x: %v", i, flip, err)
			}
			src := func() io.Reader { return bytes.NewReader(file) }
			if err = readAgain(t, src, rig.View(), LoadOptions{}); err != nil && !errors.Is(err, ErrFormat) {
				t.Fatalf("byte %d ^ %#x, no checksum: %v", i, flip, err)
			}
			file[i] ^= flip
		}
	}
}

// TestFileThereAndBack writes all samples, read from files, and what is large, and reads it again.
func TestFileThereAndBack(t *testing.T) {
	for _, o := range []FileOptions{
		{Version: 10, Pack: true, Checksum: true}, {Version: 6, Checksum: true}, {Version: 15, Pack: true}, {Version: 11, Checksum: true},
	} {
		from := newDBs(t)
		fill(from.DB(0))
		for i, s := range samples() {
			key := []byte(fmt.Sprint("key:", i))
			d, err := ReadValue(NewReader([]byte(s.body), s.ver()), s.kind, from.DB(1))
			if err != nil {
				t.Fatal(err)
			}
			d.Attach(key, int64(i%2)*(from.NowMillis+int64(i)))
			d.Drop()
		}
		var file output
		if err := WriteFile(&file, from, o); err != nil {
			t.Fatal(err)
		}
		to := newDBs(t)
		var aux []string
		n, err := ReadFile(bytes.NewReader(file.Bytes()), to, LoadOptions{Checksum: true, Aux: func(name, _ string) { aux = append(aux, name) }})
		if want := max(14, o.Version); err != nil || n.Version != want || len(aux) != 5 {
			t.Fatalf("version %d: %v, %+v, %q", o.Version, err, n, aux)
		}
		had, have := contents(from), contents(to)
		for i := range had {
			if o.Version < KindStream3.Version() && i < len(have) { // which has all that is known of a stream
				had[i], have[i] = entriesOnly(had[i]), entriesOnly(have[i])
			}
			if i >= len(have) || elements(elements(had[i])) != elements(elements(have[i])) {
				t.Fatalf("version %d, key %d of %d and %d:\n%.300s\n%.300s", o.Version, i, len(had), len(have), had[i], have[min(i, len(have)-1)])
			}
		}
		if sum := file.Bytes()[file.Len()-sumSize:]; (binary.LittleEndian.Uint64(sum) == 0) == o.Checksum {
			t.Errorf("version %d: the checksum is %x", o.Version, sum)
		}
	}
}

// entriesOnly leaves out of what contents tells of a stream all but its entries.
func entriesOnly(text string) string {
	if i := strings.Index(text, " leaves "); i >= 0 && strings.Contains(text[:i], ": stream:") {
		return text[:i]
	}
	return text
}

// output is a file in memory.
type output struct{ bytes.Buffer }

func (o *output) WriteAt(b []byte, off int64) (int, error) { return copy(o.Bytes()[off:], b), nil }

// newDBs is newDB with several databases and shards.
func newDBs(t testing.TB) *store.View {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{Reserve: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	v := store.New(store.Options{Arena: arena, Shards: 8, Databases: 3, BigTable: 4 << 10, BigString: 4 << 10}).NewView()
	v.NowMillis = fileTime
	return v
}

// TestFileVersion takes the version that is asked for where that can say everything.
func TestFileVersion(t *testing.T) {
	db := newDBs(t)
	db.DB(0).SetString([]byte("k"), []byte("v"), store.NoExpiry)
	var file output
	if err := WriteFile(&file, db, FileOptions{Version: 9, Server: "7.0.15", Memory: 77}); err != nil {
		t.Fatal(err)
	}
	want := "REDIS0009\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\x00\xca\x9a\x3b\xfa\x08used-mem\xc0\x4d" +
		"\xfa\x08aof-base\xc0\x00\xfe\x00\xfb\x01\x00\x00\x01k\x01v\xff" + millis(0)
	if file.String() != want {
		t.Errorf("%q\n%q", file.String(), want)
	}
}

// TestFileAccess keeps what is known of the use of keys, by the policy.
func TestFileAccess(t *testing.T) {
	for _, tc := range []struct {
		policy store.Policy
		want   string
	}{{store.AllKeysLRU, "\xf8\x40\x64"}, {store.AllKeysLFU, "\xf9\x63"}, {store.NoEviction, ""}} {
		view := newDBs(t)
		db := view.DB(0)
		db.Settings().Policy.Store(uint32(tc.policy))
		db.SetString([]byte("k"), []byte("v"), store.NoExpiry)
		it, _ := db.Peek([]byte("k"))
		db.SetAccess(&it, 100, 99)
		var file output
		if err := WriteFile(&file, view, FileOptions{Version: 10}); err != nil || !strings.Contains(file.String(), "\xfb\x01\x00"+tc.want+"\x00\x01k") {
			t.Errorf("%v: %v, %q", tc.policy, err, file.String())
		}
		reader := newDBs(t)
		again := reader.DB(0)
		again.Settings().Policy.Store(uint32(tc.policy))
		if _, err := ReadFile(&file, reader, LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		it, _ = again.Peek([]byte("k"))
		if tc.policy == store.AllKeysLRU && again.Idle(&it) != 100 || tc.policy == store.AllKeysLFU && again.Frequency(&it) != 99 {
			t.Errorf("%v: idle %d, frequency %d", tc.policy, again.Idle(&it), again.Frequency(&it))
		}
	}
}

// failAt fails behind so many bytes.
type failAt struct{ left int }

func (w *failAt) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errors.New("no space")
	}
	return len(b), nil
}

func (w *failAt) WriteAt(b []byte, _ int64) (int, error) { return w.Write(b) }

// TestFileWriteFails has the disk fail at each piece, and at the last, the header.
func TestFileWriteFails(t *testing.T) {
	db := newDBs(t)
	fill(db.DB(0))
	var whole output
	o := FileOptions{Version: 10, Pack: true}
	if err := WriteFile(&whole, db, o); err != nil || !strings.HasPrefix(whole.String(), "REDIS0014") {
		t.Fatalf("%v: %.9q", err, whole.String())
	}
	room := whole.Len() + headerSize
	for left := 0; left < room; left += min(50_000, max(1, room-left-1)) {
		if err := WriteFile(&failAt{left}, db, o); err == nil || err.Error() != "no space" {
			t.Fatalf("room for %d bytes of %d: %v", left, room, err)
		}
	}
	if err := WriteFile(&failAt{room}, db, o); err != nil {
		t.Error(err)
	}
}

// TestFilePacksLargeTexts packs a string of a heap of its own as any other, up to a megabyte.
func TestFilePacksLargeTexts(t *testing.T) {
	for _, tc := range []struct {
		size, most int
		pack       bool
	}{{100_000, 5_000, true}, {maxPackText, 20_000, true}, {maxPackText + 1, 2 * maxPackText, true}, {100_000, 200_000, false}} {
		view := newDBs(t)
		view.DB(0).SetString([]byte("k"), bytes.Repeat([]byte("v"), tc.size), store.NoExpiry)
		var file output
		if err := WriteFile(&file, view, FileOptions{Version: 10, Pack: tc.pack, Checksum: true}); err != nil {
			t.Fatal(err)
		}
		if n := file.Len(); n > tc.most || !tc.pack && n < tc.size {
			t.Errorf("%d bytes are written as %d", tc.size, n)
		}
		to, _, err := load(t, file.String(), LoadOptions{Checksum: true})
		if it, ok := to.DB(0).Peek([]byte("k")); err != nil || !ok || it.TextLen() != tc.size {
			t.Errorf("%d bytes: %v", tc.size, err)
		}
	}
}

// FuzzReadFile reads what may be a file. What is taken can be written, and is read as the same again.
func FuzzReadFile(f *testing.F) {
	f.Add([]byte(allKinds()))
	for version, tiny := range tinyFiles() {
		f.Add([]byte(tinyFile(version, tiny.body)))
	}
	for _, s := range samples() {
		if len(s.body) < 1000 {
			f.Add([]byte(fmt.Sprintf("REDIS%04d", min(s.ver(), 15)) + pairOf(s.kind, "k", s.body) + "\xff" + millis(0)))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		db, n, err := load(t, string(file), LoadOptions{Replace: true})
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		var again output
		if err := WriteFile(&again, db, FileOptions{Version: 10, Pack: true, Checksum: true}); err != nil {
			t.Fatal(err)
		}
		to, m, err := load(t, again.String(), LoadOptions{Checksum: true})
		had, have := contents(db), contents(to)
		if err != nil || len(had) != len(have) {
			t.Fatalf("%v, %+v, then %+v", err, n, m)
		}
	})
}
