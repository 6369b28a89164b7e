// SPDX-License-Identifier: BSD-3-Clause

package geo

// maxStep is the step of a point's cell.
const maxStep = 26

// The bits of columns (longitude) and rows (latitude) in a hash.
const (
	lonBits = 0xaaaaaaaaaaaaaaaa
	latBits = 0x5555555555555555
)

// Hash gives the hash of a valid point, a number that a double holds exactly.
func Hash(p Point) uint64 { return cellAt(p, maxStep, maxLat).bits }

// OfScore gives the point of a member's score, which may be any number: what Redis makes of one that is no hash lies at some edge.
func OfScore(score float64) Point {
	a := (cell{scoreBits(score), maxStep}).area()
	p := Point{(a.west + a.east) / 2, (a.south + a.north) / 2}
	if !p.Valid() {
		return p.clamped()
	}
	return p
}

// scoreBits converts as x86-64 does, beyond the range of the type too.
func scoreBits(score float64) uint64 {
	if score >= 1<<63 {
		return truncated(score-1<<63) ^ 1<<63
	}
	return truncated(score)
}

// truncated gives the whole part of f as an int64's bits, for what does not fit those of the least.
func truncated(f float64) uint64 {
	if f >= -1<<63 && f < 1<<63 {
		return uint64(int64(f))
	}
	return 1 << 63
}

// hashDigits are the digits of a geohash.
const hashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// AppendText appends the point's geohash of 11 digits as other programs know it, whose rows reach the poles. The last digit, for which
// 26 steps have no bits, is 0.
func AppendText(dst []byte, p Point) []byte {
	bits := cellAt(p, maxStep, 90).bits
	for shift := 47; shift > 0; shift -= 5 {
		dst = append(dst, hashDigits[bits>>shift&31])
	}
	return append(dst, hashDigits[0])
}

// cell is a cell. Its bits are those of one at step, with one more in front for a point on the eastern or northern edge.
type cell struct {
	bits uint64
	step int
}

// cellAt gives the cell of a valid point, rows reaching from -height to height.
func cellAt(p Point, step int, height float64) cell {
	size := float64(uint64(1) << step)
	row := (p.Lat + height) / (height + height) * size
	column := (p.Lon + maxLon) / (maxLon + maxLon) * size
	return cell{spread(uint32(row)) | spread(uint32(column))<<1, step}
}

// spread puts a zero in front of each bit.
func spread(n uint32) uint64 {
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & latBits
}

// gather is the opposite of spread, whatever is in front of the bits.
func gather(x uint64) uint32 {
	x &= latBits
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// area is a rectangle of degrees.
type area struct{ west, south, east, north float64 }

// area gives the cell's. The number of a column or row is one of 32 bits, which is 0 behind the last.
func (c cell) area() area {
	part := 1 / float64(uint64(1)<<c.step) // exact
	at := func(n uint32, limit float64) float64 {
		return -limit + float64(float64(n)*part*(limit+limit))
	}
	column, row := gather(c.bits>>1), gather(c.bits)
	return area{at(column, maxLon), at(row, maxLat), at(column+1, maxLon), at(row+1, maxLat)}
}

// moved gives the cell so many columns to the east and rows to the north, each -1, 0 or 1; behind the last one comes the first.
func (c cell) moved(columns, rows int) cell {
	bits := uint64(1)<<(2*c.step) - 1
	if columns != 0 {
		c.bits = c.bits&latBits | shifted(c.bits, lonBits, columns)&bits
	}
	if rows != 0 {
		c.bits = c.bits&lonBits | shifted(c.bits, latBits, rows)&bits
	}
	return c
}

// shifted adds 1 or -1 to the number whose bits are those of a mask: the others are filled, or emptied, so that it carries across them.
func shifted(bits, mask uint64, by int) uint64 {
	if by > 0 {
		return ((bits | ^mask) + 1) & mask
	}
	return (bits&mask - 1) & mask
}

// scores gives the scores of the members in the cell: from the first, included, to the last, excluded.
func (c cell) scores() (from, to float64) {
	shift := 2 * (maxStep - c.step)
	return float64(c.bits << shift), float64((c.bits + 1) << shift)
}
