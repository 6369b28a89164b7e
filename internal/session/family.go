// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
)

// early are the flags of commands that are allowed to anybody at any time.
const early = command.NoScript | command.Loading | command.Stale | command.Fast | command.NoAuth | command.AllowBusy

// plain are the flags of most subcommands of CLIENT.
const plain = command.NoScript | command.Loading | command.Stale

// Family declares the commands about the connection itself.
func Family() command.Family {
	return command.Family{Name: "connection", Category: command.CatConnection, Commands: []command.Spec{
		{
			Name: "AUTH", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Tells the server who the client is.",
			Syntax:  "[username{6.0.0}] password",
			History: []command.Change{{Version: "6.0.0", Text: "The user can be named."}},
			Flags:   early,
			Run:     auth,
		},
		{
			Name: "CLIENT", Since: "2.4.0", Complexity: "Depends on the subcommand.",
			Summary:     "Commands about connections.",
			Subcommands: slices.Concat(clientCommands(), clientSwitches(), clientWaits()),
		},
		{
			Name: "ECHO", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Returns what it is given.",
			Syntax:  "message",
			Flags:   command.Loading | command.Stale | command.Fast,
			Run:     echo,
		},
		{
			Name: "HELLO", Since: "6.0.0", Complexity: "O(1)",
			Summary: "Chooses the protocol, and can tell who the client is and what it is called.",
			Syntax:  "arguments=[protover:int [AUTH (username password)] [SETNAME clientname]]",
			History: []command.Change{{Version: "6.2.0", Text: "Without a protocol, the one in use stays."}},
			Flags:   early,
			Run:     hello,
		},
		{
			Name: "PING", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Tells that the server is there.",
			Syntax:  "[message]",
			Flags:   command.Fast,
			Tips:    []string{command.TipRequestAllShards, command.TipResponseAllSucceeded},
			Run:     ping,
		},
		{
			Name: "QUIT", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Has the server close the connection.",
			Arity:   -1,
			Flags:   early,
			Run:     quit,
		},
		{
			Name: "RESET", Since: "6.2.0", Complexity: "O(1)",
			Summary: "Makes the connection like a new one.",
			Flags:   early,
			Run:     reset,
		},
		{
			Name: "SELECT", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Chooses the database.",
			Syntax:  "index:int",
			Flags:   command.Loading | command.Stale | command.Fast,
			Run:     selectDB,
		},
	}}
}

// clientCommands are the subcommands of CLIENT that tell of connections, or end them.
func clientCommands() []command.Spec {
	return []command.Spec{
		{
			Name: "GETNAME", Since: "2.6.9", Complexity: "O(1)",
			Summary: "Returns the connection's name.",
			Flags:   plain,
			Run:     clientGetName,
		},
		{
			Name: "GETREDIR", Since: "6.0.0", Complexity: "O(1)",
			Summary: "Returns the connection that tracking messages go to, -1 without tracking.",
			Flags:   plain,
			Run:     clientGetRedir,
		},
		{
			Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
			Summary: "Explains the subcommands.",
			Flags:   command.Loading | command.Stale,
			Run:     command.Help,
		},
		{
			Name: "ID", Since: "5.0.0", Complexity: "O(1)",
			Summary: "Returns the connection's number, which no other one has had or will have.",
			Flags:   plain,
			Run:     clientID,
		},
		{
			Name: "INFO", Since: "6.2.0", Complexity: "O(1)",
			Summary: "Describes the connection.",
			Flags:   plain,
			Tips:    []string{command.TipNondeterministicOutput},
			Run:     clientInfo,
		},
		{
			Name: "KILL", Since: "2.4.0", Complexity: "O(N), N being the number of connections",
			Summary: "Closes the connections that all given filters match.",
			Syntax: "filter=(ip:port:string{-2.8.12} | new-format=([ID client-id:int{2.8.12}] | " +
				"[TYPE normal_master_slave_pubsub=(NORMAL | MASTER{3.2.0} | SLAVE | REPLICA{5.0.0} | PUBSUB){2.8.12}] | " +
				"[USER username] | [ADDR ip:port:string] | [LADDR ip:port:string{6.2.0}] | [SKIPME yes/no] | [MAXAGE maxage:int{7.4.0}] | " +
				moreFilters(" | ") + ")...)",
			Arity: -3,
			History: []command.Change{
				{Version: "2.8.12", Text: "Filters, as an alternative to the address alone."},
				{Version: "2.8.12", Text: "The filter `ID`."},
				{Version: "3.2.0", Text: "The type `master`."},
				{Version: "5.0.0", Text: "The type `replica`, another word for `slave`."},
				{Version: "6.2.0", Text: "The filter `LADDR`."},
				{Version: "7.4.0", Text: "The filter `MAXAGE`."},
				{Version: "8.1.0", Text: "Several ids behind `ID`; the filters `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`."},
				{Version: "9.0.0", Text: "The filters with `NOT-`."},
			},
			Flags: command.Admin | plain,
			Run:   clientKill,
		},
		{
			Name: "LIST", Since: "2.4.0", Complexity: "O(N), N being the number of connections",
			Summary: "Describes all connections, those of a type, or some.",
			Syntax: "[TYPE (NORMAL | MASTER | REPLICA | PUBSUB){5.0.0}] [ID id=(client-id:int...){6.2.0}] " +
				"[USER username{8.1.0}] [ADDR ip:port:string{8.1.0}] [LADDR ip:port:string{8.1.0}] [SKIPME yes/no{8.1.0}] " +
				"[MAXAGE maxage:int{8.1.0}] " + moreFilters(" "),
			History: []command.Change{
				{Version: "2.8.12", Text: "The field `id`."},
				{Version: "5.0.0", Text: "The filter `TYPE`."},
				{Version: "6.0.0", Text: "The field `user`."},
				{Version: "6.2.0", Text: "The filter `ID` and the field `laddr`."},
				{Version: "7.0.0", Text: "The fields `resp`, `multi-mem`, `rbs` and `rbp`."},
				{Version: "7.0.3", Text: "The field `ssub`."},
				{Version: "7.2.0", Text: "The fields `lib-name` and `lib-ver`."},
				{Version: "8.0.0", Text: "The fields `watch`, `io-thread`, `tot-net-in`, `tot-net-out` and `tot-cmds`."},
				{Version: "8.1.0", Text: "The filters that CLIENT KILL has, and the field `capa`."},
				{Version: "9.0.0", Text: "The filters with `NOT-`."},
			},
			Flags: command.Admin | plain,
			Tips:  []string{command.TipNondeterministicOutput},
			Run:   clientList,
		},
	}
}

