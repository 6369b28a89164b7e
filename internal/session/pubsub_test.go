// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/session"
	"github.com/redpoll/redpoll/internal/testutil"
)

// hears fails unless the client's next reply is a message with that text.
func hears(t testing.TB, c *testutil.Client, text string) {
	t.Helper()
	r, err := c.Receive()
	if err != nil {
		t.Fatalf("instead of the message %.20q: %v", text, err)
	}
	if e := r.Value.Elems; len(e) < 3 || !strings.HasSuffix(e[0].Str, "message") || e[len(e)-1].Str != text {
		t.Fatalf("got %.100q, want the message %.20q", r.Raw, text)
	}
}

// quiet waits until nobody is subscribed to anything and no memory is held for it.
func (r *rig) quiet(held int64) {
	r.t.Helper()
	testutil.Poll(r.t, patience, func() bool { return r.engine.Channels.Silent() && r.engine.Account().Total() <= held })
}

// TestMessagesInOrder publishes through pipelines to subscribers on several loops, which get all of it in order: short messages, which are
// copied, and long ones, which are shared.
func TestMessagesInOrder(t *testing.T) {
	r := start(t, options{loops: 3})
	const subscribers, publishers, each = 12, 4, 300
	text := func(p, i int) string {
		s := fmt.Sprintf("%d %d ", p, i)
		if i%7 == 0 {
			s += strings.Repeat("long ", 1+i*20)
		}
		return s
	}
	var wg sync.WaitGroup
	for i := range subscribers {
		c := r.dial()
		if i%2 == 0 {
			c.Must(t, "HELLO", "3")
		}
		c.Must(t, "SUBSCRIBE", "news")
		wg.Go(func() {
			var next [publishers]int
			for range publishers * each {
				reply, err := c.Receive()
				if err != nil || len(reply.Value.Elems) != 3 {
					t.Errorf("%q, %v", reply.Raw, err)
					return
				}
				var p, n int
				fmt.Sscan(reply.Value.Elems[2].Str, &p, &n)
				if n != next[p] || reply.Value.Elems[2].Str != text(p, n) {
					t.Errorf("message %d of publisher %d instead of %d", n, p, next[p])
					return
				}
				next[p]++
			}
		})
	}
	for p := range publishers {
		c := r.dial()
		wg.Go(func() {
			var calls [][]string
			for i := range each {
				calls = append(calls, []string{"PUBLISH", "news", text(p, i)})
			}
			replies, err := c.Pipeline(calls...)
			if err != nil {
				t.Error(err)
			}
			for _, reply := range replies {
				if reply.Value.Int != subscribers {
					t.Errorf("%q instead of the number of subscribers", reply.Raw)
				}
			}
		})
	}
	wg.Wait()
}

// TestMessagesBeforeReplies: what was published before a client asked stands before the reply, whatever loop it is on.
func TestMessagesBeforeReplies(t *testing.T) {
	r := start(t, options{loops: 2})
	a, b, c := r.dial(), r.dial(), r.dial() // not all on one loop
	for _, sub := range []*testutil.Client{a, b} {
		sub.Must(t, "SUBSCRIBE", "x")
	}
	for i := range 500 {
		if n := c.Must(t, "PUBLISH", "x", fmt.Sprint(i)).Int; n != 2 {
			t.Fatalf("%d receivers", n)
		}
		for _, sub := range []*testutil.Client{a, b} {
			if err := sub.Send("PING"); err != nil {
				t.Fatal(err)
			}
			hears(t, sub, fmt.Sprint(i))
			if reply, err := sub.Receive(); err != nil || reply.Value.Elems[0].Str != "pong" {
				t.Fatalf("%q, %v", reply.Raw, err)
			}
		}
	}
	if n := c.Must(t, "PUBLISH", "x", "last").Int; n != 2 {
		t.Fatalf("%d receivers", n)
	}
	for _, sub := range []*testutil.Client{a, b} {
		if err := sub.Send("UNSUBSCRIBE", "x"); err != nil {
			t.Fatal(err)
		}
		hears(t, sub, "last")
		if reply, err := sub.Receive(); err != nil || reply.Value.Elems[0].Str != "unsubscribe" {
			t.Fatalf("%q, %v", reply.Raw, err)
		}
	}
}

