// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// life is a run of a server: its output, normalised, and how it ended.
type life struct {
	log  []string
	code int
}

// normal takes process ids, times, paths and ports out of a log, and the lines that only one of the two can have.
func normal(log, dir string) (lines []string) {
	stamp := regexp.MustCompile(`^\d+:([CMS]) \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} `)
	signal := regexp.MustCompile(`^\d+:signal-handler \(\d+\) `)
	rest := strings.NewReplacer(dir, "DIR")
	only := regexp.MustCompile(`overcommit|^C # Redis version=|^M \* Redpoll |^M # Directive 'save'`)
	figure := regexp.MustCompile(`^(M \* (RDB age|RDB memory usage when created|DB loaded from disk:)) [\d.]+`)
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		line = stamp.ReplaceAllString(line, "$1 ")
		line = signal.ReplaceAllString(line, "signal-handler ")
		line = figure.ReplaceAllString(line, "$1 N")
		line = regexp.MustCompile(`\b(pid|port)([= ])\d+|:\d+: bind`).ReplaceAllString(rest.Replace(line), "$1$2N")
		if line != "" && !only.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// live runs a server until end, if not nil, has ended it.
func live(t *testing.T, bin string, args []string, dir string, end func(cmd *exec.Cmd, port string)) life {
	t.Helper()
	port := fmt.Sprint(testutil.FreePort(t))
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", port)
	}
	var out strings.Builder
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(2*testutil.Patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if end != nil {
		testutil.Poll(t, testutil.Patience, func() bool {
			c, err := testutil.Connect("tcp", "127.0.0.1:"+port)
			if err != nil {
				return false
			}
			defer c.Close()
			v, err := c.Do("PING")
			return err == nil && v.Str == "PONG"
		})
		end(cmd, port)
	}
	_ = cmd.Wait() // the exit code tells
	if cmd.ProcessState.ExitCode() < 0 {
		t.Errorf("%s %q did not end by itself:\n%s", bin, args, out.String())
	}
	return life{normal(out.String(), dir), cmd.ProcessState.ExitCode()}
}

// say ends a server by a command.
func say(t *testing.T, args ...string) func(*exec.Cmd, string) {
	return func(_ *exec.Cmd, port string) {
		c, err := testutil.Connect("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if v, err := c.Do(args...); err == nil {
			t.Errorf("%q is answered: %v", args, v)
		}
	}
}

func signalled(t *testing.T, sig os.Signal) func(*exec.Cmd, string) {
	return func(cmd *exec.Cmd, _ string) {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
	}
}

// TestLivesLikeRedis has both servers start and end in several ways, and compares what they log and how they exit.
func TestLivesLikeRedis(t *testing.T) {
	oracle := testutil.OracleBinary(t)
	bin, server := testutil.RedpollBinary(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	const save = `--save "" `
	for _, test := range []struct {
		name, args string
		end        func(*exec.Cmd, string)
	}{
		{"SIGTERM", save + "--port PORT", signalled(t, syscall.SIGTERM)},
		{"SIGINT", save + "--port PORT", signalled(t, os.Interrupt)},
		{"SHUTDOWN", save + "--port PORT --unixsocket DIR/s --pidfile DIR/pid", say(t, "SHUTDOWN")},
		{"SHUTDOWN NOSAVE", save + "--port PORT", say(t, "SHUTDOWN", "NOSAVE", "NOW")},
		{"warnings only", save + "--port PORT --loglevel warning", say(t, "SHUTDOWN")},
		{"SHUTDOWN SAVE, and again", save + "--port PORT --dir DIR", say(t, "SHUTDOWN", "SAVE")},
		{"save points", "--save 3600 1 --port PORT --dir DIR", say(t, "SHUTDOWN")},
		{"save points and a signal", "--save 3600 1 --port PORT --dir DIR", signalled(t, syscall.SIGTERM)},
		{"port in use", save + "--bind 127.0.0.1 --port " + takenPort, nil},
		{"no such address", save + "--bind 192.0.2.1 --port PORT", nil},
		{"an address that may be missing", save + "--bind 127.0.0.1 -192.0.2.1 --port PORT", say(t, "SHUTDOWN")},
		{"no socket", save + "--port 0", nil},
		{"bad path of a socket", save + "--port 0 --unixsocket DIR/none/s", nil},
		{"bad directive", save + "--nonsense 1", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := func(dir string) []string {
				list := strings.Fields(strings.ReplaceAll(test.args, "DIR", dir))
				for i := range list {
					if list[i] == `""` {
						list[i] = ""
					}
				}
				return list
			}
			dir, err := os.MkdirTemp("", "redpoll") // the path of a socket must be short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			saved := filepath.Join(dir, "dump.rdb")
			if strings.Contains(test.args, "--dir") { // there is a file to start from
				live(t, oracle, args(dir), dir, say(t, "SHUTDOWN", "SAVE"))
			}
			want := live(t, oracle, args(dir), dir, test.end)
			got := live(t, bin, append(server[:len(server):len(server)], args(dir)...), dir, test.end)
			if got.code != want.code {
				t.Errorf("exit code %d, want %d", got.code, want.code)
			}
			if g, w := strings.Join(got.log, "\n"), strings.Join(want.log, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 && !slices.Equal(left, []string{saved}) {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
