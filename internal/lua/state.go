// SPDX-License-Identifier: BSD-3-Clause

package lua

import "math"

// Options are what a State is made with; the zero value runs without a hook or a limit.
type Options struct {
	// Hook is called about every Step steps of work, 50 to 100 µs with the default, and whenever a library or the collector has
	// spent as much. An error that it returns ends the run: scripts cannot catch it.
	Hook func() error
	// Step is the number of steps between two calls of the Hook; 0 is 10,000. A step is a call, a round of a loop, or what takes a
	// library some 5 ns.
	Step int
	// Memory is the limit in bytes for what scripts can reach, as the machine counts it; 0 is none.
	Memory int64
}

// A State is one machine: globals, stacks, budget and memory. It is used by one goroutine at a time, and so are all values made in
// it. After a call that failed, whatever the reason, it can be used again.
type State struct {
	thread *Thread // the one that runs
	main   *Thread
	budget int // steps until the next call of the hook
	owed   int // what Owed returns
	step   int
	hook   func() error

	used      int64 // bytes counted since the last mark, and what that found
	pinned    int64 // bytes that Go functions count themselves
	settled   int64 // what the last Settle found
	threshold int64 // where used causes the next mark
	limit     int64
	epoch     uint32 // what the last mark wrote into what it met

	globals    *Table
	stringMeta *Table
	kept       []Value // further roots of the mark, by Keep of State
	depth      int     // of Go calls that run Lua within each other
	calls      []*Call // one for each depth
	words      *words  // nil until there is one
	next       Value
	ipairs     Value
}

// The limits of nesting, as Lua 5.1 has them: Lua functions within each other, and calls that go through Go (pcall, metamethods,
// resume, iterators of libraries).
const (
	maxFrames = 20000
	maxDepth  = 200
)

const defaultStep = 10000

// New returns a state with empty globals.
func New(o Options) *State {
	s := &State{hook: o.Hook, step: o.Step, limit: o.Memory}
	if s.step <= 0 {
		s.step = defaultStep
	}
	if s.limit <= 0 {
		s.limit = math.MaxInt64 / 4
	}
	s.budget = s.step
	s.threshold = min(s.limit, minThreshold)
	s.globals = &Table{}
	s.main = newThread(s)
	s.thread, s.main.status = s.main, Running
	s.next = functionValue(&GoFunction{name: "next", f: nextEntry, mark: staticMark})
	s.ipairs = functionValue(&GoFunction{name: "ipairs", f: nextElement, mark: staticMark})
	return s
}

// SetHook changes what is called as the budget runs out; see Options.
func (s *State) SetHook(hook func() error) { s.hook = hook }

// SetMemory changes the limit of Options.
func (s *State) SetMemory(limit int64) {
	if s.limit = limit; limit <= 0 {
		s.limit = math.MaxInt64 / 4
	}
	s.threshold = min(s.threshold, s.limit)
}

// Globals returns the table of globals that Load and Go functions see.
func (s *State) Globals() *Table { return s.globals }

// SetGlobals replaces it: setfenv(0, t).
func (s *State) SetGlobals(t *Table) { s.globals = t }

// StringMeta returns the metatable of all strings, nil if there is none.
func (s *State) StringMeta() *Table { return s.stringMeta }

// SetStringMeta sets it.
func (s *State) SetStringMeta(t *Table) { s.stringMeta = t }

// Metatable returns a value's metatable, nil if there is none.
func (s *State) Metatable(v Value) *Table {
	switch v.n {
	case tagTable:
		return v.table().Meta
	case tagString:
		return s.stringMeta
	case tagUserdata:
		if u := v.Userdata(); u != nil {
			return u.Meta
		}
	}
	return nil
}

// NextFunction returns the function next, which the loop knows and runs without a call.
func (s *State) NextFunction() Value { return s.next }

// IpairsIterator returns the function that ipairs gives, likewise.
func (s *State) IpairsIterator() Value { return s.ipairs }

func nextEntry(c *Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	at := t.position(c.Arg(1))
	if at < 0 {
		return c.s.raise(errNext)
	}
	k, v, next := t.Entry(at)
	t.pay(c.s, at, next)
	if k.IsNil() {
		return c.Return(Nil)
	}
	return c.Return(k, v)
}

func nextElement(c *Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	i, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	if v := t.GetInt(i + 1); !v.IsNil() {
		return c.Return(Int(i+1), v)
	}
	return c.Return(Nil)
}

// NewFunction returns a function of Go; name is what errors about its arguments call it when they do not know better.
func (s *State) NewFunction(name string, f GoFunc) Value {
	s.used += functionSize
	return functionValue(&GoFunction{name: name, f: f})
}

