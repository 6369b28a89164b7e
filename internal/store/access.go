// SPDX-License-Identifier: BSD-3-Clause

package store

// The access field of a record holds, by maxmemory-policy, either the time of the last use in seconds (24 bits, wrapping
// after 194 days as in Redis) or, for LFU, 16 bits of minutes and 8 bits of a logarithmic counter (Redis's scheme: a new
// key starts at 5, each use raises the counter with probability 1/((counter-5)*factor+1), idle minutes lower it).

const (
	accessMask = 1<<24 - 1
	lfuInit    = 5
)

// freshAccess gives the access field of a record that is made now.
func (db *DB) freshAccess() uint32 {
	if db.s.Settings.LFU() {
		return lfuMinutes(db.v.NowMillis)<<8 | lfuInit
	}
	return uint32(db.v.NowMillis/1000) & accessMask
}

// Use notes that a key was used, whether or not the client's commands leave traces (CLIENT NO-TOUCH).
func (db *DB) Use(it *Item) { db.use(it) }

// use notes that a key was used.
func (db *DB) use(it *Item) {
	old := it.rec.access()
	now := uint32(db.v.NowMillis/1000) & accessMask
	if db.s.Settings.LFU() {
		now = lfuMinutes(db.v.NowMillis)<<8 | db.lfuRaise(db.v.lfuDecayed(old))
	}
	if now != old { // a store would make the line dirty for nothing
		it.rec.setAccess(now)
	}
}

// SetAccess makes the key look as one that is new, but for an idle time (seconds), with LRU policies, or a use counter (0 to 255), with
// LFU policies, that is not -1.
func (db *DB) SetAccess(it *Item, idle, frequency int64) {
	access := db.freshAccess()
	switch lfu := db.s.Settings.LFU(); {
	case lfu && frequency >= 0:
		access = lfuMinutes(db.v.NowMillis)<<8 | uint32(frequency)
	case !lfu && idle >= 0:
		access = uint32(db.v.NowMillis/1000-idle) & accessMask
	}
	it.rec.setAccess(access)
}

// Idle gives the seconds since the key was last used, with LRU policies.
func (db *DB) Idle(it *Item) int64 { return db.v.idle(it.rec.access()) }

// Frequency gives the key's use counter, decayed to now, with LFU policies.
func (db *DB) Frequency(it *Item) int64 { return int64(db.v.lfuDecayed(it.rec.access())) }

func (v *View) idle(access uint32) int64 {
	return int64((uint32(v.NowMillis/1000) - access) & accessMask)
}

func lfuMinutes(ms int64) uint32 { return uint32(ms/60000) & 0xffff }

// lfuIdle gives the minutes since the key was last used.
func (v *View) lfuIdle(access uint32) int64 {
	return int64((lfuMinutes(v.NowMillis) - access>>8) & 0xffff)
}

func (v *View) lfuDecayed(access uint32) uint32 {
	counter := access & 255
	decay := v.s.Settings.LFUDecayTime.Load()
	if decay == 0 {
		return counter
	}
	return uint32(max(int64(counter)-v.lfuIdle(access)/decay, 0))
}

func (db *DB) lfuRaise(counter uint32) uint32 {
	if counter == 255 {
		return counter
	}
	base := max(int64(counter)-lfuInit, 0)
	odds := uint64(base*db.s.Settings.LFULogFactor.Load() + 1)
	if db.v.Rand()%odds == 0 {
		counter++
	}
	return counter
}