// TestSlowSubscriber: who does not read is closed when too much waits for it, at once and not at the next look at all clients; who does
// read gets everything.
func TestSlowSubscriber(t *testing.T) {
	r := start(t, options{loops: 2, clock: clock.NewFake(1_700_000_000_000)})
	limits := defaults()
	limits.PubSub = session.OutputLimit{Hard: 4 << 20}
	r.hub.SetLimits(limits)
	publisher := r.dial()
	publisher.Must(t, "PING")
	held := r.engine.Account().Total() + 2<<10
	slow, fast := r.dial(), r.dial()
	slow.Must(t, "SUBSCRIBE", "x")
	fast.Must(t, "SUBSCRIBE", "x")
	for n := 0; publisher.Must(t, "PUBSUB", "NUMSUB", "x").Elems[1].Int == 2; n++ {
		if n > 20_000 {
			t.Fatal("the slow subscriber is still there")
		}
		text := strings.Repeat("y", 1+n%10_000)
		publisher.Must(t, "PUBLISH", "x", text)
		hears(t, fast, text)
		if total := r.engine.Account().Total(); total > held+8<<20 {
			t.Fatalf("%d bytes are held", total)
		}
	}
	if _, output := r.hub.Disconnected(); output != 1 {
		t.Errorf("%d clients were closed for what they left unread", output)
	}
	if !r.log.Has("output buffer limits") {
		t.Error("nothing in the log")
	}
	publisher.Must(t, "PUBLISH", "x", "end")
	hears(t, fast, "end")
	if err := fast.Close(); err != nil {
		t.Fatal(err)
	}
	r.quiet(held)
}

// TestSoftLimitOfSubscribers: a smaller limit may be exceeded for some time.
func TestSoftLimitOfSubscribers(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{clock: fake})
	limits := defaults()
	limits.PubSub = session.OutputLimit{Soft: 1 << 20, Period: int64(10 * time.Second)}
	r.hub.SetLimits(limits)
	slow, publisher := r.dial(), r.dial()
	slow.Must(t, "SUBSCRIBE", "x")
	text := strings.Repeat("y", 1<<20)
	for range 20 {
		publisher.Must(t, "PUBLISH", "x", text)
	}
	fake.Advance(9 * time.Second)
	if n := publisher.Must(t, "PUBLISH", "x", "still there").Int; n != 1 {
		t.Fatal("closed too early")
	}
	fake.Advance(2 * time.Second)
	publisher.Must(t, "PUBLISH", "x", "too much") // there is no need to wait for the next look at all clients
	testutil.Poll(t, patience, func() bool { return publisher.Must(t, "PUBSUB", "NUMSUB", "x").Elems[1].Int == 0 })
}

// TestAbsentSubscriber publishes to a client whose long command runs without its loop: it hears all of it when that has ended, and is
// closed when it is too much.
func TestAbsentSubscriber(t *testing.T) {
	r := start(t, options{loops: 2})
	publisher := r.dial()
	for _, tooMuch := range []bool{false, true} {
		c := r.dial()
		c.Must(t, "HELLO", "3")
		c.Must(t, "SUBSCRIBE", "x", "y")
		if _, err := c.Receive(); err != nil {
			t.Fatal(err)
		}
		detached := r.engine.Stats.Detached.Load()
		if err := c.SendRaw(append(line("HOLD", "k"), line("UNSUBSCRIBE", "y")...)); err != nil {
			t.Fatal(err)
		}
		<-r.began
		testutil.Poll(t, patience, func() bool { return r.engine.Stats.Detached.Load() > detached })
		held := r.engine.Account().Total()
		if tooMuch {
			limits := defaults()
			limits.PubSub = session.OutputLimit{Hard: 1 << 20}
			r.hub.SetLimits(limits)
			for range 20 {
				publisher.Must(t, "PUBLISH", "x", strings.Repeat("z", 100_000))
			}
			testutil.Poll(t, patience, func() bool { return r.engine.Account().Total() <= held }) // before the command has ended
			r.release <- struct{}{}
			testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 1 })
			continue
		}
		for i := range 100 {
			publisher.Must(t, "PUBLISH", "x", fmt.Sprint(i))
			publisher.Must(t, "PUBLISH", "y", fmt.Sprint(i))
		}
		testutil.Poll(t, patience, func() bool { return r.engine.Account().Total() > held+200*40 })
		r.release <- struct{}{}
		if reply, err := c.Receive(); err != nil || reply.Value.Str != "HELD" {
			t.Fatalf("%q, %v", reply.Raw, err)
		}
		for i := range 100 {
			hears(t, c, fmt.Sprint(i))
			hears(t, c, fmt.Sprint(i))
		}
		if reply, err := c.Receive(); err != nil || reply.Value.Elems[0].Str != "unsubscribe" {
			t.Fatalf("%q, %v", reply.Raw, err)
		}
		c.Close()
		testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 1 })
	}
}

