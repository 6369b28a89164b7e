// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"strings"
	"testing"
)

// CheckEffect runs a call, whose words stand apart by blanks, and wants what it does beside replying: its notifications, the event and the
// key of each, the changes that it counts, and what the log gets in its place ("": the call itself, if there are changes). Several
// notifications or commands stand apart by commas.
func (r *Rig) CheckEffect(t *testing.T, call, events string, dirty int64, log string) {
	t.Helper()
	r.Do(2, strings.Fields(call)...)
	if got := strings.Join(r.Events, ","); got != events {
		t.Errorf("%s: events %q, want %q", call, got, events)
	}
	if got := strings.Join(r.Effects, ","); r.Dirty != dirty || got != log {
		t.Errorf("%s: %d changes, and the log gets %q; want %d, %q", call, r.Dirty, got, dirty, log)
	}
}
