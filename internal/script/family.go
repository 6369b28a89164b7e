// SPDX-License-Identifier: BSD-3-Clause

package script

import "github.com/redpoll/redpoll/internal/command"

// evalFamily declares the commands of scripts.
func (m *Machine) evalFamily() command.Family {
	const (
		runs   = command.NoScript | command.Stale | command.SkipMonitor | command.NoMandatoryKeys | command.RunsScript
		writes = runs | command.MayReplicate
		reads  = runs | command.ReadOnly
		rw     = command.RW | command.Access | command.Update
		ro     = command.RO | command.Access
	)
	return command.Family{Name: "scripting", Category: command.CatScripting, Commands: []command.Spec{
		{
			Name: "EVAL", Since: "2.6.0", Complexity: "Depends on the script",
			Summary: "Runs a script and returns its result.",
			Syntax:  "script numkeys:int [key...] [arg...]",
			Flags:   writes, FlagsOf: textFlags(writes),
			Keys: []command.KeySpec{command.KeyNum(2, rw)}, Run: m.eval,
		},
		{
			Name: "EVALSHA", Since: "2.6.0", Complexity: "Depends on the script",
			Summary: "Runs a script that the server knows, and returns its result.",
			Syntax:  "sha1 numkeys:int [key...] [arg...]",
			Flags:   writes, FlagsOf: m.namedFlags(writes),
			Keys: []command.KeySpec{command.KeyNum(2, rw)}, Run: m.evalSHA,
		},
		{
			Name: "EVALSHA_RO", Since: "7.0.0", Complexity: "Depends on the script",
			Summary: "Runs a script that the server knows and that only reads, and returns its result.",
			Syntax:  "sha1 numkeys:int [key...] [arg...]",
			Flags:   reads, FlagsOf: m.namedFlags(reads),
			Keys: []command.KeySpec{command.KeyNum(2, ro)}, Run: m.evalSHAReadOnly,
		},
		{
			Name: "EVAL_RO", Since: "7.0.0", Complexity: "Depends on the script",
			Summary: "Runs a script that only reads, and returns its result.",
			Syntax:  "script numkeys:int [key...] [arg...]",
			Flags:   reads, FlagsOf: textFlags(reads),
			Keys: []command.KeySpec{command.KeyNum(2, ro)}, Run: m.evalReadOnly,
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
