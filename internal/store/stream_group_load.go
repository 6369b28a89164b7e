// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/rows"
)

// How the codec makes the groups of a stream in the making (StreamDraft): a group's pending entries come before the consumers that they
// belong to. In between their owner is one that there is not.
const nobodyYet = math.MaxUint32

// Load adds a pending entry that was delivered at a time (Unix ms), count times, and is yet to get its owner; false if there is an entry of
// that ID already.
func (g Group) Load(id StreamID, at int64, count uint64) bool {
	r := rows.Row{id.Ms, id.Seq, uint64(max(at, 0)), count, nobodyYet}
	pel := g.pending()
	if _, ok := pel.recent(&r); ok {
		return false
	}
	pel.put(&r)
	g.head().loading++
	return true
}

// LoadOwner gives an entry that was loaded its owner; false if there is none of that ID that is yet to get one.
func (g Group) LoadOwner(id StreamID, c Consumer) bool {
	r, ok := g.loaded(id)
	if !ok {
		return false
	}
	r[pendingOwner] = uint64(c.head().number)
	c.ids().put(&r)
	g.pending().put(&r)
	g.head().loading--
	return true
}

// LoadUnowned makes an entry that was loaded nobody's, behind those that became so before; false if there is none of that ID that is yet to
// get an owner.
func (g Group) LoadUnowned(id StreamID) bool {
	r, ok := g.loaded(id)
	if !ok {
		return false
	}
	h := g.head()
	h.turns++
	r[pendingTime], r[pendingOwner] = h.turns, 0
	g.pending().put(&r)
	h.unowned++
	h.loading--
	return true
}

// Loading tells how many entries that were loaded are yet to get an owner. The draft is not to be attached while there are any.
func (g Group) Loading() int { return int(g.head().loading) }

// loaded gives an entry that is yet to get its owner.
func (g Group) loaded(id StreamID) (r rows.Row, ok bool) {
	key := idRow(id)
	r, ok = g.pending().get(&key)
	return r, ok && r[pendingOwner] == nobodyYet
}
