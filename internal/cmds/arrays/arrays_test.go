// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
)

// call runs a line and gives what the reply looks like.
func call(t *testing.T, r *commandtest.Rig, line string) string {
	t.Helper()
	return strings.ReplaceAll(string(r.Do(2, strings.Fields(line)...)), "\r\n", " ")
}

// TestArities: as Redis has them.
func TestArities(t *testing.T) {
	want := map[string]int{
		"ARCOUNT": 2, "ARDEL": -3, "ARDELRANGE": -4, "ARGET": 3, "ARGETRANGE": 4, "ARGREP": -6, "ARINFO": -2, "ARINSERT": -3, "ARLASTITEMS": -3,
		"ARLEN": 2, "ARMGET": -3, "ARMSET": -4, "ARNEXT": 2, "AROP": -5, "ARRING": -4, "ARSCAN": -4, "ARSEEK": 3, "ARSET": -4,
	}
	r, err := command.NewRegistry(Family)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Commands() {
		if s.Arity != want[s.Name] {
			t.Errorf("%s has arity %d, not %d", s.Name, s.Arity, want[s.Name])
		}
	}
	if len(r.Commands()) != len(want) {
		t.Errorf("%d commands, not %d", len(r.Commands()), len(want))
	}
}

// TestChanges: each element counts as a change; what changes nothing says nothing to anybody.
func TestChanges(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.CheckEffect(t, "ARSET a 0 x y z", "arset a", 3, "")
	r.CheckEffect(t, "ARMSET a 7 x 9 y", "armset a", 2, "")
	r.CheckEffect(t, "ARINSERT a p q", "arinsert a", 2, "")
	r.CheckEffect(t, "ARSEEK a 3", "arseek a", 1, "")
	r.CheckEffect(t, "ARSEEK none 3", "", 0, "")
	r.CheckEffect(t, "ARRING a 4 x y", "arring a", 2, "")
	r.CheckEffect(t, "ARDEL a 77", "", 0, "")
	r.CheckEffect(t, "ARDEL a 0 1", "ardel a", 2, "")
	r.CheckEffect(t, "ARGET a 0", "", 0, "")
	r.CheckEffect(t, "ARDELRANGE a 0 100", "ardelrange a,del a", 2, "")
	r.CheckEffect(t, "ARDELRANGE a 0 100", "", 0, "")
}

// TestRing holds ARRING and ARLASTITEMS against a model: a slice with the elements that a ring keeps.
func TestRing(t *testing.T) {
	r, rng := commandtest.NewRig(t, Family), rand.New(rand.NewPCG(rand.Uint64(), 3))
	var kept []string
	size := 5
	for i := range 2000 {
		if rng.IntN(10) == 0 {
			size = 1 + rng.IntN(12)
		}
		words := []string{"ARRING", "a", strconv.Itoa(size)}
		for range 1 + rng.IntN(4) {
			words = append(words, fmt.Sprint("v", i, ".", len(words)))
		}
		if len(kept) > size {
			kept = kept[len(kept)-size:]
		}
		kept = append(kept, words[3:]...)
		if len(kept) > size {
			kept = kept[len(kept)-size:]
		}
		r.Do(2, words...)
		if got := r.Call(t, "ARLASTITEMS", "a", "100").Strings(); fmt.Sprint(got) != fmt.Sprint(kept) {
			t.Fatalf("step %d, size %d: %v, not %v", i, size, got, kept)
		}
		n := 1 + rng.IntN(len(kept))
		back := r.Call(t, "ARLASTITEMS", "a", strconv.Itoa(n), "REV").Strings()
		for j, text := range back {
			if text != kept[len(kept)-1-j] {
				t.Fatalf("step %d: %v from the last on, not %v", i, back, kept)
			}
		}
	}
}

// TestInfo: what is told of slices.
func TestInfo(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	for i := range 20 {
		call(t, r, fmt.Sprint("ARSET a ", 2*i, " v"))
	}
	call(t, r, "ARMSET a 4096 x 5000 y 1000000 z 18446744073709551614 last")
	got := call(t, r, "ARINFO a FULL")
	for field, want := range map[string]string{
		"count": ":24", "len": ":18446744073709551615", "next-insert-index": ":0", "slices": ":4", "slice-size": ":4096", "dense-slices": ":1",
		"sparse-slices": ":3", "avg-dense-size": "$2 39", "avg-sparse-size": "$18 1.3333333333333333",
	} {
		if !strings.Contains(got, field+" "+want+" ") {
			t.Errorf("%s is not %s: %s", field, want, got)
		}
	}
	if got := call(t, r, "ARINFO a"); !strings.Contains(got, "slices :4 ") {
		t.Errorf("without FULL: %s", got)
	}
}

// TestEnd: a reader that is told to end does; what changes something gets to its end.
func TestEnd(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	words := []string{"ARSET", "a", "0"}
	for i := range 3000 {
		words = append(words, strconv.Itoa(i))
	}
	r.End = errors.New("ERR enough")
	if r.Do(2, words...); r.Ticks < 10 || r.Dirty != 3000 {
		t.Errorf("ARSET: %d ticks, %d changes", r.Ticks, r.Dirty)
	}
	for _, line := range []string{
		"ARGETRANGE a 0 2999", "ARSCAN a 2999 0", "AROP a 0 9999 SUM", "ARGREP a - + MATCH x", "ARINFO a FULL", "ARLASTITEMS a 3000",
	} {
		if got := call(t, r, line); got != "-ERR enough " {
			t.Errorf("%s: %.40q", line, got)
		}
	}
	if r.Do(2, "ARRING", "a", "2900", "x"); r.Ticks < 10 || r.Dirty != 1 {
		t.Errorf("ARRING: %d ticks, %d changes", r.Ticks, r.Dirty)
	}
}

