// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"log/slog"

	"github.com/redpoll/redpoll/internal/config"
)

// serve runs the server until it is told to stop and gives the exit code. It is the program's only tie to the server.
func serve(cfg *config.Config, p *process) int {
	slog.New(p.log).Warn("this build has no server")
	return 1
}
