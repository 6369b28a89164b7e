// SPDX-License-Identifier: BSD-3-Clause

// Package lua is a Lua 5.1 machine: a compiler to register code, and a loop that runs it under a budget of steps and a limit of
// memory, so that no script can hang its caller or eat its memory. docs/lua.md says how it works.
//
// It knows nothing of Redis, of locks or of files. A Proto is immutable and shared by everybody; a State and all values made in it
// belong to one goroutine at a time.
package lua

import (
	"math"
	"strings"
	"unsafe"

	"github.com/redpoll/redpoll/internal/hash"
)

// A Value is any Lua value; the zero Value is nil. Values are compared with RawEqual, never with ==.
//
// n says what it is. Up to maxTag it is a tag, and p the object if the tag is one of an object. Above, the value is a number whose
// bits are the complement of n; only NaNs that no operation yields, and Number does not let in, would complement to a tag. For
// everything but objects p means nothing and may be whatever the slot held before: so a number is stored by writing n alone, without
// a write barrier. The mark (memory.go) clears what such a p keeps alive.
type Value struct {
	p unsafe.Pointer
	n uint64
}

// The tags. Falsehood is n <= tagFalse, and values without an object n <= tagTrue or n > maxTag.
const (
	tagNil uint64 = iota
	tagFalse
	tagTrue
	tagString
	tagTable
	tagLua      // *Closure
	tagGo       // *GoFunction
	tagUserdata // *Userdata, nil for NullPointer
	tagThread   // *Thread
	tagCell     // *cell: a register that holds a captured local; never seen by scripts
	maxTag      = 15
)

// A Type is what type() tells apart.
type Type uint8

// The types, in Lua's order.
const (
	TypeNil Type = iota
	TypeBoolean
	TypeNumber
	TypeString
	TypeTable
	TypeFunction
	TypeUserdata
	TypeThread
)

// typeNames are the names that type() and the texts of errors use.
var typeNames = [...]string{"nil", "boolean", "number", "string", "table", "function", "userdata", "thread"}

// String returns the name that Lua has for a type.
func (t Type) String() string { return typeNames[t] }

// The constants among values. NullPointer is a userdata without metatable, the same for all states; it prints "userdata: (nil)".
var (
	Nil         = Value{}
	False       = Value{n: tagFalse}
	True        = Value{n: tagTrue}
	NullPointer = Value{n: tagUserdata}
)

// tagTypes has the type of every tag; all above maxTag are numbers.
var tagTypes = [maxTag + 1]Type{
	tagFalse: TypeBoolean, tagTrue: TypeBoolean, tagString: TypeString, tagTable: TypeTable, tagLua: TypeFunction,
	tagGo: TypeFunction, tagUserdata: TypeUserdata, tagThread: TypeThread,
}

// Number returns f as a value.
func Number(f float64) Value {
	if f != f {
		return Value{n: ^(math.Float64bits(f)&(1<<63) | 0x7ff8<<48)} // keeps the sign, which Lua prints
	}
	return Value{n: ^math.Float64bits(f)}
}

// Int returns i as a value; beyond 2^53 the nearest number.
func Int(i int) Value { return Value{n: ^math.Float64bits(float64(i))} }

// Bool returns b as a value.
func Bool(b bool) Value {
	if b {
		return True
	}
	return False
}

// TableValue returns t, which is not nil, as a value.
func TableValue(t *Table) Value { return Value{unsafe.Pointer(t), tagTable} }

// UserdataValue returns u as a value.
func UserdataValue(u *Userdata) Value { return Value{unsafe.Pointer(u), tagUserdata} }

// ThreadValue returns a coroutine as a value.
func ThreadValue(t *Thread) Value { return Value{unsafe.Pointer(t), tagThread} }

func stringValue(s *String) Value       { return Value{unsafe.Pointer(s), tagString} }
func closureValue(c *Closure) Value     { return Value{unsafe.Pointer(c), tagLua} }
func functionValue(f *GoFunction) Value { return Value{unsafe.Pointer(f), tagGo} }
func cellValue(c *cell) Value           { return Value{unsafe.Pointer(c), tagCell} }

// Type returns the value's type.
func (v Value) Type() Type {
	if v.n > maxTag {
		return TypeNumber
	}
	return tagTypes[v.n]
}

// TypeName returns the name of the value's type, as type() does.
func TypeName(v Value) string { return typeNames[v.Type()] }

// IsNil says whether the value is nil; the others of this kind likewise.
func (v Value) IsNil() bool { return v.n == tagNil }

// IsBool says whether the value is true or false.
func (v Value) IsBool() bool { return v.n == tagFalse || v.n == tagTrue }

// IsNumber says whether the value is a number.
func (v Value) IsNumber() bool { return v.n > maxTag }

// IsString says whether the value is a string.
func (v Value) IsString() bool { return v.n == tagString }

// IsTable says whether the value is a table.
func (v Value) IsTable() bool { return v.n == tagTable }

// IsFunction says whether the value is a function, of Lua or of Go.
func (v Value) IsFunction() bool { return v.n == tagLua || v.n == tagGo }

