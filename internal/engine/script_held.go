// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/pubsub"
)

// What a script publishes is held until its run ends: if the run is undone nobody has heard of it.

// heldMessage is one message.
type heldMessage struct {
	kind    pubsub.Kind // these two of what PUBLISH sends
	message []byte

	event  string // of an event on a key; "": it is none
	db     int
	fields [][]byte // of one that names fields
	key    []byte   // or the channel
}

// heldMessages are those of a run, in their order.
type heldMessages struct {
	list  []heldMessage
	room  []byte // what they refer to lies in it, or in what it was before it has grown
	bytes int
}

// heldBytes is about what a message takes beside its texts.
const heldBytes = 120

// size gives about how many bytes the messages take.
func (h *heldMessages) size() int { return h.bytes + len(h.list)*heldBytes }

// copy copies a text into the room.
func (h *heldMessages) copy(b []byte) []byte {
	start := len(h.room)
	h.room = append(h.room, b...)
	h.bytes += len(b)
	return h.room[start:len(h.room):len(h.room)]
}

// keptRoom is how many bytes of room are kept for the next run.
const keptRoom = 4 << 10

// drop forgets all messages.
func (h *heldMessages) drop() {
	if h.size() > keptRoom {
		*h = heldMessages{}
		return
	}
	clear(h.list)
	h.list, h.room, h.bytes = h.list[:0], h.room[:0], 0
}

// holdEvent holds an event on a key, and fields of it unless they are nil: fields[0], fields[step], …
func (w *Worker) holdEvent(db int, event string, key []byte, fields [][]byte, step int) {
	h := &w.script.held
	if config.Events(w.e.events.Load())&command.EventClass(event) == 0 || w.e.Channels.Silent() {
		return
	}
	m := heldMessage{event: event, db: db, key: h.copy(key)}
	for i := 0; i < len(fields); i += step {
		m.fields = append(m.fields, h.copy(fields[i]))
		h.bytes += queuedArg
	}
	h.list = append(h.list, m)
}

// holdMessage holds what PUBLISH sends, and gives how many would get it now.
func (w *Worker) holdMessage(kind pubsub.Kind, channel, message []byte) (receivers int) {
	receivers = w.e.Channels.Receivers(kind, channel, w.Tick)
	if receivers > 0 {
		h := &w.script.held
		h.list = append(h.list, heldMessage{kind: kind, key: h.copy(channel), message: h.copy(message)})
	}
	return receivers
}

// sendHeld publishes what is held. The shards of all keys are held still.
func (w *Worker) sendHeld() {
	h := &w.script.held
	for i := range h.list {
		switch m := &h.list[i]; {
		case m.event == "":
			w.afterPublish(w.e.Channels.Publish(m.kind, m.key, m.message, w.Tick))
		case m.fields != nil:
			w.afterPublish(w.e.notifyFields(m.db, m.event, m.key, m.fields, 1, w.Tick))
		default:
			w.afterPublish(w.e.notify(command.EventClass(m.event), m.db, m.event, m.key, w.Tick))
		}
	}
	h.drop()
}
