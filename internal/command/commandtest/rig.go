// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

// Rig runs families' handlers on a store of its own, without an engine and at the time 1 ms (see SetNow), and is their Host and Client. The last
// call leaves its traces in it.
type Rig struct {
	DB       *store.DB
	Arena    *mem.Arena
	Registry *command.Registry

	Events  []string // notifications: the event and the key
	Fields  []string // those that name fields: the event and the fields
	Effects []string // what the log gets in place of the call
	Dirty   int64
	Ticks   int
	End     error // what Tick gives

	CanWait bool          // a command may wait; otherwise the rig is as a transaction
	Waits   *command.Wait // what the call waits for; nil when it has replied

	view          *store.View
	fieldsets     command.Fieldsets
	wantsDebugger bool
}

// NewRig makes a rig for one test.
func NewRig(t testing.TB, families ...command.Family) *Rig {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	registry, err := command.NewRegistry(families...)
	if err != nil {
		t.Fatal(err)
	}
	view := store.New(store.Options{Arena: arena, Shards: 4, Databases: 2}).NewView()
	view.NowMillis = 1
	view.DB(0).Settings().MaxBulk.Store(512 << 20)
	r := &Rig{DB: view.DB(0), Arena: arena, Registry: registry, view: view}
	view.Tick = r.Tick
	return r
}

// View gives the view that the calls have.
func (r *Rig) View() *store.View { return r.view }

// SetNow makes the time of the calls from now on ms, Unix time.
func (r *Rig) SetNow(ms int64) { r.view.NowMillis = ms }

// ClientID is command.Client's.
func (r *Rig) ClientID() int64 { return 1 }

// Fieldsets gives what HIMPORT remembers of the client.
func (r *Rig) Fieldsets() *command.Fieldsets { return &r.fieldsets }

// WantsDebugger implements command.Client.
func (r *Rig) WantsDebugger() *bool { return &r.wantsDebugger }

// Tick is command.Host's.
func (r *Rig) Tick() error { r.Ticks++; return r.End }

// Ahead is command.Host's.
func (r *Rig) Ahead(int64) error { return r.Tick() }

// Logs is command.Host's.
func (r *Rig) Logs() bool { return true }

// Propagate is command.Host's.
func (r *Rig) Propagate(argv [][]byte) {
	r.Effects = append(r.Effects, string(bytes.Join(argv, []byte(" "))))
}

// Notify is command.Host's.
func (r *Rig) Notify(event string, key []byte) { r.NotifyIn(0, event, key) }

// NotifyIn is command.Host's.
func (r *Rig) NotifyIn(_ int, event string, key []byte) {
	if command.EventClass(event) == 0 {
		panic("command.EventClass does not know the event " + event)
	}
	r.Events = append(r.Events, event+" "+string(key))
}

// MayWait is command.Host's.
func (r *Rig) MayWait() bool { return r.CanWait }

// InScript is command.Host's.
func (r *Rig) InScript() bool { return false }

// Holds is command.Host's.
func (r *Rig) Holds([]byte) bool { return true }

// errWaits stands for a call that waits.
const errWaits command.Error = "ERR the call waits"

// Wait is command.Host's. Nobody serves the call: to see what it does then, have it run again.
func (r *Rig) Wait(w command.Wait) error {
	r.Waits = &w
	return errWaits
}

// NotifyFields is command.Host's. It notes the fields behind the key.
func (r *Rig) NotifyFields(event string, key []byte, fields [][]byte, step int) {
	r.NotifyIn(0, event, key)
	var names []string
	for i := 0; i < len(fields); i += step {
		names = append(names, string(fields[i]))
	}
	r.Fields = append(r.Fields, event+" "+strings.Join(names, ","))
}

// HearsFields is command.Host's.
func (r *Rig) HearsFields() bool { return true }

// Do runs a call and gives the bytes of its reply in protocol 2 or 3; none when it waits.
func (r *Rig) Do(proto int, words ...string) []byte {
	r.Events, r.Fields, r.Effects, r.Dirty, r.Ticks, r.Waits = nil, nil, nil, 0, 0, nil
	argv := make([][]byte, len(words))
	for i, w := range words {
		argv[i] = []byte(w)
	}
	return Reply(proto, func(w *resp.Writer) {
		s := r.Registry.Resolve(argv)
		c := command.Ctx{DB: r.DB, Reply: w, Argv: argv, Spec: s, Host: r, Client: r}
		err := command.ErrArity(s.FullName())
		if s.ArityOK(len(argv)) {
			err = s.Run(&c)
		}
		r.Dirty = c.Dirty
		if err != nil {
			w.Reset()
		}
		if err != nil && err != errWaits {
			w.Error(err.Error())
		}
	})
}

// Call is Do with the reply read, in protocol 3.
func (r *Rig) Call(t testing.TB, words ...string) testutil.Value {
	t.Helper()
	v, err := resp.NewReader(bytes.NewReader(r.Do(3, words...))).Read()
	if err != nil {
		t.Fatalf("%s: %v", testutil.Quote(words), err)
	}
	return converted(v)
}

// Hammer sends so many random calls, five of six valid and the others nearly so, and wants one whole reply to each. Strings may
// be a megabyte long meanwhile.
func (r *Rig) Hammer(t testing.TB, seed uint64, calls int) {
	t.Helper()
	limit := &r.DB.Settings().MaxBulk
	defer limit.Store(limit.Swap(1 << 20))
	var specs []*command.Spec
	for s := range r.Registry.All() {
		if s.Run != nil {
			specs = append(specs, s)
		}
	}
	g := gen.New(seed)
	for i := range calls {
		s := specs[i%len(specs)]
		call := g.Valid(s)
		if i%6 == 0 {
			call = g.Nearly(s)
		}
		reader := resp.NewReader(bytes.NewReader(r.Do(2+i%2, call...)))
		if _, err := reader.Read(); err != nil {
			t.Fatalf("%s: %v", testutil.Quote(call), err)
		}
		if v, err := reader.Read(); err == nil {
			t.Fatalf("%s: a second reply, %+v", testutil.Quote(call), v)
		}
	}
}
