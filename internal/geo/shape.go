// SPDX-License-Identifier: BSD-3-Clause

package geo

import "math"

// Shape is an area that is searched, made by Circle, Box or Polygon. It is not changed by its methods.
type Shape struct {
	kind          shapeKind
	center        Point
	unit          float64 // metres in a unit
	width, height float64 // in units; a circle's radius are both
	vertices      []Point
	bounds        area // which may reach beyond the map's, or be turned over near a pole

	cosLat, sinLat float64 // of the center's latitude, the latter about
	far            Reach   // of a circle; of a box to the sides
	farLat         float64 // degrees to the north and south beyond which nothing of a circle is
}

type shapeKind uint8

const (
	circle shapeKind = iota
	box
	polygon
)

// Circle is the points at most radius units of so many metres from center, which is valid. radius may be infinite, but is not negative.
func Circle(center Point, radius, unit float64) Shape {
	s := Shape{kind: circle, center: center, unit: unit, width: radius, height: radius}
	s.far = NewReach(radius * unit)
	s.farLat = (radius*unit*(1+1e-9) + 1e-5) / (earthRadius * degree)
	s.surround(unit*radius, unit*radius)
	return s
}

// Box is the points at most half the width to the east and west and half the height to the north and south of center; see Circle.
func Box(center Point, width, height, unit float64) Shape {
	s := Shape{kind: box, center: center, unit: unit, width: width, height: height}
	s.far = NewReach(width * unit / 2)
	s.surround(unit*(width/2), unit*(height/2))
	return s
}

// Polygon is the points within the closed line through the vertices, at least three, all valid, with longitudes and latitudes taken for plane
// coordinates: no side crosses the date line. Where the line crosses itself, what it surrounds twice is outside. Its center is that of
// the vertices on the globe, its unit the metre. The vertices must not change as long as the shape is used.
func Polygon(vertices []Point) Shape {
	s := Shape{kind: polygon, unit: 1, vertices: vertices}
	s.bounds = area{maxLon, maxLat, -maxLon, -maxLat}
	var x, y, z float64
	for _, v := range vertices {
		s.bounds = area{min(s.bounds.west, v.Lon), min(s.bounds.south, v.Lat), max(s.bounds.east, v.Lon), max(s.bounds.north, v.Lat)}
		lon, lat := radians(v.Lon), radians(v.Lat)
		x += float64(cos(lat) * cos(lon))
		y += float64(cos(lat) * sin(lon))
		z += sin(lat)
	}
	s.center = Point{degrees(math.Atan2(y, x)), degrees(math.Atan2(z, math.Sqrt(float64(x*x)+float64(y*y))))}
	s.sinLat, s.cosLat = math.Sin(radians(s.center.Lat)), cos(radians(s.center.Lat))
	return s
}

// Unit gives the metres in the unit that the shape is measured in.
func (s *Shape) Unit() float64 { return s.unit }

// Steps gives how many steps it takes to look at one point, about: a polygon has many vertices.
func (s *Shape) Steps() int { return 1 + len(s.vertices)/16 }

// surround works out the bounds of a shape that reaches so many metres to each side.
func (s *Shape) surround(toSide, upDown float64) {
	c := s.center
	s.sinLat, s.cosLat = math.Sin(radians(c.Lat)), cos(radians(c.Lat))
	dLat := degrees(upDown / earthRadius)
	edge := c.Lat + dLat // the one that is nearer to the pole: there the sides reach farthest
	if c.Lat < 0 {
		edge = c.Lat - dLat
	}
	dLon := degrees(toSide / earthRadius / cos(radians(edge)))
	s.bounds = area{c.Lon - dLon, c.Lat - dLat, c.Lon + dLon, c.Lat + dLat}
}

// Reach is a distance that others are held against without computing them, but for those that are almost the same: by the square of
// half the chord to a point, in radiuses of the earth.
type Reach struct {
	metres float64
	// A point whose square is at most sure is at most as far; one from beyond on is farther.
	sure, beyond float64
}

