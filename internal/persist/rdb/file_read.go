// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// LoadOptions say how a file is to be read.
type LoadOptions struct {
	Checksum bool // the checksum must be right, if the file has one
	Replace  bool // a key that is there already gets the value; otherwise that is an error
	Check    bool // the file is only looked at: nothing becomes of the values, no key is looked for
	Beside   bool // others are at the data: each key is put with a gate passed and its shard held
	Makers   int  // goroutines that make keys of what is read; with less than two that is done as it is read
	piece    int  // bytes that several makers get in a piece; 0: as many as are best
	// Size is the bytes that there are of the file at most; 0: nobody knows. Of more keys than they can be no file is believed to have.
	Size int64
	// Library is given the text of each library of functions. Its error ends the reading: a command.Error says why it cannot be one, so that the
	// file is not what it should be; another one is ReadFile's. nil: libraries are skipped.
	Library func(code string) error
	// Aux is told what the file says of itself; Skipped of what there is no use for, such as data of modules; EmptyKey of a key
	// that has a value without elements, and is left out. Each may be nil. They are called one at a time; EmptyKey by any maker.
	Aux      func(name, value string)
	Skipped  func(what string)
	EmptyKey func(key []byte)
	// Progress is told every so often how many bytes of the file and keys have come. Its error ends the reading, and is ReadFile's.
	Progress func(bytes, keys int64) error
	// Delay is called behind each key.
	Delay func()
}

// Loaded counts what was read.
type Loaded struct {
	Version int
	Bytes   int64 // of the file; more may follow that belong to something else
	Keys    int64 // that are there now
	Expired int64 // that were past their time already
	Empty   int64 // that had values without elements
}

// add puts the keys of another count to n.
func (n *Loaded) add(o *Loaded) {
	n.Keys += o.Keys
	n.Expired += o.Expired
	n.Empty += o.Empty
}

// ReadFile reads a file into the databases of a view, whose time decides which keys are past theirs. Unless the options say that others
// are at the data, the world must be still, or nobody else in it. Nothing is believed: with an error, which has the offset, the file is not
// what it should be, or src failed, or memory did (mem.ErrNoMemory), and keys that came before are there, and some that came behind it if
// there are several makers. ErrFormat is found in the error of a damaged file.
func ReadFile(src io.Reader, view *store.View, o LoadOptions) (n Loaded, err error) {
	f := fileReader{r: NewStreamReader(src, 0), options: &o, view: view, db: view.DB(0)}
	f.r.sums = o.Checksum
	f.r.templates = newTemplates()
	if o.Makers > 1 {
		f.share(view)
	} else {
		f.maker = newMaker(view, f.r, &o)
		defer f.maker.close()
	}
	err = f.run(view)
	if f.makers != nil {
		err = f.gather(err)
	} else {
		f.n.add(&f.maker.n)
	}
	if f.reserved {
		f.eachShard((*store.Guest).Fit)
	}
	return f.n, err
}

// A fileReader reads a file.
type fileReader struct {
	r       *Reader
	options *LoadOptions
	view    *store.View
	db      *store.DB // that the next key belongs to
	n       Loaded
	come    int64 // keys
	told    int64 // bytes of which Progress has heard
	stopped bool  // by Progress, or Library

	next     keyAbout // what was told of the next key
	metaTold bool     // what modules keep beside keys was told of

	expected int   // keys that a shard is going to have of the database, as far as the file says and can be believed; 0: nobody knows
	from     int64 // keys that had come when it said so
	reserved bool  // there was something expected

	maker  *maker // of the keys; nil if there are several
	makers *makers
}

// keyAbout is what a file says of a key in front of it.
type keyAbout struct {
	expiry          int64 // Unix ms; store.NoExpiry
	idle, frequency int32 // -1: not told

	hash   uint64 // of the key
	hashed bool   // it is known
}

// run reads the file and gives its error.
func (f *fileReader) run(view *store.View) (err error) {
	defer catchNoMemory(func() { err = noMemoryAt(f.r) })
	f.read()
	if f.stopped {
		return f.r.err
	}
	return f.r.located()
}

