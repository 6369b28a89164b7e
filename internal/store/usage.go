// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// maxIndexShare bounds what Usage counts for the expiry index, in bytes: the index begins with some 4 KB, which the few
// keys of a small database would seem to take.
const maxIndexShare = 16

// Usage gives the bytes that a key takes: its record and what its value owns, as allocated, and its share of the table and,
// up to maxIndexShare, of the expiry index that it lies in. Of a value with many elements only so many are looked at and the rest are taken to
// be like them; 0 is all of them. tick is called every so often and ends the counting when it gives an error, which is
// returned.
func (it *Item) Usage(samples int, tick func() error) (int64, error) {
	n := int64(mem.Usable(it.rec.size())) + it.t.keys.Bytes()/int64(max(it.t.keys.Len(), 1))
	if it.rec.has(hasExpiry) || it.timed() {
		n += min(it.t.expiry.Bytes()/int64(max(it.t.expiry.Len(), 1)), maxIndexShare)
	}
	if it.rec.has(inBlock) {
		n += int64(mem.Usable(readBlock(it.rec.value()).size))
	}
	if it.isBig() {
		return n + it.big().heap.Held() + bigSize, nil
	}
	if !it.Encoding().rooted() {
		return n, nil
	}
	size, err := it.body().size(samples, tick)
	if ft := it.rec.times(); ft != nil && ft.index != 0 {
		size += int64(mem.Usable(indexSize)) + ft.fieldIndex(it.t.heap).Bytes()
	}
	return n + size, err
}

// held gives the bytes of a record that is not big, with its value's block.
func (it *Item) held() int64 {
	n := int64(it.rec.size())
	if it.rec.has(inBlock) {
		n += int64(readBlock(it.rec.value()).size)
	}
	return n
}

// TableSize gives the bytes that the table of the value's elements takes, without them, and their number; ok is false when the
// value is no table.
func (it *Item) TableSize() (bytes int64, elements int, ok bool) {
	if enc := it.Encoding(); enc != EncTable && enc != EncSkiplist {
		return 0, 0, false
	}
	t := it.elements()
	return t.Bytes(), t.Len(), true
}

// Place gives a number that tells where the key's record lies, for DEBUG OBJECT.
func (it *Item) Place() uint64 { return uint64(it.ref) << 3 }

// Access gives the record's access field: 24 bits, the time of the last use in seconds or, with LFU policies, minutes and
// a counter.
func (it *Item) Access() uint32 { return it.rec.access() }

// Counts is what INFO keyspace says of a database.
type Counts struct {
	Keys    int64
	Expires int64 // of them, those with an expiry
	Timed   int64 // of them, hashes with fields that expire
	TTL     int64 // average milliseconds that those have left, from a sample; 0 when it had none of them

	TableBytes int64 // of the tables of keys, without the records
	IndexBytes int64 // of the expiry indexes
}

// Census is a reading of all databases' counts that holds up nobody: of a shard that is busy, what it had at the reading
// before is taken. It belongs to one goroutine at a time.
type Census struct {
	shards [][]Counts // by shard and database
}

// Take counts the keys of all databases at the time now (Unix ms).
func (c *Census) Take(s *Store, now int64) []Counts {
	if c.shards == nil {
		c.shards = make([][]Counts, len(s.shards))
	}
	total := make([]Counts, s.databases)
	ttls := make([]int64, s.databases)
	patience := 8
	for i := range s.shards {
		sh := &s.shards[i]
		locked := sh.tryLock()
		if !locked && patience > 0 {
			patience--
			locked = sh.spinLock()
		}
		if locked {
			c.shards[i] = sh.census(c.shards[i], now)
			sh.unlock()
		}
		for db, n := range c.shards[i] {
			total[db].Keys += n.Keys
			total[db].Expires += n.Expires
			total[db].Timed += n.Timed
			total[db].TableBytes += n.TableBytes
			total[db].IndexBytes += n.IndexBytes
			if n.TTL > 0 {
				ttls[db]++
				total[db].TTL += (n.TTL - total[db].TTL) / ttls[db]
			}
		}
	}
	return total
}

// ttlSample is how many entries of its expiry index a table's average time to live is taken from.
const ttlSample = 16

// meanTTL gives the average time that some of the table's keys with an expiry have left, in ms; 0 when it finds none.
func (t *table) meanTTL(now int64) (mean int64) {
	if t.expires == 0 || t.incomplete {
		return 0
	}
	n := int64(0)
	t.expiry.Sample(t.heap, uint64(now)*0x9e3779b97f4a7c15, ttlSample, func(h uint64) {
		t.keys.Candidates(h, func(e mem.Ref, _ dict.Pos) bool {
			if rec := (record{t.heap.Pointer(e)}); rec.has(hasExpiry) && t.expiry.Same(hash.Bytes(rec.key()), h) {
				n++
				mean += (max(rec.expiry()-now, 0) - mean) / n // a sum could overflow
			}
			return true
		})
	})
	return mean
}

// census counts a held shard's keys.
func (sh *Shard) census(room []Counts, now int64) []Counts {
	room = room[:0]
	for db := range sh.used {
		n := Counts{}
		if t := sh.tables[db].Load(); t != nil {
			n.Keys, n.Expires, n.Timed = int64(t.keys.Len()), int64(t.expires), int64(t.timed)
			n.TableBytes, n.IndexBytes = t.keys.Bytes(), t.expiry.Bytes()
			n.TTL = t.meanTTL(now)
		}
		room = append(room, n)
	}
	return room
}
