// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A file of commands is a row of arrays of bulks, as clients send commands. Terms:
//
//   - An annotation is a line between commands that begins with #. It changes nothing.
//   - A unit is a command by itself, or all from MULTI to EXEC: what is there as a whole or not at all. A file that was cut off anywhere
//     is good up to the end of its last whole unit.

const (
	firstBuffer   = 256 << 10
	keptBuffer    = 4 << 20 // the most bytes that a batch keeps for its next use
	maxHeader     = 24      // bytes of the line in front of an array or bulk, its end included
	maxAnnotation = 1024    // bytes of an annotation, its end included
)

// ReadError says that a file is not what it should be.
type ReadError struct {
	Offset int64  // in the file, of what is wrong
	Valid  int64  // offset of the end of the last whole unit: up to there the file is good
	Cut    bool   // nothing is wrong but that the file ends too early
	Open   bool   // it ends, or is wrong, in a transaction
	Reason string // for a log
}

// Error gives the reason and the offset.
func (e *ReadError) Error() string { return fmt.Sprintf("%s at offset %d", e.Reason, e.Offset) }

// Command is a command of a file.
type Command struct {
	Argv   [][]byte
	Offset int64 // of its first byte in the file
}

// Batch is commands of a file that follow each other. They lie in its memory until it is used again. The zero value is ready.
type Batch struct {
	Commands []Command // without MULTI and EXEC
	End      int64     // offset of what follows in the file

	buf  []byte
	args [][]byte // of all commands
}

// Reader cuts a file into commands. It believes nothing, and what it takes of memory is bounded by what it has read of one unit. It is used
// by one goroutine at a time.
type Reader struct {
	src   io.Reader
	size  int64  // of the file
	start int64  // offset of rest
	rest  []byte // what was read and was in no batch
	valid int64  // offset of the end of the last whole unit
	ended bool   // src has come to its end
}

// NewReader makes a reader of a file of size bytes. src begins at that offset of it, where a command or an annotation does.
func NewReader(src io.Reader, offset, size int64) *Reader {
	return &Reader{src: src, size: size, start: offset, valid: offset}
}

// Next reads the commands that follow, of whole units, into a batch. The error is io.EOF at the end of the file, a *ReadError when the file
// is not what it should be, or what src says. The commands in front of what is wrong are in the batch then.
func (r *Reader) Next(b *Batch) error {
	b.Commands, b.End = b.Commands[:0], r.start
	if cap(b.buf) < firstBuffer || cap(b.buf) > keptBuffer {
		b.buf, b.args = make([]byte, 0, max(firstBuffer, len(r.rest))), nil
	}
	b.buf = append(b.buf[:0], r.rest...)
	for {
		if err := r.fill(b); err != nil {
			return err
		}
		s := scanner{b: b, buf: b.buf, start: r.start, size: r.size}
		bad := s.scan()
		if bad == nil && !r.ended && s.whole == 0 {
			b.buf = slices.Grow(b.buf, len(b.buf)) // a unit that is longer
			continue
		}
		if s.units > 0 {
			r.valid = r.start + int64(s.valid)
		}
		switch {
		case bad == nil && r.ended && s.whole < len(b.buf):
			bad = s.fail(len(b.buf), "Unexpected end of file")
			bad.Cut = true
		case bad == nil && r.ended && len(b.buf) == 0:
			return io.EOF
		}
		b.Commands = b.Commands[:s.units]
		r.rest = append(r.rest[:0], b.buf[s.whole:]...)
		r.start += int64(s.whole)
		b.End = r.start
		if bad != nil {
			bad.Valid = r.valid
			return bad
		}
		return nil
	}
}

// fill reads as much as the batch has room for.
func (r *Reader) fill(b *Batch) error {
	for len(b.buf) < cap(b.buf) && !r.ended {
		n, err := r.src.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		switch {
		case err == io.EOF:
			r.ended = true
		case err != nil:
			return err
		}
	}
	return nil
}

