// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"math/bits"
	"unsafe"

	"github.com/redpoll/redpoll/internal/hash"
)

// A Table is Lua's table.
//
// Keys 1..len(arr) are in arr, which may have memory for more. All others are in nodes, whose number is a power of two or none: nodes[:used] have keys, in the order
// in which they came, which is the order of Next too. nodes[h & (len-1)].head begins the chain of those whose hash ends so.
// A key whose value was set to nil keeps its node until the nodes are made anew, so that a traversal may remove as it goes, and
// takes it again when it comes back. When all nodes are taken, rehash sizes both parts from the keys: arr gets the largest power
// of two of which more than half would be in use.
type Table struct {
	arr   []Value
	nodes []node
	used  int
	// Meta is the metatable or nil. Set it through SetMeta when a script asks for it.
	Meta *Table
	// Readonly makes every change of the table an error.
	Readonly bool
	absent   uint32 // as a metatable: bit e is set when event e is known to have no entry
	mark     uint32
}

// A node is a key of the hash part. next and head are numbers of nodes from 1; 0 is none.
type node struct {
	key, val Value
	hash     uint32
	next     int32
	head     int32
}

const (
	tableSize = int64(unsafe.Sizeof(Table{}))
	valueSize = int64(unsafe.Sizeof(Value{}))
	nodeSize  = int64(unsafe.Sizeof(node{}))
	// maxNodes keeps numbers of nodes in an int32; the memory limit comes long before it.
	maxNodes = 1 << 30
)

// size returns the bytes that the table takes.
func (t *Table) size() int64 {
	return tableSize + int64(cap(t.arr))*valueSize + int64(len(t.nodes))*nodeSize
}

// numberSpread is an odd number that cannot be predicted from outside, so that nobody can choose numbers that collide.
var numberSpread = hash.String("numbers") | 1

// hashOf returns the hash of a key, which is neither nil nor NaN. Objects do not move, so their address will do.
func hashOf(k Value) uint32 {
	switch {
	case k.n == tagString:
		return k.str().sum()
	case k.n > maxTag || k.n <= tagTrue:
		return spread(k.n)
	}
	return spread(uint64(uintptr(k.p)))
}

// spread hashes 64 bits. Those of whole numbers differ in their upper half alone, so the upper half of the product counts too.
func spread(n uint64) uint32 {
	hi, lo := bits.Mul64(n, numberSpread)
	return uint32(hi ^ lo)
}

// arrayIndex returns the integer that a number stands for as a key, and 0 when it is none that arr could hold.
func arrayIndex(k Value) uint {
	f := k.Num()
	if i := int64(f); float64(i) == f && i > 0 {
		return uint(i)
	}
	return 0
}

// Get returns the value of a key, without metamethods.
func (t *Table) Get(k Value) Value {
	switch {
	case k.n > maxTag:
		if i := arrayIndex(k); i-1 < uint(len(t.arr)) {
			return t.arr[i-1]
		}
		return t.getNumber(k)
	case k.n == tagString:
		return t.getStr(k.str())
	case k.n == tagNil:
		return Nil
	}
	if n := t.find(k, hashOf(k)); n != nil {
		return n.val
	}
	return Nil
}

// GetInt returns the value of an integer key.
func (t *Table) GetInt(i int) Value {
	if uint(i-1) < uint(len(t.arr)) {
		return t.arr[i-1]
	}
	return t.getNumber(Int(i))
}

// GetStr returns the value of a string key.
func (t *Table) GetStr(key string) Value {
	if len(t.nodes) == 0 {
		return Nil
	}
	h := hashString(key)
	for i := t.nodes[h&uint32(len(t.nodes)-1)].head; i != 0; {
		n := &t.nodes[i-1]
		if n.hash == h && n.key.n == tagString && n.key.str().s == key {
			return n.val
		}
		i = n.next
	}
	return Nil
}

func (t *Table) getNumber(k Value) Value {
	if len(t.nodes) == 0 {
		return Nil
	}
	if k = normalKey(k); k.IsNil() {
		return Nil
	}
	if n := t.find(k, hashOf(k)); n != nil {
		return n.val
	}
	return Nil
}

// normalKey makes one key of 0 and -0, and nil of NaN.
func normalKey(k Value) Value {
	if f := k.Num(); f == 0 {
		return Number(0)
	} else if f != f {
		return Nil
	}
	return k
}

