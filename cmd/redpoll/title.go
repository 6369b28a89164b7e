// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
)

// title is what the list of processes shows for the server: proc-title-template with its variables filled in.
func title(cfg *config.Config, called string) string {
	text, _ := config.ExpandTitle(cfg.Str("proc-title-template").Load(), func(name string) string {
		port, socket := cfg.Int("port").Load(), cfg.Str("unixsocket").Load()
		switch name {
		case "title":
			return called
		case "listen-addr":
			if port == 0 {
				return "unixsocket:" + socket
			}
			host := "*"
			if addrs := cfg.Bind().Load(); len(addrs) > 0 {
				host = addrs[0]
			}
			return fmt.Sprintf("%s:%d", host, port)
		case "port":
			return fmt.Sprint(port)
		case "tls-port":
			return fmt.Sprint(cfg.Int("tls-port").Load())
		case "unixsocket":
			return socket
		case "config-file":
			if file := cfg.File(); file != "" {
				return file
			}
			return "-"
		}
		return "" // server-mode: this one stands alone
	})
	return strings.TrimSpace(text)
}

// showTitle has the list of processes show the title, now and whenever what it is made of changes. A system that does not let it
// shows the command line.
func showTitle(cfg *config.Config, called string) {
	area := findTitle()
	if !cfg.Bool("set-proc-title").Load() || area == nil {
		return
	}
	show := func() error {
		_ = area.write(title(cfg, called)) // the command line is as good
		return nil
	}
	cfg.OnChange(show, "proc-title-template", "port", "bind")
	_ = show()
}
