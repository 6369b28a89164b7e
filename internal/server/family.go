// SPDX-License-Identifier: BSD-3-Clause

package server

import "github.com/redpoll/redpoll/internal/command"

// family declares the commands that are about the server itself. Handlers are in the files named after what they do
// (bgsave.go, flush.go, configcmd.go, info.go, latency.go, memory.go, debug.go, save.go, shutdown.go, lolwut.go).
func (s *Server) family() command.Family {
	const (
		always = command.Loading | command.Stale
		admin  = command.Admin | command.NoScript | always
	)
	flushHistory := []command.Change{
		{Version: "4.0.0", Text: "The mode `ASYNC` came."},
		{Version: "6.2.0", Text: "The mode `SYNC` came."},
	}
	flushTips := []string{command.TipRequestAllShards, command.TipResponseAllSucceeded}
	return command.Family{Name: "server", Commands: []command.Spec{
		{
			Name: "BGREWRITEAOF", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Writes the append-only files anew, as short as they can be, while clients are served.",
			Flags:   command.Admin | command.NoScript | command.NoAsyncLoading,
			Run:     s.bgRewriteAOF,
		},
		s.bgSaveSpec(),
		s.backupSpec(),
		s.configSpec(),
		{
			Name: "DBSIZE", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Returns the number of keys in the database.",
			Flags:   command.ReadOnly | command.Fast, ACL: command.CatKeyspace,
			Plan: command.PlanWalk,
			Tips: []string{command.TipRequestAllShards, command.TipResponseAggSum},
			Run:  dbSize,
		},
		{
			Name: "DEBUG", Since: "1.0.0", Complexity: "Depends on the subcommand",
			Summary: "Does what tests of the server and of clients need.",
			Arity:   -2, Flags: admin | command.Protected, DocFlags: command.DocSysCmd,
			Plan: command.PlanWalk, NeedsAll: reloads, Run: s.debug,
		},
		{
			Name: "FLUSHALL", Since: "1.0.0", Complexity: "O(S), S being the number of shards; memory is given back by the page",
			Summary: "Removes all keys of all databases.",
			Syntax:  "async=[ASYNC{4.0.0} | SYNC{6.2.0}]",
			Flags:   command.Write, ACL: command.CatKeyspace | command.CatDangerous,
			Plan: command.PlanAll, Tips: flushTips, History: flushHistory, Run: s.flushAll,
		},
		{
			Name: "FLUSHDB", Since: "1.0.0", Complexity: "O(S), S being the number of shards; memory is given back by the page",
			Summary: "Removes all keys of the database.",
			Syntax:  "async=[ASYNC{4.0.0} | SYNC{6.2.0}]",
			Flags:   command.Write, ACL: command.CatKeyspace | command.CatDangerous,
			Plan: command.PlanAll, Tips: flushTips, History: flushHistory, Run: s.flushDB,
		},
		{
			Name: "INFO", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Returns figures about the server, by section.",
			Syntax:  "[section...]",
			Flags:   always, ACL: command.CatDangerous,
			Tips:    []string{command.TipNondeterministicOutput, command.TipRequestAllShards, command.TipResponseSpecial},
			History: []command.Change{{Version: "7.0.0", Text: "Several sections may be named."}},
			Run:     s.info,
		},
		{
			Name: "LASTSAVE", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Returns the Unix time of the last save, or of the server's start.",
			Flags:   always | command.Fast, ACL: command.CatAdmin | command.CatDangerous,
			Tips: []string{command.TipNondeterministicOutput}, Run: s.lastSave,
		},
		s.latencySpec(),
		{
			Name: "LOLWUT", Since: "5.0.0", Complexity: "O(1)",
			Summary: "Returns a small picture and the version of Redis.",
			Syntax:  "[VERSION version:int]",
			Flags:   command.ReadOnly | command.Fast, Run: s.lolwut,
		},
		s.memorySpec(),
		{
			Name: "SAVE", Since: "1.0.0", Complexity: "O(N), N being the bytes of the data; nobody else is served meanwhile",
			Summary: "Saves the data to the file that the server starts from.",
			Flags:   command.Admin | command.NoScript | command.NoMulti | command.NoAsyncLoading,
			Plan:    command.PlanAll, Run: s.save,
		},
		{
			Name: "SHUTDOWN", Since: "1.0.0", Complexity: "O(N), N being the bytes of the data if it is saved",
			Summary:  "Ends the server.",
			Syntax:   "[NOSAVE | SAVE] [NOW{7.0.0}] [FORCE{7.0.0}] [ABORT{7.0.0}]",
			Flags:    admin | command.NoMulti | command.AllowBusy,
			History:  []command.Change{{Version: "7.0.0", Text: "The options `NOW`, `FORCE` and `ABORT` came."}},
			NeedsAll: savesAtEnd, Run: s.shutdown,
		},
		{
			Name: "SWAPDB", Since: "4.0.0", Complexity: "O(S), S being the number of shards",
			Summary: "Makes the keys of two databases change places.",
			Syntax:  "index1:int index2:int",
			Flags:   command.Write | command.Fast, ACL: command.CatKeyspace | command.CatDangerous,
			Plan: command.PlanAll, Run: s.swapDB,
		},
		{
			Name: "TIME", Since: "2.6.0", Complexity: "O(1)",
			Summary: "Returns the server's time.",
			Flags:   always | command.Fast,
			Tips:    []string{command.TipNondeterministicOutput}, Run: s.time,
		},
	}}
}

