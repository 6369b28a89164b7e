// SPDX-License-Identifier: BSD-3-Clause

package lua

import "strings"

// An event is an entry of metatables that the machine asks for.
type event uint8

const (
	eventIndex event = iota
	eventNewIndex
	eventCall
	eventEq
	eventLen
	eventMode
	eventAdd
	eventSub
	eventMul
	eventDiv
	eventMod
	eventPow
	eventUnm
	eventConcat
	eventLt
	eventLe
	eventToString
	numEvents
)

// eventNames are the keys of the events.
var eventNames = func() (names [numEvents]Value) {
	for i, name := range strings.Fields("__index __newindex __call __eq __len __mode __add __sub __mul __div __mod __pow __unm " +
		"__concat __lt __le __tostring") {
		names[i] = constString(name)
	}
	return names
}()

// event returns the entry of a metatable for an event. That there is none is remembered until a key is added.
func (t *Table) event(e event) Value {
	if t == nil || t.absent>>e&1 != 0 {
		return Nil
	}
	n := t.findStr(eventNames[e].str())
	if n == nil || n.val.n == tagNil {
		t.absent |= 1 << e
		return Nil
	}
	n.key = eventNames[e] // so that the loop finds it
	return n.val
}

func (s *State) metamethod(v Value, e event) Value { return s.Metatable(v).event(e) }

// maxLoop is how many __index and __newindex are followed.
const maxLoop = 100

// Index returns v[k], asking metamethods.
func (s *State) Index(v, k Value) (Value, error) { return s.index(v, k, -1) }

// index is Index; reg is the register that v was read from, for the text of errors, or negative.
func (s *State) index(v, k Value, reg int) (Value, error) {
	s.payFor(k)
	for range maxLoop {
		var handler Value
		if v.n == tagTable {
			t := v.table()
			if r := t.Get(k); !r.IsNil() || t.Meta == nil {
				return r, nil
			}
			if handler = t.Meta.event(eventIndex); handler.IsNil() {
				return Nil, nil
			}
		} else if handler = s.metamethod(v, eventIndex); handler.IsNil() {
			return Nil, s.typeError(v, "index", reg)
		}
		if handler.IsFunction() {
			return s.call2(handler, v, k)
		}
		v, reg = handler, -1
	}
	return Nil, s.runError("loop in gettable")
}

// setIndex stores v[k] = w, asking metamethods; reg is as in index.
func (s *State) setIndex(v, k, w Value, reg int) error {
	s.payFor(k)
	for range maxLoop {
		var handler Value
		if v.n == tagTable {
			t := v.table()
			if t.Meta == nil {
				return s.setRaw(t, k, w)
			}
			if handler = t.Meta.event(eventNewIndex); handler.IsNil() || !t.Get(k).IsNil() || !isKey(k) {
				return s.setRaw(t, k, w)
			}
		} else if handler = s.metamethod(v, eventNewIndex); handler.IsNil() {
			return s.typeError(v, "index", reg)
		}
		if handler.IsFunction() {
			_, err := s.callValue(handler, v, k, w)
			return err
		}
		v, reg = handler, -1
	}
	return s.runError("loop in settable")
}

// isKey says whether a value can be a key: what cannot is refused before a metamethod is asked.
func isKey(k Value) bool { return !k.IsNil() && (!k.IsNumber() || k.Num() == k.Num()) }

// setRaw is Set with errors that have the position of the running function.
func (s *State) setRaw(t *Table, k, v Value) error {
	if t.Readonly {
		return s.runError(errReadonly)
	}
	return s.rawSet(t, k, v)
}

// payFor takes from the budget what it may take to hash or compare a long key; the next occasion pays for it.
func (s *State) payFor(k Value) {
	if k.n == tagString {
		s.budget -= len(k.str().s) / 64
	}
}

// call2 calls a metamethod with two arguments for its first result.
func (s *State) call2(fn, a, b Value) (Value, error) { return s.callValue(fn, a, b) }

