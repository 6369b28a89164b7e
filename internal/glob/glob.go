// SPDX-License-Identifier: BSD-3-Clause

// Package glob matches the patterns of KEYS, SCAN, PSUBSCRIBE and CONFIG GET: '?' is any byte, '*' any bytes, "[a-z]" a class,
// "[^a]" its complement, and a backslash takes the next byte literally. It works on bytes, allocates nothing and takes time at
// most proportional to the product of the two lengths, however hostile the pattern.
package glob

// Match reports whether pattern matches all of s, exactly as Redis does: a class may stay open at the pattern's end, a range may
// be given backwards and compares bytes as signed, an empty s is matched by the empty pattern alone, not by "*", and nothing is
// matched once more than maxStars stars were met. With nocase ASCII letters match in either case, except a byte escaped inside a
// class.
//
// Only the last star met is ever tried again: when what follows it fits nowhere in the rest of s, taking more bytes for an earlier
// star only leaves less of s to fit it into.
func Match(pattern, s []byte, nocase bool) bool {
	p, i, stars := 0, 0, 0
	starP, starI := -1, 0 // what follows the last star, and the byte it is being tried at
	for i < len(s) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				for p < len(pattern) && pattern[p] == '*' {
					p++
				}
				if p == len(pattern) {
					return true
				}
				if stars++; stars > maxStars {
					return false
				}
				starP, starI = p, i
				continue
			}
			if next, ok := matchOne(pattern, p, s[i], nocase); ok {
				p, i = next, i+1
				continue
			}
		}
		if starP < 0 {
			return false
		}
		starI++
		p, i = starP, starI
	}
	if len(s) > 0 {
		for p < len(pattern) && pattern[p] == '*' {
			p++
		}
	}
	return p == len(pattern)
}

// maxStars is how many stars, with something behind each, may be met before Redis gives up.
const maxStars = 1000

// MatchString is Match for strings that are at hand as such.
func MatchString(pattern, s string, nocase bool) bool {
	return Match([]byte(pattern), []byte(s), nocase)
}

// IsLiteral reports whether pattern has no special byte, so that it matches itself alone.
func IsLiteral(pattern []byte) bool {
	for _, c := range pattern {
		switch c {
		case '*', '?', '[', '\\':
			return false
		}
	}
	return true
}

// matchOne matches c with the element of pattern at p, which is not a star, and returns where the next element begins.
func matchOne(pattern []byte, p int, c byte, nocase bool) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchClass(pattern, p+1, c, nocase)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, equal(pattern[p], c, nocase)
}

// matchClass matches c with the class whose first byte after the bracket is at p.
func matchClass(pattern []byte, p int, c byte, nocase bool) (next int, ok bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for p < len(pattern) && pattern[p] != ']' {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			ok = ok || pattern[p] == c
		case p+2 < len(pattern) && pattern[p+1] == '-':
			ok = ok || inRange(pattern[p], pattern[p+2], c, nocase)
			p += 2
		default:
			ok = ok || equal(pattern[p], c, nocase)
		}
		p++
	}
	return min(p+1, len(pattern)), ok != not
}

// inRange swaps the bounds before it folds their case, as Redis does.
func inRange(lo, hi, c byte, nocase bool) bool {
	if int8(lo) > int8(hi) {
		lo, hi = hi, lo
	}
	if nocase {
		lo, hi, c = lower(lo), lower(hi), lower(c)
	}
	return int8(c) >= int8(lo) && int8(c) <= int8(hi)
}

func equal(a, b byte, nocase bool) bool {
	return a == b || nocase && lower(a) == lower(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
