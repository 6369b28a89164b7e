// SPDX-License-Identifier: BSD-3-Clause

package glob

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

var cases = []struct {
	pattern, s   string
	want, nocase bool // nocase: the result without regard to case
}{
	{"", "", true, true}, {"*", "", false, false}, {"**", "", false, false}, {"", "a", false, false}, {"*", "a", true, true}, {"**", "ab", true, true},
	{"?", "a", true, true}, {"?", "", false, false}, {"?", "ab", false, false}, {"a*", "a", true, true}, {"a**", "a", true, true}, {"*a", "a", true, true},
	{"*a*", "a", true, true}, {"h?llo", "hello", true, true}, {"h?llo", "HELLO", false, true}, {"h*llo", "heeeello", true, true}, {"h[ae]llo", "hillo", false, false},
	{"h[ae]llo", "hallo", true, true}, {"h[^e]llo", "hello", false, false}, {"h[^e]llo", "hallo", true, true}, {"h[a-c]llo", "hbllo", true, true},
	{"h[c-a]llo", "hbllo", true, true}, {"h[a-c]llo", "HBLLO", false, true}, {"[A-C]", "b", false, true}, {`\*`, "*", true, true}, {`\*`, "a", false, false},
	{`a\`, `a\`, true, true}, {`\\`, `\`, true, true}, {`\`, `\`, true, true}, {"[]", "a", false, false}, {"[]a]", "a]", false, false}, {"[^]", "a", true, true},
	{"[", "a", false, false}, {"[", "[", false, false}, {"[^", "a", true, true}, {"[a", "a", true, true}, {"[abc", "c", true, true}, {"[a-", "a", true, true},
	{"[a-", "-", true, true}, {"[a-]", "b", false, false}, {"[a-]", "]", true, true}, {"[a-]x", "ax", false, false}, {`[\]]`, "]", true, true}, {`[\`, `\`, true, true},
	{`[\a]`, "A", false, false}, {`[\-]`, "-", true, true}, {`[a\-z]`, "-", true, true}, {"[^a-z]", "A", true, false}, {"[Z-a]", "_", true, false},
	{"a]", "a]", true, true}, {"*abc", "abab" + "c", true, true}, {"*ab*cd", "abxcdcd", true, true}, {"*?", "a", true, true}, {"*??", "a", false, false},
	{"a*b*c", "a1b2b3c", true, true}, {"a*b*c", "a1b2b3", false, false}, {"\x80", "\x80", true, true}, {"[a-\xff]", "b", false, false}, {"[a-\xff]", "A", true, true},
	{"[\x80-\xff]", "\x90", true, true}, {"news.*", "news.sport", true, true}, {"*[", "a", false, false}, {"*[^", "ab", true, true}, {"a\x00b", "a\x00b", true, true},
}

func TestMatch(t *testing.T) {
	for _, c := range cases {
		if got := MatchString(c.pattern, c.s, false); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.s, got)
		}
		if got := MatchString(c.pattern, c.s, true); got != c.nocase {
			t.Errorf("Match(%q, %q, nocase) = %v", c.pattern, c.s, got)
		}
	}
}

func TestHostilePatternsAreQuick(t *testing.T) {
	const n = 2000
	s := []byte(strings.Repeat("a", n))
	for _, pattern := range []string{
		strings.Repeat("a*", n/2) + "b", strings.Repeat("*a", n/2) + "b", strings.Repeat("*?", n/2) + "b", strings.Repeat("*[a-z]", n/2) + "[^a]",
		"*" + strings.Repeat("a", n/2) + "b", strings.Repeat("*", 100000) + "b", strings.Repeat(`*\a`, n/2) + "b",
	} {
		if Match([]byte(pattern), s, true) {
			t.Errorf("%.20q matches", pattern)
		}
	}
}

func TestIsLiteral(t *testing.T) {
	for _, s := range []string{"", "abc", "a]b^-"} {
		if !IsLiteral([]byte(s)) {
			t.Errorf("%q is literal", s)
		}
	}
	for _, s := range []string{"*", "a?", "[", `\a`} {
		if IsLiteral([]byte(s)) {
			t.Errorf("%q is not literal", s)
		}
	}
}

// reference is the textbook definition: try every length for each star.
func reference(p, s []byte, nocase bool) bool {
	if len(p) == 0 || len(s) == 0 {
		return len(p) == 0 && len(s) == 0
	}
	if p[0] == '*' {
		for len(p) > 1 && p[1] == '*' {
			p = p[1:]
		}
		if len(p) == 1 {
			return true
		}
		for i := range s {
			if reference(p[1:], s[i:], nocase) {
				return true
			}
		}
		return false
	}
	next, ok := matchOne(p, 0, s[0], nocase)
	if !ok {
		return false
	}
	p, s = p[next:], s[1:]
	if len(s) == 0 {
		for len(p) > 0 && p[0] == '*' {
			p = p[1:]
		}
	}
	return reference(p, s, nocase)
}

func FuzzMatch(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.pattern), []byte(c.s))
	}
	f.Fuzz(func(t *testing.T, p, s []byte) {
		if len(p) > 12 || len(s) > 12 {
			return
		}
		for _, nocase := range []bool{false, true} {
			if got, want := Match(p, s, nocase), reference(p, s, nocase); got != want {
				t.Errorf("Match(%q, %q, %v) = %v, want %v", p, s, nocase, got, want)
			}
		}
	})
}

// random returns up to n bytes that make patterns meet.
func random(rnd *rand.Rand, n int, alphabet string) string {
	b := make([]byte, rnd.IntN(n+1))
	for i := range b {
		b[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return string(b)
}

// TestMatchLikeRedis compares with SCAN, which matches with regard to case.
func TestMatchLikeRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	rnd := rand.New(rand.NewPCG(7, 8))
	var pairs [][2]string
	for _, k := range cases {
		pairs = append(pairs, [2]string{k.pattern, k.s})
	}
	long := strings.Repeat("a", 3000)
	for _, n := range []int{maxStars - 1, maxStars, maxStars + 1} {
		pairs = append(pairs, [2]string{strings.Repeat("*?", n), long}, [2]string{strings.Repeat("*a", n) + "*", long},
			[2]string{strings.Repeat("*b", n), long})
	}
	for range 1500 {
		pairs = append(pairs, [2]string{random(rnd, 7, `ab-]*?[^\`+"\x80\xff"), random(rnd, 5, `ab-]^\[`+"\x80\xff")})
	}
	var cmds [][]string
	for _, p := range pairs {
		cmds = append(cmds, []string{"FLUSHDB"}, []string{"SET", p[1], ""}, []string{"SCAN", "0", "MATCH", p[0]})
	}
	replies, err := c.Pipeline(cmds...)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pairs {
		want := len(replies[3*i+2].Value.Elems[1].Elems) == 1
		got := MatchString(p[0], p[1], false) || p[0] == "*" // SCAN does not ask the matcher about "*"
		if got != want {
			t.Errorf("Match(%q, %q) = %v, Redis says %v", p[0], p[1], got, want)
		}
	}
}

// TestNocaseLikeRedis compares with a filter of command names, the one place where Redis matches names without regard to case and
// lists what matched.
func TestNocaseLikeRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	names := c.Must(t, "COMMAND", "LIST").Strings()
	rnd := rand.New(rand.NewPCG(9, 10))
	patterns := []string{"G*", "g?T", "[A-H]*", "[h-B]*", `\G\E\T`, `[\G]et`, "*[^A-Z]*", "[Z-a]*"}
	for range 200 {
		patterns = append(patterns, random(rnd, 8, `GETSgets***?[^]-A-z|\`))
	}
	var cmds [][]string
	for _, p := range patterns {
		cmds = append(cmds, []string{"COMMAND", "LIST", "FILTERBY", "PATTERN", p})
	}
	replies, err := c.Pipeline(cmds...)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range patterns {
		want := map[string]bool{}
		for _, name := range replies[i].Value.Strings() {
			want[name] = true
		}
		for _, name := range names {
			if got := MatchString(p, name, true); got != want[name] {
				t.Errorf("Match(%q, %q, nocase) = %v, Redis says %v", p, name, got, want[name])
			}
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	p, s := []byte("user:*:[a-z]?"), []byte("user:1234:ab")
	if n := testing.AllocsPerRun(100, func() { Match(p, s, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	p, s := []byte("user:*:name"), []byte("user:1234567:name")
	for b.Loop() {
		Match(p, s, false)
	}
}
