// SPDX-License-Identifier: BSD-3-Clause

// Command redpoll is the one binary: "redpoll server" takes redis-server's arguments, and under a name such as
// redis-server (a link) the program is that tool. What it does beyond taking arguments apart is in internal packages; this
// one has what belongs to the process: its arguments, log, background start, pid file and supervisor.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/check"
	"github.com/redpoll/redpoll/internal/persist/disk"
)

func main() {
	for i, arg := range os.Args { // their memory will have the title of the process
		os.Args[i] = strings.Clone(arg)
	}
	p := &program{
		args: os.Args, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: clock.Real().Now,
		terminal: os.Stdout, serve: serve, detach: detach,
	}
	os.Exit(p.run())
}

// program is one run of the binary with all that it takes from outside, so that tests can stand in for it.
type program struct {
	args     []string // the name it was called by, then the arguments
	called   string   // what the server's arguments follow: the name, and "server" if that was an argument
	in       io.Reader
	out, err io.Writer
	terminal *os.File // what is asked whether it is a terminal; nil: it is none
	getenv   func(string) string
	now      func() time.Time
	serve    func(*config.Config, *process) int
	detach   func(p *program, stdin []byte) error
}

// run does what the name and the arguments ask for and gives the exit code.
func (p *program) run() int {
	p.called = p.args[0]
	name := strings.TrimSuffix(filepath.Base(p.args[0]), ".exe")
	if _, tool, ok := strings.Cut(name, "-"); ok && (strings.HasPrefix(name, "redis-") || strings.HasPrefix(name, "valkey-")) {
		if tool == "server" {
			return p.server(p.args[1:])
		}
		if check, ok := p.check(tool, p.args[0]); ok {
			return check(p.args[1:])
		}
		return p.absent(name)
	}
	if len(p.args) < 2 {
		fmt.Fprint(p.err, usage)
		return 1
	}
	if check, ok := p.check(strings.TrimPrefix(p.args[1], "redis-"), name+" "+p.args[1]); ok {
		return check(p.args[2:])
	}
	switch p.args[1] {
	case "server":
		p.called += " server"
		return p.server(p.args[2:])
	case "version", "-v", "--version":
		fmt.Fprintln(p.out, versionLine())
		return 0
	case "help", "-h", "--help":
		fmt.Fprint(p.out, usage)
		return 0
	case "sentinel", "cli", "benchmark":
		return p.absent(name + " " + p.args[1])
	}
	fmt.Fprintf(p.err, "redpoll: unknown command '%s'\n\n%s", p.args[1], usage)
	return 1
}

// absent says that a tool is not there yet.
func (p *program) absent(name string) int {
	fmt.Fprintf(p.err, "%s: this version of Redpoll (%s) has the server and the checks of files only\n", name, config.Release)
	return 1
}

// check gives the tool of that name that looks at files; called is what the user has called it.
func (p *program) check(tool, called string) (run func(args []string) int, ok bool) {
	t := &check.Tool{
		Name: called, Version: config.New().Version(), In: p.in, Out: p.out, Err: p.err, Disk: disk.OS{}, Now: p.now().UnixMilli(),
		Log: func(line string) { slog.New(p.bareLog()).Warn(line) },
	}
	switch tool {
	case "check-rdb":
		return t.RDB, true
	case "check-aof":
		return t.AOF, true
	}
	return nil, false
}

// versionLine is what --version prints: redis-server's line, which tools take apart, and after it Redpoll's own version.
func versionLine() string {
	build := config.ReadBuild()
	dirty := 0
	if build.Modified {
		dirty = 1
	}
	return fmt.Sprintf("Redis server v=%s sha=%s:%d malloc=redpoll bits=64 build=%s redpoll=%s",
		config.New().Version(), build.Commit, dirty, build.ID, config.Release)
}

const usage = `Usage: redpoll server [/path/to/redis.conf] [options] [-]
       redpoll check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>
       redpoll check-rdb <rdb-file-name>
       redpoll version
       redpoll help

"redpoll server --help" lists the server's arguments. Through a link named redis-server or valkey-server
the program is the server at once, through one named redis-check-aof or redis-check-rdb that tool.
`

const serverUsage = `Usage: redis-server [/path/to/redis.conf] [options] [-]
       redis-server - (read the configuration from standard input)
       redis-server -v or --version
       redis-server -h or --help
       redis-server --check-system

The same arguments follow "redpoll server". An option is a directive of redis.conf with two dashes before it:

       redis-server (all defaults)
       redis-server /path/to/redis.conf --loglevel verbose
       redis-server --port 7000 --save "" --maxmemory 100mb
       echo 'maxmemory 100mb' | redis-server --port 7000 -
`
