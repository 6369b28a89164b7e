// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/store"
)

// Publish sends a message to all who listen to a channel (or shard channel), and gives their number. It reaches them once the
// loops come to it; the caller's client, if it is among them, before its next command and after the reply of this one, as in
// Redis since 7.2.
func (w *Worker) Publish(kind pubsub.Kind, channel, message []byte) (receivers int) {
	if w.script.run != nil {
		return w.holdMessage(kind, channel, message)
	}
	receivers = w.e.Channels.Publish(kind, channel, message, w.Tick)
	w.afterPublish(receivers)
	return receivers
}

// afterPublish ends the batch when somebody wants to have what was published before more is run: the client itself, or a loop that
// has enough.
func (w *Worker) afterPublish(receivers int) {
	if receivers > 0 && (w.client != nil && w.client.Subscribed || w.e.Channels.Full()) {
		w.giveWay = true
	}
}

// publishes tells whether a call, or what EXEC would run, may publish something: then it waits while a loop has enough to deliver.
func (w *Worker) publishes(cl *Client, c *Call) bool {
	return w.e.events.Load() != 0 || c.spec != nil && w.has(cl, c, command.PubSub|command.RunsScript)
}

// listens tells whether a command may be sent in RESP2 by a client that listens to channels.
func listens(s *command.Spec) bool {
	switch s.FullName() {
	case "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe", "ping", "quit", "reset":
		return true
	}
	return false
}

// BeginPush and EndPush stand around what a command writes as a push instead of a reply: CLIENT REPLY does not keep it from the
// client.
func (w *Worker) BeginPush() {
	if w.client.Mute != MuteNone {
		w.client.Reply.Truncate(w.mark)
	}
}

// EndPush is the counterpart of BeginPush.
func (w *Worker) EndPush() {
	if w.client.Mute != MuteNone {
		w.mark = w.client.Reply.Mark()
	}
}

// SetEvents sets which keyspace events are published (notify-keyspace-events).
func (e *Engine) SetEvents(ev config.Events) {
	e.events.Store(uint32(ev))
	e.Store.Settings.NameReaped.Store(ev&config.EventHash != 0 && ev&ofFields != 0)
}

// ofFields are the ways in which events are published with the names of fields.
const ofFields = config.EventSubkeyspace | config.EventSubkeyevent | config.EventSubkeyspaceItem | config.EventSubkeyspaceEvent

// onTheWay are the classes of events that the store tells of.
const onTheWay = config.EventKeyMiss | config.EventNew | config.EventOverwritten | config.EventTypeChanged

// hearEvents has the store tell of events if such are published.
func (w *Worker) hearEvents() {
	if config.Events(w.e.events.Load())&onTheWay == 0 {
		w.view.OnEvent = nil
		return
	}
	w.view.OnEvent = w.onEvent
	w.view.TakeDisplaced() // of a time when nobody listened
}

// occurred is the view's OnEvent.
func (w *Worker) occurred(db int, event string, key []byte) {
	if w.script.run != nil {
		w.holdEvent(db, event, key, nil, 0)
		return
	}
	w.afterPublish(w.e.notify(command.EventClass(event), db, event, key, w.Tick))
}

// Notify implements command.Host.
func (w *Worker) Notify(event string, key []byte) { w.NotifyIn(w.ctx.DB.Index(), event, key) }

// NotifyIn implements command.Host.
func (w *Worker) NotifyIn(db int, event string, key []byte) {
	if w.e.events.Load() == 0 || w.replays {
		return
	}
	if w.view.OnEvent == nil {
		w.occurred(db, event, key)
		return
	}
	switch event {
	case "rename_from": // rename_to follows
		w.occurred(db, event, key)
	case "rename_to", "copy_to":
		w.occurred(db, event, key)
		if it, ok := w.view.DB(db).Peek(key); ok {
			w.overwritten(db, key, it.Type())
		}
	default:
		if t, ok := command.ResultOf(event); ok {
			w.overwritten(db, key, t)
		}
		w.view.TakeDisplaced()
		w.occurred(db, event, key)
	}
}

// NotifyFields implements command.Host.
func (w *Worker) NotifyFields(event string, key []byte, fields [][]byte, step int) {
	db := w.ctx.DB.Index()
	w.NotifyIn(db, event, key)
	switch {
	case config.Events(w.e.events.Load())&ofFields == 0 || w.replays:
	case w.script.run != nil:
		w.holdEvent(db, event, key, fields, step)
	default:
		w.afterPublish(w.e.notifyFields(db, event, key, fields, step, w.Tick))
	}
}