// TestManyTopics: a client with very many subscriptions goes away, and takes nothing from the others, neither time nor memory.
func TestManyTopics(t *testing.T) {
	r := start(t, options{})
	other := r.dial()
	other.Must(t, "PING")
	held := r.engine.Account().Total()
	const n = 20_000
	c := r.dial()
	var b []byte
	for i := range n {
		b = append(b, line([]string{"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"}[i%3], fmt.Sprint("topic ", i))...)
	}
	done := make(chan error, 1)
	go func() { done <- c.SendRaw(b) }()
	for range n {
		if _, err := c.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Account().Total() >= held+n*100 })
	list := other.Must(t, "CLIENT", "LIST", "TYPE", "PUBSUB").Str
	if sub, psub, ssub := field(t, list, "sub"), field(t, list, "psub"), field(t, list, "ssub"); sub+psub+ssub != n {
		t.Errorf("sub=%d psub=%d ssub=%d", sub, psub, ssub)
	}
	if mem := field(t, list, "tot-mem"); mem < n*100 {
		t.Errorf("tot-mem=%d", mem)
	}
	if n := other.Must(t, "PUBLISH", "topic 3", "x").Int; n != 1 {
		t.Errorf("%d receivers", n)
	}
	c.Close()
	other.Must(t, "PING")
	r.quiet(held)
	for kind := range pubsub.NumKinds {
		if n := r.engine.Channels.Topics(kind); n != 0 {
			t.Errorf("%d topics of kind %d are left", n, kind)
		}
	}
	if n := r.hub.Listeners(); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
}

