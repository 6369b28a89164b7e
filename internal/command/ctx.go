// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// Client is the connection (or other origin) on whose behalf a command runs. Families of the core never look behind it;
// the connection's own family asserts its concrete type.
type Client interface {
	// ClientID gives the number that CLIENT ID shows, 0 for no connection.
	ClientID() int64
	// Fieldsets gives the client's lists of fields, to be read and changed while its command runs.
	Fieldsets() *Fieldsets
	// WantsDebugger gives whether the client has asked to debug its next script, to be read and changed while its command runs.
	WantsDebugger() *bool
}

// Host is what a running command may ask of the engine that runs it.
type Host interface {
	// Tick is called by long handlers every thousand steps or so. It lets other clients of the loop run once the
	// command has taken long, and gives an error when the command is to end at once.
	Tick() error
	// Ahead is Ctx.Ahead.
	Ahead(ns int64) error
	// Propagate is Ctx.Propagate.
	Propagate(argv [][]byte)
	// Logs is Ctx.Logs.
	Logs() bool
	// Notify tells of an event on a key of the current database (keyspace notifications). The event is one that EventClass knows.
	Notify(event string, key []byte)
	// MayWait is Ctx.MayWait.
	MayWait() bool
	// InScript is Ctx.InScript.
	InScript() bool
	// Holds is Ctx.Holds.
	Holds(key []byte) bool
	// Wait is Ctx.Wait.
	Wait(w Wait) error
	// NotifyIn is Notify for a key of another database.
	NotifyIn(db int, event string, key []byte)
	// NotifyFields is Notify that names the fields of a hash too: fields[0], fields[step], …
	NotifyFields(event string, key []byte, fields [][]byte, step int)
	// HearsFields is Ctx.HearsFields.
	HearsFields() bool
}

// Ctx is one call of a command: what a handler reads and writes. It is valid until the handler returns; so are the
// slices in Argv. A handler that keeps an argument copies it.
type Ctx struct {
	DB     *store.DB    // the selected database; the shards of the command's keys are held
	Reply  *resp.Writer // takes exactly one reply, unless an error is returned before anything was written
	Argv   [][]byte     // the whole command, its name first
	Spec   *Spec        // the record of the command or subcommand that runs
	Client Client
	Host   Host

	// Dirty counts changes to the keyspace; zero at the end means that nothing goes to the effect log.
	Dirty int64
}

// Args gives a cursor over the arguments after the command's name, or after the subcommand's for a subcommand.
func (c *Ctx) Args() Args {
	skip := 1
	if c.Spec.IsSubcommand() {
		skip = 2
	}
	return MakeArgs(c.Argv[skip:])
}

// Now gives the time of the command in Unix milliseconds, fixed while it (or its transaction) runs.
func (c *Ctx) Now() int64 { return c.DB.Now() }

// Modified says that key has changed by what event names in keyspace notifications ("set", "expire", …): clients that
// watch it are told, and the command counts as a change.
func (c *Ctx) Modified(event string, key []byte) {
	c.ModifiedIn(c.DB, event, key)
}

// ModifiedIn is Modified for a key of another database than the selected one (MOVE, COPY).
func (c *Ctx) ModifiedIn(db *store.DB, event string, key []byte) {
	db.Touch(key)
	c.Dirty++
	if event != "" {
		c.Host.NotifyIn(db.Index(), event, key)
	}
}

// ModifiedFields is Modified for fields of a hash: fields[0], fields[step], … For at least one.
func (c *Ctx) ModifiedFields(event string, key []byte, fields [][]byte, step int) {
	c.DB.Touch(key)
	c.Dirty++
	c.Host.NotifyFields(event, key, fields, step)
}

// HearsFields tells whether somebody wants to know which fields of hashes change: if not, they need not be gathered for
// ModifiedFields.
func (c *Ctx) HearsFields() bool { return c.Host.HearsFields() }

// Propagate replaces what the effect log gets for this command. Called several times, the log gets all of them in
// order. Without a call it gets the command itself, when Dirty is not zero. The arguments are copied when they are kept.
func (c *Ctx) Propagate(argv ...[]byte) { c.Host.Propagate(argv) }

// Logs tells whether anybody reads the effect log. If not, Propagate need not be called by commands that must be fast.
func (c *Ctx) Logs() bool { return c.Host.Logs() }

// InScript tells whether a script calls the command: then a result that depends on chance has an order, where there is one to give.
func (c *Ctx) InScript() bool { return c.Host.InScript() }

// ReplyValue writes an element of a collection as a bulk.
func (c *Ctx) ReplyValue(v store.Value) {
	if v.IsInt() {
		c.Reply.BulkInt(v.Int)
		return
	}
	c.Reply.Bulk(v.Bytes)
}

// pieceStep is how many bytes of a string are looked at between two ticks.
const pieceStep = 1 << 20

// Pieces calls fn with n of a string's bytes from off on, as many as there are, piece by piece and in place, until fn gives false.
// It ticks on the way, and ends with Tick's error if that gives one.
func (c *Ctx) Pieces(it *store.Item, off, n int, fn func(piece []byte) bool) (err error) {
	it.Pieces(off, n, func(piece []byte) bool {
		for len(piece) > 0 {
			b := piece[:min(len(piece), pieceStep)]
			if !fn(b) {
				return false
			}
			if piece = piece[len(b):]; len(b) >= pieceStep/64 {
				if err = c.Tick(); err != nil {
					return false
				}
			}
		}
		return true
	})
	return err
}

// Ahead is Tick before something that takes about ns nanoseconds and cannot tick: others have the loop meanwhile, if that is long.
func (c *Ctx) Ahead(ns int64) error { return c.Host.Ahead(ns) }

// Tick is to be called every thousand steps or so of a handler that can take long; an error it returns must be returned.
func (c *Ctx) Tick() error { return c.Host.Tick() }
