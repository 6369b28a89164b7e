// SPDX-License-Identifier: BSD-3-Clause

package streams_test

import (
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/streams"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSpecs holds the family's records against what a real redis-server says of the same commands. What the commands do is
// compared in test/compat.
func TestSpecs(t *testing.T) {
	registry, err := command.NewRegistry(streams.Family)
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, registry, testutil.Oracle(t))
}

// TestHammer has random calls do no harm.
func TestHammer(t *testing.T) {
	commandtest.NewRig(t, streams.Family).Hammer(t, 7, 60_000)
}
