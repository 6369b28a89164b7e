// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// Checked is what there is to tell of a file that was looked at: how far that has come, and with what.
type Checked struct {
	Bytes   int64 // that were read
	Keys    int64 // that were read, at least their names
	Expires int64 // of them have an expiry
	Expired int64 // of them are past it

	Doing Step
	Key   []byte // whose value is being read, up to its first NUL; nil: none
	Kind  int    // of that value; of the first, KindString; else -1
}

// Step is what a check is about to read.
type Step int

// The steps.
const (
	StepStart Step = iota
	StepKind
	StepExpiry
	StepKey
	StepValue
	StepChecksum
	StepLength
	StepAux
	StepModule
	StepFunctions
)

// ErrTooShort is the error of a check for a file that ends too early.
var ErrTooShort = errors.New(tooShort)

// A checker looks at a file.
type checker struct {
	r  *Reader
	db *store.DB
	c  Checked

	expiry int64 // of the next key, Unix ms; store.NoExpiry
	note   func(offset int64, line string)
}

// CheckFile reads a file as ReadFile does, in a database that nobody else uses, and lets go of every value. note is told what the file says of
// itself, in the words of redis-check-rdb, and where that ends. With an error, whose text is for a user, the file is not what it should be,
// or src failed; ErrTooShort if it ends too early. sums says that the checksum is to be looked at.
func CheckFile(src io.Reader, db *store.DB, sums bool, note func(offset int64, line string)) (c Checked, err error) {
	k := checker{r: NewStreamReader(src, 0), db: db, note: note}
	k.r.sums = sums
	k.r.templates = newTemplates()
	defer func() { c, c.Bytes = k.c, k.offset() }()
	defer catchNoMemory(func() { err = mem.ErrNoMemory })
	k.check()
	var bad *FormatError
	switch err := k.r.err; {
	case err == io.ErrUnexpectedEOF:
		return c, ErrTooShort
	case errors.As(err, &bad):
		return c, errors.New(bad.Reason)
	default:
		return c, err
	}
}

// printed gives a copy of a text up to its first NUL, as C prints it.
func printed(text []byte) []byte {
	text, _, _ = bytes.Cut(text, []byte{0})
	return append([]byte{}, text...)
}

// offset gives the offset that was reached, or of what is wrong.
func (k *checker) offset() int64 {
	var bad *FormatError
	switch {
	case k.r.err == nil:
		return k.r.Offset()
	case errors.As(k.r.err, &bad):
		return bad.Offset
	}
	return k.r.lacking
}

func (k *checker) tell(format string, args ...any) {
	if k.r.err == nil {
		k.note(k.r.Offset(), fmt.Sprintf(format, args...))
	}
}

func (k *checker) check() {
	r := k.r
	version, known, reason := parseHeader(r.next(headerSize))
	if !known {
		r.fail(reason)
		return
	}
	r.version = version
	for r.err == nil {
		k.c.Doing = StepKind
		op := r.Byte()
		switch {
		case r.err != nil:
		case op == opEnd:
			k.checkSum()
			return
		case op >= firstOp:
			k.special(op)
		default:
			k.keyValue(Kind(op))
		}
	}
}

// special reads what is no key.
func (k *checker) special(op byte) {
	r := k.r
	switch op {
	case opExpiryMs:
		k.c.Doing = StepExpiry
		k.expiry = max(int64(r.uint64()), 1)
	case opExpirySeconds:
		k.c.Doing = StepExpiry
		if b := r.next(4); len(b) == 4 {
			k.expiry = max(int64(int32(binary.LittleEndian.Uint32(b)))*1000, 1)
		}
	case opIdle:
		r.length()
	case opFrequency:
		r.Byte()
	case opSelect:
		k.c.Doing = StepLength
		n := r.length()
		k.tell("Selecting DB ID %d", n)
	case opResize:
		k.c.Doing = StepLength
		r.length()
		r.length()
	case opSlotInfo:
		r.length()
		r.length()
		r.length()
	case opTemplate:
		r.keepTemplate(k.db)
	case opKeyMeta:
		k.c.Doing = StepModule
		if r.version >= valkeyVersion {
			r.skipImport(k.db)
		} else {
			r.skipKeyMeta(k.db)
		}
	case opAux:
		k.c.Doing = StepAux
		name := printed(r.bytes(k.db))
		k.tell("AUX FIELD %s = '%s'", name, printed(r.bytes(k.db)))
	case opFunctions:
		k.c.Doing = StepFunctions
		if r.bytes(k.db); r.err != nil {
			r.err = &FormatError{Offset: k.offset(), Reason: "Failed loading library, Failed loading library payload"}
		}
	case opFunctionPreGA:
		r.fail(fmt.Sprintf("%s %d", preRelease, r.version))
	case opModule:
		k.c.Doing = StepModule
		name := r.skipModule(k.db)
		k.tell("MODULE AUX for: %s", name)
	}
}

// keyValue reads a key and its value.
func (k *checker) keyValue(kind Kind) {
	r := k.r
	if r.draft(kind) == nil && kind != KindModule2 {
		r.fail(fmt.Sprintf("Invalid object type: %d", kind))
		return
	}
	k.c.Doing, k.c.Kind = StepKey, int(kind)
	key := r.bytes(k.db)
	if r.err != nil {
		return
	}
	k.c.Doing, k.c.Key = StepValue, printed(key)
	k.c.Keys++
	if kind == KindModule2 { // nobody else knows what it is
		r.length()
		r.skipRow(k.db)
	} else if draft, err := ReadValue(r, kind, k.db); err == nil {
		draft.Drop()
	} else if bad := (*FormatError)(nil); errors.As(err, &bad) && bad.Empty {
		r.err = nil
	}
	if r.err != nil {
		return
	}
	if k.expiry != store.NoExpiry {
		k.c.Expires++
		if k.expiry < k.db.Now() {
			k.c.Expired++
		}
	}
	k.expiry = store.NoExpiry
	k.c.Key, k.c.Kind = nil, -1
}

// checkSum compares the checksum at the end of the file with that of what was read.
func (k *checker) checkSum() {
	r := k.r
	if r.version < sumsFrom || !r.sums {
		return
	}
	k.c.Doing = StepChecksum
	have := r.Sum()
	switch want := r.uint64(); {
	case r.err != nil:
	case want == 0:
		k.tell("RDB file was saved with checksum disabled: no check performed.")
	case want != have:
		r.fail("RDB CRC error")
	default:
		k.tell("Checksum OK")
	}
}
