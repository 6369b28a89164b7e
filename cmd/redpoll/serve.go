// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/rlog"
	"github.com/redpoll/redpoll/internal/server"
)

// serve runs the server until a signal or a client tells it to stop, and gives the exit code. It is the program's only
// tie to the server.
func serve(cfg *config.Config, p *process) int {
	log := slog.New(p.log)
	tuneCollector()
	signals := make(chan os.Signal, 8) // before anybody can connect, and then send a signal
	signal.Notify(signals, append(crashSignals(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGALRM)...)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	crashOutput(cfg)
	// One thread more than loops: a loop that never blocks would keep the collector and the background writers waiting.
	runtime.GOMAXPROCS(int(cfg.Int("io-threads").Load()) + 1)
	showTitle(cfg, p.called)
	s, err := server.Start(server.Options{Config: cfg, Log: log, PortZeroIsNone: true, Listening: func(loops int) {
		followOOMScore(cfg, log, "/proc/self/oom_score_adj")
		p.log.Running(p.about, p.logo)
		log.Info(whatRuns(loops))
		p.log.Initialized()
	}})
	if err != nil {
		refuse(log, err)
		return 1
	}
	if err := wait(s, cfg, p, signals); err != nil {
		refuse(log, err)
		_ = s.Close() // the first error is the one to tell
		return 1
	}
	if p.pidFile != "" {
		log.Info("Removing the pid file.")
	}
	if cfg.Str("unixsocket").Load() != "" {
		log.Info("Removing the unix socket file.")
	}
	if err := s.Close(); err != nil {
		log.Warn(err.Error())
		return 1
	}
	log.Warn("Redis is now ready to exit, bye bye...")
	return 0
}

// whatRuns is the line of the log that tells Redpoll from the server whose lines are around it.
func whatRuns(loops int) string {
	plural := "s"
	if loops == 1 {
		plural = ""
	}
	return fmt.Sprintf("Redpoll %s, %d loop%s", config.Release, loops, plural)
}

// refuse says why the server does not start: a line of the configuration on standard error, all else in the log.
func refuse(log *slog.Logger, err error) {
	var line *config.LineError
	var start *server.StartError
	switch {
	case errors.As(err, &line):
		fmt.Fprintln(os.Stderr, line)
	case errors.As(err, &start):
		log.Warn(start.Line)
	default:
		log.Warn(err.Error())
	}
}

// collectorPercent is how much garbage the Go heap may have for what lives in it, in per cent.
const collectorPercent = 400

// tuneCollector sets the Go collector for a heap that is small whatever the data is, since that lies elsewhere: what lives
// there is some 3 MB and 1 KB a connection. A cycle costs the same few 100 µs however little it frees, so with Go's own
// 100 % a load of transactions, whose queued commands are garbage, runs 100 cycles a second and takes 5 % of the CPU for
// them; with 400 % it is a third, at the price of at most 16 MB, which are only there while there is garbage. GET, SET and
// their like make none: 3 M of them ran no cycle at all. There is no memory limit: it would have the collector run on end
// when many connections live. Whoever sets GOGC knows better.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
}

// wait says when the server is ready, and returns when it is to end: with an error when it never was.
func wait(s *server.Server, cfg *config.Config, p *process, signals <-chan os.Signal) error {
	data := make(chan error, 1)
	go func() { data <- s.AwaitData() }()
	for {
		select {
		case err := <-data:
			if err != nil && !errors.Is(err, server.ErrStopped) {
				return err
			}
			if err == nil {
				p.log.Ready(s.TCP(), cfg.Str("unixsocket").Load())
				p.tell(stateReady)
			}
		case <-s.Stopped():
			p.tell(stateStopping)
			go func() { // whoever asks twice does not want to wait
				for sig := range signals {
					p.insist(s, sig, true)
				}
			}()
			return nil
		case sig := <-signals:
			p.take(s, cfg, sig.(syscall.Signal))
		}
	}
}

// take does what a signal asks for.
func (p *process) take(s *server.Server, cfg *config.Config, sig syscall.Signal) {
	switch {
	case sig == syscall.SIGALRM:
		p.warn("Received SIGALRM")
		p.stacks()
	case slices.Contains(crashSignals(), os.Signal(sig)):
		p.crash(s, cfg, sig)
	default:
		p.insist(s, sig, s.Stopping())
		if s.Loading() {
			p.signalLine("Received shutdown signal during loading, exiting now.")
			s.Stop()
			return
		}
		name := signalName(sig)
		p.signalLine("Received " + name + " scheduling shutdown...")
		words := cfg.Enum("shutdown-on-" + strings.ToLower(name))
		s.StopLater(server.EndOptions{Save: words.Is("save"), NoSave: words.Is("nosave"), Force: words.Is("force")})
	}
}

// insist ends the process at once when a second SIGINT comes while it is about to end.
func (p *process) insist(s *server.Server, sig os.Signal, ending bool) {
	if ending && sig == syscall.SIGINT {
		p.signalLine("You insist... exiting now.")
		s.DropTemps()
		os.Exit(1)
	}
}

// warn writes a line to the log.
func (p *process) warn(text string) { slog.New(p.log).Warn(text) }

// signalLine logs in the form that redis-server has for lines of its signal handler.
func (p *process) signalLine(text string) {
	p.log.Raw(rlog.Warning, fmt.Sprintf("%d:signal-handler (%d) %s\n", p.about.PID, p.now().Unix(), text))
}

func signalName(s os.Signal) string {
	if s == syscall.SIGINT {
		return "SIGINT"
	}
	return "SIGTERM"
}
