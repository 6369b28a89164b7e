// SPDX-License-Identifier: BSD-3-Clause

package lua

import "unsafe"

// Memory is counted, not managed: Go's collector frees what is no longer used. Whoever is about to allocate adds to State.used; when
// that passes the threshold, a mark walks over everything that scripts can reach, sets used to what that takes, and the threshold to
// twice of it. What remains above the limit then is an error.

const (
	minThreshold = 1 << 20

	stringSize   = int64(unsafe.Sizeof(String{}))
	closureSize  = int64(unsafe.Sizeof(Closure{}))
	functionSize = int64(unsafe.Sizeof(GoFunction{}))
	userdataSize = int64(unsafe.Sizeof(Userdata{}))
	cellSize     = int64(unsafe.Sizeof(cell{}))
	threadSize   = int64(unsafe.Sizeof(Thread{}))
	frameSize    = int64(unsafe.Sizeof(frame{}))
)

// stringCost returns the bytes that a string of n bytes takes.
func stringCost(n int) int64 { return stringSize + int64(n+15)&^15 }

// Alloc counts n bytes that the caller is about to allocate for a script. It fails when they would not fit below the limit: with
// an *Error, "not enough memory", or with the hook's error.
func (s *State) Alloc(n int) error {
	if used := s.used + int64(n); uint64(used) <= uint64(s.threshold) {
		s.used = used
		return nil
	}
	return s.collectFor(int64(n))
}

// Pin is Alloc for memory that a running Go function builds in, which the mark cannot see: it counts until Unpin takes it back, or the
// next call from outside of any run begins.
func (s *State) Pin(n int) error {
	if err := s.Alloc(n); err != nil {
		return err
	}
	s.pinned += int64(n)
	return nil
}

// Unpin takes back n bytes of what Pin counted.
func (s *State) Unpin(n int) {
	s.pinned -= int64(n)
	s.used -= int64(n)
}

// Free takes back what Alloc counted and what is not needed any more.
func (s *State) Free(n int) { s.used -= int64(n) }

// Memory returns the bytes that scripts take: what the last mark found and what was allocated since.
func (s *State) Memory() int64 { return s.used }

// Limit returns the limit of memory in bytes.
func (s *State) Limit() int64 { return s.limit }

// collectFor marks, and counts n bytes more if they fit below the limit then.
func (s *State) collectFor(n int64) error {
	if n < 0 || n > s.limit {
		return s.raise(errMemory)
	}
	if err := s.collect(); err != nil {
		return err
	}
	// The last sixteenth is not given out: else a script at the limit would mark at every allocation.
	if s.used+n > s.limit-s.limit/16 {
		s.threshold = s.used
		return s.raise(errMemory)
	}
	s.used += n
	s.threshold = min(max(2*s.used, minThreshold), s.limit)
	return nil
}

// Settle is to be called between runs. It gives back what the last ones left, if that is much: garbage that the stack still holds, and
// the stack.
func (s *State) Settle() {
	const much = 1 << 20
	if s.used-s.settled < much {
		return
	}
	if th := s.main; len(th.stack) > 4*firstStack {
		th.stack, th.frames = make([]Value, firstStack), nil
	}
	s.main.live = 0
	s.pinned = 0
	hook := s.hook
	s.hook = nil // nobody is to be stopped
	_ = s.Collect()
	s.hook = hook
	s.settled = s.used
}

// Collect marks at once: used is exact afterwards, and weak tables have lost what nobody else holds.
func (s *State) Collect() error {
	if err := s.collect(); err != nil {
		return err
	}
	s.threshold = min(max(2*s.used, minThreshold), s.limit)
	return nil
}

// A marker walks over what scripts can reach. Objects that were met wait in work until what they hold is walked over.
type marker struct {
	s     *State
	epoch uint32
	size  int64
	work  []Value
	weak  []*Table // met, and holding keys or values weakly, or keys of removed entries
}

// collect marks: used becomes what is reachable. The hook is called on the way; its error ends the mark and changes nothing.
func (s *State) collect() error {
	if s.epoch++; s.epoch == staticMark {
		s.epoch = 1
	}
	m := marker{s: s, epoch: s.epoch}
	m.table(s.globals)
	if s.stringMeta != nil {
		m.table(s.stringMeta)
	}
	for _, v := range s.kept {
		m.value(v)
	}
	m.thread(s.main)
	for th := s.thread; th != nil; th = th.parent {
		m.thread(th)
	}
	for len(m.work) > 0 {
		v := m.work[len(m.work)-1]
		m.work = m.work[:len(m.work)-1]
		if err := m.walk(v); err != nil {
			return err
		}
	}
	m.clearWeak()
	s.used = m.size + s.pinned
	return nil
}

// fresh notes that an object was met and says whether it had not been before.
func (m *marker) fresh(mark *uint32, size int64) bool {
	if *mark == m.epoch || *mark == staticMark {
		return false
	}
	*mark = m.epoch
	m.size += size
	return true
}

