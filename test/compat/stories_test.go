// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestStoriesOnOracle proves the expectations; with -rewrite they are taken from the oracle.
func TestStoriesOnOracle(t *testing.T) {
	if invariants.Enabled {
		t.Skip("n/a: the oracle is the same in every build")
	}
	testutil.RunStories(t, "testdata", func(t *testing.T) *testutil.Target { return testutil.Oracle(t) })
}

// TestStoriesOnRedpoll runs the same conversations on Redpoll, whose clock is moved instead of waited for.
func TestStoriesOnRedpoll(t *testing.T) {
	testutil.RunStories(t, "testdata", subjectOnFakeClock)
}

// TestDifferential sends every conversation to both servers and compares what comes back. In the debug build it does so in RESP3 only: in
// RESP2 TestStoriesOnRedpoll sends the same.
func TestDifferential(t *testing.T) {
	protos := []int{2, 3}
	if invariants.Enabled {
		protos = []int{3}
	}
	for _, path := range testutil.StoryFiles(t, "testdata") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			oracle, subject := testutil.Oracle(t), subject(t)
			for _, proto := range protos {
				t.Run("resp"+strconv.Itoa(proto), func(t *testing.T) { compareStory(t, path, oracle, subject, proto) })
			}
		})
	}
}

func compareStory(t *testing.T, path string, oracle, subject *testutil.Target, proto int) {
	story, err := testutil.ReadStory(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range story.Sections {
		sec := &story.Sections[i]
		t.Run(sec.Title, func(t *testing.T) { compareSection(t, path, sec, oracle, subject, proto) })
	}
}

func compareSection(t *testing.T, path string, sec *testutil.Section, oracle, subject *testutil.Target, proto int) {
	a, err := testutil.NewPlayer(oracle, proto)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := testutil.NewPlayer(subject, proto)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := range sec.Steps {
		s := &sec.Steps[i]
		if !a.Runs(s) || !b.Runs(s) {
			continue
		}
		if s.Kind == testutil.StepAdvance && subject.Advance == nil {
			s.Wait /= 2 // both wait in turn, and time passes for both
		}
		want, ok, err := a.Play(s)
		if testutil.Ends(err) {
			return
		}
		if err != nil {
			t.Fatalf("%s:%d: %s\n%s: %v", path, s.Line, s.Text, oracle.Name, err)
		}
		got, _, err := b.Play(s)
		if err != nil {
			t.Fatalf("%s:%d: %s\n%s: %v", path, s.Line, s.Text, subject.Name, err)
		}
		if ok && !sameStep(s, want, got, proto) {
			t.Errorf("%s:%d: %s\n%s: %q\n%s: %q", path, s.Line, s.Text, oracle.Name, want.Raw, subject.Name, got.Raw)
		}
	}
}
