// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// longValues are a long string and a hash of many fields, in a server.
type longValues struct {
	text   string
	fields map[string]string
}

const (
	longText   = 32 << 20
	longFields = 20_000
)

// startLong runs a server with a Unix socket, which holds far less than one of TCP does: so a reply of a megabyte waits.
func startLong(t *testing.T) (*redpoll.Server, *testutil.Target) {
	t.Helper()
	dir, err := os.MkdirTemp("", "redpoll") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return start(t, redpoll.Options{UnixSocket: filepath.Join(dir, "s")})
}

// makeLong sets the keys "text", of so many bytes, and "hash", each of whose fields has some 400 bytes.
func makeLong(t *testing.T, c *testutil.Client, size, count int) *longValues {
	v := &longValues{fields: map[string]string{}}
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%015d ", i)
	}
	v.text = b.String()
	c.Must(t, "SET", "text", v.text)
	for i := 0; i < count; {
		args := []string{"HSET", "hash"}
		for range 1000 {
			field, value := fieldName(i), fmt.Sprintf("value:%0300d", i)
			if i%5000 == 17 {
				value = strings.Repeat(value, 1000) // one that is sent from where it lies
			}
			v.fields[field] = value
			args = append(args, field, value)
			i++
		}
		c.Must(t, args...)
	}
	return v
}

func fieldName(i int) string { return fmt.Sprintf("field:%0100d", i) }

// same compares a string with a long one without printing them.
func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d bytes, want %d; or they differ: %x, %x", what, len(got), len(want), sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want)))
	}
}

// sameFields compares a reply of HGETALL, as a flat list, with the fields.
func (v *longValues) sameFields(t *testing.T, what string, got []string) {
	t.Helper()
	if len(got) != 2*len(v.fields) {
		t.Fatalf("%s: %d texts for %d fields", what, len(got), len(v.fields))
	}
	seen := map[string]bool{}
	for i := 0; i < len(got); i += 2 {
		if got[i+1] != v.fields[got[i]] || seen[got[i]] {
			t.Fatalf("%s: field %q is %.40q, want %.40q; shown before: %v", what, got[i], got[i+1], v.fields[got[i]], seen[got[i]])
		}
		seen[got[i]] = true
	}
}

// TestSlowReaders: who reads long values slowly costs no second copy of them, holds up nobody, and reads them as they were
// when he asked, whatever becomes of them.
func TestSlowReaders(t *testing.T) {
	_, target := startLong(t)
	c := target.Dial(t)
	v := makeLong(t, c, longText, longFields)
	data := number(t, c, "allocator_allocated")
	ask := func(args ...string) *testutil.Client {
		slow := target.Dial(t)
		if err := slow.Send(args...); err != nil {
			t.Fatal(err)
		}
		return slow
	}
	get, part, all, keys := ask("GET", "text"), ask("GETRANGE", "text", "1000", "-1000"), ask("HGETALL", "hash"), ask("HKEYS", "hash")
	values := ask("HVALS", "hash")
	several := target.Dial(t)
	for _, args := range [][]string{{"MULTI"}, {"GET", "text"}, {"APPEND", "text", "+"}, {"GET", "text"}, {"HGETALL", "hash"}, {"STRLEN", "text"}} {
		several.Must(t, args...)
	}
	if err := several.Send("EXEC"); err != nil {
		t.Fatal(err)
	}
	gone := ask("GET", "text") // never reads
	const views = 5 + 3 + 1
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == views })
	if n := number(t, c, "allocator_allocated"); n > data+1<<20 {
		t.Errorf("%d bytes for %d of data, the replies being unread", n, data)
	}
	for line := range strings.Lines(c.Must(t, "CLIENT", "LIST").Str) {
		var omem int
		if _, err := fmt.Sscan(line[strings.Index(line, " omem=")+6:], &omem); err != nil || omem > 64<<10 {
			t.Errorf("%d bytes of replies wait: %s, %v", omem, line, err)
		}
	}

	changed := 0
	for i := range 50 {
		c.Must(t, "SETRANGE", "text", fmt.Sprint(i*len(v.text)/50), "changed")
		c.Must(t, "HSET", "hash", fieldName(i*17), "changed", fmt.Sprint("new:", i), "x")
		c.Must(t, "HDEL", "hash", fieldName(i*13+5))
		changed += 3
	}
	if n := number(t, c, "allocator_allocated"); n > data+50*(80<<10)+2<<20 {
		t.Errorf("%d bytes for %d of data after %d changes", n, data, changed)
	}
	c.Must(t, "RENAME", "text", "renamed")
	c.Must(t, "DEL", "hash")
	c.Must(t, "SET", "renamed", "short")

	receive := func(c *testutil.Client) testutil.Value {
		t.Helper()
		r, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		return r.Value
	}
	same(t, "GET", receive(get).Str, v.text)
	same(t, "GETRANGE", receive(part).Str, v.text[1000:len(v.text)-999])
	v.sameFields(t, "HGETALL", receive(all).Strings())
	if n := len(receive(values).Strings()); n != len(v.fields) {
		t.Errorf("HVALS gives %d", n)
	}
	for _, field := range receive(keys).Strings() {
		if _, ok := v.fields[field]; !ok {
			t.Fatalf("HKEYS gives %q", field)
		}
	}
	exec := receive(several).Elems
	if len(exec) != 5 || exec[4].Int != int64(len(v.text)+1) {
		t.Fatalf("EXEC gives %d replies", len(exec))
	}
	same(t, "GET within EXEC", exec[0].Str, v.text)
	same(t, "GET after APPEND", exec[2].Str, v.text+"+")
	v.sameFields(t, "HGETALL within EXEC", exec[3].Strings())
	several.Must(t, "PING")
	gone.Close()
	testutil.Poll(t, patience, func() bool {
		return number(t, c, "redpoll_frozen_views") == 0 && number(t, c, "allocator_allocated") < 1<<20
	})
}

