// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || portable

package netloop

import "testing"

// TestPollerTakesTurns: of more streams that are always ready than one wait can tell of, none is passed over for ever.
func TestPollerTakesTurns(t *testing.T) {
	var p poller
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	const streams = maxEvents*2 + 10
	for i := range streams {
		p.changed(&stream{poll: &p, slot: int32(i), want: pollRead, in: []byte("x")})
	}
	seen := map[int32]int{}
	for range 3 {
		for _, e := range p.peek() {
			slot, _ := eventTarget(&e)
			seen[slot]++
		}
	}
	if len(seen) != streams {
		t.Errorf("%d of %d streams were told of", len(seen), streams)
	}
}

// TestStreamKeepsLittle: a loop that reads less at a time than there is does not make what was read ahead grow.
func TestStreamKeepsLittle(t *testing.T) {
	var p poller
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s := &stream{poll: &p, roomIn: make(chan struct{}, 1), in: make([]byte, 10)}
	piece := make([]byte, 1000)
	for range 1000 {
		s.in = append(s.in, piece...) // as readAhead does
		if n, err := s.read(piece); n != len(piece) || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if cap(s.in) > 8*len(piece) {
		t.Errorf("%d bytes are kept for %d unread", cap(s.in), len(s.in)-s.taken)
	}
}
