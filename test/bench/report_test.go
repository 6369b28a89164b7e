// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"strings"
	"testing"
)

func TestLimit(t *testing.T) {
	tests := []struct {
		limit limit
		x     float64
		want  bool
	}{
		{atLeast(2), 2, true}, {atLeast(2), 1.99, false}, {atMost(0.9), 0.9, true}, {atMost(0.9), 0.91, false},
		{limit{}, 5, true}, {atMost(1), math.NaN(), false}, {atLeast(1), math.NaN(), false},
	}
	for _, tt := range tests {
		if got := tt.limit.allows(tt.x); got != tt.want {
			t.Errorf("%s allows %v: %v, want %v", tt.limit.text("x"), tt.x, got, tt.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 3: "3", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 0.5: "0.50", 0.001234: "0.0012",
		1543210: "1543210", -2.5: "-2.50"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
	if got := unit(math.NaN(), " µs"); got != "–" {
		t.Errorf("no figure is written %q", got)
	}
}

func TestReportJudges(t *testing.T) {
	var out strings.Builder
	r := &report{out: &out, machine: "a machine"}
	r.judgeRatio("rate", []float64{300, 200, 250}, []float64{100, 100, 100}, number, atLeast(2))
	r.judge("lag", 30, 2, " ms", atMost(20))
	r.judge("size", 5, math.NaN(), " MB", limit{})
	var text, md strings.Builder
	if err := r.writeText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.writeMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.50x (2–3)", "≤ 20 ms", "1 of 2 asked figures met."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"| rate | 250 | 100 | 2.50x (2–3) | ≥ 2x | met |", "| lag | 30 ms | 2 ms | 30 ms | ≤ 20 ms | **short** |",
		"| size | 5 MB | – | 5 MB | – | – |"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, md.String())
		}
	}
}
