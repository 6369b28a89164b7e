// SPDX-License-Identifier: BSD-3-Clause

package stats

import (
	"slices"
	"testing"
)

func TestSpikes(t *testing.T) {
	var s Spikes
	const ms = 1_000_000
	s.Note("command", 1<<50, 1000)
	if s.On() || len(s.Events()) != 0 {
		t.Fatal("noted without a threshold")
	}
	s.SetThreshold(20)
	for _, n := range []struct {
		event string
		ms    int64
		at    int64
	}{{"command", 19, 1000}, {"command", 30, 1000}, {"command", 25, 1999}, {"command", 50, 1001}, {"command", 20, 5000}, {"fork", 99, 7000}} {
		s.Note(n.event, n.ms*ms, n.at)
	}
	if got := s.Events(); !slices.Equal(got, []Event{{"command", Spike{5, 20}, 50}, {"fork", Spike{7, 99}, 99}}) {
		t.Errorf("events %v", got)
	}
	if got, worst := s.Of("command"); worst != 50 || !slices.Equal(got, []Spike{{1, 50}, {5, 20}}) {
		t.Errorf("samples %v, %d", got, worst)
	}
	for i := range int64(200) {
		s.Note("fork", 100*ms, 8000+1000*i)
	}
	if got, _ := s.Of("fork"); len(got) != maxSpikes || got[0].At != 48 || got[maxSpikes-1].At != 207 {
		t.Errorf("%d samples, %v to %v", len(got), got[0], got[len(got)-1])
	}
	if n := s.Forget("command", "no"); n != 1 {
		t.Errorf("%d forgotten", n)
	}
	if n := s.Forget(); n != 1 || len(s.Events()) != 0 {
		t.Errorf("%d forgotten", n)
	}
}
