// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"bytes"
	"fmt"
	"testing"
)

func TestFieldsets(t *testing.T) {
	var f Fieldsets
	set := func(fields ...string) (s Fieldset) {
		for i, field := range fields {
			s.Fields = append(s.Fields, []byte(field))
			s.Order = append(s.Order, i)
		}
		return s
	}
	if _, ok := f.Get([]byte("a")); ok || f.Remove([]byte("a")) || f.Clear() != 0 {
		t.Error("something is in an empty one")
	}
	for _, s := range []Fieldset{set("x"), set("x", "y", "z"), set("x", "y")} {
		if err := f.Put([]byte("a"), s); err != nil {
			t.Fatal(err)
		}
	}
	alone := f.Bytes()
	if err := f.Put([]byte("b"), set("z")); err != nil {
		t.Fatal(err)
	}
	if got, ok := f.Get([]byte("a")); !ok || len(got.Fields) != 2 || f.Bytes() <= alone {
		t.Errorf("%d fields, %d bytes after %d", len(got.Fields), f.Bytes(), alone)
	}
	if !f.Remove([]byte("b")) || f.Bytes() != alone || f.Clear() != 1 || f.Bytes() != 0 {
		t.Errorf("%d bytes are left", f.Bytes())
	}
}

// TestFieldsetsAreBounded: a client cannot make the server hold more than so much.
func TestFieldsetsAreBounded(t *testing.T) {
	var f Fieldsets
	big := Fieldset{Fields: [][]byte{bytes.Repeat([]byte("x"), maxFieldsets/4)}, Order: []int{0}}
	refused := 0
	for i := range 10 {
		if err := f.Put(fmt.Append(nil, i), big); err != nil {
			if err != ErrFieldsets {
				t.Fatal(err)
			}
			refused++
		}
	}
	if refused != 7 || f.Bytes() > maxFieldsets {
		t.Errorf("%d of 10 were refused, %d bytes are held", refused, f.Bytes())
	}
	if err := f.Put([]byte("0"), big); err != nil {
		t.Errorf("one in place of another: %v", err)
	}
}
