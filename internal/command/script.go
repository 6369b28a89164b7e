// SPDX-License-Identifier: BSD-3-Clause

package command

import "sync/atomic"

// ScriptHost is the engine as commands see it that run scripts or functions: those with the flag RunsScript, whose Ctx.Script it is.
// A run is what happens between BeginScript and EndScript. It is atomic: nobody sees half of it, its effects are one transaction in the
// log, and what it publishes goes out at its end. It may be undone as a whole and begun again, or killed: then the handler is called
// once more, or not, and nothing of the first run has happened. So a handler keeps nothing of a run that was undone.
//
// What ends the script is an error of CallScript that is no Error, or any error of Tick between two calls: no pcall may catch it. The script
// is left at once, and the handler calls EndScript with it and returns what that gives.
type ScriptHost interface {
	// BeginScript begins a run; run stays the caller's, and must not change until EndScript. Its error is the handler's: then there is
	// no run, and EndScript is not called.
	BeginScript(run *ScriptRun) error
	// CallScript runs one command for the script and gives its reply, an error reply included, as it is sent in the protocol proto (2 or
	// 3). The reply is valid until the next call, or the end of the run. An Error says that the command was not run: it is unknown, not
	// allowed in a script, … Anything else ends the script.
	CallScript(argv [][]byte, proto int) (reply []byte, err error)
	// Replicate says which effects of the commands that follow in the run go to the log (redis.set_repl); at its beginning all do.
	Replicate(to ReplicateTo)
	// MayRun tells of a call whether there is such a command, and whether the run's client may use it (redis.acl_check_cmd).
	MayRun(argv [][]byte) (known, may bool)
	// EndScript ends the run. err is nil when the script has come to its end, be it by an error of its own; what it did is kept then. Else
	// it is what has ended it, and what it did is undone. It gives the error that the handler is to return; nil when the handler is to
	// reply, as it is after err was nil or a *ScriptKilled.
	EndScript(err error) error
	// CountError counts an error reply with this text, its code first, that a script has made.
	CountError(text string)
	// KillScripts ends all scripts, or with function set all functions, that have run for longer than busy-reply-threshold. Its error says
	// that there is none, or that none can be ended.
	KillScripts(function bool) error
	// RunningScript tells of the script or function that runs for the longest; false if none has run for more than some milliseconds.
	RunningScript() (ScriptRunning, bool)
	// Local gives a place for whatever the caller wants to keep with the worker that runs the command: one goroutine at a time uses it.
	Local() *any
}

// ScriptRun says what is going to run. It is for one run at a time.
type ScriptRun struct {
	Name     string // the script's SHA-1, or the function's name
	Function bool
	Flags    ScriptFlags
	ReadOnly bool // by a command that changes nothing (EVAL_RO, …)
	// MostReply is how many bytes the reply of one command may have; one that is longer ends in ErrTooLong. 0: as a client's.
	MostReply int64
	// Counts is told of what runs took; not nil.
	Counts *ScriptCounts
}

// ScriptRunning tells of a run that is under way.
type ScriptRunning struct {
	Name     string
	Function bool
	Argv     [][]byte // of the call, copied
	Millis   int64    // since it began
}

// ScriptFlags is what a script says of itself in its first line, or a function when it is registered.
type ScriptFlags uint8

const (
	ScriptNoWrites       ScriptFlags = 1 << iota // it changes nothing, and is refused commands that would
	ScriptAllowOOM                               // it may run when memory is short
	ScriptAllowStale                             // on a replica with stale data
	ScriptNoCluster                              // not in a cluster
	ScriptAllowCrossSlot                         // it may use keys of several slots
	ScriptUnflagged                              // it says nothing: each of its commands is looked at when it is run
)

// Has tells whether all flags of want are set.
func (f ScriptFlags) Has(want ScriptFlags) bool { return f&want == want }

// ReplicateTo is a set of those who get effects: the values are those of redis.REPL_AOF and its like.
type ReplicateTo uint8

const (
	ReplicateLog      ReplicateTo = 1 << iota // the log's file
	ReplicateReplicas                         // replicas
	ReplicateNone     ReplicateTo = 0
	ReplicateAll                  = ReplicateLog | ReplicateReplicas
)

// ScriptCounts counts what the runs of one script, or function, took. Any goroutine may read it.
type ScriptCounts struct {
	Runs       atomic.Int64 // that have ended, undone ones not included
	Undeclared atomic.Int64 // of them, those that have used a key which their call had not declared
	Undone     atomic.Int64 // runs that were undone, since such a key was busy, and begun again
	Still      atomic.Int64 // runs that have had the world still
	// NeedsAll tells that a run has called a command that needs the world still: the next one begins with it so.
	NeedsAll atomic.Bool
}

// ScriptKilled is what ends a run that was killed (SCRIPT KILL, FUNCTION KILL). Everything that it had done is undone.
type ScriptKilled struct{}

// Error is for logs: the handler words what the client is told.
func (*ScriptKilled) Error() string { return "command: the script was killed" }

// Script gives the host of a command that runs scripts.
func (c *Ctx) Script() ScriptHost { return c.Host.(ScriptHost) }

// Refusals of commands that a script calls.
const (
	ErrScriptUnknown Error = "ERR Unknown Redis command called from script"
	ErrScriptArity   Error = "ERR Wrong number of args calling Redis command from script"
	ErrScriptDenied  Error = "ERR This Redis command is not allowed from script"
	ErrScriptWrite   Error = "ERR Write commands are not allowed from read-only scripts."
)

// Refusals of scripts that say what they are going to do.
const (
	ErrScriptReadOnly Error = "ERR Can not execute a script with write flag using *_ro command."
	ErrScriptOOM      Error = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
)
