// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/lua/lib"
)

// kind says what a sandbox is for.
type kind uint8

const (
	forScripts kind = iota
	forFunctions
	kinds
)

// local is what a worker keeps for this package (command.ScriptHost.Local).
type local struct {
	sandboxes [kinds]*sandbox
}

// A sandbox is a Lua state of one worker, with the globals that scripts or functions see. It belongs to the goroutine that runs the worker.
type sandbox struct {
	machine  *Machine
	kind     kind
	epoch    uint64 // the machine's when it was made
	state    *lua.State
	codecs   *lib.Codecs
	globals  *lua.Table
	tostring lua.Value // the function of that name

	// call and host are those of the run, nil between runs. One that is set when a run begins was left by a panic: the sandbox is not
	// used again.
	call  *command.Ctx
	host  command.ScriptHost
	limit int64 // of the state's memory
	proto int   // of the replies to commands: 2 or 3

	argv     [][]byte // of a command that is called; used again
	room     []byte   // its bytes
	reported int64    // of the state's bytes, how many the machine counts

	// source and line are where the run was when it was ended from outside.
	source string
	line   int

	// Of scripts: what is told of the run, what it is given, and those that have run here.
	scriptRun  command.ScriptRun
	keys, args *lua.Table
	functions  map[*cached]lua.Value
	forgetFrom int // how many functions there are when those are dropped whose scripts are gone

	libraries functionState // of functions
}

// sandbox gives the sandbox of a kind of the worker that runs c. The error is for the client: lua-memory-limit does not let one be made.
func (m *Machine) sandbox(c *command.Ctx, k kind) (*sandbox, error) {
	slot := c.Script().Local()
	l, _ := (*slot).(*local)
	if l == nil {
		l = new(local)
		*slot = l
	}
	b := l.sandboxes[k]
	if b != nil && b.call == nil && b.libraries.registering == nil && (k == forFunctions || b.epoch == m.epoch.Load()) {
		if limit := m.options.MemoryLimit(); limit != b.limit {
			b.limit = limit
			b.state.SetMemory(limit)
		}
		return b, nil
	}
	if b != nil {
		b.unreport()
	}
	b, err := m.newSandbox(k)
	if err != nil {
		return nil, lackOfMemory(err)
	}
	l.sandboxes[k] = b
	b.report()
	return b, nil
}

// newSandbox makes a sandbox. The error is that of a memory limit which does not let one be made.
func (m *Machine) newSandbox(k kind) (*sandbox, error) {
	b := &sandbox{machine: m, kind: k, epoch: m.epoch.Load(), limit: m.options.MemoryLimit()}
	b.state = lua.New(lua.Options{Hook: b.tick, Memory: b.limit})
	b.globals = b.state.Globals()
	standard, err := lib.Open(b.state, m.options.Clock)
	if err != nil {
		return nil, err
	}
	standard.Seed(firstSeed)
	if b.codecs, err = lib.OpenCodecs(b.state, &m.settings); err != nil {
		return nil, err
	}
	if err := b.furnish(); err != nil {
		return nil, err
	}
	if err := b.confine(); err != nil {
		return nil, err
	}
	if k == forFunctions {
		return b, b.openLibraries()
	}
	b.functions = map[*cached]lua.Value{}
	if b.keys, err = b.global("KEYS"); err != nil {
		return nil, err
	}
	b.args, err = b.global("ARGV")
	return b, err
}

// firstSeed is what math.random begins with, as in Redis. A sandbox's numbers go on from run to run.
const firstSeed = 0x1234ABCD

const (
	longWork = 50_000 // steps at one go from which on others should not wait for them
	longStep = 20     // ns that a step of such work may take, mostly for memory that was never touched
)

// announce is called before a command's words are looked at, of which there may be very many, or very long ones.
func announce(c *command.Ctx) error {
	const (
		word, perByte = 100, 2 // ns
		long          = 1_000_000
	)
	n := len(c.Argv) * word
	for _, w := range c.Argv {
		n += len(w) * perByte
	}
	if n < long {
		return nil
	}
	return c.Ahead(int64(n))
}

// tick is called by the Lua machine, every 100 µs or so of a script's running, and by what takes long otherwise.
func (b *sandbox) tick() error {
	if b.call == nil {
		return nil
	}
	var err error
	if n := b.state.Owed(); n > longWork {
		err = b.call.Ahead(int64(n) * longStep)
	} else {
		err = b.call.Tick()
	}
	if err != nil {
		b.source, b.line = b.running()
	}
	return err
}

// running gives where the innermost function of Lua is.
func (b *sandbox) running() (source string, line int) {
	line = -1
	for level := range b.state.Levels() {
		if source, line = b.state.Where(level); line >= 0 {
			break
		}
	}
	return source, line
}

// global gives a new table that is a global, though the globals are readonly.
func (b *sandbox) global(name string) (*lua.Table, error) {
	t, err := b.state.NewTable(0, 0)
	if err != nil {
		return nil, err
	}
	b.globals.Readonly = false
	err = b.state.SetStr(b.globals, name, lua.TableValue(t))
	b.globals.Readonly = true
	return t, err
}

// fill makes a table the list of these words, and nothing else.
func (b *sandbox) fill(t *lua.Table, words [][]byte) error {
	t.Clear()
	for i, word := range words {
		v, err := b.state.Bytes(word)
		if err != nil {
			return err
		}
		if err := b.state.SetInt(t, i+1, v); err != nil {
			return err
		}
	}
	return nil
}

// list gives a new table that is the list of these words.
func (b *sandbox) list(words [][]byte) (lua.Value, error) {
	t, err := b.state.NewTable(len(words), 0)
	if err != nil {
		return lua.Nil, err
	}
	return lua.TableValue(t), b.fill(t, words)
}

// report tells the machine how much memory the state has, once that has changed by more than what may be garbage.
func (b *sandbox) report() {
	const garbage = 1 << 20
	if n := b.state.Memory() - b.reported; b.reported == 0 || n > garbage || n < -garbage {
		b.reported += n
		b.machine.memory[b.kind].Add(n)
	}
}

// unreport has the machine count nothing for the state, which goes.
func (b *sandbox) unreport() {
	b.machine.memory[b.kind].Add(-b.reported)
	b.reported = 0
}
