// SPDX-License-Identifier: BSD-3-Clause

package geo

import "math"

// A shape is searched in the cell of its center and the eight around it, the cells being just large enough. Which they are and their
// order is Redis's, since it shows: what was not asked to be sorted is listed cell by cell.

// halfWay is the distance, in metres, from which on the largest cells are taken.
const halfWay = 20037726.37

// Span is the scores of the members in a cell: from From, included, to To, excluded.
type Span struct{ From, To float64 }

// around is the order of cells: the columns to the east of the center and the rows to the north.
var around = [...]struct{ columns, rows int }{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}

// AppendSpans appends where the points within the shape are, in the order of the search; no two spans have a score in common. Of a polygon
// it is all of them. Circles and boxes that reach across a pole, and some that reach far around the globe, have more, which Redis does
// not find either.
func (s *Shape) AppendSpans(dst []Span) []Span {
	c := s.centerCell()
	useful := func(columns, rows int) bool { return true }
	if c.step > 1 {
		a, b := c.area(), s.bounds
		useful = func(columns, rows int) bool {
			return !(rows < 0 && a.south < b.south || rows > 0 && a.north > b.north ||
				columns < 0 && a.west < b.west || columns > 0 && a.east > b.east)
		}
	}
	last := c
	for i, to := range around {
		next := c.moved(to.columns, to.rows)
		if !useful(to.columns, to.rows) || i > 0 && next == last { // of the largest cells several are the same
			continue
		}
		from, end := next.scores()
		dst, last = append(dst, Span{from, end}), next
	}
	return dst
}

// centerCell gives the cell of the center, whose size is that of all.
func (s *Shape) centerCell() cell {
	center := s.center.clamped()
	step := firstStep(s.extent(), center.Lat)
	c := cellAt(center, step, maxLat)
	if step > 1 && s.leaves(c) {
		step--
		c = cellAt(center, step, maxLat)
	}
	for s.kind == polygon && step > 1 && !s.covered(c.area()) {
		step--
		c = cellAt(center, step, maxLat)
	}
	return c
}

// firstStep gives the step to try for a shape that reaches so many metres from a center at some latitude.
func firstStep(metres, lat float64) int {
	if metres == 0 {
		return maxStep
	}
	step := -1
	for ; metres < halfWay; metres *= 2 {
		step++
	}
	if lat = math.Abs(lat); lat > 80 { // where cells are narrow
		step -= 2
	} else if lat > 66 {
		step--
	}
	return max(1, min(step, maxStep))
}

// extent gives the metres from the center to what is farthest.
func (s *Shape) extent() float64 {
	switch s.kind {
	case circle:
		return s.width * s.unit
	case box:
		return math.Sqrt(float64(s.width/2*(s.width/2))+float64(s.height/2*(s.height/2))) * s.unit
	}
	b, far := s.bounds, 0.0
	for _, corner := range [...]Point{{b.west, b.north}, {b.east, b.north}, {b.west, b.south}, {b.east, b.south}} {
		far = max(far, s.Distance(corner))
	}
	return far
}

// leaves tells whether the bounds leave the cells around c on some side. At the map's edge the neighbour is one on the other side.
func (s *Shape) leaves(c cell) bool {
	return c.moved(0, 1).area().north < s.bounds.north || c.moved(0, -1).area().south > s.bounds.south ||
		c.moved(1, 0).area().east < s.bounds.east || c.moved(-1, 0).area().west > s.bounds.west
}

// covered tells whether the bounds are within the center's cell and those around it: a polygon's center may lie far away, since it is one
// on the globe.
func (s *Shape) covered(c area) bool {
	width, height := (c.east-c.west)*(1-1e-9), (c.north-c.south)*(1-1e-9)
	return c.west-width <= s.bounds.west && c.east+width >= s.bounds.east && c.south-height <= s.bounds.south && c.north+height >= s.bounds.north
}
