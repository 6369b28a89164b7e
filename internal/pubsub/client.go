// SPDX-License-Identifier: BSD-3-Clause

package pubsub

// Client is what one connection listens to. It belongs to the connection's loop, or to whoever the connection is lent to; only
// its loop's Deliveries name it to others. The zero value, once Init was called, listens to nothing.
type Client struct {
	Owner any // whose it is, for those who deliver messages; immutable

	loop  int // number of its loop; immutable
	subs  [NumKinds]map[string]*Subscription
	bytes int64
}

// Bytes that a subscription takes on the Go heap beside its name, and about what its share of the tables is.
const subscriptionBytes = 240

// Init makes the client usable, on the loop with that number.
func (c *Client) Init(owner any, loop int) { c.Owner, c.loop = owner, loop }

// Count gives how many topics of a kind the client listens to.
func (c *Client) Count(kind Kind) int { return len(c.subs[kind]) }

// Total gives how many topics of all kinds the client listens to.
func (c *Client) Total() int {
	return c.Count(Channel) + c.Count(Shard) + c.Count(Pattern)
}

// Bytes gives about what the client's subscriptions take on the Go heap.
func (c *Client) Bytes() int64 { return c.bytes }

// Subscribe has the client listen to a topic, if it does not yet. The name is copied.
func (r *Registry) Subscribe(c *Client, kind Kind, name []byte) {
	if _, known := c.subs[kind][string(name)]; known {
		return
	}
	sub := &Subscription{Client: c}
	first := false
	if kind == Pattern {
		first = r.patterns.add(sub, string(name))
	} else {
		s := r.stripeOf(name)
		s.lock()
		t := s.topics[kind][string(name)]
		if t == nil {
			t, first = &topic{name: string(name), kind: kind}, true
			s.topics[kind][t.name] = t
		}
		sub.topic = t
		t.add(sub)
		s.unlock()
	}
	if first {
		r.topics[kind].Add(1)
	}
	r.listening.Add(1)
	if c.subs[kind] == nil {
		c.subs[kind] = make(map[string]*Subscription)
	}
	c.subs[kind][sub.topic.name] = sub
	c.bytes += subscriptionBytes + int64(len(name))
}

// Unsubscribe ends the client's listening to a topic, if it does. What was published before and has not been delivered yet does
// not reach it any more.
func (r *Registry) Unsubscribe(c *Client, kind Kind, name []byte) {
	if sub := c.subs[kind][string(name)]; sub != nil {
		r.end(c, sub)
	}
}

// UnsubscribeAll ends the client's listening to all topics of a kind, and calls fn, if it is not nil, with the name of each when that
// is done; an error of fn ends it and is returned.
func (r *Registry) UnsubscribeAll(c *Client, kind Kind, fn func(name string) error) error {
	for name, sub := range c.subs[kind] {
		r.end(c, sub)
		if fn == nil {
			continue
		}
		if err := fn(name); err != nil {
			return err
		}
	}
	c.subs[kind] = nil // a map does not shrink
	return nil
}

// leaveAtOnce is how many subscriptions a client may have for Leave to end them before it returns.
const leaveAtOnce = 1000

// Leave ends all that a client listens to which has gone: nothing is delivered to it any more. With very many subscriptions it
// goes on after it has returned, so that the loop does not wait. The client must not be used again.
func (r *Registry) Leave(c *Client) {
	gone := &Client{loop: c.loop, subs: c.subs}
	n := c.Total()
	c.subs, c.bytes = [NumKinds]map[string]*Subscription{}, 0
	leave := func() {
		for kind := range NumKinds {
			_ = r.UnsubscribeAll(gone, kind, nil) // nothing is called that could fail
		}
	}
	if n <= leaveAtOnce {
		leave()
	} else {
		go leave()
	}
}

// end ends one subscription.
func (r *Registry) end(c *Client, sub *Subscription) {
	sub.ended = true
	t := sub.topic
	delete(c.subs[t.kind], t.name)
	c.bytes -= subscriptionBytes + int64(len(t.name))
	last := false
	if t.kind == Pattern {
		last = r.patterns.remove(sub)
	} else {
		s := r.stripeOf([]byte(t.name))
		s.lock()
		if last = t.remove(sub); last {
			delete(s.topics[t.kind], t.name)
		}
		s.unlock()
	}
	if last {
		r.topics[t.kind].Add(-1)
	}
	r.listening.Add(-1)
}