// callValue calls a function for its first result.
func (s *State) callValue(fn Value, args ...Value) (Value, error) {
	th := s.thread
	at := th.top()
	if err := th.reserve(at + len(args) + 1); err != nil {
		return Nil, err
	}
	th.stack[at] = fn
	copy(th.stack[at+1:], args)
	n, err := s.callAt(th, at, len(args))
	if err != nil || n == 0 {
		return Nil, err
	}
	return th.stack[at], nil
}

// binary finds the metamethod of a binary operator, in the left operand or else in the right one.
func (s *State) binary(a, b Value, e event) Value {
	if h := s.metamethod(a, e); !h.IsNil() {
		return h
	}
	return s.metamethod(b, e)
}

// arith computes an operator whose operands are not both numbers.
func (s *State) arith(e event, a, b Value, ra, rb int) (Value, error) {
	if x, ok := s.toNumber(a); ok {
		if y, ok := s.toNumber(b); ok {
			return Number(compute(e, x, y)), nil
		}
	}
	if h := s.binary(a, b, e); !h.IsNil() {
		return s.call2(h, a, b)
	}
	if _, ok := s.toNumber(a); ok {
		a, ra = b, rb
	}
	return Nil, s.typeError(a, "perform arithmetic on", ra)
}

// Equal says whether a == b, asking metamethods.
func (s *State) Equal(a, b Value) (bool, error) {
	s.payFor(a)
	if RawEqual(a, b) {
		return true, nil
	}
	if a.n != b.n || a.n != tagTable && a.n != tagUserdata {
		return false, nil
	}
	h := s.metamethod(a, eventEq)
	if h.IsNil() {
		return false, nil
	}
	if !RawEqual(h, s.metamethod(b, eventEq)) {
		return false, nil
	}
	v, err := s.call2(h, a, b)
	return v.Truthy(), err
}

// Less says whether a < b, asking metamethods.
func (s *State) Less(a, b Value) (bool, error) {
	switch {
	case a.n > maxTag && b.n > maxTag:
		return a.Num() < b.Num(), nil
	case a.n == tagString && b.n == tagString:
		return s.compareStrings(a, b) < 0, nil
	}
	return s.compare(a, b, eventLt)
}

// LessEqual says whether a <= b, asking metamethods: __lt too when there is no __le.
func (s *State) LessEqual(a, b Value) (bool, error) {
	switch {
	case a.n > maxTag && b.n > maxTag:
		return a.Num() <= b.Num(), nil
	case a.n == tagString && b.n == tagString:
		return s.compareStrings(a, b) <= 0, nil
	}
	return s.compare(a, b, eventLe)
}

// compareStrings compares by bytes; the budget pays for long ones at the next occasion.
func (s *State) compareStrings(a, b Value) int {
	s.payFor(a)
	return strings.Compare(a.str().s, b.str().s)
}

func (s *State) compare(a, b Value, e event) (bool, error) {
	if a.Type() == b.Type() {
		if h := s.metamethod(a, e); !h.IsNil() && RawEqual(h, s.metamethod(b, e)) {
			v, err := s.call2(h, a, b)
			return v.Truthy(), err
		}
		if e == eventLe {
			if h := s.metamethod(a, eventLt); !h.IsNil() && RawEqual(h, s.metamethod(b, eventLt)) {
				v, err := s.call2(h, b, a)
				return !v.Truthy(), err
			}
		}
		return false, s.runError("attempt to compare two %s values", TypeName(a))
	}
	return false, s.runError("attempt to compare %s with %s", TypeName(a), TypeName(b))
}

// ToString returns what tostring(v) does, asking __tostring, which may give any value.
func (s *State) ToString(v Value) (Value, error) {
	if h := s.metamethod(v, eventToString); !h.IsNil() {
		results, err := s.Call(h, v)
		if err != nil || len(results) == 0 {
			return Nil, err
		}
		return results[0], nil
	}
	switch {
	case v.n == tagString:
		return v, nil
	case v.n <= tagTrue:
		return wordOf[v.n], nil
	}
	if v.n > maxTag {
		var b [32]byte
		return s.WordOf(AppendNumber(b[:0], v.Num()))
	}
	return s.NewString(Text(v))
}

var wordOf = [...]Value{tagNil: constString("nil"), tagFalse: constString("false"), tagTrue: constString("true")}
