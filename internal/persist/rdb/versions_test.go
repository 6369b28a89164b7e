// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
)

// Pieces of the files below, byte by byte, lest the writer's mistakes be the reader's.
const (
	tinyZiplist  = "\x12\x12\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\xc0\x2c\x01\xff"   // a 300
	tinyScores   = "\x10\x10\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01a\x03\xf2\xff"           // a 1
	tinyListpack = "\x0d\x0d\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xff"                          // f v
	tinyNumbers  = "\x0c\x0c\x00\x00\x00\x02\x00\x81a\x02\x01\x01\xff"                           // a 1
	tinyID       = "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"            // 1-1
	tinyTime     = "\x00\x10\xa5\xd4\xe8\x00\x00\x00"                                            // 1000000000000
	tinyLater    = "\x88\x13\xa5\xd4\xe8\x00\x00\x00"                                            // 1000000000904
	tinyBlock    = "\x1d\x1d\x00\x00\x00\x0a\x00\x01\x01\x00\x01\x01\x01\x81f\x02\x00\x01\x02" + // 1-1(f=v)
		"\x01\x00\x01\x00\x01\x81v\x02\x04\x01\xff"
	tinyEntries = "\x01\x10" + tinyID + tinyBlock + "\x01\x01\x01"
	tinyCounts  = "\x01\x01\x00\x00\x01"
	tinyPending = "\x01" + tinyID + tinyTime + "\x03"

	shownStream = "stream: 1-1(f=v) leaves 1 last 1-1 first 1-1 deleted 0-0 added 1"
	shownGroup  = " group g last 1-1 read 1 consumer c seen 1000000000000 active 1000000000000 1-1 at 1000000000000, 3 times"
)