// catchNoMemory, deferred, ends a panic for want of memory, and calls then.
func catchNoMemory(then func()) {
	switch p := recover(); p {
	case nil:
	case mem.ErrNoMemory:
		then()
	default:
		panic(p)
	}
}

func noMemoryAt(r *Reader) error { return fmt.Errorf("%w at offset %d", mem.ErrNoMemory, r.Offset()) }

// located gives the reader's error with an offset.
func (r *Reader) located() error {
	switch err := r.err; {
	case err == nil, errors.Is(err, ErrFormat):
		return err
	case err == io.ErrUnexpectedEOF:
		return &FormatError{Offset: r.Offset() + int64(r.Len()), Reason: tooShort}
	default:
		return fmt.Errorf("%w at offset %d", err, r.Offset())
	}
}

func (f *fileReader) read() {
	r := f.r
	version, known, reason := parseHeader(r.next(headerSize))
	if !known {
		r.fail(reason)
		return
	}
	r.version, f.n.Version = version, version
	if f.makers != nil {
		f.makers.version = version
	}
	f.forget()
	for r.err == nil {
		op := r.Byte()
		switch {
		case r.err != nil:
		case op == opEnd:
			f.checkSum()
			f.n.Bytes = r.Offset()
			return
		case op >= firstOp:
			f.special(op)
		default:
			f.key(Kind(op))
		}
		f.progress()
	}
}

// progress tells Progress how far the reading has come, if it has come some way.
func (f *fileReader) progress() {
	const step = 256 << 10
	if at := f.r.Offset(); f.options.Progress != nil && f.r.err == nil && at-f.told >= step {
		f.told = at
		if err := f.options.Progress(at, f.come); err != nil {
			f.r.err, f.stopped = err, true
		}
	}
}

// forget ends what was told of a key.
func (f *fileReader) forget() { f.next = keyAbout{expiry: store.NoExpiry, idle: -1, frequency: -1} }

// special reads what is no key.
func (f *fileReader) special(op byte) {
	r := f.r
	switch op {
	case opExpiryMs:
		f.setExpiry(int64(r.uint64()))
	case opExpirySeconds:
		if b := r.next(4); len(b) == 4 {
			f.setExpiry(int64(int32(binary.LittleEndian.Uint32(b))) * 1000)
		}
	case opIdle:
		f.next.idle = int32(min(r.length(), maxIdle))
	case opFrequency:
		f.next.frequency = int32(r.Byte())
	case opSelect:
		f.choose(r.length())
	case opResize:
		f.expect(r.length())
		r.length() // of them expire
	case opTemplate:
		r.keepTemplate(f.db)
	case opKeyMeta:
		if r.version >= valkeyVersion {
			r.skipImport(f.db)
			f.skip("slots that were on their way from another node, but there is no cluster here: their keys are there as far as they had come")
		} else {
			r.skipKeyMeta(f.db)
			if !f.metaTold {
				f.metaTold = true
				f.skip("what modules keep beside keys, since there are no modules here")
			}
		}
	case opSlotInfo:
		r.length()
		r.length()
		r.length()
	case opAux:
		name := string(r.bytes(f.db))
		value := string(r.bytes(f.db))
		if r.err == nil && f.options.Aux != nil {
			f.options.Aux(name, value)
		}
	case opFunctions:
		f.library(string(r.bytes(f.db)))
	case opFunctionPreGA:
		r.fail(preRelease)
	case opModule:
		f.skip("data of the module " + r.skipModule(f.db) + ", since there are no modules here")
	}
}

// maxIdle is more seconds than a key can be said to have been idle for.
const maxIdle = 1 << 24

// setExpiry notes when the next key dies. A time that is 0 or before that is past in any case.
func (f *fileReader) setExpiry(at int64) { f.next.expiry = max(at, 1) }

// library deals with the text of a library of functions.
func (f *fileReader) library(code string) {
	switch {
	case f.r.err != nil:
	case f.options.Library == nil:
		f.skip("a library of functions")
	default:
		var bad command.Error
		if err := f.options.Library(code); errors.As(err, &bad) {
			f.r.fail("Failed creating the library of functions: " + strings.TrimPrefix(string(bad), "ERR "))
		} else if err != nil {
			f.r.err, f.stopped = err, true
		}
	}
}

