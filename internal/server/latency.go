// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hist"
	"github.com/redpoll/redpoll/internal/stats"
)

// latencySpec declares LATENCY.
func (s *Server) latencySpec() command.Spec {
	const admin = command.Admin | command.NoScript | command.Loading | command.Stale
	tips := []string{command.TipNondeterministicOutput, command.TipRequestAllNodes, command.TipResponseSpecial}
	return command.Spec{
		Name: "LATENCY", Since: "2.8.13", Complexity: "Depends on the subcommand",
		Summary: "Tells what took long.",
		Subcommands: []command.Spec{
			{
				Name: "DOCTOR", Since: "2.8.13", Complexity: "O(1)",
				Summary: "Returns what is remarkable about the events that took long.",
				Flags:   admin, Tips: tips, Run: s.latencyDoctor,
			},
			{
				Name: "GRAPH", Since: "2.8.13", Complexity: "O(1)",
				Summary: "Draws the samples of an event.",
				Syntax:  "event", Flags: admin, Tips: tips, Run: s.latencyGraph,
			},
			{
				Name: "HELP", Since: "2.8.13", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "HISTOGRAM", Since: "7.0.0", Complexity: "O(N), N being the number of commands with figures",
				Summary: "Returns the distribution of the durations of commands.",
				Syntax:  "[command...]", Flags: admin, Tips: tips, Run: s.latencyHistogram,
			},
			{
				Name: "HISTORY", Since: "2.8.13", Complexity: "O(1)",
				Summary: "Returns the samples of an event.",
				Syntax:  "event", Flags: admin, Tips: tips, Run: s.latencyHistory,
			},
			{
				Name: "LATEST", Since: "2.8.13", Complexity: "O(1)",
				Summary: "Returns the last sample of each event.",
				Flags:   admin, Tips: tips, Run: s.latencyLatest,
			},
			{
				Name: "RESET", Since: "2.8.13", Complexity: "O(1)",
				Summary: "Forgets the samples of events, or of all.",
				Syntax:  "[event...]", Flags: admin,
				Tips: []string{command.TipRequestAllNodes, command.TipResponseAllSucceeded}, Run: s.latencyReset,
			},
		},
	}
}

func (s *Server) spikes() *stats.Spikes { return &s.engine.Stats.Spikes }

func (s *Server) latencyLatest(c *command.Ctx) error {
	events := s.spikes().Events()
	c.Reply.Array(len(events))
	for _, e := range events {
		c.Reply.Array(4)
		c.Reply.BulkString(e.Name)
		c.Reply.Int(e.Last.At)
		c.Reply.Int(e.Last.Millis)
		c.Reply.Int(e.Worst)
	}
	return nil
}

func (s *Server) latencyHistory(c *command.Ctx) error {
	samples, _ := s.spikes().Of(string(c.Argv[2]))
	c.Reply.Array(len(samples))
	for _, x := range samples {
		c.Reply.Array(2)
		c.Reply.Int(x.At)
		c.Reply.Int(x.Millis)
	}
	return nil
}

func (s *Server) latencyReset(c *command.Ctx) error {
	var events []string
	for _, name := range c.Argv[2:] {
		events = append(events, string(name))
	}
	c.Reply.Int(int64(s.spikes().Forget(events...)))
	return nil
}

func (s *Server) latencyGraph(c *command.Ctx) error {
	event := string(c.Argv[2])
	samples, worst := s.spikes().Of(event)
	if len(samples) == 0 {
		return command.Error("ERR No samples available for event '" + event + "'")
	}
	c.Reply.Verbatim("txt", drawSpikes(event, samples, worst, c.Now()/1000))
	return nil
}

const (
	graphColumns = 80
	graphRows    = 4
	graphMarks   = "_o#" // a third of a row, two thirds, a whole one
)

