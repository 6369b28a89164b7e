// SPDX-License-Identifier: BSD-3-Clause

// Package lin tests that commands are linearizable: whatever clients see on several connections at once can be explained
// by the commands having run one by one, each between its sending and its reply. The histories come from a server in the
// process, through real connections; porcupine judges them.
package lin
