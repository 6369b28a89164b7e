// SPDX-License-Identifier: BSD-3-Clause

package store

// A sorted set's members are in the order of their scores, and those of equal scores in that of their texts, byte by byte.
//
// Terms:
//
//   - A member's rank is its place in that order, from 0. Whatever is asked of a range of scores or of texts is asked by ranks.
//   - A small sorted set is packed (see zset_packed.go), its members in their order. One with too many members, or once given
//     too long a one, is large (see zset_tree.go) for the rest of its life.

// Scored is a member of a sorted set, and its score, which is never NaN.
type Scored struct {
	Member []byte
	Score  float64
}

// ZSet is the sorted set under a key, or one without members when there is no such key: to put one in makes the key, and to
// remove the last one removes it. It is valid until its table changes by anything but the ZSet itself.
type ZSet struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key
}

// FindZSet finds a sorted set for reading; see Find. The error is ErrWrongType.
func (db *DB) FindZSet(key []byte) (ZSet, error) {
	it, _, err := db.FindType(key, TypeZSet)
	return ZSet{db: db, key: key, it: it}, err
}

// FindZSetWrite finds a sorted set to be changed; see FindWrite. The error is ErrWrongType. Even to remove members takes memory
// while the set is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindZSetWrite(key []byte) (ZSet, error) {
	it, err := db.findCollection(key, TypeZSet)
	return ZSet{db: db, key: key, it: it}, err
}

// ZSetOf gives the sorted set of a key that was found and is one.
func (db *DB) ZSetOf(it *Item) ZSet { return ZSet{db: db, key: it.Key(), it: *it} }

// Len tells how many members there are.
func (z *ZSet) Len() int {
	switch {
	case z.it.ref == 0:
		return 0
	case z.isLarge():
		return z.sorted().elements().Len()
	}
	return z.packed().len()
}

// Score gives a member's score; false when there is no such member.
func (z *ZSet) Score(member []byte) (score float64, ok bool) {
	switch {
	case z.it.ref == 0:
		return 0, false
	case z.isLarge():
		return z.sorted().score(member)
	}
	return z.packed().score(member)
}

// Put gives a member a score, which is not NaN, and tells whether the member is new, and if it is not whether its score is another
// than before. The member is copied. Nothing has changed when it panics with mem.ErrNoMemory.
func (z *ZSet) Put(member []byte, score float64) (added, changed bool) {
	switch {
	case z.isLarge():
		return z.putLarge(member, score)
	case z.it.ref == 0:
		z.create([]Scored{{member, score}}, neverEnds)
		return true, false
	case z.outgrows(z.Len()+1, len(member), len(z.packed())+len(member)):
		if _, ok := z.Score(member); !ok {
			z.spread()
			return z.putLarge(member, score)
		}
	}
	return z.putPacked(member, score)
}

// Remove removes a member, and the key with the last one; false when there is no such member.
func (z *ZSet) Remove(member []byte) bool {
	switch {
	case z.it.ref == 0:
		return false
	case z.isLarge():
		return z.removeLarge(member)
	}
	return z.removePacked(member)
}

// Rank gives a member's rank and score; false when there is no such member.
func (z *ZSet) Rank(member []byte) (rank int, score float64, ok bool) {
	switch {
	case z.it.ref == 0:
		return 0, 0, false
	case z.isLarge():
		return z.sorted().rank(member)
	}
	return z.packed().rank(member)
}

// RankOfScore tells how many members have a lower score; with after set, one that is lower or equal.
func (z *ZSet) RankOfScore(score float64, after bool) int {
	switch {
	case z.it.ref == 0:
		return 0
	case z.isLarge():
		return z.sorted().rankOfScore(score, after)
	}
	return z.packed().rankOfScore(score, after)
}

// RankOfMember tells how many members have a text below bound; with after set, below it or equal. All scores must be equal:
// otherwise the rank is some number from 0 to Len.
func (z *ZSet) RankOfMember(bound []byte, after bool) int {
	switch {
	case z.it.ref == 0:
		return 0
	case z.isLarge():
		return z.sorted().rankOfMember(bound, after)
	}
	return z.packed().rankOfMember(bound, after)
}

