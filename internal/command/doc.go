// SPDX-License-Identifier: BSD-3-Clause

// Package command is the model of commands: one Spec a command, in tables that the families (internal/cmds/… and the
// subsystems) declare, and the Registry that the server builds from them. Arity, key positions, ACL categories, COMMAND
// and its subcommands, the lock plan and the generator of test calls all derive from the same record; nothing else lists
// commands.
//
// The package also holds what a handler sees of the world: Ctx (one call), Args (a cursor over arguments) and the errors
// that go to clients. It knows the keyspace only through store.DB and the connection only through two small interfaces;
// it takes no locks. A Registry does not change once the server has started, so it is read from every loop.
package command
