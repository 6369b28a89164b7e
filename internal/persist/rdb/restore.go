// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"errors"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
)

// Errors of RESTORE.
const (
	errBusyKey   = command.Error("BUSYKEY Target key name already exists.")
	errTTL       = command.Error("ERR Invalid TTL value, must be >= 0")
	errIdleTime  = command.Error("ERR Invalid IDLETIME value, must be >= 0")
	errFrequency = command.Error("ERR Invalid FREQ value, must be >= 0 and <= 255")
	errPayload   = command.Error("ERR DUMP payload version or checksum are wrong")
	errValue     = command.Error("ERR Bad data format")
)

// restoreOptions are what RESTORE is told behind the payload.
type restoreOptions struct {
	replace, absolute bool
	idle, frequency   int64 // -1: not told
}

func parseRestore(args *command.Args) (o restoreOptions) {
	const mostUses = 255
	o.idle, o.frequency = -1, -1
	for args.More() {
		switch {
		case args.Keyword("REPLACE"):
			o.replace = true
		case args.Keyword("ABSTTL"):
			o.absolute = true
		case args.Len() > 1 && o.frequency < 0 && args.Keyword("IDLETIME"):
			if o.idle = args.Int(); o.idle < 0 {
				args.Fail(errIdleTime)
			}
		case args.Len() > 1 && o.idle < 0 && args.Keyword("FREQ"):
			if o.frequency = args.Int(); o.frequency < 0 || o.frequency > mostUses {
				args.Fail(errFrequency)
			}
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	return o
}

// restore implements RESTORE. The key keeps what it holds until the new value is whole.
func (d *Codec) restore(c *command.Ctx) error {
	args := c.Args()
	key, ttl, payload := args.Key(), args.Bytes(), args.Bytes()
	o := parseRestore(&args)
	if err := args.Done(); err != nil {
		return err
	}
	if !o.replace {
		if _, there := c.DB.FindWrite(key); there {
			return errBusyKey
		}
	}
	at, ok := num.ParseInt(ttl)
	switch {
	case !ok:
		return command.ErrNotInteger
	case at < 0:
		return errTTL
	}
	body, version, err := CheckFooter(payload, !d.SkipChecksum.Load(), c.Tick)
	switch {
	case err == ErrFooter:
		return errPayload
	case err != nil:
		return err
	}
	r := d.reader(body, version)
	draft, err := ReadValue(r, Kind(r.Byte()), c.DB)
	if err != nil {
		return d.refuse(r, err)
	}
	defer func() {
		draft.Drop()
		d.giveBack(r)
	}()
	if at > 0 && !o.absolute {
		at += c.Now()
	}
	if at != 0 && c.DB.Over(at) { // at once past its time, or so far away that the sum is no time
		restoreDead(c, key)
		return nil
	}
	draft.Attach(key, at)
	if it, ok := c.DB.Peek(key); ok {
		c.DB.SetAccess(&it, o.idle, o.frequency)
	}
	c.Modified("restore", key)
	if at != 0 && !o.absolute {
		argv := append(slices.Clone(c.Argv), []byte("ABSTTL"))
		argv[2] = num.AppendInt(nil, at)
		c.Propagate(argv...)
	}
	c.Reply.OK()
	return nil
}

// refuse gives back the reader of a value that there is none of, and what the client is told.
func (d *Codec) refuse(r *Reader, err error) error {
	d.giveBack(r)
	if errors.Is(err, ErrFormat) {
		if d.Refused != nil {
			d.Refused(err)
		}
		return errValue
	}
	return err
}

// restoreDead does what RESTORE comes to when the key would expire at once: what it would have replaced goes.
func restoreDead(c *command.Ctx, key []byte) {
	if c.DB.Delete(key) {
		c.Modified("del", key)
		c.Propagate([]byte("DEL"), key)
	}
	c.Reply.OK()
}
