// SPDX-License-Identifier: BSD-3-Clause

package rlog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// About is what the lines of a server's start say of it.
type About struct {
	Version    string // of Redis
	Release    string // of Redpoll
	Commit     string // eight hexadecimal digits
	Modified   bool   // the source differed from that commit
	PID        int
	Program    string // what the server is called by, and its arguments follow
	Configured bool   // there was a configuration file or option
	Mode       string // standalone, cluster or sentinel
	Port       int    // TCP port, or the TLS one when there is no other
}

// Start writes the first lines of a start, before the server exists.
func (h *Handler) Start(a About) {
	h.line(Warning, "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
	h.line(Warning, fmt.Sprintf("Redis version=%s, bits=64, commit=%s, modified=%d, pid=%d, just started",
		a.Version, a.Commit, modified(a), a.PID))
	if a.Configured {
		h.line(Warning, "Configuration loaded")
		return
	}
	h.line(Warning, "Warning: no config file specified, using the default config. In order to specify a config file use "+
		a.Program+" /path/to/redis.conf")
}

// Running writes what the server is: the logo when a person is looking or it is always wanted, else a line.
func (h *Handler) Running(a About, logo bool) {
	if !logo {
		h.line(Notice, fmt.Sprintf("Running mode=%s, port=%d.", a.Mode, a.Port))
		return
	}
	h.Raw(Notice, fmt.Sprintf(`
       .--.
      / o  \___     Redis %s (%s/%d) 64 bit
     <      ___)    Redpoll %s
      \    /        Running in %s mode
       |  |         Port: %d
      _|__|_        PID: %d

`, a.Version, a.Commit, modified(a), a.Release, a.Mode, a.Port, a.PID))
}

// Initialized writes that the data and the loops are there, before connections are accepted.
func (h *Handler) Initialized() { h.line(Warning, "Server initialized") }

// Ready writes that connections are accepted: over TCP when tcp is set, and at the Unix socket when its path is given.
func (h *Handler) Ready(tcp bool, unixSocket string) {
	if tcp {
		h.line(Notice, "Ready to accept connections")
	}
	if unixSocket != "" {
		h.line(Notice, "The server is now ready to accept connections at "+unixSocket)
	}
}

// line writes a line when the log takes its level.
func (h *Handler) line(l slog.Level, msg string) {
	if h.Enabled(context.Background(), l) {
		_ = h.Handle(context.Background(), slog.NewRecord(time.Time{}, l, msg, 0)) // as for Raw
	}
}

// IsTerminal reports whether f looks like a terminal: a device of characters, but not the null device.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

func modified(a About) int {
	if a.Modified {
		return 1
	}
	return 0
}
