// SPDX-License-Identifier: BSD-3-Clause

package script

import "github.com/redpoll/redpoll/internal/command"

// functionFamily declares the commands of functions.
func (m *Machine) functionFamily() command.Family {
	const (
		runs = command.NoScript | command.Stale | command.SkipMonitor | command.NoMandatoryKeys | command.RunsScript
		rw   = command.RW | command.Access | command.Update
		ro   = command.RO | command.Access
	)
	return command.Family{Name: "scripting", Category: command.CatScripting, Commands: []command.Spec{
		{
			Name: "FCALL", Since: "7.0.0", Complexity: "Depends on the function",
			Summary: "Runs a function and returns its result.",
			Syntax:  "function numkeys:int [key...] [arg...]",
			Flags:   runs | command.MayReplicate, FlagsOf: m.functionFlags(runs | command.MayReplicate),
			Keys: []command.KeySpec{command.KeyNum(2, rw)}, Run: m.functionCall,
		},
		{
			Name: "FCALL_RO", Since: "7.0.0", Complexity: "Depends on the function",
			Summary: "Runs a function that only reads, and returns its result.",
			Syntax:  "function numkeys:int [key...] [arg...]",
			Flags:   runs | command.ReadOnly, FlagsOf: m.functionFlags(runs | command.ReadOnly),
			Keys: []command.KeySpec{command.KeyNum(2, ro)}, Run: m.functionCallReadOnly,
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