// TestSlowElements: the same with a long list, all of which RPOP may take meanwhile.
func TestSlowElements(t *testing.T) {
	const elements = 40_000
	element := func(i int) string { // two thirds of it can be squeezed
		noise := sha256.Sum256([]byte(fmt.Sprint(i)))
		return fmt.Sprintf("%064d%s", i, noise[:])
	}
	for _, depth := range []string{"0", "1"} {
		_, target := startLong(t)
		c := target.Dial(t)
		c.Must(t, "CONFIG", "SET", "list-compress-depth", depth)
		push := []string{"RPUSH", "list"}
		for i := range elements {
			push = append(push, element(i))
		}
		c.Must(t, push...)
		data := number(t, c, "allocator_allocated")
		slow := make([]*testutil.Client, 3)
		for i, args := range [][]string{{"LRANGE", "list", "0", "-1"}, {"LRANGE", "list", "1", "-2"}, {"RPOP", "list", "100000"}} {
			slow[i] = target.Dial(t)
			if err := slow[i].Send(args...); err != nil {
				t.Fatal(err)
			}
			testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == int64(i+1) })
			if i == 0 {
				c.Must(t, "LSET", "list", "20000", "changed")
				c.Must(t, "LREM", "list", "1", element(10_000))
				c.Must(t, "LPUSH", "list", "new")
			}
		}
		if n := number(t, c, "allocator_allocated"); n > data+1<<20 || c.Must(t, "EXISTS", "list").Int != 0 {
			t.Errorf("%d bytes for %d of data, the replies being unread", n, data)
		}
		for i, want := range [3]string{element(0), element(0), element(elements - 1)} {
			r, err := slow[i].Receive()
			if err != nil {
				t.Fatal(err)
			}
			got := r.Value.Strings()
			length := [3]int{elements, elements - 2, elements}[i]
			changed := slices.Contains(got, "changed")
			if len(got) != length || got[0] != want || changed != (i > 0) || slices.Contains(got, element(10_000)) != (i == 0) {
				t.Errorf("reply %d has %d elements from %.20q on, changed: %v", i, len(got), got[0], changed)
			}
		}
		testutil.Poll(t, patience, func() bool {
			return number(t, c, "redpoll_frozen_views") == 0 && number(t, c, "allocator_allocated") < 1<<20
		})
	}
}

// TestSlowMembers: the same with a large set, all of which SPOP may take meanwhile.
func TestSlowMembers(t *testing.T) {
	const members = 40_000
	_, target := startLong(t)
	c := target.Dial(t)
	add := []string{"SADD", "set"}
	for i := range members {
		add = append(add, fieldName(i))
	}
	c.Must(t, add...)
	data := number(t, c, "allocator_allocated")
	slow := make([]*testutil.Client, 3)
	for i, args := range [][]string{{"SMEMBERS", "set"}, {"SUNION", "set"}, {"SPOP", "set", "100000"}} {
		slow[i] = target.Dial(t)
		if err := slow[i].Send(args...); err != nil {
			t.Fatal(err)
		}
		testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == int64(i+1) })
		if i == 0 {
			c.Must(t, "SREM", "set", fieldName(1))
			c.Must(t, "SADD", "set", "new")
		}
	}
	if n := number(t, c, "allocator_allocated"); n > data+1<<20 || c.Must(t, "EXISTS", "set").Int != 0 {
		t.Errorf("%d bytes for %d of data, the replies being unread", n, data)
	}
	for i := range slow {
		r, err := slow[i].Receive()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, member := range r.Value.Strings() {
			seen[member] = true
		}
		if len(seen) != members || len(r.Value.Elems) != members || seen[fieldName(1)] != (i == 0) || seen["new"] != (i > 0) {
			t.Errorf("reply %d has %d members, %d different", i, len(r.Value.Elems), len(seen))
		}
	}
	testutil.Poll(t, patience, func() bool {
		return number(t, c, "redpoll_frozen_views") == 0 && number(t, c, "allocator_allocated") < 1<<20
	})
}

