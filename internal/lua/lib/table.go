// SPDX-License-Identifier: BSD-3-Clause

package lib

import "github.com/redpoll/redpoll/internal/lua"

// openTable makes the table table.
func (l *Library) openTable() (*lua.Table, error) {
	return l.table(functions{
		{"concat", l.concat}, {"foreach", l.foreach}, {"foreachi", l.foreachi}, {"getn", l.getn}, {"insert", l.insert}, {"maxn", l.maxn},
		{"remove", l.remove}, {"setn", l.setn}, {"sort", l.sort},
	})
}

// concat implements table.concat.
func (l *Library) concat(c *lua.Call) error {
	separator, err := c.OptString(1, "")
	if err != nil {
		return err
	}
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	i, err := c.OptInt(2, 1)
	if err != nil {
		return err
	}
	last := 0
	if c.Arg(3).IsNil() {
		last = t.Len()
	} else if last, err = c.CheckInt(3); err != nil {
		return err
	}
	out := l.buffer()
	defer out.drop()
	for ; i <= last; i++ {
		if err := out.element(c, t, i); err != nil {
			return err
		}
		if i == last {
			break
		}
		if err := out.text(separator); err != nil {
			return err
		}
		if err := l.s.Spend(2); err != nil {
			return err
		}
	}
	return out.giveTo(c)
}

// element appends an element of a table, which must be a string or a number.
func (b *buffer) element(c *lua.Call, t *lua.Table, i int) error {
	switch v := t.GetInt(i); {
	case v.IsString():
		return b.text(v.Str())
	case v.IsNumber():
		return b.number(v)
	default:
		return c.Errorf("invalid value (%s) at index %d in table for 'concat'", lua.TypeName(v), i)
	}
}

// foreach implements table.foreach: what the function returns ends the walk.
func (l *Library) foreach(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	f, err := c.CheckFunction(1)
	if err != nil {
		return err
	}
	for key := lua.Nil; ; {
		k, v, err := t.Next(key)
		if err != nil {
			return l.s.Errorf("%s", err.Error())
		}
		if k.IsNil() {
			return nil
		}
		if done, err := each(c, f, k, v); done || err != nil {
			return err
		}
		key = k
	}
}

// foreachi implements table.foreachi.
func (l *Library) foreachi(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	f, err := c.CheckFunction(1)
	if err != nil {
		return err
	}
	n := t.Len()
	for i := 1; i <= n; i++ {
		if done, err := each(c, f, lua.Int(i), t.GetInt(i)); done || err != nil {
			return err
		}
	}
	return nil
}

// each calls the function of a walk, and returns its result if there is one, which ends the walk.
func each(c *lua.Call, f, k, v lua.Value) (done bool, err error) {
	results, err := c.Call(f, k, v)
	if err != nil || len(results) == 0 || results[0].IsNil() {
		return false, err
	}
	return true, c.Return(results[0])
}

// getn implements table.getn.
func (l *Library) getn(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	return c.Return(lua.Int(t.Len()))
}

// setn implements table.setn, which nothing needs any more.
func (l *Library) setn(c *lua.Call) error {
	if _, err := c.CheckTable(0); err != nil {
		return err
	}
	return c.Errorf("'setn' is obsolete")
}

// maxn implements table.maxn: the largest number among the keys.
func (l *Library) maxn(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	most := 0.0
	for at := 0; ; {
		k, _, next := t.Entry(at)
		if next < 0 {
			return c.Return(lua.Number(most))
		}
		if k.IsNumber() && k.Num() > most {
			most = k.Num()
		}
		if at = next; at%workPerSpend == 0 {
			if err := l.s.Spend(workPerSpend); err != nil {
				return err
			}
		}
	}
}

// insert implements table.insert.
func (l *Library) insert(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	end := t.Len() + 1
	switch c.N() {
	case 2:
		return l.s.SetInt(t, end, c.Arg(1))
	case 3:
	default:
		return c.Errorf("wrong number of arguments to 'insert'")
	}
	at, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	for i := max(end, at); i > at; i-- {
		if err := l.move(t, i-1, i); err != nil {
			return err
		}
	}
	return l.s.SetInt(t, at, c.Arg(2))
}

// remove implements table.remove.
func (l *Library) remove(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	end := t.Len()
	at, err := c.OptInt(1, end)
	if err != nil {
		return err
	}
	if at < 1 || at > end {
		return nil
	}
	if err := c.Push(t.GetInt(at)); err != nil {
		return err
	}
	for ; at < end; at++ {
		if err := l.move(t, at+1, at); err != nil {
			return err
		}
	}
	return l.s.SetInt(t, end, lua.Nil)
}

// move copies an element to another place.
func (l *Library) move(t *lua.Table, from, to int) error {
	if err := l.s.SetInt(t, to, t.GetInt(from)); err != nil {
		return err
	}
	return l.s.Spend(1)
}
