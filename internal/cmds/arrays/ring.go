// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

func arinsert(c *command.Ctx) error {
	values := c.Argv[2:]
	a, err := c.DB.FindArrayWrite(c.Argv[1])
	if err != nil {
		return err
	}
	next := a.Next()
	if next > store.MaxIndex || uint64(len(values)-1) > store.MaxIndex-next {
		return errNoNext
	}
	setFrom(c, &a, next, values)
	last := next + uint64(len(values)-1)
	a.SetNext(last + 1)
	changed(c, "arinsert", len(values))
	c.Reply.Uint(last)
	return nil
}

func arnext(c *command.Ctx) error {
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	if next := a.Next(); next <= store.MaxIndex {
		c.Reply.Uint(next)
	} else {
		c.Reply.Null()
	}
	return nil
}

// arseek takes math.MaxUint64, too: there is no next index then.
func arseek(c *command.Ctx) error {
	index, ok := command.ParseUint(c.Argv[2])
	if !ok {
		return errIndex
	}
	a, err := c.DB.FindArrayWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if !a.Exists() {
		c.Reply.Int(0)
		return nil
	}
	a.SetNext(index)
	changed(c, "arseek", 1)
	c.Reply.Int(1)
	return nil
}

// A ring is an array as ARRING sees it: its size is what there is up to the last element, and the newest element is the one before the
// cursor, which goes round. After ARSEEK 0 it is the last one.
type ring struct {
	*store.Array
	size uint64
}

// newest gives the index of the newest element.
func (r ring) newest() uint64 {
	if r.Next() == 0 {
		return r.size - 1
	}
	return (r.Next() - 1) % r.size
}

// kept tells how many indices back from the newest one are to be looked at for what a ring of another size keeps; false when its elements
// can stay where they are.
func (r ring) kept(size uint64) (n uint64, rebuild bool) {
	switch {
	case r.size == 0 || size == r.size:
		return 0, false
	case size < r.size:
		return size, true
	}
	// A larger ring goes on behind the elements, if the cursor does not stand among them.
	return r.size, r.Next() != 0 && r.Next() < r.size
}

// copyTo makes a draft of the elements from the newest one back, up to n and as long as there is one, in the order in which they came.
func (r ring) copyTo(c *command.Ctx, d *store.Array, n uint64) {
	at, found := r.newest(), uint64(0)
	step := func(i uint64) {
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // nothing has changed yet, and what has must get into the log
		}
	}
	for ; found < n; found++ {
		if _, ok := r.Get(at); !ok {
			break
		}
		if at == 0 { // no arithmetic modulo the size, which may be all that 64 bits hold
			at = r.size
		}
		at--
		step(found)
	}
	var digits [num.MaxIntLen]byte
	for i := range found {
		if at++; at == r.size {
			at = 0
		}
		v, _ := r.Get(at)
		d.Set(i, store.Text(v, digits[:0]))
		step(i)
	}
	d.SetNext(found)
}

func arring(c *command.Ctx) error {
	size, ok := num.ParseInt(c.Argv[2])
	switch {
	case !ok:
		return command.Error("ERR invalid size")
	case size <= 0:
		return command.Error("ERR size must be positive")
	}
	values := c.Argv[3:]
	a, err := c.DB.FindArrayWrite(c.Argv[1])
	if err != nil {
		return err
	}
	var last uint64
	r := ring{Array: &a, size: a.Len()}
	if n, rebuild := r.kept(uint64(size)); rebuild {
		var draft store.ArrayDraft
		draft.Begin(c.DB)
		defer draft.Drop()
		d := draft.Array()
		r.copyTo(c, &d, n)
		last = push(c, &d, uint64(size), values)
		a.Become(&draft)
	} else {
		reserve(&a, values, 1)
		last = push(c, &a, uint64(size), values)
	}
	changed(c, "arring", len(values))
	c.Reply.Uint(last)
	return nil
}

// push puts elements into a ring of a size and tells where the last one is.
func push(c *command.Ctx, a *store.Array, size uint64, values [][]byte) (last uint64) {
	next := a.Next()
	for i, value := range values {
		last = next % size
		a.Set(last, value)
		next = last + 1
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see setFrom
		}
	}
	a.SetNext(next)
	return last
}

func arlastitems(c *command.Ctx) error {
	count, ok := num.ParseInt(c.Argv[2])
	switch {
	case !ok:
		return command.Error("ERR invalid COUNT")
	case count <= 0:
		c.Reply.Array(0)
		return nil
	}
	args := command.MakeArgs(c.Argv[3:])
	newestFirst := args.Keyword("REV")
	switch {
	case len(c.Argv) > 4:
		return command.ErrArity("arlastitems")
	case len(c.Argv) == 4 && !newestFirst:
		return command.ErrSyntax
	}
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	size := a.Len()
	n := min(uint64(count), size)
	if n > uint64(a.Count()) && n > maxHoles {
		return errHoles("count")
	}
	c.Reply.Array(int(n))
	if n == 0 {
		return nil
	}
	newest := size - 1
	if next := a.Next(); next > 0 && next <= size {
		newest = next - 1
	}
	// What is asked for is up to two ranges: those up to the newest, and those at the end.
	near, far := span{first: newest + 1 - min(n, newest+1), last: newest, reverse: newestFirst}, n-min(n, newest+1)
	round := span{first: size - far, last: size - 1, reverse: newestFirst}
	order := []span{round, near}
	if newestFirst {
		order = []span{near, round}
	}
	for _, s := range order {
		if s.first > s.last {
			continue // there is no second one
		}
		if err := replyAll(c, &a, s); err != nil {
			return err
		}
	}
	return nil
}
