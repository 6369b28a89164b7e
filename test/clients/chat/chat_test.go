// SPDX-License-Identifier: BSD-3-Clause

package chat

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redpoll/redpoll/internal/testutil"
)

const patience = testutil.Patience

func connect(t *testing.T, protocol int) *Chat {
	bin, args := testutil.RedpollBinary(t)
	server := testutil.Process(t, bin, args...)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: protocol})
	t.Cleanup(func() { client.Close() })
	return &Chat{client}
}

func TestChat(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, protocol)
			talk(t, c)
			crowd(t, c)
			broken(t, c)
			keys(t, c)
			shard(t, c)
		})
	}
}

func listen(t *testing.T, c *Chat, rooms ...string) *redis.PubSub {
	t.Helper()
	listener, err := c.Listen(t.Context(), rooms...)
	t.Cleanup(func() { listener.Close() })
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func say(t *testing.T, c *Chat, room, text string, heard int64) {
	t.Helper()
	if n, err := c.Say(t.Context(), room, text); err != nil || n != heard {
		t.Errorf("%s: %d heard it, %v, want %d", text, n, err, heard)
	}
}

// hear takes the next message, as "channel text" or "pattern channel text".
func hear(t *testing.T, messages <-chan *redis.Message) string {
	t.Helper()
	select {
	case m := <-messages:
		if m == nil {
			return "closed"
		}
		return strings.TrimSpace(strings.Join([]string{m.Pattern, m.Channel, m.Payload}, " "))
	case <-time.After(patience):
		t.Error("nothing was heard")
		return ""
	}
}

func want(t *testing.T, messages <-chan *redis.Message, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if got := hear(t, messages); got != text {
			t.Errorf("heard %q, want %q", got, text)
		}
	}
}

// talk has one listen to a room and one to all.
func talk(t *testing.T, c *Chat) {
	t.Helper()
	ctx := t.Context()
	say(t, c, "hall", "nobody is here", 0)
	one, all := listen(t, c, "hall"), listen(t, c, "*")
	say(t, c, "hall", "hello", 2)
	say(t, c, "garden", "is anybody out there?", 1)
	want(t, one.Channel(), "chat:hall hello")
	want(t, all.Channel(), "chat:* chat:hall hello", "chat:* chat:garden is anybody out there?")
	if rooms, err := c.Rooms(ctx); err != nil || !slices.Equal(rooms, []string{"hall"}) {
		t.Errorf("rooms %q, %v", rooms, err)
	}
	if latest, err := c.Latest(ctx, "hall", 2); err != nil || !slices.Equal(latest, []string{"hello", "nobody is here"}) {
		t.Errorf("the history is %q, %v", latest, err)
	}
	one.Close()
	all.Close()
	if got := hear(t, one.Channel()); got != "closed" {
		t.Errorf("heard %q after the end", got)
	}
	testutil.Poll(t, patience, func() bool {
		return len(c.Client.PubSubChannels(ctx, "*").Val()) == 0 && c.Client.PubSubNumPat(ctx).Val() == 0
	})
}

// crowd has many talk at the same time: every listener hears what each says in order, and the history is of the last.
func crowd(t *testing.T, c *Chat) {
	t.Helper()
	const speakers, sentences = 4, 300
	listeners := []*redis.PubSub{listen(t, c, "crowd"), listen(t, c, "crowd"), listen(t, c, "cr*")}
	heard := make([][]string, len(listeners))
	var group sync.WaitGroup
	for i, l := range listeners {
		messages := l.Channel(redis.WithChannelSize(speakers * sentences))
		group.Go(func() {
			for range speakers * sentences {
				heard[i] = append(heard[i], hear(t, messages))
			}
		})
	}
	for s := range speakers {
		group.Go(func() {
			for i := range sentences {
				say(t, c, "crowd", fmt.Sprint(s, " says ", i), int64(len(listeners)))
			}
		})
	}
	group.Wait()
	for i, all := range heard {
		next := [speakers]int{}
		for _, text := range all {
			s, n := 0, 0
			if _, err := fmt.Sscanf(text[strings.Index(text, "crowd ")+6:], "%d says %d", &s, &n); err != nil || next[s] != n {
				t.Fatalf("listener %d heard %q, sentence %d being next, %v", i, text, next[s], err)
			}
			next[s]++
		}
	}
	if n := c.Client.LLen(t.Context(), history("crowd")).Val(); n != historyLength {
		t.Errorf("the history has %d sentences", n)
	}
	for _, l := range listeners {
		l.Close()
	}
}

// broken breaks the listeners' connections: they come back, and have their channels and patterns again.
func broken(t *testing.T, c *Chat) {
	t.Helper()
	ctx := t.Context()
	l := listen(t, c, "cellar", "attic", "b*")
	messages := l.Channel()
	say(t, c, "cellar", "before", 1)
	want(t, messages, "chat:cellar before")
	// listeners gives the connection that listens to all three, "" if there is none.
	listeners := func() string {
		counts := c.Client.PubSubNumSub(ctx, "chat:cellar", "chat:attic").Val()
		if counts["chat:cellar"] != 1 || counts["chat:attic"] != 1 || c.Client.PubSubNumPat(ctx).Val() != 1 {
			return ""
		}
		list, _ := c.Client.Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text()
		id, _, _ := strings.Cut(list, " ")
		return id
	}
	for round := range 3 {
		before := listeners()
		if n := c.Client.ClientKillByFilter(ctx, "TYPE", "pubsub").Val(); n != 1 {
			t.Errorf("%d connections were ended", n)
		}
		testutil.Poll(t, patience, func() bool { id := listeners(); return id != "" && id != before })
		text := fmt.Sprint("after ", round)
		say(t, c, "attic", text, 1)
		say(t, c, "balcony", text, 1)
		want(t, messages, "chat:attic "+text, "chat:b* chat:balcony "+text)
	}
	l.Close()
}

// keys listens to what happens to keys.
func keys(t *testing.T, c *Chat) {
	t.Helper()
	ctx := t.Context()
	if err := c.Client.ConfigSet(ctx, "notify-keyspace-events", "El").Err(); err != nil {
		t.Fatal(err)
	}
	l := c.Client.PSubscribe(ctx, "__keyevent@0__:*")
	defer l.Close()
	if _, err := l.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	c.Client.LPush(ctx, "k", "a", "b")
	c.Client.Set(ctx, "string", "is not listened to", 0)
	c.Client.RPopLPush(ctx, "k", "k2")
	const pattern = "__keyevent@0__:* __keyevent@0__:"
	want(t, l.Channel(), pattern+"lpush k", pattern+"lpush k2", pattern+"rpop k")
	if err := c.Client.ConfigSet(ctx, "notify-keyspace-events", "").Err(); err != nil {
		t.Fatal(err)
	}
}

// shard uses the channels of a cluster's shard.
func shard(t *testing.T, c *Chat) {
	t.Helper()
	ctx := t.Context()
	l := c.Client.SSubscribe(ctx, "orders")
	defer l.Close()
	if _, err := l.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Client.SPublish(ctx, "orders", "42").Result(); err != nil || n != 1 {
		t.Errorf("%d heard it, %v", n, err)
	}
	want(t, l.Channel(), "orders 42")
}
