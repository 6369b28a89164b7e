// SPDX-License-Identifier: BSD-3-Clause

package lists

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

func lpop(c *command.Ctx) error { return pop(c, true) }
func rpop(c *command.Ctx) error { return pop(c, false) }

// pop implements LPOP and RPOP. Only with a count, 0 among them, the reply is an array.
func pop(c *command.Ctx, head bool) error {
	key, count := c.Argv[1], int64(-1)
	switch {
	case len(c.Argv) > 3:
		return command.ErrArity(c.Spec.FullName())
	case len(c.Argv) == 3:
		var err error
		if count, err = number(c.Argv[2], 0, command.ErrMustBePositive); err != nil {
			return err
		}
	}
	l, err := c.DB.FindListWrite(key)
	switch {
	case err != nil:
		return err
	case l.Len() == 0 && count < 0:
		c.Reply.Null()
	case l.Len() == 0:
		c.Reply.NullArray()
	case count < 0:
		takeOne(c, &l, key, head)
	case count == 0:
		c.Reply.Array(0)
	default:
		_, err = take(c, &l, key, head, count)
	}
	return err
}

// number reads an integer of at least min; anything else is err.
func number(b []byte, min int64, err error) (int64, error) {
	n, ok := num.ParseInt(b)
	if !ok || n < min {
		return 0, err
	}
	return n, nil
}

// takeOne replies with an element from one end of a list, which has some, and removes it.
func takeOne(c *command.Ctx, l *store.List, key []byte, head bool) {
	i := 0
	if !head {
		i = l.Len() - 1
	}
	v, _ := l.At(i)
	c.ReplyValue(v)
	l.Remove(i, 1, c.Tick)
	popped(c, l, key, head, 1)
}

// take replies with up to count elements from one end of a list, which has some, and removes them. It tells how many there
// were.
func take(c *command.Ctx, l *store.List, key []byte, head bool, count int64) (n int, err error) {
	n = int(min(count, int64(l.Len())))
	from, first := 0, 0
	if !head {
		from, first = l.Len()-n, l.Len()-1
	}
	c.Reply.Array(n)
	if err := replyEach(c, l, first, n, !head); err != nil {
		return 0, err
	}
	l.Remove(from, n, c.Tick)
	popped(c, l, key, head, n)
	return n, nil
}

// popped tells that n elements have been removed from an end of a list.
func popped(c *command.Ctx, l *store.List, key []byte, head bool, n int) {
	event := "rpop"
	if head {
		event = "lpop"
	}
	removed(c, l, key, event, n)
}

// removed tells that n elements have been removed from a list, the last one perhaps.
func removed(c *command.Ctx, l *store.List, key []byte, event string, n int) {
	c.Modified(event, key)
	c.Dirty += int64(n - 1)
	if l.Len() == 0 {
		c.Host.Notify("del", key)
	}
}

// multiPop is what LMPOP and BLMPOP are asked for.
type multiPop struct {
	keys  [][]byte
	head  bool
	count int64
}

// parseMultiPop reads the arguments from the number of keys on.
func parseMultiPop(args [][]byte) (p multiPop, err error) {
	n, err := number(args[0], 1, command.ErrNumKeys)
	if err != nil {
		return p, err
	}
	if n >= int64(len(args)-1) {
		return p, command.ErrSyntax
	}
	p.keys, args = args[1:1+n], args[1+n:]
	if p.head, err = end(args[0]); err != nil {
		return p, err
	}
	p.count = -1
	for args = args[1:]; len(args) > 0; args = args[2:] {
		if p.count != -1 || len(args) < 2 || !command.EqualFold(args[0], "COUNT") {
			return p, command.ErrSyntax
		}
		if p.count, err = number(args[1], 1, command.ErrCount); err != nil {
			return p, err
		}
	}
	if p.count == -1 {
		p.count = 1
	}
	return p, nil
}

// end reads a word for an end of a list.
func end(word []byte) (head bool, err error) {
	switch {
	case command.EqualFold(word, "LEFT"):
		return true, nil
	case command.EqualFold(word, "RIGHT"):
		return false, nil
	}
	return false, command.ErrSyntax
}

func lmpop(c *command.Ctx) error {
	p, err := parseMultiPop(c.Argv[1:])
	if err != nil {
		return err
	}
	done, err := p.pop(c)
	if !done && err == nil {
		c.Reply.NullArray()
	}
	return err
}

// pop takes elements from the first of the lists that is there; false when none is.
func (p *multiPop) pop(c *command.Ctx) (done bool, err error) {
	for i, key := range p.keys {
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return false, err
			}
		}
		if !c.Holds(key) {
			continue
		}
		if done, err := p.take(c, key); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// take replies with what the list under a key gives, if there is one. The log gets it as a pop of so many from that list.
func (p *multiPop) take(c *command.Ctx, key []byte) (done bool, err error) {
	l, err := c.DB.FindListWrite(key)
	if err != nil || l.Len() == 0 {
		return false, err
	}
	c.Reply.Array(2)
	c.Reply.Bulk(key)
	n, err := take(c, &l, key, p.head, p.count)
	if err != nil {
		return false, err
	}
	c.Propagate(popName(p.head), key, num.AppendInt(nil, int64(n)))
	return true, nil
}

// popName is the name of the command that removes from an end.
func popName(head bool) []byte {
	if head {
		return []byte("LPOP")
	}
	return []byte("RPOP")
}
