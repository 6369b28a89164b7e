// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestStoriesOnOracle(t *testing.T) {
	RunStories(t, "testdata", func(t *testing.T) *Target { return Oracle(t) })
}

func TestStepsParse(t *testing.T) {
	for _, tc := range []struct {
		line string
		want Step
	}{
		{`> GET "a b"`, Step{Kind: StepCommand, Conn: "1", Times: 1, Args: []string{"GET", "a b"}}},
		{`@b redpoll-only since 7.2 > PING`, Step{Kind: StepCommand, Conn: "b", Times: 1, RedpollOnly: true, Since: "7.2", Args: []string{"PING"}}},
		{`times 12 > SET k{i} {z*3}`, Step{Kind: StepCommand, Conn: "1", Times: 12, Args: []string{"SET", "k{i}", "zzz"}}},
		{`@2 raw "\x00{a*2}\r\n"`, Step{Kind: StepRaw, Conn: "2", Times: 1, Raw: "\x00aa\r\n"}},
		{`@2 read`, Step{Kind: StepRead, Conn: "2", Times: 1}},
		{`closed`, Step{Kind: StepClosed, Conn: "1", Times: 1}},
		{`@x resp3`, Step{Kind: StepProto, Conn: "x", Times: 1, Proto: 3}},
		{`@a until > DBSIZE`, Step{Kind: StepCommand, Conn: "a", Times: 1, Until: true, Args: []string{"DBSIZE"}}},
		{`waiting 2`, Step{Kind: StepWaiting, Conn: "1", Times: 2}},
		{`advance 1m30s`, Step{Kind: StepAdvance, Conn: "1", Times: 1, Wait: 90 * time.Second}},
	} {
		got, ok, err := parseStep(tc.line)
		if err != nil || !ok || !reflect.DeepEqual(*got, tc.want) {
			t.Errorf("%s: got %+v %v %v, want %+v", tc.line, got, ok, err, tc.want)
		}
	}
}

func TestStoryErrors(t *testing.T) {
	for text, want := range map[string]string{
		"OK\n":                  "x:1: neither a step nor below one: OK",
		"> \"a\n":               "x:1: unbalanced quotes",
		"\n> GET \"a\"b":        "x:2: a closing quote must be followed by a blank",
		"advance soon":          "x:1: time: invalid duration",
		"> GET k\n\"v\"\n\nnil": "x:4: neither a step nor below one: nil",
	} {
		if _, err := parseStory("x", text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// TestElapsed: on a real clock time may have passed since a key was given its time to live.
func TestElapsed(t *testing.T) {
	story, err := parseStory("x", "> TTL k\n(integer) 100\n> pttl k\n(near 100000)\n> OBJECT idletime k\n(integer) 7\n> DBSIZE\n(integer) 100\n> TTL none\n(integer) -2\n"+
		"waiting 1\nwaiting 2\nadvance 1s\n")
	if err != nil {
		t.Fatal(err)
	}
	steps := story.Sections[0].Steps
	for _, tc := range []struct {
		step       int
		reply      int64
		held, real bool // what is right on a clock that stands still, and on one that does not
	}{
		{0, 100, true, true}, {0, 99, false, true}, {0, 40, false, true}, {0, 39, false, false}, {0, 101, false, false}, {0, -2, false, false},
		{1, 99000, true, true}, {1, 101000, true, true}, {1, 40000, false, true}, {1, 39999, false, false}, {1, 102001, false, false},
		{2, 7, true, true}, {2, 8, false, true}, {2, 67, false, true}, {2, 68, false, false}, {2, 6, false, false},
		{3, 100, true, true}, {3, 99, false, false},
		{4, -2, true, true}, {4, -1, false, false}, {4, 0, false, false},
	} {
		v := Value{Kind: ':', Int: tc.reply, Str: strconv.FormatInt(tc.reply, 10)}
		if held, real := steps[tc.step].matches(v, false) == nil, steps[tc.step].matches(v, true) == nil; held != tc.held || real != tc.real {
			t.Errorf("%s: %d is right %v, on a real clock %v; want %v, %v", steps[tc.step].Text, tc.reply, held, real, tc.held, tc.real)
		}
	}
	if steps[5].moves || !steps[6].moves {
		t.Error("it is the second wait that must have come about before the clock is moved")
	}
}

func TestRewrite(t *testing.T) {
	const before = "# head\n=== one\n> GET a\n> GET b\nold\nold\n\n# note\n> KEYS *\n(unordered)\nold\n> TIME\n(any)\n> TTL k\n(near 5)\n"
	const after = "# head\n=== one\n> GET a\n\"1\"\n> GET b\n(nil)\n\n# note\n> KEYS *\n(unordered)\n1) \"x\"\n2) \"y\"\n> TIME\n(any)\n> TTL k\n(integer) 99999\n"
	path := filepath.Join(t.TempDir(), "s.txt")
	s, err := parseStory(path, before)
	if err != nil {
		t.Fatal(err)
	}
	err = s.rewrite(map[int]Value{
		3:  {Kind: '$', Str: "1"},
		4:  {Kind: '$', Null: true},
		9:  {Kind: '*', Elems: []Value{{Kind: '$', Str: "y"}, {Kind: '$', Str: "x"}}},
		12: {Kind: '*'},
		14: {Kind: ':', Int: 99999, Str: "99999"},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != after {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, after)
	}
}

func TestVersionLess(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{{"7.0.15", "7.2", true}, {"7.2", "7.2", false}, {"7.2.0", "7.2", false}, {"7.10", "7.9", false}, {"6.2.14", "7", true}} {
		if got := versionLess(tc.a, tc.b); got != tc.want {
			t.Errorf("%s < %s: got %v", tc.a, tc.b, got)
		}
	}
}
