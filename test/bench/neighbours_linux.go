// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"syscall"
	"time"
)

// disturbance is something one client does that others should not feel.
type disturbance struct {
	name string
	run  func(d *disturbed) error
}

// disturbed is a server with a probe on it while a disturbance goes on.
type disturbed struct {
	b       *bench
	server  *server
	probe   *probe
	took    latencies
	before  int64 // resident memory
	most    int64
	closers []func()
}

// disturbances lists what the neighbours section tries; "nothing" shows what the probe itself sees.
func (b *bench) disturbances() []disturbance {
	return []disturbance{
		{"nothing", func(d *disturbed) error { return d.window(nil) }},
		{"100 half-sent commands", halfSent},
		{"10 headers of 1 GB and no bytes", hugeHeaders},
		{"a client that never reads", neverReads},
		{"GET of 512 MB, read slowly", slowString},
		{"HGETALL of a million fields, read slowly", slowHash},
		{"DEL of a hash of a million fields", delHash},
		{"a pipeline of 10 ms commands", slowPipeline},
	}
}

// neighbours measures the latencies of one client's GETs while another misbehaves.
func (b *bench) neighbours() error {
	t := b.report.table("Neighbours: GETs of one client, one a millisecond, while another does this", "disturbance", "server", "p50", "p99",
		"p99.9", "worst", "memory grew by")
	for _, what := range b.disturbances() {
		if !b.wants("neighbours/" + what.name) {
			continue
		}
		p99 := [2]float64{}
		failed := false
		for k, kind := range []kind{b.redpoll, b.redis} {
			d, err := b.disturb(kind, what)
			if err != nil {
				if b.ctx.Err() != nil {
					return b.ctx.Err()
				}
				b.report.fail("neighbours/"+what.name, fmt.Errorf("%s: %w", kind.name, err))
				failed = failed || k == 0
				p99[k] = math.NaN()
				continue
			}
			p := d.took.percentiles(0.5, 0.99, 0.999, 1)
			p99[k] = millis(p[1])
			ms := func(d time.Duration) string { return number(millis(d)) + " ms" }
			t.row(what.name, kind.name, ms(p[0]), ms(p[1]), ms(p[2]), ms(p[3]), number(megabytes(d.most-d.before))+" MB")
		}
		if !failed {
			b.report.judge("p99 beside "+what.name, p99[0], p99[1], " ms", atMost(15))
		}
	}
	return nil
}

// disturb starts a fresh server and runs one disturbance on it.
func (b *bench) disturb(k kind, what disturbance) (*disturbed, error) {
	s, err := b.fleet.start(b.ctx, k, b.cores.server, "--enable-debug-command", "yes")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := fill(s.port, probeKeys, numbered("SET", "key:000"+hole, payload(64))); err != nil {
		return nil, err
	}
	d := &disturbed{b: b, server: s}
	if d.before, err = s.settled(b.ctx, 3*time.Second); err != nil {
		return nil, err
	}
	d.most = d.before
	if d.probe, err = startProbe(b.clock, s.port, "GET", "key:000"+hole); err != nil {
		return nil, err
	}
	err = what.run(d)
	_, errProbe := d.probe.close()
	for _, fn := range d.closers {
		fn()
	}
	return d, errors.Join(err, errProbe)
}

// window collects the probe's latencies while fn runs, and for a while from its start in any case.
func (d *disturbed) window(fn func() error) error {
	length := d.b.period(3*time.Second, 300*time.Millisecond)
	if _, err := d.probe.take(); err != nil {
		return err
	}
	start := d.b.clock.Mono()
	if fn != nil {
		if err := fn(); err != nil {
			return err
		}
	}
	if err := sleep(d.b.ctx, length-time.Duration(d.b.clock.Mono()-start)); err != nil {
		return err
	}
	now, err := d.server.resident()
	d.most = max(d.most, now)
	took, errProbe := d.probe.take()
	d.took = append(d.took, took...)
	return errors.Join(err, errProbe)
}

// dial opens a connection that lasts until the disturbance ends.
func (d *disturbed) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", address(d.server.port))
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() { _ = conn.Close() })
	return conn, conn.SetDeadline(deadline(controlTimeout))
}

