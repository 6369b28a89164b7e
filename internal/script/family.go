// SPDX-License-Identifier: BSD-3-Clause

package script

import "github.com/redpoll/redpoll/internal/command"

// Families gives the families of commands. Those of a nil Machine may be looked at but not called. Handlers are in the files named after
// their commands: eval.go, script.go, fcall.go and function.go.
func (m *Machine) Families() []command.Family {
	return []command.Family{m.evalFamily(), m.functionFamily()}
}

// The flags of commands that run a script or a function, and those of its keys.
const (
	runs      = command.NoScript | command.Stale | command.SkipMonitor | command.NoMandatoryKeys | command.RunsScript
	writes    = runs | command.MayReplicate
	reads     = runs | command.ReadOnly
	writeKeys = command.RW | command.Access | command.Update
	readKeys  = command.RO | command.Access
)

// evalFamily declares the commands of scripts.
func (m *Machine) evalFamily() command.Family {
	return command.Family{Name: "scripting", Category: command.CatScripting, Commands: []command.Spec{
		{
			Name: "EVAL", Since: "2.6.0", Complexity: "Depends on the script",
			Summary: "Runs a script and returns its result.",
			Syntax:  "script numkeys:int [key...] [arg...]",
			Flags:   writes, FlagsOf: textFlags(writes),
			Keys: []command.KeySpec{command.KeyNum(2, writeKeys)}, Run: m.eval,
		},
		{
			Name: "EVALSHA", Since: "2.6.0", Complexity: "Depends on the script",
			Summary: "Runs a script that the server knows, and returns its result.",
			Syntax:  "sha1 numkeys:int [key...] [arg...]",
			Flags:   writes, FlagsOf: m.namedFlags(writes),
			Keys: []command.KeySpec{command.KeyNum(2, writeKeys)}, Run: m.evalSHA,
		},
		{
			Name: "EVALSHA_RO", Since: "7.0.0", Complexity: "Depends on the script",
			Summary: "Runs a script that the server knows and that only reads, and returns its result.",
			Syntax:  "sha1 numkeys:int [key...] [arg...]",
			Flags:   reads, FlagsOf: m.namedFlags(reads),
			Keys: []command.KeySpec{command.KeyNum(2, readKeys)}, Run: m.evalSHAReadOnly,
		},
		{
			Name: "EVAL_RO", Since: "7.0.0", Complexity: "Depends on the script",
			Summary: "Runs a script that only reads, and returns its result.",
			Syntax:  "script numkeys:int [key...] [arg...]",
			Flags:   reads, FlagsOf: textFlags(reads),
			Keys: []command.KeySpec{command.KeyNum(2, readKeys)}, Run: m.evalReadOnly,
		},
		m.scriptSpec(),
	}}
}

// scriptSpec declares SCRIPT.
func (m *Machine) scriptSpec() command.Spec {
	allNodes := []string{command.TipRequestAllNodes, command.TipResponseAllSucceeded}
	return command.Spec{
		Name: "SCRIPT", Since: "2.6.0", Complexity: "Depends on the subcommand",
		Summary: "Looks after the scripts that the server knows.",
		Subcommands: []command.Spec{
			{
				Name: "DEBUG", Since: "3.2.0", Complexity: "O(1)",
				Summary: "There is no debugger: all but NO is refused.",
				Syntax:  "mode=(YES | SYNC | NO)",
				Flags:   command.NoScript, Run: scriptDebug,
			},
			{
				Name: "EXISTS", Since: "2.6.0", Complexity: "O(N), N being the number of scripts asked for",
				Summary: "Tells which scripts the server knows.",
				Syntax:  "sha1...",
				Flags:   command.NoScript, Tips: []string{command.TipRequestAllShards, command.TipResponseAggLogicalAnd},
				Run: m.scriptExists,
			},
			{
				Name: "FLUSH", Since: "2.6.0", Complexity: "O(1)",
				Summary: "Has the server forget all scripts.",
				Syntax:  "async=[ASYNC | SYNC]{6.2.0}",
				Flags:   command.NoScript, Tips: allNodes,
				History: []command.Change{{Version: "6.2.0", Text: "The modes `ASYNC` and `SYNC` came."}},
				Run:     m.scriptFlush,
			},
			{
				Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "KILL", Since: "2.6.0", Complexity: "O(1)",
				Summary: "Ends scripts that have run for longer than busy-reply-threshold, and undoes what they did.",
				Flags:   command.NoScript | command.AllowBusy, Plan: command.PlanNone,
				Tips: []string{command.TipRequestAllShards, command.TipResponseOneSucceeded},
				Run:  scriptKill,
			},
			{
				Name: "LOAD", Since: "2.6.0", Complexity: "O(N), N being the bytes of the script",
				Summary: "Has the server know a script, and returns the SHA-1 by which it is run.",
				Syntax:  "script",
				Flags:   command.NoScript | command.Stale, Tips: allNodes, Run: m.scriptLoad,
			},
			{
				Name: "SHOW", Since: "8.0.0", Complexity: "O(N), N being the bytes of the script",
				Summary: "Returns the text of a script that the server knows.",
				Syntax:  "sha1",
				Flags:   command.NoScript, Run: m.scriptShow,
			},
		},
	}
}

