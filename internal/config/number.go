// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// parseNumber reads the text of a numeric directive and checks its bounds. What is past the range of int64 comes as the
// bits of the uint64.
func parseNumber(d *Directive, s string) (int64, error) {
	switch d.Kind {
	case Memory:
		v, ok := ParseMemory(s)
		if !ok {
			return 0, errors.New("argument must be a memory value")
		}
		return int64(v), checkMemory(d, v)
	case PercentOrMemory:
		return parsePercent(d, s)
	case Octal:
		v, err := parseOctal(s)
		if err != nil {
			return 0, errors.New("argument couldn't be parsed as an octal number")
		}
		if v < d.Min || v > int64(d.Max) {
			return 0, fmt.Errorf("argument must be between %o and %o inclusive", d.Min, d.Max)
		}
		return v, nil
	}
	v, ok := parseInt(s)
	if !ok {
		return 0, errors.New("argument couldn't be parsed into an integer")
	}
	if v < d.Min || v > 0 && uint64(v) > d.Max {
		return 0, boundsError(d)
	}
	return v, nil
}

func checkMemory(d *Directive, v uint64) error {
	if v > d.Max || v <= maxI64 && int64(v) < d.Min {
		return boundsError(d)
	}
	return nil
}

func boundsError(d *Directive) error {
	return fmt.Errorf("argument must be between %d and %d inclusive", d.Min, d.Max)
}

func parsePercent(d *Directive, s string) (int64, error) {
	digits, percent := strings.CutSuffix(s, "%")
	if !percent {
		v, ok := ParseMemory(s)
		if !ok {
			return 0, errors.New("argument must be a memory or percent value")
		}
		return int64(min(v, maxI64)), nil
	}
	v, ok := parseInt(digits)
	if !ok || v < 0 {
		return 0, errors.New("argument must be a memory or percent value")
	}
	if v > -d.Min {
		return 0, fmt.Errorf("percentage argument must be less or equal to %d", -d.Min)
	}
	return -v, nil
}

// parseOctal is as lenient as C's strtoll: white space may lead, and no text is 0.
func parseOctal(s string) (int64, error) {
	if s = strings.TrimLeft(s, " \t\n\v\f\r"); s == "" {
		return 0, nil
	}
	return strconv.ParseInt(s, 8, 64)
}

// parseInt accepts the canonical decimal form of an int64 and nothing else: no sign but -, no spaces, no leading zeros.
func parseInt(s string) (int64, bool) {
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil && strconv.FormatInt(v, 10) == s
}

// ParseMemory reads a number of bytes: digits and one of the units b, k (1000), kb (1024), m, mb, g, gb in any case. As
// in Redis no digits at all are 0, and what does not fit a uint64 is the largest one.
func ParseMemory(s string) (uint64, bool) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	unit, ok := memoryUnit(s[n:])
	if !ok || n > 127 {
		return 0, false
	}
	if n == 0 {
		return 0, true
	}
	v, err := strconv.ParseUint(s[:n], 10, 64)
	if err != nil {
		return maxU64, true
	}
	hi, lo := bits.Mul64(v, unit)
	if hi != 0 {
		return maxU64, true
	}
	return lo, true
}

func memoryUnit(s string) (uint64, bool) {
	switch strings.ToLower(s) {
	case "", "b":
		return 1, true
	case "k":
		return 1000, true
	case "kb":
		return 1 << 10, true
	case "m":
		return 1000 * 1000, true
	case "mb":
		return 1 << 20, true
	case "g":
		return 1000 * 1000 * 1000, true
	case "gb":
		return 1 << 30, true
	}
	return 0, false
}
