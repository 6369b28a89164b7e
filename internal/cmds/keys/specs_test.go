// SPDX-License-Identifier: BSD-3-Clause

package keys_test

import (
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/hashes"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSpecs holds the family's records against what a real redis-server says of the same commands. What the commands do is
// compared in test/compat.
func TestSpecs(t *testing.T) {
	registry, err := command.NewRegistry(keys.Family)
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, registry, testutil.Oracle(t))
}

// TestHammer has the keys of other families to work on.
func TestHammer(t *testing.T) {
	commandtest.NewRig(t, keys.Family, strings.Family, hashes.Family).Hammer(t, 7, 60_000)
}