func (d *disturbed) say(text string) error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(text))
	return err
}

func halfSent(d *disturbed) error {
	for range 100 {
		if err := d.say("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100\r\nhalf"); err != nil {
			return err
		}
	}
	return d.window(nil)
}

// hugeHeaders promises values of 1 GB; by default a server refuses them, so it is told to take them first.
func hugeHeaders(d *disturbed) error {
	err := d.server.ask(func(c *control) error {
		_, err := c.do("CONFIG", "SET", "proto-max-bulk-len", strconv.Itoa(2<<30))
		return err
	})
	if err != nil {
		return err
	}
	return d.window(func() error {
		for range 10 {
			if err := d.say("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1073741824\r\n"); err != nil {
				return err
			}
		}
		return nil
	})
}

// neverReads asks for a value of 1 MB again and again and reads none of the replies.
func neverReads(d *disturbed) error {
	asks := d.b.size(512, 64)
	err := d.server.ask(func(c *control) error {
		_, err := c.do("SET", "big", payload(1<<20))
		return err
	})
	if err != nil {
		return err
	}
	conn, err := d.dial()
	if err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		return err
	}
	var out []byte
	for range asks {
		out = appendCommand(out, "GET", "big")
	}
	return d.window(func() error {
		if err := conn.SetWriteDeadline(deadline(2 * time.Second)); err != nil {
			return err
		}
		// A server may stop reading from such a client: then not all of it can be sent, and that is well.
		if _, err := conn.Write(out); err != nil && !errors.Is(err, syscall.ECONNRESET) && !isTimeout(err) {
			return err
		}
		return nil
	})
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// slowString reads a long string a little at a time.
func slowString(d *disturbed) error {
	err := d.server.ask(func(c *control) error {
		_, err := c.do("SETRANGE", "big", strconv.Itoa(d.b.size(512<<20, 32<<20)-1), "x")
		return err
	})
	if err != nil {
		return err
	}
	return d.readSlowly("GET", "big")
}

// slowHash reads a big hash a little at a time.
func slowHash(d *disturbed) error {
	if err := d.bigHash(); err != nil {
		return err
	}
	return d.readSlowly("HGETALL", "big")
}

// readSlowly sends a command and reads 100 KB of its reply every 100 ms.
func (d *disturbed) readSlowly(args ...string) error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		return err
	}
	if d.before, err = d.server.settled(d.b.ctx, 5*time.Second); err != nil {
		return err
	}
	in := make([]byte, 100_000)
	return d.window(func() error {
		if _, err := conn.Write(appendCommand(nil, args...)); err != nil {
			return err
		}
		for range d.b.size(25, 3) {
			if _, err := io.ReadFull(conn, in); err != nil {
				return err
			}
			if err := sleep(d.b.ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
}

// bigHash makes a hash of a million fields.
func (d *disturbed) bigHash() error {
	return fill(d.server.port, d.b.size(1_000_000, 100_000)/100, func(b []byte, i int) []byte {
		args := []string{"HSET", "big"}
		for j := range 100 {
			args = append(args, "field:"+strconv.Itoa(i*100+j), payload(16))
		}
		return appendCommand(b, args...)
	})
}

// delHash makes a big hash and deletes it, three times.
func delHash(d *disturbed) error {
	for range 3 {
		if err := d.bigHash(); err != nil {
			return err
		}
		if err := sleep(d.b.ctx, 200*time.Millisecond); err != nil {
			return err
		}
		err := d.window(func() error {
			return d.server.ask(func(c *control) error { _, err := c.do("DEL", "big"); return err })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// slowPipeline sends a hundred commands of 10 ms at once.
func slowPipeline(d *disturbed) error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	const commands = 100
	var out []byte
	for range commands {
		out = appendCommand(out, "DEBUG", "SLEEP", "0.01")
	}
	return d.window(func() error {
		if _, err := conn.Write(out); err != nil {
			return err
		}
		var count counter
		return count.await(conn, make([]byte, 4096), commands)
	})
}