// moreFilters is the syntax of the filters that both CLIENT LIST and CLIENT KILL have got of late.
func moreFilters(between string) string {
	filters := []string{"[NAME name{8.1.0}]", "[IDLE idle:int{8.1.0}]", "[FLAGS flags{8.1.0}]", "[LIB-NAME lib-name{8.1.0}]",
		"[LIB-VER lib-ver{8.1.0}]", "[DB db:int{8.1.0}]", "[CAPA capa{8.1.0}]", "[IP ip{8.1.0}]",
		"[NOT-ID not-client-id:int...{9.0.0}]", "[NOT-TYPE (NORMAL | MASTER | SLAVE | REPLICA | PUBSUB){9.0.0}]"}
	for _, word := range []string{"user", "addr", "laddr", "name", "flags", "lib-name", "lib-ver", "db", "capa", "ip"} {
		filters = append(filters, "[NOT-"+strings.ToUpper(word)+" not-"+word+"{9.0.0}]")
	}
	return strings.Join(filters, between)
}

// clientWaits are the subcommands of CLIENT that make clients wait, or end that.
func clientWaits() []command.Spec {
	return []command.Spec{
		{
			Name: "PAUSE", Since: "2.9.50", Complexity: "O(1)",
			Summary: "Makes commands, or only those that write, wait for some time.",
			Syntax:  "timeout:int mode=[WRITE | ALL]{6.2.0}",
			History: []command.Change{{Version: "6.2.0", Text: "The modes `WRITE` and `ALL`."}},
			Flags:   command.Admin | plain,
			Plan:    command.PlanAll,
			Run:     clientPause,
		},
		{
			Name: "UNBLOCK", Since: "5.0.0", Complexity: "O(1)",
			Summary: "Ends the wait of a client that waits for a key.",
			Syntax:  "client-id:int [TIMEOUT | ERROR]",
			Flags:   command.Admin | plain,
			Run:     clientUnblock,
		},
		{
			Name: "UNPAUSE", Since: "6.2.0", Complexity: "O(N), N being the number of clients that wait",
			Summary: "Ends what CLIENT PAUSE began.",
			Flags:   command.Admin | plain,
			Run:     clientUnpause,
		},
	}
}

// clientSwitches are the subcommands of CLIENT that change something of the caller's own connection.
func clientSwitches() []command.Spec {
	return []command.Spec{
		{
			Name: "CAPA", Since: "8.0.0", Complexity: "O(1)",
			Summary: "Tells what the client is able to.",
			Syntax:  "capability...",
			Flags:   plain,
			Run:     clientCapa,
		},
		{
			Name: "NO-EVICT", Since: "7.0.0", Complexity: "O(1)",
			Summary: "Says whether the connection may be closed to free memory.",
			Syntax:  "enabled=(ON | OFF)",
			Flags:   command.Admin | plain,
			Run:     clientNoEvict,
		},
		{
			Name: "NO-TOUCH", Since: "7.2.0", Complexity: "O(1)",
			Summary: "Says whether the connection's commands leave the time of the last access to a key as it is.",
			Syntax:  "enabled=(ON | OFF)",
			Flags:   plain,
			Run:     clientNoTouch,
		},
		{
			Name: "REPLY", Since: "3.2.0", Complexity: "O(1)",
			Summary: "Says whether the connection wants replies.",
			Syntax:  "(ON | OFF | SKIP)",
			Flags:   plain,
			Run:     clientReply,
		},
		{
			Name: "SETINFO", Since: "7.2.0", Complexity: "O(1)",
			Summary: "Tells the name or the version of the client's library.",
			Syntax:  "attr=(LIB-NAME libname | LIB-VER libver)",
			Flags:   plain,
			Tips:    []string{command.TipRequestAllNodes, command.TipResponseAllSucceeded},
			Run:     clientSetInfo,
		},
		{
			Name: "SETNAME", Since: "2.6.9", Complexity: "O(1)",
			Summary: "Names the connection, or takes its name away.",
			Syntax:  "connection-name",
			Flags:   plain,
			Run:     clientSetName,
		},
	}
}

// of gives the session whose command runs.
func of(c *command.Ctx) *Session { return c.Client.(*Session) }
