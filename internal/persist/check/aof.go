// SPDX-License-Identifier: BSD-3-Clause

package check

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// errFailed is the end of a check whose reason was printed.
var errFailed = errors.New("the check has failed")

// An aofCheck is a run of redis-check-aof. What is wrong with a file is told once, at the first that has something; so it is with the number
// of lines, which goes on from file to file.
type aofCheck struct {
	*Tool
	fix   bool
	until int64 // Unix s of the first annotation from which on the file is cut off; 0: no such

	problem string // what was found wrong
	lines   int64  // ends of lines that were read, and one
}

// AOF runs redis-check-aof with its arguments, and gives the exit code.
func (t *Tool) AOF(args []string) int {
	c := aofCheck{Tool: t, lines: 1}
	path := ""
	switch {
	case len(args) == 1 && (args[0] == "-v" || args[0] == "--version"):
		fmt.Fprintf(t.Out, "redis-check-aof %s\n", t.Version)
		return 0
	case len(args) == 1:
		path = args[0]
	case len(args) == 2 && args[0] == "--fix":
		path, c.fix = args[1], true
	case len(args) == 3 && args[0] == "--truncate-to-timestamp":
		until, rest, fits := number(args[1])
		if !fits || rest != "" {
			fmt.Fprintln(t.Out, "Invalid timestamp, aborting...")
			return 1
		}
		path, c.until = args[2], until
	default:
		fmt.Fprintf(t.Out, "Usage: %s [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n", t.Name)
		return 1
	}
	if c.check(path) != nil {
		return 1
	}
	return 0
}

// fail prints a line and gives errFailed.
func (c *aofCheck) fail(format string, args ...any) error {
	fmt.Fprintf(c.Out, format+"\n", args...)
	return errFailed
}

// check looks at a file, or at those that a manifest names.
func (c *aofCheck) check(path string) error {
	text, err := c.manifest(path)
	if err != nil {
		return err
	}
	if text != nil {
		return c.directory(path, text)
	}
	snapshot, err := c.isSnapshot(path)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "Start checking Old-Style AOF")
	return c.part("AOF", path, path, true, snapshot)
}

// manifest gives the text of a file that is a manifest; nil if it is none.
func (c *aofCheck) manifest(path string) ([]byte, error) {
	f, err := c.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		begin, err := r.Peek(len("file"))
		if err != nil && err != io.EOF {
			return nil, c.fail("Cannot read file: %s", path)
		}
		if string(begin) == "file" {
			break
		}
		if !bytes.HasPrefix(begin, []byte("#")) { // else a comment
			return nil, nil
		}
		if _, err := r.ReadSlice('\n'); err != nil {
			return nil, nil // too long for a manifest, or its end
		}
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxManifest))
	if err != nil {
		return nil, c.fail("Cannot read file: %s", path)
	}
	return text, nil
}

// maxManifest is more bytes than a manifest can have.
const maxManifest = 64 << 20

func (c *aofCheck) open(path string) (disk.File, error) {
	f, err := c.Disk.Open(path)
	if err != nil {
		return nil, c.fail("Cannot open file %s: %s", path, config.SystemText(err))
	}
	return f, nil
}

// isSnapshot tells whether a file begins with a snapshot.
func (c *aofCheck) isSnapshot(path string) (bool, error) {
	f, err := c.open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var begin [8]byte
	n, _ := f.ReadAt(begin[:], 0)
	return n == len(begin) && rdb.IsFile(begin[:]), nil
}

// directory looks at the files that a manifest names.
func (c *aofCheck) directory(path string, text []byte) error {
	fmt.Fprintln(c.Out, "Start checking Multi Part AOF")
	m, err := aof.ParseManifest(text)
	if bad := (*aof.ManifestError)(nil); errors.As(err, &bad) {
		for _, line := range bad.Lines() {
			c.Log(line)
		}
		return errFailed
	}
	files := m.Files()
	incr := false
	for i, f := range files {
		file, last := filepath.Join(filepath.Dir(path), f.Name), i == len(files)-1
		if f.Kind == aof.Base {
			snapshot, err := c.isSnapshot(file)
			if err != nil {
				return err
			}
			form := "RESP"
			if snapshot {
				form = "RDB"
			}
			fmt.Fprintf(c.Out, "Start to check BASE AOF (%s format).\n", form)
			if err := c.part("BASE AOF", f.Name, file, last, snapshot); err != nil {
				return err
			}
			continue
		}
		if !incr {
			incr = true
			fmt.Fprintln(c.Out, "Start to check INCR files.")
		}
		if err := c.part("INCR AOF", f.Name, file, last, false); err != nil {
			return err
		}
	}
	fmt.Fprintln(c.Out, "All AOF files and manifest are valid")
	return nil
}

