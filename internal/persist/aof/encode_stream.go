// SPDX-License-Identifier: BSD-3-Clause

package aof

import "github.com/redpoll/redpoll/internal/store"

// tailPart is how many pending entries are appended at a time.
const tailPart = 1000

// streamTail is what follows the entries of a stream: what there is to know of it as a whole, its producers, and its groups.
type streamTail struct {
	info      store.StreamInfo
	entries   int
	groups    []store.Group    // that are still to be written
	idmp      store.StreamIdmp // of a stream that has such: a MaxSize that is not 0
	producers store.Producers

	step      tailStep
	group     store.Group      // that is being written
	consumers []store.Consumer // of it, that are still to be written
	consumer  store.Consumer   // that is being written
	from      store.StreamID   // of the next of its pending entries
}

// tailStep appends something and gives the step that follows it; nil is the end.
type tailStep func(w *commands) tailStep

func (t *streamTail) addGroup(g store.Group) bool {
	t.groups = append(t.groups, g)
	return true
}

// begin begins to write what was noted. The tail must not be copied then.
func (t *streamTail) begin() { t.step = t.whole }

// next implements parts.
func (t *streamTail) next(w *commands) bool {
	if t.step == nil {
		return false
	}
	t.step = t.step(w)
	return true
}

// whole appends what there is to know of the stream. One without entries comes of an entry that is trimmed at once.
func (t *streamTail) whole(w *commands) tailStep {
	if t.entries == 0 {
		w.begin(7, "XADD")
		for _, word := range []string{"MAXLEN", "0", "0-1", "x", "y"} {
			w.word(word)
		}
	}
	w.begin(7, "XSETID")
	w.id(t.info.Last)
	w.word("ENTRIESADDED")
	w.uint(t.info.Added)
	w.word("MAXDELETEDID")
	w.id(t.info.MaxDeleted)
	if t.idmp.MaxSize == 0 {
		return t.nextGroup
	}
	w.begin(6, "XCFGSET")
	w.word("IDMP-DURATION")
	w.int(int64(t.idmp.Duration))
	w.word("IDMP-MAXSIZE")
	w.int(int64(t.idmp.MaxSize))
	return t.producer
}

func (t *streamTail) producer(w *commands) tailStep {
	if t.producers.Len() == 0 {
		return t.nextGroup
	}
	p, _ := t.producers.Next()
	p.Each(func(iid []byte, id store.StreamID) {
		w.begin(5, "XIDMPRECORD")
		w.text(p.Name())
		w.text(iid)
		w.id(id)
	})
	return t.producer
}

func (t *streamTail) nextGroup(w *commands) tailStep {
	if len(t.groups) == 0 {
		return nil
	}
	t.group, t.groups = t.groups[0], t.groups[1:]
	w.begin(7, "XGROUP", "CREATE")
	w.text(t.group.Name())
	w.id(t.group.Last())
	w.word("ENTRIESREAD")
	w.int(t.group.Read())
	t.group.EachConsumer(func(c store.Consumer) bool {
		t.consumers = append(t.consumers, c)
		return true
	})
	return t.nextConsumer
}

func (t *streamTail) nextConsumer(w *commands) tailStep {
	if len(t.consumers) == 0 {
		return t.unowned
	}
	t.consumer, t.consumers, t.from = t.consumers[0], t.consumers[1:], store.StreamID{}
	if t.consumer.Pending() == 0 {
		w.begin(5, "XGROUP", "CREATECONSUMER")
		w.text(t.group.Name())
		w.text(t.consumer.Name())
		return t.nextConsumer
	}
	return t.pending
}

func (t *streamTail) pending(w *commands) tailStep {
	n := 0
	t.consumer.Each(t.from, store.MaxStreamID(), func(p store.Pending) bool {
		w.begin(12, "XCLAIM")
		w.text(t.group.Name())
		w.text(t.consumer.Name())
		w.word("0")
		w.id(p.ID)
		w.word("TIME")
		w.int(p.Delivered)
		w.word("RETRYCOUNT")
		w.uint(p.Count)
		w.word("JUSTID")
		w.word("FORCE")
		t.from, _ = p.ID.Next()
		n++
		return n < tailPart
	})
	if n == tailPart && t.from != (store.StreamID{}) {
		return t.pending
	}
	return t.nextConsumer
}

// unowned appends the pending entries that are nobody's.
func (t *streamTail) unowned(w *commands) tailStep {
	t.group.EachUnowned(func(p store.Pending) bool {
		w.begin(10, "XNACK")
		w.text(t.group.Name())
		w.word("SILENT")
		w.word("IDS")
		w.word("1")
		w.id(p.ID)
		w.word("RETRYCOUNT")
		w.uint(p.Count)
		w.word("FORCE")
		return true
	})
	return t.nextGroup
}
