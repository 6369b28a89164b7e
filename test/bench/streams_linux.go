// SPDX-License-Identifier: BSD-3-Clause

package main

import "fmt"

// Keys of streams, and what an entry has.
const (
	someStream  = "str:" + hole
	largeStream = "str:000000001"
	unread      = 4000 // entries of each stream from which groups read
)

// entry is the arguments of an XADD to a stream.
func entry(key string) []string { return []string{"XADD", key, "*", "sensor", hole, "value", "23.75"} }

// newPlace is the arguments of a GEOADD: of a hundred thousand places each square kilometre of a degree by a degree has eight.
func newPlace() []string { return []string{"GEOADD", "places", hole + "e-5", hole + "e-5", member} }

// streamCases lists the cases of throughput with streams, HyperLogLogs and places, and with values on their way.
func (b *bench) streamCases() []benchCase {
	streams, keys, places := b.size(1000, 50), b.size(10_000, 500), b.size(100_000, 5000)
	with := func(keys int, args ...string) load {
		return load{conns: 50, pipeline: 16, parts: only(args...), keys: keys, cpus: b.cores.client}
	}
	return []benchCase{
		{name: "XADD p16 c50", data: "nothing", redo: true, load: with(streams, entry(someStream)...), faster: atLeast(1.5)},
		{name: "XADD MAXLEN ~ 1000 p16 c50", data: "nothing", redo: true,
			load: with(streams, append([]string{"XADD", someStream, "MAXLEN", "~", "1000"}, entry("")[2:]...)...)},
		{name: "XREADGROUP p16 c50", data: "groups", redo: true, faster: atLeast(1.5),
			load: with(streams, "XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", someStream, ">")},
		{name: "XRANGE COUNT 10 p16 c50", data: "groups", load: with(streams, "XRANGE", someStream, "-", "+", "COUNT", "10")},
		{name: "PFADD p16 c50", data: "hyperloglogs", load: with(keys, "PFADD", "hll:"+hole, member)},
		{name: "PFCOUNT p16 c50", data: "hyperloglogs", load: with(keys, "PFCOUNT", "hll:"+hole)},
		{name: "GEOSEARCH 500 m COUNT 10 p16 c50", data: "places",
			load: with(places, "GEOSEARCH", "places", "FROMMEMBER", member, "BYRADIUS", "500", "m", "ASC", "COUNT", "10")},
		{name: "GEOADD p16 c50", data: "places", load: with(places, newPlace()...)},
		{name: "DUMP p16 c50", data: "hashes", load: with(keys, "DUMP", "hsh:000"+hole)},
	}
}

// restoreCase is RESTORE of a hash of ten fields, whose bytes are those of a redis-server: it is the older of the two.
func (b *bench) restoreCase(redis *server) (c benchCase, err error) {
	const name = "hsh:000000000000"
	if err := b.prepare(redis, "hashes", 1); err != nil {
		return c, err
	}
	redis.resume()
	defer redis.pause()
	var payload string
	err = redis.ask(func(c *control) error {
		r, err := c.do("DUMP", name)
		payload = r.text
		return err
	})
	parts := only("RESTORE", "hsh:000"+hole, "0", payload, "REPLACE")
	keys := b.size(10_000, 500)
	return benchCase{name: restoreName, data: "hashes", load: load{conns: 50, pipeline: 16, parts: parts, keys: keys, cpus: b.cores.client}}, err
}

const restoreName = "RESTORE p16 c50"

// fillStreams is fillCollections for the datasets of streamCases.
func fillStreams(port int, data string, n int) (known bool, err error) {
	switch data {
	case "groups":
		if err := fill(port, n*unread, among(n, entry(someStream)...)); err != nil {
			return true, err
		}
		return true, fill(port, n, numbered("XGROUP", "CREATE", someStream, "g", "0"))
	case "hyperloglogs":
		return true, fill(port, n*10, among(n, "PFADD", "hll:"+hole, member))
	case "places":
		return true, fill(port, n, func(b []byte, i int) []byte {
			c, at := newCommand(newPlace()...), len(b)
			b = append(b, c.text...)
			for k, number := range []int{i * scatter % n, (i*scatter + n/3) * scatter % n, i} {
				putNumber(b[at+c.holes[k]:], uint32(number))
			}
			return b
		})
	}
	return false, nil
}

// among returns an encoder for fill whose i-th call is to the key i mod n, and says i in the other holes.
func among(n int, args ...string) func(b []byte, i int) []byte {
	c := newCommand(args...)
	return func(b []byte, i int) []byte {
		at := len(b)
		b = append(b, c.text...)
		putNumber(b[at+c.holes[0]:], uint32(i%n))
		for _, h := range c.holes[1:] {
			putNumber(b[at+h:], uint32(i))
		}
		return b
	}
}

// streams compares what the entries of a long stream take, and what it takes besides that they are pending.
func (b *bench) streams() error {
	if !b.wants("streams") {
		return nil
	}
	n := b.opts.keys
	t := b.report.table(fmt.Sprintf("Memory of a stream (%d entries)", n), "resident bytes", "Redpoll", "Redis")
	t.note("The growth of the process's resident memory, by the number of entries; each has two fields, of 9 and 5 bytes.")
	var each, pending [2]float64
	for k, kind := range []kind{b.redpoll, b.redis} {
		s, err := b.fleet.start(b.ctx, kind, b.cores.server)
		if err != nil {
			return err
		}
		each[k], pending[k], err = b.longStream(s, n)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	bytes := func(x float64) string { return unit(x, " B") }
	t.row("an entry", number(each[0]), number(each[1]))
	t.row("that it is pending", number(pending[0]), number(pending[1]))
	b.report.judgeRatio("resident bytes of an entry of a stream", each[:1], each[1:], bytes, atMost(1))
	b.report.judgeRatio("resident bytes of a pending entry besides", pending[:1], pending[1:], bytes, limit{})
	return nil
}

// longStream fills a stream, has a group read it, and gives the bytes that each took for each entry.
func (b *bench) longStream(s *server, n int) (each, pending float64, err error) {
	before, after, err := b.growth(s, n, numbered(entry(largeStream)...))
	if err != nil {
		return 0, 0, err
	}
	const atOnce = 1000
	s.resume()
	err = s.ask(func(c *control) error { _, err := c.do("XGROUP", "CREATE", largeStream, "g", "0"); return err })
	if err != nil {
		return 0, 0, err
	}
	read := numbered("XREADGROUP", "GROUP", "g", "c", "COUNT", fmt.Sprint(atOnce), "STREAMS", largeStream, ">")
	_, all, err := b.growth(s, n/atOnce, read)
	return float64(after-before) / float64(n), float64(all-after) / float64(n), err
}
