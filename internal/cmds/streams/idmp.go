// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of idempotent production.
const (
	errIdmpTwice     command.Error = "ERR syntax error, IDMP/IDMPAUTO specified multiple times"
	errIdmpGivenID   command.Error = "ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs"
	errIdmpProducer  command.Error = "ERR syntax error, IDMP requires a non-empty producer ID"
	errIdmpIID       command.Error = "ERR syntax error, IDMP requires a non-empty idempotent ID"
	errAutoProducer  command.Error = "ERR syntax error, IDMPAUTO requires a non-empty producer ID"
	errNoProducer    command.Error = "ERR producer ID must be non-empty"
	errNoIID         command.Error = "ERR idempotent ID must be non-empty"
	errNoMessage     command.Error = "ERR No such message in stream"
	errOtherID       command.Error = "ERR IID already exists for this producer with a different stream ID"
	errDuration      command.Error = "ERR IDMP-DURATION must be between 1 and 86400 seconds"
	errDurationTwice command.Error = "ERR IDMP-DURATION specified multiple times"
	errMaxSize       command.Error = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries"
	errMaxSizeTwice  command.Error = "ERR IDMP-MAXSIZE specified multiple times"
	errNoParameter   command.Error = "ERR At least one parameter must be specified"
)

// production says who adds an entry, and what he calls it, if he does.
type production struct {
	name, iid []byte
	auto      bool // the IID is to be made of the entry
}

// given tells whether there is a producer.
func (p *production) given() bool { return len(p.name) > 0 }

// option reads IDMP or IDMPAUTO, if the next argument is one, and tells whether it was.
func (p *production) option(a *command.Args) bool {
	switch {
	case a.Len() > 1 && a.Keyword("IDMPAUTO"):
		p.once(a)
		p.auto = true
		p.name = required(a, errAutoProducer)
	case a.Len() > 2 && a.Keyword("IDMP"):
		p.once(a)
		p.name = required(a, errIdmpProducer)
		p.iid = required(a, errIdmpIID)
	default:
		return false
	}
	return true
}

// once fails when there is a producer already.
func (p *production) once(a *command.Args) {
	if p.given() {
		a.Fail(errIdmpTwice)
	}
}

// required reads a text that is not empty, or else fails.
func required(a *command.Args, err error) []byte {
	text := a.Bytes()
	if len(text) == 0 {
		a.Fail(err)
	}
	return text
}

// identify gives the entry its IID if that is to be made.
func (p *production) identify(pairs [][]byte) {
	if p.auto {
		iid := autoIID(pairs)
		p.iid = iid[:]
	}
}

// autoIID makes an IID of fields and values that does not depend on their order: the sum of a hash of each field with its value.
func autoIID(pairs [][]byte) (iid [16]byte) {
	var low, high uint64
	h := sha256.New()
	var sum [sha256.Size]byte
	for i := 0; i < len(pairs); i += 2 {
		h.Reset()
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(pairs[i])))
		h.Write(length[:])
		h.Write(pairs[i])
		h.Write(pairs[i+1])
		h.Sum(sum[:0])
		var carry uint64
		low, carry = bits.Add64(low, binary.LittleEndian.Uint64(sum[:]), 0)
		high, _ = bits.Add64(high, binary.LittleEndian.Uint64(sum[8:]), carry)
	}
	binary.LittleEndian.PutUint64(iid[:], low)
	binary.LittleEndian.PutUint64(iid[8:], high)
	return iid
}

func xcfgset(c *command.Ctx) error {
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	switch {
	case err != nil:
		return err
	case !s.Exists():
		return command.ErrNoSuchKey
	}
	var duration, size int64
	args := command.MakeArgs(c.Argv[2:])
	for args.More() {
		switch {
		case args.Len() > 1 && args.Keyword("IDMP-DURATION"):
			duration = setting(&args, duration, store.MaxIdmpDuration, errDuration, errDurationTwice)
		case args.Len() > 1 && args.Keyword("IDMP-MAXSIZE"):
			size = setting(&args, size, store.MaxIdmpSize, errMaxSize, errMaxSizeTwice)
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return err
	}
	if duration == 0 && size == 0 {
		return errNoParameter
	}
	if s.SetIdmp(int(duration), int(size), c.Tick) {
		c.Dirty++
	}
	c.Reply.OK()
	return nil
}

// setting reads one of XCFGSET's numbers, which is at least 1 and given once.
func setting(a *command.Args, before, most int64, err, twice error) int64 {
	if before != 0 {
		a.Fail(twice)
	}
	return a.IntIn(1, most, err)
}

func xidmprecord(c *command.Ctx) error {
	name, iid := c.Argv[2], c.Argv[3]
	id, err := parseID(c.Argv[4], 0)
	switch {
	case err != nil:
		return err
	case len(name) == 0:
		return errNoProducer
	case len(iid) == 0:
		return errNoIID
	}
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	switch {
	case err != nil:
		return err
	case !s.Exists():
		return command.ErrNoSuchKey
	case !s.Has(id):
		return errNoMessage
	}
	switch known, ok := s.FindIID(name, iid); {
	case ok && known != id:
		return errOtherID
	case !ok:
		c.DB.Reserve(s.IIDCost(name, iid))
		s.RecordIID(name, iid, id)
		c.Dirty++
	}
	c.Reply.OK()
	return nil
}