// drawSpikes draws samples, as they are seen at a time in Unix seconds, as columns with their age below.
func drawSpikes(event string, samples []stats.Spike, worst, now int64) string {
	low, high := int64(math.MaxInt64), int64(0)
	for _, x := range samples {
		low, high = min(low, x.Millis), max(high, x.Millis)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n%s\n", event, high, low, worst, strings.Repeat("-", graphColumns))
	for from := 0; from < len(samples); from += graphColumns {
		part := samples[from:min(from+graphColumns, len(samples))]
		if from > 0 {
			b.WriteByte('\n')
		}
		drawRows(&b, part, low, high, now)
	}
	return b.String()
}

// drawRows draws samples that fit in one line, the least and the greatest of all being low and high.
func drawRows(b *strings.Builder, samples []stats.Spike, low, high, now int64) {
	const steps = int64(graphRows * len(graphMarks))
	labels, tallest := make([]string, len(samples)), 0
	for i, x := range samples {
		labels[i] = age(now - x.At)
		tallest = max(tallest, len(labels[i]))
	}
	for row := graphRows - 1; row >= 0; row-- {
		for _, x := range samples {
			step := min(steps*(x.Millis-low)/max(high-low, 1), steps-1) - int64(row*len(graphMarks))
			switch {
			case step < 0:
				b.WriteByte(' ')
			case step < int64(len(graphMarks)):
				b.WriteByte(graphMarks[step])
			default:
				b.WriteByte('|')
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Repeat(" ", len(samples)) + "\n")
	for i := range tallest {
		for _, label := range labels {
			if i < len(label) {
				b.WriteByte(label[i])
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
}

// age writes so many seconds in the largest unit that they fill.
func age(seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%ds", max(seconds, 0))
	case seconds < 3600:
		return fmt.Sprintf("%dm", seconds/60)
	case seconds < 86400:
		return fmt.Sprintf("%dh", seconds/3600)
	}
	return fmt.Sprintf("%dd", seconds/86400)
}

func (s *Server) latencyDoctor(c *command.Ctx) error {
	c.Reply.Verbatim("txt", s.diagnoseSpikes())
	return nil
}

// spikeAdvice says what to do about events, by their names or the beginnings of those.
func spikeAdvice() []struct{ event, text string } {
	return []struct{ event, text string }{
		{"command", "LATENCY HISTOGRAM tells which commands are slow; values of very many elements are better divided."},
		{"fast-command", "Commands that are fast by themselves took long: the machine may lack processor time, or memory (swapping)."},
		{"aof-", "The disk is slow at times: nothing else should write much to it, and appendfsync everysec needs it less often than always."},
		{"rdb-", "The disk is slow at times: nothing else should write much to it while a snapshot is written."},
		{"expire-cycle", "Many keys expire at once: spread their times."},
		{"eviction-", "Much has to be evicted at once: maxmemory may be too little for what is written."},
		{"active-defrag-cycle", "Compacting takes long: lower active-defrag-cycle-max."},
	}
}

// diagnoseSpikes says in words what is known of latency.
func (s *Server) diagnoseSpikes() string {
	events := s.spikes().Events()
	switch {
	case len(events) == 0 && !s.spikes().On():
		return "Latency events are not recorded. CONFIG SET latency-monitor-threshold <milliseconds> has those recorded that take at least so long.\n"
	case len(events) == 0:
		return "Nothing has taken as long as latency-monitor-threshold says since the server has started, or since LATENCY RESET.\n"
	}
	var b strings.Builder
	b.WriteString("Some events took long:\n\n")
	for i, e := range events {
		samples, _ := s.spikes().Of(e.Name)
		fmt.Fprintf(&b, "%d. %s\n", i+1, describeSpikes(e, samples))
	}
	b.WriteString("\n")
	for _, a := range spikeAdvice() {
		for _, e := range events {
			if strings.HasPrefix(e.Name, a.event) {
				b.WriteString("- " + a.text + "\n")
				break
			}
		}
	}
	return b.String()
}

// describeSpikes sums the samples of an event up.
func describeSpikes(e stats.Event, samples []stats.Spike) string {
	if len(samples) == 0 { // forgotten meanwhile
		return e.Name
	}
	sum := int64(0)
	for _, x := range samples {
		sum += x.Millis
	}
	mean := float64(sum) / float64(len(samples))
	deviation := 0.0
	for _, x := range samples {
		deviation += math.Abs(float64(x.Millis) - mean)
	}
	period := float64(samples[len(samples)-1].At-samples[0].At) / float64(max(len(samples)-1, 1))
	return fmt.Sprintf("%s: %d samples, %.0f ms on average (mean deviation %.0f ms), one in %.2f s, the longest ever %d ms.",
		e.Name, len(samples), mean, deviation/float64(len(samples)), period, e.Worst)
}

// histogramSteps is how many powers of two LATENCY HISTOGRAM tells apart, from histogramLeast on.
const (
	histogramLeast = 1024 // ns
	histogramSteps = 28
)

func (s *Server) latencyHistogram(c *command.Ctx) error {
	type timed struct {
		name string
		*hist.Distribution
	}
	var found []timed
	add := func(spec *command.Spec) {
		if h := s.engine.Stats.Latency.Of(spec.ID()); h != nil {
			found = append(found, timed{spec.FullName(), h})
		}
	}
	if len(c.Argv) == 2 {
		for spec := range s.registry.All() {
			add(spec)
		}
	}
	for _, name := range c.Argv[2:] {
		if spec := s.registry.Named(name); spec != nil { // other names are passed over
			add(spec)
			for _, sub := range spec.Children() {
				add(sub)
			}
		}
	}
	c.Reply.Map(len(found))
	for _, x := range found {
		c.Reply.BulkString(x.name)
		replyHistogram(c, x.Distribution)
	}
	return nil
}

// replyHistogram replies with a distribution: how many durations are no longer than each power of two, as far as that adds any.
func replyHistogram(c *command.Ctx, h *hist.Distribution) {
	var upTo [histogramSteps]uint64
	total := uint64(0)
	h.Each(func(lo, _ int64, count uint64) {
		total += count
		step := 0
		for step < histogramSteps-1 && lo > histogramLeast<<step {
			step++
		}
		upTo[step] += count
	})
	steps := 0
	for _, n := range upTo {
		if n > 0 {
			steps++
		}
	}
	c.Reply.Map(2)
	c.Reply.BulkString("calls")
	c.Reply.Int(int64(total))
	c.Reply.BulkString("histogram_usec")
	c.Reply.Map(steps)
	sum := uint64(0)
	for step, n := range upTo {
		if sum += n; n > 0 {
			c.Reply.Int(histogramBound(step))
			c.Reply.Int(int64(sum))
		}
	}
}

// histogramBound gives the microseconds that Redis names a step by: it counts what shares the first two digits of a power of two's 128
// parts with that power.
func histogramBound(step int) int64 {
	level := int64(histogramLeast) << step
	return (level + level/128 - 1) / 1000
}
