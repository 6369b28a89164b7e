// SPDX-License-Identifier: BSD-3-Clause

package command

import "testing"

func TestTimeout(t *testing.T) {
	for text, want := range map[string]error{
		"0": nil, "0.5": nil, "1e3": nil, "0x1": nil, "-0.0001": nil, "9223369000000000": nil,
		"": ErrTimeoutFloat, "x": ErrTimeoutFloat, "nan": ErrTimeoutFloat, " 1": ErrTimeoutFloat, "1 ": ErrTimeoutFloat,
		"-1": ErrTimeoutNegative, "-0.01": ErrTimeoutNegative, "-inf": ErrTimeoutNegative, "-1e400": ErrTimeoutNegative,
		"inf": ErrTimeoutRange, "9223372036854775": ErrTimeoutRange, "1e400": ErrTimeoutRange, "0x7FFFFFFFFFFFFF": ErrTimeoutRange,
	} {
		a := MakeArgs([][]byte{[]byte(text)})
		if ms := a.Timeout(); a.Done() != want || want != nil && ms != 0 {
			t.Errorf("%q: %d ms, %v, want %v", text, ms, a.Done(), want)
		}
	}
	a := MakeArgs([][]byte{[]byte("1.0001")})
	if ms := a.Timeout(); ms != 1001 {
		t.Errorf("%d ms", ms)
	}
}
