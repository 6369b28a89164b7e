// SPDX-License-Identifier: BSD-3-Clause

package geos_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/cmds/geos"
	"github.com/redpoll/redpoll/internal/cmds/zsets"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/testutil"
)

// newRig makes what the family's handlers run on.
func newRig(t testing.TB) *commandtest.Rig { return commandtest.NewRig(t, geos.Family, zsets.Family) }

func TestSpecs(t *testing.T) {
	commandtest.CompareSpecs(t, commandtest.NewRig(t, geos.Family).Registry, testutil.Oracle(t))
}

func TestHammer(t *testing.T) {
	commandtest.NewRig(t, geos.Family).Hammer(t, 1, 20_000)
}

func TestEffects(t *testing.T) {
	r := newRig(t)
	r.CheckEffect(t, "GEOADD g 13.361389 38.115556 p 15.087269 37.502669 c", "zadd g", 2, "ZADD g 3479099956230698 p 3479447370796909 c")
	r.CheckEffect(t, "GEOADD g NX ch 0 0 p 1 1 q", "zadd g", 1, "ZADD g NX ch 3377699720527872 p 3377822707026402 q")
	r.CheckEffect(t, "GEOADD g XX 0 0 none 1 1 q", "", 0, "")
	r.CheckEffect(t, "GEOADD none XX 0 0 a", "", 0, "")
	r.CheckEffect(t, "GEOADD g 13.361389 38.115556 p", "", 0, "")
	r.CheckEffect(t, "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km", "geosearchstore d", 2, "")
	r.CheckEffect(t, "GEORADIUS g 15 37 200 km STORE d", "georadiusstore d", 2, "")
	r.CheckEffect(t, "GEORADIUSBYMEMBER g c 1 km STORE x STOREDIST d", "georadiusstore d", 1, "")
	r.CheckEffect(t, "GEOSEARCHSTORE d g FROMLONLAT -15 37 BYRADIUS 200 km", "del d", 1, "")
	r.CheckEffect(t, "GEOSEARCHSTORE d g FROMLONLAT -15 37 BYRADIUS 200 km", "", 0, "")
	r.CheckEffect(t, "GEOSEARCHSTORE g none FROMLONLAT -15 37 BYRADIUS 200 km", "del g", 1, "")
}

// TestKeys: the shards of all keys that a call may write to are taken.
func TestKeys(t *testing.T) {
	r := newRig(t)
	for _, tc := range []struct{ line, want string }{
		{"GEORADIUS k 0 0 1 m", "k"},
		{"GEORADIUS k 0 0 1 m STORE a", "k a"},
		{"GEORADIUS k 0 0 1 m store a ASC STORE b", "k a b"},
		{"GEORADIUS k 0 0 1 m COUNT STORE STOREDIST b STORE", "k b"},
		{"GEORADIUS k 0 0 1 m STORE STORE STORE b", "k STORE b"},
		{"GEORADIUSBYMEMBER k store 1 m STOREDIST a STORE b", "k a b"},
		{"GEORADIUSBYMEMBER_RO k store 1 m STORE b", "k"},
		{"GEOSEARCHSTORE a k FROMLONLAT 0 0 BYBOX 1 1 m", "a k"},
	} {
		var argv [][]byte
		for _, w := range strings.Fields(tc.line) {
			argv = append(argv, []byte(w))
		}
		var got []string
		at, _ := r.Registry.Resolve(argv).AppendKeys(nil, argv)
		for _, i := range at {
			got = append(got, string(argv[i]))
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: keys %q, want %q", tc.line, s, tc.want)
		}
	}
}

// fill adds n places by GEOADD, spread over a part of the map.
func fill(r *commandtest.Rig, n int) (lons, lats []float64) {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	add := []string{"GEOADD", "g"}
	for i := range n {
		lon, lat := rng.Float64()*360-180, rng.Float64()*170-85
		lons, lats = append(lons, lon), append(lats, lat)
		add = append(add, fmt.Sprint(lon), fmt.Sprint(lat), "place:"+strconv.Itoa(i))
	}
	r.Do(2, add...)
	return lons, lats
}

// TestNearest: as many as are asked for are the first of all in order.
func TestNearest(t *testing.T) {
	r := newRig(t)
	fill(r, 3000)
	for _, order := range []string{"ASC", "DESC"} {
		all := r.Call(t, "GEOSEARCH", "g", "FROMLONLAT", "10", "20", "BYRADIUS", "9000", "km", order, "WITHDIST").Elems
		if len(all) < 100 {
			t.Fatalf("%d places", len(all))
		}
		for _, n := range []int{1, 2, 3, 10, 50, len(all) - 1, len(all), len(all) + 1, 1 << 40} {
			some := r.Call(t, "GEOSEARCH", "g", "FROMLONLAT", "10", "20", "BYRADIUS", "9000", "km", order, "WITHDIST", "COUNT", strconv.Itoa(n)).Elems
			want := all[:min(n, len(all))]
			if !slices.EqualFunc(some, want, func(a, b testutil.Value) bool { return testutil.Format(a) == testutil.Format(b) }) {
				t.Errorf("%s COUNT %d: not the first of all", order, n)
			}
		}
	}
}

