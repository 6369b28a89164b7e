// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package main

import (
	"log/slog"
	"log/syslog"

	"github.com/redpoll/redpoll/internal/rlog"
)

// openSyslog gives what passes lines on to the system's log: facility counts from user, local0 to local7. The connection is
// opened anew when it breaks.
func openSyslog(facility int, ident string) (func(slog.Level, string), error) {
	priority := syslog.LOG_USER
	if facility > 0 {
		priority = syslog.LOG_LOCAL0 + syslog.Priority(facility-1)<<3
	}
	w, err := syslog.New(priority|syslog.LOG_NOTICE, ident)
	if err != nil {
		return nil, err
	}
	return func(level slog.Level, msg string) {
		// A log that cannot be written has nobody to tell.
		switch {
		case level < rlog.Verbose:
			_ = w.Debug(msg)
		case level < rlog.Notice:
			_ = w.Info(msg)
		case level < rlog.Warning:
			_ = w.Notice(msg)
		default:
			_ = w.Warning(msg)
		}
	}, nil
}
