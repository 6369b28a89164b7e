// SPDX-License-Identifier: BSD-3-Clause

// Package check has the tools that look at files of data, redis-check-rdb and redis-check-aof: what they print is what Redis's print, since
// programs read it. They use the codec and the formats of the files, and no server.
package check
