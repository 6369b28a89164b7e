// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// options are what SET, MSETEX, GETEX and INCREX have in common.
type options struct {
	nx, xx, get bool
	compare     comparison
	keepTTL     bool
	persist     bool
	unit        int64  // ms of the expiration's unit; 0: none was given
	absolute    bool   // the expiration is a Unix time
	expire      []byte // the expiration as given
}

// optionSet is which of the options beside an expiration a command takes.
type optionSet uint8

const (
	takesCondition optionSet = 1 << iota // NX or XX
	takesComparison
	takesGet
	takesKeepTTL
	takesPersist

	optionsOfSet    = takesCondition | takesComparison | takesGet | takesKeepTTL
	optionsOfMSetEx = takesCondition | takesKeepTTL
	optionsOfGetEx  = takesPersist
)

// may tells whether an expiration of this kind may be given: one kind at most, which may be repeated.
func (o *options) may(unit int64, absolute bool) bool {
	return !o.keepTTL && !o.persist && (o.unit == 0 || o.unit == unit && o.absolute == absolute)
}

// parseOptions reads options up to the end of the arguments.
func parseOptions(a *command.Args, takes optionSet) (o options) {
	for a.More() {
		if !o.option(a, takes) {
			a.Fail(command.ErrSyntax)
		}
	}
	return o
}

// option takes an option with its value, and tells whether it was one that may stand here.
func (o *options) option(a *command.Args, takes optionSet) bool {
	may := func(kind optionSet) bool { return takes&kind != 0 }
	switch {
	case may(takesCondition) && !o.xx && !o.compare.asked && a.Keyword("NX"):
		o.nx = true
	case may(takesCondition) && !o.nx && !o.compare.asked && a.Keyword("XX"):
		o.xx = true
	case may(takesComparison) && !o.nx && !o.xx && o.compare.option(a):
	case may(takesGet) && a.Keyword("GET"):
		o.get = true
	case may(takesKeepTTL) && o.unit == 0 && a.Keyword("KEEPTTL"):
		o.keepTTL = true
	case may(takesPersist) && o.unit == 0 && a.Keyword("PERSIST"):
		o.persist = true
	case o.may(1000, false) && a.Keyword("EX"):
		o.unit, o.expire = 1000, a.Bytes()
	case o.may(1, false) && a.Keyword("PX"):
		o.unit, o.expire = 1, a.Bytes()
	case o.may(1000, true) && a.Keyword("EXAT"):
		o.unit, o.absolute, o.expire = 1000, true, a.Bytes()
	case o.may(1, true) && a.Keyword("PXAT"):
		o.unit, o.absolute, o.expire = 1, true, a.Bytes()
	default:
		return false
	}
	return true
}

// expiry gives the Unix ms that the options name, store.NoExpiry when they name none.
func (o *options) expiry(c *command.Ctx) (int64, error) {
	switch {
	case o.keepTTL:
		return store.KeepExpiry, nil
	case o.unit == 0:
		return store.NoExpiry, nil
	}
	return expiryAt(c, o.expire, o.unit, o.absolute)
}

// expiryAt turns an expiration's text, in units of so many ms and relative to now unless absolute, into Unix ms.
func expiryAt(c *command.Ctx, text []byte, unit int64, absolute bool) (int64, error) {
	n, ok := num.ParseInt(text)
	if !ok {
		return 0, command.ErrNotInteger
	}
	bad := command.Error("ERR invalid expire time in '" + c.Spec.FullName() + "' command")
	if n <= 0 || n > math.MaxInt64/unit {
		return 0, bad
	}
	n *= unit
	if !absolute {
		if n > math.MaxInt64-c.Now() {
			return 0, bad
		}
		n += c.Now()
	}
	return n, nil
}

// setKeys tells what SET does with its key: with GET, or something to compare it with, it reads it too.
func setKeys(dst []command.KeyRef, argv [][]byte) ([]command.KeyRef, bool) {
	flags := command.OW | command.Update
	if compares(argv[3:]) {
		flags = command.RW | command.Update
	}
	for _, arg := range argv[3:] {
		if command.EqualFold(arg, "GET") {
			flags = command.RW | command.Access | command.Update
		}
	}
	return append(dst, command.KeyRef{Pos: 1, Flags: flags}), true
}