// TestRegexp: regular expressions mean what they do in POSIX, and bytes are characters.
func TestRegexp(t *testing.T) {
	for _, test := range []struct {
		pattern, matches, not string
	}{
		{`a|b`, "xbx", "c"},
		{`^(foo|bar)$`, "bar", "foobar"},
		{`[]a]`, "]", "b"},
		{`[^]a]`, "b", "]"},
		{`[a\]`, `\`, "b"},
		{`[a-]`, "-", "b"},
		{`[[:digit:][:upper:]x-z]`, "Y", "-"},
		{`[[.a.]b[=c=]]`, "c", "d"},
		{`a{2}`, "baab", "aba"},
		{`^a{,2}$`, "aa", "aaa"},
		{`^a{2,}$`, "aaa", "a"},
		{`\.\*`, ".*", "ab"},
		{`\x2e\x{2E}`, "..", "ab"},
		{`\Qa.b\E.`, "a.bx", "axbx"},
		{`^.$`, "\xff", "\xc3\xa9"},
		{`[\d]`, `\`, "7"}, // a backslash stands for itself
		{"[\x80-\xff]", "\xe9", "e"},
		{`^\w+\s\d$`, "ab 1", "ab1"},
		{`a.b`, "a\nb", "ab"},
		{`\y`, "y", "x"},
	} {
		for _, nocase := range []bool{false, true} {
			re, _, err := compile([]byte(test.pattern), nocase, maxStates)
			if err != nil {
				t.Errorf("%q: %v", test.pattern, err)
				continue
			}
			if !re.Match(appendLatin(nil, []byte(test.matches))) || re.Match(appendLatin(nil, []byte(test.not))) {
				t.Errorf("%q does not match %q, or matches %q", test.pattern, test.matches, test.not)
			}
		}
	}
	for pattern, want := range map[string]string{
		`(`: badParen, `)`: badParen, `[a`: badBracket, `[`: badBracket, `[[:what:]]`: badClass, `[[.ab.]]`: badCollation, `[z-a]`: badRange, `a{1`: badBrace,
		`(a)\1[`: badBracket, `((a{10}){10}){10}((.{250}){4}){40}`: badSize, `(` + strings.Repeat(`a{255}`, 250) + `)`: badSize,
		`a{x}`: badBounds, `a{2,1}`: badBounds, `a{256}`: badBounds, `*a`: badRepeat, `a\`: badBackslash, `\x{zz}`: badBrace,
	} {
		if _, _, err := compile([]byte(pattern), false, maxStates); err == nil || err.Error() != errRegexp(want).Error() {
			t.Errorf("%q gives %v, not %s", pattern, err, want)
		}
	}
}

// TestFolded: a text is found in lower case wherever it stands, where the parts meet that are looked at, too.
func TestFolded(t *testing.T) {
	q := query{}
	for _, at := range []int{0, 10, foldStep - 3, foldStep, 2*foldStep - 1, 2 * foldStep} {
		text := bytes.Repeat([]byte("x"), 2*foldStep+50)
		copy(text[at:], "NeEdLe")
		if !q.containsFolded(text, []byte("needle")) || q.containsFolded(text, []byte("needles")) {
			t.Errorf("at %d it is not found", at)
		}
	}
}

// TestLongSearch: a search that takes long ticks, and ends when it is told to; several regular expressions together have no more states than one.
func TestLongSearch(t *testing.T) {
	r := commandtest.NewRig(t, Family)
	r.Do(2, "ARSET", "a", "0", strings.Repeat("a", 50_000)+"\xff", "\xe9")
	for pattern, want := range map[string]string{
		`a{200}\xff$`: "*1 :0 ", `^[^b]*\xff$`: "*1 :0 ", `(a|b){50}c`: "*0 ", `\ba+\B`: "*1 :0 ", `\x{e9}`: "*1 :1 ",
	} {
		if got := call(t, r, "ARGREP a - + RE "+pattern); got != want {
			t.Errorf("%s: %s", pattern, got)
		}
	}
	if call(t, r, "ARGREP a - + RE a{200}b"); r.Ticks < 5 {
		t.Errorf("%d ticks", r.Ticks)
	}
	r.End = errors.New("ERR enough")
	if got := call(t, r, "ARGREP a - + RE a{200}b"); got != "-ERR enough " || r.Ticks != 1 {
		t.Errorf("%q after %d ticks", got, r.Ticks)
	}
	if got := call(t, r, "ARGREP a - +"+strings.Repeat(" RE (a{250}){4}", 60)); got != "-"+errRegexp(badSize).Error()+" " {
		t.Errorf("many regular expressions: %q", got)
	}
}

func FuzzRegexp(f *testing.F) {
	f.Add([]byte(`^[[:alpha:]]{2,3}\x41(a|\Q.\E)*$`), []byte("abA."))
	f.Fuzz(func(t *testing.T, pattern, text []byte) {
		if len(pattern) > 100 {
			return
		}
		re, _, err := compile(pattern, false, maxStates)
		if err != nil {
			return
		}
		re.Match(appendLatin(nil, text))
		if _, err := regexp.Compile(re.String()); err != nil {
			t.Errorf("%q becomes %q: %v", pattern, re, err)
		}
	})
}

func TestHammer(t *testing.T) {
	commandtest.NewRig(t, Family).Hammer(t, 11, 30_000)
}