// part looks at a file, of which what says what it is and name how it is called; last that no other comes behind it.
func (c *aofCheck) part(what, name, path string, last, snapshot bool) error {
	mode := os.O_RDONLY
	if c.fix || c.until != 0 {
		mode = os.O_RDWR
	}
	f, err := c.Disk.OpenFile(path, mode, 0)
	if err != nil {
		return c.fail("Cannot open file %s: %s, aborting...", path, config.SystemText(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c.fail("Cannot stat file: %s, aborting...", name)
	}
	if info.Size() == 0 {
		fmt.Fprintf(c.Out, "%s %s is empty\n", what, name)
		return nil
	}
	p := aofPart{aofCheck: c, file: f, name: name, path: path, last: last, size: info.Size()}
	if snapshot {
		c.info(0, "Checking RDB file "+name)
		end, sane := c.snapshot(io.NewSectionReader(f, 0, p.size))
		if !sane {
			return c.fail("RDB preamble of AOF file is not sane, aborting.")
		}
		fmt.Fprintln(c.Out, "RDB preamble is OK, proceeding with AOF tail...")
		p.pos = end
	}
	p.r = bufio.NewReaderSize(io.NewSectionReader(f, p.pos, p.size-p.pos), 1<<20)
	return p.check(what)
}

// errCut is the end of a check that has cut the file off at a time.
var errCut = errors.New("the file was cut off")

// An aofPart is a file of commands that is looked at.
type aofPart struct {
	*aofCheck
	file       disk.File
	r          *bufio.Reader
	name, path string
	last       bool
	size       int64
	pos        int64 // of what is read next
	at         int64 // of what was read last
	open       int   // transactions that have begun, less those that have ended
	ended      bool  // the end of the file was met
}

// note notes what is wrong with what was read last, as a text that ends at a NUL.
func (p *aofPart) note(format string, args ...any) {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\x00")
	p.problem = fmt.Sprintf("0x%16x: %s", p.at, text)
}

// check looks at the file.
func (p *aofPart) check(what string) error {
	good, err := p.scan()
	switch {
	case err == errCut:
		fmt.Fprintf(p.Out, "Successfully truncated AOF %s to timestamp %d\n", p.name, p.until)
		return nil
	case err != nil:
		return err
	}
	if p.ended && p.open != 0 && p.problem == "" {
		p.note("Reached EOF before reading EXEC for MULTI")
	}
	if p.problem != "" {
		fmt.Fprintln(p.Out, p.problem)
	}
	bad := p.size - good
	if bad == 0 && p.until != 0 {
		fmt.Fprintf(p.Out, "Truncate nothing in AOF %s to timestamp %d\n", p.name, p.until)
	} else {
		fmt.Fprintf(p.Out, "AOF analyzed: filename=%s, size=%d, ok_up_to=%d, ok_up_to_line=%d, diff=%d\n", p.name, p.size, good, p.lines, bad)
	}
	switch {
	case bad == 0:
		fmt.Fprintf(p.Out, "%s %s is valid\n", what, p.name)
		return nil
	case !p.fix:
		return p.fail("AOF %s is not valid. Use the --fix option to try fixing it.", p.name)
	case !p.last:
		return p.fail("Failed to truncate AOF %s because it is not the last file", p.name)
	}
	return p.repair(good)
}

// repair cuts the file off if the user agrees.
func (p *aofPart) repair(good int64) error {
	fmt.Fprintf(p.Out, "This will shrink the AOF %s from %d bytes, with %d bytes, to %d bytes\n", p.name, p.size, p.size-good, good)
	fmt.Fprint(p.Out, "Continue? [y/N]: ")
	var answer [1]byte
	if _, err := io.ReadFull(p.In, answer[:]); err != nil || answer[0]|0x20 != 'y' {
		return p.fail("Aborting...")
	}
	if p.cut(good) != nil {
		return p.fail("Failed to truncate AOF %s", p.name)
	}
	fmt.Fprintf(p.Out, "Successfully truncated AOF %s\n", p.name)
	return nil
}

func (p *aofPart) cut(size int64) error {
	if err := p.file.Truncate(size); err != nil {
		return err
	}
	return p.file.Sync()
}

// scan reads the file, and gives the offset up to which it is good.
func (p *aofPart) scan() (good int64, err error) {
	for {
		if p.open == 0 {
			good = p.pos
		}
		next, err := p.r.Peek(1)
		switch {
		case err == io.EOF:
			p.ended = true
			return good, nil
		case err != nil:
			return good, p.fail("Failed to read from AOF %s, aborting...", p.name)
		}
		switch next[0] {
		case '#':
			if err := p.annotation(); err != nil {
				return good, err
			}
		case '*':
			if !p.command() {
				return good, nil
			}
		default:
			fmt.Fprintf(p.Out, "AOF %s format error\n", p.name)
			return good, nil
		}
	}
}

// annotation reads an annotation. If it has a time from which on the file is to be cut off, it is, and the error is errCut.
func (p *aofPart) annotation() error {
	const most = 1023
	p.at = p.pos
	text, stamped := strings.CutPrefix(string(p.gets(most)), "#TS:")
	if p.until == 0 || !stamped {
		return nil
	}
	unix, rest, fits := number(text)
	switch {
	case !fits || !strings.HasPrefix(rest, "\r"):
		return p.fail("Invalid timestamp annotation")
	case unix <= p.until:
		return nil
	case p.at == 0:
		return p.fail("AOF %s has nothing before timestamp %d, aborting...", p.path, p.until)
	case !p.last:
		_ = p.fail("Failed to truncate AOF %s to timestamp %d to offset %d because it is not the last file.", p.path, p.until, p.at)
		return p.fail("If you insist, please delete all files after this file according to the manifest file and delete the corresponding " +
			"records in manifest file manually. Then re-run redis-check-aof.")
	case p.cut(p.at) != nil:
		return p.fail("Failed to truncate AOF %s to timestamp %d", p.path, p.until)
	}
	return errCut
}

// gets reads a line with its end, of at most so many bytes; nil at the end of the file.
func (p *aofPart) gets(most int) (line []byte) {
	for len(line) < most {
		b, err := p.r.ReadByte()
		if err != nil {
			p.ended = true
			break
		}
		p.pos++
		if line = append(line, b); b == '\n' {
			break
		}
	}
	return line
}

// command reads a command; false when it is not one, or not all there.
func (p *aofPart) command() bool {
	argc, ok := p.length('*')
	for i := int64(0); ok && i < argc; i++ {
		var name string
		if name, ok = p.argument(); ok && i == 0 {
			ok = p.count(name)
		}
	}
	return ok
}

// count notes the beginning and the end of a transaction.
func (p *aofPart) count(name string) bool {
	switch strings.ToLower(name) {
	case "multi":
		if p.open++; p.open != 1 {
			p.note("Unexpected MULTI in AOF %s", p.path)
			return false
		}
	case "exec":
		if p.open--; p.open != 0 {
			p.note("Unexpected EXEC in AOF %s", p.path)
			return false
		}
	}
	return true
}

// length reads a line with a number behind a byte.
func (p *aofPart) length(kind byte) (n int64, ok bool) {
	const most = 127
	p.at = p.pos
	line := p.gets(most)
	if line == nil {
		return 0, false
	}
	if line[0] != kind {
		p.note("Expected prefix '%c', got: '%s'", kind, line[:1])
		return 0, false
	}
	n, rest, _ := number(string(line[1:]))
	return n, p.newline(rest + "\x00\x00")
}

// newline tells whether a text begins with the end of a line.
func (p *aofPart) newline(b string) bool {
	if strings.HasPrefix(b, "\r\n") {
		p.lines++
		return true
	}
	p.note("Expected \\r\\n, got: %02x%02x", uint32(int8(b[0])), uint32(int8(b[1])))
	return false
}

// argument reads an argument, and gives its beginning up to the first NUL.
func (p *aofPart) argument() (begin string, ok bool) {
	n, ok := p.length('$')
	if !ok {
		return "", false
	}
	const most = math.MaxInt64 - 2
	if n < 0 || n > most {
		p.note("Expected to read string of %d bytes, which is not in the suitable range", n)
		return "", false
	}
	p.at = p.pos
	if have := p.size - p.pos; n+2 > have {
		p.ended, p.pos = true, p.size
		p.note("Expected to read %d bytes, got %d bytes", n+2, have)
		return "", false
	}
	const names = 8
	head, _ := p.r.Peek(int(min(n, names)))
	begin, _, _ = strings.Cut(string(head), "\x00")
	for left := n; left > 0; {
		did, err := p.r.Discard(int(min(left, 1<<30)))
		if left -= int64(did); err != nil {
			return "", false
		}
	}
	var end [2]byte
	if _, err := io.ReadFull(p.r, end[:]); err != nil {
		return "", false
	}
	p.pos += n + 2
	return begin, p.newline(string(end[:]))
}

// number reads the number that a text begins with, as strtol does. fits tells whether it was not too large.
func number(text string) (n int64, rest string, fits bool) {
	digits := strings.TrimLeft(text, " \t\n\v\f\r")
	sign := 0
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign = 1
	}
	end := sign
	for end < len(digits) && digits[end]-'0' <= 9 {
		end++
	}
	if end == sign {
		return 0, text, true
	}
	n, err := strconv.ParseInt(digits[:end], 10, 64)
	return n, digits[end:], err == nil
}
