// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
)

// The files of the directory, by the kinds that the manifest gives them. Terms:
//
//   - The base has the data as it was at one moment, in the form of a snapshot or as commands; there is at most one.
//   - An increment has the commands since the base, or since the increment before it. The last one is being written to. There are
//     several while a rewrite is under way, and after one that has failed.
//   - History is what the last rewrite has made superfluous: such files are removed, and stand in the manifest until they are.
//
// A start reads the base and the increments in the order of the manifest, and touches no file that the manifest does not name.

// A Kind says what a file of the directory is; as a byte it stands in the manifest.
type Kind byte

// The kinds of files.
const (
	Base    Kind = 'b'
	History Kind = 'h'
	Incr    Kind = 'i'
)

// File is a line of the manifest.
type File struct {
	Name string // without a directory
	Seq  int64  // number of the file among those of its kind
	Kind Kind
}

// Manifest is what the manifest of a directory says. The zero value is that of a directory with no files.
type Manifest struct {
	base             File // of kind 0 if there is none
	history          []File
	incr             []File // with ascending numbers
	baseSeq, incrSeq int64  // the greatest that a base and an increment have had, since the server was started if not in the manifest
}

// Base gives the base; ok is false when there is none.
func (m *Manifest) Base() (f File, ok bool) { return m.base, m.base.Kind != 0 }

// Incr gives the increments in their order. The slice belongs to the manifest.
func (m *Manifest) Incr() []File { return m.incr }

// History gives the files that are only there to be removed. The slice belongs to the manifest.
func (m *Manifest) History() []File { return m.history }

// Files gives the files that a start reads, in their order.
func (m *Manifest) Files() []File {
	files := make([]File, 0, 1+len(m.incr))
	if f, ok := m.Base(); ok {
		files = append(files, f)
	}
	return append(files, m.incr...)
}

// Clone gives a copy that can be changed without changing m.
func (m *Manifest) Clone() *Manifest {
	c := *m
	c.history, c.incr = slices.Clone(m.history), slices.Clone(m.incr)
	return &c
}

// NewBase makes the base a new file, and the one that was it history. rdb says that it has the form of a snapshot.
func (m *Manifest) NewBase(n Names, rdb bool) File {
	m.baseSeq++
	return m.setBase(File{Name: n.Base(m.baseSeq, rdb), Seq: m.baseSeq, Kind: Base})
}

// AdoptBase makes a file the base that has been an append-only file of before there were directories.
func (m *Manifest) AdoptBase(name string) File {
	m.baseSeq = 1
	return m.setBase(File{Name: name, Seq: 1, Kind: Base})
}

func (m *Manifest) setBase(f File) File {
	if old, ok := m.Base(); ok {
		old.Kind = History
		m.history = slices.Insert(m.history, 0, old)
	}
	m.base = f
	return f
}

// NewIncr adds a new increment behind the others.
func (m *Manifest) NewIncr(n Names) File {
	m.incrSeq++
	for slices.ContainsFunc(m.history, func(f File) bool { return f.Name == n.Incr(m.incrSeq) }) {
		m.incrSeq++ // one that was kept, of an earlier start
	}
	f := File{Name: n.Incr(m.incrSeq), Seq: m.incrSeq, Kind: Incr}
	m.incr = append(m.incr, f)
	return f
}

// Supersede makes history of the increments in front of one, or of all if there is none of that name: what they have is in a new base.
func (m *Manifest) Supersede(first string) {
	n := slices.IndexFunc(m.incr, func(f File) bool { return f.Name == first })
	if n < 0 {
		n = len(m.incr)
	}
	for i := n - 1; i >= 0; i-- { // the oldest first, in front of what was history before, as in Redis
		f := m.incr[i]
		f.Kind = History
		m.history = slices.Insert(m.history, 0, f)
	}
	m.incr = slices.Delete(m.incr, 0, n)
}

// Skip has m give none of the numbers that a copy of it has given.
func (m *Manifest) Skip(c *Manifest) {
	m.baseSeq, m.incrSeq = max(m.baseSeq, c.baseSeq), max(m.incrSeq, c.incrSeq)
}

// ForgetHistory takes the history out of the manifest.
func (m *Manifest) ForgetHistory() { m.history = nil }

