// SPDX-License-Identifier: BSD-3-Clause

package lin

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// Each key is a stream with one group, "g", whose consumers are the clients.

// stream is one of them; lists are separated by blanks, since states are compared.
type stream struct {
	last      string // the highest id that there was
	entries   string // id=value
	delivered string // the highest id that the group has been given
	pending   string // id:consumer, by ids
}

type streams [keys]stream

// idLess tells whether an id comes before another; "" before all.
func idLess(a, b string) bool {
	parse := func(id string) (ms, seq uint64) {
		first, second, _ := strings.Cut(id, "-")
		ms, _ = strconv.ParseUint(first, 10, 64)
		seq, _ = strconv.ParseUint(second, 10, 64)
		return ms, seq
	}
	ms1, seq1 := parse(a)
	ms2, seq2 := parse(b)
	return ms1 < ms2 || ms1 == ms2 && seq1 < seq2
}

// idOf gives the id of an entry or of what is pending.
func idOf(item string) string { return item[:strings.IndexAny(item, "=:")] }

// live gives the entry of an id, "" if it is not there.
func (s stream) live(id string) string {
	for _, e := range strings.Fields(s.entries) {
		if idOf(e) == id {
			return e
		}
	}
	return ""
}

// drop removes from a list what has one of some ids, and gives how many there were.
func drop(list string, ids []string) (rest string, n int) {
	all := strings.Fields(list)
	left := slices.DeleteFunc(slices.Clone(all), func(item string) bool { return slices.Contains(ids, idOf(item)) })
	return strings.Join(left, " "), len(all) - len(left)
}

// add appends an entry; false for an id that is not above all others.
func (s *stream) add(id, value string) bool {
	if !idLess(s.last, id) {
		return false
	}
	s.last = id
	s.entries = strings.TrimSpace(s.entries + " " + id + "=" + value)
	return true
}

// give gives a consumer up to n entries that nobody has got.
func (s *stream) give(consumer string, n int) (given []string) {
	for _, e := range strings.Fields(s.entries) {
		if len(given) < n && idLess(s.delivered, idOf(e)) {
			given = append(given, e)
			s.pending = strings.TrimSpace(s.pending + " " + idOf(e) + ":" + consumer)
		}
	}
	if len(given) > 0 {
		s.delivered = idOf(given[len(given)-1])
	}
	return given
}

// claim gives a consumer all that is pending, but for what has been deleted, which is pending no more.
func (s *stream) claim(consumer string) (claimed []string) {
	var pending []string
	for _, p := range strings.Fields(s.pending) {
		if id := idOf(p); s.live(id) != "" {
			claimed = append(claimed, id)
			pending = append(pending, id+":"+consumer)
		}
	}
	s.pending = strings.Join(pending, " ")
	return claimed
}

// stepStreams is what an operation on streams does when it runs alone. A client that waits runs when there is an entry, or, when it
// gives up, at a moment at which there was none.
func stepStreams(all streams, op operation, out outcome) (bool, streams) {
	s := &all[op.keys[0]]
	text := func(n int) bool { return out.text == strconv.Itoa(n) }
	switch op.kind {
	case "XADD":
		return s.add(out.text, op.value[0]), all
	case "EXEC": // adds to each of the keys, then the lengths
		for i, k := range op.keys {
			if !all[k].add(out.read[i], op.value[i]) {
				return false, all
			}
		}
		for i, k := range op.keys {
			if out.read[len(op.keys)+i] != strconv.Itoa(len(strings.Fields(all[k].entries))) {
				return false, all
			}
		}
		return true, all
	case "XREADGROUP", "XREADGROUP BLOCK":
		n, _ := strconv.Atoi(op.value[1])
		return slices.Equal(out.read, s.give(op.value[0], n)), all
	case "XACK":
		var n int
		s.pending, n = drop(s.pending, op.value)
		return text(n), all
	case "XDEL":
		var n int
		s.entries, n = drop(s.entries, op.value)
		return text(n), all
	case "XTRIM":
		list := strings.Fields(s.entries)
		n := max(0, len(list)-3)
		s.entries = strings.Join(list[n:], " ")
		return text(n), all
	case "XAUTOCLAIM":
		return slices.Equal(out.read, s.claim(op.value[0])), all
	case "XLEN":
		return text(len(strings.Fields(s.entries))), all
	case "XPENDING":
		return text(len(strings.Fields(s.pending))), all
	case "XRANGE":
		return slices.Equal(out.read, strings.Fields(s.entries)), all
	}
	return false, all
}

