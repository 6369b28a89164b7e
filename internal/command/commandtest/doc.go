// SPDX-License-Identifier: BSD-3-Clause

// Package commandtest holds a registry against a real redis-server: what COMMAND INFO and COMMAND DOCS say of each command
// must agree, field by field. It is used by tests only. Nothing of the server's answers is kept in the repository: the
// running server is asked each time.
package commandtest
