// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math/bits"

	"github.com/redpoll/redpoll/internal/lua"
)

// sort implements table.sort.
//
// Scripts see in which order a sort compares and moves elements: in where equal ones end up, and in what a function of theirs is asked.
// So this is Lua 5.1's way: a quicksort whose pivot is the median of the first, the middle and the last element, that goes on with the
// larger part and calls itself for the smaller. For chosen input it is quadratic: a sort that has compared far more often than it should
// goes on as a heapsort.
func (l *Library) sort(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	n := t.Len()
	s := sorter{l: l, c: c, t: t}
	if !c.Arg(1).IsNil() {
		if s.by, err = c.CheckFunction(1); err != nil {
			return err
		}
	}
	const usual = 8 // comparisons for each element and halving; quicksort needs less than 2 of a random order
	s.left = usual * (n + 8) * bits.Len(uint(n))
	return s.quick(1, n)
}

// A sorter is one sort.
type sorter struct {
	l    *Library
	c    *lua.Call
	t    *lua.Table
	by   lua.Value // the function that compares; nil for "<"
	left int       // comparisons until it looks as if the input had been chosen
}

func (s *sorter) get(i int) lua.Value          { return s.t.GetInt(i) }
func (s *sorter) set(i int, v lua.Value) error { return s.l.s.SetInt(s.t, i, v) }

// less says whether a comes before b.
func (s *sorter) less(a, b lua.Value) (bool, error) {
	s.left--
	if err := s.l.s.Spend(2); err != nil {
		return false, err
	}
	if s.by.IsNil() {
		return s.l.s.Less(a, b)
	}
	results, err := s.c.Call(s.by, a, b)
	return err == nil && len(results) > 0 && results[0].Truthy(), err
}

// order exchanges the elements at i and j, i < j, if they are the wrong way round.
func (s *sorter) order(i, j int) (swapped bool, err error) {
	a, b := s.get(i), s.get(j)
	swapped, err = s.less(b, a)
	if err != nil || !swapped {
		return false, err
	}
	return true, s.swap(i, b, j, a)
}

// swap stores two elements.
func (s *sorter) swap(i int, v lua.Value, j int, w lua.Value) error {
	if err := s.set(i, v); err != nil {
		return err
	}
	return s.set(j, w)
}

// quick sorts the elements from lo to hi.
func (s *sorter) quick(lo, hi int) error {
	for lo < hi {
		if s.left < 0 {
			return s.heap(lo, hi)
		}
		if _, err := s.order(lo, hi); err != nil || hi-lo == 1 {
			return err
		}
		mid := (lo + hi) / 2
		swapped, err := s.order(lo, mid)
		if err != nil {
			return err
		}
		if !swapped {
			if _, err := s.order(mid, hi); err != nil {
				return err
			}
		}
		if hi-lo == 2 {
			return nil
		}
		pivot := s.get(mid)
		if err := s.swap(mid, s.get(hi-1), hi-1, pivot); err != nil {
			return err
		}
		mid, err = s.partition(lo, hi-1, pivot)
		if err != nil {
			return err
		}
		smallLo, smallHi := lo, mid-1
		if mid-lo < hi-mid {
			lo = mid + 1
		} else {
			smallLo, smallHi = mid+1, hi
			hi = mid - 1
		}
		if err := s.quick(smallLo, smallHi); err != nil {
			return err
		}
	}
	return nil
}

// partition brings what is before the pivot, which is at hi, to before it, and returns where that is then. The element at lo is
// not after the pivot, and serves as a guard.
func (s *sorter) partition(lo, hi int, pivot lua.Value) (mid int, err error) {
	i, j := lo, hi
	for {
		var a, b lua.Value
		for i++; ; i++ {
			a = s.get(i)
			if before, err := s.less(a, pivot); err != nil {
				return 0, err
			} else if !before {
				break
			}
			if i > hi+1 {
				return 0, s.invalid()
			}
		}
		for j--; ; j-- {
			b = s.get(j)
			if after, err := s.less(pivot, b); err != nil {
				return 0, err
			} else if !after {
				break
			}
			if j < lo {
				return 0, s.invalid()
			}
		}
		if j < i {
			return i, s.swap(hi, s.get(i), i, s.get(hi))
		}
		if err := s.swap(i, b, j, a); err != nil {
			return 0, err
		}
	}
}

func (s *sorter) invalid() error { return s.c.Errorf("invalid order function for sorting") }

// heap sorts the elements from lo to hi, however they are, with a number of comparisons that is proportional to n log n.
func (s *sorter) heap(lo, hi int) error {
	n := hi - lo + 1
	for i := n/2 - 1; i >= 0; i-- {
		if err := s.sink(lo, i, n); err != nil {
			return err
		}
	}
	for n--; n > 0; n-- {
		if err := s.swap(lo, s.get(lo+n), lo+n, s.get(lo)); err != nil {
			return err
		}
		if err := s.sink(lo, 0, n); err != nil {
			return err
		}
	}
	return nil
}

// sink moves element i of the heap of n elements at lo down to where both below it are not after it.
func (s *sorter) sink(lo, i, n int) error {
	for {
		child := 2*i + 1
		if child >= n {
			return nil
		}
		if child+1 < n {
			right, err := s.less(s.get(lo+child), s.get(lo+child+1))
			if err != nil {
				return err
			}
			if right {
				child++
			}
		}
		top, below := s.get(lo+i), s.get(lo+child)
		if before, err := s.less(top, below); err != nil || !before {
			return err
		}
		if err := s.swap(lo+i, below, lo+child, top); err != nil {
			return err
		}
		i = child
	}
}
