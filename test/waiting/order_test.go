// SPDX-License-Identifier: BSD-3-Clause

package waiting

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// A waiter is a client that waits, and what it should get.
type waiter struct {
	conn *testutil.Client
	id   string // of the client
	call []string

	keys     []string
	last     bool   // it takes the last element instead of the first
	count    int    // and so many at once; 0: one, without an array around it
	to       string // where it moves it to, if not ""
	toLast   bool
	gone     bool // it left before it was served
	served   bool
	expected string
}

// A queueModel is what should become of lists and of those who wait for them. Whoever came first is served first, with what is in
// the key that was made; what that moves into another key is next, when all who can be served from the first have been.
type queueModel struct {
	again   bool // who is served has his command run again, as in newer versions: it takes from the first of its keys that is there
	lists   map[string][]string
	waiters []*waiter // in the order in which they came
}

// push adds elements to the end of a list and serves who waits. The keys of before were made before in the same transaction, and are
// gone: one that serving makes again has its turn at their place.
func (m *queueModel) push(key string, elements []string, before ...string) {
	m.lists[key] = append(m.lists[key], elements...)
	ready := before
	if !slices.Contains(before, key) {
		ready = append(ready, key)
	}
	for ; len(ready) > 0; ready = ready[1:] {
		for _, w := range m.waiters {
			if len(m.lists[ready[0]]) == 0 || w.served || w.gone || !slices.Contains(w.keys, ready[0]) {
				continue
			}
			if made := m.serve(w, ready[0]); made != "" && !slices.Contains(ready[1:], made) {
				ready = append(ready, made)
			}
		}
	}
}

// serve serves one client from a key and names the key that it has made, if any.
func (m *queueModel) serve(w *waiter, key string) (made string) {
	w.served = true
	if m.again {
		key = w.keys[slices.IndexFunc(w.keys, func(k string) bool { return len(m.lists[k]) > 0 })]
	}
	var got []string
	for range max(1, w.count) {
		list := m.lists[key]
		switch {
		case len(list) == 0:
		case w.last:
			got, m.lists[key] = append(got, list[len(list)-1]), list[:len(list)-1]
		default:
			got, m.lists[key] = append(got, list[0]), list[1:]
		}
	}
	switch {
	case w.to == "" && w.count == 0:
		w.expected = fmt.Sprint([]string{key, got[0]})
	case w.to == "":
		w.expected = fmt.Sprint(append([]string{key}, got...))
	default:
		w.expected = fmt.Sprint(got)
		if len(m.lists[w.to]) == 0 && w.to != key {
			made = w.to
		}
		if w.toLast {
			m.lists[w.to] = append(slices.Clone(m.lists[w.to]), got[0])
		} else {
			m.lists[w.to] = append(got, m.lists[w.to]...)
		}
	}
	return made
}

// A crowd is the clients of one test.
type crowd struct {
	t      *testing.T
	target *testutil.Target
	rnd    *rand.Rand
	c      *testutil.Client
	again  bool      // as in queueModel
	free   []*waiter // connections that are not waiting
}

// queue has one more client wait, behind the others.
func (cr *crowd) queue(waiting int) *waiter {
	if len(cr.free) == 0 {
		conn := cr.target.Dial(cr.t)
		cr.free = append(cr.free, &waiter{conn: conn, id: strconv.FormatInt(conn.Must(cr.t, "CLIENT", "ID").Int, 10)})
	}
	old := cr.free[len(cr.free)-1]
	cr.free = cr.free[:len(cr.free)-1]
	w := &waiter{conn: old.conn, id: old.id}
	ends := map[bool]string{false: "LEFT", true: "RIGHT"}
	w.last, w.toLast = cr.rnd.IntN(2) == 0, cr.rnd.IntN(2) == 0
	perm := cr.rnd.Perm(len(watched))[:1+cr.rnd.IntN(len(watched))]
	for _, i := range perm {
		w.keys = append(w.keys, watched[i])
	}
	switch cr.rnd.IntN(4) {
	case 0:
		w.call = slices.Concat([]string{map[bool]string{false: "BLPOP", true: "BRPOP"}[w.last]}, w.keys, []string{"0"})
	case 1:
		w.count = 1 + cr.rnd.IntN(3)
		w.call = slices.Concat([]string{"BLMPOP", "0", strconv.Itoa(len(w.keys))}, w.keys, []string{ends[w.last], "COUNT", strconv.Itoa(w.count)})
	default:
		w.keys, w.to = w.keys[:1], pick(cr.rnd, "w:1", "w:2", "w:3", "w:end")
		w.call = []string{"BLMOVE", w.keys[0], w.to, ends[w.last], ends[w.toLast], "0"}
	}
	if err := w.conn.Send(w.call...); err != nil {
		cr.t.Fatal(err)
	}
	awaitWaiting(cr.t, cr.c, waiting+1)
	return w
}

