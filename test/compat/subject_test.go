// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// subject starts the server that is held against the oracle: Redpoll in this process, on the real clock.
func subject(t *testing.T) *testutil.Target {
	t.Helper()
	return startRedpoll(t, redpoll.Options{})
}

// subjectOnFakeClock is subject with a clock that stories move.
func subjectOnFakeClock(t *testing.T) *testutil.Target {
	t.Helper()
	clock := redpoll.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	target := startRedpoll(t, redpoll.Options{Clock: clock})
	target.Advance = clock.Advance
	return target
}

func startRedpoll(t *testing.T, o redpoll.Options) *testutil.Target {
	t.Helper()
	o.Config = map[string]string{"enable-debug-command": "yes", "dir": t.TempDir()}
	s, err := redpoll.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &testutil.Target{Name: "redpoll", Network: "tcp", Addr: s.Addr(), Redpoll: true}
}
