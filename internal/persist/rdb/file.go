// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"fmt"

	"github.com/redpoll/redpoll/internal/num"
)

// A file begins with a signature, which is the name of the family of servers that the version is of, and the version in decimals; nine
// bytes in all. Then come keys and things about them, each behind a byte: a Kind in front of a key and its value, or one of these.
const (
	opTemplate      = 242 // fields that many hashes of the file have in common; see Reader.keepTemplate
	opKeyMeta       = 243 // what modules keep beside the next key; of Valkey's versions slots that were coming from another node
	opSlotInfo      = 244 // three lengths: of a cluster's slot its number, keys, and those with an expiry
	opFunctions     = 245 // a text: a library of functions
	opFunctionPreGA = 246 // the same, in candidates of Redis 7.0
	opModule        = 247 // what a module keeps beside keys; see Reader.skipModule
	opIdle          = 248 // a length: seconds since the next key was used
	opFrequency     = 249 // a byte: the use counter of the next key
	opAux           = 250 // two texts: a name and a value, of the file as a whole
	opResize        = 251 // two lengths: keys of the database that follow, and those with an expiry
	opExpiryMs      = 252 // eight bytes, little-endian: when the next key dies, Unix ms
	opExpirySeconds = 253 // four bytes, little-endian: the same in Unix seconds
	opSelect        = 254 // a length: the database of the keys that follow
	opEnd           = 255 // from version 5 on eight bytes follow: the checksum of all before them, or 0 for none

	firstOp = opTemplate // kinds are below
)

const (
	magicRedis  = "REDIS"
	magicValkey = "VALKEY"
	headerSize  = 9
	sumSize     = 8
	sumsFrom    = 5 // the version from which on there is a checksum
)

// header gives the beginning of a file of a version of Redis.
func header(version int) string { return fmt.Sprintf("%s%04d", magicRedis, version) }

// IsFile tells of the first bytes of a file, some eight at least, whether it is meant to be one of this format.
func IsFile(begin []byte) bool {
	return bytes.HasPrefix(begin, []byte(magicRedis)) || bytes.HasPrefix(begin, []byte(magicValkey))
}

// parseHeader takes the beginning of a file apart. With known false it is no such file, or one of a version that cannot be read.
func parseHeader(b []byte) (version int, known bool, reason string) {
	digits, valkey := b, false
	switch {
	case len(b) == headerSize && string(b[:len(magicRedis)]) == magicRedis:
		digits = b[len(magicRedis):]
	case len(b) == headerSize && string(b[:len(magicValkey)]) == magicValkey:
		digits, valkey = b[len(magicValkey):], true
	default:
		return 0, false, "Wrong signature trying to load DB from file"
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false, "Wrong signature trying to load DB from file"
		}
		version = 10*version + int(c-'0')
	}
	if version < OldestVersion || !Known(version) || valkey != (version >= valkeyVersion) {
		return version, false, "Can't handle RDB format version " + string(num.AppendInt(nil, int64(version)))
	}
	return version, true, ""
}

// What a module has written is a row of lengths, each in front of something; the last is moduleEnd.
const (
	moduleEnd    = 0
	moduleSigned = 1 // a length
	moduleNumber = 2 // a length
	moduleFloat  = 3 // four bytes
	moduleDouble = 4 // eight bytes
	moduleText   = 5
)
