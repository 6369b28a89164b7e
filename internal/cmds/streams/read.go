// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of the words of XREAD and XREADGROUP.
const (
	errNoGroupOption command.Error = "ERR Missing GROUP option for XREADGROUP"
	errNewer         command.Error = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
	errClaimIdle     command.Error = "ERR min-idle-time is not an integer or out of range"
	errClaimNegative command.Error = "ERR min-idle-time must be a positive integer"
	errMaxCount      command.Error = "ERR MAXCOUNT must be a positive integer"
	errMaxCountLess  command.Error = "ERR MAXCOUNT must be greater than or equal to COUNT"
	errReplySize     command.Error = "ERR MAXSIZE must be a positive integer"
)

// place is where a reading of one stream begins.
type place uint8

const (
	behind  place = iota // behind an ID; of a group, what its consumer has got and not acknowledged
	newest               // the last entry ("+")
	unread               // what no consumer of the group has got (">")
	waiting              // it is not looked at: its shard is not held, since it is not what the client is served for
)

// reading is a call of XREAD or XREADGROUP.
type reading struct {
	c        *command.Ctx
	ofGroup  bool // XREADGROUP
	group    []byte
	consumer []byte
	block    int64 // ms to wait at most, 0 for ever; -1: not at all
	count    int   // entries of each stream at most; 0: all
	maxCount int   // entries of all streams at most; 0: all
	maxSize  int   // bytes of the reply past which no further entry is begun; 0: no bound
	claim    int64 // ms for which others' entries must have been idle to be taken over; -1: they are not
	noAck    bool

	keys, ids [][]byte

	s store.Stream // that is looked at

	// Of XREADGROUP besides; all of it is to be changed.
	key  []byte
	g    store.Group
	to   store.Consumer
	left int // entries of it that may still be given

	mark   resp.Mark     // before the reply
	head   resp.Deferred // of the reply, when there are several streams
	served int           // streams in the reply
	given  int           // entries in the reply
}

// start is an ID and what it means.
type start struct {
	place place
	id    store.StreamID
}

func xread(c *command.Ctx) error { return read(c, false) }

func xreadgroup(c *command.Ctx) error { return read(c, true) }

func read(c *command.Ctx, ofGroup bool) error {
	r := reading{c: c, ofGroup: ofGroup, block: -1, claim: -1}
	if err := r.parse(); err != nil {
		return err
	}
	var room [8]start // not a part of r, to stay off the Go heap
	starts, err := r.resolve(room[:0])
	if err != nil {
		return err
	}
	if r.ofGroup {
		r.reserve(starts)
	}
	r.mark = c.Reply.Mark()
	for i, key := range r.keys {
		if starts[i].place == waiting {
			continue
		}
		if err := r.serve(key, starts[i]); err != nil {
			return err
		}
	}
	if r.served > 0 {
		r.close()
		return nil
	}
	if r.block < 0 || !c.MayWait() {
		c.Reply.NullArray()
		return nil
	}
	return r.wait(starts)
}

// parse reads all but the IDs.
func (r *reading) parse() error {
	a := r.c.Args()
	for r.keys == nil {
		more := a.Len() > 1
		switch {
		case more && a.Keyword("BLOCK"):
			r.block = a.TimeoutMillis()
		case more && a.Keyword("COUNT"):
			r.count = int(max(a.Int(), 0))
		case more && a.Keyword("MAXCOUNT"):
			r.maxCount = parsePositive(&a, errMaxCount)
		case more && a.Keyword("MAXSIZE"):
			r.maxSize = parsePositive(&a, errReplySize)
		case more && a.Keyword("STREAMS"):
			if a.Len()%2 != 0 {
				return r.errUnbalanced()
			}
			n := a.Len() / 2
			rest := a.Rest()
			r.keys, r.ids = rest[:n], rest[n:]
		case a.Len() > 2 && a.Keyword("GROUP"):
			if !r.ofGroup {
				return errOnlyGroup("GROUP")
			}
			r.group, r.consumer = a.Bytes(), a.Bytes()
		case a.Keyword("NOACK"):
			if r.noAck = true; !r.ofGroup {
				return errOnlyGroup("NOACK")
			}
		case more && a.Keyword("CLAIM"):
			if !r.ofGroup {
				return errOnlyGroup("CLAIM")
			}
			r.claim = parseMinIdle(&a)
		default:
			a.Fail(command.ErrSyntax)
		}
		if err := a.Err(); err != nil {
			return err
		}
	}
	switch {
	case r.ofGroup && r.group == nil:
		return errNoGroupOption
	case r.maxCount > 0 && r.maxCount < r.count:
		return errMaxCountLess
	}
	return nil
}

