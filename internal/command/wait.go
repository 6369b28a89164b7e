// SPDX-License-Identifier: BSD-3-Clause

package command

import "github.com/redpoll/redpoll/internal/store"

// Wait says what a client is to wait for: that one of some keys of the selected database holds a value of a type.
type Wait struct {
	// Keys are among the keys of the command's record; one may be named twice. They are copied.
	Keys [][]byte
	Type store.Type
	// Timeout is the longest time to wait, in ms from now; 0 for ever. A client that has waited so long gets a null array.
	Timeout int64

	// Argv is what runs when the client is served, nil for the command as it is: some of its arguments may mean something else by
	// then. It is copied.
	Argv [][]byte
	// Causes are further reasons for which the handler is to be called again.
	Causes store.Causes
	// Alike is the same for clients that will find the same at a key: when one is called and goes on waiting, the others are not
	// called for that key. 0: like none.
	Alike uint64
	// Retry is the time, in ms from now, at which the handler is to be called again whatever happens; 0: not. When it is called before
	// that and not with all of its keys held, the earlier time of both holds.
	Retry int64
}

// MayWait tells whether the client may wait for a key: not within a transaction, where a command that finds nothing replies at once.
func (c *Ctx) MayWait() bool { return c.Host.MayWait() }

// Holds tells whether a command that can wait may look at one of the keys that it waits for. A command that has waited and is
// served looks only at those that are there, or with store.Lost at those whose shards are held: the shards of others are not. One
// that has not waited may look at all.
func (c *Ctx) Holds(key []byte) bool { return c.Host.Holds(key) }

// Wait makes the client wait, if MayWait; the handler returns what it gives, and has replied nothing. Clients that wait for the same
// key are served in the order of their coming: as soon as the command, or transaction, that has made the key, or signalled it
// (store.DB.SignalReady), has run, and before anybody else sees it, the handler is called again and replies. It may wait again then,
// for the same keys, and keeps its place.
func (c *Ctx) Wait(w Wait) error { return c.Host.Wait(w) }
