// SPDX-License-Identifier: BSD-3-Clause

package main

import "testing"

func TestNewMembersAreAllDifferent(t *testing.T) {
	const n = 5000
	encode := newMembers(n, "ZADD", "z", hole, member)
	scores, members := map[string]bool{}, map[string]bool{}
	for i := range n {
		text := string(encode(nil, i))
		at := len("*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$9\r\n")
		scores[text[at:at+9]] = true
		members[text[len(text)-18:]] = true
	}
	if len(scores) != n || len(members) != n || !members["member:000004999\r\n"] || !scores["000004999"] {
		t.Errorf("%d scores and %d members of %d", len(scores), len(members), n)
	}
}
