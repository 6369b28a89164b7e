// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// Mute says which replies a client does not want (CLIENT REPLY).
type Mute uint8

const (
	MuteNone Mute = iota
	MuteAll       // CLIENT REPLY OFF
	MuteNext      // CLIENT REPLY SKIP was just run: the next command's reply is dropped
	MuteThis      // the reply of the command that runs now is dropped
)

// Client is the logical state of one connection, or of another origin of commands. All of it belongs to the worker that
// runs the client's commands.
type Client struct {
	Owner         command.Client // what handlers see; never nil
	DB            int            // the selected database
	Reply         resp.Writer
	Authenticated bool
	NoTouch       bool
	Mute          Mute
	HeldBack      bool // parked until a pause ends
	Subscribed    bool // the client listens to channels: in RESP2 it may send little else than more of that
	// MaxReply is how many bytes of replies the client may leave unread, 0 for no bound: a long command that makes more is ended, and
	// Overflow says so.
	MaxReply int64
	Overflow bool
	// CloseAfterReply is set by commands that end the connection: it is closed when all replies so far are written.
	CloseAfterReply bool
	// Hold is the offset in the effect log up to which that has to be durable before the client's replies may be read, as far as they tell
	// of what is not; 0 for nothing. It is raised while the log holds replies, and is set back by whoever sends them.
	Hold  int64
	wrote int64 // where its last effect ends in the log

	// Wake is called, from any goroutine, when a parked command may be tried again.
	Wake func()

	LastCommand *command.Spec // for CLIENT LIST
	Commands    int64         // that were run, those within EXEC included, as of the last batch
	tx          *transaction  // nil outside MULTI
	watch       *store.Watch  // nil until the first WATCH
	again       another       // what a script of its has to have that was undone
	wantsWorld  bool          // it is parked, or is tried again, since the world could not be stilled for it

	waiting atomic.Pointer[waiter] // nil: it does not wait for a key; written by the worker, read by anybody
}

// InTransaction tells whether MULTI has been called and neither EXEC nor DISCARD yet, and how many commands wait.
func (cl *Client) InTransaction() (queued int, in bool) {
	if cl.tx == nil {
		return -1, false
	}
	return len(cl.tx.calls), true
}

// QueuedBytes gives the bytes of the arguments that wait for EXEC.
func (cl *Client) QueuedBytes() int {
	if cl.tx == nil {
		return 0
	}
	return cl.tx.bytes
}

// QueuedMemory gives the bytes that all which waits for EXEC takes on the Go heap.
func (cl *Client) QueuedMemory() int64 {
	if cl.tx == nil {
		return 0
	}
	return cl.tx.memory()
}

// Watch gives what tells whether a watched key has changed; nil before the first WATCH.
func (cl *Client) Watch() *store.Watch { return cl.watch }

// WatchBytes gives about what the watched keys take on the Go heap.
func (cl *Client) WatchBytes() int64 {
	if cl.watch == nil {
		return 0
	}
	return cl.watch.Bytes()
}

// Watching tells how many keys the client watches.
func (cl *Client) Watching() int {
	if cl.watch == nil {
		return 0
	}
	return cl.watch.Len()
}
