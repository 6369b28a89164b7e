// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
)

// libraryCodec gives a codec that writes what Redis 7.0 does.
func libraryCodec() *Codec {
	d := new(Codec)
	d.Version.Store(10)
	d.Pack.Store(true)
	return d
}

// TestLibrariesPayload holds payloads against those of redis-server 7.0, and reads them back.
func TestLibrariesPayload(t *testing.T) {
	const short = "#!lua name=a\nredis.register_function('f', function() return 1 end)"
	long := "#!lua name=b\n" + strings.Repeat("-- the same again\n", 10) + "redis.register_function('g', function() return 2 end)"
	db := commandtest.NewRig(t).View().DB(0)
	for _, codes := range [][]string{nil, {short}, {long}, {short, long}, {"12"}, {""}} {
		d := libraryCodec()
		payload := d.AppendLibraries(nil, codes)
		got, err := d.ReadLibraries(payload, db, noTick)
		if err != nil || !slices.Equal(got, codes) {
			t.Errorf("%q: %q, %v", codes, got, err)
		}
	}
	if got := hex.EncodeToString(libraryCodec().AppendLibraries(nil, nil)); got != "0a005d9b5c400f7fa2da" {
		t.Errorf("of no libraries: %s", got)
	}
	c := oracle(t).Dial(t)
	c.Must(t, "FUNCTION", "LOAD", long)
	if got, want := string(libraryCodec().AppendLibraries(nil, []string{long})), c.Must(t, "FUNCTION", "DUMP"); got != want.Str {
		t.Errorf("%q\nwant %q", got, want.Str)
	}
}

// TestLibrariesRefused reads payloads that are not what they should be.
func TestLibrariesRefused(t *testing.T) {
	d, db := libraryCodec(), commandtest.NewRig(t).View().DB(0)
	good := d.AppendLibraries(nil, []string{"#!lua name=a\n"})
	sealed := func(body string) []byte { return AppendFooter([]byte(body), 0, 10) }
	wrongSum := slices.Clone(good)
	wrongSum[3]++
	stopped := errors.New("stopped")
	for _, tc := range []struct {
		payload []byte
		tick    func() error
		want    error
	}{
		{nil, noTick, errPayload},
		{good[:9], noTick, errPayload},
		{wrongSum, noTick, errPayload},
		{AppendFooter([]byte("\xf5\x01x"), 0, 99), noTick, errPayload},
		{sealed("\xf6\x01x"), noTick, errPreRelease},
		{sealed("\x00\x01k\x01v"), noTick, errNoLibrary},
		{sealed("\xf5"), noTick, errNoText},
		{sealed("\xf5\x02x"), noTick, errNoText},
		{sealed("\xf5\x81\x7f\xff\xff\xff\xff\xff\xff\xffx"), noTick, errNoText},
		{sealed("\xf5\xc3\x01\x05x"), noTick, errNoText},
		{good, func() error { return stopped }, stopped},
	} {
		if codes, err := d.ReadLibraries(tc.payload, db, tc.tick); err != tc.want || codes != nil {
			t.Errorf("%q: %q, %v, want %v", tc.payload, codes, err, tc.want)
		}
	}
	d.SkipChecksum.Store(true)
	if _, err := d.ReadLibraries(wrongSum, db, noTick); err != nil {
		t.Errorf("with any checksum: %v", err)
	}
}

// TestFileLibraries writes a file with libraries, which comes back with them.
func TestFileLibraries(t *testing.T) {
	codes := []string{"#!lua name=a\n" + strings.Repeat("-", 300), "#!lua name=b\n"}
	f, err := os.Create(filepath.Join(t.TempDir(), "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rig := commandtest.NewRig(t)
	if err := WriteFile(f, rig.View(), FileOptions{Version: 10, Pack: true, Checksum: true, Libraries: codes}); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	keep := func(code string) error { got = append(got, code); return nil }
	if _, err := ReadFile(bytes.NewReader(file), rig.View(), LoadOptions{Checksum: true, Library: keep}); err != nil || !slices.Equal(got, codes) {
		t.Errorf("%q, %v", got, err)
	}
	_, err = ReadFile(bytes.NewReader(file), rig.View(), LoadOptions{Library: func(string) error { return command.Error("ERR no") }})
	if !errors.Is(err, ErrFormat) || !strings.HasPrefix(err.Error(), "Failed creating the library of functions: no at offset ") {
		t.Errorf("a library that cannot be: %v", err)
	}
	stopped := errors.New("stopped")
	if _, err := ReadFile(bytes.NewReader(file), rig.View(), LoadOptions{Library: func(string) error { return stopped }}); err != stopped {
		t.Errorf("stopped: %v", err)
	}
	if c, err := CheckFile(bytes.NewReader(file), rig.View().DB(0), true, func(int64, string) {}); err != nil || c.Keys != 0 {
		t.Errorf("looked at: %+v, %v", c, err)
	}
}

// FuzzLibraries reads payloads of libraries: what is taken gives the same libraries when it is written again.
func FuzzLibraries(f *testing.F) {
	f.Add("\xf5\x03abc", true)
	f.Add("\xf5\xc0\x05\xf5\xc3\x09\x15\x01aa\xe0\x0a\x00\x01aa", true)
	f.Add("\xf6\x01a", false)
	rig := commandtest.NewRig(f)
	f.Fuzz(func(t *testing.T, body string, pack bool) {
		d, db := libraryCodec(), rig.View().DB(0)
		d.Pack.Store(pack)
		codes, err := d.ReadLibraries(AppendFooter([]byte(body), 0, 10), db, noTick)
		if err != nil {
			return
		}
		again, err := d.ReadLibraries(d.AppendLibraries(nil, codes), db, noTick)
		if err != nil || !slices.Equal(again, codes) {
			t.Errorf("%q, then %q, %v", codes, again, err)
		}
	})
}