// leave has a client go without having been served: told to, or by hanging up.
func (cr *crowd) leave(w *waiter) {
	w.gone = true
	if cr.rnd.IntN(2) == 0 {
		cr.unblock(w)
		return
	}
	w.conn.Close()
	w.conn = nil
}

// unblock tells a client that waits to stop it.
func (cr *crowd) unblock(w *waiter) {
	if n := cr.c.Must(cr.t, "CLIENT", "UNBLOCK", w.id).Int; n != 1 {
		cr.t.Fatalf("CLIENT UNBLOCK of %s: %d", testutil.Quote(w.call), n)
	}
	if r, err := w.conn.Receive(); err != nil || !r.Value.Null {
		cr.t.Fatalf("%s, told to stop: %s, %v", testutil.Quote(w.call), testutil.Format(r.Value), err)
	}
}

// TestOrder: whoever came first is served first, whatever he waits with and whatever becomes of those before him.
func TestOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, target *testutil.Target) {
		cr := &crowd{t: t, target: target, rnd: rand.New(rand.NewPCG(rand.Uint64(), 2)), c: target.Dial(t), again: target.Redpoll}
		turns, served, end := 0, 0, time.Now().Add(*budget)
		for ; time.Now().Before(end); turns++ {
			served += cr.turn()
		}
		t.Logf("%d clients served in %d turns", served, turns)
	})
}

// turn has clients wait, some of them leave, and pushes once; it tells how many were served.
func (cr *crowd) turn() (served int) {
	t := cr.t
	cr.c.Must(t, "FLUSHALL")
	m := &queueModel{again: cr.again, lists: map[string][]string{}}
	waiting := 1 + cr.rnd.IntN(8)
	for i := range waiting {
		m.waiters = append(m.waiters, cr.queue(i))
	}
	for _, w := range m.waiters {
		if cr.rnd.IntN(6) == 0 {
			cr.leave(w)
			waiting--
			awaitWaiting(t, cr.c, waiting)
		}
	}
	key, elements := pick(cr.rnd, watched...), []string{}
	for i := range 1 + cr.rnd.IntN(6) {
		elements = append(elements, "e"+strconv.Itoa(i))
	}
	push := append([]string{"RPUSH", key}, elements...)
	calls := [][]string{push}
	if cr.rnd.IntN(2) == 0 {
		m.push(key, elements)
	} else { // what is gone when the transaction ends serves nobody
		m.push(key, elements, "w:1", "w:2")
		calls = [][]string{{"MULTI"}, {"RPUSH", "w:1", "x"}, {"RPUSH", "w:2", "x"}, {"DEL", "w:1", "w:2"}, push, {"EXEC"}}
	}
	if _, err := cr.c.Pipeline(calls...); err != nil {
		t.Fatal(err)
	}
	for _, w := range m.waiters {
		switch {
		case w.served:
			served++
			cr.check(m, w, push)
		case !w.gone:
			cr.unblock(w)
		}
		if w.conn != nil {
			cr.free = append(cr.free, w)
		}
	}
	for _, key := range append(watched, "w:end") {
		if got := cr.c.Must(t, "LRANGE", key, "0", "-1").Strings(); !slices.Equal(got, m.lists[key]) {
			t.Fatalf("%s: %s has %q, want %q", cr.story(m, push), key, got, m.lists[key])
		}
	}
	awaitWaiting(t, cr.c, 0)
	return served
}

// check compares what a client got with what it should.
func (cr *crowd) check(m *queueModel, w *waiter, push []string) {
	cr.t.Helper()
	r, err := w.conn.Receive()
	if err != nil {
		cr.t.Fatalf("%s: %s: %v", cr.story(m, push), testutil.Quote(w.call), err)
	}
	got := r.Value.Strings()
	switch {
	case w.to != "":
		got = []string{r.Value.Str}
	case w.count > 0 && len(r.Value.Elems) == 2:
		got = append(got[:1], r.Value.Elems[1].Strings()...)
	}
	if fmt.Sprint(got) != w.expected {
		cr.t.Fatalf("%s: %s got %s, want %s", cr.story(m, push), testutil.Quote(w.call), fmt.Sprint(got), w.expected)
	}
}

// story says what has happened.
func (cr *crowd) story(m *queueModel, push []string) string {
	var text string
	for _, w := range m.waiters {
		text += fmt.Sprintf("\n%s", testutil.Quote(w.call))
		if w.gone {
			text += " (left)"
		}
	}
	return text + "\n> " + testutil.Quote(push) + "\n"
}
