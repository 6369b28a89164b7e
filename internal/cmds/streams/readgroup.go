// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/store"
)

// What a group delivers is written to the reply first, some entries at a time, and then noted as pending. That there is memory for all of
// it is made sure of before.

// deliverStep is how many entries are written before they are noted.
const deliverStep = 64

// reserve makes it all but certain that what is going to be delivered, of all streams, can be noted, as there is no going back later.
func (r *reading) reserve(starts []start) {
	total, size := 0, 0
	for i, key := range r.keys {
		if starts[i].place == waiting {
			continue
		}
		r.find(key)
		if n := r.countNotes(starts[i]); n > 0 {
			total += n
			size += r.g.DeliverySize(n)
		}
	}
	if total > 1 {
		r.c.DB.Reserve(size)
	}
}

// countNotes tells for how many entries of the stream that was found it is going to be noted that they are delivered, or somewhat more.
func (r *reading) countNotes(at start) (n int) {
	most := r.allowed()
	if at.place != unread { // noted where they are pending already, which takes memory only while somebody may be reading the stream
		if consumer, ok := r.g.Consumer(r.consumer); ok && r.s.IsBig() {
			n = min(most, consumer.Pending())
		}
		return n
	}
	if !r.noAck {
		n = r.countNew(most)
	}
	if r.claim >= 0 {
		r.g.EachIdle(never, r.c.Tick, func(store.Pending) bool { return false }) // it has what that needs from now on
		n += min(most, r.g.Pending())
	}
	return n
}

// find finds a stream that is there, and its group, for a change.
func (r *reading) find(key []byte) {
	if len(r.keys) > 1 {
		r.s, _ = r.c.DB.FindStreamWrite(key)
	} else {
		r.s.Write() // resolve has found it
	}
	r.g, _ = r.s.GroupWrite(r.group)
}

// countNew tells how many entries a group is going to deliver, or somewhat more.
func (r *reading) countNew(most int) (n int) {
	if most = min(most, r.s.Len()); most <= 2*deliverStep {
		return most
	}
	if from, ok := r.g.Last().Next(); ok {
		r.s.Each(from, store.MaxStreamID(), false, func(*store.StreamEntry) bool {
			if n++; n%tickEvery == 0 {
				_ = r.c.Tick() // it will say so again
			}
			return n < most
		})
	}
	return n
}

// allowed gives how many entries of a stream the reply may have.
func (r *reading) allowed() int {
	n := math.MaxInt
	if r.count > 0 {
		n = r.count
	}
	if r.maxCount > 0 {
		n = min(n, r.maxCount-r.given)
	}
	return n
}

// serveGroup writes what there is for the consumer in a stream, which is made if it is not there.
func (r *reading) serveGroup(key []byte, at start) error {
	if len(r.keys) > 1 { // else it was the last one that was found
		r.find(key)
	}
	r.key, r.to = key, touchConsumer(r.c, key, &r.g, r.consumer)
	if at.place != unread {
		r.begin(key)
		return r.history(at.id)
	}
	r.left = r.allowed()
	mark, served, given := r.c.Reply.Mark(), r.served, r.given
	r.begin(key)
	if long, err := r.isLong(); err != nil {
		return err
	} else if long {
		r.deliverLong()
		r.c.Dirty++
		return nil
	}
	head := r.c.Reply.DeferLen()
	if r.claim >= 0 {
		if err := r.takeOver(); err != nil {
			return err
		}
	}
	r.deliver(false)
	if r.given == given {
		r.c.Reply.Truncate(mark)
		r.served = served
		return nil
	}
	r.c.Reply.SetArrayLen(head, r.given-given)
	r.c.Dirty++
	return nil
}

// touchConsumer gives a consumer of a group, which is made if it is not there, and notes that it was seen.
func touchConsumer(c *command.Ctx, key []byte, g *store.Group, name []byte) store.Consumer {
	consumer, ok := g.Consumer(name)
	if !ok {
		consumer = g.CreateConsumer(name, c.Now())
		c.Dirty++
		c.Host.Notify("xgroup-createconsumer", key)
		if c.Logs() {
			c.Propagate([]byte("XGROUP"), []byte("CREATECONSUMER"), key, clone(g.Name()), name)
		}
	}
	consumer.SetSeen(c.Now())
	return consumer
}

// isLong tells whether the reply is long and can be sent from where the entries lie.
func (r *reading) isLong() (bool, error) {
	from, ok := r.g.Last().Next()
	if !ok || r.left <= 2*deliverStep || r.claim >= 0 || r.maxSize > 0 || !r.s.IsBig() {
		return false, nil
	}
	n, bytes, err := r.s.Extent(from, store.MaxStreamID(), false, r.left, r.c.Tick)
	return n > tickEvery || bytes > longRange, err
}

// deliverLong is deliver with entries that are sent later, as they are now.
func (r *reading) deliverLong() {
	from, _ := r.g.Last().Next()
	before := r.given
	r.deliver(true)
	stream(r.c, &r.s, from, store.MaxStreamID(), false, r.given-before)
}