// Each calls fn with n members, or until it gives false: upwards from the one of that rank, or downwards if reverse is set.
// There must be as many. The set must not change meanwhile.
func (z *ZSet) Each(from, n int, reverse bool, fn func(m Value, score float64) bool) {
	switch {
	case n <= 0:
	case z.isLarge():
		z.sorted().each(from, n, reverse, fn)
	case reverse:
		z.packed().down(from, n, fn)
	default:
		z.packed().up(from, n, fn)
	}
}

// RemoveRange removes n members from the one of that rank upwards, and the key if they are all. There must be as many. fn, unless
// it is nil, is called with each before it goes.
func (z *ZSet) RemoveRange(from, n int, fn func(m Value, score float64)) {
	if n <= 0 {
		return
	}
	if fn != nil {
		z.Each(from, n, false, func(m Value, score float64) bool {
			fn(m, score)
			return true
		})
	}
	switch {
	case n == z.Len():
		z.db.Remove(&z.it)
	case z.isLarge():
		z.cutLarge(from, n)
	default:
		z.cutPacked(from, n)
	}
}

// Scan calls fn with about count members from cursor on (0 begins) and gives the cursor to go on from, 0 at the end. A member that
// is there from a scan's begin to its end is shown at least once. A packed set is shown whole, whatever cursor and count are.
func (z *ZSet) Scan(cursor uint64, count int, fn func(m Value, score float64)) (next uint64) {
	if z.isLarge() {
		return z.sorted().scan(cursor, count, fn)
	}
	z.Each(0, z.Len(), false, func(m Value, score float64) bool {
		fn(m, score)
		return true
	})
	return 0
}

// Draw calls fn n times, or until it gives false, with some member, each as likely, which may have been shown before. The set
// must not be empty unless n is 0.
func (z *ZSet) Draw(n int, fn func(m Value, score float64) bool) {
	if z.isLarge() {
		z.drawLarge(n, fn)
		return
	}
	length := uint64(z.Len())
	for more := true; more && n > 0; n-- {
		z.Each(int(z.db.Rand()%length), 1, false, func(m Value, score float64) bool {
			more = fn(m, score)
			return more
		})
	}
}

// Sample calls fn with n different members, or until it gives false: any n of them are as likely as any others. When they are
// many they come in the set's order. n is at most Len.
func (z *ZSet) Sample(n int, fn func(m Value, score float64) bool) {
	length := z.Len()
	if n <= length/16 {
		z.sampleFew(n, length, fn)
		return
	}
	left := length
	z.Each(0, length, false, func(m Value, score float64) bool {
		if z.db.Rand()%uint64(left) < uint64(n) { // Knuth's selection sampling
			n--
			if !fn(m, score) {
				return false
			}
		}
		left--
		return n > 0
	})
}

// sampleFew draws until n different ranks have come.
func (z *ZSet) sampleFew(n, length int, fn func(m Value, score float64) bool) {
	shown := make(map[int]struct{}, n)
	for more := true; more && len(shown) < n; {
		rank := int(z.db.Rand() % uint64(length))
		if _, again := shown[rank]; again {
			continue
		}
		shown[rank] = struct{}{}
		z.Each(rank, 1, false, func(m Value, score float64) bool {
			more = fn(m, score)
			return more
		})
	}
}

// CreateZSet makes a key, which is not there, a sorted set of these members, one at least, which are all different and in their
// order. They are copied. There is no key when it panics with mem.ErrNoMemory. tick is called every so often; what it gives does
// not matter.
func (db *DB) CreateZSet(key []byte, members []Scored, tick func() error) ZSet {
	z := ZSet{db: db, key: key}
	z.create(members, tick)
	return z
}

// create is CreateZSet.
func (z *ZSet) create(members []Scored, tick func() error) {
	longest, size := 0, 0
	for _, m := range members {
		longest = max(longest, len(m.Member))
		size += len(m.Member)
	}
	if z.outgrows(len(members), longest, size) {
		z.createLarge(members, size, tick)
	} else {
		z.createPacked(members)
	}
}
