// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestLengths(t *testing.T) {
	for _, tc := range []struct {
		n    uint64
		want []byte
	}{
		{0, []byte{0}},
		{63, []byte{63}},
		{64, []byte{0x40, 64}},
		{16383, []byte{0x7f, 0xff}},
		{16384, []byte{0x80, 0, 0, 0x40, 0}},
		{math.MaxUint32, []byte{0x80, 0xff, 0xff, 0xff, 0xff}},
		{math.MaxUint32 + 1, []byte{0x81, 0, 0, 0, 1, 0, 0, 0, 0}},
	} {
		got := appendLen(nil, tc.n)
		if !bytes.Equal(got, tc.want) || lenSize(tc.n) != len(tc.want) {
			t.Errorf("%d is % x of size %d, want % x", tc.n, got, lenSize(tc.n), tc.want)
		}
	}
}

func TestInts(t *testing.T) {
	for _, tc := range []struct {
		v    int64
		want string
	}{
		{-128, "\xc0\x80"},
		{127, "\xc0\x7f"},
		{128, "\xc1\x80\x00"},
		{-32768, "\xc1\x00\x80"},
		{32768, "\xc2\x00\x80\x00\x00"},
		{math.MinInt32, "\xc2\x00\x00\x00\x80"},
		{math.MaxInt32 + 1, "\x0a2147483648"},
		{math.MinInt64, "\x14-9223372036854775808"},
	} {
		if got := appendInt(nil, tc.v); string(got) != tc.want {
			t.Errorf("%d is %q, want %q", tc.v, got, tc.want)
		}
	}
}

// never is the tick of a command that nobody ends.
func never() error { return nil }

// TestFooter has the payload of a real server, for SET k 42.
func TestFooter(t *testing.T) {
	const payload = "\x00\xc0*\n\x00\x81\xfb\\\xfa\x86cOP"
	if got := AppendFooter([]byte(payload[:3]), 0, 10); string(got) != payload {
		t.Errorf("the payload is %q, want %q", got, payload)
	}
	body, version, err := CheckFooter([]byte(payload), true, never)
	if string(body) != payload[:3] || version != 10 || err != nil {
		t.Errorf("the payload has %q, version %d, error %v", body, version, err)
	}
	bad := []byte(payload)
	bad[len(bad)-1]++
	if _, _, err := CheckFooter(bad, true, never); err != ErrFooter {
		t.Errorf("a wrong checksum gives %v", err)
	}
	if _, _, err := CheckFooter(bad, false, never); err != nil {
		t.Errorf("a checksum that does not matter gives %v", err)
	}
	for _, b := range []string{"", payload[:9], "\x00\xc0*\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"} {
		if _, _, err := CheckFooter([]byte(b), false, never); err != ErrFooter {
			t.Errorf("%q gives %v", b, err)
		}
	}
}

// A long payload is summed up in steps, any of which may be the last.
func TestLongFooter(t *testing.T) {
	payload := AppendFooter(make([]byte, 5<<20), 0, 10)
	ticks := 0
	tick := func() error { ticks++; return nil }
	if body, _, err := CheckFooter(payload, true, tick); len(body) != 5<<20 || err != nil || ticks < 5 {
		t.Errorf("%d bytes, error %v, %d ticks", len(body), err, ticks)
	}
	payload[3<<20]++
	if _, _, err := CheckFooter(payload, true, tick); err != ErrFooter {
		t.Errorf("a wrong byte gives %v", err)
	}
	ended := errors.New("ended")
	if _, _, err := CheckFooter(payload, true, func() error { return ended }); err != ended {
		t.Errorf("ended, it gives %v", err)
	}
}
