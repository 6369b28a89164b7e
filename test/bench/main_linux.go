// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// options are what the flags say.
type options struct {
	run      *regexp.Regexp
	pairs    int
	seconds  time.Duration // of one measured run
	keys     int           // of the memory section
	rate     int           // commands a second of its fixed load
	quick    bool
	markdown string
}

// bench is one use of the tool. Its sections run one after the other on the main thread.
type bench struct {
	ctx     context.Context
	opts    options
	clock   *clock.Clock
	cores   cores
	redpoll kind
	redis   kind
	fleet   *fleet
	report  *report
}

func main() {
	// Servers are started from this thread and are killed by the kernel when it ends (see fleet.start).
	runtime.LockOSThread()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	opts, err := parseFlags(args)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	b, err := newBench(ctx, opts)
	if err != nil {
		return err
	}
	defer b.fleet.close()
	go func() {
		<-ctx.Done()
		b.fleet.close() // connections break, and what waits on them returns
		cancel()        // a second interrupt ends the tool in the usual way
	}()

	// A collection in the middle of a run would be charged to the server under test; the sections collect between runs.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)

	b.report.printf("%s\n", b.report.machine)
	for _, section := range []struct {
		name string
		run  func() error
	}{
		{"startup", b.startup},
		{"throughput", b.throughput},
		{"scaling", b.scaling},
		{"memory", b.memory},
		{"members", b.members},
		{"streams", b.streams},
		{"giveback", b.giveBack},
		{"expiry", b.expiry},
		{"cache", b.cache},
		{"neighbours", b.neighbours},
		{"pubsub", b.pubsub},
		{"waiting", b.waiting},
		{"logged", b.logged},
		{"saving", b.saving},
		{"loading", b.loading},
	} {
		if err := section.run(); err != nil && ctx.Err() == nil {
			b.report.fail(section.name, err)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	return b.finish()
}

func parseFlags(args []string) (options, error) {
	o := options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	pattern := fs.String("run", "", "run only sections or section/case names that match this `regexp`")
	fs.IntVar(&o.pairs, "pairs", 5, "runs of each server in each case")
	seconds := fs.Float64("seconds", 2, "length of one measured run")
	fs.IntVar(&o.keys, "keys", 10_000_000, "keys of the memory section, and that fit in the cache section")
	fs.IntVar(&o.rate, "rate", 40_000, "commands a second of these sections' fixed load")
	fs.BoolVar(&o.quick, "quick", false, "everything small, to try the tool: the figures mean nothing")
	fs.StringVar(&o.markdown, "markdown", "", "write the tables to this `file`")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.quick {
		if !given["pairs"] {
			o.pairs = 2
		}
		if !given["seconds"] {
			*seconds = 0.1
		}
		if !given["keys"] {
			o.keys = 200_000
		}
	}
	o.seconds = time.Duration(*seconds * float64(time.Second))
	var err error
	if o.run, err = regexp.Compile(*pattern); err != nil {
		return o, err
	}
	if o.pairs < 1 || o.pairs > 1000 || *seconds < 0.05 || *seconds > 600 || o.keys < 1000 || o.keys > 500_000_000 || o.rate < 1000 {
		return o, fmt.Errorf("a flag is out of its range")
	}
	return o, nil
}

func newBench(ctx context.Context, opts options) (*bench, error) {
	redpoll, redis, err := findKinds()
	if err != nil {
		return nil, err
	}
	if _, err := raiseFileLimit(); err != nil {
		return nil, err
	}
	cores, err := findCores()
	if err != nil {
		return nil, err
	}
	if err := pinSelf(cores.client); err != nil {
		return nil, err
	}
	clk := clock.Real()
	b := &bench{ctx: ctx, opts: opts, clock: clk, cores: cores, redpoll: redpoll, redis: redis}
	b.fleet = newFleet(clk, b.period(100*time.Millisecond, 20*time.Millisecond))
	b.report = &report{out: os.Stdout, machine: b.machine()}
	return b, nil
}

// wants reports whether a section/case was asked for.
func (b *bench) wants(name string) bool { return b.opts.run.MatchString(name) }

// size returns the full size of something, or the small one of -quick.
func (b *bench) size(full, quick int) int {
	if b.opts.quick {
		return quick
	}
	return full
}

// period is size for durations.
func (b *bench) period(full, quick time.Duration) time.Duration {
	return time.Duration(b.size(int(full), int(quick)))
}

// both starts a fresh server of each kind on the server's core.
func (b *bench) both(extra ...string) (redpoll, redis *server, err error) {
	if redpoll, err = b.fleet.start(b.ctx, b.redpoll, b.cores.server, extra...); err != nil {
		return nil, nil, err
	}
	if redis, err = b.fleet.start(b.ctx, b.redis, b.cores.server, extra...); err != nil {
		redpoll.stop()
		return nil, nil, err
	}
	return redpoll, redis, nil
}

// pausedPair is both for servers that take turns: none of them runs yet.
func (b *bench) pausedPair() ([]*server, error) {
	redpoll, redis, err := b.both()
	if err != nil {
		return nil, err
	}
	redpoll.pause()
	redis.pause()
	return []*server{redpoll, redis}, nil
}

// machine describes where and what this is.
func (b *bench) machine() string {
	model := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	where := fmt.Sprintf("servers on CPU %d, load generator on CPU %d", b.cores.server[0], b.cores.client[0])
	if len(b.cores.all) == 1 {
		where = "only one CPU may be used: servers and load generator share it"
	}
	size := fmt.Sprintf("%d pairs of %v", b.opts.pairs, b.opts.seconds)
	if b.opts.quick {
		size += ", -quick: the figures mean nothing"
	}
	return fmt.Sprintf("%s, %d cores, Linux %s, %s; %s; %s.\n\nRedpoll: %s. Redis: %s.", model, runtime.NumCPU(),
		strings.TrimSpace(string(release)), b.clock.Now().Format("2006-01-02"), where, size,
		version(b.redpoll), version(b.redis))
}

// version returns the line that a server program prints about itself.
func version(k kind) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	args := []string{"--version"}
	out, err := exec.CommandContext(ctx, k.bin, args...).Output()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || line == "" {
		return "version unknown"
	}
	return line
}

// finish prints the tables.
func (b *bench) finish() error {
	if err := b.report.writeText(os.Stdout); err != nil {
		return err
	}
	if b.opts.markdown == "" {
		return nil
	}
	f, err := os.Create(b.opts.markdown)
	if err != nil {
		return err
	}
	if err := b.report.writeMarkdown(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
