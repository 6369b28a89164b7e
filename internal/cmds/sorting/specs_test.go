// SPDX-License-Identifier: BSD-3-Clause

package sorting_test

import (
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/hashes"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/cmds/sets"
	"github.com/redpoll/redpoll/internal/cmds/sorting"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/cmds/zsets"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSpecs holds the family's records against what a real redis-server says of the same commands. What the commands do is
// compared in test/compat.
func TestSpecs(t *testing.T) {
	registry, err := command.NewRegistry(sorting.Family)
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, registry, testutil.Oracle(t))
}

func newRig(t *testing.T) *commandtest.Rig {
	return commandtest.NewRig(t, sorting.Family, keys.Family, lists.Family, sets.Family, zsets.Family, strings.Family, hashes.Family)
}

// TestHammer has the keys of other families to sort.
func TestHammer(t *testing.T) {
	newRig(t).Hammer(t, 7, 60_000)
}
