// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// damagedKeys is how many keys the files have that are damaged below.
const damagedKeys = 3000

// written makes a directory with what a server leaves that ends by SHUTDOWN SAVE: a snapshot of keys of each type, and if it logs also a base
// of them and an increment that changes them.
func (b built) written(t *testing.T, logs bool) (dir string) {
	t.Helper()
	dir = t.TempDir()
	p := testutil.Process(t, b.bin, append(b.server[:len(b.server):len(b.server)], "--enable-protected-configs", "yes")...)
	c := p.Dial(t)
	c.Must(t, "CONFIG", "SET", "dir", dir)
	fill := func() {
		for i := range damagedKeys {
			key := fmt.Sprint("key:", i)
			call := [][]string{{"SET", key, "value"}, {"RPUSH", key, "a", "b"}, {"SADD", key, "a", "1"}, {"ZADD", key, "1", "a"}, {"HSET", key, "f", "v"},
				{"XADD", key, "*", "f", "v"}}[i%6]
			c.Must(t, call...)
		}
	}
	fill()
	if logs {
		c.Must(t, "CONFIG", "SET", "appendonly", "yes")
		testutil.Poll(t, patience, func() bool {
			info := c.Must(t, "INFO", "persistence").Str
			return strings.Contains(info, "aof_rewrites:1\r\n") && strings.Contains(info, "aof_rewrite_in_progress:0\r\n")
		})
		fill()
	}
	if err := c.Send("SHUTDOWN", "SAVE"); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(patience); err != nil {
		t.Fatal(err)
	}
	return dir
}

// refuses starts a server in a directory, asks it for keys until it ends, and gives what it has printed. It may say that it is loading,
// and nothing else; it must end with exit code 1, and leave the files as they are.
func (b built) refuses(t *testing.T, dir string, args ...string) (log string) {
	t.Helper()
	before := snapshotOf(t, dir)
	port := fmt.Sprint(testutil.FreePort(t))
	var out bytes.Buffer
	cmd := exec.Command(b.bin, slices.Concat(b.server, []string{"--port", port, "--bind", "127.0.0.1", "--dir", dir}, args)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code tells
		close(ended)
	}()
	answered := 0
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		case <-time.After(time.Millisecond):
			c, err := testutil.Connect("tcp", "127.0.0.1:"+port)
			if err != nil {
				continue
			}
			for _, call := range [][]string{{"GET", "key:0"}, {"DBSIZE"}, {"SET", "key:new", "v"}} {
				v, err := c.Do(call...)
				if err == nil && !strings.HasPrefix(v.Str, "LOADING ") {
					t.Errorf("%q is answered: %s", call, testutil.Format(v))
				}
				if err == nil {
					answered++
				}
			}
			c.Close()
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("it ends with exit code %d:\n%s", code, out.String())
	}
	if after := snapshotOf(t, dir); after != before {
		t.Errorf("the files were %s\nand are   %s", before, after)
	}
	t.Logf("%d commands were answered with LOADING", answered)
	return out.String()
}

// snapshotOf tells what files there are, and what they have.
func snapshotOf(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s of %d bytes like %.20x", path, len(b), b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, ", ")
}

// offsetIn gives the offset that a log names.
func offsetIn(log string) (at int, err error) {
	found := regexp.MustCompile(`at offset (\d+)`).FindStringSubmatch(log)
	if found == nil {
		return 0, errors.New("no offset is named")
	}
	_, err = fmt.Sscan(found[1], &at)
	return at, err
}

// slowly gives arguments for a server that is to be slow about its files, so that it can be asked for keys meanwhile.
func slowly(slow bool) []string {
	if slow {
		return []string{"--key-load-delay", "50"}
	}
	return nil
}

// with gives a file with bytes in the place of others.
func with(file []byte, at int, b string) []byte {
	return slices.Concat(file[:at], []byte(b), file[at+len(b):])
}