// NewClosure is NewFunction with values that f holds on to, which the mark has to know.
func (s *State) NewClosure(name string, f GoFunc, ups ...Value) (Value, error) {
	if err := s.Alloc(int(functionSize) + len(ups)*int(valueSize)); err != nil {
		return Nil, err
	}
	x := &struct {
		GoFunction
		room [3]Value // one piece of memory is made faster than two
	}{}
	x.name, x.f, x.ups = name, f, append(x.room[:0], ups...)
	return functionValue(&x.GoFunction), nil
}

// NewUserdata returns a new userdata with a metatable or nil.
func (s *State) NewUserdata(meta *Table) (Value, error) {
	if err := s.Alloc(int(userdataSize)); err != nil {
		return Nil, err
	}
	return UserdataValue(&Userdata{Meta: meta}), nil
}

// NewString returns a string of the state with the bytes of text, which it does not copy; a text that belongs to something larger
// is counted as if it were copied. It fails when memory runs out.
func (s *State) NewString(text string) (Value, error) {
	if err := s.Alloc(int(stringCost(len(text)))); err != nil {
		return Nil, err
	}
	return stringValue(&String{s: text}), nil
}

// Bytes returns a string of the state with a copy of b.
func (s *State) Bytes(b []byte) (Value, error) {
	return s.Copy(unsafeString(b))
}

// Copy returns a string of the state with a copy of text, which it does not keep alive.
func (s *State) Copy(text string) (Value, error) {
	if err := s.Alloc(int(stringCost(len(text)))); err != nil {
		return Nil, err
	}
	return stringValue(copyString(text)), nil
}

// Own returns a string of the state with the bytes of b, which it takes: nobody may change them afterwards.
func (s *State) Own(b []byte) (Value, error) {
	return s.NewString(unsafeString(b))
}

// Load returns the function of a compiled chunk with env as its environment; nil is the globals.
func (s *State) Load(p *Proto, env *Table) Value {
	if env == nil {
		env = s.globals
	}
	s.used += closureSize
	return closureValue(&Closure{proto: p, env: env})
}

// Env returns the environment of a function, or nil if v is none.
func (s *State) Env(v Value) *Table {
	switch v.n {
	case tagLua:
		return v.closure().env
	case tagGo:
		return s.globals
	}
	return nil
}

// SetEnv changes the environment of a function of Lua and says whether it was one.
func (s *State) SetEnv(v Value, env *Table) bool {
	if v.n != tagLua {
		return false
	}
	v.closure().env = env
	return true
}

// FuncAt returns the function that runs at a level, 0 being the running one, 1 its caller and so on. There is none past the last
// level, and where a tail call has taken its place.
func (s *State) FuncAt(level int) (Value, bool) {
	f := s.thread.level(level)
	if f == nil {
		return Nil, false
	}
	return s.thread.stack[f.fn], true
}

// Levels returns how many levels there are.
func (s *State) Levels() int {
	n := 0
	for i := range s.thread.frames {
		n += 1 + int(s.thread.frames[i].tails)
	}
	return n
}

// Keep makes a value a root of the mark for the life of the state; for the few values that Go code holds on to.
func (s *State) Keep(v Value) { s.kept = append(s.kept, v) }

// Spend takes n steps from the budget; a library calls it as it works. An error ends the run: return it.
func (s *State) Spend(n int) error {
	if s.budget -= n; s.budget < 0 {
		return s.tick()
	}
	return nil
}

// tick calls the hook and fills the budget. It is not inlined into Spend so that Spend is inlined.
//
//go:noinline
func (s *State) tick() error {
	s.owed, s.budget = -s.budget, s.step
	if s.hook == nil {
		return nil
	}
	return s.hook()
}

// Owed is for the hook: how many steps more than there were have just been taken. Mostly they are of work that is about to be done at
// one go, such as copying a long string.
func (s *State) Owed() int { return s.owed }

// Call calls a function from Go, outside of any run or within a Go function, where Call.Call does the same. The results are good
// until the state is used again. An *Error is an error of Lua's; all others come from the hook or from Go functions.
func (s *State) Call(fn Value, args ...Value) ([]Value, error) {
	th := s.thread
	if len(th.frames) == 0 {
		s.used -= s.pinned
		s.pinned = 0
	}
	at := th.top()
	if err := th.reserve(at + len(args) + 1); err != nil {
		return nil, err
	}
	th.stack[at] = fn
	copy(th.stack[at+1:], args)
	return s.results(th, at, len(args))
}

// results is callAt for Go functions, which may allocate while they look at the results.
func (s *State) results(th *Thread, at, n int) ([]Value, error) {
	n, err := s.callAt(th, at, n)
	if err != nil {
		return nil, err
	}
	if len(th.frames) == 0 {
		th.live = int32(at + n)
	} else {
		th.frames[len(th.frames)-1].top = int32(at + n)
	}
	return th.stack[at : at+n : at+n], nil
}
