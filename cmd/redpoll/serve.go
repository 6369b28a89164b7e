// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
)

// serve runs the server until a signal or a client tells it to stop, and gives the exit code. It is the program's only
// tie to the server.
func serve(cfg *config.Config, p *process) int {
	log := slog.New(p.log)
	p.log.Running(p.about, p.logo)
	s, err := server.Start(server.Options{Config: cfg, Log: log})
	if line := (*config.LineError)(nil); errors.As(err, &line) {
		fmt.Fprintln(os.Stderr, line)
		return 1
	} else if err != nil {
		log.Warn(err.Error())
		return 1
	}
	// One thread more than loops: a loop that never blocks would keep the collector and the background writers waiting.
	runtime.GOMAXPROCS(s.Loops() + 1)
	p.log.Initialized()
	p.log.Ready(s.TCP(), cfg.Str("unixsocket").Load())
	p.ready()
	wait(s, log)
	log.Warn("User requested shutdown...")
	if err := s.Close(); err != nil {
		log.Warn(err.Error())
		return 1
	}
	log.Warn("Redis is now ready to exit, bye bye...")
	return 0
}

// wait returns when the server is to end.
func wait(s *server.Server, log *slog.Logger) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	select {
	case <-s.Stopped():
	case sig := <-signals:
		log.Warn("Received " + signalName(sig) + " scheduling shutdown...")
	}
	go func() { // whoever asks twice does not want to wait
		if sig := <-signals; sig == syscall.SIGINT {
			log.Warn("You insist... exiting now.")
			os.Exit(1)
		}
	}()
}

func signalName(s os.Signal) string {
	if s == syscall.SIGINT {
		return "SIGINT"
	}
	return "SIGTERM"
}