// TestDamagedSnapshot starts the server from files that are damaged in several ways.
func TestDamagedSnapshot(t *testing.T) {
	b := build(t)
	whole, err := os.ReadFile(filepath.Join(b.written(t, false), "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	half := len(whole) / 2
	at := bytes.Index(whole[half:], []byte("key:")) + half
	for _, tc := range []struct {
		name     string
		file     []byte
		from, to int // between which the offset is that is named
		why      string
	}{
		{"nothing", nil, 0, 0, "The bytes end too early"},
		{"cut in the header", whole[:5], 5, 5, "The bytes end too early"},
		{"cut in the middle", whole[:half], half, half, "The bytes end too early"},
		{"cut in the checksum", whole[:len(whole)-1], len(whole) - 1, len(whole) - 1, "The bytes end too early"},
		{"no file of this kind", []byte(strings.Repeat("not a snapshot ", 99)), 9, 9, "Wrong signature"},
		{"newer", slices.Concat([]byte("REDIS0099"), whole[9:]), 9, 9, "Can't handle RDB format version 99"},
		{"another byte in a key", with(whole, at, "K"), len(whole) - 8, len(whole) - 8, "RDB CRC error"},
		{"an unknown kind", with(whole, at-2, "\x63"), at - 1, at + 10, "A value of an unknown kind"},
		{"a value of a module", with(whole, at-2, "\x07"), at - 1, at + 10, "A value of a module"},
		{"a piece is missing", slices.Concat(whole[:half], whole[half+100:]), 1, len(whole), ""},
		{"zeros", with(whole, half, string(make([]byte, 4096))), half, len(whole), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), tc.file, 0o644); err != nil {
				t.Fatal(err)
			}
			log := b.refuses(t, dir, slowly(tc.name == "cut in the checksum")...)
			if at, err := offsetIn(log); err != nil || at < tc.from || at > tc.to || !strings.Contains(log, tc.why) ||
				!strings.Contains(log, "Terminating server after rdb file reading failure.") || strings.Contains(log, "Ready to accept") {
				t.Errorf("the offset %d, which is not from %d to %d, %v, or it is not told that %s:\n%s", at, tc.from, tc.to, err, tc.why, log)
			}
		})
	}
}

// TestDamagedAppendOnlyFiles starts the server from append-only files that are damaged in several ways, a base and two increments.
func TestDamagedAppendOnlyFiles(t *testing.T) {
	b := build(t)
	dir := filepath.Join(b.written(t, true), "appendonlydir")
	const base, first, second, manifest = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"
	files := map[string][]byte{second: []byte("*3\r\n$3\r\nSET\r\n$4\r\nlast\r\n$1\r\nv\r\n")}
	for _, name := range []string{base, first, manifest} {
		var err error
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	files[manifest] = append(files[manifest], "file "+second+" seq 2 type i\n"...)
	whole := files[first]
	half := len(whole) / 2
	at := bytes.Index(whole[half:], []byte("*3\r\n")) + half
	for _, tc := range []struct {
		name, which string
		file        []byte
		offset      int // that is named; -1: none
		why         string
	}{
		{"a base that is cut", base, files[base][:40], 40, "Error reading the RDB base file " + base + ", AOF loading aborted"},
		{"a base of something else", base, []byte("what is it?"), 0, "Bad file format reading the append only file " + base},
		{"an increment that is cut", first, whole[:at+9], at + 8, "Fatal error: the truncated file is not the last file"},
		{"a byte that is another", first, with(whole, at, "x"), at, "Bad file format reading the append only file " + first},
		{"zeros", first, with(whole, at, string(make([]byte, 100))), at, "Bad file format reading the append only file " + first},
		{"a command of another server", first, with(whole, at, "*1\r\n$6\r\nNOSUCH\r\n"), at, "Unknown command 'NOSUCH' reading the append only file " + first},
		{"damage in the last one", second, with(files[second], 5, "?"), 4, "Bad file format reading the append only file " + second},
		{"an empty manifest", manifest, nil, -1, "Found an empty AOF manifest"},
		{"a manifest of something else", manifest, []byte("what is it?\n"), -1, "Invalid AOF manifest file format"},
		{"a file that is not there", manifest, append(slices.Clone(files[manifest]), "file none.aof seq 3 type i\n"...), -1, "none.aof"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "appendonlydir"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, file := range files {
				if name == tc.which {
					file = tc.file
				}
				if err := os.WriteFile(filepath.Join(dir, "appendonlydir", name), file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			log := b.refuses(t, dir, append(slowly(tc.name == "a byte that is another"), "--appendonly", "yes")...)
			at, err := offsetIn(log)
			if !strings.Contains(log, tc.why) || strings.Contains(log, "Ready to accept") || tc.offset >= 0 && (err != nil || at != tc.offset) {
				t.Errorf("the offset is %d, want %d, %v, or it is not told that %s:\n%s", at, tc.offset, err, tc.why, log)
			}
		})
	}
}
