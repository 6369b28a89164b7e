// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"testing"
)

// TestGuest has guests put keys beside a worker, and one that stills the world in between: every key is there, and nobody waits for ever.
func TestGuest(t *testing.T) {
	const guests, keys = 3, 2000
	s := newStore(t, 4)
	done := make(chan struct{}, guests)
	for i := range guests {
		go func() {
			v := s.NewView()
			g := v.NewGuest(false)
			for n := range keys {
				key := fmt.Appendf(nil, "key:%d:%d", i, n)
				g.Take(v.ShardOf(key))
				v.DB(0).SetString(key, key, NoExpiry)
				g.Free()
				if n%10 == 9 {
					g.Rest()
				}
			}
			g.Close()
			done <- struct{}{}
		}()
	}
	worker, held := s.NewGate(), 0
	for left := guests; left > 0; {
		select {
		case <-done:
			left--
		default:
		}
		if s.Enter(worker) {
			if s.TryLock(held % 4) {
				s.Unlock(held % 4)
			}
			held++
			s.Leave(worker)
		}
		if s.Still() {
			s.Resume()
		}
	}
	n, err := s.NewView().DB(0).Len()
	if err != nil || n != guests*keys {
		t.Errorf("%d keys, %v", n, err)
	}
	if used := s.Used(); used < guests*keys*20 {
		t.Errorf("%d bytes are in use", used)
	}
	if len(s.gates.list) != 1 {
		t.Errorf("%d gates stay", len(s.gates.list)-1)
	}
}
