// SPDX-License-Identifier: BSD-3-Clause

package pubsub

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/resp"
)

// Delivery is a message to some clients of one loop.
type Delivery struct {
	Message resp.Message
	To      []*Subscription // must not be written to
}

// SameReceivers tells whether two deliveries are to the same clients: one that follows the other can go out with it.
func (d *Delivery) SameReceivers(other *Delivery) bool {
	return len(d.To) == len(other.To) && &d.To[0] == &other.To[0]
}

// What an inbox's deliveries cost the loop is reckoned in bytes. Beyond enough those who publish wait, before they begin, until the
// loop has dealt with what is there: some milliseconds of work. The more is there for the same clients the less each message costs, so
// they should not wait too early.
const (
	enough       = 4 << 20
	receiverCost = 128     // what a receiver costs beside the bytes that are copied for it
	mostCopied   = 4 << 10 // a longer message is not copied
	joinedShare  = 16      // what goes out with the message before it costs one part in so many of its bytes: it is copied by the system alone
)

// cost gives what the delivery costs that comes after those of a list.
func (d *Delivery) cost(after []Delivery) int {
	n := d.Message.Len()
	if last := len(after) - 1; last >= 0 && d.SameReceivers(&after[last]) {
		return n + len(d.To)*n/joinedShare
	}
	return n + len(d.To)*(min(n, mostCopied)+receiverCost)
}

// Inbox is what has been published for one loop and not delivered yet.
type Inbox struct {
	some atomic.Bool   // list is not empty; written with mu held
	full *atomic.Int32 // the registry's; immutable

	mu     sync.Mutex
	list   []Delivery // guarded by mu, as all that follows
	weight int
	isFull bool
	parked []func()
	wake   func()
	_      [64]byte
}

// Inbox gives the inbox of the loop with that number.
func (r *Registry) Inbox(loop int) *Inbox { return &r.inboxes[loop] }

// OnMail sets what is called, from any goroutine and with locks of the registry held, when the empty inbox has got something.
func (b *Inbox) OnMail(wake func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake = wake
}

// put adds a delivery.
func (b *Inbox) put(d Delivery) {
	invariants.Waits(invariants.RankLeaf, 0)
	b.mu.Lock()
	first := len(b.list) == 0
	b.weight += d.cost(b.list)
	b.list = append(b.list, d)
	if b.weight > enough && !b.isFull {
		b.isFull = true
		b.full.Add(1)
	}
	wake := b.wake
	b.some.Store(true)
	b.mu.Unlock()
	if first && wake != nil {
		wake()
	}
}

// Some tells whether there is something in the inbox.
func (b *Inbox) Some() bool { return b.some.Load() }

// Take empties the inbox: it gives what was there, in order, and the calls of those who wait for it, which are to be made when
// that is delivered. The room of spare, which the caller needs no more, is used for what comes next.
func (b *Inbox) Take(spare []Delivery) (list []Delivery, calls []func()) {
	clear(spare)
	if cap(spare) > maxSpare {
		spare = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	list, b.list = b.list, spare[:0]
	calls, b.parked = b.parked, nil
	b.weight = 0
	if b.isFull {
		b.isFull = false
		b.full.Add(-1)
	}
	b.some.Store(false)
	return list, calls
}

// maxSpare is how many deliveries an inbox keeps room for.
const maxSpare = 4096

// Full tells whether some loop has enough to deliver, so that nothing more should be published.
func (r *Registry) Full() bool { return r.full.Load() != 0 }

// Park leaves call to be made when a loop that has enough to deliver has done so, and gives true; false when there is none.
func (r *Registry) Park(call func()) bool {
	for i := range r.inboxes {
		b := &r.inboxes[i]
		b.mu.Lock()
		full := b.isFull
		if full {
			b.parked = append(b.parked, call)
		}
		b.mu.Unlock()
		if full {
			return true
		}
	}
	return false
}
