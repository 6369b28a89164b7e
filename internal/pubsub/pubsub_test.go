// SPDX-License-Identifier: BSD-3-Clause

package pubsub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

func newClient(loop int) *Client {
	c := &Client{}
	c.Init(c, loop)
	return c
}

// text gives a message in RESP2's form.
func text(m resp.Message) string {
	var w resp.Writer
	w.Init(resp.NewChunkPool(1))
	w.Message(&m)
	var b []byte
	for w.Pending() > 0 {
		b = append(b, w.Next()...)
		w.Consume(len(w.Next()))
	}
	return string(b)
}

// received empties an inbox and gives what each client would be sent, in order.
func received(r *Registry, loop int) map[*Client][]string {
	got := map[*Client][]string{}
	list, calls := r.Inbox(loop).Take(nil)
	for _, d := range list {
		for _, sub := range d.To {
			if !sub.Ended() {
				got[sub.Client] = append(got[sub.Client], text(d.Message))
			}
		}
	}
	for _, call := range calls {
		call()
	}
	return got
}

// TestModel subscribes, publishes and unsubscribes at random and holds what arrives against a model.
func TestModel(t *testing.T) {
	const loops = 3
	r := New(loops)
	names := []string{"a", "b", "ab", "c"}
	patterns := []string{"*", "a*", "?", "z"}
	var clients []*Client
	has := map[*Client]map[string]bool{} // by kind and name
	for i := range 20 {
		c := newClient(i % loops)
		clients = append(clients, c)
		has[c] = map[string]bool{}
	}
	want := map[*Client][]string{}
	rnd := rand.New(rand.NewPCG(1, 2))
	key := func(kind Kind, name string) string { return fmt.Sprint(kind, name) }
	for step := range 5_000 {
		c := clients[rnd.IntN(len(clients))]
		kind := Kind(rnd.IntN(int(NumKinds)))
		name := names[rnd.IntN(len(names))]
		if kind == Pattern {
			name = patterns[rnd.IntN(len(patterns))]
		}
		switch rnd.IntN(6) {
		case 0, 1:
			r.Subscribe(c, kind, []byte(name))
			has[c][key(kind, name)] = true
		case 2:
			// What was published and has not been delivered is lost to whoever unsubscribes: the model has no place for that.
			deliverAll(t, r, clients, want)
			r.Unsubscribe(c, kind, []byte(name))
			delete(has[c], key(kind, name))
		case 3, 4:
			kind, name := Kind(rnd.IntN(2)), names[rnd.IntN(len(names))]
			n, message := 0, fmt.Sprint(step)
			for _, c := range clients {
				if has[c][key(kind, name)] {
					word := map[Kind]string{Channel: "message", Shard: "smessage"}[kind]
					want[c] = append(want[c], text(resp.MakeMessage([]byte(word), []byte(name), []byte(message))))
					n++
				}
				for _, p := range patterns {
					if kind == Channel && has[c][key(Pattern, p)] && (p == "*" || p == "a*" && name[0] == 'a' || p == "?" && len(name) == 1) {
						want[c] = append(want[c], text(resp.MakeMessage([]byte("pmessage"), []byte(p), []byte(name), []byte(message))))
						n++
					}
				}
			}
			if got := r.Publish(kind, []byte(name), []byte(message), nil); got != n {
				t.Fatalf("step %d: %d receivers of %q, want %d", step, got, name, n)
			}
		case 5:
			if rnd.IntN(20) == 0 {
				deliverAll(t, r, clients, want)
				r.Leave(c)
				clear(has[c])
			}
		}
	}
	deliverAll(t, r, clients, want)
	for _, c := range clients {
		n := 0
		for range has[c] {
			n++
		}
		if c.Total() != n {
			t.Errorf("a client has %d subscriptions, want %d", c.Total(), n)
		}
		r.Leave(c)
		if c.Total() != 0 || c.Bytes() != 0 {
			t.Errorf("a client that has left has %d subscriptions of %d bytes", c.Total(), c.Bytes())
		}
	}
	expectEmpty(t, r)
}

// deliverAll compares what each client gets with what the model says. Messages of one publication that reach a client by several
// patterns have no order.
func deliverAll(t *testing.T, r *Registry, clients []*Client, want map[*Client][]string) {
	t.Helper()
	got := map[*Client][]string{}
	for loop := range r.inboxes {
		for c, list := range received(r, loop) {
			got[c] = list
		}
	}
	for i, c := range clients {
		if !slices.Equal(sortRuns(got[c]), sortRuns(want[c])) {
			t.Fatalf("client %d got %q, want %q", i, got[c], want[c])
		}
	}
	clear(want)
}

// sortRuns sorts neighbours that end with the same text.
func sortRuns(list []string) []string {
	end := func(s string) string { return s[strings.LastIndexByte(s[:len(s)-2], '\n'):] }
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && end(list[j]) == end(list[i]) {
			j++
		}
		slices.Sort(list[i:j])
		i = j
	}
	return list
}

