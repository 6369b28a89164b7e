// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// Runner is the loop's runner as the engine needs it: it can be told to give the loop to another.
type Runner interface {
	// Detach hands the loop to a fresh runner; false when this is no moment to.
	Detach() bool
}

// Status says how Run ended.
type Status uint8

const (
	// Done: all calls were run.
	Done Status = iota
	// Parked: the next call waits for something; its client's Wake will be called.
	Parked
	// Detached: the last call was overtaken; the runner's loop has another runner now.
	Detached
	// Waiting: the last call has its client wait for a key; its Wake will be called, and EndWait then tells whether it is over.
	Waiting
	// Closing: the last call ends the connection, once the replies are written.
	Closing
	// Paused: the calls took long or made many replies, or one that is made as it is read; the next one is to be run when
	// others have had their turn and the replies have gone.
	Paused
)

const (
	// MaxReply is how many bytes of replies, not yet written, end a batch.
	MaxReply = 1 << 20
	// MaxBusy is how many ns of work end a batch: the loop's other clients wait, and so does who wants the world still.
	MaxBusy = 1_000_000
)

// Call is one command that was read, prepared to be run. Its arguments are parts of the read buffer.
type Call struct {
	Argv [][]byte
	spec *command.Spec
	hash uint64 // of the one key of a command whose first argument is its only key; else where hint is
	one  bool   // hash is such
	hint store.Hint
}

// Spec gives the command's record, nil when there is no such command.
func (c *Call) Spec() *command.Spec { return c.spec }

// Worker executes commands for one runner of a loop. It is used by one goroutine at a time.
type Worker struct {
	Chunks *resp.ChunkPool // reply chunks of the clients that this worker serves

	e      *Engine
	gate   *store.Gate
	view   *store.View
	runner Runner
	ctx    *command.Ctx // of the command that runs
	own    command.Ctx  // of those that clients call

	replays  bool // it is a Replayer's; Immutable
	inside   bool // the gate
	still    bool // this worker has made the world still
	detached bool
	paused   PauseMode // as of the last passage of the gate
	loading  bool      // as of then too
	full     bool      // some loop had enough to deliver when the batch began; who publishes more than that ends the batch
	giveWay  bool      // what was published is to be delivered before more is run
	onEvent  func(db int, event string, key []byte)

	held  []int // shards that are held, ascending
	keys  []int
	dirty bool // a held shard may have other memory than it had

	client  *Client
	current *command.Spec // nil between commands
	mark    resp.Mark     // where the current command's reply begins
	began   int64         // mono ns of the current command
	mono    int64         // mono ns of the last look at the clock
	untimed int           // commands since then
	start   int64         // mono ns at which the last Run began
	wall    int64         // wall clock in ns at mono 0
	synced  int64         // mono ns when wall was read

	effects [][][]byte // of the current command, where Propagate was called
	text    effectText // of the current command, or of the current EXEC
	logged  int64      // where the last effect of the call that runs ends in the log; 0: it has none so far
	holding bool       // replies are held back; as of the beginning of the batch
	inExec  bool
	oom     bool // memory was short when the call was let in

	busy error // why the call is refused that was to be parked; nil: it is parked

	wanted   command.Wait // what the command that has just run waits for
	waits    bool         // it waits
	ack      *ack         // for that, and not for keys
	retrying bool         // the waiter that is being served is tried for its time has come, with all of its keys held
	serving  *waiter      // whose command runs; nil: the client's own
	hashes   []uint64     // keys whose shards must be held beside a call's own
	more     []int        // shards that must be held and are not

	queued     int64 // bytes that transactions have taken since the last publish
	watching   int64 // bytes that watched keys and waiters have taken since then
	changes    int64 // to the keyspace since then
	tallies    []tally
	touched    []int32 // commands with a tally
	timing     bool    // durations are recorded; as of the beginning of the batch
	spikeFrom  int64   // ns from which a command's duration is an event of its own; as of the beginning of the batch
	total      int64
	served     int64 // commands of others that have run; they are no part of total
	dutyCursor int

	heldByClients int64 // bytes of Engine.Held when the batch began

	script script // last, since it is large
}

