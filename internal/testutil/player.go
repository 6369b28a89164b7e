// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rewriteFlag is read by RunStories alone.
var rewriteFlag = flag.Bool("rewrite", false, "write the replies into the story files that are run")

// longestWait bounds what "advance" waits for on a server whose clock is the real one.
const longestWait = 2 * time.Second

// errTooLong ends a section on a server that cannot move its clock.
var errTooLong = errors.New("the clock of this server cannot be moved so far")

// A Player speaks the steps of a section to one target.
type Player struct {
	target *Target
	proto  int
	conns  map[string]*Client
}

// NewPlayer empties the target's keyspace and gives a player whose connections start in protocol 2 or 3, when those of the player
// before it are gone. Close it.
func NewPlayer(target *Target, proto int) (*Player, error) {
	p := &Player{target: target, proto: proto, conns: map[string]*Client{}}
	c, err := Connect(target.Network, target.Addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	v, err := c.Do("FLUSHALL")
	if err == nil && v.IsError() {
		err = fmt.Errorf("FLUSHALL: %s", v.Str)
	}
	if err == nil {
		err = await(c, "connected_clients", 1)
	}
	return p, err
}

// Close closes the player's connections.
func (p *Player) Close() {
	for _, c := range p.conns {
		c.Close()
	}
}

// conn gives the connection of that name, opening it when there is none.
func (p *Player) conn(name string) (*Client, error) {
	if c := p.conns[name]; c != nil {
		return c, nil
	}
	c, err := Connect(p.target.Network, p.target.Addr)
	if err != nil {
		return nil, err
	}
	p.conns[name] = c
	if p.proto == 3 {
		err = hello(c, 3)
	}
	if errors.Is(err, errNoAuth) {
		err = nil // the story has set a password and wants to see what is said without it
	}
	return c, err
}

// errNoAuth is the reply to HELLO before AUTH.
var errNoAuth = errors.New("HELLO needs AUTH")

func hello(c *Client, proto int) error {
	v, err := c.Do("HELLO", strconv.Itoa(proto))
	switch {
	case err != nil || !v.IsError():
		return err
	case strings.HasPrefix(v.Str, "NOAUTH"):
		return errNoAuth
	}
	return errors.New(v.Str)
}

// Runs says whether the step is meant for the player's target.
func (p *Player) Runs(s *Step) bool {
	if s.RedpollOnly && !p.target.Redpoll || s.RedisOnly && p.target.Redpoll {
		return false
	}
	if s.Since == "" {
		return true
	}
	version, err := p.target.version()
	return err == nil && !versionLess(version, s.Since)
}

// versionLess compares dotted numbers.
func versionLess(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return x < y
		}
	}
	return false
}

// Play does one step; ok says whether there is a reply to look at.
func (p *Player) Play(s *Step) (r Reply, ok bool, err error) {
	switch s.Kind {
	case StepAdvance:
		return r, false, p.advance(s.Wait)
	case StepClosed:
		return r, false, p.closed(s.Conn)
	case StepWaiting:
		if s.moves && p.onRealClock() {
			return r, false, nil
		}
		return r, false, p.waiting(s.Times)
	}
	c, err := p.conn(s.Conn)
	if err != nil {
		return r, false, err
	}
	switch s.Kind {
	case StepProto:
		return r, false, hello(c, s.Proto)
	case StepRaw:
		err = c.SendRaw([]byte(s.Raw))
	case StepCommand:
		switch {
		case s.Times > 1:
			r, err = sendTimes(c, s)
			return r, true, err
		case s.Until:
			r, err = p.sendUntil(c, s)
			return r, true, err
		}
		err = c.Send(s.Args...)
	}
	if err != nil || !s.replies() {
		return r, false, err
	}
	r, err = c.Receive()
	return r, true, err
}

// sendTimes sends the command as often as the step says, in pipelines of a hundred, and gives the last reply.
func sendTimes(c *Client, s *Step) (last Reply, err error) {
	for i := 1; i <= s.Times; {
		var cmds [][]string
		for ; i <= s.Times && len(cmds) < 100; i++ {
			args := make([]string, len(s.Args))
			for j, a := range s.Args {
				args[j] = strings.ReplaceAll(a, "{i}", strconv.Itoa(i))
			}
			cmds = append(cmds, args)
		}
		replies, err := c.Pipeline(cmds...)
		if err != nil {
			return last, err
		}
		last = replies[len(replies)-1]
	}
	return last, nil
}