// HearsFields implements command.Host.
func (w *Worker) HearsFields() bool {
	on := config.Events(w.e.events.Load())
	return on&ofFields != 0 && on&config.EventHash != 0 && !w.e.Channels.Silent() && !w.replays
}

// overwritten tells of a key that has got a value of type t, if that took the place of another.
func (w *Worker) overwritten(db int, key []byte, t store.Type) {
	old, ok := w.view.TakeDisplaced()
	if !ok {
		return
	}
	w.occurred(db, "overwritten", key)
	if t != old {
		w.occurred(db, "type_changed", key)
	}
}

// reaped tells of fields of a hash that have died together, and perhaps the key with them; its shard is held.
func (e *Engine) reaped(db int, key []byte, fields [][]byte, gone bool) {
	e.notify(config.EventHash, db, "hexpired", key, nil)
	if len(fields) > 0 {
		e.notifyFields(db, "hexpired", key, fields, 1, nil)
	}
	if gone {
		e.notify(config.EventGeneric, db, "del", key, nil)
	}
}

// notify publishes an event of a class on a key, if such are published at all, and gives the number of receivers. The key's shard is
// held, so the events of a key come in the order of what happened to it.
func (e *Engine) notify(class config.Events, db int, event string, key []byte, tick func() error) (receivers int) {
	on := config.Events(e.events.Load())
	if on&class == 0 || e.Channels.Silent() {
		return 0
	}
	var room [128]byte
	if on&config.EventKeyspace != 0 {
		channel := append(eventChannel(room[:0], "__keyspace@", db), key...)
		receivers += e.Channels.Publish(pubsub.Channel, channel, []byte(event), tick)
	}
	if on&config.EventKeyevent != 0 {
		channel := append(eventChannel(room[:0], "__keyevent@", db), event...)
		receivers += e.Channels.Publish(pubsub.Channel, channel, key, tick)
	}
	return receivers
}

// notifyFields publishes an event on fields of a hash with their names, on up to four kinds of channels, and gives the number of
// receivers. A name stands behind its length; what would be ambiguous is not published.
func (e *Engine) notifyFields(db int, event string, key []byte, fields [][]byte, step int, tick func() error) (receivers int) {
	on := config.Events(e.events.Load())
	if on&config.EventHash == 0 || len(fields) == 0 || e.Channels.Silent() {
		return 0
	}
	var names []byte
	for i := 0; i < len(fields); i += step {
		if i > 0 {
			names = append(names, ',')
		}
		names = appendCounted(names, fields[i])
	}
	publish := func(class config.Events, channel, message []byte) {
		if on&class != 0 {
			receivers += e.Channels.Publish(pubsub.Channel, channel, message, tick)
		}
	}
	publish(config.EventSubkeyspace, append(eventChannel(nil, "__subkeyspace@", db), key...), append([]byte(event+"|"), names...))
	publish(config.EventSubkeyevent, append(eventChannel(nil, "__subkeyevent@", db), event...), append(append(appendCounted(nil, key), '|'), names...))
	if on&config.EventSubkeyspaceItem != 0 && bytes.IndexByte(key, '\n') < 0 {
		channel := append(append(eventChannel(nil, "__subkeyspaceitem@", db), key...), '\n')
		for i := 0; i < len(fields); i += step {
			receivers += e.Channels.Publish(pubsub.Channel, append(channel[:len(channel):len(channel)], fields[i]...), []byte(event), tick)
			if tick != nil && i%1000 == 0 {
				_ = tick() // the rest is published, even if the server ends
			}
		}
	}
	publish(config.EventSubkeyspaceEvent, append(append(eventChannel(nil, "__subkeyspaceevent@", db), event+"|"...), key...), names)
	return receivers
}

// appendCounted appends a name behind its length.
func appendCounted(b, name []byte) []byte {
	return append(append(num.AppendInt(b, int64(len(name))), ':'), name...)
}

// eventChannel appends the beginning of a channel's name that events of a database are published on.
func eventChannel(b []byte, prefix string, db int) []byte {
	b = num.AppendInt(append(b, prefix...), int64(db))
	return append(b, "__:"...)
}