// deliver gives entries that the group has not delivered yet; later says that they are written elsewhere.
func (r *reading) deliver(later bool) {
	first := r.g.Last()
	var ids [deliverStep]store.StreamID
	for more := true; more && r.left > 0 && !r.spent(); {
		n, most := 0, min(r.left, deliverStep)
		r.s.EachUnread(r.g, func(e *store.StreamEntry) bool {
			if r.given++; !later {
				r.writeNew(e)
			}
			ids[n] = e.ID()
			n++
			return n < most && !r.spent()
		})
		if n == 0 {
			break
		}
		r.note(ids[:n])
		r.left -= n
		more = n == most
		_ = r.c.Tick() // what is begun is done
	}
	if r.g.Last() != first {
		logLast(r.c, r.key, &r.g)
	}
}

// writeNew writes an entry that nobody has got yet.
func (r *reading) writeNew(e *store.StreamEntry) {
	if r.claim < 0 {
		replyEntry(r.c, e)
		return
	}
	r.c.Reply.Array(4)
	replyParts(r.c, e)
	r.c.Reply.Int(0)
	r.c.Reply.Int(0)
}

// note makes entries pending that the consumer gets as the first one.
func (r *reading) note(ids []store.StreamID) {
	now := r.c.Now()
	for _, id := range ids {
		r.g.Advance(id)
		if !r.noAck {
			r.g.Deliver(id, r.to, now, 1)
		}
	}
	if !r.noAck {
		r.to.SetActive(now)
		r.c.DB.SignalDelivered(r.key)
		logClaim(r.c, r.key, &r.g, r.to, now, 1, ids...)
	}
}

// takeOver gives entries that have been pending for long, and are in the stream yet.
func (r *reading) takeOver() (err error) {
	now := r.c.Now()
	var list []store.Pending
	seen := 0
	r.g.EachIdle(now-r.claim, r.c.Tick, func(p store.Pending) bool {
		if r.s.Has(p.ID) {
			list = append(list, p)
		}
		if seen++; seen%tickEvery == 0 {
			err = r.c.Tick()
		}
		return err == nil && len(list) < r.left
	})
	if err != nil {
		return err
	}
	for i := range list {
		p := &list[i]
		if r.spent() {
			break
		}
		r.c.Reply.Array(4)
		r.s.Each(p.ID, p.ID, false, func(e *store.StreamEntry) bool {
			replyParts(r.c, e)
			return true
		})
		r.c.Reply.Int(now - p.Delivered)
		r.c.Reply.Int(int64(p.Count))
		count := oneMore(p.Count)
		r.g.Deliver(p.ID, r.to, now, count)
		logClaim(r.c, r.key, &r.g, r.to, now, count, p.ID)
		r.given++
		r.left--
		if i%tickEvery == tickEvery-1 {
			_ = r.c.Tick() // what is begun is done
		}
	}
	if len(list) > 0 {
		r.to.SetActive(now)
		r.c.DB.SignalDelivered(r.key)
	}
	return nil
}

// oneMore gives the number of deliveries after one more: there is a greatest, at which it stays.
func oneMore(count uint64) uint64 { return min(count, math.MaxInt64-1) + 1 }

// history writes what the consumer has got and not acknowledged, behind an ID, and notes that it gets it once more. What is not in the
// stream any more is only named.
func (r *reading) history(after store.StreamID) error {
	w, now := r.c.Reply, r.c.Now()
	head, n, left := w.DeferLen(), 0, r.allowed()
	from, ok := after.Next()
	var list [deliverStep]store.Pending
	for ok && left > n && !r.spent() {
		got := 0
		r.to.Each(from, store.MaxStreamID(), func(p store.Pending) bool {
			list[got] = p
			got++
			return got < min(left-n, deliverStep)
		})
		for i := 0; i < got && !r.spent(); i++ {
			p := &list[i]
			if replyByID(r.c, &r.s, p.ID) {
				r.g.Deliver(p.ID, r.to, now, oneMore(p.Count))
			} else {
				w.Array(2)
				replyID(r.c, p.ID)
				w.NullArray()
			}
			n++
			r.given++
		}
		if got < deliverStep {
			break
		}
		from, ok = list[got-1].ID.Next()
		if err := r.c.Tick(); err != nil {
			return err
		}
	}
	w.SetArrayLen(head, n)
	return nil
}

// replyByID writes the entry with an ID; false when there is none.
func replyByID(c *command.Ctx, s *store.Stream, id store.StreamID) (found bool) {
	s.Each(id, id, false, func(e *store.StreamEntry) bool {
		replyEntry(c, e)
		found = true
		return false
	})
	return found
}

// alike tells clients that wait for the same from others; see command.Wait.
func (r *reading) alike() uint64 {
	return hash.Bytes(binary.LittleEndian.AppendUint64(append([]byte(nil), r.group...), uint64(r.claim))) | 1
}

// claimable gives the ms after which the first entry of those that are pending may be taken over; 0 when there is none.
func (r *reading) claimable(starts []start) (ms int64) {
	now := r.c.Now()
	for i, key := range r.keys {
		if starts[i].place != unread {
			continue
		}
		r.find(key)
		seen := 0
		r.g.EachIdle(never, r.c.Tick, func(p store.Pending) bool {
			if seen++; seen%tickEvery == 0 {
				_ = r.c.Tick() // a client that is going to wait is not sent away
			}
			if !r.s.Has(p.ID) {
				return true
			}
			if in := max(p.Delivered+r.claim-now, 1); r.claim < never-p.Delivered && (ms == 0 || in < ms) {
				ms = in
			}
			return false
		})
	}
	return ms
}

// never is a time in Unix ms that does not come.
const never = math.MaxInt64