// NewWorker makes a worker.
func (e *Engine) NewWorker() *Worker {
	w := &Worker{
		Chunks: resp.NewChunkPool(128),
		e:      e, gate: e.Store.NewGate(), view: e.Store.NewView(), tallies: make([]tally, e.Registry.Size()),
	}
	w.ctx = &w.own
	w.ctx.Host = w
	w.view.Tick = w.Tick
	w.onEvent = w.occurred
	return w
}

// Engine gives the engine that the worker works for.
func (w *Worker) Engine() *Engine { return w.e }

// Prepare looks a call up and has its key's bucket fetched into the cache; PrepareRecord, when the whole batch has been
// prepared, its record.
//
// A call that is alone in its batch has nothing to overlap with and fetches nothing.
func (w *Worker) Prepare(cl *Client, c *Call, argv [][]byte, alone bool) {
	c.Argv = argv
	c.spec = w.e.Registry.Resolve(argv)
	c.one, c.hint = false, store.Hint{}
	if c.spec == nil {
		return
	}
	if first, last, _ := c.spec.LegacyKeys(); first == 1 && last == 1 && len(argv) > 1 && !c.spec.Flags.Has(command.MovableKeys) {
		c.one = true
		c.hash = hash.Bytes(argv[1])
		if !alone {
			c.hint = w.e.Store.Prefetch(cl.DB, c.hash)
		}
	} else if c.spec.Flags.Has(command.RunsScript) && !alone && len(argv) > firstScriptKey {
		c.hash = hash.Bytes(argv[firstScriptKey]) // its first key, most likely
		c.hint = w.e.Store.Prefetch(cl.DB, c.hash)
	}
}

// PrepareRecord is the second half of Prepare.
func (w *Worker) PrepareRecord(c *Call) { c.hint.PrefetchRecord(c.hash) }

// Run executes calls in order until one cannot go on. It gives how many were run to their end. runner may be nil: then
// nothing is ever overtaken. The client must not be Waiting.
func (w *Worker) Run(runner Runner, cl *Client, calls []Call) (n int, st Status) {
	if invariants.Enabled && cl.Waiting() {
		panic("engine: a client that waits runs commands")
	}
	w.runner, w.client = runner, cl
	cl.Reply.SetPool(w.Chunks)
	w.readClock()
	w.start, w.untimed, w.waits = w.mono, 0, false
	w.timing = !w.e.Stats.Latency.off.Load()
	w.holding = w.e.Effects.hold.Load()
	w.spikeFrom = w.e.Stats.Spikes.From()
	w.full, w.giveWay = w.e.Channels.Full(), false
	w.hearEvents()
	if cl.HeldBack {
		w.e.pause.release(cl)
	}
	if w.e.limited() {
		w.heldByClients = w.e.account.Total()
	}
	for n < len(calls) {
		var did int
		did, st = w.runSome(cl, calls[n:])
		n += did
		if st != Done {
			break
		}
	}
	w.leave()
	w.publish()
	w.client, w.runner = nil, nil
	w.ctx.Argv = nil // a read buffer may be a large one
	w.view.Plan(nil, 0)
	if w.detached {
		w.detached = false
		w.e.Store.Attach()
		if st == Done || st == Closing || st == Waiting {
			st = Detached
		}
	}
	return n, st
}

