// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"
)

// A Client is one connection that speaks RESP. It adds nothing: no retries, no pool, no look at the replies. It waits for each reply for
// as long as Patience. Not safe for concurrent use.
type Client struct {
	conn    net.Conn
	r       *bufio.Reader
	timeout time.Duration
}

// A Reply is one reply as it came: its bytes and what they mean.
type Reply struct {
	Raw   []byte
	Value Value
}

// Connect opens a connection; network is "tcp" or "unix".
func Connect(network, addr string) (*Client, error) {
	conn, err := net.DialTimeout(network, addr, Patience)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, r: bufio.NewReaderSize(conn, 64<<10), timeout: Patience}, nil
}

// Dial opens a connection that is closed at the end of the test, which fails when it cannot be had.
func Dial(t testing.TB, network, addr string) *Client {
	t.Helper()
	c, err := Connect(network, addr)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// SetTimeout sets how long the client waits for each further reply.
func (c *Client) SetTimeout(d time.Duration) { c.timeout = d }

// LocalAddr gives the client's own address, as the server sees it.
func (c *Client) LocalAddr() string { return c.conn.LocalAddr().String() }

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Do sends one command and waits for one reply. An error reply is a Value, not an error.
func (c *Client) Do(args ...string) (Value, error) {
	r, err := c.DoRaw(AppendCommand(nil, args...))
	return r.Value, err
}

// DoRaw sends bytes as they are and waits for one reply.
func (c *Client) DoRaw(b []byte) (Reply, error) {
	if err := c.SendRaw(b); err != nil {
		return Reply{}, err
	}
	return c.Receive()
}

// Must is Do in a test, which fails when no reply comes or the reply is an error.
func (c *Client) Must(t testing.TB, args ...string) Value {
	t.Helper()
	v, err := c.Do(args...)
	if err != nil {
		t.Fatalf("%s: %v", Quote(args), err)
	}
	if v.IsError() {
		t.Fatalf("%s: %s", Quote(args), v.Str)
	}
	return v
}

// Send sends one command without waiting for its reply.
func (c *Client) Send(args ...string) error { return c.SendRaw(AppendCommand(nil, args...)) }

// SendRaw sends bytes as they are.
func (c *Client) SendRaw(b []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

// Receive waits for one reply.
func (c *Client) Receive() (Reply, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return Reply{}, err
	}
	d := decoder{r: c.r}
	v, err := d.value(0)
	return Reply{Raw: d.raw, Value: v}, err
}

// Pipeline sends the commands in one write and waits for as many replies. Commands and replies must fit the socket's buffers
// together: send what is larger from a goroutine.
func (c *Client) Pipeline(cmds ...[]string) ([]Reply, error) {
	var b []byte
	for _, cmd := range cmds {
		b = AppendCommand(b, cmd...)
	}
	if err := c.SendRaw(b); err != nil {
		return nil, err
	}
	replies := make([]Reply, 0, len(cmds))
	for range cmds {
		r, err := c.Receive()
		if err != nil {
			return replies, fmt.Errorf("reply %d of %d: %w", len(replies)+1, len(cmds), err)
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// Buffered says whether bytes that nobody asked for have arrived, waiting at most d for them.
func (c *Client) Buffered(d time.Duration) bool {
	if c.conn.SetReadDeadline(time.Now().Add(d)) != nil {
		return false
	}
	b, err := c.r.Peek(1)
	return err == nil && len(b) == 1
}

// AppendCommand appends the command as the array of bulk strings that clients send.
func AppendCommand(b []byte, args ...string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	b = append(b, '\r', '\n')
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, '\r', '\n')
		b = append(b, a...)
		b = append(b, '\r', '\n')
	}
	return b
}
