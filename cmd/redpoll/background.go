// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"

	"github.com/redpoll/redpoll/internal/config"
)

// detachedMark is the environment variable by which a server knows that it was already started in the background.
const detachedMark = "REDPOLL_DETACHED"

// detach starts the program again with the same arguments, in a session of its own and without a terminal. It is what
// redis-server does by a fork, which a Go program cannot do. stdin is the configuration that was read from there.
func detach(p *program, stdin []byte) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	cmd := &exec.Cmd{
		Path: self, Args: p.args, Env: append(os.Environ(), detachedMark+"=1"), Stdin: r,
		SysProcAttr: ownSession(),
	}
	err = cmd.Start()
	r.Close()
	if err != nil {
		return err
	}
	if _, err := w.Write(stdin); err != nil {
		return fmt.Errorf("handing over the configuration: %w", err)
	}
	return cmd.Process.Release()
}

// supervisor gives the supervisor that is to be told about the server, "" for none.
func (p *program) supervisor(cfg *config.Config) string {
	switch mode := cfg.Enum("supervised"); {
	case mode.Is("systemd"), mode.Is("auto") && p.getenv("NOTIFY_SOCKET") != "":
		return "systemd"
	case mode.Is("upstart"):
		return "upstart"
	}
	return ""
}

// notifier tells the supervisor that the server starts, and gives what tells it more.
func (p *program) notifier(cfg *config.Config, log *slog.Logger) (tell func(state string)) {
	none := func(string) {}
	switch p.supervisor(cfg) {
	case "":
		return none
	case "upstart":
		log.Warn("supervision by upstart is not supported, ignoring it")
		return none
	}
	socket := p.getenv("NOTIFY_SOCKET")
	if socket == "" {
		log.Warn("systemd supervision requested or auto-detected, but NOTIFY_SOCKET is not set")
		return none
	}
	log.Warn("supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.")
	tell = func(state string) {
		if err := notify(socket, state); err != nil {
			log.Warn("cannot tell systemd about the server: " + err.Error())
		}
	}
	tell("STATUS=Redis is loading...\n")
	return tell
}

// What a supervisor is told when the server is ready, and when it ends.
const (
	stateReady    = "STATUS=Ready to accept connections\nREADY=1\n"
	stateStopping = "STOPPING=1\n"
)

// notify sends one message to systemd's socket; a name that begins with @ is not in the file system.
func notify(socket, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}
