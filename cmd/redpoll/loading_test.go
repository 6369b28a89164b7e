// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSignalWhileLoading ends servers that load their data: at once, with the exit code 0, the file as it was.
func TestSignalWhileLoading(t *testing.T) {
	bin, server := testutil.RedpollBinary(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	live(t, bin, append(slices.Clone(server), "--port", "PORT", "--dir", dir, "--enable-debug-command", "yes"), dir, func(_ *exec.Cmd, port string) {
		c := testutil.Dial(t, "tcp", "127.0.0.1:"+port)
		c.Must(t, "DEBUG", "POPULATE", "1000")
		say(t, "SHUTDOWN", "SAVE")(nil, port)
	})
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		port := fmt.Sprint(testutil.FreePort(t))
		var out strings.Builder
		cmd := exec.Command(bin, append(slices.Clone(server), "--port", port, "--dir", dir, "--save", "3600 1", "--key-load-delay", "50000")...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(2*testutil.Patience, func() { cmd.Process.Kill() })
		testutil.Poll(t, testutil.Patience, func() bool {
			c, err := testutil.Connect("tcp", "127.0.0.1:"+port)
			if err != nil {
				return false
			}
			defer c.Close()
			v, err := c.Do("PING")
			return err == nil && strings.HasPrefix(v.Str, "LOADING ")
		})
		if err := cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // the exit code tells
		timer.Stop()
		if code := cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(out.String(), "Received shutdown signal during loading, exiting now.") ||
			strings.Contains(out.String(), "Ready to accept") {
			t.Errorf("%v: exit code %d\n%s", sig, code, &out)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%v: the file is another one, %v", sig, err)
		}
	}
}
