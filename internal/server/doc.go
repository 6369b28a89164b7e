// SPDX-License-Identifier: BSD-3-Clause

// Package server is the composition root: it makes a whole server of the parts (families.go lists the command families),
// listens, keeps house by the clock, and holds the commands that are about the server itself. It is the only package that
// knows all others, and only redpoll.go and cmd/redpoll know it.
package server
