// SPDX-License-Identifier: BSD-3-Clause

//go:build !invariants

package pubsub

import "testing"

// TestQuiet: where nobody listens, and for a channel that nobody listens to, nothing is allocated.
func TestQuiet(t *testing.T) {
	r := New(1)
	c := newClient(0)
	name, message := []byte("channel"), []byte("message")
	publish := func() { r.Publish(Channel, name, message, nil) }
	if n := testing.AllocsPerRun(100, publish); n != 0 {
		t.Errorf("%v allocations without subscriptions", n)
	}
	r.Subscribe(c, Channel, []byte("other"))
	r.Subscribe(c, Pattern, []byte("other*"))
	if n := testing.AllocsPerRun(100, publish); n != 0 {
		t.Errorf("%v allocations with subscriptions to others", n)
	}
}
