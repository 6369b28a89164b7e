// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// fanOut is one comparison of delivering messages: publishers publish as fast as they are answered, each to the channels in turn,
// and subscribers are spread evenly over the channels.
type fanOut struct {
	name                              string
	channels, publishers, subscribers int
	faster                            limit // asked ratio of messages delivered a second
}

// delivery is what one run of a fanOut gave.
type delivery struct {
	rate   float64 // messages delivered a second, all subscribers together
	server float64 // nanoseconds of the server's CPU a delivered message
	client float64 // the same of the client
}

// pubsub compares delivered messages a second and the server's CPU for each.
func (b *bench) pubsub() error {
	n := b.size(1000, 100)
	cases := slices.DeleteFunc([]fanOut{
		{name: "one channel", channels: 1, publishers: 100, subscribers: n, faster: atLeast(1.5)},
		{name: "100 channels", channels: 100, publishers: 100, subscribers: n, faster: atLeast(1.5)},
	}, func(c fanOut) bool { return !b.wants("pubsub/" + c.name) })
	if len(cases) == 0 {
		return nil
	}
	pair, err := b.pausedPair()
	if err != nil {
		return err
	}
	defer pair[0].stop()
	defer pair[1].stop()

	t := b.report.table(fmt.Sprintf("Messages of 64 bytes from 100 publishers to %d subscribers", n), "case", "server", "delivered",
		"CPU a message", "client's CPU a message")
	t.note("Publishers wait for their reply before they publish again. Every message has reached all its subscribers when a run ends.")
	for _, c := range cases {
		var rate, cpu, own [2][]float64
		for i := range b.opts.pairs {
			for turn := range 2 {
				k := (i + turn) % 2
				pair[k].resume()
				d, err := b.deliver(pair[k], c)
				pair[k].pause()
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, pair[k].name, err)
				}
				rate[k], cpu[k], own[k] = append(rate[k], d.rate), append(cpu[k], d.server), append(own[k], d.client)
			}
		}
		for k, s := range pair {
			t.row(c.name, s.name, thousands(spreadOf(rate[k]).median), micros(spreadOf(cpu[k]).median), micros(spreadOf(own[k]).median))
		}
		b.report.judgeRatio("messages delivered, "+c.name, rate[0], rate[1], thousands, c.faster)
		b.report.judgeRatio("messages delivered, "+c.name+": server CPU", cpu[0], cpu[1], micros, limit{})
	}
	return nil
}

// deliver measures one run.
func (b *bench) deliver(s *server, c fanOut) (d delivery, err error) {
	runtime.GC()
	audience, err := openAudience(b.clock, s.port, c)
	if err != nil {
		return d, err
	}
	defer audience.close()
	if err := audience.run(b.ctx, b.opts.seconds/10); err != nil { // warm-up
		return d, err
	}
	before, err := processCPU(s.pid)
	if err != nil {
		return d, err
	}
	own, start, count := threadCPU(), b.clock.Mono(), audience.delivered()
	if err := audience.run(b.ctx, b.opts.seconds); err != nil {
		return d, err
	}
	took := time.Duration(b.clock.Mono() - start)
	after, err := processCPU(s.pid)
	if err != nil {
		return d, err
	}
	n := float64(audience.delivered() - count)
	return delivery{rate: n / took.Seconds(), server: float64(after-before) / n, client: float64(threadCPU()-own) / n}, nil
}

// audience is the client of a fanOut: one thread with one epoll descriptor for publishers and subscribers, so that none publishes
// while messages lie unread for longer than one round. What comes to subscribers is counted in bytes: each message has the same
// number of them.
type audience struct {
	clock      *clock.Clock
	fanOut     fanOut
	epoll      int
	publishers []*publisher
	listeners  []int // descriptors; the events' numbers go on from the publishers'
	buf        []byte
	events     []syscall.EpollEvent
	published  int // messages sent
	bytes      int // received by subscribers
	size       int // bytes of a message as a subscriber gets it
}

// publisher is one connection that publishes.
type publisher struct {
	fd    int
	out   [][]byte // a command for each channel
	turn  int      // of the channel that is next
	count counter
}