func expectEmpty(t *testing.T, r *Registry) {
	t.Helper()
	if !r.Silent() {
		t.Errorf("%d subscriptions are left", r.listening.Load())
	}
	for kind := range NumKinds {
		if n := r.Topics(kind); n != 0 {
			t.Errorf("%d topics of kind %d are left", n, kind)
		}
	}
	for i := range r.channels {
		for _, topics := range r.channels[i].topics {
			if len(topics) != 0 {
				t.Errorf("left in the table: %v", topics)
			}
		}
	}
	if n := len(r.patterns.byName); n != 0 {
		t.Errorf("%d patterns are left", n)
	}
	if n := len(r.patterns.current().topics); n > 2*deadSlack {
		t.Errorf("the list of patterns has %d that nobody listens to", n)
	}
}

// TestManySubscriptions leaves while others publish: nothing stays behind, and a loop is not held up.
func TestManySubscriptions(t *testing.T) {
	r := New(1)
	c := newClient(0)
	const n = 10_000
	for i := range n {
		r.Subscribe(c, Channel, fmt.Appendf(nil, "channel %d", i))
		r.Subscribe(c, Pattern, fmt.Appendf(nil, "pattern %d *", i))
	}
	if got := r.Topics(Channel) + r.Topics(Pattern); got != 2*n || c.Total() != 2*n {
		t.Fatalf("%d topics, %d subscriptions", got, c.Total())
	}
	if got := r.Publish(Channel, []byte("pattern 7 x"), []byte("m"), nil); got != 1 {
		t.Errorf("%d receivers, want 1", got)
	}
	r.Leave(c)
	testutil.Poll(t, testutil.Patience, r.Silent)
	testutil.Poll(t, testutil.Patience, func() bool { return r.Topics(Channel)+r.Topics(Pattern) == 0 })
	expectEmpty(t, r)
}

// TestOrder publishes to one channel from several goroutines: all receivers, on all loops, hear the same order, by patterns too.
func TestOrder(t *testing.T) {
	const loops, publishers, each = 3, 4, 200
	r := New(loops)
	var clients []*Client
	for i := range 2 * loops {
		c := newClient(i % loops)
		r.Subscribe(c, Channel, []byte("a"))
		r.Subscribe(c, Pattern, []byte("a*"))
		clients = append(clients, c)
	}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				r.Publish(Channel, []byte("a"), fmt.Appendf(nil, "%d:%d", p, i), nil)
			}
		})
	}
	comer := newClient(0)
	wg.Go(func() {
		for i := range each {
			r.Subscribe(comer, Channel, []byte("a"))
			r.Subscribe(comer, Pattern, fmt.Appendf(nil, "a%d", i))
			r.Unsubscribe(comer, Channel, []byte("a"))
		}
	})
	wg.Wait()
	got := map[*Client][]string{}
	for loop := range loops {
		for c, list := range received(r, loop) {
			got[c] = list
		}
	}
	first := got[clients[0]]
	if len(first) != 2*publishers*each {
		t.Fatalf("%d messages, want %d", len(first), 2*publishers*each)
	}
	for i, c := range clients {
		if !slices.Equal(got[c], first) {
			t.Errorf("client %d hears another order", i)
		}
	}
}

// TestCrowd: what many publish for the same thousand clients fills an inbox far later than what they publish for others by turns, since it
// goes out together.
func TestCrowd(t *testing.T) {
	var until [2]int
	for turns := range until {
		r := New(1)
		for i := range 1000 {
			c := newClient(0)
			r.Subscribe(c, Channel, []byte("a"))
			if i%2 == 0 {
				r.Subscribe(c, Channel, []byte("b"))
			}
		}
		for !r.Full() {
			channel := "a"
			if turns == 1 && until[1]%2 == 1 {
				channel = "b"
			}
			r.Publish(Channel, []byte(channel), make([]byte, 64), nil)
			until[turns]++
		}
	}
	if joined, apart := until[0], until[1]; joined < 300 || apart > 40 {
		t.Errorf("full after %d messages for the same, %d for others by turns", joined, apart)
	}
}

// TestFull: an inbox that has enough is told of, and who parked is woken when it is emptied.
func TestFull(t *testing.T) {
	r := New(2)
	c := newClient(1)
	r.Subscribe(c, Channel, []byte("a"))
	woken, mails := 0, 0
	r.Inbox(1).OnMail(func() { mails++ })
	if r.Park(func() { woken++ }) {
		t.Error("parked though nothing is full")
	}
	for !r.Full() {
		r.Publish(Channel, []byte("a"), make([]byte, 1000), nil)
	}
	if !r.Park(func() { woken++ }) || !r.Park(func() { woken++ }) {
		t.Error("not parked though an inbox is full")
	}
	if n := len(received(r, 1)[c]); n < enough/4000 || n > enough/1000 {
		t.Errorf("it was full after %d messages", n)
	}
	if r.Full() || woken != 2 || mails != 1 || r.Inbox(1).Some() {
		t.Errorf("full: %v, woken: %d, mails: %d", r.Full(), woken, mails)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := New(2)
			for i := range n {
				r.Subscribe(newClient(i%2), Channel, []byte("a"))
			}
			r.Subscribe(newClient(0), Channel, []byte("other"))
			var spare []Delivery
			for i := 0; b.Loop(); i++ {
				r.Publish(Channel, []byte("a"), []byte("some message of some length"), nil)
				if i%64 == 63 {
					for loop := range 2 {
						spare, _ = r.Inbox(loop).Take(spare)
					}
				}
			}
		})
	}
}