// tinyFiles are a file for each version there has been, with what servers of that version wrote and those before did not, without
// header, end and checksum; and what is shown of its keys.
func tinyFiles() map[int]struct {
	body string
	want map[string]string
} {
	type file = struct {
		body string
		want map[string]string
	}
	return map[int]file{
		1: {"\xfe\x00" +
			"\x00\x01s\x01v" + "\x00\x01i\xc0\x7b" + "\x00\x01j\xc1\x2c\x01" + "\x00\x01k\xc2\x00\x00\x00\x80" + "\x00\x01p\xc3\x05\x14\x00a\xe0\x0a\x00" +
			"\x01\x01l\x02\x01a\xc1\x2c\x01" + "\x02\x01t\x02\x01a\x01b" + "\x03\x01z\x03\x01a\x031.5\x01b\xfe\x01c\xff" + "\x04\x01h\x01\x01f\x01v" +
			"\xfd\x64\xca\x9a\x3b\x00\x01x\x01v",
			map[string]string{"s": "embstr: v", "i": "int: 123", "j": "int: 300", "k": "int: -2147483648", "p": "embstr: aaaaaaaaaaaaaaaaaaaa",
				"l": "listpack: a 300", "t": "listpack: a b", "z": "listpack: c=-Inf a=1.5 b=+Inf", "h": "listpack: f=v", "x": "embstr: v at 1000000100000"}},
		2: {"\xfe\x00" +
			"\x09\x01h\x07\x01\x01f\x01\x00v\xff" + "\x0a\x01l" + tinyZiplist + "\x0b\x01t\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00" + "\x0c\x01z" + tinyScores,
			map[string]string{"h": "listpack: f=v", "l": "quicklist: a 300", "t": "intset: 1 2", "z": "listpack: a=1"}},
		3: {"\xfe\x00\xfc" + tinyLater + "\x00\x01x\x01v", map[string]string{"x": "embstr: v at 1000000000904"}},
		4: {"\xfe\x00\x0d\x01h" + tinyZiplist, map[string]string{"h": "listpack: a=300"}},
		5: {"\xfe\x00\x00\x01s\x01v", map[string]string{"s": "embstr: v"}},
		6: {"\xfe\x00\x00\x01s\x01v", map[string]string{"s": "embstr: v"}},
		7: {"\xfa\x09redis-ver\x053.2.0\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\x00\xca\x9a\x3b\xfe\x00\xfb\x01\x00" +
			"\x0e\x01l\x02" + tinyZiplist + tinyScores, map[string]string{"l": "quicklist: a 300 a 1"}},
		8: {"\xfa\x0caof-preamble\xc0\x00\xfe\x00\xfb\x02\x00" + "\x05\x01z\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x3f" +
			"\x00\x01s\x81\x00\x00\x00\x00\x00\x00\x00\x01v", map[string]string{"z": "listpack: a=1.5", "s": "embstr: v"}},
		9: {"\xfe\x00\xfb\x03\x00" + "\xf7\x81\x08\x28\xac\x3a\x5e\x1b\x00\x00\x02\x02\x05\x04data\x00" +
			"\xf8\x0a\x00\x01a\x01v" + "\xf9\x05\x00\x01b\x01v" + "\x0f\x01x" + tinyEntries + "\x00",
			map[string]string{"a": "embstr: v", "b": "embstr: v", "x": shownStream}},
		10: {"\xf5\x15#!lua name=l\nreturn 1\xfe\x00\xfb\x04\x00" + "\x10\x01h" + tinyListpack + "\x11\x01z" + tinyNumbers +
			"\x12\x01l\x02\x02" + tinyListpack + "\x01\x04long" +
			"\x13\x01x" + tinyEntries + tinyCounts + "\x01\x01g\x01\x01\x01" + tinyPending + "\x01\x01c" + tinyTime + "\x01" + tinyID,
			map[string]string{"h": "listpack: f=v", "z": "listpack: a=1", "l": "quicklist: f v long", "x": shownStream + shownGroup}},
		11: {"\xfe\x00\xfb\x02\x00" + "\x14\x01t" + tinyNumbers +
			"\x15\x01x" + tinyEntries + tinyCounts + "\x01\x01g\x01\x01\x01" + tinyPending + "\x01\x01c" + tinyTime + tinyLater + "\x01" + tinyID,
			map[string]string{"t": "listpack: 1 a", "x": shownStream + strings.Replace(shownGroup, "active 1000000000000", "active 1000000000904", 1)}},
		12: {"\xfe\x00\xf4\x07\x02\x00\xfb\x02\x00" + "\x18\x01h" + tinyLater + "\x02\x01\x01a\x011\x00\x01b\x012" +
			"\x19\x01k" + tinyLater + "\x16\x16\x00\x00\x00\x03\x00\x81a\x02\x01\x01\xf4\x88\x13\xa5\xd4\xe8\x00\x00\x00\x09\xff",
			map[string]string{"h": "listpackex: a=1@1000000000904 b=2", "k": "listpackex: a=1@1000000000904"}},
		13: {"\xfe\x00\xfb\x02\x00" + "\xf3\x01\x01\x02\x03\x04\x02\x07\x00\x00\x01s\x01v" +
			"\x1a\x01x" + tinyEntries + tinyCounts + "\x00" + "\x40\x64\x40\x64\x01\x01p\x01\x01i\x81\x00\x00\x00\xe8\xd4\xa5\x10\x00\x01\x01\x00",
			map[string]string{"s": "embstr: v", "x": shownStream + " {Duration:100 MaxSize:100 Producers:1 IIDs:1 Added:1 Duplicates:0} p/i=1000000000000-1"}},
		14: {"\xfe\x00\xfb\x02\x00" + "\x1c\x01a\x02\x01\x05\x00\x03\x01a\x0a\x01\x07\x00\x00\x00\x00\x00\x00\x00" +
			"\x1b\x01x" + tinyEntries + tinyCounts + "\x01\x01g\x01\x01\x01" + tinyPending + "\x00\x01" + tinyID + "\x40\x64\x40\x64\x00\x00\x00",
			map[string]string{"a": "sliced-array: 0=a 10=7 next 6", "x": shownStream + " group g last 1-1 read 1 unowned 1-1, 3 times"}},
		15: {"\xf2\x00\x02\x01a\x02bb" + "\xf2\x05\x01\xc0\x0c" + "\xfe\x00\xfb\x04\x00" + "\x1e\x01h\x0f\x0f\x00\x00\x00\x03\x00\x00\x01\x81x\x02\x81y\x02\xff" +
			"\x20\x01i\x05\x01x" + "\x1d\x01j\x00" + tinyNumbers + "\x0f\x0f\x00\x00\x00\x03\x00\x07\x01\x81x\x02\x81y\x02\xff" + "\x1f\x01k\x01\x01\x01f\x01v",
			map[string]string{"h": "listpack: a=x bb=y", "i": "listpack: 12=x", "j": "listpack: 1=y a=x", "k": "listpack: f=v"}},
		80: {"\xfa\x0avalkey-ver\x059.0.0\xfe\x00\xfb\x01\x00\xf4\x07\x01\x00" + "\x16\x01h\x02\x01a\x011" + tinyLater + "\x01b\x012\xff\xff\xff\xff\xff\xff\xff\xff",
			map[string]string{"h": "hashtable: a=1@1000000000904 b=2"}},
		81: {"\xf3\x03job\x02\x00\x01\x05\x07\xfe\x00\xfb\x01\x00" + "\x00\x01s\x01v", map[string]string{"s": "embstr: v"}},
	}
}