// IsGoFunction says whether the value is a function written in Go.
func (v Value) IsGoFunction() bool { return v.n == tagGo }

// IsUserdata says whether the value is a userdata; NullPointer is one.
func (v Value) IsUserdata() bool { return v.n == tagUserdata }

// IsThread says whether the value is a coroutine.
func (v Value) IsThread() bool { return v.n == tagThread }

// Truthy says whether the value counts as true: all but nil and false do.
func (v Value) Truthy() bool { return v.n > tagFalse }

// Num returns the number; the value must be one.
func (v Value) Num() float64 { return math.Float64frombits(^v.n) }

// Bool returns the boolean; the value must be one.
func (v Value) Bool() bool { return v.n == tagTrue }

// Str returns the bytes of the string as a Go string, without copying; "" if the value is no string.
func (v Value) Str() string {
	if v.n != tagString {
		return ""
	}
	return (*String)(v.p).s
}

// Table returns the table; nil if the value is none.
func (v Value) Table() *Table {
	if v.n != tagTable {
		return nil
	}
	return (*Table)(v.p)
}

// Userdata returns the userdata; nil if the value is none, or NullPointer.
func (v Value) Userdata() *Userdata {
	if v.n != tagUserdata {
		return nil
	}
	return (*Userdata)(v.p)
}

// Thread returns the coroutine; nil if the value is none.
func (v Value) Thread() *Thread {
	if v.n != tagThread {
		return nil
	}
	return (*Thread)(v.p)
}

// These are for values whose tag was looked at.
func (v Value) str() *String      { return (*String)(v.p) }
func (v Value) table() *Table     { return (*Table)(v.p) }
func (v Value) closure() *Closure { return (*Closure)(v.p) }
func (v Value) gofn() *GoFunction { return (*GoFunction)(v.p) }
func (v Value) cell() *cell       { return (*cell)(v.p) }

// isObject says whether p is an object of the value's.
func (v Value) isObject() bool { return v.n-tagString <= maxTag-tagString }

// Address returns a number that tells the value's object from all others of its state while it lives; 0 without an object.
func (v Value) Address() uintptr {
	if !v.isObject() {
		return 0
	}
	return uintptr(v.p)
}

// RawEqual says whether two values are equal without asking metamethods.
func RawEqual(a, b Value) bool {
	switch {
	case a.n > maxTag && b.n > maxTag:
		return a.Num() == b.Num()
	case a.n != b.n:
		return false
	case a.n <= tagTrue || a.p == b.p:
		return true
	}
	return a.n == tagString && a.str().equal(b.str())
}

// put stores v into a slot that lives long, without keeping alive what the slot held.
func (v *Value) put(w Value) {
	if w.isObject() {
		*v = w
		return
	}
	v.n = w.n
	if v.p != nil {
		v.p = nil
	}
}

// A String is bytes. It is not interned: equal strings may be different objects. The hash is made when first asked for, except in
// constants of programs (mark is staticMark), which many goroutines read and nobody writes.
type String struct {
	s    string
	hash uint32 // 0: not made yet
	mark uint32
}

// staticMark in a mark field says that the object belongs to no state: it is neither marked nor counted.
const staticMark = math.MaxUint32

func hashString(s string) uint32 {
	if h := uint32(hash.String(s)); h != 0 {
		return h
	}
	return 1
}

func (s *String) sum() uint32 {
	if s.hash == 0 {
		s.hash = hashString(s.s)
	}
	return s.hash
}

func (s *String) equal(t *String) bool {
	if s.hash != t.hash && s.hash != 0 && t.hash != 0 {
		return false
	}
	return s.s == t.s
}

// constString makes a string that all states may share; it is counted nowhere.
func constString(s string) Value {
	return stringValue(&String{s: s, hash: hashString(s), mark: staticMark})
}

// ConstString makes a string value that all states may share, for names that Go code uses again and again. Its memory is counted
// nowhere, so it must not be made from what scripts supply.
func ConstString(s string) Value { return constString(s) }

// A cell is a local variable that closures share.
type cell struct {
	v    Value
	mark uint32
}

// A Userdata is an object whose only property is its metatable (newproxy makes them).
type Userdata struct {
	Meta *Table
	mark uint32
}

// A Closure is a function of Lua: code, environment, and the cells of what it captured.
type Closure struct {
	proto *Proto
	env   *Table
	ups   []Value // copies of what never changes after it was captured, and cells
	mark  uint32
}

// A GoFunction is a function of Go with the name that errors about its arguments use, and values that it holds on to.
type GoFunction struct {
	name string
	f    GoFunc
	ups  []Value
	mark uint32
}

// shortString is a string beside its bytes: one piece of memory is made faster than two.
type shortString struct {
	String
	room [24]byte
}

// copyString returns a string with a copy of text.
func copyString(text string) *String {
	if len(text) > len(shortString{}.room) {
		return &String{s: strings.Clone(text)}
	}
	x := &shortString{}
	x.s = unsafeString(x.room[:copy(x.room[:], text)])
	return &x.String
}

// unsafeString returns b as a string without copying; b is not changed any more.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
