// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// TestDetach has this test's own binary run detachedChild in the background.
func TestDetach(t *testing.T) {
	note := filepath.Join(t.TempDir(), "note")
	t.Setenv("REDPOLL_TEST_NOTE", note)
	p := &program{args: []string{"redis-server", "-test.run=^TestDetachedChild$"}}
	if err := detach(p, []byte("port 7000")); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, testutil.Patience, func() bool {
		text, err := os.ReadFile(note)
		return err == nil && string(text) == "redis-server|port 7000|true"
	})
}

// TestDetachedChild is no test but the child of TestDetach: it notes its name, its input and whether it leads a session.
func TestDetachedChild(t *testing.T) {
	note := os.Getenv("REDPOLL_TEST_NOTE")
	if os.Getenv(detachedMark) == "" || note == "" {
		t.Skip("n/a: runs as a child of TestDetach")
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	leads := syscall.Getpgrp() == os.Getpid()
	text := os.Args[0] + "|" + string(stdin) + "|" + strconv.FormatBool(leads)
	if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
