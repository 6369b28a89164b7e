// SPDX-License-Identifier: BSD-3-Clause

package geos

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/redpoll/redpoll/internal/geo"
	"github.com/redpoll/redpoll/internal/store"
)

// found is a place within the shape, as it is remembered until all are known: 16 bytes without a pointer, since there may be millions.
type found struct {
	distance float64 // in metres, as far as it matters
	at       place
}

// place is where a member was found: the number of its span, then its rank in the sorted set. So places are in the order of the search.
type place uint64

const rankBits = 56

func placeOf(span, rank int) place { return place(span)<<rankBits | place(rank) }
func (p place) rank() int          { return int(p & (1<<rankBits - 1)) }

// each calls fn with the places within the shape, in the order of the search, until it gives false.
func (s *search) each(fn func(m store.Value, score float64, p geo.Point, at place) bool) (err error) {
	if s.zset.Len() == 0 {
		return nil
	}
	var room [9]geo.Span
	more, steps := true, 0
	for i, span := range s.shape.AppendSpans(room[:0]) {
		rank := s.zset.RankOfScore(span.From, false)
		n := s.zset.RankOfScore(span.To, false) - rank
		s.zset.Each(rank, n, false, func(m store.Value, score float64) bool {
			if steps += s.shape.Steps(); steps >= tickEvery {
				steps = 0
				if err = s.c.Tick(); err != nil {
					return false
				}
			}
			if p := geo.OfScore(score); !s.tooLate(p) && s.shape.Contains(p) {
				more = fn(m, score, p, placeOf(i, rank))
			}
			rank++
			return more
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// reply replies with what is found, as it is found.
func (s *search) reply() error {
	header, n := s.c.Reply.DeferLen(), 0
	err := s.each(func(m store.Value, score float64, p geo.Point, _ place) bool {
		distance := 0.0
		if s.withDist {
			distance = s.shape.Distance(p)
		}
		s.replyPlace(m, score, distance, p)
		n++
		return !s.any || int64(n) < s.count
	})
	s.c.Reply.SetArrayLen(header, n)
	return err
}

// replyPlace writes a place and what is asked of it; distance is in metres.
func (s *search) replyPlace(m store.Value, score, distance float64, p geo.Point) {
	if parts := count(s.withDist) + count(s.withHash) + count(s.withCoord); parts > 0 {
		s.c.Reply.Array(1 + int(parts))
	}
	s.c.ReplyValue(m)
	if s.withDist {
		replyDistance(s.c, distance/s.shape.Unit())
	}
	if s.withHash {
		s.c.Reply.Int(int64(score))
	}
	if s.withCoord {
		replyPoint(s.c, p)
	}
}

// replyInOrder replies with what is found, the nearest or the farthest first.
func (s *search) replyInOrder() error {
	list, err := s.gather()
	if err != nil {
		return err
	}
	s.c.Reply.Array(len(list))
	return s.members(list, func(m store.Value, score float64, f found) {
		s.replyPlace(m, score, f.distance, geo.OfScore(score))
	})
}

// members calls fn with the members that were found.
func (s *search) members(list []found, fn func(m store.Value, score float64, f found)) error {
	for i, f := range list {
		s.zset.Each(f.at.rank(), 1, false, func(m store.Value, score float64) bool {
			fn(m, score, f)
			return true
		})
		if i%tickEvery == tickEvery-1 {
			if err := s.c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather gives what is found, in order if there is one, as many as are asked for.
func (s *search) gather() ([]found, error) {
	limit := s.zset.Len()
	if s.count > 0 && s.count < int64(limit) {
		limit = int(s.count)
	}
	first := &s.first
	*first = firsts{limit: limit, compare: s.compare}
	err := s.each(func(_ store.Value, _ float64, p geo.Point, at place) bool {
		f := found{at: at}
		if s.order != unordered || s.storeDist {
			f.distance = s.shape.Distance(p)
		}
		first.add(f)
		return !s.any || len(first.list) < limit
	})
	if err != nil {
		return nil, err
	}
	if s.order != unordered {
		slices.SortFunc(first.list, s.compare)
	}
	return first.list, nil
}

// tooLate tells whether a point certainly comes after all the places that are wanted, as far as they have been gathered.
func (s *search) tooLate(p geo.Point) bool {
	switch {
	case !s.first.full:
		return false
	case s.order == descending:
		return s.shape.Nearer(p, s.first.last)
	}
	return s.shape.Farther(p, s.first.last)
}

// compare orders the result.
func (s *search) compare(a, b found) int {
	if s.steps++; s.steps%tickEvery == 0 {
		_ = s.c.Tick() // sorting has no way out
	}
	by := cmp.Compare(a.distance, b.distance)
	if s.order == descending {
		by = -by
	}
	return cmp.Or(by, cmp.Compare(a.at, b.at))
}

// firsts keeps the first of those that were added, so many at most.
type firsts struct {
	limit   int
	compare func(a, b found) int
	list    []found // when full, a heap with the last one on top

	full bool      // there were more than limit
	last geo.Reach // of the last one, when full
}

// add adds one that comes, by its place, after all others.
func (h *firsts) add(f found) {
	if len(h.list) < h.limit {
		h.list = append(h.list, f)
		return
	}
	if !h.full {
		h.full = true
		for i := len(h.list)/2 - 1; i >= 0; i-- {
			h.sink(i)
		}
		h.last = geo.NewReach(h.list[0].distance)
	}
	if h.compare(f, h.list[0]) < 0 {
		h.list[0] = f
		h.sink(0)
		h.last = geo.NewReach(h.list[0].distance)
	}
}

// sink puts the one at i below those that come after it.
func (h *firsts) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			return
		}
		if child+1 < len(h.list) && h.compare(h.list[child], h.list[child+1]) < 0 {
			child++
		}
		if h.compare(h.list[i], h.list[child]) >= 0 {
			return
		}
		h.list[i], h.list[child] = h.list[child], h.list[i]
		i = child
	}
}

// store makes what is found the value of the destination, and replies with how many they are.
func (s *search) store() error {
	list, err := s.gather()
	if err != nil {
		return err
	}
	members := make([]store.Scored, 0, len(list))
	err = s.members(list, func(m store.Value, score float64, f found) {
		if s.storeDist {
			score = f.distance / s.shape.Unit()
		}
		members = append(members, store.Scored{Member: store.Text(m, nil), Score: score})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(members, func(a, b store.Scored) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), bytes.Compare(a.Member, b.Member))
	})
	event := "georadiusstore"
	if s.searchForm {
		event = "geosearchstore"
	}
	s.c.StoreZSet(s.dst, members, string(s.src) == string(s.dst), event)
	if n := int64(len(members)); n > 1 {
		s.c.Dirty += n - 1
	}
	return nil
}
