// SPDX-License-Identifier: BSD-3-Clause

package sets

import (
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSpecs holds the family's records against what a real redis-server says of the same commands.
func TestSpecs(t *testing.T) {
	registry, err := command.NewRegistry(Family)
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, registry, testutil.Oracle(t))
}