func (t *Table) getStr(k *String) Value {
	if n := t.findStr(k); n != nil {
		return n.val
	}
	return Nil
}

func (t *Table) findStr(k *String) *node {
	nodes := t.nodes
	if len(nodes) == 0 {
		return nil
	}
	h := k.sum()
	for i := nodes[h&uint32(len(nodes)-1)].head; i != 0; {
		n := &nodes[i-1]
		if n.hash == h && n.key.n == tagString && (n.key.str() == k || n.key.str().s == k.s) {
			return n
		}
		i = n.next
	}
	return nil
}

// find returns the node of a key that is neither nil nor NaN nor -0.
func (t *Table) find(k Value, h uint32) *node {
	if len(t.nodes) == 0 {
		return nil
	}
	for i := t.nodes[h&uint32(len(t.nodes)-1)].head; i != 0; {
		n := &t.nodes[i-1]
		if n.hash == h && RawEqual(n.key, k) {
			return n
		}
		i = n.next
	}
	return nil
}

// Len returns the length: some n with a value at n and none at n+1, the one that Lua 5.1 finds.
func (t *Table) Len() int {
	n := len(t.arr)
	if n > 0 && t.arr[n-1].IsNil() {
		lo, hi := 0, n // arr[lo-1] has a value or lo is 0; arr[hi-1] has none
		for hi-lo > 1 {
			if mid := (lo + hi) / 2; t.arr[mid-1].IsNil() {
				hi = mid
			} else {
				lo = mid
			}
		}
		return lo
	}
	if len(t.nodes) == 0 {
		return n
	}
	return t.lenBeyond(n)
}

func (t *Table) lenBeyond(n int) int {
	lo, hi := n, n+1
	for !t.GetInt(hi).IsNil() && hi < 1<<60 {
		lo, hi = hi, 2*hi
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; t.GetInt(mid).IsNil() {
			hi = mid
		} else {
			lo = mid
		}
	}
	return lo
}

// Next returns the key that follows k, nil beginning the traversal, with its value; a nil key ends it. Keys 1, 2, … come first,
// then the others as they were added. Removing keys on the way is allowed. A key that is not in the table is an error.
func (t *Table) Next(k Value) (key, val Value, err error) {
	i := t.position(k)
	if i < 0 {
		return Nil, Nil, &Error{Value: errNext, Source: "=[C]", Line: -1}
	}
	key, val, _ = t.Entry(i)
	return key, val, nil
}

var errNext = constString("invalid key to 'next'")

// position returns the position behind a key, 0 for nil, and a negative number if the key is not there.
func (t *Table) position(k Value) int {
	if k.IsNil() {
		return 0
	}
	if k.IsNumber() {
		if i := arrayIndex(k); i-1 < uint(len(t.arr)) {
			return int(i)
		}
		if k = normalKey(k); k.IsNil() {
			return -1
		}
	}
	if len(t.nodes) == 0 {
		return -1
	}
	h := hashOf(k)
	for i := t.nodes[h&uint32(len(t.nodes)-1)].head; i != 0; {
		n := &t.nodes[i-1]
		if n.hash == h && RawEqual(n.key, k) {
			return len(t.arr) + int(i)
		}
		i = n.next
	}
	return -1
}

// pay takes from the budget for going from position i to the next, past what was removed.
func (t *Table) pay(s *State, i, next int) {
	if next < 0 {
		next = len(t.arr) + t.used
	}
	s.budget -= (next - i) / 16
}

// Entry returns the first entry at or behind position i, in the order of Next, and the position to go on from; next is negative,
// and the key nil, when there is none. Positions are good until a key is added.
func (t *Table) Entry(i int) (k, v Value, next int) {
	for ; i < len(t.arr); i++ {
		if !t.arr[i].IsNil() {
			return Int(i + 1), t.arr[i], i + 1
		}
	}
	for j := i - len(t.arr); j < t.used; j++ {
		if n := &t.nodes[j]; !n.val.IsNil() {
			return n.key, n.val, len(t.arr) + j + 1
		}
	}
	return Nil, Nil, -1
}

// Clear empties the table and makes it an ordinary one: no metatable, not readonly. It keeps room for a few entries, so that a
// table that is used again and again costs nothing.
func (t *Table) Clear() {
	const keep = 16
	if len(t.arr) <= keep {
		clear(t.arr)
	} else {
		t.arr = nil
	}
	if len(t.nodes) <= keep {
		clear(t.nodes)
	} else {
		t.nodes = nil
	}
	t.used, t.Meta, t.Readonly, t.absent = 0, nil, false, 0
}

