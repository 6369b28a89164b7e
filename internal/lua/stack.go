// SPDX-License-Identifier: BSD-3-Clause

package lua

func newThread(s *State) *Thread {
	th := &Thread{s: s, stack: make([]Value, firstStack)}
	s.used += threadSize + firstStack*valueSize
	return th
}

// firstStack is the size of a new stack: enough for a window above some arguments.
const firstStack = window + 32

// top returns the end of what is in use.
func (th *Thread) top() int {
	if len(th.frames) == 0 {
		return 0
	}
	f := &th.frames[len(th.frames)-1]
	if f.cl == nil {
		c := th.s.calls[th.s.depth]
		return c.base + c.n + c.held + c.nret
	}
	return max(int(f.base)+f.cl.proto.stack, int(f.top))
}

// reserve makes the stack large enough for n values and a window above them. It may move the stack.
func (th *Thread) reserve(n int) error {
	if n += window; n <= len(th.stack) {
		return nil
	}
	size := max(n, 2*len(th.stack))
	th.s.budget -= size / 16
	if err := th.s.Alloc(size * int(valueSize)); err != nil {
		return err
	}
	stack := make([]Value, size)
	copy(stack, th.stack)
	th.s.Free(len(th.stack) * int(valueSize))
	th.stack = stack
	return nil
}

// push adds a frame, which still has the fields of an earlier one.
func (th *Thread) push() (*frame, error) {
	n := len(th.frames)
	if n == cap(th.frames) {
		if err := th.growFrames(); err != nil {
			return nil, err
		}
	}
	th.frames = th.frames[:n+1]
	return &th.frames[n], nil
}

func (th *Thread) growFrames() error {
	n := len(th.frames)
	if n >= maxFrames {
		return th.s.runError("stack overflow")
	}
	size := min(max(2*n, 8), maxFrames)
	if err := th.s.Alloc((size - n) * int(frameSize)); err != nil {
		return err
	}
	frames := make([]frame, n, size)
	copy(frames, th.frames)
	th.frames = frames
	return nil
}

// level returns the frame at a level, 0 being the running function; nil past the last and for what a tail call has replaced.
func (th *Thread) level(n int) *frame {
	for i := len(th.frames) - 1; i >= 0; i-- {
		if n == 0 {
			return &th.frames[i]
		}
		if n -= 1 + int(th.frames[i].tails); n < 0 {
			return nil
		}
	}
	return nil
}

// window returns the registers that begin at base.
func (th *Thread) window(base int) *[window]Value {
	return (*[window]Value)(th.stack[base : base+window])
}

// callAt calls the function at stack[at] with the n arguments behind it and leaves the results, whose number it returns, from at
// on. It is how everything that is not the loop calls; the loop itself only goes through it for metamethods.
func (s *State) callAt(th *Thread, at, n int) (int, error) {
	if s.depth >= maxDepth {
		return 0, s.runError("C stack overflow")
	}
	s.depth++
	th.within++
	frames, live := len(th.frames), th.live
	th.live = int32(at + n + 1)
	nres, err := s.enter(th, at, n)
	th.live = live
	if err != nil {
		th.frames = th.frames[:frames]
	}
	th.within--
	s.depth--
	return nres, err
}

// enter is callAt below the count of depths.
func (s *State) enter(th *Thread, at, n int) (int, error) {
	if s.budget--; s.budget < 0 {
		if err := s.tick(); err != nil {
			return 0, err
		}
	}
	switch fn := th.stack[at]; fn.n {
	case tagLua:
		if err := th.enterLua(at, n, 0, true); err != nil {
			return 0, err
		}
		return s.run(th)
	case tagGo:
		return s.callGo(th, fn.gofn(), at, n)
	}
	n, err := s.resolve(th, at, n)
	if err != nil {
		return 0, err
	}
	return s.enter(th, at, n)
}

// callGo runs a function of Go, whose results it moves to where the function was.
func (s *State) callGo(th *Thread, fn *GoFunction, at, n int) (int, error) {
	base := at + 1
	if base+n+window > len(th.stack) {
		if err := th.reserve(base + n); err != nil {
			return 0, err
		}
	}
	f, err := th.push()
	if err != nil {
		return 0, err
	}
	f.cl, f.base, f.fn, f.top = nil, int32(base), int32(at), int32(base+n)
	f.extra, f.tails, f.entry = 0, 0, false
	for len(s.calls) <= s.depth {
		s.calls = append(s.calls, &Call{s: s})
	}
	c := s.calls[s.depth]
	c.th, c.base, c.n, c.nret, c.held = th, base, n, 0, 0
	if err := fn.f(c); err != nil {
		return 0, err // the frame stays for whoever words the error; callAt and the loop take it away
	}
	th.frames = th.frames[:len(th.frames)-1]
	from := base + c.n + c.held
	if c.nret == 1 {
		th.stack[at] = th.stack[from]
		return 1, nil
	}
	s.budget -= c.nret / 8
	copy(th.stack[at:at+c.nret], th.stack[from:from+c.nret])
	return c.nret, nil
}