// value meets a value.
func (m *marker) value(v Value) {
	switch v.n {
	case tagString:
		if s := v.str(); s.mark != m.epoch && s.mark != staticMark {
			s.mark = m.epoch
			m.size += stringCost(len(s.s))
		}
	case tagTable:
		m.table(v.table())
	case tagLua:
		if c := v.closure(); m.fresh(&c.mark, closureSize+int64(len(c.ups))*valueSize) {
			m.work = append(m.work, v)
			if p := c.proto.own; p != nil {
				m.fresh(&p.mark, p.size)
			}
		}
	case tagGo:
		if f := v.gofn(); m.fresh(&f.mark, functionSize+int64(len(f.ups))*valueSize) && len(f.ups) > 0 {
			m.work = append(m.work, v)
		}
	case tagUserdata:
		if u := v.Userdata(); u != nil && m.fresh(&u.mark, userdataSize) && u.Meta != nil {
			m.table(u.Meta)
		}
	case tagThread:
		m.thread(v.Thread())
	case tagCell:
		m.cell(v.cell())
	}
}

func (m *marker) table(t *Table) {
	if m.fresh(&t.mark, t.size()) {
		m.work = append(m.work, TableValue(t))
	}
}

func (m *marker) thread(th *Thread) {
	if m.fresh(&th.mark, threadSize+int64(len(th.stack))*valueSize+int64(cap(th.frames))*frameSize) {
		m.work = append(m.work, ThreadValue(th))
	}
}

func (m *marker) cell(c *cell) {
	if m.fresh(&c.mark, cellSize) {
		m.work = append(m.work, cellValue(c))
	}
}

// walk meets what an object holds.
func (m *marker) walk(v Value) error {
	switch v.n {
	case tagTable:
		return m.walkTable(v.table())
	case tagLua:
		c := v.closure()
		m.table(c.env)
		for _, up := range c.ups {
			m.value(up)
		}
		return m.s.Spend(1)
	case tagGo:
		for _, up := range v.gofn().ups {
			m.value(up)
		}
	case tagCell:
		m.value(v.cell().v)
	case tagThread:
		return m.walkThread(v.Thread())
	}
	return nil
}

// values meets values, and clears the pointers of those that are no objects.
func (m *marker) values(vs []Value) {
	for i := range vs {
		if v := &vs[i]; v.isObject() {
			m.value(*v)
		} else if v.p != nil {
			v.p = nil
		}
	}
}

// walkTable meets a table's metatable, keys and values, but those that it holds weakly.
func (m *marker) walkTable(t *Table) error {
	weakKeys, weakValues := false, false
	if t.Meta != nil {
		m.table(t.Meta)
		weakKeys, weakValues = t.Meta.weakness()
	}
	const chunk = 1 << 12 // so that the hook is called often enough
	if !weakValues {
		for i := 0; i < len(t.arr); i += chunk {
			part := t.arr[i:min(i+chunk, len(t.arr))]
			m.values(part)
			if err := m.s.Spend(len(part)); err != nil {
				return err
			}
		}
	}
	graves := false
	for i := range t.nodes[:t.used] {
		n := &t.nodes[i]
		if n.val.IsNil() && n.key.isObject() && n.key.n != tagString {
			graves = true
			continue
		}
		if !weakKeys {
			m.value(n.key)
		}
		if !weakValues {
			m.value(n.val)
		}
		if i%chunk == chunk-1 {
			if err := m.s.Spend(chunk); err != nil {
				return err
			}
		}
	}
	if graves || weakKeys || weakValues {
		m.weak = append(m.weak, t)
	}
	return m.s.Spend(1)
}

// weakness says what a table with this metatable holds weakly.
func (t *Table) weakness() (keys, values bool) {
	mode := t.event(eventMode)
	if mode.n != tagString {
		return false, false
	}
	for _, c := range mode.Str() {
		keys = keys || c == 'k'
		values = values || c == 'v'
	}
	return keys, values
}

// walkThread meets what the frames of a thread can see and clears the stack above them.
func (m *marker) walkThread(th *Thread) error {
	end := int(th.live)
	for i := range th.frames {
		f := &th.frames[i]
		end = max(end, int(f.top))
		if f.cl != nil {
			end = max(end, int(f.base)+f.cl.proto.stack)
		}
	}
	end = min(end, len(th.stack))
	m.values(th.stack[:end])
	clear(th.stack[end:])
	return m.s.Spend(1 + end/8)
}

// clearWeak removes what weak tables held and the mark has not met, and the keys of removed entries that nobody has any more: who
// has one may still ask Next for what follows it.
func (m *marker) clearWeak() {
	for _, t := range m.weak {
		for i := range t.arr {
			if m.dead(t.arr[i]) {
				t.arr[i] = Nil
			}
		}
		for i := range t.nodes[:t.used] {
			n := &t.nodes[i]
			deadKey := m.dead(n.key)
			if deadKey || m.dead(n.val) {
				n.val = Nil
			}
			if deadKey {
				n.key = grave
			}
		}
	}
}

// grave is a key that equals no other.
var grave = Value{n: tagCell}

// dead says whether a weakly held value goes. Strings are values, not objects: they stay, and count from now on.
func (m *marker) dead(v Value) bool {
	switch v.n {
	case tagString:
		m.value(v)
	case tagTable:
		return v.table().mark != m.epoch
	case tagLua:
		return v.closure().mark != m.epoch
	case tagGo:
		f := v.gofn()
		return f.mark != m.epoch && f.mark != staticMark
	case tagUserdata:
		u := v.Userdata()
		return u != nil && u.mark != m.epoch
	case tagThread:
		return v.Thread().mark != m.epoch
	}
	return false
}
