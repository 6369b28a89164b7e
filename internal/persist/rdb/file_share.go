// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"cmp"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/store"
)

// A file is read by one goroutine, which knows where keys and values end but does not look into values, and several makers, which do.
//
// Each maker has the keys of some shards. It gets those of a shard in the order of the file, so a key that is there twice is met by one maker,
// and in that order. What it reads are the very bytes that a single reader would, with the offsets that they have in the file: so it finds
// the same errors. A maker that has failed says where. All that comes behind that place is dropped, what comes before it still made: so the
// error that is found is the first of the file, whoever is the fastest.
//
// Small keys, with their values, are handed over many at a time, a parcel, whose keys are of one shard, or of one of some groups of shards if
// there are very many: its maker holds the shard while it makes them, and finds its memory in the cache. One that is longer than a parcel may be
// comes in pieces, as the file does.

const (
	mostGroups  = 256       // of shards
	filledBytes = 1 << 20   // of all parcels that are being filled, about; each gets its share
	parcelBytes = 16 << 10  // the most that such a share is
	bytesAKey   = 64        // a parcel is also full when it has a key for each so many bytes of its share
	parcelMost  = 16 << 10  // bytes up to which a key and its value go into a parcel
	parcels     = 32        // that wait for a maker at most
	freePieces  = 4         // that are kept to be used again
	readBytes   = 128 << 10 // of the file at a time, so that a piece is not much more
	nowhere     = math.MaxInt64
)

// parcel is some keys of a group of shards with their values, or a piece of one.
type parcel struct {
	b    []byte
	keys []parcelKey // in b; of a piece, the key that it is the first piece of, if it is the first one

	db, expected int // a database, and how many of its keys are going to be in the shard; 0: nobody knows

	piece, last bool  // it is a piece, the last one
	err         error // of a last piece: why no more come; nil: the key is whole
}

// parcelKey is a key and its value in a parcel, where they end; they begin where those before end.
type parcelKey struct {
	at    int64 // in the file
	about keyAbout
	to    int32
	db    int32
	kind  Kind
}

// makers are the makers of a file.
type makers struct {
	list   []*sharer
	free   chan *parcel // to be used again, but for those that were pieces
	pieces chan *parcel // those
	failed atomic.Int64 // where the first key in the file begins that could not be made; nowhere
	done   sync.WaitGroup
	told   sync.Mutex // held while EmptyKey is called

	version int // of the file; written before there is a parcel

	// These belong to who reads the file.
	view    *store.View // knows which shard a key is of
	filling []*parcel   // by groups
	share   int         // bytes of each
	current parcelKey   // that is being read
	group   int         // that its shard is of
	whole   bool        // it is in one piece yet

	db, expected int // see parcel
}

// sharer is one of several makers.
type sharer struct {
	*maker
	long   *Reader // of keys that come in pieces
	all    *makers
	coming chan *parcel

	at     int64 // of the key that is being made
	failed int64 // the place of the first key of the file that could not be made; nowhere
	err    error // why
}

// share starts the makers.
func (f *fileReader) share(view *store.View) {
	groups := min(view.Shards(), mostGroups)
	all := &makers{
		free: make(chan *parcel, groups), pieces: make(chan *parcel, freePieces), view: view,
		filling: make([]*parcel, groups), share: min(filledBytes/groups, parcelBytes),
	}
	all.failed.Store(nowhere)
	o := *f.options
	if tell := o.EmptyKey; tell != nil {
		o.EmptyKey = func(key []byte) {
			all.told.Lock()
			defer all.told.Unlock()
			tell(key)
		}
	}
	for range o.Makers {
		s := &sharer{all: all, long: new(Reader), coming: make(chan *parcel, parcels), failed: nowhere}
		s.maker = newMaker(view.Twin(), new(Reader), &o)
		s.long.piece = o.piece
		s.r.templates, s.long.templates = f.r.templates, f.r.templates
		all.list = append(all.list, s)
		all.done.Go(s.run)
	}
	f.makers = all
	f.r.piece, f.r.overflow = cmp.Or(o.piece, readBytes), all.overflow
}

