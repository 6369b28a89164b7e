// SPDX-License-Identifier: BSD-3-Clause

package lua

import "strings"

// nameOf returns what a register's value is called where instruction pc uses it: "local" and the variable's name; "" when nothing is
// known.
func (p *Proto) nameOf(pc, reg int) (kind, name string) {
	for _, l := range p.locals {
		if int(l.reg) == reg && l.from <= pc && pc < l.to && !strings.HasPrefix(l.name, "(") {
			return "local", l.name
		}
	}
	return "", ""
}

// cString cuts a text where C would see its end.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}
