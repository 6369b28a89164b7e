// SPDX-License-Identifier: BSD-3-Clause

// Package pubsub is who listens to what, and the way of a message to those who do. It knows no commands and no sockets: what is
// published goes to inboxes, one a loop, which the loops empty.
//
// Terms:
//
//   - A topic is what can be subscribed to: a channel, a shard channel or a pattern. It is there as long as somebody listens.
//   - A Client is one listener with its Subscriptions. It belongs to one loop.
//   - A Delivery is one message to those of a loop who listen to one topic. It is put into the loop's Inbox.
//
// Invariants: a topic's list of a loop has each of the loop's listeners once, at the index that its Subscription says. A list that
// a Delivery has been given is not written to below its length then: who leaves it copies it first. So to publish costs nothing
// for each listener, and messages of a channel are in all inboxes in the same order.
//
// Locks, in the order in which they are taken: the stripe of a channel's name, the patterns', an inbox's. No other lock is taken
// while one of them is held but that of the receiving loop's mail. See docs/locking.md.
package pubsub

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/resp"
)

// Kind is a kind of topic. Names of different kinds have nothing to do with each other.
type Kind uint8

const (
	Channel  Kind = iota
	Shard         // a channel of SPUBLISH; patterns do not see its messages
	Pattern       // matches the names of channels
	NumKinds      // how many kinds there are
)

// stripes is how many parts the table of channels has, a power of two. One has to be looked through with its lock held.
const stripes = 256

// Registry knows all subscriptions of a server. Its methods are safe for any goroutine.
type Registry struct {
	listening atomic.Int64 // subscriptions of all kinds
	topics    [NumKinds]atomic.Int64
	full      atomic.Int32 // inboxes that have enough

	inboxes  []Inbox
	channels [stripes]stripe
	patterns patterns
}

// stripe is a part of the table of channels.
type stripe struct {
	mu     sync.Mutex
	topics [Pattern]map[string]*topic // by kind; guarded by mu
	_      [40]byte                   // stripes of different loops are not on one cache line
}

func (s *stripe) lock() {
	invariants.Waits(invariants.RankChannel, 0)
	s.mu.Lock()
	invariants.Acquired(invariants.RankChannel, 0)
}

func (s *stripe) unlock() {
	invariants.Released(invariants.RankChannel, 0)
	s.mu.Unlock()
}

// topic is what somebody listens to. It is guarded by its stripe, that of a pattern by patterns.mu.
type topic struct {
	name  string // immutable
	text  []byte // a pattern's name, once more; immutable
	kind  Kind   // immutable
	lists []list // of those loops that have listeners
}

// list is the listeners of one loop.
type list struct {
	loop   int
	shared bool // a Delivery has it
	subs   []*Subscription
}

// Subscription is one client's interest in one topic.
type Subscription struct {
	Client *Client // immutable
	topic  *topic  // immutable
	index  int     // in its list; guarded as the topic is
	ended  bool    // belongs to the client
}

// Ended tells whether the client has ended the subscription since: what was published before must not reach it any more. Only
// the client's loop may ask.
func (s *Subscription) Ended() bool { return s.ended }

// New makes a registry for a number of loops.
func New(loops int) *Registry {
	r := &Registry{inboxes: make([]Inbox, loops)}
	for i := range r.inboxes {
		r.inboxes[i].full = &r.full
	}
	for i := range r.channels {
		for kind := range r.channels[i].topics {
			r.channels[i].topics[kind] = make(map[string]*topic)
		}
	}
	r.patterns.byName = make(map[string]*topic)
	return r
}

// Topics gives how many topics of a kind somebody listens to.
func (r *Registry) Topics(kind Kind) int64 { return r.topics[kind].Load() }

// Silent tells that nobody listens to anything, so that nothing needs to be published.
func (r *Registry) Silent() bool { return r.listening.Load() == 0 }

func (r *Registry) stripeOf(name []byte) *stripe { return &r.channels[hash.Bytes(name)&(stripes-1)] }

// Listeners gives how many clients listen to a channel or shard channel itself.
func (r *Registry) Listeners(kind Kind, name []byte) (n int) {
	s := r.stripeOf(name)
	s.lock()
	defer s.unlock()
	if t := s.topics[kind][string(name)]; t != nil {
		n = t.listeners()
	}
	return n
}

