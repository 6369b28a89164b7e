// SPDX-License-Identifier: BSD-3-Clause

// Package rlog writes log lines in the form of redis-server's, as a handler of log/slog:
//
//	4711:M 23 Nov 2026 20:30:01.123 * Ready to accept connections
//
// with the process id, a letter for the role, the local time, and a mark for the level. It also has the lines by which
// programs follow a server's start. It knows nothing of configuration or of the server, and reads no clock of its own.
//
// Locks: one mutex a log, held while a line is written.
package rlog

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The levels of redis-server in those of slog, and one above all.
const (
	Debug   = slog.LevelDebug     // .
	Verbose = slog.LevelDebug + 2 // -
	Notice  = slog.LevelInfo      // *
	Warning = slog.LevelWarn      // #
	Nothing = slog.Level(127)     // for SetLevel: no line is written
)

// ParseLevel gives the level that a word of the loglevel directive means.
func ParseLevel(word string) (slog.Level, bool) {
	switch strings.ToLower(word) {
	case "debug":
		return Debug, true
	case "verbose":
		return Verbose, true
	case "notice":
		return Notice, true
	case "warning":
		return Warning, true
	case "nothing":
		return Nothing, true
	}
	return Notice, false
}

// Role is the letter after the process id.
type Role byte

// The roles of a process.
const (
	Starting Role = 'C' // before the server exists; in redis-server also a child
	Master   Role = 'M'
	Replica  Role = 'S'
	Sentinel Role = 'X'
)

// word names the role in lines of the form logfmt, as Valkey does.
func (r Role) word() string {
	switch r {
	case Master:
		return "primary"
	case Replica:
		return "replica"
	case Sentinel:
		return "sentinel"
	}
	return "RDB/AOF"
}

// Form is what lines look like. The zero value is redis-server's.
type Form struct {
	Logfmt bool // name=value pairs (log-format)
	Stamp  Stamp
}

// Stamp is the form of a line's time (log-timestamp-format).
type Stamp uint8

// The forms of times, in the order of the directive's words.
const (
	Legacy       Stamp = iota // 23 Nov 2026 20:30:01.123
	ISO8601                   // 2026-11-23T20:30:01.123+01:00
	Milliseconds              // since 1970
)

// Options say where a log goes and where its facts come from.
type Options struct {
	Now   func() time.Time // the clock; its location is the one that lines show
	Out   io.Writer        // where lines go without File
	File  string           // absolute path; opened anew for each line, so that it may be moved away at any time
	Level slog.Level       // lines below it are dropped
	PID   int
	Role  Role // 0 means Starting
	// Also, if not nil, is given every line that is written, without what stands before the message: for syslog.
	Also func(l slog.Level, msg string)
}

// Handler is a slog.Handler. Its methods may be called from any goroutine.
type Handler struct {
	log    *output
	attrs  string // formatted, each with a space before it
	groups string // names of the open groups, each with a dot after it
}

var _ slog.Handler = (*Handler)(nil)

// output is what the handlers of one log share.
type output struct {
	now  func() time.Time
	pid  string
	file string
	also func(slog.Level, string) // nil: nobody

	level atomic.Int64
	form  atomic.Int32 // Form, packed
	role  atomic.Int32

	mu  sync.Mutex
	out io.Writer // under mu
	buf []byte    // under mu
}

// New returns the handler of a new log.
func New(o Options) *Handler {
	log := &output{now: o.Now, out: o.Out, file: o.File, pid: strconv.Itoa(o.PID), also: o.Also}
	log.level.Store(int64(o.Level))
	if o.Role == 0 {
		o.Role = Starting
	}
	log.role.Store(int32(o.Role))
	return &Handler{log: log}
}

// SetLevel changes the level below which lines are dropped, for all handlers of the log.
func (h *Handler) SetLevel(l slog.Level) { h.log.level.Store(int64(l)) }

// SetRole changes the letter after the process id, for all handlers of the log.
func (h *Handler) SetRole(r Role) { h.log.role.Store(int32(r)) }

// SetForm changes what lines look like, for all handlers of the log.
func (h *Handler) SetForm(f Form) {
	packed := int32(f.Stamp) << 1
	if f.Logfmt {
		packed |= 1
	}
	h.log.form.Store(packed)
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool {
	return int64(l) >= h.log.level.Load()
}

// Handle implements slog.Handler: one line, with the attributes after the message as name=value. The time is that of the
// log's clock, not the record's.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	attrs := []byte(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs, h.groups, a)
		return true
	})
	message := r.Message + string(attrs)
	if h.log.also != nil {
		h.log.also(r.Level, message)
	}
	form, role := h.log.form.Load(), Role(h.log.role.Load())
	return h.log.write(func(b []byte) []byte {
		if form&1 == 0 {
			b = append(append(b, h.log.pid...), ':', byte(role), ' ')
			b = appendTime(b, Stamp(form>>1), h.log.now())
			return append(append(append(b, ' ', mark(r.Level), ' '), message...), '\n')
		}
		b = append(append(append(b, "pid="...), h.log.pid...), " role="...)
		b = append(append(b, role.word()...), " timestamp=\""...)
		b = append(appendTime(b, Stamp(form>>1), h.log.now()), "\" level="...)
		b = append(append(b, levelWord(r.Level)...), " message=\""...)
		return append(append(b, strings.NewReplacer("\"", "'", "\n", " ", "\r", " ").Replace(message)...), "\"\n"...)
	})
}

// appendTime appends a line's time.
func appendTime(b []byte, s Stamp, t time.Time) []byte {
	switch s {
	case ISO8601:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000-07:00")
	case Milliseconds:
		return strconv.AppendInt(b, t.UnixMilli(), 10)
	}
	return t.AppendFormat(b, "02 Jan 2006 15:04:05.000")
}

// Raw writes text as it is, without a line's prefix, when the log takes lines of that level.
func (h *Handler) Raw(l slog.Level, text string) {
	if h.Enabled(context.Background(), l) {
		_ = h.log.write(func(b []byte) []byte { return append(b, text...) }) // a log that cannot be written has nobody to tell
	}
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	b := []byte(h.attrs)
	for _, a := range attrs {
		b = appendAttr(b, h.groups, a)
	}
	c.attrs = string(b)
	return &c
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.groups += name + "."
	return &c
}

// write has line make the text and writes it with one call, so that lines of several processes in one file stay whole.
func (o *output) write(line func([]byte) []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = line(o.buf[:0])
	if o.file == "" {
		_, err := o.out.Write(o.buf)
		return err
	}
	f, err := os.OpenFile(o.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(o.buf)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// levelWord gives the name of a level in the form logfmt.
func levelWord(l slog.Level) string {
	switch mark(l) {
	case '.':
		return "debug"
	case '-':
		return "info"
	case '*':
		return "notice"
	}
	return "warning"
}

// mark gives the character of a level.
func mark(l slog.Level) byte {
	switch {
	case l < Verbose:
		return '.'
	case l < Notice:
		return '-'
	case l < Warning:
		return '*'
	}
	return '#'
}

// appendAttr appends an attribute as " name=value", the parts of a group each on their own.
func appendAttr(b []byte, groups string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			groups += a.Key + "."
		}
		for _, part := range v.Group() {
			b = appendAttr(b, groups, part)
		}
		return b
	}
	if a.Key == "" {
		return b
	}
	b = append(b, ' ')
	b = append(append(append(b, groups...), a.Key...), '=')
	s := v.String()
	if s == "" || strings.ContainsAny(s, " \t\r\n\"=") {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}
