// SPDX-License-Identifier: BSD-3-Clause

// Package arrays is the family of commands on arrays, elements that are found by an index of 64 bits: table first, handlers in the files
// named after what they do (element.go, range.go, grep.go, aggregate.go, ring.go, info.go). It knows nothing of locks, sockets or other
// families; how an array is laid out is the store's business.
package arrays

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// since is the version of Redis that brought arrays.
const since = "8.8.0"

// Family declares every array command.
var Family = command.Family{Name: "array", Category: command.CatArray, Commands: []command.Spec{
	{
		Name: "ARCOUNT", Since: since, Complexity: "O(1)",
		Summary: "Tells how many elements an array has.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arcount,
	},
	{
		Name: "ARDEL", Since: since, Complexity: "O(N), N being the number of indices",
		Summary: "Takes elements of an array away.",
		Syntax:  "key index:int...",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     ardel,
	},
	{
		Name: "ARDELRANGE", Since: since, Complexity: "O(N), N being the number of elements taken away",
		Summary: "Takes the elements in some ranges of an array away.",
		Syntax:  "key range=(start:int end:int)...",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     ardelrange,
	},
	{
		Name: "ARGET", Since: since, Complexity: "O(log N), N being the number of elements",
		Summary: "Returns an element of an array.",
		Syntax:  "key index:int",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arget,
	},
	{
		Name: "ARGETRANGE", Since: since, Complexity: "O(N), N being the number of indices",
		Summary: "Returns what is at each index of a range of an array.",
		Syntax:  "key start:int end:int",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     argetrange,
	},
	{
		Name: "ARGREP", Since: since, Complexity: "O(N*M), N being the number of elements in the range and M the work for one of them",
		Summary: "Finds the elements of an array that match.",
		Syntax: "key start end predicate=(EXACT string | MATCH string | GLOB pattern | RE pattern)... " +
			"options=[AND | OR | LIMIT limit:int | WITHVALUES | NOCASE]...",
		Flags: command.ReadOnly,
		Keys:  command.OneKey(command.RO | command.Access),
		Run:   argrep,
	},
	{
		Name: "ARINFO", Since: since, Complexity: "O(1), or O(N) with FULL, N being the number of elements",
		Summary: "Tells what there is to know of an array.",
		Syntax:  "key [FULL]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arinfo,
	},
	{
		Name: "ARINSERT", Since: since, Complexity: "O(N), N being the number of elements",
		Summary: "Sets elements of an array from its cursor on, which goes on behind them.",
		Syntax:  "key value...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     arinsert,
	},
	{
		Name: "ARLASTITEMS", Since: since, Complexity: "O(N), N being the count",
		Summary: "Returns what is at the last indices before the cursor of an array.",
		Syntax:  "key count:int [REV]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arlastitems,
	},
	{
		Name: "ARLEN", Since: since, Complexity: "O(1)",
		Summary: "Returns the index behind the last element of an array.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arlen,
	},
	{
		Name: "ARMGET", Since: since, Complexity: "O(N), N being the number of indices",
		Summary: "Returns some elements of an array.",
		Syntax:  "key index:int...",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     armget,
	},
	{
		Name: "ARMSET", Since: since, Complexity: "O(N), N being the number of elements",
		Summary: "Sets some elements of an array.",
		Syntax:  "key data=(index:int value)...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     armset,
	},
	{
		Name: "ARNEXT", Since: since, Complexity: "O(1)",
		Summary: "Returns the index at which ARINSERT goes on.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arnext,
	},
	{
		Name: "AROP", Since: since, Complexity: "O(N), N being the number of elements in the range",
		Summary: "Computes something of the elements in a range of an array.",
		Syntax:  "key start:int end:int operation=(SUM | MIN | MAX | AND | OR | XOR | MATCH value | USED)",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arop,
	},
	{
		Name: "ARRING", Since: since, Complexity: "O(N), N being the number of elements; and that of the ring if its size changes",
		Summary: "Puts elements into an array that is a ring of so many.",
		Syntax:  "key size:int value...",
		Flags:   command.Write | command.DenyOOM,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     arring,
	},
	{
		Name: "ARSCAN", Since: since, Complexity: "O(N), N being the number of elements in the range",
		Summary: "Returns the elements in a range of an array, with their indices.",
		Syntax:  "key start:int end:int [LIMIT limit:int]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     arscan,
	},
	{
		Name: "ARSEEK", Since: since, Complexity: "O(1)",
		Summary: "Says at which index ARINSERT goes on.",
		Syntax:  "key index:int",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     arseek,
	},
	{
		Name: "ARSET", Since: since, Complexity: "O(N), N being the number of elements",
		Summary: "Sets elements of an array from an index on.",
		Syntax:  "key index:int value...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     arset,
	},
}}

// Errors of array commands.
const (
	errIndex         command.Error = "ERR invalid array index"
	errIndexOverflow command.Error = "ERR array index overflow"
	errNoNext        command.Error = "ERR insert index overflow"
	errLimit         command.Error = "ERR LIMIT must be positive"
)

const (
	// tickEvery is how many elements a handler treats before it asks whether it has taken long.
	tickEvery = 256
	// longElement is how many bytes of an element take as long as another.
	longElement = 4 << 10
	// maxHoles is how many indices may be asked for whether or not there are elements.
	maxHoles = 1_000_000
)

// indexOf reads an index, which is up to store.MaxIndex.
func indexOf(text []byte) (uint64, error) {
	index, ok := command.ParseUint(text)
	if !ok || index > store.MaxIndex {
		return 0, errIndex
	}
	return index, nil
}

// checkIndices reads texts[0], texts[step], … as indices, to see whether they are.
func checkIndices(texts [][]byte, step int) error {
	for i := 0; i < len(texts); i += step {
		if _, err := indexOf(texts[i]); err != nil {
			return err
		}
	}
	return nil
}

// span is a range of indices, which may be given from the last to the first.
type span struct {
	first, last uint64
	reverse     bool
}

// spanOf makes a range of its ends, whichever comes first.
func spanOf(start, end uint64) span {
	return span{first: min(start, end), last: max(start, end), reverse: start > end}
}

// readSpan reads the ends of a range.
func readSpan(start, end []byte) (span, error) {
	a, err := indexOf(start)
	if err != nil {
		return span{}, err
	}
	b, err := indexOf(end)
	return spanOf(a, b), err
}

// reply writes an element, or that there is none.
func reply(c *command.Ctx, v store.Value, ok bool) {
	if !ok {
		c.Reply.Null()
		return
	}
	c.ReplyValue(v)
}

// each calls fn with the elements of an array in a range until it gives false, ticks on the way, and ends with an error if Tick gives one.
func each(c *command.Ctx, a *store.Array, s span, fn func(index uint64, v store.Value) bool) (err error) {
	p := pace{tick: c.Tick}
	a.Each(s.first, s.last, s.reverse, func(index uint64, v store.Value) bool {
		if err = p.step(v); err != nil {
			return false
		}
		return fn(index, v)
	})
	return err
}

// pace says when a handler asks whether it has taken long.
type pace struct {
	tick func() error
	done int
}

// step counts an element, a long one as many, and ticks when there were some; the error is that which Tick gives.
func (p *pace) step(v store.Value) error {
	if p.done += 1 + len(v.Bytes)/longElement; p.done < tickEvery {
		return nil
	}
	p.done = 0
	return p.tick()
}
