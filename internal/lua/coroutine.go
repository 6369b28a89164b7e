// SPDX-License-Identifier: BSD-3-Clause

package lua

// A Thread is a coroutine, or the main one of a state: a stack of values and a stack of frames. A frame's registers begin at its base
// and may be followed by those of the function it calls, which begin with the arguments where the caller put them.
//
// Running Lua never needs a goroutine: resume runs the loop on the other thread's stacks, from within the Go function that scripts
// call, and yield leaves that loop again. That works only if no Go function is in between.
type Thread struct {
	s      *State
	stack  []Value // window more than are in use
	frames []frame
	parent *Thread // the one that resumed it
	status Status
	within int // Go calls on this thread that run Lua: yield is possible at 0
	// where the results of the call that yielded go, how many are wanted (as in frame), and what it yielded
	yieldAt, yieldWant, yieldFrom, yielded int32
	live                                   int32 // end of the values in use while there is no frame
	mark                                   uint32
}

// A Status is the state of a coroutine.
type Status uint8

// The states of coroutines: the running one, one that was not begun or has yielded, one that has resumed another, one that ended.
const (
	Suspended Status = iota
	Running
	Normal
	Dead
)

// String returns the word that coroutine.status gives.
func (s Status) String() string { return [...]string{"suspended", "running", "normal", "dead"}[s] }

// window is how many registers instructions can name. A stack always has so many above the base of the last frame, so that the loop
// needs no check of bounds.
const window = 256

// A frame is a function that was called and has not returned.
type frame struct {
	cl    *Closure // nil: a function of Go
	base  int32    // of its registers or arguments
	fn    int32    // where the function is, and where its results go
	top   int32    // end of an open list of values; for Go, of arguments and results
	pc    int32    // of the next instruction, while it calls
	want  int32    // how many results are wanted + 1; 0 is all
	extra int32    // arguments beyond the parameters, which lie below base
	tails int32    // frames that tail calls have replaced
	entry bool     // called by Go: returning from it leaves the loop
}

// line returns the source line of the instruction that the frame is at.
func (f *frame) line() int { return f.cl.proto.lineAt(max(int(f.pc)-1, 0)) }

// calledName returns how the call that the frame is at names the function: "global", "foo".
func (f *frame) calledName() (kind, name string) {
	p := f.cl.proto
	pc := int(f.pc) - 1
	switch i := p.code[pc]; i.op() {
	case opCall, opTailCall:
		return p.nameOf(pc, int(i.a()))
	case opTForCall:
		return "local", "(for generator)"
	}
	return "", ""
}

// NewThread returns a new coroutine that will run fn, a function of Lua.
func (s *State) NewThread(fn Value) (*Thread, error) {
	if err := s.Alloc(int(threadSize) + firstStack*int(valueSize)); err != nil {
		return nil, err
	}
	s.used -= threadSize + firstStack*valueSize // newThread counts it
	th := newThread(s)
	th.stack[0] = fn
	th.live = 1
	return th, nil
}

// Thread returns the running coroutine and whether it is the main one.
func (s *State) Thread() (th *Thread, main bool) { return s.thread, s.thread == s.main }

// Status returns the coroutine's status.
func (th *Thread) Status() Status {
	return th.status
}

// Resume runs a coroutine with the call's arguments from number i on, until it yields, returns or fails. What it yielded or returned
// are the results, good until the state is used again. An *Error is the coroutine's, which is dead then, or says that it cannot be
// resumed.
func (c *Call) Resume(th *Thread, i int) ([]Value, error) {
	s := c.s
	if th.Status() != Suspended {
		return nil, s.Errorf("cannot resume %s coroutine", th.Status())
	}
	if s.depth >= maxDepth {
		return nil, s.Errorf("C stack overflow")
	}
	args := c.th.stack[c.base+min(i, c.n) : c.base+c.n]
	th.parent, th.status = s.thread, Running
	s.thread.status = Normal
	s.thread = th
	s.depth++
	n, err := s.resume(th, args)
	s.depth--
	s.thread = th.parent
	s.thread.status = Running
	th.parent = nil
	switch err {
	case nil:
		th.status, th.live = Dead, int32(n)
		return th.stack[:n:n], nil
	case errYield:
		th.status = Suspended
		from := int(th.yieldFrom)
		return th.stack[from : from+int(th.yielded)], nil
	}
	th.kill()
	return nil, err
}

// kill makes a coroutine dead and frees its stacks.
func (th *Thread) kill() {
	th.status, th.live = Dead, 0
	th.frames, th.stack = nil, make([]Value, 1)
}

// resume runs a coroutine that has become the running thread.
func (s *State) resume(th *Thread, args []Value) (int, error) {
	n := len(args)
	if len(th.frames) == 0 { // it begins
		if err := th.reserve(n + 1); err != nil {
			return 0, err
		}
		copy(th.stack[1:], args)
		th.live = int32(n + 1)
		if err := th.enterLua(0, n, 0, true); err != nil {
			return 0, err
		}
		th.live = 0
		return s.run(th)
	}
	th.live = 0
	at := int(th.yieldAt)
	if err := th.reserve(at + n); err != nil {
		return 0, err
	}
	copy(th.stack[at:], args)
	f := &th.frames[len(th.frames)-1]
	if f.cl.proto.code[f.pc-1].op() == opTailCall {
		if th.leave(at, n) {
			return n, nil
		}
	} else {
		th.adjust(f, at, n, int(th.yieldWant))
	}
	return s.run(th)
}

// Yield makes the running coroutine yield the call's arguments; the Go function must return at once what Yield returns. The call
// then has the arguments of the next Resume as its results.
func (c *Call) Yield() error {
	th := c.th
	if th == c.s.main || th.within > 0 {
		return c.s.runError("attempt to yield across metamethod/C-call boundary")
	}
	th.yieldFrom, th.yielded = int32(c.base), int32(c.n)
	th.live = int32(c.base + c.n)
	return errYield
}
