// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"bytes"
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of IDs in arguments.
const (
	errID    command.Error = "ERR Invalid stream ID specified as stream command argument"
	errStart command.Error = "ERR invalid start ID for the interval"
	errEnd   command.Error = "ERR invalid end ID for the interval"
)

// maxIDArg is the length in bytes past which an argument is no ID, whatever it says.
const maxIDArg = 127

// parseID reads an ID that is written out: "ms-seq", or "ms" alone, for which seq is missing. The error is errID.
func parseID(text []byte, missing uint64) (store.StreamID, error) {
	ms, seq, ok := splitID(text)
	id := store.StreamID{Ms: ms, Seq: missing}
	if ok && seq != nil {
		id.Seq, ok = command.ParseUint(seq)
	}
	if !ok {
		return store.StreamID{}, errID
	}
	return id, nil
}

// parseNewID reads the ID of an entry that is to be added: like parseID, or "ms-*", whose Seq is open. The error is errID.
func parseNewID(text []byte) (id store.StreamID, open bool, err error) {
	if ms, seq, ok := splitID(text); ok && len(seq) == 1 && seq[0] == '*' {
		return store.StreamID{Ms: ms}, true, nil
	}
	id, err = parseID(text, 0)
	return id, false, err
}

// splitID reads the Ms of an ID and gives the text of its Seq, nil when it has none.
func splitID(text []byte) (ms uint64, seq []byte, ok bool) {
	if len(text) > maxIDArg {
		return 0, nil, false
	}
	text = command.UpToNUL(text)
	if i := bytes.IndexByte(text, '-'); i >= 0 {
		text, seq = text[:i], text[i+1:]
	}
	ms, ok = command.ParseUint(text)
	return ms, seq, ok
}

// parseStart reads where an interval of IDs begins: an ID, "-" for the least, "+" for the greatest, or "(" before an ID that does not
// belong to it. The errors are errID and errStart.
func parseStart(text []byte) (store.StreamID, error) {
	id, excluded, err := parseBound(text, 0)
	if excluded && err == nil {
		var ok bool
		if id, ok = id.Next(); !ok {
			err = errStart
		}
	}
	return id, err
}

// parseEnd reads where an interval of IDs ends, like parseStart; an ID without a Seq includes all of its Ms. The errors are errID and
// errEnd.
func parseEnd(text []byte) (store.StreamID, error) {
	id, excluded, err := parseBound(text, math.MaxUint64)
	if excluded && err == nil {
		var ok bool
		if id, ok = id.Prev(); !ok {
			err = errEnd
		}
	}
	return id, err
}

// parseBound reads an end of an interval, whichever; missing is as for parseID.
func parseBound(text []byte, missing uint64) (id store.StreamID, excluded bool, err error) {
	if len(text) > 1 && text[0] == '(' {
		id, err = parseID(text[1:], missing)
		return id, true, err
	}
	if shown := command.UpToNUL(text); len(shown) == 1 && len(text) <= maxIDArg {
		switch shown[0] {
		case '-':
			return store.StreamID{}, false, nil
		case '+':
			return store.MaxStreamID(), false, nil
		}
	}
	id, err = parseID(text, missing)
	return id, false, err
}

// replyID writes an ID as a bulk.
func replyID(c *command.Ctx, id store.StreamID) {
	var text [store.MaxStreamIDText]byte
	c.Reply.Bulk(id.AppendText(text[:0]))
}
