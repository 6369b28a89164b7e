// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// TestGeoSearches searches random places on both servers, at the poles and across the date line too. The replies must be the same to the byte,
// but that either may choose among places that are equally far.
func TestGeoSearches(t *testing.T) {
	oracle, redpoll := testutil.Oracle(t).Dial(t), subject(t).Dial(t)
	searches, found := 0, 0
	for seed := range seeds(t) {
		w := newGeoWorld(seed)
		calls := append([][]string{{"FLUSHALL"}, {"HELLO", strconv.Itoa(2 + int(seed)%2)}}, w.fill()...)
		for range 100 {
			calls = append(calls, w.call())
		}
		want, err := oracle.Pipeline(calls...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := redpoll.Pipeline(calls...)
		if err != nil {
			t.Fatal(err)
		}
		for i, call := range calls[2:] {
			want, got := want[i+2].Value, got[i+2].Value
			if diff := compareSearch(call, want, got); diff != "" {
				t.Fatalf("-compat.seed=%d: %s\n%s", seed, testutil.Quote(call), diff)
			}
			found += len(want.Elems)
		}
		searches += 100
	}
	t.Logf("%d searches, which found %d places", searches, found)
}

// geoWorld makes places and searches of one kind.
type geoWorld struct {
	rng      *rand.Rand
	lon, lat float64 // where most places are
	spread   float64 // how far around there, in degrees
	grid     float64 // the distance between places in degrees; 0: none
	members  int
}

func newGeoWorld(seed uint64) *geoWorld {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &geoWorld{rng: rng, lon: rng.Float64()*360 - 180, lat: rng.Float64()*170 - 85, spread: []float64{1e-6, 0.001, 0.1, 5, 50, 180}[rng.IntN(6)]}
	switch rng.IntN(6) {
	case 0:
		w.lon = []float64{-180, 180}[rng.IntN(2)]
	case 1:
		w.lat = []float64{-85.05112878, 85.05112878, 84, -84.9}[rng.IntN(4)]
	case 2:
		w.lon, w.lat = 0, 0
	}
	if rng.IntN(4) == 0 {
		w.grid = w.spread / 8
	}
	return w
}

// coordinate gives one near the middle, within limits.
func (w *geoWorld) coordinate(middle, limit float64) float64 {
	off := (w.rng.Float64()*2 - 1) * w.spread
	if w.rng.IntN(3) == 0 {
		off *= 0.01
	}
	if w.grid > 0 {
		off = float64(int(off/w.grid)) * w.grid
	}
	x := middle + off
	if limit == 180 && w.rng.IntN(8) > 0 { // around the globe
		if x > 180 {
			x -= 360
		} else if x < -180 {
			x += 360
		}
	}
	return max(-limit, min(x, limit))
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (w *geoWorld) point() []string {
	return []string{number(w.coordinate(w.lon, 180)), number(w.coordinate(w.lat, 85.05112878))}
}

// fill gives the calls that add the places, some by scores that no place has.
func (w *geoWorld) fill() (calls [][]string) {
	w.members = []int{3, 100, 1000}[w.rng.IntN(3)]
	add := []string{"GEOADD", "places"}
	for i := range w.members {
		add = append(add, w.point()...)
		add = append(add, w.member(i))
	}
	calls = append(calls, add)
	for range w.rng.IntN(3) {
		scores := []string{"-1", "1.5", "inf", "-inf", "1e300", "4503599627370496", "18446744073709551615", "1e17", "0"}
		calls = append(calls, []string{"ZADD", "places", scores[w.rng.IntN(len(scores))], "odd" + strconv.Itoa(w.rng.IntN(9))})
	}
	return calls
}

func (w *geoWorld) member(i int) string {
	if i%3 == 0 {
		return strconv.Itoa(i)
	}
	return "place:" + strconv.Itoa(i)
}

func (w *geoWorld) some() string {
	if w.rng.IntN(20) == 0 {
		return "odd" + strconv.Itoa(w.rng.IntN(9))
	}
	return w.member(w.rng.IntN(w.members))
}

// length gives a distance and its unit, mostly one at which something is found.
func (w *geoWorld) length() []string {
	unit := w.rng.IntN(4)
	metres := w.rng.Float64() * w.spread * 111_000 * []float64{0.01, 0.3, 1, 2}[w.rng.IntN(4)]
	switch w.rng.IntN(12) {
	case 0:
		metres = []float64{0, 1e-300, 0.6, 20015086, 20015087.5, 1e7, 1e300, 2.1e7}[w.rng.IntN(8)]
	case 1:
		metres = float64(int(metres))
	}
	return []string{number(metres / []float64{1, 1000, 0.3048, 1609.34}[unit]), []string{"m", "km", "ft", "mi"}[unit]}
}

// call gives a search, or another question about places.
func (w *geoWorld) call() []string {
	switch w.rng.IntN(12) {
	case 0:
		return []string{"GEODIST", "places", w.some(), w.some(), []string{"m", "KM", "ft", "mi"}[w.rng.IntN(4)]}
	case 1:
		return []string{"GEOPOS", "places", w.some(), w.some(), "none"}
	case 2:
		return []string{"GEOHASH", "places", w.some(), w.some(), "none"}
	case 3:
		return append(append([]string{"GEORADIUS_RO", "places"}, w.point()...), append(w.length(), w.options(true)...)...)
	case 4:
		return append([]string{"GEORADIUSBYMEMBER_RO", "places", w.some()}, append(w.length(), w.options(true)...)...)
	case 5:
		if w.rng.IntN(2) == 0 {
			return []string{"ZRANGE", "stored", "0", "-1", "WITHSCORES"}
		}
		call := append([]string{"GEOSEARCHSTORE", "stored", "places"}, w.shape()...)
		return append(call, []string{"STOREDIST", "ASC", "DESC"}[w.rng.IntN(3)])
	}
	return append(append([]string{"GEOSEARCH", "places"}, w.shape()...), w.options(true)...)
}

func (w *geoWorld) shape() (words []string) {
	if w.rng.IntN(2) == 0 {
		words = []string{"FROMMEMBER", w.some()}
	} else {
		words = append([]string{"FROMLONLAT"}, w.point()...)
	}
	if w.rng.IntN(2) == 0 {
		return append(append(words, "BYRADIUS"), w.length()...)
	}
	return append(append(words, "BYBOX", w.length()[0]), w.length()...)
}

func (w *geoWorld) options(any bool) (words []string) {
	switch w.rng.IntN(5) {
	case 0:
		words = []string{"COUNT", strconv.Itoa(1 + w.rng.IntN(20))}
	case 1:
		words = []string{"COUNT", strconv.Itoa(1 + w.rng.IntN(20)), "ANY"}
	}
	if i := w.rng.IntN(4); i < 2 {
		words = append(words, []string{"ASC", "DESC"}[i])
	}
	for _, option := range []string{"WITHDIST", "WITHHASH", "WITHCOORD"} {
		if w.rng.IntN(2) == 0 {
			words = append(words, option)
		}
	}
	if slices.Contains(words, "COUNT") || slices.Contains(words, "ASC") || slices.Contains(words, "DESC") {
		words = slices.DeleteFunc(words, func(w string) bool { return w == "WITHDIST" })
		words = append(words, "WITHDIST") // which tells who may be in whose place
	}
	return words
}

// compareSearch describes how two replies differ, "" if they are the same: of a result in order, places at one distance may be in any
// order, and of those that are last any may be there.
func compareSearch(call []string, want, got testutil.Value) string {
	diff := func() string {
		a, b := want, got
		for i := range min(len(a.Elems), len(b.Elems)) { // the first difference, not pages of what is the same
			if x, y := a.Elems[i], b.Elems[i]; testutil.Format(x) != testutil.Format(y) {
				a, b = x, y
				break
			}
		}
		return fmt.Sprintf("redis-server: %s\nredpoll: %s", testutil.Format(a), testutil.Format(b))
	}
	if testutil.Format(want) == testutil.Format(got) && want.Kind == got.Kind {
		return ""
	}
	line := strings.Join(call, " ")
	if call[0] == "ZRANGE" && sameScores(want, got) {
		return ""
	}
	if want.Kind != '*' || len(want.Elems) != len(got.Elems) || strings.HasSuffix(line, " ANY") || !strings.Contains(line, " WITHDIST") {
		return diff()
	}
	last := want.Elems[len(want.Elems)-1].Elems[1].Str
	for len(want.Elems) > 0 {
		distance := want.Elems[0].Elems[1].Str
		same := func(v testutil.Value) bool { return v.Elems[1].Str != distance }
		n, m := slices.IndexFunc(want.Elems, same), slices.IndexFunc(got.Elems, same)
		if n < 0 {
			n = len(want.Elems)
		}
		if m < 0 {
			m = len(got.Elems)
		}
		a, b := testutil.Value{Kind: '*', Elems: want.Elems[:n]}, testutil.Value{Kind: '*', Elems: got.Elems[:m]}
		cut := distance == last && strings.Contains(line, " COUNT ")
		if n != m || !cut && testutil.Format(a.Sorted(1)) != testutil.Format(b.Sorted(1)) {
			return diff()
		}
		want.Elems, got.Elems = want.Elems[n:], got.Elems[m:]
	}
	return ""
}

// sameScores tells whether members and scores are the same but for the last digits: the C library does not always round to the nearest.
func sameScores(want, got testutil.Value) bool {
	if len(want.Elems) != len(got.Elems) {
		return false
	}
	for i, w := range want.Elems {
		g := got.Elems[i]
		if len(w.Elems) > 0 {
			if !sameScores(w, g) {
				return false
			}
			continue
		}
		a, err1 := strconv.ParseFloat(w.Str, 64)
		b, err2 := strconv.ParseFloat(g.Str, 64)
		if w.Str != g.Str && (err1 != nil || err2 != nil || math.Abs(a-b) > 1e-14*a) {
			return false
		}
	}
	return true
}
