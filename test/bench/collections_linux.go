// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"strconv"
)

// The keys of the large collections, and what their members are called: sixteen bytes.
const (
	largeList = "lst:000000001"
	largeSet  = "set:000000001"
	largeZSet = "zset:00000001"
	member    = "member:" + hole
)

// collectionCases lists the cases of throughput with lists, sets and sorted sets. Lists are many; sets and sorted sets are one large
// one, in which half of the members that are drawn are there, and all of them.
func (b *bench) collectionCases() []benchCase {
	lists, members := b.size(10_000, 500), b.size(1_000_000, 50_000)
	with := func(keys int, args ...string) load {
		return load{conns: 50, pipeline: 16, parts: only(args...), keys: keys, cpus: b.cores.client}
	}
	value := payload(8)
	return []benchCase{
		{name: "LPUSH p16 c50", data: "lists", redo: true, load: with(lists, "LPUSH", "lst:"+hole, value)},
		{name: "RPUSH p16 c50", data: "lists", redo: true, load: with(lists, "RPUSH", "lst:"+hole, value)},
		{name: "LPOP p16 c50", data: "lists", redo: true, load: with(lists, "LPOP", "lst:"+hole)},
		{name: "LRANGE 0 99 p16 c50", data: "lists", load: with(lists, "LRANGE", "lst:"+hole, "0", "99")},
		{name: "SADD p16 c50", data: "set", redo: true, load: with(members, "SADD", largeSet, member)},
		{name: "SISMEMBER p16 c50", data: "set", load: with(members, "SISMEMBER", largeSet, member)},
		{name: "ZADD p16 c50", data: "zset", load: with(members, "ZADD", largeZSet, hole, member), faster: atLeast(1.5)},
		{name: "ZRANGEBYSCORE LIMIT 0 10 p16 c50", data: "zset", faster: atLeast(1.5),
			load: with(members, "ZRANGEBYSCORE", largeZSet, hole, "+inf", "LIMIT", "0", "10")},
		{name: "ZADD into an empty one p16 c50", data: "nothing", redo: true, load: with(members, "ZADD", largeZSet, hole, member)},
	}
}

// fillCollections loads one of the datasets of collectionCases for numbers below n; known is false when it is none of them.
func fillCollections(port int, data string, n int) (known bool, err error) {
	switch data {
	case "nothing":
		return true, nil
	case "lists": // long enough for what a run pops
		return true, fill(port, n, numbered(elements("RPUSH", "lst:"+hole, 1000)...))
	case "set":
		return true, fill(port, n/2, newMembers(n, "SADD", largeSet, member))
	case "zset":
		return true, fill(port, n, newMembers(n, "ZADD", largeZSet, hole, member))
	}
	return false, nil
}

// newMembers returns an encoder for fill whose i-th call has a member that no other of n has, neither in the order of their names, and,
// for a command with two holes, a score in another order.
func newMembers(n int, args ...string) func(b []byte, i int) []byte {
	c := newCommand(args...)
	last := len(c.holes) - 1
	return func(b []byte, i int) []byte {
		at := len(b)
		b = append(b, c.text...)
		putNumber(b[at+c.holes[0]:], uint32((i*scatter+n/3)%n))
		putNumber(b[at+c.holes[last]:], uint32(i*scatter%n))
		return b
	}
}

// elements is a command with n values of eight bytes.
func elements(name, key string, n int) []string {
	args := []string{name, key}
	for range n {
		args = append(args, payload(8))
	}
	return args
}

// members compares what a member of a large collection takes, and a small collection as a whole.
func (b *bench) members() error {
	if !b.wants("members") {
		return nil
	}
	n := b.size(1_000_000, 50_000)
	t := b.report.table(fmt.Sprintf("Memory of lists, sets and sorted sets (%d)", n), "resident bytes", "Redpoll", "Redis")
	t.note("The growth of the process's resident memory over the empty server. Members of large ones have names of 16 bytes, scores " +
		"are whole numbers; elements of small ones have eight bytes or are single digits.")
	bytes := func(x float64) string { return unit(x, " B") }
	for _, c := range []struct {
		name   string
		encode func(b []byte, i int) []byte
		asked  limit
	}{
		{"a member of a large sorted set", newMembers(n, "ZADD", largeZSet, hole, member), atMost(0.7)},
		{"a member of a large set", newMembers(n, "SADD", largeSet, member), limit{}},
		{"an element of a long list", numbered("RPUSH", largeList, member), limit{}},
		{"a sorted set of ten", numbered(tenScores("zst:" + hole)...), limit{}},
		{"a set of ten", numbered(append([]string{"SADD", "set:" + hole}, tenTexts()...)...), limit{}},
		{"a list of ten", numbered(elements("RPUSH", "lst:"+hole, 10)...), limit{}},
	} {
		each, err := b.perKey(n, c.encode)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		t.row(c.name, number(each[0]), number(each[1]))
		b.report.judgeRatio("resident bytes of "+c.name, each[:1], each[1:], bytes, c.asked)
	}
	return nil
}

func tenTexts() (texts []string) {
	for i := range 10 {
		texts = append(texts, "member"+strconv.Itoa(10+i))
	}
	return texts
}

func tenScores(key string) []string {
	args := []string{"ZADD", key}
	for i, text := range tenTexts() {
		args = append(args, strconv.Itoa(i), text)
	}
	return args
}