// TestPolygons: what a polygon has is what a walk over all places finds, by the angles that its sides are seen at.
func TestPolygons(t *testing.T) {
	r := newRig(t)
	const places = 2000
	fill(r, places)
	var where [places][2]float64 // as they are kept
	for i := range places {
		p := r.Call(t, "GEOPOS", "g", "place:"+strconv.Itoa(i)).Elems[0].Elems
		where[i][0], _ = strconv.ParseFloat(p[0].Str, 64)
		where[i][1], _ = strconv.ParseFloat(p[1].Str, 64)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	total := 0
	for round := range 300 {
		vertices := star(rng, round)
		call := []string{"GEOSEARCH", "g", "BYPOLYGON", strconv.Itoa(len(vertices))}
		for _, v := range vertices {
			call = append(call, strconv.FormatFloat(v[0], 'g', -1, 64), strconv.FormatFloat(v[1], 'g', -1, 64))
		}
		got := r.Call(t, call...)
		if got.IsError() {
			t.Fatalf("%v: %s", call, got.Str)
		}
		names := got.Strings()
		slices.Sort(names)
		var want []string
		for i, p := range where {
			if surrounded(p, vertices) {
				want = append(want, "place:"+strconv.Itoa(i))
			}
		}
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Fatalf("%v: %d places, want %d", call, len(names), len(want))
		}
		total += len(want)
	}
	if total < 10_000 {
		t.Errorf("only %d places were found", total)
	}
}

// star makes a polygon whose sides do not cross, of any size, somewhere within the limits: at the poles and along the date line too.
func star(rng *rand.Rand, round int) (vertices [][2]float64) {
	lon, lat := rng.Float64()*360-180, rng.Float64()*170-85
	size := []float64{1, 10, 60, 170}[round%4]
	switch round % 7 {
	case 0:
		lon = 179
	case 1:
		lat = -84
	case 2:
		lon, lat = 0, 0
	}
	n := 3 + rng.IntN(12)
	angles := make([]float64, n)
	for i := range angles {
		angles[i] = rng.Float64() * 2 * math.Pi
	}
	slices.Sort(angles)
	for _, a := range angles {
		far := size * (0.2 + rng.Float64())
		v := [2]float64{lon + far*math.Cos(a), lat + far*math.Sin(a)/2}
		vertices = append(vertices, [2]float64{max(-180, min(v[0], 180)), max(-85, min(v[1], 85))})
	}
	return vertices
}

// surrounded tells whether a line around the polygon turns around a point: an odd number of times, since sides that were cut off at the
// limits may cross.
func surrounded(p [2]float64, vertices [][2]float64) bool {
	turned := 0.0
	for i, a := range vertices {
		b := vertices[(i+1)%len(vertices)]
		x1, y1, x2, y2 := a[0]-p[0], a[1]-p[1], b[0]-p[0], b[1]-p[1]
		turned += math.Atan2(x1*y2-y1*x2, x1*x2+y1*y2)
	}
	return int(math.Round(math.Abs(turned)/(2*math.Pi)))%2 == 1
}

// TestTicks: what can take long asks for it.
func TestTicks(t *testing.T) {
	r := newRig(t)
	fill(r, 5000)
	if r.Ticks == 0 {
		t.Error("GEOADD never ticks")
	}
	var members, vertices []string
	for i := range 3000 {
		members = append(members, "place:"+strconv.Itoa(i))
	}
	for i := range 2000 {
		vertices = append(vertices, strconv.Itoa(i%170), strconv.Itoa(i%80))
	}
	const whole = " FROMLONLAT 0 0 BYRADIUS 30000 km"
	calls := []string{
		"GEOSEARCH g" + whole, "GEOSEARCH g" + whole + " ASC", "GEOSEARCH g" + whole + " COUNT 3", "GEOSEARCHSTORE d g" + whole,
		"GEOPOS g " + strings.Join(members, " "), "GEOHASH g " + strings.Join(members, " "),
		"GEOSEARCH g BYPOLYGON 2000 " + strings.Join(vertices, " "),
	}
	for _, call := range calls {
		if r.Do(2, strings.Fields(call)...); r.Ticks == 0 {
			t.Errorf("%.60s never ticks", call)
		}
	}
	r.End = errors.New("the end")
	for _, call := range calls {
		if got := string(r.Do(2, strings.Fields(call)...)); got != "-the end\r\n" {
			t.Errorf("%.60s: %.60q, want the end", call, got)
		}
		if r.Dirty != 0 {
			t.Errorf("%.60s: dirty %d", call, r.Dirty)
		}
	}
}

// TestDestinationIsSource: the result is made of members whose memory its being stored frees.
func TestDestinationIsSource(t *testing.T) {
	r := newRig(t)
	for _, n := range []int{5, 100, 1000} {
		r.DB.Delete([]byte("g"))
		fill(r, n)
		want := r.Do(2, "GEOSEARCH", "g", "FROMLONLAT", "0", "0", "BYBOX", "30000", "30000", "km", "ASC")
		r.Do(2, "GEOSEARCHSTORE", "g", "g", "FROMLONLAT", "0", "0", "BYBOX", "30000", "30000", "km", "STOREDIST")
		if got := r.Do(2, "ZRANGE", "g", "0", "-1"); string(got) != string(want) {
			t.Errorf("of %d places got %.200q, want %.200q", n, got, want)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	r := newRig(b)
	fill(r, 100_000)
	for _, options := range []string{"BYRADIUS 500 km", "BYRADIUS 500 km COUNT 10", "BYRADIUS 500 km ASC WITHDIST", "BYBOX 900 900 km", "BYRADIUS 30000 km COUNT 10"} {
		call := strings.Fields("GEOSEARCH g FROMLONLAT 15 37 " + options)
		b.Run(options, func(b *testing.B) {
			for b.Loop() {
				r.Do(2, call...)
			}
		})
	}
}
