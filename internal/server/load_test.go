// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// slowKeys is how many keys a server loads that is slow about it.
const slowKeys = 2000

// saved gives a directory with a file of slowKeys keys.
func saved(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	o := saving(dir, nil)
	o.Config["rdbcompression"] = "no"
	_, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "DEBUG", "POPULATE", fmt.Sprint(slowKeys), "key", "100")
	c.Must(t, "PSETEX", "key:0", "100000000", "v")
	c.Must(t, "SAVE")
	return dir
}

// slow starts a server that takes its time to load what is in a directory, a minute or more, and gives it while it does. directives are lines of
// its configuration.
func slow(t *testing.T, dir string, log *testutil.Lines, directives ...string) (*server.Server, *testutil.Target) {
	t.Helper()
	cfg := config.New()
	err := cfg.Load(config.Source{Options: "port 0\nbind 127.0.0.1\nsave 3600 1\nenable-debug-command yes\nkey-load-delay 50000\ndir " + resp.Quote(dir) + "\n" +
		strings.Join(directives, "\n")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, &testutil.Target{Name: "redpoll", Network: "tcp", Addr: s.Addrs()[0].String(), Redpoll: true}
}

const loadingError = "LOADING Redis is loading the dataset in memory"

// TestLoading asks a server that loads its data this and that.
func TestLoading(t *testing.T) {
	log := &testutil.Lines{}
	s, target := slow(t, saved(t), log)
	c := target.Dial(t)
	for _, refused := range [][]string{{"PING"}, {"GET", "key:1"}, {"SET", "k", "v"}, {"DBSIZE"}, {"SAVE"}, {"FLUSHALL"}, {"DEBUG", "RELOAD"},
		{"CONFIG", "SET", "appendonly", "yes"}} {
		if v := do(t, c, refused...); v.Str != loadingError {
			t.Errorf("%q: %v", refused, v)
		}
	}
	if v := do(t, c, "NONSENSE"); !strings.HasPrefix(v.Str, "ERR unknown command") {
		t.Errorf("what is not known: %v", v)
	}
	c.Must(t, "MULTI")
	if v := do(t, c, "SET", "k", "v"); v.Str != loadingError {
		t.Errorf("within MULTI: %v", v)
	}
	if v := do(t, c, "EXEC"); v.Str != "EXECABORT Transaction discarded because of previous errors." {
		t.Errorf("EXEC: %v", v)
	}
	c.Must(t, "WATCH", "key:1", "key:2")
	c.Must(t, "MULTI")
	c.Must(t, "TIME")
	if v := c.Must(t, "EXEC"); len(v.Elems) != 1 {
		t.Errorf("a transaction of what may run: %v", v)
	}
	if got := number(t, c, "loading"); got != 1 || !s.Loading() {
		t.Errorf("loading is %d", got)
	}
	total := number(t, c, "loading_total_bytes")
	if done := number(t, c, "loading_loaded_bytes"); total < 100*slowKeys || done >= total || number(t, c, "async_loading") != 0 ||
		number(t, c, "loading_start_time") < 1_600_000_000 || number(t, c, "loading_eta_seconds") < 1 {
		t.Errorf("%d bytes of %d", done, total)
	}
	c.Must(t, "CONFIG", "SET", "key-load-delay", "-1000000") // now it goes on
	if err := s.AwaitData(); err != nil {
		t.Fatal(err)
	}
	if n := c.Must(t, "DBSIZE").Int; n != slowKeys || number(t, c, "loading") != 0 || number(t, c, "rdb_last_load_keys_loaded") != n {
		t.Errorf("%d keys", n)
	}
	if strings.Contains(c.Must(t, "INFO", "persistence").Str, "loading_") {
		t.Error("INFO tells how far the load is that is over")
	}
	if !log.Has("DB loaded from disk") {
		t.Errorf("the log: %s", log)
	}
}

// TestEndWhileLoading ends servers that load: the file stays what it is, whatever SHUTDOWN is told to do.
func TestEndWhileLoading(t *testing.T) {
	dir := saved(t)
	path := filepath.Join(dir, "dump.rdb")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(*server.Server, *testutil.Client){
		"SHUTDOWN":      func(_ *server.Server, c *testutil.Client) { c.Send("SHUTDOWN") },
		"SHUTDOWN SAVE": func(_ *server.Server, c *testutil.Client) { c.Send("SHUTDOWN", "SAVE") },
		"a signal":      func(s *server.Server, _ *testutil.Client) { s.StopLater(server.EndOptions{Save: true}) },
		"Close":         func(s *server.Server, _ *testutil.Client) { s.Close() },
	} {
		s, target := slow(t, dir, &testutil.Lines{})
		end(s, target.Dial(t))
		if err := s.AwaitData(); !errors.Is(err, server.ErrStopped) {
			t.Errorf("%s: the data is there: %v", name, err)
		}
		<-s.Stopped()
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: the file is another one, %v", name, err)
		}
	}
}

// TestDamagedFile has a server start from a file that is cut off, or damaged: it does not, and says where.
func TestDamagedFile(t *testing.T) {
	dir := saved(t)
	path := filepath.Join(dir, "dump.rdb")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(file)
	flipped[bytes.Index(file, []byte("value:"))] ^= 1
	for _, tc := range []struct {
		want string
		file []byte
	}{
		{fmt.Sprintf("The bytes end too early at offset %d", len(file)/2), file[:len(file)/2]},
		{"RDB CRC error: the checksum is ", flipped},
		{"Wrong signature trying to load DB from file at offset 9", []byte("something else than a file")},
		{"The bytes end too early at offset 0", nil},
	} {
		if err := os.WriteFile(path, tc.file, 0o600); err != nil {
			t.Fatal(err)
		}
		log := &testutil.Lines{}
		s, err := redpoll.Start(saving(dir, log))
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || !log.Has(tc.want) {
			t.Errorf("%s: %v\n%s", tc.want, err, log)
		}
	}
}

// TestHousekeepingRests looks at a key that dies while a server loads: it is dead when the data is there, and removed then.
func TestHousekeepingRests(t *testing.T) {
	dir := t.TempDir()
	_, target := start(t, saving(dir, nil))
	c := target.Dial(t)
	c.Must(t, "DEBUG", "POPULATE", fmt.Sprint(slowKeys), "key", "100")
	c.Must(t, "PSETEX", "dying", "1500", "v")
	c.Must(t, "SAVE")
	c.Must(t, "DEL", "dying")
	s, loader := slow(t, dir, &testutil.Lines{})
	c = loader.Dial(t)
	began := time.Now()
	testutil.Poll(t, patience, func() bool {
		return number(t, c, "loading") == 1 && time.Since(began) > 1600*time.Millisecond
	})
	if n := number(t, c, "expired_keys"); n != 0 {
		t.Errorf("%d keys expired while it loads", n)
	}
	c.Must(t, "CONFIG", "SET", "key-load-delay", "0")
	if err := s.AwaitData(); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return c.Must(t, "DBSIZE").Int == slowKeys })
}
