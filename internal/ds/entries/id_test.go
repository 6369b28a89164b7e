// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"math"
	"testing"
)

// TestIDOrder steps over the places where Seq, and both, run over.
func TestIDOrder(t *testing.T) {
	for _, c := range []struct {
		id, next ID
		text     string
	}{
		{ID{}, ID{0, 1}, "0-0"},
		{ID{0, math.MaxUint64}, ID{1, 0}, "0-18446744073709551615"},
		{ID{1526919030474, 55}, ID{1526919030474, 56}, "1526919030474-55"},
		{ID{math.MaxUint64, math.MaxUint64 - 1}, MaxID(), "18446744073709551615-18446744073709551614"},
	} {
		if next, ok := c.id.Next(); !ok || next != c.next {
			t.Errorf("%v is followed by %v, %v", c.id, next, ok)
		}
		if prev, ok := c.next.Prev(); !ok || prev != c.id {
			t.Errorf("%v is preceded by %v, %v", c.next, prev, ok)
		}
		if c.id.Compare(c.next) != -1 || c.next.Compare(c.id) != 1 || c.id.Compare(c.id) != 0 {
			t.Errorf("%v and %v compare wrongly", c.id, c.next)
		}
		if !c.id.Less(c.next) || c.next.Less(c.id) || c.id.Less(c.id) {
			t.Errorf("%v is not less than %v", c.id, c.next)
		}
		if text := string(c.id.AppendText(nil)); text != c.text {
			t.Errorf("%v is %q", c.id, text)
		}
	}
	if id, ok := MaxID().Next(); ok || id != (ID{}) {
		t.Errorf("something follows the greatest ID: %v", id)
	}
	if id, ok := (ID{}).Prev(); ok || id != MaxID() {
		t.Errorf("something precedes the zero ID: %v", id)
	}
	if n := len(MaxID().AppendText(nil)); n != MaxIDText {
		t.Errorf("the longest text has %d bytes", n)
	}
}