// streaming draws an operation on streams. About as much is read as is added, so that clients wait.
func (c *client) streaming() operation {
	kind := []string{
		"XADD", "XADD", "XADD", "EXEC", "EXEC", "XREADGROUP", "XREADGROUP", "XREADGROUP BLOCK", "XREADGROUP BLOCK", "XREADGROUP BLOCK",
		"XACK", "XACK", "XACK", "XAUTOCLAIM", "XLEN", "XPENDING", "XRANGE", "XDEL", "XTRIM",
	}[c.rng.IntN(19)]
	op := operation{kind: kind, keys: c.some(1)}
	switch kind {
	case "XADD":
		op.value = []string{c.fresh()}
	case "EXEC":
		op.keys = c.some(2)
		op.value = []string{c.fresh(), c.fresh()}
	case "XREADGROUP", "XREADGROUP BLOCK":
		op.value = []string{"c" + strconv.Itoa(c.id), strconv.Itoa(1 + c.rng.IntN(3))}
	case "XAUTOCLAIM":
		op.value = []string{"c" + strconv.Itoa(c.id)}
	case "XACK", "XDEL": // of what this client has seen last
		op.value = c.seen[op.keys[0]]
		if len(op.value) == 0 || kind == "XDEL" && c.rng.IntN(2) == 0 {
			op.value = []string{"1-1"}
		}
	}
	return op
}

// stream runs an operation on streams.
func (c *client) stream(op operation) outcome {
	key := keyName(op.keys[0])
	switch op.kind {
	case "XADD":
		return single(c.do("XADD", key, "*", "v", op.value[0]))
	case "EXEC":
		cmds := [][]string{{"MULTI"}}
		for i, k := range op.keys {
			cmds = append(cmds, []string{"XADD", keyName(k), "*", "v", op.value[i]})
		}
		for _, k := range op.keys {
			cmds = append(cmds, []string{"XLEN", keyName(k)})
		}
		replies := c.pipeline(append(cmds, []string{"EXEC"})...)
		return outcome{read: replies[len(replies)-1].Strings()}
	case "XREADGROUP":
		return c.given(op, c.do("XREADGROUP", "GROUP", "g", op.value[0], "COUNT", op.value[1], "STREAMS", key, ">"))
	case "XREADGROUP BLOCK":
		patience := []string{"2", "20", "50"}[c.rng.IntN(3)]
		return c.given(op, c.do("XREADGROUP", "GROUP", "g", op.value[0], "COUNT", op.value[1], "BLOCK", patience, "STREAMS", key, ">"))
	case "XACK":
		return single(c.do(slices.Concat([]string{"XACK", key, "g"}, op.value)...))
	case "XDEL":
		return single(c.do(slices.Concat([]string{"XDEL", key}, op.value)...))
	case "XTRIM":
		return single(c.do("XTRIM", key, "MAXLEN", "3"))
	case "XAUTOCLAIM":
		if v := c.do("XAUTOCLAIM", key, "g", op.value[0], "0", "0-0", "COUNT", "1000", "JUSTID"); len(v.Elems) > 1 {
			return outcome{read: v.Elems[1].Strings()}
		}
		return outcome{}
	case "XPENDING":
		if v := c.do("XPENDING", key, "g"); len(v.Elems) > 0 {
			return single(v.Elems[0])
		}
		return outcome{}
	case "XRANGE":
		return outcome{read: entriesOf(c.do("XRANGE", key, "-", "+"))}
	}
	return single(c.do(op.kind, key))
}

// given is the outcome of XREADGROUP for one key; what came is what this client has seen last.
func (c *client) given(op operation, v testutil.Value) (out outcome) {
	if v.Null || len(v.Elems) == 0 || len(v.Elems[0].Elems) != 2 {
		return out
	}
	out.read = entriesOf(v.Elems[0].Elems[1])
	var ids []string
	for _, e := range out.read {
		ids = append(ids, idOf(e))
	}
	c.seen[op.keys[0]] = ids
	return out
}

// entriesOf gives entries as the model has them.
func entriesOf(v testutil.Value) (list []string) {
	for _, e := range v.Elems {
		if len(e.Elems) == 2 && len(e.Elems[1].Elems) == 2 {
			list = append(list, e.Elems[0].Str+"="+e.Elems[1].Elems[1].Str)
		}
	}
	return list
}

// withGroups makes the streams and their groups.
func withGroups(t *testing.T, target *testutil.Target) *testutil.Target {
	t.Helper()
	c := target.Dial(t)
	for k := range keys {
		c.Must(t, "XGROUP", "CREATE", keyName(k), "g", "0", "MKSTREAM")
	}
	return target
}

// TestStreamsLinearizable: consumers that wait for entries, and all who add, read, acknowledge, claim, delete and look meanwhile.
func TestStreamsLinearizable(t *testing.T) {
	asRedis(t, func(t *testing.T, target *testutil.Target) {
		judge(t, modelOf(stepStreams), history(t, withGroups(t, target), 10, 150, (*client).streaming, (*client).stream))
	})
}
