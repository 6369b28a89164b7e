// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// control is a plain connection for what is not measured: asking, preparing, resetting. One goroutine uses it.
type control struct {
	conn net.Conn
	in   *bufio.Reader
}

// reply is one RESP2 reply.
type reply struct {
	text  string // of a string, bulk or integer; empty for null and arrays
	null  bool
	elems []reply
}

// refusal is an error reply.
type refusal string

func (r refusal) Error() string { return "error reply: " + string(r) }

// controlTimeout bounds one command; FLUSHALL of ten million keys is the slowest.
const controlTimeout = 2 * time.Minute

func dialControl(port int) (*control, error) {
	conn, err := net.DialTimeout("tcp", address(port), 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &control{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// deadline returns the time d from now, as sockets want it.
func deadline(d time.Duration) time.Time { return clock.Real().Now().Add(d) }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (c *control) close() { _ = c.conn.Close() }

// do sends one command and returns its reply; an error reply comes as a refusal.
func (c *control) do(args ...string) (reply, error) {
	if err := c.conn.SetDeadline(deadline(controlTimeout)); err != nil {
		return reply{}, err
	}
	if _, err := c.conn.Write(appendCommand(nil, args...)); err != nil {
		return reply{}, err
	}
	r, err := c.read()
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", args[0], err)
	}
	return r, nil
}

// number sends one command whose reply is an integer.
func (c *control) number(args ...string) (int, error) {
	r, err := c.do(args...)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(r.text)
}

// info returns the fields of INFO's section.
func (c *control) info(section string) (map[string]string, error) {
	r, err := c.do("INFO", section)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.SplitSeq(r.text, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// awaitInfo calls meanwhile and then looks at INFO's section, until done tells that the fields are as they are to be, or there is an error.
func (c *control) awaitInfo(section string, meanwhile func() error, done func(fields map[string]string) (bool, error)) error {
	for {
		if err := meanwhile(); err != nil {
			return err
		}
		fields, err := c.info(section)
		if err != nil {
			return err
		}
		if over, err := done(fields); over || err != nil {
			return err
		}
	}
}

func (c *control) read() (reply, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return reply{}, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return reply{}, errors.New("empty reply line")
	}
	switch kind, rest := line[0], line[1:]; kind {
	case '+', ':':
		return reply{text: rest}, nil
	case '-':
		return reply{}, refusal(rest)
	case '$', '*':
		n, err := strconv.Atoi(rest)
		if err != nil {
			return reply{}, fmt.Errorf("reply header %q", line)
		}
		if n < 0 {
			return reply{null: true}, nil
		}
		if kind == '$' {
			b := make([]byte, n+2)
			_, err := io.ReadFull(c.in, b)
			return reply{text: string(b[:n])}, err
		}
		r := reply{elems: make([]reply, n)}
		for i := range r.elems {
			if r.elems[i], err = c.read(); err != nil {
				return reply{}, err
			}
		}
		return r, nil
	}
	return reply{}, fmt.Errorf("reply header %q", line)
}

// fill sends n commands over four connections, each a batch at a time, and fails at the first error reply. encode appends the
// i-th command to b; it is called from several goroutines.
func fill(port, n int, encode func(b []byte, i int) []byte) error {
	const conns, batch = 4, 512
	var wg sync.WaitGroup
	errs := make([]error, conns)
	for k := range conns {
		wg.Go(func() {
			errs[k] = fillRange(port, n*k/conns, n*(k+1)/conns, batch, encode)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func fillRange(port, from, to, batch int, encode func(b []byte, i int) []byte) error {
	conn, err := net.Dial("tcp", address(port))
	if err != nil {
		return err
	}
	defer conn.Close()
	var (
		out, in = []byte(nil), make([]byte, 64<<10)
		count   counter
		sent    int
	)
	for i := from; i < to; {
		out = out[:0]
		for end := min(i+batch, to); i < end; i++ {
			out = encode(out, i)
			sent++
		}
		if err := conn.SetDeadline(deadline(controlTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if err := count.await(conn, in, sent); err != nil {
			return err
		}
	}
	return nil
}

// numbered returns an encoder for fill that sends a command with its holes filled by i.
func numbered(args ...string) func(b []byte, i int) []byte {
	c := newCommand(args...)
	return func(b []byte, i int) []byte {
		at := len(b)
		b = append(b, c.text...)
		for _, h := range c.holes {
			putNumber(b[at+h:], uint32(i))
		}
		return b
	}
}
