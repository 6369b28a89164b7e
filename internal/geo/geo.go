// SPDX-License-Identifier: BSD-3-Clause

// Package geo is the geometry behind the commands on places: points, the numbers of 52 bits (hashes) that they are kept as, distances, and
// the shapes that are searched. It knows nothing of keys, commands or sorted sets.
//
// Terms:
//
//   - A point's coordinates are degrees. Longitudes go from -180 to 180, latitudes from -85.05112878 to 85.05112878 (the limits of web maps).
//   - A cell is one of the 2^step by 2^step parts of that rectangle, each as wide and as high as the others in degrees. Its hash has the
//     bits of its column and row by turns, the column's highest first, so that the cells within a cell have successive hashes.
//   - A point's hash is that of its cell at step 26, the score of its member in a sorted set. The way back gives the cell's middle.
//
// What this package computes is shown to clients with all its digits, so it is computed as Redis does it: the same operations on doubles
// in the same order, with conversions float64(x) where a compiler might otherwise keep more digits of a product, and sines that are
// as exact as the C library's (see trig.go).
package geo

import "math"

// Limits of coordinates, in degrees.
const (
	maxLon = 180.0
	maxLat = 85.05112878
)

// earthRadius is in metres.
const earthRadius = 6372797.560856

// halfGlobe is, in metres, somewhat more than any distance.
const halfGlobe = math.Pi * earthRadius * (1 + 1e-9)

// degree is in radians.
const degree = math.Pi / 180

// Point is a place on earth, in degrees.
type Point struct{ Lon, Lat float64 }

// Valid tells whether the point has a hash: the poles have none.
func (p Point) Valid() bool {
	return p.Lon >= -maxLon && p.Lon <= maxLon && p.Lat >= -maxLat && p.Lat <= maxLat
}

// clamped gives the nearest point that is valid.
func (p Point) clamped() Point {
	return Point{max(-maxLon, min(p.Lon, maxLon)), max(-maxLat, min(p.Lat, maxLat))}
}

func radians(degrees float64) float64 { return degrees * float64(degree) }
func degrees(radians float64) float64 { return radians / float64(degree) }

// Distance gives the metres between two points along a great circle (the haversine formula).
func Distance(a, b Point) float64 { return distance(a, b, cos(radians(a.Lat))) }

// distance is Distance; cosLat is the cosine of a's latitude.
func distance(a, b Point, cosLat float64) float64 {
	v := sin((radians(b.Lon) - radians(a.Lon)) / 2)
	if v == 0 {
		return meridianDistance(a.Lat, b.Lat)
	}
	lat1, lat2 := radians(a.Lat), radians(b.Lat)
	u := sin((lat2 - lat1) / 2)
	square := float64(u*u) + float64(float64(float64(cosLat*cos(lat2))*v)*v)
	return 2 * earthRadius * asin(math.Sqrt(square))
}

// meridianDistance gives the metres between two latitudes on one meridian.
func meridianDistance(lat1, lat2 float64) float64 {
	return earthRadius * math.Abs(radians(lat2)-radians(lat1))
}