// functionFamily declares the commands of functions.
func (m *Machine) functionFamily() command.Family {
	return command.Family{Name: "scripting", Category: command.CatScripting, Commands: []command.Spec{
		{
			Name: "FCALL", Since: "7.0.0", Complexity: "Depends on the function",
			Summary: "Runs a function and returns its result.",
			Syntax:  "function numkeys:int [key...] [arg...]",
			Flags:   writes, FlagsOf: m.functionFlags(writes),
			Keys: []command.KeySpec{command.KeyNum(2, writeKeys)}, Run: m.functionCall,
		},
		{
			Name: "FCALL_RO", Since: "7.0.0", Complexity: "Depends on the function",
			Summary: "Runs a function that only reads, and returns its result.",
			Syntax:  "function numkeys:int [key...] [arg...]",
			Flags:   reads, FlagsOf: m.functionFlags(reads),
			Keys: []command.KeySpec{command.KeyNum(2, readKeys)}, Run: m.functionCallReadOnly,
		},
		m.functionSpec(),
	}}
}

// functionSpec declares FUNCTION. What changes the set of libraries counts as running a script: see library_change.go.
func (m *Machine) functionSpec() command.Spec {
	allShards := []string{command.TipRequestAllShards, command.TipResponseAllSucceeded}
	return command.Spec{
		Name: "FUNCTION", Since: "7.0.0", Complexity: "Depends on the subcommand",
		Summary: "Looks after the libraries of functions.",
		Subcommands: []command.Spec{
			{
				Name: "DELETE", Since: "7.0.0", Complexity: "O(N), N being the number of functions",
				Summary: "Removes a library and its functions.",
				Syntax:  "library-name",
				Flags:   command.NoScript | command.Write | command.RunsScript, Tips: allShards,
				Run: m.functionDelete,
			},
			{
				Name: "DUMP", Since: "7.0.0", Complexity: "O(N), N being the bytes of all libraries",
				Summary: "Returns all libraries in the form in which snapshots have them.",
				Flags:   command.NoScript, Run: m.functionDump,
			},
			{
				Name: "FLUSH", Since: "7.0.0", Complexity: "O(1)",
				Summary: "Removes all libraries.",
				Syntax:  "async=[ASYNC | SYNC]",
				Flags:   command.NoScript | command.Write | command.RunsScript, Tips: allShards,
				Run: m.functionFlush,
			},
			{
				Name: "HELP", Since: "7.0.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "KILL", Since: "7.0.0", Complexity: "O(1)",
				Summary: "Ends functions that have run for longer than busy-reply-threshold, and undoes what they did.",
				Flags:   command.NoScript | command.AllowBusy,
				Tips:    []string{command.TipRequestAllShards, command.TipResponseOneSucceeded},
				Run:     functionKill,
			},
			{
				Name: "LIST", Since: "7.0.0", Complexity: "O(N), N being the number of functions",
				Summary: "Describes the libraries, all or those of a pattern.",
				Syntax:  "[LIBRARYNAME library-name-pattern] [WITHCODE]",
				Flags:   command.NoScript, Tips: []string{command.TipNondeterministicOutputOrder},
				Run: m.functionList,
			},
			{
				Name: "LOAD", Since: "7.0.0", Complexity: "O(N), N being the bytes of the library, and what it takes to run it",
				Summary: "Makes a library of a text, and returns its name.",
				Syntax:  "[REPLACE] function-code",
				Flags:   command.NoScript | command.Write | command.DenyOOM | command.RunsScript, Tips: allShards,
				Run: m.functionLoad,
			},
			{
				Name: "RESTORE", Since: "7.0.0", Complexity: "O(N), N being the number of functions",
				Summary: "Makes libraries of what `FUNCTION DUMP` has returned.",
				Syntax:  "serialized-value policy=[FLUSH | APPEND | REPLACE]",
				Flags:   command.NoScript | command.Write | command.DenyOOM | command.RunsScript, Tips: allShards,
				Run: m.functionRestore,
			},
			{
				Name: "STATS", Since: "7.0.0", Complexity: "O(1)",
				Summary: "Tells which function runs, and how many there are.",
				Flags:   command.NoScript | command.AllowBusy,
				Tips: []string{command.TipNondeterministicOutput, command.TipRequestAllShards,
					command.TipResponseSpecial},
				Run: m.functionStats,
			},
		},
	}
}