// Append appends the text of the manifest, a line a file, to dst.
func (m *Manifest) Append(dst []byte) []byte {
	if f, ok := m.Base(); ok {
		dst = f.append(dst)
	}
	for _, f := range m.history {
		dst = f.append(dst)
	}
	for _, f := range m.incr {
		dst = f.append(dst)
	}
	return dst
}

func (f File) append(dst []byte) []byte {
	name := f.Name
	if strings.ContainsFunc(name, needsQuotes) {
		name = resp.Quote(name)
	}
	return fmt.Appendf(dst, "file %s seq %d type %c\n", name, f.Seq, f.Kind)
}

// needsQuotes tells of a byte that a word has to have quotes for. All bytes of a character of several are such.
func needsQuotes(r rune) bool {
	return r <= ' ' || r > '~' || r == '\\' || r == '"' || r == '\''
}

// What is wrong with a manifest, in Redis's words.
const (
	badEmpty   = "Found an empty AOF manifest"
	badLine    = "The AOF manifest file contains too long line"
	badFormat  = "Invalid AOF manifest file format"
	badPath    = "File can't be a path, just a filename"
	badSecond  = "Found duplicate base file information"
	badOrder   = "Found a non-monotonic sequence number"
	badKind    = "Unknown AOF file type"
	maxLineLen = 1024 // bytes of a line, its end included
)

// ManifestError says what is wrong with a manifest.
type ManifestError struct {
	Reason string // in Redis's words
	Line   int    // number of the line that it is about, from 1 on; 0: of none
	Text   string // that line
}

// Error gives the reason and the line in one line.
func (e *ManifestError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("%s (line %d: '%s')", e.Reason, e.Line, e.Text)
}

// Lines gives what Redis prints, line by line.
func (e *ManifestError) Lines() []string {
	lines := []string{"\n*** FATAL AOF MANIFEST FILE ERROR ***\n"}
	if e.Line != 0 {
		lines = append(lines, fmt.Sprintf("Reading the manifest file, at line %d\n", e.Line), fmt.Sprintf(">>> '%s'\n", e.Text))
	}
	return append(lines, e.Reason+"\n")
}

// ParseManifest reads the text of a manifest. Lines that begin with # are comments; words that are not known, with their values, are passed
// over, since newer servers write more. Its error is a *ManifestError.
func ParseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if len(text) == 0 {
		return nil, &ManifestError{Reason: badEmpty}
	}
	rest := string(text)
	for number := 1; rest != ""; number++ {
		line, after, ended := strings.Cut(rest, "\n")
		rest = after
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !ended || len(line) >= maxLineLen {
			return nil, &ManifestError{Reason: badLine}
		}
		line = strings.Trim(line, " \t\r")
		if reason := m.parseLine(line); reason != "" {
			return nil, &ManifestError{Reason: reason, Line: number, Text: line}
		}
	}
	return m, nil
}

// parseLine takes in a line, and gives what is wrong with it, "" for nothing.
func (m *Manifest) parseLine(line string) (reason string) {
	f, reason := parseFile(line)
	switch {
	case reason != "":
		return reason
	case f.Kind == Base:
		if m.base.Kind != 0 {
			return badSecond
		}
		m.base, m.baseSeq = f, f.Seq
	case f.Kind == History:
		m.history = append(m.history, f)
	case f.Kind == Incr:
		if f.Seq <= m.incrSeq {
			return badOrder
		}
		m.incr, m.incrSeq = append(m.incr, f), f.Seq
	default:
		return badKind
	}
	return ""
}

func parseFile(line string) (f File, reason string) {
	const leastWords = 6
	words, ok := resp.SplitWords(line)
	if !ok || len(words) < leastWords || len(words)%2 != 0 {
		return f, badFormat
	}
	for i := 0; i < len(words); i += 2 {
		value := words[i+1]
		switch strings.ToLower(words[i]) {
		case "file":
			if strings.ContainsAny(value, `/\`) {
				return f, badPath
			}
			f.Name = value
		case "seq":
			if seq, ok := num.ParseInt([]byte(value)); ok {
				f.Seq = seq
			}
		case "type":
			if value != "" {
				f.Kind = Kind(value[0])
			}
		}
	}
	if f.Name == "" || f.Seq == 0 || f.Kind == 0 {
		return f, badFormat
	}
	return f, ""
}