func set(c *command.Ctx) error {
	key, value := c.Argv[1], c.Argv[2]
	if len(c.Argv) == 3 {
		c.DB.SetString(key, value, store.NoExpiry)
		c.Modified("set", key)
		c.Reply.OK()
		return nil
	}
	args := command.MakeArgs(c.Argv[3:])
	o := parseOptions(&args, optionsOfSet)
	if err := args.Done(); err != nil {
		return err
	}
	at, err := o.expiry(c)
	if err != nil {
		return err
	}
	return setWith(c, key, value, o, at)
}

// setWith does what SET does once its options are known.
func setWith(c *command.Ctx, key, value []byte, o options, at int64) error {
	if o.get {
		if _, _, err := replyGet(c, key); err != nil {
			return err
		}
	}
	may, err := o.hold(c, key)
	switch {
	case err != nil:
		return err
	case may:
		store1(c, key, value, at)
		if o.compare.asked && at <= 0 { // store1 has not said it
			propagateSet(c, key, value, at)
		}
	}
	switch {
	case o.get:
	case may:
		c.Reply.OK()
	default:
		c.Reply.Null()
	}
	return nil
}

// hold tells whether the conditions hold for a key.
func (o *options) hold(c *command.Ctx, key []byte) (bool, error) {
	switch {
	case o.nx || o.xx:
		return c.DB.Exists(key) == o.xx, nil
	case !o.compare.asked:
		return true, nil
	}
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return false, err
	}
	if !ok {
		return o.compare.mismatch, nil
	}
	return o.compare.holds(c, &it)
}

// store1 sets one string and says so to watchers and the log, where an expiration is written as a Unix time.
func store1(c *command.Ctx, key, value []byte, at int64) {
	if at > 0 && c.DB.Over(at) {
		storeDead(c, key)
		c.Propagate([]byte("DEL"), key)
		return
	}
	c.DB.SetString(key, value, at)
	c.Modified("set", key)
	if at > 0 {
		c.Host.Notify("expire", key)
		propagateSet(c, key, value, at)
	}
}

// storeDead sets a string that dies at once: it is not made at all. So nothing that a transaction or script has made is dead before it ends:
// deaths are logged before its effects, and not undone with it.
func storeDead(c *command.Ctx, key []byte) {
	c.DB.Delete(key)
	c.Modified("set", key)
	c.Host.Notify("expire", key)
	c.Host.Notify("expired", key)
}

// propagateSet has the log get a plain SET, with the expiration as a Unix time.
func propagateSet(c *command.Ctx, key, value []byte, at int64) {
	switch at {
	case store.NoExpiry:
		c.Propagate([]byte("SET"), key, value)
	case store.KeepExpiry:
		c.Propagate([]byte("SET"), key, value, []byte("KEEPTTL"))
	default:
		c.Propagate([]byte("SET"), key, value, []byte("PXAT"), strconv.AppendInt(nil, at, 10))
	}
}

func getSet(c *command.Ctx) error {
	key, value := c.Argv[1], c.Argv[2]
	if _, _, err := replyGet(c, key); err != nil {
		return err
	}
	store1(c, key, value, store.NoExpiry)
	c.Propagate([]byte("SET"), key, value)
	return nil
}

func setEx(c *command.Ctx) error  { return setExpiring(c, 1000) }
func psetEx(c *command.Ctx) error { return setExpiring(c, 1) }

func setExpiring(c *command.Ctx, unit int64) error {
	at, err := expiryAt(c, c.Argv[2], unit, false)
	if err != nil {
		return err
	}
	store1(c, c.Argv[1], c.Argv[3], at)
	c.Reply.OK()
	return nil
}

func setNX(c *command.Ctx) error {
	if c.DB.Exists(c.Argv[1]) {
		c.Reply.Int(0)
		return nil
	}
	store1(c, c.Argv[1], c.Argv[2], store.NoExpiry)
	c.Reply.Int(1)
	return nil
}

// pairs gives the arguments of MSET and MSETNX, or the error for an odd number of them.
func pairs(c *command.Ctx) ([][]byte, error) {
	if len(c.Argv)%2 == 0 {
		return nil, command.ErrArity(c.Spec.FullName())
	}
	return c.Argv[1:], nil
}

func mset(c *command.Ctx) error {
	kv, err := pairs(c)
	if err != nil {
		return err
	}
	setAll(c, kv, store.NoExpiry)
	c.Reply.OK()
	return nil
}

func msetNX(c *command.Ctx) error {
	kv, err := pairs(c)
	if err != nil {
		return err
	}
	if free, err := all(c, kv, false); err != nil || !free {
		c.Reply.Int(0)
		return err
	}
	setAll(c, kv, store.NoExpiry)
	c.Reply.Int(1)
	return nil
}

