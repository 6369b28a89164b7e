// SPDX-License-Identifier: BSD-3-Clause

package stats

import (
	"strings"
	"sync"
	"testing"
)

// sample makes a registry with an ordinary, an empty and an extra section.
func sample() *Registry {
	r := New()
	s := r.Section("Server", false)
	s.Text("version", "The version.", func() string { return "7.0.15" })
	s.Gauge("port", "The port.", func() int64 { return 6379 })
	r.Section("Modules", false)
	r.Section("Commandstats", true).Group(func(v *Values) {
		v.Text("cmdstat_get", "calls=1")
		v.Text("cmdstat_set", "calls=2")
	}, Field{"cmdstat_*", Text, "Calls of a command."})
	r.Section("CPU", false).Group(func(v *Values) {
		v.Float("used_cpu_sys", 1.5, 6)
		v.Int("switches", -3)
	}, Field{"used_cpu_sys", Counter, "Seconds."}, Field{"switches", Gauge, "Switches."})
	return r
}

func TestRender(t *testing.T) {
	const (
		server  = "# Server\r\nversion:7.0.15\r\nport:6379\r\n"
		modules = "# Modules\r\n"
		cmds    = "# Commandstats\r\ncmdstat_get:calls=1\r\ncmdstat_set:calls=2\r\n"
		cpu     = "# CPU\r\nused_cpu_sys:1.500000\r\nswitches:-3\r\n"
	)
	for _, test := range []struct{ args, want string }{
		{"", server + "\r\n" + modules + "\r\n" + cpu},
		{"default", server + "\r\n" + modules + "\r\n" + cpu},
		{"all", server + "\r\n" + modules + "\r\n" + cmds + "\r\n" + cpu},
		{"EVERYTHING", server + "\r\n" + modules + "\r\n" + cmds + "\r\n" + cpu},
		{"cpu SERVER cpu", server + "\r\n" + cpu},
		{"commandstats", cmds},
		{"module_list", modules},
		{"nope", ""},
		{"nope cpu", cpu},
		{"default commandstats", server + "\r\n" + modules + "\r\n" + cmds + "\r\n" + cpu},
	} {
		if got := string(sample().Render(nil, strings.Fields(test.args)...)); got != test.want {
			t.Errorf("INFO %s:\n%q\nwant\n%q", test.args, got, test.want)
		}
	}
	if got := string(sample().Render([]byte("x"), "modules")); got != "x# Modules\r\n" {
		t.Errorf("Render does not append: %q", got)
	}
}

func TestVisit(t *testing.T) {
	var got []string
	sample().Visit(func(s Sample) {
		got = append(got, s.Section+"."+s.Name+"="+s.Text+" ("+s.Field.Name+": "+s.Field.Help+")")
		if s.Name == "used_cpu_sys" && (s.Number != 1.5 || s.Field.Kind != Counter) {
			t.Errorf("%+v", s)
		}
	})
	want := []string{
		"server.version=7.0.15 (version: The version.)",
		"server.port=6379 (port: The port.)",
		"commandstats.cmdstat_get=calls=1 (cmdstat_*: Calls of a command.)",
		"commandstats.cmdstat_set=calls=2 (cmdstat_*: Calls of a command.)",
		"cpu.used_cpu_sys=1.500000 (used_cpu_sys: Seconds.)",
		"cpu.switches=-3 (switches: Switches.)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(sample().Fields()); n != 5 {
		t.Errorf("%d fields", n)
	}
}

func TestSectionIsMadeOnce(t *testing.T) {
	r := New()
	if r.Section("Server", false) != r.Section("SERVER", false) {
		t.Error("asking twice made two sections")
	}
}

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 991496: "968.26K", 1 << 20: "1.00M", 25276502016: "23.54G", 1 << 40: "1.00T",
		1 << 60: "1024.00P",
	} {
		if got := Human(n); got != want {
			t.Errorf("Human(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestCounters(t *testing.T) {
	const loops, adds = 4, 1000
	c := NewCounters(loops, 9)
	var wg sync.WaitGroup
	for loop := range loops {
		wg.Go(func() {
			row := c.Row(loop)
			for range adds {
				row.Add(0, 1)
				row.Add(8, 2)
			}
		})
	}
	wg.Wait()
	if c.Sum(0) != loops*adds || c.Sum(8) != 2*loops*adds || c.Sum(1) != 0 || c.Row(1).Load(8) != 2*adds {
		t.Errorf("sums %d, %d, %d", c.Sum(0), c.Sum(8), c.Sum(1))
	}
	if c.Reset(8); c.Sum(0) != loops*adds || c.Sum(8) != 0 {
		t.Error("Reset(8) did not reset just that one")
	}
	if c.Reset(); c.Sum(0) != 0 {
		t.Error("Reset() left something")
	}
}

func TestRate(t *testing.T) {
	var r Rate
	for i := range int64(17) {
		r.Sample(1000+100*i, 500*i)
	}
	if got := r.PerSecond(); got != 5000 {
		t.Errorf("%d a second, want 5000", got)
	}
	r.Sample(2600, 1) // the same instant again changes nothing
	if got := r.PerSecond(); got != 5000 {
		t.Errorf("%d a second after a sample at the same time", got)
	}
	r.Sample(2700, 0) // a counter that was reset is not a negative rate
	if got := r.PerSecond(); got != 5000*15/16 {
		t.Errorf("%d a second after a reset", got)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	row := NewCounters(1, 1).Row(0)
	if n := testing.AllocsPerRun(100, func() { row.Add(0, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
