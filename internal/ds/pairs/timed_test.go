// SPDX-License-Identifier: BSD-3-Clause

package pairs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// timedPair is a pair of a timed blob.
type timedPair struct {
	field, value string
	at           int64
}

// timedBlob drives a timed blob and a list through the same changes. The blob is made as large as it needs to be.
type timedBlob struct {
	b    []byte
	want []timedPair
}

func newTimedBlob() *timedBlob {
	m := &timedBlob{b: make([]byte, TimedHeader)}
	SetTimed(m.b, TimedHeader)
	return m
}

func (m *timedBlob) put(field, value string, at int64) {
	var p Pair
	p.Encode([]byte(field), []byte(value))
	n := p.Size()
	if at != 0 {
		n += TimeSize
	}
	off, end := p.FindTimed(m.b)
	was := 0
	if off == 0 {
		off = end
		AddCount(m.b, 1)
	} else if TimeAt(m.b, off) != 0 {
		was = end - off
	}
	m.b = slices.Concat(m.b[:off], make([]byte, n), m.b[end:])
	at2 := off
	if at != 0 {
		PutTime(m.b, off, at)
		at2 += TimeSize
	}
	p.Put(m.b, at2)
	Arrange(m.b, off, n, at, was)

	i := slices.IndexFunc(m.want, func(p timedPair) bool { return p.field == field })
	if i >= 0 && m.want[i].at == 0 && at == 0 {
		m.want[i].value = value
		return
	}
	if i >= 0 {
		m.want = slices.Delete(m.want, i, i+1)
	}
	to := len(m.want)
	if at != 0 {
		to = slices.IndexFunc(m.want, func(p timedPair) bool { return p.at == 0 || p.at >= at })
		if to < 0 {
			to = len(m.want)
		}
	}
	m.want = slices.Insert(m.want, to, timedPair{field, value, at})
}

func (m *timedBlob) remove(field string) {
	off, end := FindTimed(m.b, []byte(field))
	i := slices.IndexFunc(m.want, func(p timedPair) bool { return p.field == field })
	if i < 0 {
		return
	}
	Removed(m.b, off, end)
	m.b = slices.Delete(m.b, off, end)
	AddCount(m.b, -1)
	m.want = slices.Delete(m.want, i, i+1)
}

// reap removes all pairs whose time is before now.
func (m *timedBlob) reap(t *testing.T, now int64) {
	t.Helper()
	end, n := Dead(m.b, now)
	dead := 0
	for dead < len(m.want) && m.want[dead].at != 0 && m.want[dead].at < now {
		dead++
	}
	if n != dead || Ends(m.b, end) != (dead == len(m.want)) {
		t.Fatalf("%d dead, the blob ends behind them: %v; want %d of %d", n, Ends(m.b, end), dead, len(m.want))
	}
	Removed(m.b, TimedHeader, end)
	m.b = slices.Delete(m.b, TimedHeader, end)
	AddCount(m.b, -n)
	m.want = slices.Delete(m.want, 0, dead)
}

func (m *timedBlob) check(t *testing.T) {
	t.Helper()
	var got []timedPair
	for off := FirstTimed(m.b); off != 0; {
		var p timedPair
		var f, v Value
		at := off
		f, v, p.at, off = ReadTimed(m.b, off)
		p.field, p.value = f.text(), v.text()
		if found, _ := FindTimed(m.b, []byte(p.field)); found != at || TimeAt(m.b, at) != p.at {
			t.Fatalf("%+v is at %d, found at %d with time %d", p, at, found, TimeAt(m.b, at))
		}
		got = append(got, p)
	}
	if !slices.Equal(got, m.want) || CountTimed(m.b) != len(got) {
		t.Fatalf("%d pairs:\n%v\nwant:\n%v", CountTimed(m.b), got, m.want)
	}
	least := int64(0)
	if len(got) > 0 {
		least = got[0].at
	}
	if Least(m.b) != least {
		t.Fatalf("the least time is %d, want %d", Least(m.b), least)
	}
}

func TestTimed(t *testing.T) {
	fields := []string{"", "a", "b", "12345", "-7", "70000", "field", strings.Repeat("f", 14), strings.Repeat("f", 15), "\xff\xff", "9223372036854775807"}
	values := []string{"", "v", "12", "4711", "1234567890123", strings.Repeat("v", 20), strings.Repeat("v", 300), "\xff\xff\xff"}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := newTimedBlob()
		now := int64(1)
		for range 300 {
			field := fields[r.IntN(len(fields))]
			switch r.IntN(8) {
			case 0:
				m.remove(field)
			case 1:
				now += r.Int64N(4)
				m.reap(t, now)
			default:
				at := int64(0)
				switch r.IntN(4) {
				case 0, 1:
					at = now + r.Int64N(10)
				case 2:
					at = []int64{MaxTime, 0xffff, 0xffffffff, 1<<46 - 1}[r.IntN(4)] // those that look like filler too
				}
				m.put(field, values[r.IntN(len(values))], at)
			}
			if r.IntN(8) == 0 && len(m.b) < 5000 {
				m.b = append(m.b, Filler)
			}
			m.check(t)
		}
	}
}

// TestTimedCount counts by going through the pairs when the header cannot tell.
func TestTimedCount(t *testing.T) {
	m := newTimedBlob()
	for i := range 5 {
		m.put(fmt.Sprint("f", i), "v", int64(i))
	}
	SetCount(m.b, unknownCount)
	if n := CountTimed(m.b); n != 5 {
		t.Errorf("%d pairs, want 5", n)
	}
	if m = newTimedBlob(); CountTimed(m.b) != 0 || FirstTimed(m.b) != 0 || Least(m.b) != 0 || !Ends(m.b, TimedHeader) {
		t.Error("an empty blob has something")
	}
}