// parsePositive takes a number above zero.
func parsePositive(a *command.Args, err command.Error) int {
	n := a.IntOr(err)
	if n <= 0 {
		a.Fail(err)
	}
	return int(n)
}

// parseMinIdle takes the ms of CLAIM.
func parseMinIdle(a *command.Args) int64 {
	ms := a.IntOr(errClaimIdle)
	if ms < 0 {
		a.Fail(errClaimNegative)
	}
	return ms
}

// errOnlyGroup is the error for an option of XREADGROUP given to XREAD.
func errOnlyGroup(option string) error {
	return command.Error("ERR The " + option + " option is only supported by XREADGROUP. You called XREAD instead.")
}

func (r *reading) errUnbalanced() error {
	what := "ID, '+', or '$'"
	if r.ofGroup {
		what = "ID or '>'"
	}
	return command.Error("ERR Unbalanced '" + strings.ToLower(r.c.Spec.Name) + "' list of streams: for each stream key an " + what +
		" must be specified.")
}

// errMeaningless is the error for an ID that only XREAD knows.
func errMeaningless(id string) error {
	return command.Error("ERR The " + id + " ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer " +
		"by specifying a proper ID, or use the > ID to get new messages. The " + id + " ID would just return an empty result set.")
}

// resolve finds out where the reading of each stream begins, which it appends to starts, and that what it needs is there.
func (r *reading) resolve(starts []start) ([]start, error) {
	for i, key := range r.keys {
		if i%tickEvery == tickEvery-1 {
			if err := r.c.Tick(); err != nil {
				return nil, err
			}
		}
		held := r.c.Holds(key)
		if held {
			if err := r.look(key); err != nil {
				return nil, err
			}
		} else {
			r.s = store.Stream{}
		}
		at, err := r.start(r.ids[i])
		if err != nil {
			return nil, err
		}
		if !held {
			at.place = waiting
		}
		starts = append(starts, at)
	}
	return starts, nil
}

// look finds a stream, and sees that the group is there.
func (r *reading) look(key []byte) (err error) {
	if r.s, err = r.c.DB.FindStream(key); err != nil || !r.ofGroup {
		return err
	}
	if _, ok := r.s.Group(r.group); !ok {
		err = errNoGroup(key, r.group, " in XREADGROUP with GROUP option")
	}
	return err
}

// start reads an ID, of the stream that was found.
func (r *reading) start(text []byte) (start, error) {
	switch word := command.UpToNUL(text); {
	case string(word) == "$" || string(word) == "+":
		if r.ofGroup {
			return start{}, errMeaningless(string(word))
		}
		if word[0] == '+' {
			return start{place: newest}, nil
		}
		return start{id: r.s.Info().Last}, nil
	case string(word) == ">":
		if !r.ofGroup {
			return start{}, errNewer
		}
		return start{place: unread}, nil
	}
	id, err := parseID(text, 0)
	if r.ofGroup && id == store.MaxStreamID() { // to Redis it is the same as ">"
		return start{place: unread}, err
	}
	return start{id: id}, err
}

