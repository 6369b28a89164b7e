// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// write makes a file of a disk.
func write(t testing.TB, d *disktest.Disk, path string, b []byte) {
	t.Helper()
	f, err := d.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dataOf starts a server from a disk, and gives the digest of the data, and its libraries; ok is false when it does not start.
func dataOf(t testing.TB, d *disktest.Disk, dir string) (digest string, ok bool) {
	t.Helper()
	cfg := config.New()
	lines := "save \"\"\nport 0\nbind 127.0.0.1\nappendonly yes\nenable-debug-command yes\nio-threads 1\ndir " + resp.Quote(dir) + "\n"
	if err := cfg.Load(config.Source{Options: lines}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg, Disk: d, Clock: clock.NewFake(1_800_000_000_000), Shards: 2})
	if err == nil {
		defer s.Close()
		err = s.AwaitData()
	}
	var refused *server.StartError
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if err != nil {
		return "", false
	}
	c, err := testutil.Connect("tcp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, call := range [][]string{{"DEBUG", "DIGEST"}, {"FUNCTION", "DUMP"}} {
		v, err := c.Do(call...)
		if err != nil {
			t.Fatal(err)
		}
		digest += v.Str
	}
	return digest, true
}

// FuzzStart starts from append-only files of any bytes: it is refused, or what has come of them comes again at the next start.
func FuzzStart(f *testing.F) {
	commands := []byte("*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n")
	snapshot := []byte("REDIS0011\xfa\x08aof-base\xc0\x01\xfe\x00\xfb\x02\x00\x00\x01a\x01b\x04\x01h\x01\x01f\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00")
	const code = "#!lua name=l\nredis.register_function('f', function(keys) return redis.call('INCR', keys[1]) end)"
	functions := testutil.AppendCommand(nil, "FUNCTION", "LOAD", "REPLACE", code)
	functions = testutil.AppendCommand(functions, "FCALL", "f", "1", "n")
	functions = testutil.AppendCommand(functions, "FUNCTION", "DELETE", "l")
	library := append(append([]byte("REDIS0010\xf5\x40"), byte(len(code))), code+"\xff\x00\x00\x00\x00\x00\x00\x00\x00"...)
	for _, base := range [][]byte{commands, snapshot, library, bytes.Join([][]byte{snapshot, commands}, nil)} {
		f.Add(base, commands)
		f.Add(base, []byte("#TS:1\r\n"+string(commands[:len(commands)-9])))
		f.Add(base, []byte("*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nf\r\n$1\r\nv\r\n"))
		f.Add(base, functions)
		f.Add(base, []byte("*4\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\nl\r\n$1\r\n0\r\n*1\r\n$8\r\nSHUTDOWN\r\n"))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, base, incr []byte) {
		d := disktest.New()
		files := filepath.Join(dir, "appendonlydir")
		if err := d.MkdirAll(files, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, d, filepath.Join(files, "appendonly.aof.1.base.rdb"), base)
		write(t, d, filepath.Join(files, "appendonly.aof.1.incr.aof"), incr)
		write(t, d, filepath.Join(files, "appendonly.aof.manifest"),
			[]byte("file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"))
		first, ok := dataOf(t, d, dir)
		if second, again := dataOf(t, d, dir); again != ok || second != first {
			t.Fatalf("started: %t with %s, then %t with %s", ok, first, again, second)
		}
	})
}
