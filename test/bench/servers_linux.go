// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/redpoll/redpoll/internal/clock"
)

// kind is a server program.
type kind struct {
	name string
	bin  string
	args []string // before all others
}

// findKinds looks up the two programs that are compared.
func findKinds() (redpoll, redis kind, err error) {
	bin, err1 := lookUp("REDPOLL_BIN", filepath.Join("bin", "redpoll"))
	redpoll = kind{name: "Redpoll", bin: bin, args: []string{"server"}}
	bin, err2 := lookUp("REDIS_BIN", "redis-server")
	redis = kind{name: "Redis", bin: bin}
	return redpoll, redis, errors.Join(err1, err2)
}

// lookUp returns the absolute path of the program that an environment variable names, or of its default.
func lookUp(env, fallback string) (string, error) {
	name := fallback
	if v := os.Getenv(env); v != "" {
		name = v
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w (install it, or name another by the environment variable %s)", err, env)
	}
	return filepath.Abs(path)
}

// fleet starts servers and knows all that run, so that none outlives the tool.
type fleet struct {
	clock *clock.Clock
	step  time.Duration // between two looks at memory that settles

	mu      sync.Mutex // guards what follows
	running map[*server]struct{}
	closed  bool
}

func newFleet(clk *clock.Clock, step time.Duration) *fleet {
	return &fleet{clock: clk, step: step, running: map[*server]struct{}{}}
}

// server is a running server process.
type server struct {
	kind
	fleet *fleet
	cmd   *exec.Cmd
	pid   int
	port  int
	dir   string
	born  int64         // clock time just before exec
	up    time.Duration // from exec until the first PONG
	once  sync.Once     // of stop
	ended chan struct{} // closed when the process has been waited for
}

// start runs a server on a free port of 127.0.0.1, in a directory of its own, bound to the given CPUs, and waits until it answers
// PING. It is called from the main thread only: the kernel kills the server when the thread that started it ends.
func (f *fleet) start(ctx context.Context, k kind, cpus []int, extra ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "redpoll-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{kind: k, fleet: f, port: port, dir: dir, ended: make(chan struct{})}
	if err := s.exec(cpus, extra); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	return s, s.awaitPong(ctx)
}

func (s *server) exec(cpus []int, extra []string) error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	args := append(append([]string(nil), s.args...), "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no")
	s.cmd = exec.Command(s.bin, append(args, extra...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	if s.fleet.closed {
		return context.Canceled
	}
	s.born = s.fleet.clock.Mono()
	if err := startOn(s.cmd, cpus); err != nil {
		return err
	}
	s.pid = s.cmd.Process.Pid
	s.fleet.running[s] = struct{}{}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	return nil
}

// startOn starts a command bound to the given CPUs: it inherits them from this thread, which is the main one.
func startOn(cmd *exec.Cmd, cpus []int) error {
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return err
	}
	if err := pin(0, cpus); err != nil {
		return err
	}
	err := cmd.Start()
	return errors.Join(err, unix.SchedSetaffinity(0, &own))
}

func (s *server) awaitPong(ctx context.Context) error {
	for limit := s.born + int64(15*time.Second); ; {
		if s.ping() == nil {
			s.up = time.Duration(s.fleet.clock.Mono() - s.born)
			return nil
		}
		select {
		case <-ctx.Done():
			s.stop()
			return ctx.Err()
		case <-s.ended:
			err := fmt.Errorf("%s ended at once: %s", s.name, s.lastWords())
			s.stop()
			return err
		case <-time.After(200 * time.Microsecond):
		}
		if s.fleet.clock.Mono() > limit {
			err := fmt.Errorf("%s does not answer PING: %s", s.name, s.lastWords())
			s.stop()
			return err
		}
	}
}

func (s *server) ping() error {
	conn, err := net.DialTimeout("tcp", address(s.port), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write(appendCommand(nil, "PING")); err != nil {
		return err
	}
	b := make([]byte, 7)
	if n, err := conn.Read(b); err != nil || string(b[:n]) != "+PONG\r\n" {
		return errors.Join(err, fmt.Errorf("PING answered by %q", b[:n]))
	}
	return nil
}

// lastWords returns the end of the server's log, on one line.
func (s *server) lastWords() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// stop ends the server, by SIGTERM and after five seconds by SIGKILL, and removes its directory. It may be called again and from
// any goroutine, and returns when the server is gone.
func (s *server) stop() {
	s.once.Do(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		s.resume() // a stopped process would not see it
		select {
		case <-s.ended:
		case <-time.After(5 * time.Second):
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
		_ = os.RemoveAll(s.dir)
		s.fleet.mu.Lock()
		delete(s.fleet.running, s)
		s.fleet.mu.Unlock()
	})
}

// close stops all servers and lets no other be started.
func (f *fleet) close() {
	f.mu.Lock()
	f.closed = true
	var all []*server
	for s := range f.running {
		all = append(all, s)
	}
	f.mu.Unlock()
	for _, s := range all {
		s.stop()
	}
}

// pause stops the process so that it takes no processor time from the server being measured; resume lets it go on.
func (s *server) pause()  { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// resident returns the bytes of the process's memory that are in RAM.
func (s *server) resident() (int64, error) {
	for _, file := range []struct{ name, field string }{{"smaps_rollup", "Rss:"}, {"status", "VmRSS:"}} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.pid, file.name))
		if err != nil {
			continue
		}
		_, rest, ok := bytes.Cut(b, []byte("\n"+file.field))
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.Fields(string(rest))[0], 10, 64)
		return kb << 10, err
	}
	return 0, fmt.Errorf("resident memory of %s is not to be had", s.name)
}

// settled waits until the resident memory has changed by less than half a per cent for five steps, at most for limit, and returns
// it.
func (s *server) settled(ctx context.Context, limit time.Duration) (int64, error) {
	const calm = 5
	step := s.fleet.step
	last, err := s.resident()
	for same, spent := 0, time.Duration(0); err == nil && same < calm && spent < limit; spent += step {
		if err := sleep(ctx, step); err != nil {
			return 0, err
		}
		var now int64
		now, err = s.resident()
		same++
		if d := now - last; max(d, -d) > last/200 {
			same, last = 0, now
		}
	}
	if err != nil {
		return 0, err
	}
	return s.resident()
}

// ask opens a control connection for one function.
func (s *server) ask(fn func(c *control) error) error {
	c, err := dialControl(s.port)
	if err != nil {
		return err
	}
	defer c.close()
	return fn(c)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// sleep waits for d or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