// NewReach gives the reach of a distance, which may be infinite.
func NewReach(metres float64) Reach {
	if metres > halfGlobe {
		return Reach{metres, 2, 3}
	}
	half := math.Sin(metres / (2 * earthRadius))
	doubt := half*half*1e-9 + half*4e-15 + 1e-24 // of the fast sines, and of angles that were rounded
	return Reach{metres, half*half - doubt, half*half + doubt}
}

// near is up to which half of a difference, in radians, sines are computed by a few terms of their series.
const near = 0.2

// halves gives the sines of half the differences in latitude and longitude between a point and the center, and the cosine of the point's
// latitude, all to some 11 digits.
func (s *Shape) halves(p Point) (u, v, cosLat float64) {
	u, v = (p.Lat-s.center.Lat)*(degree/2), (p.Lon-s.center.Lon)*(degree/2)
	if !(math.Abs(u) < near && math.Abs(v) < near) {
		return math.Sin(u), math.Sin(v), math.Cos(radians(p.Lat))
	}
	u, v = shortSine(u), shortSine(v)
	return u, v, s.cosLat*(1-2*u*u) - s.sinLat*2*u*math.Sqrt(1-u*u)
}

func shortSine(x float64) float64 {
	z := x * x
	return x * (1 - z/6*(1-z/20*(1-z/42)))
}

// chord gives the square of half the chord between a point and the center, about; see Reach.
func (s *Shape) chord(p Point) float64 {
	u, v, cosLat := s.halves(p)
	return u*u + s.cosLat*cosLat*v*v
}

// Farther tells of a point that it is farther from the center than r. Of one whose distance is almost the same it may give false.
func (s *Shape) Farther(p Point, r Reach) bool { return s.chord(p) >= r.beyond }

// Nearer tells of a point that it is at most as far from the center as r. Of one whose distance is almost the same it may give false.
func (s *Shape) Nearer(p Point, r Reach) bool { return s.chord(p) <= r.sure }

// Contains tells whether a point is within the shape.
func (s *Shape) Contains(p Point) bool {
	switch s.kind {
	case circle:
		return s.inCircle(p)
	case box:
		return s.inBox(p)
	}
	return s.inPolygon(p)
}

// Distance gives the metres from the center to a point.
func (s *Shape) Distance(p Point) float64 { return distance(s.center, p, s.cosLat) }

func (s *Shape) inCircle(p Point) bool {
	r := &s.far
	if r.sure > 1 {
		return true // all there is
	}
	if math.Abs(p.Lat-s.center.Lat) > s.farLat { // no place on its parallel is near
		return false
	}
	switch chord := s.chord(p); {
	case chord <= r.sure:
		return true
	case chord >= r.beyond:
		return false
	}
	return !(s.Distance(p) > r.metres) // of NaN too
}

func (s *Shape) inBox(p Point) bool {
	if meridianDistance(p.Lat, s.center.Lat) > s.height*s.unit/2 {
		return false
	}
	r := &s.far
	_, v, cosLat := s.halves(p)
	half := cosLat * v
	switch chord := half * half; {
	case chord <= r.sure:
		return true
	case chord >= r.beyond:
		return false
	}
	return !(Distance(p, Point{s.center.Lon, p.Lat}) > r.metres)
}

// inPolygon counts the sides that a line from the point to the east crosses.
func (s *Shape) inPolygon(p Point) (inside bool) {
	if p.Lat < s.bounds.south || p.Lat > s.bounds.north || p.Lon < s.bounds.west || p.Lon > s.bounds.east {
		return false
	}
	b := s.vertices[len(s.vertices)-1]
	for _, a := range s.vertices {
		if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lon < float64((b.Lon-a.Lon)*(p.Lat-a.Lat))/(b.Lat-a.Lat)+a.Lon {
			inside = !inside
		}
		b = a
	}
	return inside
}
