// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"math"

	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// The lengths of a score in decimals that are none, but scores.
const (
	scoreNaN      = 253
	scoreInf      = 254
	scoreMinusInf = 255
)

const noScore = "A score that is no number"

// readZSet reads a sorted set of texts and scores, in any order, which are binary or in decimals.
func (r *Reader) readZSet(db *store.DB, binary bool) {
	r.zset.Begin(db)
	set := db.Settings()
	n, longest := r.count(), 0
	if n > uint64(set.ZSetMaxListpackEntries.Load()) {
		r.zset.Spread()
	}
	for ; n > 0 && r.err == nil; n-- {
		member := r.earlier(db)
		score := r.score(binary)
		if math.IsNaN(score) {
			r.fail(noScore)
		}
		if r.err == nil && !r.zset.Add(member, score) {
			r.fail(twice)
		}
		longest = max(longest, member.Len())
		r.step(db)
	}
	if int64(longest) > set.ZSetMaxListpackValue.Load() && r.err == nil {
		r.zset.Spread()
	}
}

// score reads a score.
func (r *Reader) score(binary bool) float64 {
	if binary {
		return math.Float64frombits(r.uint64())
	}
	switch n := r.Byte(); n {
	case scoreNaN:
		return math.NaN()
	case scoreInf:
		return math.Inf(1)
	case scoreMinusInf:
		return math.Inf(-1)
	default:
		f, ok := num.ParseFloat(r.next(uint64(n)))
		if !ok {
			r.fail(noScore)
		}
		return f
	}
}

// readZSetCells reads a sorted set in one blob, members and scores by turns.
func (r *Reader) readZSetCells(db *store.DB, c *cells) {
	r.zset.Begin(db)
	most := db.Settings().ZSetMaxListpackEntries.Load()
	for member, ok := c.next(); ok && r.err == nil; member, ok = c.next() {
		v, scored := c.next()
		if !scored {
			r.corrupt(c.what)
			return
		}
		score := float64(v.Int)
		if !v.IsInt() {
			if score, scored = num.ParseFloat(v.Bytes); !scored {
				r.fail(noScore)
				return
			}
		}
		if int64(r.zset.Len()) == most {
			r.zset.Spread()
		}
		if !r.zset.Add(member, score) {
			r.corrupt(c.what)
		}
		r.step(db)
	}
	r.endCells(c, r.zset.Len())
}
