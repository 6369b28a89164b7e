// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"
)

// Registry is the table of all commands of a server. It is built once, may be renamed in before the server starts, and is
// read by every loop afterwards.
type Registry struct {
	names    table
	commands []*Spec // by name; without subcommands
	byID     []*Spec
}

// NewRegistry builds the registry of the families' commands, completing a copy of each record. The error tells of every
// fault in every record.
func NewRegistry(families ...Family) (*Registry, error) {
	r := &Registry{}
	var faults []error
	for i := range families {
		f := &families[i]
		for j := range f.Commands {
			s, err := r.complete(&f.Commands[j], f, nil)
			if err != nil {
				faults = append(faults, err)
			}
			r.commands = append(r.commands, s)
		}
	}
	slices.SortStableFunc(r.commands, func(a, b *Spec) int { return cmp.Compare(a.fullName, b.fullName) })
	for i, s := range r.commands {
		if i > 0 && r.commands[i-1].fullName == s.fullName {
			faults = append(faults, fault(s, "declared twice"))
			continue
		}
		r.names.add(s.fullName, s)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return r, nil
}

// complete makes the registry's copy of a record and of its subcommands'.
func (r *Registry) complete(rec *Spec, f *Family, parent *Spec) (*Spec, error) {
	s := new(Spec)
	*s = *rec
	s.derived = derived{registry: r, id: len(r.byID), parent: parent, fullName: strings.ToLower(s.Name)}
	r.byID = append(r.byID, s)
	words := 1
	if parent != nil {
		s.fullName = parent.fullName + "|" + s.fullName
		words = 2
	}
	s.Group = cmp.Or(s.Group, groupOf(parent), f.Group, f.Name)
	if s.DeprecatedSince != "" {
		s.DocFlags |= DocDeprecated
	}
	if movable(s) {
		s.Flags |= MovableKeys
	}
	if len(s.Subcommands) == 0 || s.Run != nil {
		s.ACL |= f.Category
	}
	s.ACL |= implied(s.Flags, s.ACL)
	s.keys = planKeys(s)

	var err error
	s.args, err = ParseSyntax(s.Syntax)
	if err != nil {
		err = fault(s, err.Error())
	}
	switch {
	case s.Arity != 0:
	case len(s.Subcommands) > 0 && s.Run != nil:
		s.Arity = -1
	case len(s.Subcommands) > 0:
		s.Arity = -2
	default:
		s.Arity = ArityOf(words, s.args)
	}
	faults := []error{err, check(s)}
	subs := s.Subcommands
	s.Subcommands = nil
	for i := range subs {
		sub, err := r.complete(&subs[i], f, s)
		faults = append(faults, err)
		if s.subs.find([]byte(subs[i].Name)) != nil {
			faults = append(faults, fault(sub, "declared twice"))
			continue
		}
		s.subs.add(strings.ToLower(sub.Name), sub)
		s.children = append(s.children, sub)
	}
	return s, errors.Join(faults...)
}

// groupOf gives a parent's group.
func groupOf(parent *Spec) string {
	if parent == nil {
		return ""
	}
	return parent.Group
}

// Lookup finds a command by name, in any case; nil when there is none. It does not allocate.
func (r *Registry) Lookup(name []byte) *Spec { return r.names.find(name) }

// Resolve finds the record that runs a call: the subcommand's where the command is a container and its second word names
// one. It is nil when the command or its subcommand does not exist; ErrUnknown then gives the error.
func (r *Registry) Resolve(argv [][]byte) *Spec {
	s := r.names.find(argv[0])
	if s == nil || len(s.children) == 0 || len(argv) == 1 {
		return s
	}
	return s.subs.find(argv[1])
}

// Named finds a command or, with a bar between, a subcommand ("config|get") by its full name, in any case; nil when there
// is none.
func (r *Registry) Named(name []byte) *Spec {
	base, sub, nested := bytes.Cut(name, []byte{'|'})
	s := r.names.find(base)
	if s == nil || !nested {
		return s
	}
	return s.subs.find(sub)
}

// ErrUnknown gives the error for a call that Resolve does not know.
func (r *Registry) ErrUnknown(argv [][]byte) error {
	if s := r.names.find(argv[0]); s != nil && len(argv) > 1 {
		return errUnknownSubcommand(s, argv[1])
	}
	b := append([]byte("ERR unknown command '"), clip(argv[0], 128)...)
	b = append(b, "', with args beginning with: "...)
	start := len(b)
	for _, arg := range argv[1:] {
		room := 128 - (len(b) - start)
		if room <= 0 {
			break
		}
		b = append(b, '\'')
		b = append(b, clip(arg, room)...)
		b = append(b, "' "...)
	}
	return Error(oneLine(b))
}

// errUnknownSubcommand is the error for a container called with a word that it does not know.
func errUnknownSubcommand(s *Spec, word []byte) error {
	b := append([]byte("ERR unknown subcommand '"), clip(word, 128)...)
	b = append(b, "'. Try "...)
	b = append(b, strings.ToUpper(s.fullName)...)
	return Error(oneLine(append(b, " HELP."...)))
}

// clip cuts b at its first NUL and at n bytes.
func clip(b []byte, n int) []byte {
	for i, c := range b[:min(n, len(b))] {
		if c == 0 {
			return b[:i]
		}
	}
	return b[:min(n, len(b))]
}

// oneLine replaces line ends, which an error reply cannot hold, by spaces.
func oneLine(b []byte) string {
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// All gives every command and, after it, its subcommands.
func (r *Registry) All() iter.Seq[*Spec] {
	return func(yield func(*Spec) bool) {
		for _, s := range r.commands {
			if !yield(s) {
				return
			}
			for _, sub := range s.children {
				if !yield(sub) {
					return
				}
			}
		}
	}
}

// Size is one more than the greatest Spec.ID.
func (r *Registry) Size() int { return len(r.byID) }

// ByID gives the record whose ID is id.
func (r *Registry) ByID(id int) *Spec { return r.byID[id] }

// Commands gives all commands, without subcommands, by name. The slice belongs to the registry.
func (r *Registry) Commands() []*Spec { return r.commands }

// Children gives the subcommands in the order of declaration. The slice belongs to the record.
func (s *Spec) Children() []*Spec { return s.children }

// Rename makes a command known by another name only, or by none when to is empty. COMMAND goes on reporting the name of
// the record, as Redis does. Only before the server starts.
func (r *Registry) Rename(from, to string) error {
	s := r.names.find([]byte(from))
	if s == nil {
		return errors.New("No such command in rename-command")
	}
	if to != "" && r.names.find([]byte(to)) != nil && !strings.EqualFold(from, to) {
		return errors.New("Target command name already exists")
	}
	entries := r.names.entries
	r.names = table{}
	for _, e := range entries {
		if e.spec != nil && e.spec != s {
			r.names.add(e.name, e.spec)
		}
	}
	if to != "" {
		r.names.add(strings.ToLower(to), s)
	}
	return nil
}
