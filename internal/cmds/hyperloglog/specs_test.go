// SPDX-License-Identifier: BSD-3-Clause

package hyperloglog

import (
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestSpecs holds the family's records against what a real redis-server says of the same commands. That of
// 7.0 does not tell that PFMERGE does without sources.
func TestSpecs(t *testing.T) {
	registry, err := command.NewRegistry(Family)
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, registry, testutil.Oracle(t), "pfmerge syntax")
}