// TestPublishersWait: who publishes while a loop has enough to deliver is parked until it has, and everything arrives.
func TestPublishersWait(t *testing.T) {
	r := start(t, options{loops: 2})
	const messages = 300 // half of them are more than enough
	text := strings.Repeat("m", 30_000)
	sub, publisher := r.dial(), r.dial()
	loop := func(c *testutil.Client) int { return field(t, c.Must(t, "CLIENT", "INFO").Str, "io-thread") }
	for loop(publisher) == loop(sub) {
		publisher = r.dial()
	}
	busy := r.dial()
	for loop(busy) != loop(sub) {
		busy = r.dial()
	}
	sub.Must(t, "SUBSCRIBE", "x")
	for _, calls := range [][][]string{
		slices.Repeat([][]string{{"PUBLISH", "x", text}}, messages),
		slices.Repeat([][]string{{"MULTI"}, {"PUBLISH", "x", text}, {"EXEC"}}, messages),
	} {
		if err := busy.Send("STUCK"); err != nil {
			t.Fatal(err)
		}
		<-r.began // from here on the subscriber's loop delivers nothing
		parked := r.engine.Stats.Parked.Load()
		done := make(chan error, 1)
		go func() {
			_, err := publisher.Pipeline(calls...)
			done <- err
		}()
		testutil.Poll(t, patience, func() bool { return r.engine.Stats.Parked.Load() > parked })
		if !r.engine.Channels.Full() {
			t.Error("parked though no loop has enough to deliver")
		}
		r.release <- struct{}{}
		for range messages {
			hears(t, sub, text)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if reply, err := busy.Receive(); err != nil || reply.Value.IsError() {
			t.Fatalf("%q, %v", reply.Raw, err)
		}
	}
}

// TestEventsInOrder: the events of a key come in the order of its changes, whoever makes them, and before the reply to a later command of
// who listens.
func TestEventsInOrder(t *testing.T) {
	r := start(t, options{loops: 2})
	ev, _ := config.ParseEvents("KA")
	r.engine.SetEvents(ev)
	listener := r.dial()
	listener.Must(t, "PSUBSCRIBE", "__keyspace@0__:k*")
	const writers, each = 4, 250
	var wg sync.WaitGroup
	for range writers {
		c := r.dial()
		wg.Go(func() {
			for range each {
				if _, err := c.Pipeline([]string{"SET", "k", "v"}, []string{"MULTI"}, []string{"SET", "k", "w"}, []string{"APPEND", "k", "x"},
					[]string{"DEL", "k"}, []string{"EXEC"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// Within a transaction the three stand together: between others only whole ones.
	for n := 0; n < writers*each*4; n++ {
		reply, err := listener.Receive()
		if err != nil {
			t.Fatal(err)
		}
		event := reply.Value.Elems[3].Str
		switch event {
		case "append":
			hears(t, listener, "del")
			n++
		case "set":
		default:
			t.Fatalf("event %d is %s", n, event)
		}
	}
	if listener.Buffered(0) {
		t.Error("there are more events than changes")
	}
}

// TestEventOfServed: who has made a key hears what it was served to before the reply to its next command.
func TestEventOfServed(t *testing.T) {
	r := start(t, options{loops: 1})
	ev, _ := config.ParseEvents("El")
	r.engine.SetEvents(ev)
	waits, c := r.dial(), r.dial()
	r.sendWaiting(waits, "BLPOP k 0")
	c.Must(t, "HELLO", "3")
	const channel = "__keyevent@0__:lpop"
	c.Must(t, "SUBSCRIBE", channel)
	if err := c.SendRaw(append(line("RPUSH", "k", "v"), line("PING")...)); err != nil {
		t.Fatal(err)
	}
	receive(t, c, ":1", ">3 $7 message $19 "+channel+" $1 k", "+PONG")
	receive(t, waits, "*2 $1 k $1 v")
}

// TestSubscribersComeAndGo has clients subscribe, publish, unsubscribe and vanish at random on several loops. None hears anything of what
// it is not subscribed to, and nothing is left at the end.
func TestSubscribersComeAndGo(t *testing.T) {
	r := start(t, options{loops: 3})
	var heard atomic.Int64
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for range 6 {
				c := r.dial()
				if _, err := c.Do("HELLO", "3"); err != nil {
					t.Error(err)
					return
				}
				has := map[string]bool{}
				for range 60 {
					topic := fmt.Sprint("t", rand.IntN(5))
					call := []string{"SUBSCRIBE", topic}
					switch rand.IntN(4) {
					case 0:
						call[0] = "UNSUBSCRIBE"
					case 1, 2:
						call = []string{"PUBLISH", topic, strings.Repeat("m", rand.IntN(9000))}
					}
					if err := c.Send(call...); err != nil {
						t.Error(err)
						return
					}
					for done := false; !done; {
						reply, err := c.Receive()
						switch {
						case err != nil:
							t.Error(err)
							return
						case len(reply.Value.Elems) == 0:
							done = true
						case reply.Value.Elems[0].Str != "message":
							has[topic] = call[0] == "SUBSCRIBE"
							done = true
						case !has[reply.Value.Elems[1].Str]:
							t.Errorf("a message for %s", reply.Value.Elems[1].Str)
						default:
							heard.Add(1)
						}
					}
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if heard.Load() == 0 {
		t.Error("nobody has heard anything")
	}
	r.quiet(0)
}

// TestReplyLimit closes a client whose command has made more replies than it may leave unread, before any is sent; what fits into one
// chunk is never too much.
func TestReplyLimit(t *testing.T) {
	r := start(t, options{})
	limits := defaults()
	limits.Normal = session.OutputLimit{Hard: 10}
	r.hub.SetLimits(limits)
	c, bare := r.dial(), r.tcp()
	if n := len(c.Must(t, "BIG", "16000").Str); n != 16000 {
		t.Errorf("%d bytes", n)
	}
	send(t, bare, bytes.Join([][]byte{line("SET", "a", "1"), line("BIG", "100000"), line("SET", "a", "2")}, nil))
	if got := readAll(t, bare); got != "" {
		t.Errorf("%d bytes were sent", len(got))
	}
	if _, output := r.hub.Disconnected(); output != 1 {
		t.Errorf("%d clients were closed", output)
	}
	c.Must(t, "GET", "a")
}
