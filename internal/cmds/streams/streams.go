// SPDX-License-Identifier: BSD-3-Clause

// Package streams is the family of commands on streams: table first, handlers in the files named after what they do. id.go reads
// IDs, options.go the options that several commands have. It knows nothing of locks, sockets or other families; how a stream is laid
// out is the store's business.
package streams

import "github.com/redpoll/redpoll/internal/command"

// Family declares every stream command.
var Family = command.Family{Name: "stream", Category: command.CatStream, Commands: []command.Spec{
	{
		Name: "XINFO", Since: "5.0.0", Complexity: "Depends on the subcommand",
		Summary: "Tells about streams, their groups and consumers.",
		Subcommands: []command.Spec{
			{
				Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Lists the subcommands.",
				Flags:   command.Loading | command.Stale,
				Run:     command.Help,
			},
		},
	},
}}