// errReadonly is Redis's text, to which clients are used.
const errReadonly = "Attempt to modify a readonly table"

// NewTable makes a table with room for narray elements from 1 and nhash others.
func (s *State) NewTable(narray, nhash int) (*Table, error) {
	nodes := nodesFor(nhash)
	if err := s.Spend((narray + nodes) / 16); err != nil {
		return nil, err
	}
	if err := s.Alloc(int(tableSize + int64(narray)*valueSize + int64(nodes)*nodeSize)); err != nil {
		return nil, err
	}
	t := &Table{}
	if narray > 0 {
		t.arr = make([]Value, narray)
	}
	if nodes > 0 {
		t.nodes = make([]node, nodes)
	}
	return t, nil
}

// NewArray makes a table whose array has memory for some elements. Unlike that of NewTable it holds none of them yet and grows as it is
// filled, on which depends what the length of one with holes is.
func (s *State) NewArray(room int) (*Table, error) {
	if room <= 0 {
		return s.NewTable(0, 0)
	}
	room = nodesFor(room) // it grows to powers of two
	if err := s.Alloc(int(tableSize + int64(room)*valueSize)); err != nil {
		return nil, err
	}
	return &Table{arr: make([]Value, 0, room)}, nil
}

// nodesFor returns the number of nodes for n keys.
func nodesFor(n int) int {
	if n <= 0 {
		return 0
	}
	return 1 << bits.Len(uint(min(n, maxNodes)-1))
}

// Set stores a value without metamethods; nil removes the key. It fails for the keys nil and NaN, for a table that is readonly, and
// when memory runs out.
func (s *State) Set(t *Table, k, v Value) error {
	if t.Readonly {
		return s.Errorf(errReadonly)
	}
	return s.rawSet(t, k, v)
}

// SetInt is Set with an integer key.
func (s *State) SetInt(t *Table, i int, v Value) error {
	if uint(i-1) < uint(len(t.arr)) && !t.Readonly {
		t.arr[i-1].put(v)
		return nil
	}
	return s.Set(t, Int(i), v)
}

// SetStr is Set with a string key.
func (s *State) SetStr(t *Table, key string, v Value) error {
	k, err := s.NewString(key)
	if err != nil {
		return err
	}
	return s.Set(t, k, v)
}

// SetMeta gives a table a metatable, or none.
func (s *State) SetMeta(t, meta *Table) error {
	if t.Readonly {
		return s.Errorf(errReadonly)
	}
	t.Meta = meta
	return nil
}

// rawSet is Set of a table that may be written.
func (s *State) rawSet(t *Table, k, v Value) error {
	var n *node
	switch {
	case k.n == tagString:
		n = t.findStr(k.str())
	case k.n > maxTag:
		if i := arrayIndex(k); i-1 < uint(len(t.arr)) {
			t.arr[i-1].put(v)
			return nil
		}
		if k = normalKey(k); k.IsNil() {
			return s.runError("table index is NaN")
		}
		n = t.find(k, hashOf(k))
	case k.n == tagNil:
		return s.runError("table index is nil")
	default:
		n = t.find(k, hashOf(k))
	}
	if n != nil {
		t.absent = 0
		n.val.put(v)
		return nil
	}
	if v.IsNil() {
		return nil
	}
	return s.insert(t, k, v)
}

// insert adds a key that the table does not have.
func (s *State) insert(t *Table, k, v Value) error {
	t.absent = 0
	if t.used == len(t.nodes) {
		if err := s.rehash(t, k); err != nil {
			return err
		}
		if k.n > maxTag {
			if i := arrayIndex(k); i-1 < uint(len(t.arr)) {
				t.arr[i-1].put(v)
				return nil
			}
		}
	}
	t.add(k, v, hashOf(k))
	return nil
}

// add takes the next node; there must be one.
func (t *Table) add(k, v Value, h uint32) {
	n := &t.nodes[t.used]
	t.used++
	first := &t.nodes[h&uint32(len(t.nodes)-1)].head
	n.key, n.val, n.hash, n.next = k, v, h, *first
	*first = int32(t.used)
}

