// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// newMatcher returns a matcher whose budget is steps.
func newMatcher(steps int) *matcher {
	return &matcher{
		spend: func(n int) error {
			if steps -= n; steps < 0 {
				return errSpent
			}
			return nil
		},
		grant: func(int) error { return nil },
	}
}

var errSpent = errors.New("the budget is spent")

// result tells a match and its captures as text.
func result(m *matcher, src, pat string) string {
	start, end, err := m.find(0, m.set(src, pat, true))
	switch {
	case err != nil:
		return err.Error()
	case start < 0:
		return "none"
	}
	text := fmt.Sprintf("%d-%d", start, end)
	for _, c := range m.captures[:m.level] {
		switch c.size {
		case capturePosition:
			text += fmt.Sprintf(" @%d", c.start)
		case captureUnfinished:
			text += " unfinished"
		default:
			text += " " + src[c.start:][:c.size]
		}
	}
	return text
}

func TestMatch(t *testing.T) {
	for _, c := range []struct{ src, pat, want string }{
		{"", "", "0-0"}, {"abc", "", "0-0"}, {"abc", "b", "1-2"}, {"abc", "^b", "none"}, {"abc", "c$", "2-3"}, {"a$c", "$c", "1-3"}, {"abc", "x", "none"},
		{"hello", "l+", "2-4"}, {"hello", "l-o", "2-5"}, {"hello", "(l-)(o)", "2-5 ll o"}, {"hello", "()ll()", "2-4 @2 @4"}, {"hello", "(h(e)(l))", "0-3 hel e l"},
		{"key = value", "^(%w+)%s*=%s*(%w+)$", "0-11 key value"}, {"aXb", "%u", "1-2"}, {"a\x00b", "%z", "1-2"}, {"a\x00b", "[%z]", "1-2"}, {"a.b", "%.", "1-2"},
		{"THE (quick) fox", "%((%a+)%)", "4-11 quick"}, {"f(a(b)c)d", "%b()", "1-8"}, {"f(a(b", "%b()", "none"}, {"THE fox", "%f[%a]%a+%f[%A]", "0-3"}, {"foo", "%f[%z]", "3-3"},
		{`"x'y"`, `(["'])(.-)%1`, `0-5 " x'y`}, {"aaab", "a-b", "0-4"}, {"aaa", "^a?a?a?a?$", "0-3"}, {"[]", "[]]", "1-2"}, {"a-z", "[a-]+", "0-2"}, {"^", "[x^]", "0-1"}, {"-", "[%a-z]", "0-1"},
		{"]", "[a-%%]", "0-1"}, {"b", "[^a]", "0-1"}, {"abc", "b\x00zzz", "1-2"}, {"abab", "(ab)%1", "0-4 ab"}, {"abc", "()%1", "none"}, {"abc", "a*?", "none"}, {"a?", "a*?", "0-2"},
		{"aaa", "(a*(.)%w(%s*))", "0-3 aaa a "}, {"x", "(x", "0-1 unfinished"},
		{"a", "%", "malformed pattern (ends with '%')"}, {"a", "a%", "malformed pattern (ends with '%')"}, {"b", "a%", "none"}, {"a", "[a", "malformed pattern (missing ']')"},
		{"a", "[]", "malformed pattern (missing ']')"}, {"a", "[^]", "malformed pattern (missing ']')"}, {"a", "[a%]", "malformed pattern (missing ']')"}, {"a", "[a%", "malformed pattern (missing ']')"},
		{"a", ")", "invalid pattern capture"}, {"a", "(()", "0-0 unfinished @0"}, {"a", "%1", "invalid capture index"}, {"a", "(a%1)", "invalid capture index"}, {"a", "%0", "invalid capture index"},
		{"a", "%b", "unbalanced pattern"}, {"a", "%bx", "unbalanced pattern"}, {"a", "%f", "missing '[' after '%f' in pattern"}, {"a", "%fa", "missing '[' after '%f' in pattern"},
		{"a", strings.Repeat("()", 33), "too many captures"}, {"a", strings.Repeat("()", 32), "0-0" + strings.Repeat(" @0", 32)},
	} {
		if got := result(newMatcher(1e6), c.src, c.pat); got != c.want {
			t.Errorf("%q in %q: %s, want %s", c.pat, c.src, got, c.want)
		}
	}
}

func TestMatcherIsBounded(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	for _, c := range []struct{ src, pat, want string }{
		{strings.Repeat("a", 30) + "b", strings.Repeat("a*", 30) + "c", errSpent.Error()},
		{long, ".-.-.-.-b", errSpent.Error()},
		{long, "a-b", errSpent.Error()},
		{strings.Repeat("(", 1<<20), "%b()", errSpent.Error()},
		{"aaa", strings.Repeat("a?", 1<<20), "0-3"},
		{long, "a*", fmt.Sprint("0-", len(long))},
		{long, strings.Repeat("a?", 1<<20) + "$", fmt.Sprint("0-", len(long))},
	} {
		if got := result(newMatcher(1e7), c.src, c.pat); got != c.want {
			t.Errorf("%.20q in %.20q: %.40s, want %s", c.pat, c.src, got, c.want)
		}
	}
	m := newMatcher(1e6)
	m.grant = func(n int) error {
		if n > 10_000 {
			return errors.New("not enough memory")
		}
		return nil
	}
	if got := result(m, long, strings.Repeat("a?", 1<<20)); got != "not enough memory" {
		t.Errorf("many choices in little memory: %s", got)
	}
}

func FuzzMatch(f *testing.F) {
	for _, pat := range []string{"^(%w+)%s*=", "%b()", "%f[%a]", "(.)%1", "[^%]a-z]*", "a-$", "()()(", "[%a-z%", "%f[a", ".-(b?)+)"} {
		f.Add("key = (value) aa", pat)
	}
	f.Fuzz(func(t *testing.T, src, pat string) {
		m := newMatcher(1e6)
		for s := 0; s <= len(src); {
			start, end, err := m.find(s, m.set(src, pat, true))
			if err != nil || start < 0 {
				return
			}
			if start < s || end < start || end > len(src) || len(m.choices) > len(pat) {
				t.Fatalf("a match %d-%d from %d on of %q in %q", start, end, s, pat, src)
			}
			for _, c := range m.captures[:m.level] {
				if c.start < start || c.size >= 0 && c.start+c.size > end {
					t.Fatalf("a capture %v outside of %d-%d of %q in %q", c, start, end, pat, src)
				}
			}
			s = end + 1
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, c := range []struct{ name, src, pat string }{
		{"pair", "key = value", "^(%w+)%s*=%s*(%w+)$"},
		{"set", strings.Repeat("x", 100) + ",", "[^,]*"},
		{"class", strings.Repeat("x", 100) + ",", "%a*"},
		{"search", strings.Repeat("x", 100) + ",", ",$"},
		{"lazy", strings.Repeat("x", 100) + ",", ".-,"},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := newMatcher(1e18)
			for b.Loop() {
				m.find(0, m.set(c.src, c.pat, true))
			}
		})
	}
}