// gather waits for the makers, and gives the first error in the file: err is the reader's own.
func (f *fileReader) gather(err error) error {
	all := f.makers
	if f.stopped {
		all.failed.Store(-1)
	}
	for group := range all.filling {
		all.send(group)
	}
	for _, s := range all.list {
		close(s.coming)
	}
	all.done.Wait()
	first := int64(nowhere)
	for _, s := range all.list {
		f.n.add(&s.n)
		if s.failed < first && !f.stopped {
			first, err = s.failed, s.err
		}
	}
	return err
}

// handOver reads past a key and its value, and has their maker make them.
func (f *fileReader) handOver(kind Kind) {
	r, all := f.r, f.makers
	r.marked, r.mark, r.most = true, r.at, math.MaxInt // whose it is must be known before there can be pieces
	all.current = parcelKey{at: r.Offset(), about: f.next, db: int32(f.db.Index()), kind: kind}
	all.group, all.whole = 0, true
	all.db, all.expected = f.db.Index(), f.expected
	if key := r.bytes(f.db); len(key) > store.MaxKey {
		r.fail("A key that is too long")
	} else if r.err == nil {
		about := &all.current.about
		about.hash, about.hashed = hash.Bytes(key), true
		all.group = all.view.ShardOfHash(about.hash) % len(all.filling)
		r.most = cmp.Or(f.options.piece, parcelMost)
		r.skipValue(kind, f.db)
	}
	switch {
	case r.err != nil: // its maker is going to find that too, and what else there is before it
		all.piece(r.buf[r.mark:], true, endOf(r.err))
	case all.whole:
		all.add(r.buf[r.mark:r.at])
	default:
		all.piece(r.buf[r.mark:r.at], true, nil)
	}
	r.marked = false
	if all.failed.Load() != nowhere && r.err == nil {
		r.err = errElsewhere
	}
}

// errElsewhere ends the reading when a maker has failed.
var errElsewhere = errors.New("a key could not be made")

// endOf gives what a maker is to meet behind the bytes after which reading has failed.
func endOf(err error) error {
	if errors.Is(err, ErrFormat) || err == io.ErrUnexpectedEOF {
		return io.EOF
	}
	return err
}

// overflow hands over what has been read so far of a key and its value.
func (all *makers) overflow(b []byte) { all.piece(b, false, nil) }

// piece hands over a piece of a key and its value.
func (all *makers) piece(b []byte, last bool, err error) {
	if all.whole {
		all.send(all.group)
	}
	p := all.fill(all.pieces)
	p.piece, p.last, p.err = true, last, err
	if p.b = append(p.b, b...); all.whole {
		p.keys = append(p.keys, all.current)
	}
	all.whole = false
	all.send(all.group)
}

// add puts a key and its value into the parcel that its maker gets next.
func (all *makers) add(b []byte) {
	p := all.fill(all.free)
	p.b = append(p.b, b...)
	all.current.to = int32(len(p.b))
	p.keys = append(p.keys, all.current)
	if len(p.b) >= all.share || len(p.keys) >= all.share/bytesAKey {
		all.send(all.group)
	}
}

// fill gives the parcel of the group that is filled now, a used one or a new one if there is none.
func (all *makers) fill(used chan *parcel) *parcel {
	p := all.filling[all.group]
	if p == nil {
		select {
		case p = <-used:
		default:
			p = new(parcel)
		}
		p.db, p.expected = all.db, all.expected
		all.filling[all.group] = p
	}
	return p
}

// send hands the parcel of a group over that was filled, if there is any.
func (all *makers) send(group int) {
	if p := all.filling[group]; p != nil {
		all.list[group%len(all.list)].coming <- p
		all.filling[group] = nil
	}
}

// giveBack takes a parcel that the maker is through with.
func (s *sharer) giveBack(p *parcel) {
	to, most := s.all.free, 2*parcelBytes
	if p.piece {
		to, most = s.all.pieces, 2*readBytes
	}
	if cap(p.b) > most {
		return
	}
	*p = parcel{b: p.b[:0], keys: p.keys[:0]}
	select {
	case to <- p:
	default:
	}
}