// bgSaveSpec declares BGSAVE.
func (s *Server) bgSaveSpec() command.Spec {
	return command.Spec{
		Name: "BGSAVE", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Saves the data to the file that the server starts from, while clients are served.",
		Syntax:  "[SCHEDULE{3.2.2}] [CANCEL{8.1.0}]",
		Flags:   command.Admin | command.NoScript | command.NoAsyncLoading,
		Plan:    command.PlanAll,
		History: []command.Change{
			{Version: "3.2.2", Text: "The option `SCHEDULE` came."},
			{Version: "8.1.0", Text: "The option `CANCEL` came, in Valkey."},
		},
		Run: s.bgSaveCommand,
	}
}

// configSpec declares CONFIG.
func (s *Server) configSpec() command.Spec {
	const admin = command.Admin | command.NoScript | command.Loading | command.Stale
	return command.Spec{
		Name: "CONFIG", Since: "2.0.0", Complexity: "Depends on the subcommand",
		Summary: "Reads and changes the configuration.",
		Subcommands: []command.Spec{
			{
				Name: "GET", Since: "2.0.0", Complexity: "O(N), N being the number of patterns",
				Summary: "Returns the directives that match a pattern.",
				Syntax:  "parameter=(parameter)...", Flags: admin,
				History: []command.Change{{Version: "7.0.0", Text: "Several patterns may be given."}},
				Run:     s.configGet,
			},
			{
				Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "RESETSTAT", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Sets the counters that INFO shows back to zero.",
				Flags:   admin, Run: s.configResetStat,
			},
			{
				Name: "REWRITE", Since: "2.8.0", Complexity: "O(N), N being the number of lines of the file and of directives",
				Summary: "Writes the configuration to its file, comments and order kept.",
				Flags:   admin, Run: s.configRewrite,
			},
			{
				Name: "SET", Since: "2.0.0", Complexity: "O(N), N being the number of directives",
				Summary: "Changes directives, all of them or none.",
				Syntax:  "(parameter value)...", Flags: admin,
				Tips:    []string{command.TipRequestAllNodes, command.TipResponseAllSucceeded},
				History: []command.Change{{Version: "7.0.0", Text: "Several directives may be set at once."}},
				Run:     s.configSet,
			},
		},
	}
}

// memorySpec declares MEMORY.
func (s *Server) memorySpec() command.Spec {
	tips := []string{command.TipNondeterministicOutput, command.TipRequestAllShards, command.TipResponseSpecial}
	return command.Spec{
		Name: "MEMORY", Since: "4.0.0", Complexity: "Depends on the subcommand",
		Summary: "Looks into what takes memory.",
		Subcommands: []command.Spec{
			{
				Name: "DOCTOR", Since: "4.0.0", Complexity: "O(1)",
				Summary: "Returns what is remarkable about the server's memory.",
				Tips:    tips, Run: s.memoryDoctor,
			},
			{
				Name: "HELP", Since: "4.0.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "MALLOC-STATS", Since: "4.0.0", Complexity: "O(1)",
				Summary: "Returns the figures of the allocator.",
				Tips:    tips, Run: s.memoryMallocStats,
			},
			{
				Name: "PURGE", Since: "4.0.0", Complexity: "Depends on how much memory is free",
				Summary: "Gives free memory back to the system.",
				Tips:    []string{command.TipRequestAllShards, command.TipResponseAllSucceeded},
				Run:     s.memoryPurge,
			},
			{
				Name: "STATS", Since: "4.0.0", Complexity: "O(S), S being the number of shards",
				Summary: "Returns what takes the server's memory.",
				Tips:    tips, Run: s.memoryStats,
			},
			{
				Name: "USAGE", Since: "4.0.0", Complexity: "O(N), N being the number of samples",
				Summary: "Returns the bytes that a key and its value take.",
				Syntax:  "key [SAMPLES count:int]", Flags: command.ReadOnly,
				Keys: []command.KeySpec{command.KeyAt(2, command.RO)},
				Run:  memoryUsage,
			},
		},
	}
}