// tinyFile makes the file of a version of what is between its header and its end.
func tinyFile(version int, body string) string {
	if version >= valkeyVersion {
		return aFile(fmt.Sprintf("VALKEY%03d", version), body)
	}
	return aFile(fmt.Sprintf("REDIS%04d", version), body)
}

// TestTinyFiles reads a file of every version there has been.
func TestTinyFiles(t *testing.T) {
	files := tinyFiles()
	for version := OldestVersion; version <= newestValkey; version++ {
		if _, ok := files[version]; ok != Known(version) {
			t.Fatalf("version %d is known: %t, and there is a file of it: %t", version, Known(version), ok)
		}
	}
	for version, tiny := range files {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			view, n, err := load(t, tinyFile(version, tiny.body), LoadOptions{Checksum: true})
			if err != nil || n.Version != version || n.Keys != int64(len(tiny.want)) {
				t.Fatalf("%v, %+v", err, n)
			}
			for key, want := range tiny.want {
				got := show(view.DB(0), key)
				if it, ok := view.DB(0).Peek([]byte(key)); ok && it.Expiry() != 0 {
					got += fmt.Sprint(" at ", it.Expiry())
				}
				if got != want {
					t.Errorf("%s: %s\nwant %s", key, got, want)
				}
			}
		})
	}
}

// TestTinyFilesLikeRedis starts a real server from those of the files that it can read: it makes the same of them.
func TestTinyFilesLikeRedis(t *testing.T) {
	files := tinyFiles()
	for _, version := range slices.Sorted(maps.Keys(files)) {
		if version > 10 {
			break
		}
		tiny := files[version]
		dir := t.TempDir()
		body := strings.Replace(tiny.body, "\xf7\x81\x08\x28\xac\x3a\x5e\x1b\x00\x00\x02\x02\x05\x04data\x00", "", 1) // it insists on having the module
		body = strings.Replace(body, "\xf5\x15#!lua name=l\nreturn 1", "", 1)                                         // a library without a function
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte(tinyFile(version, body)), 0o644); err != nil {
			t.Fatal(err)
		}
		c := oracle(t, "--dir", dir).Dial(t)
		c.Must(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
		for key, want := range tiny.want {
			if _, timed, _ := strings.Cut(want, " at 1000000"); timed != "" && !strings.HasPrefix(want, "stream") {
				continue // that time is past
			}
			kind := map[byte]Kind{'l': KindList, 't': KindSet, 'x': KindStream2}[key[0]]
			if got, want := alike(kind, showRemote(t, c, key)), alike(kind, want); got != want {
				t.Errorf("version %d, %s: Redis has %s\nwant %s", version, key, got, want)
			}
		}
	}
}

// TestTinyFilesShort cuts the files off after each byte.
func TestTinyFilesShort(t *testing.T) {
	rig := commandtest.NewRig(t)
	rig.SetNow(fileTime)
	for version, tiny := range tinyFiles() {
		file := tinyFile(version, tiny.body)
		for n := range len(file) {
			err := readAgain(t, func() io.Reader { return strings.NewReader(file[:n]) }, rig.View(), LoadOptions{})
			if want := fmt.Sprintf("The bytes end too early at offset %d", n); !errors.Is(err, ErrFormat) || err.Error() != want {
				t.Fatalf("version %d cut to %d bytes: %v", version, n, err)
			}
		}
	}
}

// TestTemplatesRefused reads files whose templates are not what they should be.
func TestTemplatesRefused(t *testing.T) {
	const one = "\xf2\x03\x01\x01f"
	for _, tc := range []struct{ body, want string }{
		{"\xf2\x03\x00", "A template without fields"},
		{one + one, "Duplicate hash template ID 3"},
		{one + "\x20\x01h\x04\x01v", "Invalid hash template ID 4"},
		{one + "\x1e\x01h\x0c\x0c\x00\x00\x00\x02\x00\x04\x01\x81v\x02\xff", "Invalid hash template ID 4"},
		{one + "\x1e\x01h\x0d\x0d\x00\x00\x00\x02\x00\x81x\x02\x81v\x02\xff", "Hash template-listpack integrity check failed"},
		{one + "\x1e\x01h\x0e\x0e\x00\x00\x00\x03\x00\x03\x01\x81v\x02\x01\x01\xff", "Hash template-listpack integrity check failed"},
		{one + "\x1e\x01h\x09\x09\x00\x00\x00\x01\x00\x03\x01\xff", "Hash template-listpack integrity check failed"},
		{"\xf2\x03\x02\x01f\x01f\x20\x01h\x03\x01v\x01v", twice},
		{"\xf3\x01\x01\x02\x03\x04\x09", "Module data integrity check failed"},
	} {
		if _, _, err := load(t, aFile("REDIS0015", tc.body), LoadOptions{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.body, err, tc.want)
		}
	}
}
