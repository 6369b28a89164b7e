// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// gathering is the result of a command on several sets while it comes about. Members that their set keeps as texts lie there, so
// that no set may change before they have been used.
type gathering struct {
	c     *command.Ctx
	list  []store.Scored
	index []uint32 // by a member's hash its place in list, counted from 1; a power of two, or none
	steps int
}

// tick is to be called for each member that is looked at.
func (g *gathering) tick() error {
	if g.steps++; g.steps%tickEvery == 0 {
		return g.c.Tick()
	}
	return nil
}

// lasting gives a member's text, which stays when scratch is used again.
func lasting(m store.Value) []byte {
	if m.IsInt() {
		return num.AppendInt(make([]byte, 0, num.IntLen(m.Int)), m.Int)
	}
	return m.Bytes
}

// add appends a member that is not in the list and will not be looked for.
func (g *gathering) add(m store.Value, score float64) {
	g.list = append(g.list, store.Scored{Member: lasting(m), Score: score})
}

// span appends members of a sorted set, likewise.
func (g *gathering) span(z *store.ZSet, s span) (err error) {
	z.Each(s.from, s.n, s.reverse, func(m store.Value, score float64) bool {
		g.add(m, score)
		err = g.tick()
		return err == nil
	})
	return err
}

// find gives the place in the index of a member's text, or the free one where it belongs.
func (g *gathering) find(text []byte) *uint32 {
	mask := uint64(len(g.index) - 1)
	for i := hash.Bytes(text) & mask; ; i = (i + 1) & mask {
		if at := g.index[i]; at == 0 || string(g.list[at-1].Member) == string(text) {
			return &g.index[i]
		}
	}
}

// member gives the place of a member in the list, where it is put with that score if it is not there; there tells whether it was.
func (g *gathering) member(m store.Value, score float64) (at *store.Scored, there bool) {
	if 2*len(g.list) >= len(g.index) {
		g.grow()
	}
	var scratch [num.MaxIntLen]byte
	place := g.find(store.Text(m, scratch[:0]))
	if there = *place != 0; !there {
		g.add(m, score)
		*place = uint32(len(g.list))
	}
	return &g.list[*place-1], there
}

// get gives a member that is in the list; nil when it is not.
func (g *gathering) get(m store.Value) *store.Scored {
	var scratch [num.MaxIntLen]byte
	place := g.find(store.Text(m, scratch[:0]))
	if *place == 0 {
		return nil
	}
	return &g.list[*place-1]
}

// grow doubles the index.
func (g *gathering) grow() {
	g.index = make([]uint32, max(64, 2*len(g.index)))
	for i := range g.list {
		*g.find(g.list[i].Member) = uint32(i + 1)
		_ = g.tick() // whoever adds has a way out
	}
}

// sort puts the list into a sorted set's order.
func (g *gathering) sort() {
	slices.SortFunc(g.list, func(a, b store.Scored) int {
		_ = g.tick() // sorting has no way out
		return cmp.Or(cmp.Compare(a.Score, b.Score), bytes.Compare(a.Member, b.Member))
	})
}

// reply writes the list.
func (g *gathering) reply(withScores bool) error {
	replyLen(g.c, len(g.list), withScores)
	for _, m := range g.list {
		replyScored(g.c, store.Value{Bytes: m.Member}, m.Score, withScores)
		if err := g.tick(); err != nil {
			return err
		}
	}
	return nil
}

// store makes the list, which is in order, the value of a key and replies with its length; see command.Ctx.StoreZSet. sources are the
// keys whose members are in the list.
func (g *gathering) store(dst []byte, sources [][]byte, event string) {
	borrowed := slices.ContainsFunc(sources, func(key []byte) bool { return string(key) == string(dst) })
	g.c.StoreZSet(dst, g.list, borrowed, event)
}
