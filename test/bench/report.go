// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// report collects what the sections find: tables of figures and, for everything the project asks of Redpoll, a verdict.
type report struct {
	out      io.Writer
	machine  string
	tables   []*table
	verdicts []verdict
	failures []string
}

// table is one table of figures, printed as plain text while the tool runs and as Markdown at its end.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

// verdict is one figure beside the one that is asked for.
type verdict struct {
	what           string
	redpoll, redis string
	figure         string // the figure that is judged, with its spread
	asked          string
	met            bool
}

// limit is an asked bound of a figure: at least or at most so much. The zero value asks nothing.
type limit struct {
	bound   float64
	atMost  bool
	atLeast bool
}

func atLeast(x float64) limit { return limit{bound: x, atLeast: true} }
func atMost(x float64) limit  { return limit{bound: x, atMost: true} }

// allows reports whether x lies within the bound; NaN, which stands for no figure, never does.
func (l limit) allows(x float64) bool {
	switch {
	case math.IsNaN(x):
		return false
	case l.atLeast:
		return x >= l.bound
	case l.atMost:
		return x <= l.bound
	}
	return true
}

func (l limit) asks() bool { return l.atLeast || l.atMost }

// text writes the bound with the unit of its figure.
func (l limit) text(name string) string {
	switch {
	case l.atLeast:
		return fmt.Sprintf("≥ %g%s", l.bound, name)
	case l.atMost:
		return fmt.Sprintf("≤ %g%s", l.bound, name)
	}
	return "–"
}

// judgeRatio compares the medians of several pairs: the figure is Redpoll's by Redis's.
func (r *report) judgeRatio(what string, redpoll, redis []float64, format func(float64) string, asked limit) {
	s := spreadOf(ratios(redpoll, redis))
	r.add(verdict{
		what:    what,
		redpoll: format(spreadOf(redpoll).median),
		redis:   format(spreadOf(redis).median),
		figure:  fmt.Sprintf("%s (%s–%s)", times(s.median), number(s.low), number(s.high)),
		asked:   asked.text("x"),
		met:     asked.allows(s.median),
	}, asked)
}

// judge compares a figure of Redpoll's, of which name is the unit, with a bound; redis is Redis's figure for the same thing or NaN.
func (r *report) judge(what string, redpoll, redis float64, name string, asked limit) {
	text := func(x float64) string { return unit(x, name) }
	r.add(verdict{what: what, redpoll: text(redpoll), redis: text(redis), figure: text(redpoll), asked: asked.text(name),
		met: asked.allows(redpoll)}, asked)
}

func (r *report) add(v verdict, asked limit) {
	word := "met"
	if !v.met {
		word = "SHORT"
	}
	if !asked.asks() {
		v.met, word = true, "–"
	}
	r.printf("  %-46s %12s  Redis %12s  → %s, asked %s: %s\n", v.what, v.redpoll, v.redis, v.figure, v.asked, word)
	r.verdicts = append(r.verdicts, v)
}

// fail notes that something could not be measured; the tool goes on with the next.
func (r *report) fail(what string, err error) {
	r.failures = append(r.failures, fmt.Sprintf("%s: %v", what, err))
	r.printf("  %s FAILED: %v\n", what, err)
}

func (r *report) table(title string, head ...string) *table {
	t := &table{title: title, head: head}
	r.tables = append(r.tables, t)
	return t
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (r *report) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// summary is the table of all verdicts.
func (r *report) summary() *table {
	t := &table{title: "Asked and reached", head: []string{"figure", "Redpoll", "Redis", "judged", "asked", "verdict"}}
	met, asked := 0, 0
	for _, v := range r.verdicts {
		word := "–"
		if v.asked != "–" {
			asked++
			word = "**short**"
			if v.met {
				met++
				word = "met"
			}
		}
		t.row(v.what, v.redpoll, v.redis, v.figure, v.asked, word)
	}
	t.note("%d of %d asked figures met.", met, asked)
	return t
}

// writeText writes all tables for a terminal, the verdicts last.
func (r *report) writeText(w io.Writer) error {
	var b strings.Builder
	for _, t := range append(r.tables, r.summary()) {
		t.text(&b)
	}
	for _, f := range r.failures {
		b.WriteString("Not measured: " + f + "\n")
	}
	_, err := io.WriteString(w, strings.ReplaceAll(b.String(), "**", ""))
	return err
}

// writeMarkdown writes the machine and all tables as Markdown, the verdicts first.
func (r *report) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.machine + "\n")
	for _, t := range append([]*table{r.summary()}, r.tables...) {
		t.markdown(&b)
	}
	for _, f := range r.failures {
		b.WriteString("\nNot measured: " + f + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) text(b *strings.Builder) {
	if len(t.rows) == 0 {
		return
	}
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + t.title + "\n")
	line(t.head)
	for _, row := range t.rows {
		line(row)
	}
	for _, n := range t.notes {
		b.WriteString(n + "\n")
	}
}

func (t *table) markdown(b *strings.Builder) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| %s |\n|%s\n", t.title, strings.Join(t.head, " | "), "---|"+strings.Repeat("---:|", len(t.head)-1))
	for _, row := range t.rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
	for _, n := range t.notes {
		fmt.Fprintf(b, "\n%s\n", n)
	}
}

// number writes x with three significant digits, without an exponent; NaN, no figure, is "–".
func number(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "–"
	case a >= 100 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	case a >= 0.01:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

func times(x float64) string { return number(x) + "x" }

// thousands writes commands a second.
func thousands(x float64) string { return unit(x/1e3, " k/s") }

// micros writes nanoseconds as microseconds.
func micros(ns float64) string { return unit(ns/1e3, " µs") }

// percent writes a share of one.
func percent(share float64) string {
	if math.IsNaN(share) {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// unit writes x with its unit, or only a dash when there is no figure.
func unit(x float64, name string) string {
	if math.IsNaN(x) {
		return "–"
	}
	return number(x) + name
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
