// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"os"
	"testing"
	"time"
)

// RequiredEnv is the environment variable that, set to 1, turns every check skipped for want of a program into a failure.
const RequiredEnv = "REDPOLL_CHECKS_REQUIRED"

// Patience is how long tests wait for what must come, a reply among it: so long that a machine on which everything takes twenty times as
// long, or that stands still for seconds, fails no test. Only a test that fails has to wait for so long.
const Patience = time.Minute

// Missing ends the test because the machine lacks what, a program or a package: skipped, or failed under RequiredEnv.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(RequiredEnv) == "1" {
		t.Fatalf("%s is missing and %s=1: run scripts/install-checks.sh", what, RequiredEnv)
	}
	t.Skipf("SKIPPED, %s is missing (scripts/install-checks.sh installs it)", what)
}

// Poll calls cond until it returns true, and fails the test when it has not within deadline. The pauses between the calls
// grow from 100 µs to 10 ms.
func Poll(t testing.TB, deadline time.Duration, cond func() bool) {
	t.Helper()
	if !poll(deadline, cond) {
		t.Fatalf("the condition did not hold within %v", deadline)
	}
}

func poll(deadline time.Duration, cond func() bool) bool {
	end := time.Now().Add(deadline)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		if cond() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
}

// Aside runs fn on another goroutine and waits for its end: what depends on who calls, such as which locks he holds, is then
// as for somebody else. fn must not call t.Fatal.
func Aside(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	<-done
}
