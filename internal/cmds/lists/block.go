// SPDX-License-Identifier: BSD-3-Clause

package lists

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Commands that wait go to the log as what they do when they have waited, which does not wait.

func blpop(c *command.Ctx) error { return blockingPop(c, true) }
func brpop(c *command.Ctx) error { return blockingPop(c, false) }

// blockingPop implements BLPOP and BRPOP.
func blockingPop(c *command.Ctx, head bool) error {
	last := len(c.Argv) - 1
	keys := c.Argv[1:last]
	timeout, err := parseTimeout(c.Argv[last])
	if err != nil {
		return err
	}
	for i, key := range keys {
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
		if !c.Holds(key) {
			continue
		}
		l, err := c.DB.FindListWrite(key)
		if err != nil {
			return err
		}
		if l.Len() == 0 {
			continue
		}
		c.Reply.Array(2)
		c.Reply.Bulk(key)
		takeOne(c, &l, key, head)
		c.Propagate(popName(head), key)
		return nil
	}
	return wait(c, keys, timeout)
}

// parseTimeout reads a timeout; see command.Args.Timeout.
func parseTimeout(word []byte) (ms int64, err error) {
	args := command.MakeArgs([][]byte{word})
	ms = args.Timeout()
	return ms, args.Err()
}

// wait has the client wait for one of some lists; within a transaction it replies that there is none.
func wait(c *command.Ctx, keys [][]byte, timeout int64) error {
	if !c.MayWait() {
		c.Reply.NullArray()
		return nil
	}
	return c.Wait(command.Wait{Keys: keys, Type: store.TypeList, Timeout: timeout})
}

func blmpop(c *command.Ctx) error {
	p, err := parseMultiPop(c.Argv[2:])
	if err != nil {
		return err
	}
	timeout, err := parseTimeout(c.Argv[1])
	if err != nil {
		return err
	}
	if done, err := p.pop(c); done || err != nil {
		return err
	}
	return wait(c, p.keys, timeout)
}

func blmove(c *command.Ctx) error {
	m := move{from: c.Argv[1], to: c.Argv[2], count: 1}
	if err := m.parseEnds(c.Argv[3], c.Argv[4]); err != nil {
		return err
	}
	return m.blocking(c, c.Argv[5], []byte("LMOVE"), c.Argv[3], c.Argv[4])
}

func brpoplpush(c *command.Ctx) error {
	m := move{from: c.Argv[1], to: c.Argv[2], toHead: true, count: 1}
	return m.blocking(c, c.Argv[3], []byte("RPOPLPUSH"))
}

// blocking moves an element, or waits for one; within a transaction it replies that there is none. The log gets the command of
// that name with the ends.
func (m *move) blocking(c *command.Ctx, timeout, name []byte, ends ...[]byte) error {
	ms, err := parseTimeout(timeout)
	if err != nil {
		return err
	}
	n, err := m.find(c)
	switch {
	case err != nil:
		return err
	case n > 0:
		m.replyOne(c)
		c.Propagate(append([][]byte{name, m.from, m.to}, ends...)...)
		return nil
	case !c.MayWait():
		c.Reply.Null()
		return nil
	}
	return wait(c, c.Argv[1:2], ms)
}

func blmovem(c *command.Ctx) error {
	m := move{from: c.Argv[1], to: c.Argv[2]}
	if err := m.parseEnds(c.Argv[3], c.Argv[4]); err != nil {
		return err
	}
	timeout, err := parseTimeout(c.Argv[5])
	if err != nil {
		return err
	}
	if err := m.parseHowMany(c.Argv[6:]); err != nil {
		return err
	}
	n, err := m.several(c)
	switch {
	case err != nil:
		return err
	case n == 0:
		return wait(c, c.Argv[1:2], timeout)
	}
	order := "OBO"
	if m.bulk {
		order = "BULK"
	}
	c.Propagate([]byte("LMOVEM"), m.from, m.to, c.Argv[3], c.Argv[4], []byte("EXACTLY"), num.AppendInt(nil, int64(n)), []byte(order))
	return nil
}
