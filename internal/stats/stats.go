// SPDX-License-Identifier: BSD-3-Clause

// Package stats is a server's registry of what it counts and measures. Its owners declare sections and fields once, when
// the server is built; INFO renders them, and Visit hands the same values to whoever shows them in another way, so that
// nothing is counted twice.
//
// It knows nothing of commands, and holds no values but the counters that its owners make with NewCounters: a field is a
// function that reads its value when it is asked for.
//
// Locks: the registry is filled before the server runs and only read afterwards, from any goroutine. The functions of
// fields are called by whoever renders and must be safe for that.
package stats

import (
	"slices"
	"strconv"
	"strings"
)

// Kind says what a field's value is.
type Kind uint8

// The kinds of fields.
const (
	Gauge   Kind = iota // a number that goes up and down
	Counter             // a number that only grows, but for CONFIG RESETSTAT
	Text                // anything else
)

// A Field declares one value of a section. A name that ends with "*" stands for all names that begin so.
type Field struct {
	Name string
	Kind Kind
	Help string // one line
}

// Registry is one server's sections, in the order in which INFO shows them.
type Registry struct {
	sections []*Section
}

// Section is a part of INFO.
type Section struct {
	name   string
	title  string
	extra  bool
	hidden bool
	groups []group
}

// group is values that are read together, by one function.
type group struct {
	fields []Field
	read   func(*Values)
}

// New returns an empty registry.
func New() *Registry { return &Registry{} }

// Section adds a section that INFO shows as "# <title>" and that its argument names in lower case; asking again for a
// title gives the same section. One that is extra is left out of INFO without arguments.
func (r *Registry) Section(title string, extra bool) *Section {
	name := strings.ToLower(title)
	for _, s := range r.sections {
		if s.name == name {
			return s
		}
	}
	s := &Section{name: name, title: title, extra: extra}
	r.sections = append(r.sections, s)
	return s
}

// Hide leaves the section out of INFO unless its name is given: out of "all" and "everything" too, and out of Visit.
func (s *Section) Hide() { s.hidden = true }

// Gauge adds a number that goes up and down.
func (s *Section) Gauge(name, help string, read func() int64) {
	s.Group(func(v *Values) { v.Int(name, read()) }, Field{name, Gauge, help})
}

// Counter adds a number that only grows.
func (s *Section) Counter(name, help string, read func() int64) {
	s.Group(func(v *Values) { v.Int(name, read()) }, Field{name, Counter, help})
}

// Text adds a text.
func (s *Section) Text(name, help string, read func() string) {
	s.Group(func(v *Values) { v.Text(name, read()) }, Field{name, Text, help})
}

// Group adds fields whose values come from one reading. read may leave fields out, and gives those that it has in the
// order in which they are shown.
func (s *Section) Group(read func(*Values), fields ...Field) {
	s.groups = append(s.groups, group{fields, read})
}

// wanted reports whether INFO with these arguments, in lower case, shows the section.
func (s *Section) wanted(args []string) bool {
	if len(args) == 0 {
		return !s.extra && !s.hidden
	}
	for _, arg := range args {
		if arg == s.name {
			return true
		}
		if s.hidden {
			continue
		}
		switch arg {
		case "all", "everything":
			return true
		case "default":
			if !s.extra {
				return true
			}
		case "module_list":
			if s.name == "modules" {
				return true
			}
		}
	}
	return false
}

// Render appends what INFO with these arguments answers: names of sections in any case, "default" (also meant by no
// arguments), "all" or "everything". Sections come in the registry's order, each once; unknown names are passed over.
func (r *Registry) Render(dst []byte, args ...string) []byte {
	lower := make([]string, len(args))
	for i, arg := range args {
		lower[i] = strings.ToLower(arg)
	}
	v := Values{buf: dst}
	first := true
	for _, s := range r.sections {
		if !s.wanted(lower) {
			continue
		}
		if !first {
			v.buf = append(v.buf, "\r\n"...)
		}
		first = false
		v.buf = append(append(append(v.buf, "# "...), s.title...), "\r\n"...)
		for _, g := range s.groups {
			g.read(&v)
		}
	}
	return v.buf
}

// Sample is one value as Visit gives it.
type Sample struct {
	Section string // lower case
	Field   Field  // its Name is the declared one, which may end with "*"
	Name    string
	Number  float64 // only when Field.Kind is not Text
	Text    string  // as INFO shows it
}

// Visit calls fn for every value of all sections, in order.
func (r *Registry) Visit(fn func(Sample)) {
	for _, s := range r.sections {
		if s.hidden {
			continue
		}
		for _, g := range s.groups {
			g.read(&Values{visit: func(name, text string, number float64) {
				fn(Sample{Section: s.name, Field: g.field(name), Name: name, Number: number, Text: text})
			}})
		}
	}
}

// Fields gives the declared fields of all sections, in order.
func (r *Registry) Fields() []Field {
	var all []Field
	for _, s := range r.sections {
		for _, g := range s.groups {
			all = append(all, g.fields...)
		}
	}
	return all
}

// field finds the declaration of a name; what was not declared is a text without help.
func (g *group) field(name string) Field {
	i := slices.IndexFunc(g.fields, func(f Field) bool {
		prefix, many := strings.CutSuffix(f.Name, "*")
		return f.Name == name || many && strings.HasPrefix(name, prefix)
	})
	if i < 0 {
		return Field{Name: name, Kind: Text}
	}
	return g.fields[i]
}

// Values takes the values of a group's fields while it is read.
type Values struct {
	buf   []byte
	visit func(name, text string, number float64) // nil: append lines of INFO to buf
}

// Int gives the value of a numeric field.
func (v *Values) Int(name string, n int64) {
	if v.visit != nil {
		v.visit(name, strconv.FormatInt(n, 10), float64(n))
		return
	}
	v.name(name)
	v.buf = append(strconv.AppendInt(v.buf, n, 10), "\r\n"...)
}

// Float gives the value of a numeric field, shown with so many decimals.
func (v *Values) Float(name string, f float64, decimals int) {
	if v.visit != nil {
		v.visit(name, strconv.FormatFloat(f, 'f', decimals, 64), f)
		return
	}
	v.name(name)
	v.buf = append(strconv.AppendFloat(v.buf, f, 'f', decimals, 64), "\r\n"...)
}

// Text gives the value of a text field.
func (v *Values) Text(name, s string) {
	if v.visit != nil {
		v.visit(name, s, 0)
		return
	}
	v.name(name)
	v.buf = append(append(v.buf, s...), "\r\n"...)
}

func (v *Values) name(name string) {
	v.buf = append(append(v.buf, name...), ':')
}

// Human writes a number of bytes as the _human fields do: two decimals and one of B, K, M, G, T, P.
func Human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	units, f := "KMGTP", float64(n)/1024
	for len(units) > 1 && f >= 1024 {
		units, f = units[1:], f/1024
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + units[:1]
}
