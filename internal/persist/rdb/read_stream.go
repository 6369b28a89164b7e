// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/store"
)

// rawIDSize is the bytes of an ID that is written as a text or among others.
const rawIDSize = 16

// readStream reads a stream: its blocks of entries, what there is to know of it as a whole, and its groups; from KindStream4 on also
// what is known of producers. Redis believes what the stream says of its entries; here they themselves are asked.
func (r *Reader) readStream(db *store.DB, kind Kind) {
	r.stream.Begin(db)
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.readBlock(db)
		db.Tick()
	}
	s := r.stream.Stream()
	entries, last := r.number(), r.lenID()
	if entries > 0 && s.Info().Leaves == 0 {
		r.fail("Stream length inconsistent with its entries")
	}
	if r.err != nil {
		return
	}
	if s.Info().Last.Less(last) {
		s.SetLast(last)
	}
	s.SetAdded(entries)
	if kind != KindStream {
		r.lenID() // that of the first entry
		s.SetMaxDeleted(r.lenID())
		s.SetAdded(r.number())
	}
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.readGroup(db, &s, kind)
	}
	if kind >= KindStream4 {
		r.readProducers(db, &s)
	}
}

// readProducers reads what a stream knows of its producers: how long their IIDs are remembered, in seconds, and how many of each; the
// producers, each with its IIDs and the IDs of the entries; and how often an IID came, and came again.
func (r *Reader) readProducers(db *store.DB, s *store.Stream) {
	set := db.Settings()
	sum := store.StreamIdmp{Duration: r.within(store.MaxIdmpDuration), MaxSize: r.within(store.MaxIdmpSize)}
	producers := r.length()
	asSet := sum.Duration == int(set.StreamIdmpDuration.Load()) && sum.MaxSize == int(set.StreamIdmpMaxSize.Load())
	if r.err == nil && (producers > 0 || !asSet) {
		s.LoadIdmp(sum)
	}
	dead := max(db.Now()-1000*int64(sum.Duration), 0) // entries up to this Ms are remembered no longer
	for ; producers > 0 && r.err == nil; producers-- {
		r.name = append(r.name[:0], r.bytes(db)...)
		for n := r.length(); n > 0 && r.err == nil; n-- {
			r.readIID(db, s, uint64(dead))
		}
	}
	if sum.Added, sum.Duplicates = r.number(), r.number(); r.err == nil && sum.Added|sum.Duplicates != 0 {
		s.LoadIdmp(sum)
	}
}

// within reads a number from 1 to most.
func (r *Reader) within(most uint64) int {
	n := r.length()
	if n < 1 || n > most {
		r.fail("A setting of a stream that there cannot be")
		return 1
	}
	return int(n)
}

// readIID reads an IID of the producer of the name that was read, and the ID of the entry.
func (r *Reader) readIID(db *store.DB, s *store.Stream, dead uint64) {
	r.iid = append(r.iid[:0], r.bytes(db)...)
	id := r.lenID()
	switch _, is := s.FindIID(r.name, r.iid); {
	case r.err != nil:
	case len(r.name) == 0 || len(r.iid) == 0:
		r.fail("A producer or IID without a name")
	case is:
		r.fail("Duplicate IID of a producer")
	case id.Ms > dead:
		s.LoadIID(r.name, r.iid, id)
	}
	r.step(db)
}

// readBlock reads a block of entries.
func (r *Reader) readBlock(db *store.DB) {
	b := r.bytes(db)
	if len(b) != rawIDSize {
		r.fail("Stream node key is not an ID")
		return
	}
	master := rawID(b)
	lp := r.bytes(db)
	if r.err == nil && r.stream.AddLeaf(master, lp) != nil {
		r.corrupt("Stream listpack")
	}
}

// lenID reads an ID that is written as two numbers.
func (r *Reader) lenID() store.StreamID {
	ms := r.number()
	return store.StreamID{Ms: ms, Seq: r.number()}
}

// rawID gives the ID that is written in 16 bytes.
func rawID(b []byte) store.StreamID {
	return store.StreamID{Ms: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint64(b[8:])}
}

// nextID reads an ID that is written in 16 bytes.
func (r *Reader) nextID() (id store.StreamID) {
	if b := r.next(rawIDSize); len(b) == rawIDSize {
		id = rawID(b)
	}
	return id
}
