// SPDX-License-Identifier: BSD-3-Clause

package geo

import (
	"math"
	"math/rand/v2"
	"testing"
)

func somePoint(rng *rand.Rand) Point {
	p := Point{rng.Float64()*360 - 180, (rng.Float64()*2 - 1) * maxLat}
	switch rng.IntN(12) {
	case 0:
		p.Lon = math.Copysign(180-rng.Float64()*1e-3, p.Lon)
	case 1:
		p.Lat = math.Copysign(maxLat-rng.Float64()*1e-3, p.Lat)
	case 2:
		p = Point{}
	}
	return p
}

func TestHash(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const width, height = 360. / (1 << maxStep), 2 * maxLat / (1 << maxStep)
	for range 100_000 {
		p := somePoint(rng)
		q := OfScore(float64(Hash(p)))
		if math.Abs(p.Lon-q.Lon) > width*0.51 || math.Abs(p.Lat-q.Lat) > height*0.51 {
			t.Fatalf("%v comes back as %v", p, q)
		}
		if Hash(q) != Hash(p) {
			t.Fatalf("the hash of %v, the middle of the cell of %v, is another", q, p)
		}
	}
	for _, score := range []float64{0, -1, 1.5, 1 << 52, 1 << 53, 1 << 63, 1 << 64, 1e300, -1e300, math.Inf(1), math.Inf(-1), math.NaN()} {
		if p := OfScore(score); !p.Valid() {
			t.Errorf("the point of %v is %v", score, p)
		}
	}
	for _, p := range []Point{{181, 0}, {0, 85.06}, {math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}} {
		if p.Valid() {
			t.Errorf("%v is valid", p)
		}
	}
	if got := string(AppendText(nil, Point{-5.603, 42.605})); got != "ezs42s000e0" { // ezs42, the best known example, goes on
		t.Errorf("geohash %s", got)
	}
}

func TestMoved(t *testing.T) {
	for _, step := range []int{1, 2, 5, maxStep} {
		n := uint32(1) << step
		for _, column := range []uint32{0, 1, n / 2, n - 1} {
			for _, row := range []uint32{0, 1, n / 2, n - 1} {
				c := cell{spread(column)<<1 | spread(row), step}
				for _, to := range around {
					m := c.moved(to.columns, to.rows)
					wantColumn, wantRow := (column+uint32(to.columns))%n, (row+uint32(to.rows))%n
					if m.step != step || gather(m.bits>>1) != wantColumn || gather(m.bits) != wantRow {
						t.Fatalf("step %d, column %d, row %d, moved by %v: column %d, row %d", step, column, row, to, gather(m.bits>>1), gather(m.bits))
					}
				}
			}
		}
	}
}

// someShape makes a shape of any size; of a circle or box that it reaches neither a pole nor around the globe.
func someShape(rng *rand.Rand) Shape {
	p := somePoint(rng)
	size := math.Exp(rng.Float64() * 16)
	if rng.IntN(3) == 0 {
		var vertices []Point
		for range 3 + rng.IntN(6) {
			q := Point{p.Lon + (rng.Float64()-0.5)*size/50_000, p.Lat + (rng.Float64()-0.5)*size/100_000}
			vertices = append(vertices, q.clamped())
		}
		return Polygon(vertices)
	}
	p.Lat *= 0.7
	size = min(size, 1_500_000)
	if rng.IntN(2) == 0 {
		return Circle(p, size, 1)
	}
	return Box(p, size*rng.Float64()*2, size*rng.Float64()*2, 1)
}

// TestSpans: what a shape contains lies in its spans, and no score in two.
func TestSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	inside := 0
	for range 5000 {
		s := someShape(rng)
		spans := s.AppendSpans(nil)
		for i, a := range spans {
			for _, b := range spans[:i] {
				if a.From < b.To && b.From < a.To {
					t.Fatalf("%+v: %v and %v have scores in common", s, a, b)
				}
			}
		}
		for range 100 {
			p := somePoint(rng)
			if rng.IntN(4) > 0 { // near the shape
				b := s.bounds
				p = Point{b.west + (b.east-b.west)*rng.Float64(), b.south + (b.north-b.south)*rng.Float64()}
				if p.Lon > 180 {
					p.Lon -= 360
				} else if p.Lon < -180 {
					p.Lon += 360
				}
				p = p.clamped()
			}
			score := float64(Hash(p))
			if p = OfScore(score); !s.Contains(p) {
				continue
			}
			inside++
			found := false
			for _, span := range spans {
				found = found || score >= span.From && score < span.To
			}
			if !found {
				t.Fatalf("%v is in %+v but in none of %v", p, s, spans)
			}
		}
	}
	if inside < 50_000 {
		t.Errorf("only %d points were inside", inside)
	}
}

// TestReach: the fast comparisons say what distances say.
func TestReach(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 30_000 {
		a, b := somePoint(rng), somePoint(rng)
		if rng.IntN(2) == 0 {
			b = Point{a.Lon + rng.NormFloat64()*1e-6, a.Lat + rng.NormFloat64()*1e-6}.clamped()
		}
		d := Distance(a, b)
		s := Circle(a, d, 1)
		for _, r := range []float64{d, d * (1 + 1e-15), d * (1 - 1e-15), d * 1.1, d * 0.9, 0, math.Inf(1)} {
			far := NewReach(r)
			if s.Farther(b, far) && d <= r || s.Nearer(b, far) && d > r {
				t.Fatalf("from %v to %v it is %v, and %v is called nearer or farther", a, b, d, r)
			}
			if c := Circle(a, r, 1); c.Contains(b) != (d <= r) {
				t.Fatalf("%v is %v from %v, but Contains is %v for the radius %v", b, d, a, d > r, r)
			}
		}
	}
}

// TestStrangeShapes: no number is too large.
func TestStrangeShapes(t *testing.T) {
	points := []Point{{0, 0}, {180, maxLat}, {-180, -maxLat}, {180, -maxLat}, {0, maxLat}, {5e-324, 0}}
	sizes := []float64{0, 5e-324, 1e-300, 1, 1e7, 2e7, 4e7, 1e300, math.MaxFloat64, math.Inf(1)}
	for _, p := range points {
		for _, w := range sizes {
			for _, unit := range []float64{1, 1609.34} {
				for _, s := range []Shape{Circle(p, w, unit), Box(p, w, 1, unit), Box(p, 1, w, unit), Box(p, w, w, unit)} {
					if spans := s.AppendSpans(nil); len(spans) == 0 || len(spans) > 9 {
						t.Errorf("%v, %v: %d spans", p, w, len(spans))
					}
					for _, q := range points {
						if s.Contains(q); s.Distance(q) < 0 {
							t.Errorf("from %v to %v it is less than nothing", p, q)
						}
					}
				}
			}
		}
	}
}
