// SPDX-License-Identifier: BSD-3-Clause

// Package crc64 is the checksum of Redis's payloads and snapshots: CRC-64 with the polynomial of David Jones, reflected, which begins as 0
// and ends as it is. The standard library knows the polynomial only as a foreign one, for which it is slow where bytes are few.
package crc64

import "encoding/binary"

// polynomial is 0xad93d23594c935a9 with its bits turned round.
const polynomial = 0x95ac9329ac4bc9b5

// tables never change after the package's start: tables[k][b] is what a byte b does that k others follow.
var tables = makeTables()

func makeTables() (t [8][256]uint64) {
	for b := range t[0] {
		sum := uint64(b)
		for range 8 {
			sum = sum>>1 ^ polynomial&-(sum&1)
		}
		t[0][b] = sum
	}
	for k := 1; k < len(t); k++ {
		for b, before := range t[k-1] {
			t[k][b] = before>>8 ^ t[0][byte(before)]
		}
	}
	return t
}

// Update goes on with a checksum, which begins as 0, over some bytes.
func Update(sum uint64, b []byte) uint64 {
	for len(b) >= 8 {
		sum ^= binary.LittleEndian.Uint64(b)
		sum = tables[7][byte(sum)] ^ tables[6][byte(sum>>8)] ^ tables[5][byte(sum>>16)] ^ tables[4][byte(sum>>24)] ^
			tables[3][byte(sum>>32)] ^ tables[2][byte(sum>>40)] ^ tables[1][byte(sum>>48)] ^ tables[0][byte(sum>>56)]
		b = b[8:]
	}
	for _, c := range b {
		sum = sum>>8 ^ tables[0][byte(sum)^c]
	}
	return sum
}
