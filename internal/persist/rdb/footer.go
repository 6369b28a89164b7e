// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"errors"

	"github.com/redpoll/redpoll/internal/crc64"
)

// FooterSize is the bytes of a footer: the version in two, the checksum in eight, both little-endian.
const FooterSize = 10

// The versions of the format.
const (
	OldestVersion = 1
	NewestVersion = 15

	// Valkey went on from a version of its own, from which on some kinds mean something else.
	valkeyVersion = 80
	newestValkey  = 81
)

// Known tells whether values of a version can be read, as far as they are of kinds that this package knows.
func Known(version int) bool {
	return version <= NewestVersion || version >= valkeyVersion && version <= newestValkey
}

// ErrFooter is the error for a payload whose footer is not one, or of a version that is not known, or whose checksum is wrong.
var ErrFooter = errors.New("DUMP payload version or checksum are wrong")

// AppendFooter ends a payload, of which b has the bytes from start on.
func AppendFooter(b []byte, start, version int) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(version))
	return binary.LittleEndian.AppendUint64(b, crc64.Update(0, b[start:]))
}

// CheckFooter gives what is in front of a payload's footer, and its version. Unless checksum is set the checksum may be any. The
// error is ErrFooter, or that of tick, which is called every so often while a long payload is summed up.
func CheckFooter(payload []byte, checksum bool, tick func() error) (body []byte, version int, err error) {
	n := len(payload) - FooterSize
	if n < 0 {
		return nil, 0, ErrFooter
	}
	version = int(binary.LittleEndian.Uint16(payload[n:]))
	if !Known(version) {
		return nil, 0, ErrFooter
	}
	if !checksum {
		return payload[:n], version, nil
	}
	const sumsATick = 1 << 20 // bytes
	sum, rest := uint64(0), payload[:n+2]
	for ; len(rest) > sumsATick; rest = rest[sumsATick:] {
		sum = crc64.Update(sum, rest[:sumsATick])
		if err := tick(); err != nil {
			return nil, 0, err
		}
	}
	if crc64.Update(sum, rest) != binary.LittleEndian.Uint64(payload[n+2:]) {
		return nil, 0, ErrFooter
	}
	return payload[:n], version, nil
}