func (f *fileReader) skip(what string) {
	if f.r.err == nil && f.options.Skipped != nil {
		f.options.Skipped(what)
	}
}

// choose has the keys that follow belong to a database.
func (f *fileReader) choose(index uint64) {
	if index >= uint64(f.db.Databases()) {
		f.r.fail(fmt.Sprintf("Data file was created with a server configured to handle more than %d databases", f.db.Databases()))
		return
	}
	f.db = f.db.Other(int(index))
	f.expected = 0
}

// expect notes how many keys of the database are to come. The tables get room for them when some have come, and have little to grow then. A
// file that says too much costs little: it is not believed to have keys of less than some bytes, with their values, nor does the store believe it
// before a good part of them has come.
func (f *fileReader) expect(keys uint64) {
	const leastBytes = 16
	most := max(f.options.Size-f.r.Offset(), 0) / leastBytes
	f.expected, f.from = int(min(keys, uint64(most)))/f.view.Shards(), f.come
	f.reserved = f.reserved || f.expected > 0 && !f.options.Check
}

// reserve gives the shards room for the keys that are to come.
func (f *fileReader) reserve() {
	f.eachShard(func(g *store.Guest) { g.Reserve(f.db.Index(), f.expected) })
}

// eachShard does something with each shard, which is held.
func (f *fileReader) eachShard(do func(g *store.Guest)) {
	g := f.view.NewGuest(!f.options.Beside)
	defer g.Close()
	for shard := range f.view.Shards() {
		g.Take(shard)
		do(g)
		g.Free()
	}
}

// someKeys is after how many keys of a database one maker makes room for the others, each time.
const someKeys = 10_000

// key reads a key and its value, or has one of several makers do so.
func (f *fileReader) key(kind Kind) {
	if f.r.draft(kind) == nil {
		f.r.failKind(kind)
		return
	}
	if f.makers != nil {
		f.handOver(kind)
	} else {
		f.maker.makeKey(kind, f.db, &f.next)
		f.maker.rest()
	}
	f.come++
	if f.maker != nil && f.reserved && (f.come-f.from)%someKeys == 0 {
		f.reserve()
	}
	f.forget()
	if f.options.Delay != nil {
		f.options.Delay()
	}
}

// checkSum compares the checksum at the end of the file with that of what was read.
func (f *fileReader) checkSum() {
	r := f.r
	if r.version < sumsFrom {
		return
	}
	have := r.Sum()
	at := r.Offset()
	if want := r.uint64(); r.err == nil && r.sums && want != 0 && want != have {
		r.err = &FormatError{Offset: at, Reason: fmt.Sprintf("RDB CRC error: the checksum is %x, but that of the file's bytes %x", want, have)}
	}
}

// skipModule reads what a module keeps beside keys, and gives its name.
func (r *Reader) skipModule(db *store.DB) (name string) {
	const (
		letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		length  = 9
	)
	id := r.length()
	if r.length() != moduleNumber { // in front of the moment at which it was written
		r.corrupt("Module data")
	}
	r.length()
	r.skipRow(db)
	var b [length]byte
	id >>= 10 // the version of the module's own format
	for i := length - 1; i >= 0; i-- {
		b[i] = letters[id&63]
		id >>= 6
	}
	return string(b[:])
}

// skipKeyMeta reads what modules keep beside a key.
func (r *Reader) skipKeyMeta(db *store.DB) {
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.next(4) // whose it is
		r.skipRow(db)
	}
}

// skipRow reads a row of what a module has written.
func (r *Reader) skipRow(db *store.DB) {
	for r.err == nil {
		switch r.length() {
		case moduleEnd:
			return
		case moduleSigned, moduleNumber:
			r.number()
		case moduleFloat:
			r.next(4)
		case moduleDouble:
			r.next(8)
		case moduleText:
			r.bytes(db)
		default:
			r.corrupt("Module data")
		}
	}
}

// skipImport reads which slots were on their way from another node of a cluster: the name of that job, and ranges.
func (r *Reader) skipImport(db *store.DB) {
	r.bytes(db)
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.length()
		r.length()
	}
}