// runSome runs calls until one cannot go on, or panics: then the panic is dealt with and the call counts as run.
func (w *Worker) runSome(cl *Client, calls []Call) (n int, st Status) {
	defer func() {
		if w.current != nil {
			if p := recover(); p != nil {
				w.afterPanic(cl, &calls[n], p)
				n++
				st = Done
				if w.detached {
					st = Detached
				}
			}
		}
	}()
	for n < len(calls) {
		if w.full && w.publishes(cl, &calls[n]) && w.e.Channels.Park(cl.Wake) {
			w.leave()
			w.e.Stats.Parked.Add(1)
			return n, Parked
		}
		c := &calls[n]
		if !w.inside && !w.enter() && !w.enterHeld(cl) && !w.staysOutside(cl, c) {
			switch refused, parked := w.shutOut(cl, c); {
			case refused:
				n++
			case parked:
				w.e.Stats.Parked.Add(1)
				return n, Parked
			}
			continue
		}
		untimed := c.one && w.untimed < maxUntimed && n+1 < len(calls) && calls[n+1].spec == c.spec
		if !w.execute(cl, c, untimed) {
			w.e.Stats.Parked.Add(1)
			return n, Parked
		}
		n++
		if untimed {
			w.untimed++
		} else {
			w.untimed = 0
		}
		switch {
		case w.detached:
			return n, Detached
		case w.waits:
			return n, Waiting
		case cl.CloseAfterReply:
			return n, Closing
		case n < len(calls) && (w.giveWay || w.mono-w.start > MaxBusy || cl.Reply.Pending() > MaxReply || cl.Reply.Streaming()):
			return n, Paused
		}
	}
	return n, Done
}

// afterPanic mends what a handler left that did not return: the client gets an error, the locks are freed, the data stays.
func (w *Worker) afterPanic(cl *Client, c *Call, p any) {
	cl.Reply.Truncate(w.mark)
	err := w.failure(c.Argv, p)
	w.take(cl)
	w.inExec = false
	w.afterScriptPanic()
	w.commit() // of a transaction, what had been done before
	w.fail(cl, err)
	if w.view.HasReady() {
		w.serve()
	}
	w.finish(cl, true)
	if w.holding {
		w.hold(cl, c.spec)
	}
	w.dirty = true
	w.release()
}

// describe gives the beginning of a command for the log.
func (e *Engine) describe(argv [][]byte) string {
	text := ""
	for i, arg := range argv {
		if i == 8 || i > 0 && e.hideData.Load() || len(text) > 200 {
			return text + " …"
		}
		text += fmt.Sprintf("%.40q ", arg)
	}
	return text
}

// enter passes the gate; false when the world is still.
func (w *Worker) enter() bool {
	if w.still {
		return true
	}
	w.inside = w.e.Store.Enter(w.gate)
	w.lookForPause()
	w.loading = w.e.loading.Load()
	return w.inside
}

// enterHeld passes the gate for a client that waits for the world to be stilled: the gates may be held for it.
func (w *Worker) enterHeld(cl *Client) bool {
	if !cl.wantsWorld {
		return false
	}
	w.inside = w.e.Store.EnterHeld(w.gate)
	cl.wantsWorld = !w.inside
	return w.inside
}

// leave goes out through the gate. What was changed is counted before, so that whoever stills the world knows of it.
func (w *Worker) leave() {
	w.publishChanges()
	if w.inside {
		w.e.Store.Leave(w.gate)
		w.inside = false
	}
}

// wallPeriod is how long, in ns, the wall clock is reckoned from the monotonic one before it is read again: two clocks a
// batch would be dear without a pipeline.
const wallPeriod = 1_000_000

// maxUntimed is how many commands may run between two looks at the clock, if they are the same command on one key each: a
// look costs as much as a tenth of such a command.
const maxUntimed = 7

// readClock takes the time that the next command runs at.
func (w *Worker) readClock() {
	w.mono = w.e.clock.Mono()
	if w.mono-w.synced >= wallPeriod || w.e.clock.Fake() {
		w.synced = w.mono
		w.wall = w.e.clock.WallMicros()*1000 - w.mono
	}
	w.view.NowMillis = (w.wall + w.mono) / 1_000_000
}

