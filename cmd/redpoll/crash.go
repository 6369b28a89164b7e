// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/rlog"
	"github.com/redpoll/redpoll/internal/server"
)

// crashSignals end the process with a report in the log. When the program itself breaks a rule of memory, the Go runtime reports
// it before any of this can (crashOutput).
func crashSignals() []os.Signal {
	return []os.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGABRT}
}

// crashOutput has the Go runtime write what it says about its own failures to the log file too, not to the standard error alone,
// which a server in the background has not.
func crashOutput(cfg *config.Config) {
	path := cfg.InDir(cfg.Str("logfile").Load())
	if path == "" || !cfg.Bool("crash-log-enabled").Load() {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return
	}
	defer f.Close()
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // the standard error is as good
}

// crash ends the process, whom a signal was sent that says that something is wrong, with a report if the configuration wants it.
func (p *process) crash(s *server.Server, cfg *config.Config, sig syscall.Signal) {
	if cfg.Bool("crash-log-enabled").Load() {
		p.report(s, fmt.Sprintf("Redis %s crashed by signal: %d", p.about.Version, int(sig)))
	}
	os.Exit(128 + int(sig))
}

// report writes what can be told about a server that is about to end.
func (p *process) report(s *server.Server, cause string) {
	line := func(text string) { p.log.Raw(rlog.Warning, text+"\n") }
	line("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===")
	p.warn(cause)
	p.stacks()
	line("\n------ INFO OUTPUT ------\n" + infoSoon(s))
	line("\n=== REDIS BUG REPORT END. ===\n\n       Please report this with the lines above.\n")
}

// infoSoon gives INFO, unless what is wrong keeps it from being told soon.
func infoSoon(s *server.Server) string {
	info := make(chan string, 1)
	go func() { info <- s.Info("everything") }()
	select {
	case text := <-info:
		return strings.ReplaceAll(text, "\r\n", "\n")
	case <-time.After(time.Second):
		return "(no answer)"
	}
}

// stacks writes the stacks of all goroutines.
func (p *process) stacks() {
	const most = 16 << 20
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= most {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	p.log.Raw(rlog.Warning, "\n------ STACK TRACE ------\n"+string(buf)+"\n------ STACK TRACE DONE ------\n")
}