// rehash makes room for a key that is to be added.
func (s *State) rehash(t *Table, k Value) error {
	if err := s.Spend(t.used/4 + 1); err != nil {
		return err
	}
	live := 0
	var keys intKeys
	for i := range t.nodes[:t.used] {
		if n := &t.nodes[i]; !n.val.IsNil() {
			live++
			keys.note(n.key)
		}
	}
	if live < t.used/2 {
		t.compact()
		return nil
	}
	keys.note(k)
	if keys.total == 0 {
		return s.resize(t, len(t.arr), nodesFor(live+1))
	}
	if err := s.Spend(len(t.arr) / 8); err != nil {
		return err
	}
	live += keys.addArray(t.arr)
	size, inside := keys.arraySize()
	return s.resize(t, size, nodesFor(live+1-inside))
}

// intKeys counts integer keys by size, to find how large an array they fill.
type intKeys struct {
	bySize [31]int // bySize[i]: of those in (2^(i-1), 2^i]
	total  int
}

func (c *intKeys) note(k Value) {
	if k.n > maxTag {
		if i := arrayIndex(k); i != 0 && i <= maxNodes {
			c.add(i)
		}
	}
}

func (c *intKeys) add(i uint) {
	c.bySize[bits.Len(i-1)]++
	c.total++
}

// addArray adds the keys 1, 2, … of the values that there are, and returns their number.
func (c *intKeys) addArray(arr []Value) (n int) {
	for size, from := 0, 0; from < len(arr); size++ {
		end := min(1<<size, len(arr))
		before := n
		for i := from; i < end; i++ {
			if arr[i].n != tagNil {
				n++
			}
		}
		c.bySize[size] += n - before
		from = end
	}
	c.total += n
	return n
}

// arraySize returns the largest power of two of which more than half are keys, 0 if there is none, and how many keys it holds.
func (c *intKeys) arraySize() (size, inside int) {
	sum := 0
	for i := 0; i < len(c.bySize) && c.total > 1<<i/2; i++ {
		sum += c.bySize[i]
		if sum > 1<<i/2 {
			size, inside = 1<<i, sum
		}
	}
	return size, inside
}

// compact takes the nodes of removed keys away.
func (t *Table) compact() {
	for i := range t.nodes {
		t.nodes[i].head = 0
	}
	used := t.used
	t.used = 0
	for i := range used {
		if n := &t.nodes[i]; !n.val.IsNil() {
			t.add(n.key, n.val, n.hash)
		}
	}
	for i := t.used; i < used; i++ {
		n := &t.nodes[i]
		n.key, n.val, n.hash, n.next = Nil, Nil, 0, 0
	}
}

// resize gives both parts new sizes and moves the keys to where they belong; all that do not fit into the array must fit into the
// nodes.
func (s *State) resize(t *Table, narray, nnodes int) error {
	const least = 4 // elements that an array has memory for, so that it need not move with each of the first
	room := cap(t.arr)
	if narray < len(t.arr) {
		room = narray
	} else if narray > room {
		room = max(narray, least)
	}
	bytes := int64(nnodes) * nodeSize
	if room != cap(t.arr) {
		bytes += int64(room) * valueSize
	}
	if err := s.Alloc(int(bytes)); err != nil {
		return err
	}
	before := t.size()
	old, used, arr := t.nodes, t.used, t.arr
	t.nodes, t.used = nil, 0
	if nnodes > 0 {
		t.nodes = make([]node, nnodes)
	}
	if room == cap(arr) {
		t.arr = arr[:narray]
	} else {
		t.arr = make([]Value, narray, room)
		copy(t.arr, arr)
	}
	for i := range old[:used] {
		n := &old[i]
		if n.val.IsNil() {
			continue
		}
		if n.key.n > maxTag {
			if j := arrayIndex(n.key); j-1 < uint(len(t.arr)) {
				t.arr[j-1] = n.val
				continue
			}
		}
		t.add(n.key, n.val, n.hash)
	}
	for i := narray; i < len(arr); i++ {
		if !arr[i].IsNil() {
			k := Int(i + 1)
			t.add(k, arr[i], hashOf(k))
		}
	}
	s.used -= before - (t.size() - bytes)
	return nil
}

// growArray makes arr hold at least n elements, for constructors that know how many come.
func (s *State) growArray(t *Table, n int) error {
	if n <= len(t.arr) {
		return nil
	}
	live := 0
	for i := range t.nodes[:t.used] {
		if !t.nodes[i].val.IsNil() {
			live++
		}
	}
	return s.resize(t, n, nodesFor(live))
}
