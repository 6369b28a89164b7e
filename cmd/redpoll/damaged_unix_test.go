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

// written makes a directory with what a server leaves that has some keys of each type, and ends by SHUTDOWN.
func (b built) written(t *testing.T, args ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	p := testutil.Process(t, b.bin, slices.Concat(b.server, []string{"--enable-protected-configs", "yes"}, args)...)
	c := p.Dial(t)
	c.Must(t, "CONFIG", "SET", "dir", dir)
	for i := range damagedKeys {
		key := fmt.Sprint("key:", i)
		call := [][]string{{"SET", key, "value"}, {"RPUSH", key, "a", "b"}, {"SADD", key, "a", "1"}, {"ZADD", key, "1", "a"}, {"HSET", key, "f", "v"},
			{"XADD", key, "1-1", "f", "v"}}[i%6]
		c.Must(t, call...)
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

// TestDamagedSnapshot starts the server from files that are damaged in several ways.
func TestDamagedSnapshot(t *testing.T) {
	b := build(t)
	whole, err := os.ReadFile(filepath.Join(b.written(t), "dump.rdb"))
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
		{"another byte in a key", slices.Concat(whole[:at], []byte("K"), whole[at+1:]), len(whole) - 8, len(whole) - 8, "RDB CRC error"},
		{"an unknown kind", slices.Concat(whole[:at-2], []byte{99}, whole[at-1:]), at - 1, at + 10, "A value of an unknown kind"},
		{"a value of a module", slices.Concat(whole[:at-2], []byte{7}, whole[at-1:]), at - 1, at + 10, "A value of a module"},
		{"a piece is missing", slices.Concat(whole[:half], whole[half+100:]), 1, len(whole), ""},
		{"zeros", slices.Concat(whole[:half], make([]byte, 4096), whole[half+4096:]), half, len(whole), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), tc.file, 0o644); err != nil {
				t.Fatal(err)
			}
			log := b.refuses(t, dir)
			if at, err := offsetIn(log); err != nil || at < tc.from || at > tc.to || !strings.Contains(log, tc.why) ||
				!strings.Contains(log, "Terminating server after rdb file reading failure.") || strings.Contains(log, "Ready to accept") {
				t.Errorf("the offset %d, which is not from %d to %d, %v, or it is not told that %s:\n%s", at, tc.from, tc.to, err, tc.why, log)
			}
		})
	}
}
