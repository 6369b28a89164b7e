// SPDX-License-Identifier: BSD-3-Clause

package lua

// Compile turns a source into a function without parameters but `...`: what loadstring returns. name is the chunk's name, "@file",
// "=name" or any text, as errors and Proto.Source have it. The error is a *SyntaxError with lua5.1's text. Bytecode is not accepted:
// it is a source that begins with a strange character.
//
// Time and memory are linear in the source, and the stack is bounded by maxLevels.
func Compile(src, name string) (*Proto, error) { return compile(src, name, 0, nil) }

// CompileProto is Compile for a source from outside that may be of any size: it takes the state's steps, and its memory may not go
// beyond the state's limit meanwhile. Besides a *SyntaxError the error may be an *Error, "not enough memory", or the hook's. The Proto
// does not belong to the state.
func (s *State) CompileProto(src, name string) (*Proto, error) {
	w := &watch{s: s}
	defer w.end()
	return compile(src, name, 0, w)
}

// Compile turns a source that a script supplies into a function with the globals as its environment. It takes steps and memory like
// CompileProto, and the program counts as the state's memory as long as it lives. The error is an *Error, of the source's too, or the
// hook's.
func (s *State) Compile(src, name string) (Value, error) {
	p, err := s.CompileProto(src, name)
	if syntax, ok := err.(*SyntaxError); ok {
		return Nil, s.raise(s.text(syntax.Msg))
	} else if err != nil {
		return Nil, err
	}
	own := &ownProgram{size: p.Size()}
	if err := s.Alloc(int(own.size)); err != nil {
		return Nil, err
	}
	p.setOwn(own)
	return s.Load(p, nil), nil
}

// compile compiles a source as if it were within as many constructs as level says.
//
// Where a variable lives must be known before code is made for it, but shows only later, when a closure captures and somebody assigns
// it. So the compiler takes for granted that no variable is both, and when one turned out to be, it begins again, knowing which.
func compile(src, name string, level int, w *watch) (p *Proto, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			p, err = nil, e
		case stopped:
			p, err = nil, e.err
		default:
			panic(e)
		}
	}()
	first := newParser(src, name, level, w)
	if p = first.chunk(); !first.mistaken {
		return p, nil
	}
	second := newParser(src, name, level, w)
	second.known, second.texts = first.found, first.texts
	return second.chunk(), nil
}

// A watch takes steps and memory from a state while it compiles; a nil one does nothing.
type watch struct {
	s      *State
	source int // bytes pinned for what was read
	trees  int // bytes of the trees that are needed now
	pinned int // bytes pinned for them
}

// stopped is what a watch panics with when the state does not let it go on.
type stopped struct{ err error }

const (
	watchStep  = 1 << 10 // bytes of the source, or instructions, after which the state is asked
	watchSteps = 8       // steps a byte or instruction
	watchBytes = 24      // memory a byte: of code and constants; mostly it is less
	treeBytes  = 160     // memory an element of a tree's lists, with what the lists had before they grew
	treeStep   = 1 << 16 // bytes of trees after which the state is asked
)

// read is called for every n bytes that were read.
func (w *watch) read(n int) {
	if w == nil {
		return
	}
	w.pin(n * watchBytes)
	w.source += n * watchBytes
	w.made(n)
}

// made is called for every n instructions that were made.
func (w *watch) made(n int) {
	if w == nil {
		return
	}
	if err := w.s.Spend(n * watchSteps); err != nil {
		panic(stopped{err})
	}
}

// grow is called for every element of a tree's lists.
func (w *watch) grow() {
	if w == nil {
		return
	}
	if w.trees += treeBytes; w.trees > w.pinned {
		w.pin(treeStep)
		w.pinned += treeStep
	}
}

// size returns what the trees take that are needed now.
func (w *watch) size() int {
	if w == nil {
		return 0
	}
	return w.trees
}

// shrink is called when no trees are needed any more but those that size returned before.
func (w *watch) shrink(trees int) {
	if w == nil {
		return
	}
	w.trees = trees
	if n := (w.pinned - w.trees) / treeStep * treeStep; n > 0 {
		w.s.Unpin(n)
		w.pinned -= n
	}
}

func (w *watch) pin(n int) {
	if err := w.s.Pin(n); err != nil {
		panic(stopped{err})
	}
}

func (w *watch) end() { w.s.Unpin(w.source + w.pinned) }

// A parser reads one source, once. The scanner and the functions being compiled are its state: a statement is read, then code made of it
// in f.
type parser struct {
	scanner
	lastLine int // where the last token ended that was passed
	peeked   int // the line of the token behind the current one, if it was looked at; else 0
	level    int // how many constructs are around this place
	f        *function

	scope    map[string]*localVar // by name, the innermost; nil before the first
	known    []usage              // by declaration; nil: the first time
	found    []usage
	mistaken bool // the code is wrong, since a variable was used unexpectedly

	texts map[string]Value // the program's strings
}

func newParser(src, name string, level int, w *watch) *parser {
	return &parser{
		scanner: scanner{src: src, chunk: name, line: 1, watch: w},
		level:   level,
		texts:   map[string]Value{},
	}
}

// chunk compiles the source.
func (p *parser) chunk() *Proto {
	p.openFunction(0)
	p.f.proto.vararg = true
	p.advance()
	p.block()
	p.check(tokEnd)
	return p.closeFunction()
}

// stringValue returns the value of a string that does not keep the source alive; equal ones are the same object.
func (p *parser) stringValue(s string) Value {
	v, ok := p.texts[s]
	if !ok {
		text := copyString(s)
		text.hash, text.mark = hashString(s), staticMark
		v = stringValue(text)
		p.texts[v.Str()] = v
	}
	return v
}
