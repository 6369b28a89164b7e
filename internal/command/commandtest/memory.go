// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// Shortage is a test of what calls do that are refused memory.
type Shortage struct {
	Lines []string                                   // the calls
	Most  int64                                      // bytes that are left at most, from none on
	Step  int64                                      // bytes
	Fill  func(t *testing.T) *Rig                    // makes what a call finds
	View  func(t *testing.T, rig *Rig) *store.Frozen // somebody reads it meanwhile
	Read  func(rig *Rig) string                      // all that a call may have changed
}

// Run fails the test where a call that is refused memory has changed anything, or where none is refused.
func (s Shortage) Run(t *testing.T) {
	for _, line := range s.Lines {
		words := strings.Fields(line)
		rig := s.Fill(t)
		before := s.Read(rig)
		rig.Do(2, words...)
		after := s.Read(rig)
		refusals := 0
		for left := int64(0); left < s.Most; left += s.Step {
			t.Run(fmt.Sprintf("%.40s/%d KB", line, left>>10), func(t *testing.T) {
				rig, want := s.Fill(t), after
				defer s.View(t, rig).Release()
				rig.Arena.SetLimit(rig.Arena.InUse() + left)
				if Refused(func() { rig.Do(2, words...) }) {
					want = before
					refusals++
				}
				rig.Arena.SetLimit(0)
				if s.Read(rig) != want {
					t.Error("done by halves")
				}
			})
		}
		if refusals == 0 {
			t.Errorf("%.40s was never refused", line)
		}
	}
}

// Refused tells whether there was no memory for a call.
func Refused(call func()) (is bool) {
	defer func() {
		if p := recover(); p != nil {
			if is = p == error(mem.ErrNoMemory); !is {
				panic(p)
			}
		}
	}()
	call()
	return false
}