// sendUntil sends the command again and again until the reply is the one expected, and gives the last.
func (p *Player) sendUntil(c *Client, s *Step) (r Reply, err error) {
	poll(Patience, func() bool {
		r, err = c.DoRaw(AppendCommand(nil, s.Args...))
		return err != nil || s.matches(r.Value, p.onRealClock()) == nil
	})
	return r, err
}

// onRealClock tells that time passes on the target while the steps are done, and nobody knows how much.
func (p *Player) onRealClock() bool { return p.target.Advance == nil }

func (p *Player) advance(d time.Duration) error {
	if !p.onRealClock() {
		p.target.Advance(d)
		return nil
	}
	if d > longestWait {
		return errTooLong
	}
	time.Sleep(d) // not to wait for something: the passing of time itself is the step
	return nil
}

// waiting waits until so many clients of the server wait for keys.
func (p *Player) waiting(n int) error {
	c, err := Connect(p.target.Network, p.target.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return await(c, "blocked_clients", n)
}

// await waits until a field of INFO clients is n.
func await(c *Client, field string, n int) (err error) {
	line := fmt.Sprintf("\n%s:%d\r\n", field, n)
	var v Value
	if !poll(Patience, func() bool {
		v, err = c.Do("INFO", "clients")
		return err != nil || strings.Contains(v.Str, line)
	}) {
		err = fmt.Errorf("%s is not %d: %s", field, n, v.Str)
	}
	return err
}

// closed waits for the server to close the connection and forgets it.
func (p *Player) closed(name string) error {
	c := p.conns[name]
	if c == nil {
		return fmt.Errorf("connection %s was never used", name)
	}
	r, err := c.Receive()
	if err == nil {
		return fmt.Errorf("still open, got %s", Format(r.Value))
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("not closed by the server: %w", err)
	}
	c.Close()
	delete(p.conns, name)
	return nil
}

// Leftovers names a connection that has received bytes which no step read; "" when there is none.
func (p *Player) Leftovers() string {
	for name, c := range p.conns {
		if c.Buffered(time.Millisecond) {
			return name
		}
	}
	return ""
}

// Ends says whether the error only means that the rest of the section cannot run on this target.
func Ends(err error) bool { return errors.Is(err, errTooLong) }

// RunStories runs every story of dir (files *.txt) against the server that start gives, one server a file, each section as a
// subtest. With the test flag -rewrite the files get the replies that came.
func RunStories(t *testing.T, dir string, start func(t *testing.T) *Target) {
	t.Helper()
	for _, path := range StoryFiles(t, dir) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			story, err := ReadStory(path)
			if err != nil {
				t.Fatal(err)
			}
			target := start(t)
			replies := runStory(t, story, target)
			if *rewriteFlag {
				if err := story.rewrite(replies, target.Advance == nil); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// StoryFiles lists the stories of a directory, at least one.
func StoryFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		wd, _ := os.Getwd()
		t.Fatalf("no stories in %s of %s (%v)", dir, wd, err)
	}
	return files
}

// runStory gives the reply to every step that ran, by the step's line.
func runStory(t *testing.T, story *Story, target *Target) map[int]Value {
	replies := map[int]Value{}
	for i := range story.Sections {
		sec := &story.Sections[i]
		t.Run(sec.Title, func(t *testing.T) {
			p, err := NewPlayer(target, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for j := range sec.Steps {
				if !runStep(t, story.Path, p, &sec.Steps[j], replies) {
					return
				}
			}
			if name := p.Leftovers(); name != "" {
				t.Errorf("%s:%d: connection %s has received more than was read", story.Path, sec.Line, name)
			}
		})
	}
	return replies
}

// runStep says whether the section can go on.
func runStep(t *testing.T, path string, p *Player, s *Step, replies map[int]Value) bool {
	if !p.Runs(s) {
		return true
	}
	r, ok, err := p.Play(s)
	switch {
	case Ends(err):
		t.Logf("%s:%d: the rest does not run on %s: %v", path, s.Line, p.target.Name, err)
		return false
	case err != nil:
		t.Errorf("%s:%d: %s\n%v", path, s.Line, s.Text, err)
		return false
	case ok && *rewriteFlag:
		replies[s.Line] = r.Value
	case ok:
		if err := s.matches(r.Value, p.onRealClock()); err != nil {
			t.Errorf("%s:%d: %s\nwant:\n%s\n%v", path, s.Line, s.Text, strings.Join(s.Want, "\n"), err)
		}
	}
	return true
}