// serve writes what there is to give of a stream.
func (r *reading) serve(key []byte, at start) error {
	if r.spent() {
		return nil
	}
	if r.ofGroup {
		return r.serveGroup(key, at)
	}
	it, ok := r.c.DB.Peek(key)
	if !ok {
		return nil
	}
	s := r.c.DB.StreamOf(&it)
	if s.Len() == 0 {
		return nil
	}
	if at.place == newest {
		r.begin(key)
		r.given++
		_, err := replyEntries(r.c, &s, store.StreamID{}, store.MaxStreamID(), true, 1)
		return err
	}
	from, ok := at.id.Next()
	if !ok || s.Info().Last.Less(from) {
		return nil
	}
	mark, served := r.c.Reply.Mark(), r.served
	r.begin(key)
	n, err := r.entries(&s, from)
	if n == 0 { // the last ones were deleted
		r.c.Reply.Truncate(mark)
		r.served = served
	}
	return err
}

// entries writes the array of a stream's entries with this ID or greater ones, and tells how many there are.
func (r *reading) entries(s *store.Stream, from store.StreamID) (n int, err error) {
	if !r.bounded() {
		return replyEntries(r.c, s, from, store.MaxStreamID(), false, r.allowed())
	}
	head := r.c.Reply.DeferLen()
	s.Each(from, store.MaxStreamID(), false, func(e *store.StreamEntry) bool {
		replyEntry(r.c, e)
		r.given++
		if n++; n%tickEvery == 0 {
			err = r.c.Tick()
		}
		return err == nil && n != r.count && !r.spent()
	})
	r.c.Reply.SetArrayLen(head, n)
	return n, err
}

// bounded tells whether there is a bound to the whole reply.
func (r *reading) bounded() bool { return r.maxCount > 0 || r.maxSize > 0 }

// spent tells whether the reply may have no further entry.
func (r *reading) spent() bool {
	return r.maxCount > 0 && r.given >= r.maxCount || r.maxSize > 0 && r.given > 0 && r.c.Reply.Since(r.mark) >= r.maxSize
}

// begin writes what stands before a stream's entries.
func (r *reading) begin(key []byte) {
	w := r.c.Reply
	switch {
	case r.served > 0:
	case len(r.keys) > 1:
		r.head = w.DeferLen()
	case w.Proto == 3:
		w.Map(1)
	default:
		w.Array(1)
	}
	r.served++
	if w.Proto != 3 {
		w.Array(2)
	}
	w.Bulk(key)
}

// close ends the reply.
func (r *reading) close() {
	switch w := r.c.Reply; {
	case len(r.keys) == 1:
	case w.Proto == 3:
		w.SetMapLen(r.head, r.served)
	default:
		w.SetArrayLen(r.head, r.served)
	}
}

// wait has the client wait for entries. "$" means what it does now.
func (r *reading) wait(starts []start) error {
	w := command.Wait{Keys: r.keys, Type: store.TypeStream, Timeout: r.block}
	if r.ofGroup {
		w.Causes = store.Lost
		w.Alike = r.alike()
		if r.claim >= 0 {
			w.Causes |= store.Delivered
			w.Retry = r.claimable(starts)
		}
		return r.c.Wait(w)
	}
	ids := len(r.c.Argv) - len(r.ids)
	for i, text := range r.ids {
		if string(command.UpToNUL(text)) == "$" {
			if w.Argv == nil {
				w.Argv = append(w.Argv, r.c.Argv...)
			}
			w.Argv[ids+i] = starts[i].id.AppendText(nil)
		}
	}
	return r.c.Wait(w)
}

// hidesKeys tells of a call of XREADGROUP whether its keys are elsewhere than its record says: a group or a consumer has the name of the
// word before them.
func hidesKeys(argv [][]byte) bool {
	const first = 4 // the word cannot come before
	stands := first
	for stands < len(argv) && !command.EqualFold(argv[stands], "STREAMS") {
		stands++
	}
	for i := 1; i < len(argv); {
		switch word := argv[i]; {
		case command.EqualFold(word, "STREAMS"):
			return i >= first && i != stands
		case command.EqualFold(word, "GROUP"):
			i += 3
		case command.EqualFold(word, "NOACK"):
			i++
		default:
			i += 2
		}
	}
	return false
}