// pairsAtOnce is how many pairs are treated between two calls of Tick.
const pairsAtOnce = 1000

// all tells whether all keys of the pairs are there, or with there false whether none is. The error is Tick's.
func all(c *command.Ctx, kv [][]byte, there bool) (bool, error) {
	for i := 0; i < len(kv); i += 2 {
		if c.DB.Exists(kv[i]) != there {
			return false, nil
		}
		if i%(2*pairsAtOnce) == 2*(pairsAtOnce-1) {
			if err := c.Tick(); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// recordOverhead is about what a key takes beside its texts, in bytes.
const recordOverhead = 32

// setAll sets all pairs, with the same expiry.
func setAll(c *command.Ctx, kv [][]byte, at int64) {
	n, dead := 0, at > 0 && c.DB.Over(at)
	for _, text := range kv {
		n += len(text) + recordOverhead
	}
	if !dead {
		c.DB.Reserve(n)
	}
	for i := 0; i < len(kv); i += 2 {
		if dead {
			storeDead(c, kv[i])
			c.Propagate([]byte("DEL"), kv[i])
		} else {
			c.DB.SetString(kv[i], kv[i+1], at)
			c.Modified("set", kv[i])
			if at > 0 {
				c.Host.Notify("expire", kv[i])
			}
		}
		if i%(2*pairsAtOnce) == 2*(pairsAtOnce-1) {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
}

// msetEx is MSET with conditions and one expiration for all keys.
func msetEx(c *command.Ctx) error {
	args := c.Args()
	const bad = command.Error("ERR invalid numkeys value")
	n := args.IntOr(bad)
	if args.Err() != nil || n < 1 || n > maxKeys {
		return bad
	}
	if int64(args.Len()) < 2*n {
		return command.Error("ERR wrong number of key-value pairs")
	}
	kv := args.Rest()
	rest := command.MakeArgs(kv[2*n:])
	kv = kv[:2*n]
	o := parseOptions(&rest, optionsOfMSetEx)
	if err := rest.Done(); err != nil {
		return err
	}
	at, err := o.expiry(c)
	if err != nil {
		return err
	}
	if o.nx || o.xx {
		if may, err := all(c, kv, o.xx); err != nil || !may {
			c.Reply.Int(0)
			return err
		}
	}
	setAll(c, kv, at)
	if at > 0 && !c.DB.Over(at) {
		argv := append([][]byte{[]byte("MSETEX"), c.Argv[1]}, kv...)
		c.Propagate(append(argv, []byte("PXAT"), strconv.AppendInt(nil, at, 10))...)
	}
	c.Reply.Int(1)
	return nil
}

// maxKeys is how many keys a call can name, as far as Redis counts.
const maxKeys = 1<<31 - 1

// checkLength refuses a string that would be longer than proto-max-bulk-len.
func checkLength(c *command.Ctx, size, more int64) error {
	if total := size + more; total > c.DB.Settings().MaxBulk.Load() || total < size {
		return command.ErrStringTooLong
	}
	return nil
}

func appendTo(c *command.Ctx) error {
	key, value := c.Argv[1], c.Argv[2]
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	total := len(value)
	if !ok {
		c.DB.SetString(key, value, store.NoExpiry)
	} else {
		old := it.TextLen()
		if err := checkLength(c, int64(old), int64(len(value))); err != nil {
			return err
		}
		total += old
		c.DB.WriteString(&it, old, value)
	}
	c.Modified("append", key)
	c.Reply.Int(int64(total))
	return nil
}

func setRange(c *command.Ctx) error {
	args := c.Args()
	key, offset, value := args.Key(), args.Int(), args.Bytes()
	if err := args.Done(); err != nil {
		return err
	}
	if offset < 0 {
		return command.ErrOffset
	}
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	if len(value) == 0 { // changes nothing, not even makes the key
		n := 0
		if ok {
			n = it.TextLen()
		}
		c.Reply.Int(int64(n))
		return nil
	}
	if err := checkLength(c, offset, int64(len(value))); err != nil {
		return err
	}
	if !ok {
		c.DB.Reserve(int(offset) + len(value))
		it = c.DB.NewString(key)
	}
	c.DB.WriteString(&it, int(offset), value)
	c.Modified("setrange", key)
	c.Reply.Int(int64(it.TextLen()))
	return nil
}
