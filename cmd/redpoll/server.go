// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/rlog"
)

// process is what the server gets from the program beside its configuration.
type process struct {
	log     *rlog.Handler
	now     func() time.Time
	about   rlog.About         // for log.Running
	logo    bool               // for log.Running
	called  string             // what the server was started as, for the list of processes
	tell    func(state string) // tells the supervisor; a line NAME=VALUE each
	pidFile string             // removed when the server has ended; "" for none
}

// server runs "redpoll server" with these arguments and gives the exit code.
func (p *program) server(args []string) int {
	if len(args) > 0 {
		if code, done := p.answer(args); done {
			return code
		}
	}
	if slices.Contains(args, "--sentinel") {
		fmt.Fprintf(p.err, "redpoll: this version of Redpoll (%s) has no Sentinel mode\n", config.Release)
		return 1
	}
	cfg, stdin, err := p.load(config.ParseArgs(args))
	if err != nil {
		return p.refuse(cfg, err)
	}
	if p.inBackground(cfg) && p.getenv(detachedMark) == "" {
		if err := p.detach(p, stdin); err != nil {
			fmt.Fprintf(p.err, "redpoll: cannot run in the background: %v\n", err)
			return 1
		}
		return 0
	}
	return p.start(cfg, len(args) > 0)
}

// answer handles the arguments that ask for something else than a server; they count only as the first.
func (p *program) answer(args []string) (code int, done bool) {
	switch args[0] {
	case "-v", "--version":
		fmt.Fprintln(p.out, versionLine())
		return 0, true
	case "-h", "--help":
		fmt.Fprint(p.err, serverUsage)
		return 1, true
	case "--test-memory":
		fmt.Fprintln(p.err, "redpoll: there is no memory test; use memtest86 or memtester")
		return 1, true
	case "--check-system":
		fmt.Fprintln(p.out, "[fork]...OK (nothing forks: the kernel's overcommit and huge pages settings do not matter)")
		return 0, true
	}
	return 0, false
}

// load makes the configuration; stdin is what was read of standard input, for a server that starts itself again.
func (p *program) load(a config.Arguments) (cfg *config.Config, stdin []byte, err error) {
	cfg = config.New()
	src := config.Source{Path: a.Path, Options: a.Options}
	if a.Stdin {
		_ = p.bareLog().Handle(context.Background(), slog.NewRecord(p.now(), rlog.Warning, "Reading config from stdin", 0))
		if stdin, err = io.ReadAll(p.in); err != nil {
			return cfg, nil, &config.OpenError{Path: "-", Err: err}
		}
		src.Stdin = bytes.NewReader(stdin)
	}
	return cfg, stdin, cfg.Load(src)
}

// refuse says why there is no server: a bad line as it is, on standard error; a missing file as a line of the log.
func (p *program) refuse(cfg *config.Config, err error) int {
	var open *config.OpenError
	if errors.As(err, &open) {
		slog.New(p.bareLog()).Warn(open.Error())
		return 1
	}
	fmt.Fprintln(p.err, err)
	return 1
}

// bareLog is the log before there is a configuration.
func (p *program) bareLog() *rlog.Handler {
	return rlog.New(rlog.Options{Now: p.now, Out: p.out, PID: os.Getpid()})
}

// inBackground reports whether the server is to leave the terminal, which a supervised one does not.
func (p *program) inBackground(cfg *config.Config) bool {
	return cfg.Bool("daemonize").Load() && p.supervisor(cfg) == ""
}

// start runs the server in this process; configured says that the command line named a file or options.
func (p *program) start(cfg *config.Config, configured bool) int {
	handler := p.openLog(cfg)
	log := slog.New(handler)
	build := config.ReadBuild()
	proc := &process{
		log: handler, now: p.now, called: p.called,
		about: rlog.About{
			Version: cfg.Version(), Release: config.Release, Commit: build.Commit, Modified: build.Modified,
			PID: os.Getpid(), Program: p.called, Configured: configured, Mode: "standalone",
			Port: int(cfg.Int("port").Load()),
		},
		logo: cfg.Bool("always-show-logo").Load() ||
			cfg.Str("logfile").Load() == "" && p.terminal != nil && rlog.IsTerminal(p.terminal),
	}
	handler.Start(proc.about)
	ignored, later := cfg.Remarks()
	for _, line := range ignored {
		log.Info(line)
	}
	for _, line := range later {
		log.Warn(line)
	}
	proc.tell = p.notifier(cfg, log)
	handler.SetRole(rlog.Master)
	if path := p.pidFile(cfg); path != "" {
		text := strconv.Itoa(os.Getpid()) + "\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			log.Warn("Failed to write PID file: " + err.Error())
		}
		defer os.Remove(path)
		proc.pidFile = path
	}
	return p.serve(cfg, proc)
}

// openLog makes the server's log, whose level and form follow the configuration.
func (p *program) openLog(cfg *config.Config) *rlog.Handler {
	level := func() slog.Level {
		l, _ := rlog.ParseLevel(cfg.Enum("loglevel").Load())
		return l
	}
	options := rlog.Options{
		Now: p.now, Out: p.out, File: cfg.InDir(cfg.Str("logfile").Load()), Level: level(), PID: os.Getpid(),
	}
	var refusal error
	if cfg.Bool("syslog-enabled").Load() {
		options.Also, refusal = openSyslog(cfg.Enum("syslog-facility").Index(), cfg.Str("syslog-ident").Load())
	}
	handler := rlog.New(options)
	apply := func() error {
		handler.SetLevel(level())
		handler.SetForm(rlog.Form{
			Logfmt: cfg.Enum("log-format").Is("logfmt"), Stamp: rlog.Stamp(cfg.Enum("log-timestamp-format").Index()),
		})
		return nil
	}
	cfg.OnChange(apply, "loglevel", "log-format", "log-timestamp-format")
	_ = apply() // has no error
	if refusal != nil {
		slog.New(handler).Warn("cannot log to syslog: " + refusal.Error())
	}
	return handler
}

// defaultPIDFile is where redis-server in the background puts its process id unless it is told where.
const defaultPIDFile = "/var/run/redis.pid"

// pidFile gives the path of the file for the process id, "" for none.
func (p *program) pidFile(cfg *config.Config) string {
	path := cfg.InDir(cfg.Str("pidfile").Load())
	if path == "" && p.inBackground(cfg) {
		return defaultPIDFile
	}
	return path
}
