// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
)

// Settings are what an administrator can change while the codec is in use.
type Settings struct {
	Version      atomic.Int64 // that is written; see Writer.Begin
	Pack         atomic.Bool  // texts are packed
	SkipChecksum atomic.Bool  // payloads may have any checksum (DEBUG SET-SKIP-CHECKSUM-VALIDATION)
}

// Codec is what the commands share. Its zero value is ready once Settings.Version is set, and may be used by all goroutines.
type Codec struct {
	Settings
	Refused func(err error) // is told why RESTORE refuses a value; nil: nobody wants to know. Immutable
	writers sync.Pool       // of *Writer
	readers sync.Pool       // of *Reader
}

// Family declares DUMP and RESTORE.
func (d *Codec) Family() command.Family {
	return command.Family{Name: "generic", Category: command.CatKeyspace, Commands: []command.Spec{
		{
			Name: "DUMP", Since: "2.6.0", Complexity: "O(N), N being the bytes of the value",
			Summary: "Returns a key's value in the form in which snapshots have it.",
			Syntax:  "key",
			Flags:   command.ReadOnly,
			Keys:    command.OneKey(command.RO | command.Access),
			Plan:    command.PlanWalk,
			Tips:    []string{command.TipNondeterministicOutput},
			Run:     d.dump,
		},
		{
			Name: "RESTORE", Since: "2.6.0", Complexity: "O(N), N being the bytes of the value",
			Summary: "Makes a key of what `DUMP` has returned.",
			Syntax:  restoreSyntax,
			Flags:   command.Write | command.DenyOOM, ACL: command.CatDangerous,
			Keys:    command.OneKey(command.OW | command.Update),
			History: restoreHistory(),
			Run:     d.restore,
		},
		{
			Name: "RESTORE-ASKING", Since: "3.0.0", Group: "server", Complexity: "O(N), N being the bytes of the value",
			Summary: "Is `RESTORE` for a key of a slot that is on its way to this node.",
			Syntax:  restoreSyntax,
			Flags:   command.Write | command.DenyOOM | command.Asking, ACL: command.CatDangerous,
			DocFlags: command.DocSysCmd,
			Keys:     command.OneKey(command.OW | command.Update),
			History:  restoreHistory(),
			Run:      d.restore,
		},
	}}
}

const restoreSyntax = "key ttl:int serialized-value [REPLACE{3.0.0}] [ABSTTL{5.0.0}] [IDLETIME seconds:int{5.0.0}] [FREQ frequency:int{5.0.0}]"

func restoreHistory() []command.Change {
	return []command.Change{
		{Version: "3.0.0", Text: "The option `REPLACE` came."},
		{Version: "5.0.0", Text: "The option `ABSTTL` came."},
		{Version: "5.0.0", Text: "The options `IDLETIME` and `FREQ` came."},
	}
}

// reader gives a Reader of a payload, which giveBack takes back.
func (d *Codec) reader(body []byte, version int) *Reader {
	r, _ := d.readers.Get().(*Reader)
	if r == nil {
		r = new(Reader)
	}
	r.Reset(body, version)
	return r
}

// giveBack takes a Reader back, without the bytes that it has read.
func (d *Codec) giveBack(r *Reader) {
	r.Reset(nil, 0)
	d.readers.Put(r)
}

// writer gives a Writer for values as the settings have it, which release takes back.
func (d *Codec) writer() *Writer {
	w, _ := d.writers.Get().(*Writer)
	if w == nil {
		w = new(Writer)
	}
	w.Begin(int(d.Version.Load()), d.Pack.Load())
	return w
}

// release takes a Writer back, unless its buffers have become large.
func (d *Codec) release(w *Writer) {
	const large = 1 << 20
	if cap(w.buf)+cap(w.room) <= large {
		d.writers.Put(w)
	}
}
