// SPDX-License-Identifier: BSD-3-Clause

package check

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/crc64"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
)

// run runs a tool on a file that has these bytes, and gives what it prints and its exit code.
func run(t testing.TB, tool string, text []byte, args ...string) (string, int) {
	t.Helper()
	d := disktest.New()
	f, err := d.OpenFile("/file", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var out bytes.Buffer
	c := &Tool{In: strings.NewReader("y"), Out: &out, Err: &out, Disk: d, Log: func(line string) { out.WriteString(line + "\n") }}
	code := 0
	if args = append(args, "/file"); tool == "rdb" {
		code = c.RDB(args)
	} else {
		code = c.AOF(args)
	}
	return out.String(), code
}

// TestRDBNewer looks at what a file of a newer server has than the reference's tool knows.
func TestRDBNewer(t *testing.T) {
	body := "REDIS0012" + "\xf5\x03lib" + "\xf7\x81\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x05\x01x\x00" + "\xfe\x02" +
		"\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01k\x01v" + "\x07\x01m\x81\x00\x00\x00\x00\x00\x00\x00\x00\x05\x03abc\x00" + "\xff"
	file := binary.LittleEndian.AppendUint64([]byte(body), crc64.Update(0, []byte(body)))
	want := "[offset 0] Checking RDB file /file\n[offset 30] MODULE AUX for: AAAAAAAAA\n[offset 32] Selecting DB ID 2\n" +
		"[offset 73] Checksum OK\n[offset 73] \\o/ RDB looks OK! \\o/\n[info] 2 keys read\n[info] 1 expires\n[info] 0 already expired\n"
	if got, code := run(t, "rdb", file); got != want || code != 0 {
		t.Errorf("code %d:\n%s", code, got)
	}
	if got, code := run(t, "aof", append(file, "*1\r\n$1\r\na\r\n"...)); !strings.HasSuffix(got, "AOF /file is valid\n") || code != 0 {
		t.Errorf("in front of commands, code %d:\n%s", code, got)
	}
}

// FuzzAOF has any bytes looked at, and mended: what is left then is good.
func FuzzAOF(f *testing.F) {
	f.Add(commands("#TS:1", "set a 1", "multi", "incr a", "exec", "#TS:7", "del a"))
	f.Add([]byte("*2\r\n$1000000000000\r\nx"))
	f.Add([]byte("file a seq 1 type b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		run(t, "rdb", text)
		run(t, "aof", text, "--truncate-to-timestamp", "5")
		run(t, "aof", text, "--fix")
	})
}