// run makes keys until no more come.
func (s *sharer) run() {
	defer s.close()
	for p := range s.coming {
		if p.piece {
			s.makeLong(p)
		} else {
			s.makeAll(p)
			s.giveBack(p)
		}
		s.rest()
	}
	s.view.ForgetReady()
}

// makeAll makes the keys of a parcel, as long as nothing is wrong before them.
func (s *sharer) makeAll(p *parcel) {
	const ahead = 8 // keys whose places are fetched into the cache
	r := s.r
	defer catchNoMemory(func() { s.fail(noMemoryAt(r)) })
	defer s.release()
	from := int32(0)
	for i := range p.keys {
		k := &p.keys[i]
		if k.at > s.all.failed.Load() {
			return
		}
		if !s.options.Check {
			if s.hold(s.view.ShardOfHash(k.about.hash)) {
				s.guest.Reserve(p.db, p.expected)
			}
			next := &p.keys[min(i+ahead, len(p.keys)-1)]
			s.view.Prefetch(int(next.db), next.about.hash)
		}
		s.at = k.at
		r.Reset(p.b[from:k.to:k.to], s.all.version)
		r.gone, from = k.at, k.to
		if s.makeKey(k.kind, s.view.DB(int(k.db)), &k.about); r.err == nil && r.Len() > 0 {
			r.fail(endsEarly)
		}
		if r.err != nil {
			s.fail(r.located())
			return
		}
	}
}

// makeLong makes a key that comes in pieces, of which p is the first.
func (s *sharer) makeLong(p *parcel) {
	k, rest := p.keys[0], &pieces{s: s, p: p}
	defer rest.drop()
	if k.at > s.all.failed.Load() {
		return
	}
	short := s.r
	defer func() { s.r = short }()
	s.r = s.long
	s.r.resetStream(rest, s.all.version)
	s.r.gone, s.at = k.at, k.at
	defer catchNoMemory(func() { s.fail(noMemoryAt(s.long)) })
	if s.makeKey(k.kind, s.view.DB(int(k.db)), &k.about); s.r.err == nil && (s.r.Len() > 0 || rest.more()) {
		s.r.fail(endsEarly)
	}
	if s.r.err != nil && s.r.err != errElsewhere {
		s.fail(s.r.located())
	}
}

// endsEarly is the reason when ReadValue and skipValue do not agree where a value ends.
const endsEarly = "A value that ends before its end"

// fail notes that a key could not be made.
func (s *sharer) fail(err error) {
	if s.at < s.failed {
		s.failed, s.err = s.at, err
	}
	for {
		first := s.all.failed.Load()
		if s.at >= first || s.all.failed.CompareAndSwap(first, s.at) {
			return
		}
	}
}

// pieces are those of a key, as a stream.
type pieces struct {
	s  *sharer
	p  *parcel // nil when they have ended too early, for the reading has failed elsewhere
	at int     // bytes of p that have been read
}

// Read reads from the next piece that there is.
func (r *pieces) Read(b []byte) (n int, err error) {
	for r.p != nil && r.at == len(r.p.b) {
		if r.p.last {
			return 0, cmp.Or(r.p.err, io.EOF)
		}
		r.next()
	}
	if r.p == nil {
		return 0, errElsewhere
	}
	n = copy(b, r.p.b[r.at:])
	r.at += n
	return n, nil
}

// next goes on to the next piece.
func (r *pieces) next() {
	r.s.rest()
	r.s.giveBack(r.p)
	r.p, r.at = <-r.s.coming, 0
}

// more tells whether there is something that was not read.
func (r *pieces) more() bool {
	for r.p != nil && !r.p.last && r.at == len(r.p.b) {
		r.next()
	}
	return r.p != nil && r.at < len(r.p.b)
}

// drop passes over what was not read.
func (r *pieces) drop() {
	for r.p != nil && !r.p.last {
		r.next()
	}
	if r.p != nil {
		r.s.giveBack(r.p)
	}
}