// TestSlowRanges: a client that reads a large sorted set slowly gets it as it was, in its order, whatever is done to it meanwhile.
func TestSlowRanges(t *testing.T) {
	_, target := startLong(t)
	c := target.Dial(t)
	const members = 200_000
	for i := 0; i < members; i += 1000 {
		add := []string{"ZADD", "z"}
		for j := i; j < i+1000; j++ {
			add = append(add, strconv.Itoa(j), fieldName(j))
		}
		c.Must(t, add...)
	}
	slow := target.Dial(t)
	if err := slow.Send("ZRANGE", "z", "0", "-1", "REV", "WITHSCORES"); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == 1 })
	c.Must(t, "ZINCRBY", "z", "0.5", fieldName(100))
	c.Must(t, "ZREMRANGEBYRANK", "z", "1000", "150000")
	c.Must(t, "ZADD", "z", "-1", "new")
	c.Must(t, "DEL", "z")
	r, err := slow.Receive()
	if err != nil {
		t.Fatal(err)
	}
	got := r.Value.Strings()
	if len(got) != 2*members {
		t.Fatalf("%d elements, want %d", len(got), 2*members)
	}
	for i := range members {
		rank := members - 1 - i
		if got[2*i] != fieldName(rank) || got[2*i+1] != strconv.Itoa(rank) {
			t.Fatalf("%d from the end: %q with the score %s", i, got[2*i], got[2*i+1])
		}
	}
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == 0 })
}

// TestSlowEntries: a client that reads a long stream slowly gets it as it was, in its order, whatever is done to it meanwhile.
func TestSlowEntries(t *testing.T) {
	_, target := startLong(t)
	c := target.Dial(t)
	const entries = 40_000
	for i := 1; i <= entries; i++ {
		if err := c.Send("XADD", "s", strconv.Itoa(i), "name", fieldName(i), "value", fmt.Sprintf("%0100d", i)); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			for range 1000 {
				if _, err := c.Receive(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	slow := make([]*testutil.Client, 3)
	for i, args := range [][]string{{"XRANGE", "s", "-", "+"}, {"XREVRANGE", "s", "+", "-"}, {"XRANGE", "s", "(1000", "39000", "COUNT", "35000"}} {
		slow[i] = target.Dial(t)
		if err := slow[i].Send(args...); err != nil {
			t.Fatal(err)
		}
		testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == int64(i+1) })
		if i == 1 {
			c.Must(t, "XDEL", "s", "20000", "39999", "500")
		}
	}
	c.Must(t, "XADD", "s", "MAXLEN", "10000", "*", "name", "new")
	c.Must(t, "XTRIM", "s", "MAXLEN", "0")
	c.Must(t, "DEL", "s")
	for i, want := range []struct{ first, last, step, n int }{{1, entries, 1, entries}, {entries, 1, -1, entries}, {1001, 36001, 1, 35000}} {
		r, err := slow[i].Receive()
		if err != nil {
			t.Fatal(err)
		}
		got := r.Value.Elems
		if len(got) != want.n {
			t.Fatalf("reply %d has %d entries", i, len(got))
		}
		n := want.first
		for _, e := range got {
			if i == 2 && n == 20_000 {
				n++ // deleted by then
			}
			if id := e.Elems[0].Str; id != strconv.Itoa(n)+"-0" || e.Elems[1].Elems[1].Str != fieldName(n) {
				t.Fatalf("reply %d: %s where %d is due", i, id, n)
			}
			n += want.step
		}
		if n != want.last+want.step {
			t.Errorf("reply %d ends before %d", i, n)
		}
	}
	testutil.Poll(t, patience, func() bool {
		return number(t, c, "redpoll_frozen_views") == 0 && number(t, c, "allocator_allocated") < 1<<20
	})
}

// TestStreamsAtTheEnd: FLUSHALL and the server's end do not wait for who does not read.
func TestStreamsAtTheEnd(t *testing.T) {
	s, target := startLong(t)
	c := target.Dial(t)
	const size, count = longText / 4, longFields / 4
	v := makeLong(t, c, size, count)
	for _, args := range [][]string{{"GET", "text"}, {"HGETALL", "hash"}} {
		slow := target.Dial(t)
		if err := slow.Send(args...); err != nil {
			t.Fatal(err)
		}
		testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == 1 })
		c.Must(t, "FLUSHALL")
		r, err := slow.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if args[0] == "GET" {
			same(t, "GET", r.Value.Str, v.text)
			makeLong(t, c, size, count)
		} else {
			v.sameFields(t, "HGETALL", r.Value.Strings())
		}
		testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == 0 })
	}
	makeLong(t, c, size, count)
	for _, args := range [][]string{{"GET", "text"}, {"HGETALL", "hash"}} {
		if err := target.Dial(t).Send(args...); err != nil {
			t.Fatal(err)
		}
	}
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_frozen_views") == 2 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
