// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"fmt"
	"testing"
)

func TestAppendKeys(t *testing.T) {
	r := testRegistry(t)
	for _, tc := range []struct {
		call string
		want string // positions, or "-" for a call that makes no sense
	}{
		{"GET k", "[1]"},
		{"SET k v GET", "[1]"},
		{"MSET a 1 b 2 c 3", "[1 3 5]"},
		{"MSET a 1 b", "[1 3]"},
		{"BLPOP a b 0", "[1 2]"},
		{"BLPOP a 0", "[1]"},
		{"EVAL s 0 x", "[]"},
		{"EVAL s 2 a b x", "[3 4]"},
		{"EVAL s 2 a b", "[3 4]"},
		{"EVAL s 2 a", "-"},
		{"EVAL s -1 a", "-"},
		{"EVAL s x a", "[]"},
		{"EVAL s 1x a", "[3]"},
		{"EVAL s 9223372036854775807 a", "-"},
		{"EVAL s 99999999999999999999999 a", "-"},
		{"ZUNIONSTORE d 2 a b", "[1 3 4]"},
		{"ZUNIONSTORE d 3 a b", "-"},
		{"RENAME a b", "[1 2]"},
		{"SORT a STORE b", "[1 3]"},
		{"SORT a GET STORE", "[1]"},
		{"XREAD COUNT 2 streams a b 1 2", "[4 5]"},
		{"XREAD STREAMS a 1", "[2]"},
		{"XREAD STREAMS a b c", "[2]"},
		{"XREAD COUNT STREAMS a", "[]"},
		{"XREAD a b c", "[]"},
		{"XREAD b c STREAMS", "-"},
		{"MIGRATE h 1 k", "[3]"},
		{"MIGRATE h 1 k KEYS a b", "[3 5 6]"},
		{"SPUBLISH c m", "[]"},
		{"OBJECT ENCODING k", "[2]"},
		{"OBJECT HELP", "[]"},
		{"COMMAND GETKEYS get k", "[]"},
	} {
		argv := argvOf(tc.call)
		s := r.Resolve(argv)
		keys, ok := s.AppendKeys([]int{}, argv)
		got := fmt.Sprint(keys)
		if !ok {
			got = "-"
		}
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.call, got, tc.want)
		}
		refs, refsOK := s.AppendKeyRefs(nil, argv)
		if refsOK != ok {
			t.Errorf("%s: AppendKeyRefs gives %v", tc.call, refsOK)
		}
		for i, ref := range refs {
			if ok && ref.Pos != keys[i] {
				t.Errorf("%s: AppendKeyRefs gives %v", tc.call, refs)
			}
		}
		if s.HasKeys() != (len(s.Keys) > 0 && !s.Keys[0].Flags.Has(NotKey)) {
			t.Errorf("%s: HasKeys is %v", tc.call, s.HasKeys())
		}
	}
}

func TestAppendKeyRefs(t *testing.T) {
	r := testRegistry(t)
	for call, want := range map[string]string{
		"GET k":               "[{1 [RO access]}]",
		"SET k v":             "[{1 [OW update]}]",
		"SET k v NX get":      "[{1 [RW access update]}]",
		"ZUNIONSTORE d 1 a":   "[{1 [OW update]} {3 [RO access]}]",
		"ZUNIONSTORE d 0 a":   "[]",
		"ZUNIONSTORE d 1x a":  "[{1 []} {3 []}]",
		"SORT a STORE b":      "[{1 [RO access]} {3 [OW update]}]",
		"RENAME a b":          "[{1 [RW access delete]} {2 [OW update]}]",
		"XREAD STREAMS a b 0": "[{2 [RO access]}]",
	} {
		argv := argvOf(call)
		refs, ok := r.Resolve(argv).AppendKeyRefs(nil, argv)
		type shown struct {
			pos   int
			flags []string
		}
		got := []shown{}
		for _, ref := range refs {
			got = append(got, shown{ref.Pos, ref.Flags.Words()})
		}
		if text := fmt.Sprint(got); text != want || !ok {
			t.Errorf("%s: got %s %v, want %s", call, text, ok, want)
		}
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	r := testRegistry(t)
	for _, line := range []string{"SET k v", "mset a 1 b 2", "EVAL s 2 a b", "XREAD STREAMS a b 1 2", "OBJECT ENCODING k"} {
		argv := argvOf(line)
		keys := make([]int, 0, 8)
		if n := testing.AllocsPerRun(100, func() {
			s := r.Resolve(argv)
			if s == nil || !s.ArityOK(len(argv)) {
				t.Fatal(line)
			}
			keys, _ = s.AppendKeys(keys[:0], argv)
		}); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

// FuzzAppendKeys checks that no call, whatever is in it, gives a position outside of its words.
func FuzzAppendKeys(f *testing.F) {
	r := testRegistry(f)
	for _, seed := range []string{"EVAL s 2 a b", "MIGRATE h 1 k KEYS a", "XREAD STREAMS a 1", "MSET a 1", "ZUNIONSTORE d 4294967297 a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := argvOf(line)
		s := r.Resolve(argv)
		if s == nil || !s.ArityOK(len(argv)) {
			return
		}
		keys, _ := s.AppendKeys(nil, argv)
		refs, _ := s.AppendKeyRefs(nil, argv)
		for _, ref := range refs {
			keys = append(keys, ref.Pos)
		}
		for _, k := range keys {
			if k < 1 || k >= len(argv) {
				t.Fatalf("%q: position %d", line, k)
			}
		}
	})
}
