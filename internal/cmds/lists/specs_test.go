// SPDX-License-Identifier: BSD-3-Clause

package lists_test

import (
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSpecs holds the family's records against what a real redis-server says of the same commands. What the commands do is
// compared in test/compat.
func TestSpecs(t *testing.T) {
	registry, err := command.NewRegistry(lists.Family)
	if err != nil {
		t.Fatal(err)
	}
	// From 7.2 on scripts may call commands that wait.
	commandtest.CompareSpecs(t, registry, testutil.Oracle(t), "blpop flags", "brpop flags", "brpoplpush flags", "blmove flags")
}

// TestHammer has random calls do no harm.
func TestHammer(t *testing.T) {
	commandtest.NewRig(t, lists.Family).Hammer(t, 7, 60_000)
}
