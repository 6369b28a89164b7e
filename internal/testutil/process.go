// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Target is a server that tests talk to.
type Target struct {
	// Name stands in messages.
	Name string
	// Network and Addr are what Dial takes.
	Network, Addr string
	// Redpoll says that the steps marked redpoll-only run here, and those marked redis-only do not.
	Redpoll bool
	// Version is the redis_version that the "since" of a step is held against; empty: the server's INFO is asked.
	Version string
	// Advance moves the server's fake clock. Nil for a server on the real clock: short waits are then waited, and a section
	// ends early at a long one.
	Advance func(time.Duration)
}

// Dial opens a connection to the target for the length of the test.
func (s *Target) Dial(t testing.TB) *Client {
	t.Helper()
	return Dial(t, s.Network, s.Addr)
}

// version is the redis_version of the target.
func (s *Target) version() (string, error) {
	if s.Version != "" {
		return s.Version, nil
	}
	c, err := Connect(s.Network, s.Addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	v, err := c.Do("INFO", "server")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(v.Str) {
		if n, ok := strings.CutPrefix(line, "redis_version:"); ok {
			s.Version = strings.TrimSpace(n)
			return s.Version, nil
		}
	}
	return "", fmt.Errorf("INFO server names no redis_version: %.100q", v.Str)
}

// oracleBinary is where Debian's package puts the reference server.
const oracleBinary = "/usr/bin/redis-server"

// OracleBinary gives the path of the reference server: environment variable REDIS_BIN, else Debian's redis-server. A test on a
// machine without it ends in Missing.
func OracleBinary(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("REDIS_BIN")
	if bin == "" {
		bin = oracleBinary
	}
	if _, err := exec.LookPath(bin); err != nil {
		Missing(t, "the reference server "+bin+" (Debian's package redis-server, or name one with REDIS_BIN)")
	}
	return bin
}

// Oracle starts the reference server for the length of the test, on a unix socket in a directory of its own, with DEBUG
// allowed and nothing written to disk. Args are further directives ("--maxmemory", "1mb").
func Oracle(t testing.TB, args ...string) *Target {
	t.Helper()
	bin := OracleBinary(t)
	dir := shortDir(t)
	sock := filepath.Join(dir, "s")
	all := append([]string{"--port", "0", "--unixsocket", sock, "--enable-debug-command", "yes"}, quiet(dir)...)
	p := start(t, bin, append(all, args...), "unix", sock)
	p.Target.Name = "redis-server"
	return p.Target
}

// quiet are the directives that keep a server from writing anywhere but dir.
func quiet(dir string) []string {
	return []string{"--save", "", "--appendonly", "no", "--dir", dir}
}

// shortDir is t.TempDir for sockets, whose paths may have no more than some hundred bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "redpoll")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A Proc is a server process that the test started.
type Proc struct {
	*Target
	// PID is the process's id.
	PID int

	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when the process has ended, after err was set
	err  error
}

// Process starts a server binary on a free TCP port of 127.0.0.1 and waits until it answers PING. Args come first on its
// command line ("server" for redpoll), the port and the directives that keep it off the disk after them. The test ends it with
// SIGTERM and fails when that takes longer than Patience.
func Process(t testing.TB, bin string, args ...string) *Proc {
	t.Helper()
	port := FreePort(t)
	args = append(args[:len(args):len(args)], "--port", fmt.Sprint(port), "--bind", "127.0.0.1")
	return start(t, bin, append(args, quiet(shortDir(t))...), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// FreePort gives a TCP port of 127.0.0.1 that was free a moment ago. It is taken by chance from those below the ones that
// systems give to whoever asks for any: what runs beside the test cannot get it by asking for any meanwhile.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(22_000)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func start(t testing.TB, bin string, args []string, network, addr string) *Proc {
	t.Helper()
	p := Launch(t, bin, args, network, addr)
	p.Await(t)
	return p
}

// Launch starts a server binary that is to be reached at an address, with these arguments and no others, and does not wait for it. The
// test ends it as Process says.
func Launch(t testing.TB, bin string, args []string, network, addr string) *Proc {
	t.Helper()
	p := &Proc{
		Target: &Target{Name: filepath.Base(bin), Network: network, Addr: addr},
		cmd:    exec.Command(bin, args...),
		out:    &output{},
		done:   make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", bin, err)
	}
	p.PID = p.cmd.Process.Pid
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop %s: %v\n%s", bin, err, p.Output())
		}
	})
	return p
}

// Await waits until the server answers PING, and fails the test when it does not, or has ended.
func (p *Proc) Await(t testing.TB) {
	t.Helper()
	if !p.Answers() {
		t.Fatalf("%s does not answer on %s\n%s", Quote(p.cmd.Args), p.Addr, p.Output())
	}
}

// Answers waits until the server answers PING, and tells whether it does.
func (p *Proc) Answers() bool {
	return poll(Patience, func() bool { return p.ended() || p.answers() }) && !p.ended()
}

// Kill ends the process with SIGKILL and waits for its end.
func (p *Proc) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Output is what the process has printed so far.
func (p *Proc) Output() string { return p.out.String() }

// Stop ends the process with SIGTERM, with SIGKILL if it is still there after Patience, which is an error; so is an exit status other than 0. A process
// that has ended already is left alone.
func (p *Proc) Stop() error {
	if p.ended() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(Patience):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("no end %v after SIGTERM: killed", Patience)
	}
}

// Wait waits at most d for the process to end by itself and gives its error, if any.
func (p *Proc) Wait(d time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(d):
		return fmt.Errorf("still running after %v", d)
	}
}

func (p *Proc) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// answers says whether the server replies to PING, be it that it wants a password first.
func (p *Proc) answers() bool {
	c, err := Connect(p.Network, p.Addr)
	if err != nil {
		return false
	}
	defer c.Close()
	v, err := c.Do("PING")
	return err == nil && (v.Str == "PONG" || strings.HasPrefix(v.Str, "NOAUTH"))
}

// RedpollBinary gives the path of Redpoll's binary and the arguments that make it a server: environment variable REDPOLL_BIN
// (also a redis-server, to try the checks themselves), else one built from this module for the test.
func RedpollBinary(t testing.TB) (bin string, args []string) {
	t.Helper()
	if bin := os.Getenv("REDPOLL_BIN"); bin != "" {
		if strings.HasSuffix(filepath.Base(bin), "-server") {
			return bin, nil
		}
		return bin, []string{"server"}
	}
	bin = filepath.Join(t.TempDir(), "redpoll")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, "github.com/redpoll/redpoll/cmd/redpoll")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build redpoll: %v\n%s", err, out)
	}
	return bin, []string{"server"}
}

// output collects what a process prints; safe for concurrent use.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String gives what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