func openAudience(clk *clock.Clock, port int, c fanOut) (a *audience, err error) {
	a = &audience{clock: clk, fanOut: c, buf: make([]byte, 64<<10), events: make([]syscall.EpollEvent, c.publishers+c.subscribers)}
	if a.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	channel := func(i int) string { return "channel:" + fmt.Sprintf("%03d", i%c.channels) }
	a.size = len(appendCommand(nil, "message", channel(0), payload(64)))
	for i := range c.publishers {
		p := &publisher{turn: i % c.channels}
		for n := range c.channels {
			p.out = append(p.out, appendCommand(nil, "PUBLISH", channel(n), payload(64)))
		}
		if p.fd, err = a.connect(port); err != nil {
			break
		}
		a.publishers = append(a.publishers, p)
	}
	for i := range c.subscribers {
		if err != nil {
			break
		}
		var fd int
		if fd, err = a.connect(port); err == nil {
			a.listeners = append(a.listeners, fd)
			err = subscribe(fd, channel(i))
		}
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// connect opens the connection whose number is that of those that there are.
func (a *audience) connect(port int) (fd int, err error) {
	if fd, err = dialRaw(port); err != nil {
		return -1, err
	}
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(len(a.publishers) + len(a.listeners))}
	return fd, syscall.EpollCtl(a.epoll, syscall.EPOLL_CTL_ADD, fd, &ev)
}

// subscribe subscribes a connection and waits for the confirmation.
func subscribe(fd int, channel string) error {
	if err := writeAll(fd, appendCommand(nil, "SUBSCRIBE", channel)); err != nil {
		return err
	}
	var count counter
	return count.await(socket(fd), make([]byte, 256), 1)
}

func (a *audience) close() {
	for _, p := range a.publishers {
		_ = syscall.Close(p.fd)
	}
	for _, fd := range a.listeners {
		_ = syscall.Close(fd)
	}
	_ = syscall.Close(a.epoll)
}

// delivered returns how many whole messages have come to subscribers.
func (a *audience) delivered() int { return a.bytes / a.size }

// run publishes for d and then waits until everything has been delivered. A subscriber that is closed or a message that does not come
// makes it fail.
func (a *audience) run(ctx context.Context, d time.Duration) error {
	until := a.clock.Mono() + int64(d)
	each := a.fanOut.subscribers / a.fanOut.channels // to so many goes a message
	flying := 0
	for _, p := range a.publishers {
		if err := a.publish(p); err != nil {
			return err
		}
		flying++
	}
	for flying > 0 || a.bytes < a.published*each*a.size {
		n, err := syscall.EpollWait(a.epoll, a.events, 1000)
		if err != nil && err != syscall.EINTR {
			return err
		}
		now := a.clock.Mono()
		if ctx.Err() != nil || now > until+int64(ioTimeout) {
			return fmt.Errorf("%d messages of %d were delivered, %d publishers wait: %w", a.delivered(), a.published*each, flying,
				context.Cause(ctx))
		}
		for _, ev := range a.events[:max(n, 0)] {
			i := int(ev.Fd)
			if i >= len(a.publishers) {
				n, err := readSome(a.listeners[i-len(a.publishers)], a.buf)
				if err != nil {
					return fmt.Errorf("subscriber %d: %w", i-len(a.publishers), err)
				}
				a.bytes += n
				continue
			}
			if answered, err := a.answered(a.publishers[i]); err != nil {
				return err
			} else if !answered {
				continue
			}
			flying--
			if now < until {
				flying++
				if err := a.publish(a.publishers[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *audience) publish(p *publisher) error {
	err := writeAll(p.fd, p.out[p.turn])
	p.turn = (p.turn + 1) % len(p.out)
	a.published++
	return err
}

// answered reads what has come to a publisher and tells whether its command is answered.
func (a *audience) answered(p *publisher) (bool, error) {
	was := p.count.replies
	n, err := readSome(p.fd, a.buf)
	if err != nil {
		return false, err
	}
	p.count.feed(a.buf[:n])
	if p.count.errors > 0 {
		return false, refusal(p.count.first)
	}
	return p.count.replies > was, nil
}