// Names calls fn with the names of all channels or shard channels that somebody listens to, until it gives an error, which is
// returned. No lock is held meanwhile, so what comes and goes on the way may be among them or not.
func (r *Registry) Names(kind Kind, fn func(name string) error) error {
	var names []string
	for i := range r.channels {
		s := &r.channels[i]
		names = names[:0]
		s.lock()
		for name := range s.topics[kind] {
			names = append(names, name)
		}
		s.unlock()
		for _, name := range names {
			if err := fn(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// words begin the messages of each kind.
func words(kind Kind) []byte {
	switch kind {
	case Shard:
		return []byte("smessage")
	case Pattern:
		return []byte("pmessage")
	}
	return []byte("message")
}

// Publish sends a message to all who listen to a channel (or shard channel), itself or by a pattern, and gives their number. It copies
// what it is given. Messages of one caller to one channel arrive in order, those of several in one order everywhere. tick is called
// now and then while very many patterns are looked at.
func (r *Registry) Publish(kind Kind, name, message []byte, tick func() error) (receivers int) {
	if r.Silent() {
		return 0
	}
	var room [matchRoom]*topic
	found := matches{list: room[:0]}
	if kind == Channel {
		found = r.patterns.match(found, name, tick)
	}
	s := r.stripeOf(name)
	s.lock()
	defer s.unlock()
	if t := s.topics[kind][string(name)]; t != nil {
		receivers = r.send(t, resp.MakeMessage(words(kind), name, message))
	}
	if kind == Channel && r.Topics(Pattern) > 0 {
		receivers += r.publishMatches(found, name, message)
	}
	return receivers
}

// Receivers gives how many Publish would send a message to.
func (r *Registry) Receivers(kind Kind, name []byte, tick func() error) (n int) {
	if r.Silent() {
		return 0
	}
	if n = r.Listeners(kind, name); kind != Channel {
		return n
	}
	var room [matchRoom]*topic
	found := r.patterns.match(matches{list: room[:0]}, name, tick)
	r.patterns.lock()
	defer r.patterns.unlock()
	for _, t := range r.patterns.match(found, name, nil).list {
		n += t.listeners()
	}
	return n
}

// send puts a message into the inboxes of the loops where somebody listens to the topic, which is locked.
func (r *Registry) send(t *topic, m resp.Message) (receivers int) {
	for i := range t.lists {
		l := &t.lists[i]
		l.shared = true
		receivers += len(l.subs)
		r.inboxes[l.loop].put(Delivery{Message: m, To: l.subs})
	}
	return receivers
}

func (t *topic) listeners() (n int) {
	for i := range t.lists {
		n += len(t.lists[i].subs)
	}
	return n
}

// add makes a client's subscription one of the topic's, which is locked.
func (t *topic) add(sub *Subscription) {
	i := t.listOf(sub.Client.loop)
	if i < 0 {
		i = len(t.lists)
		t.lists = append(t.lists, list{loop: sub.Client.loop})
	}
	l := &t.lists[i]
	if len(l.subs) == cap(l.subs) {
		l.shared = false // it is about to be copied
	}
	sub.index = len(l.subs)
	l.subs = append(l.subs, sub) // behind what deliveries have of it
}

// remove takes a subscription out of the topic, which is locked, and tells whether it was the last.
func (t *topic) remove(sub *Subscription) (last bool) {
	i := t.listOf(sub.Client.loop)
	l := &t.lists[i]
	n := len(l.subs) - 1
	if l.shared || n < cap(l.subs)/4 {
		l.subs = append(make([]*Subscription, 0, n+n/4+1), l.subs...)
		l.shared = false
	}
	l.subs[sub.index] = l.subs[n]
	l.subs[sub.index].index = sub.index
	l.subs[n] = nil
	l.subs = l.subs[:n]
	if n == 0 {
		t.lists[i] = t.lists[len(t.lists)-1]
		t.lists[len(t.lists)-1] = list{}
		t.lists = t.lists[:len(t.lists)-1]
	}
	return len(t.lists) == 0
}

func (t *topic) listOf(loop int) int {
	for i := range t.lists {
		if t.lists[i].loop == loop {
			return i
		}
	}
	return -1
}