// Mono gives the monotonic ns at which the last command ended, or the last batch began.
func (w *Worker) Mono() int64 { return w.mono }

// Ran gives the number of commands that the batch which is under way has run.
func (w *Worker) Ran() int64 { return w.total }

// Busy gives the ns that the last Run took.
func (w *Worker) Busy() int64 { return w.mono - w.start }

// publish adds what the worker has counted to the engine's statistics.
func (w *Worker) publish() {
	s := w.e.Stats
	for _, id := range w.touched {
		t, c := &w.tallies[id], &s.Commands[id]
		if t.timed > 0 {
			w.publishTiming(t, int(id))
		}
		c.Calls.Add(t.calls)
		c.Nanos.Add(t.nanos)
		if t.failed != 0 {
			c.Failed.Add(t.failed)
		}
		*t = tally{}
	}
	w.touched = w.touched[:0]
	if w.total != 0 {
		if w.client != nil {
			w.client.Commands += w.total
		}
		raise(&s.MaxBatch, w.total)
		raise(&s.MaxBusy, w.Busy())
		s.Total.Add(w.total)
		w.total = 0
	}
	if w.served != 0 {
		s.Total.Add(w.served)
		w.served = 0
	}
	if w.script.runs != 0 {
		w.script.countRuns()
	}
	if w.queued != 0 {
		w.e.account.Add(mem.Transactions, w.queued)
		w.queued = 0
	}
	if w.watching != 0 {
		w.e.account.Add(mem.Other, w.watching)
		w.watching = 0
	}
	if w.view.Hits != 0 {
		s.Hits.Add(w.view.Hits)
		w.view.Hits = 0
	}
	if w.view.Misses != 0 {
		s.Misses.Add(w.view.Misses)
		w.view.Misses = 0
	}
}

// publishChanges is publish for changes to the keyspace.
func (w *Worker) publishChanges() {
	if w.changes != 0 {
		w.e.Stats.Changes.Add(w.changes)
		w.changes = 0
	}
}

// overtakeAfter is how long a handler may keep its loop, in ns.
const overtakeAfter = 5_000_000

// errClosing ends a long command when the server goes down.
const errClosing = command.Error("ERR the server is shutting down")

// Tick implements command.Host. It ends a command whose reply outgrows every use: HRANDFIELD with a hugely negative count would go on
// for hours.
func (w *Worker) Tick() error {
	if w.e.closing.Load() {
		return errClosing
	}
	if w.script.run != nil {
		if err := w.tickRun(); err != nil {
			return err
		}
	}
	if cl := w.client; cl != nil {
		pending := int64(cl.Reply.Pending())
		cl.Overflow = cl.Overflow || cl.MaxReply > 0 && pending > max(cl.MaxReply, resp.ChunkSize)
		if cl.Overflow || pending > w.e.maxPending {
			return command.ErrTooLong
		}
	}
	if w.detached || w.runner == nil || w.e.clock.Mono()-w.began < overtakeAfter {
		return nil
	}
	w.e.Store.Detach() // before another runner's batch can begin
	if !w.runner.Detach() {
		w.e.Store.Attach()
		w.began = w.e.clock.Mono()
		return nil
	}
	w.detached = true
	w.e.Stats.Detached.Add(1)
	if w.e.runs.slow.Load() == 0 { // a slow script may take far longer than the gates can be held
		w.e.Store.HoldGates(w.e.clock.Mono())
	}
	return nil
}

// Ahead implements command.Host.
func (w *Worker) Ahead(ns int64) error {
	w.began -= ns
	return w.Tick()
}

// Logs implements command.Host.
func (w *Worker) Logs() bool { return w.e.Effects.Active() }

// Propagate implements command.Host.
func (w *Worker) Propagate(argv [][]byte) {
	if w.e.Effects.Active() {
		w.effects = append(w.effects, argv)
	} else if w.effects == nil {
		w.effects = [][][]byte{}
	}
}