// A scanner finds the commands in a batch's bytes.
type scanner struct {
	b     *Batch
	buf   []byte
	start int64 // offset of buf in the file
	size  int64 // of the file

	open  bool // a transaction has begun
	whole int  // end of the last whole unit or annotation
	valid int  // end of the last whole unit
	units int  // commands of whole units
}

func (s *scanner) fail(pos int, reason string) *ReadError {
	return &ReadError{Offset: s.start + int64(pos), Reason: reason, Open: s.open}
}

// scan finds the commands, and gives what is wrong behind them; nil if there is only too little.
func (s *scanner) scan() *ReadError {
	b := s.b
	b.Commands, b.args = b.Commands[:0], b.args[:0]
	for pos := 0; pos < len(s.buf); {
		begin := pos
		if s.buf[pos] == '#' {
			end := bytes.IndexByte(s.buf[pos:min(len(s.buf), pos+maxAnnotation)], '\n')
			switch {
			case end < 0 && len(s.buf)-pos >= maxAnnotation:
				return s.fail(pos, "An annotation that is too long")
			case end < 0:
				return nil
			}
			pos += end + 1
			if !s.open {
				s.whole = pos
			}
			continue
		}
		argv, next, bad := s.command(pos)
		if next == 0 {
			return bad
		}
		pos = next
		switch name := argv[0]; {
		case is(name, "multi"):
			s.open = true
		case is(name, "exec"):
			s.open = false
		default:
			b.Commands = append(b.Commands, Command{Argv: argv, Offset: s.start + int64(begin)})
		}
		if !s.open {
			s.whole, s.valid, s.units = pos, pos, len(b.Commands)
		}
	}
	return nil
}

func is(name []byte, word string) bool {
	return len(name) == len(word) && strings.EqualFold(string(name), word)
}

// command reads the command at pos. next is 0 when it is not all there, or wrong.
func (s *scanner) command(pos int) (argv [][]byte, next int, bad *ReadError) {
	n, pos, bad := s.header(pos, '*')
	if pos == 0 {
		return nil, 0, bad
	}
	first := len(s.b.args)
	for range n {
		length, start, bad := s.header(pos, '$')
		if start == 0 {
			return nil, 0, bad
		}
		if length > s.size-s.start-int64(start)-2 {
			bad := s.fail(start, "Unexpected end of file")
			bad.Cut = true
			return nil, 0, bad
		}
		if length > int64(len(s.buf)-start-2) {
			return nil, 0, nil
		}
		end := start + int(length)
		if s.buf[end] != '\r' || s.buf[end+1] != '\n' {
			return nil, 0, s.fail(end, "Bad file format: a line break is missing")
		}
		s.b.args = append(s.b.args, s.buf[start:end:end])
		pos = end + 2
	}
	end := len(s.b.args)
	return s.b.args[first:end:end], pos, nil
}

// header reads the line at pos: a byte that says what follows, and a number. next is 0 when it is not all there, or wrong.
func (s *scanner) header(pos int, kind byte) (n int64, next int, bad *ReadError) {
	line := s.buf[pos:min(len(s.buf), pos+maxHeader)]
	if len(line) == 0 {
		return 0, 0, nil
	}
	if line[0] != kind {
		return 0, 0, s.fail(pos, fmt.Sprintf("Bad file format: %q where '%c' should be", line[:1], kind))
	}
	for i := 1; i < len(line); i++ {
		c := line[i]
		switch {
		case c-'0' <= 9 && i < maxHeader-5: // less than 2^63
			n = n*10 + int64(c-'0')
		case c != '\r' || i == 1 || kind == '*' && n == 0:
			return 0, 0, s.fail(pos, "Bad file format: a number that there cannot be")
		case i+1 == len(line):
			return 0, 0, nil
		case line[i+1] != '\n':
			return 0, 0, s.fail(pos+i+1, "Bad file format: a line break is missing")
		default:
			return n, pos + i + 2, nil
		}
	}
	return 0, 0, nil
}
