// SPDX-License-Identifier: BSD-3-Clause

package lib

import "github.com/redpoll/redpoll/internal/lua"

const (
	scratchSize = 1 << 12 // bytes of the buffers that a library keeps to build short strings in
	maxScratch  = 4       // and how many it keeps: functions that gsub calls build strings too

	// bytesPerStep is how many bytes are copied or compared in the time of one step of the budget.
	bytesPerStep = 32
)

// A buffer is where a string is built. It grows only by what the state has granted, and its end is finish or giveTo, or drop after an error.
type buffer struct {
	l *Library
	b []byte
}

// buffer begins a string.
func (l *Library) buffer() buffer {
	n := len(l.scratch)
	if n == 0 {
		return buffer{l: l}
	}
	b := buffer{l, l.scratch[n-1]}
	l.scratch = l.scratch[:n-1]
	return b
}

// room makes sure that n more bytes can be appended to b.b.
func (b *buffer) room(n int) error {
	if cap(b.b)-len(b.b) >= n {
		return nil
	}
	return b.grow(n)
}

// grow makes room for n more bytes where there is too little.
func (b *buffer) grow(n int) error {
	s := b.l.s
	size := max(2*cap(b.b), len(b.b)+n, scratchSize)
	if err := s.Pin(size); err != nil {
		return err
	}
	if err := s.Spend(size / bytesPerStep); err != nil {
		return err
	}
	grown := append(make([]byte, 0, size), b.b...)
	b.release()
	b.b = grown
	return nil
}

// release gives back what the buffer has.
func (b *buffer) release() {
	if cap(b.b) == scratchSize && len(b.l.scratch) < maxScratch {
		b.l.scratch = append(b.l.scratch, b.b[:0])
	} else {
		b.l.s.Unpin(cap(b.b))
	}
	b.b = nil
}

// drop is release for a buffer that may have been finished, and if not, is not going to be: to be deferred.
func (b *buffer) drop() {
	if b.b != nil {
		b.release()
	}
}

// text appends a string.
func (b *buffer) text(text string) error {
	if err := b.room(len(text)); err != nil {
		return err
	}
	b.b = append(b.b, text...)
	return nil
}

// number appends a number's text.
func (b *buffer) number(v lua.Value) error {
	if err := b.room(maxNumber); err != nil {
		return err
	}
	b.b = lua.AppendNumber(b.b, v.Num())
	return nil
}

// byte appends a byte.
func (b *buffer) byte(c byte) error {
	if err := b.room(1); err != nil {
		return err
	}
	b.b = append(b.b, c)
	return nil
}

// finish returns the string. Memory that is not much larger than it becomes its own.
func (b *buffer) finish() (lua.Value, error) {
	text := b.b
	if len(text) <= scratchSize || cap(text)-len(text) > len(text)/4 {
		v, err := b.l.s.WordOf(text)
		b.release()
		return v, err
	}
	b.release()
	return b.l.s.Own(text)
}

// giveTo finishes the string and makes it the one result of a call.
func (b *buffer) giveTo(c *lua.Call) error {
	v, err := b.finish()
	if err != nil {
		return err
	}
	return c.Return(v)
}
