// SPDX-License-Identifier: BSD-3-Clause

package resp

import "github.com/redpoll/redpoll/internal/num"

// AppendCommand appends a command as clients, the append-only file and replication send it: an array of bulks.
func AppendCommand[S ~string | ~[]byte](dst []byte, args ...S) []byte {
	dst = appendLength(dst, '*', len(args))
	for _, a := range args {
		dst = appendLength(dst, '$', len(a))
		dst = append(dst, a...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// CommandLen returns the number of bytes AppendCommand writes.
func CommandLen[S ~string | ~[]byte](args ...S) int {
	n := lengthLen(len(args))
	for _, a := range args {
		n += lengthLen(len(a)) + len(a) + 2
	}
	return n
}

// AppendBulkLen appends the beginning of a bulk of n bytes, which are to follow, and a line break.
func AppendBulkLen(dst []byte, n int) []byte { return appendLength(dst, '$', n) }

func appendLength(dst []byte, kind byte, n int) []byte {
	return append(num.AppendUint(append(dst, kind), uint64(n)), '\r', '\n')
}

func lengthLen(n int) int { return 1 + num.UintLen(uint64(n)) + 2 }
