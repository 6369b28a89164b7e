// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"errors"
	"strings"
	"testing"
)

// TestManifestStory follows the manifest of a directory through its start, rewrites, one that fails, and the removal of history.
func TestManifestStory(t *testing.T) {
	const n = Names("appendonly.aof")
	m := &Manifest{}
	is := func(when string, lines ...string) {
		t.Helper()
		want := ""
		for _, l := range lines {
			want += "file appendonly.aof." + l + "\n"
		}
		if got := string(m.Append(nil)); got != want {
			t.Fatalf("%s the manifest is\n%swant\n%s", when, got, want)
		}
		if want == "" {
			return
		}
		back, err := ParseManifest([]byte(want))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(back.Append(nil)); got != want {
			t.Fatalf("%s the manifest comes back as\n%s", when, got)
		}
	}
	is("empty,")
	m.NewBase(n, true)
	m.NewIncr(n)
	is("after the start", "1.base.rdb seq 1 type b", "1.incr.aof seq 1 type i")
	m.NewIncr(n)
	m.NewIncr(n)
	is("after a rewrite that failed and with one under way", "1.base.rdb seq 1 type b", "1.incr.aof seq 1 type i", "2.incr.aof seq 2 type i",
		"3.incr.aof seq 3 type i")
	before := m.Clone()
	m.NewBase(n, false)
	m.Supersede(n.Incr(3))
	is("after it", "2.base.aof seq 2 type b", "1.incr.aof seq 1 type h", "2.incr.aof seq 2 type h", "1.base.rdb seq 1 type h",
		"3.incr.aof seq 3 type i")
	if got := len(before.Incr()); got != 3 || len(before.Files()) != 4 {
		t.Errorf("the copy has %d increments and %d files", got, len(before.Files()))
	}
	m.Supersede("")
	is("with the log off", "2.base.aof seq 2 type b", "3.incr.aof seq 3 type h", "1.incr.aof seq 1 type h", "2.incr.aof seq 2 type h",
		"1.base.rdb seq 1 type h")
	again, err := ParseManifest(m.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for want := int64(4); again.incrSeq != want; { // 1 to 3 are still history
		if f := again.NewIncr(n); f.Seq > want {
			t.Fatalf("a new increment is %+v", f)
		}
	}
	m.Skip(again)
	m.ForgetHistory()
	is("without history", "2.base.aof seq 2 type b")
	if f := m.NewIncr(n); f.Seq != 5 {
		t.Errorf("after a number was skipped an increment is %+v", f)
	}
}

// TestManifestNames reads back names that a line cannot have as they are.
func TestManifestNames(t *testing.T) {
	for _, name := range []string{"a b", `a"b`, "a\nb", "it's", "höhe", "a\x00b", "#"} {
		m := &Manifest{}
		m.AdoptBase(name)
		back, err := ParseManifest(m.Append(nil))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if f, ok := back.Base(); !ok || f.Name != name {
			t.Errorf("%q comes back as %q", name, f.Name)
		}
	}
}

func TestManifestAccepts(t *testing.T) {
	m, err := ParseManifest([]byte("# a comment\n \tFILE a SEQ 7 TYPE b\r\nseq 2 type i file \"b c\" startoffset 10 endoffset 20\n" +
		"file h type history seq 1\n#end"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(m.Append(nil)), "file a seq 7 type b\nfile h seq 1 type h\nfile \"b c\" seq 2 type i\n"; got != want {
		t.Errorf("the manifest is\n%swant\n%s", got, want)
	}
}

// TestManifestRefuses has the errors of a damaged manifest; the lines that are printed are Redis's.
func TestManifestRefuses(t *testing.T) {
	const good = "file a seq 1 type b\n"
	long := "file " + strings.Repeat("x", maxLineLen) + " seq 1 type b\n"
	for _, c := range []struct {
		text, reason string
		line         int
	}{
		{"", "Found an empty AOF manifest", 0},
		{good[:len(good)-1], "The AOF manifest file contains too long line", 0},
		{good + long, "The AOF manifest file contains too long line", 0},
		{good + "\n", "Invalid AOF manifest file format", 2},
		{"file a seq 1\n", "Invalid AOF manifest file format", 1},
		{"file a seq 1 type b x\n", "Invalid AOF manifest file format", 1},
		{"file 'a seq 1 type b\n", "Invalid AOF manifest file format", 1},
		{"file a seq 0 type b\n", "Invalid AOF manifest file format", 1},
		{"file a seq x type b\n", "Invalid AOF manifest file format", 1},
		{"file a seq 1 type ''\n", "Invalid AOF manifest file format", 1},
		{"name a seq 1 type b\n", "Invalid AOF manifest file format", 1},
		{"file ../a seq 1 type b\n", "File can't be a path, just a filename", 1},
		{good + "file b seq 2 type b\n", "Found duplicate base file information", 2},
		{"file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number", 2},
		{"file a seq -1 type i\n", "Found a non-monotonic sequence number", 1},
		{good + "# x\nfile a seq 2 type x\n", "Unknown AOF file type", 3},
	} {
		_, err := ParseManifest([]byte(c.text))
		var bad *ManifestError
		if !errors.As(err, &bad) || bad.Reason != c.reason || bad.Line != c.line {
			t.Errorf("%.40q: %v; want %q at line %d", c.text, err, c.reason, c.line)
			continue
		}
		if lines := bad.Lines(); lines[len(lines)-1] != c.reason+"\n" || len(lines) != 2+2*min(c.line, 1) {
			t.Errorf("%.40q: the lines are %q", c.text, lines)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte("file \"a b\" seq 1 type b\n# x\nfile c seq 1 type i startoffset 3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil || len(m.Files()) == 0 {
			return
		}
		out := m.Append(nil)
		back, err := ParseManifest(out)
		if bad := (*ManifestError)(nil); errors.As(err, &bad) && bad.Reason == badLine {
			return // what is quoted is longer
		}
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, out, err)
		}
		if again := back.Append(nil); string(again) != string(out) {
			t.Fatalf("%q comes back as %q", out, again)
		}
	})
}
