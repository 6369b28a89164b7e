// SPDX-License-Identifier: BSD-3-Clause

package command

// Spec is the record of one command or subcommand, as its family writes it. Registry completes a copy of it: there Arity,
// Group, Flags and ACL hold what is in force, and the methods work. Family tables themselves are never changed.
type Spec struct {
	Name       string // upper case; a subcommand's own word only ("ENCODING")
	Group      string // as COMMAND DOCS has it ("string", "sorted-set", …); "" = the parent's or the family's
	Since      string // version that brought the command
	Complexity string // in our own words where it is more than O(…)
	Summary    string // one sentence, our own words

	// Syntax describes the arguments after the name in the language of syntax.go; arity, COMMAND DOCS, hints and the
	// generator of test calls derive from it.
	Syntax string
	// Arity overrides what follows from Syntax: the exact number of words with the name (and subcommand), or the negated
	// least number. 0 means from Syntax.
	Arity int

	Flags Flags    // MovableKeys is derived
	ACL   Category // beyond the family's category and those that follow from Flags
	// FlagsOf tells of a call which flags are in force for it, where that is known better than by Flags (a script says of itself whether it
	// writes). It is given whole calls only, and must not keep argv; nil: Flags are.
	FlagsOf func(argv [][]byte) Flags
	Keys    []KeySpec // where the keys are; nil = the command has none
	// FindKeys finds the keys where Keys says too little: it is asked for positions when one of Keys is KeysUnknown or
	// Incomplete, for flags also when one is VariableFlags (at the positions that Keys tells), and then for all keys. When one is
	// KeyAfter, whose word may come several times, the engine asks it for positions, though COMMAND GETKEYS does not.
	FindKeys KeyFinder
	Plan     Plan // what the engine holds while the command runs
	// NeedsAll tells of a call of a command with another Plan that it runs with PlanAll, since it is going to look at keys that Keys and
	// FindKeys do not find. It is given whole calls only, perhaps several times, and must not keep argv; nil: no call does.
	NeedsAll func(argv [][]byte) bool

	Tips            []string // hints to clients, see the Tip constants
	History         []Change // oldest first
	DeprecatedSince string
	ReplacedBy      string
	DocFlags        DocFlags

	// Subcommands makes the command a container. When its Run is nil, it can only be called with a subcommand.
	Subcommands []Spec

	// Run is the handler.
	Run func(*Ctx) error

	derived
}

// derived is what Registry works out of a Spec once.
type derived struct {
	registry *Registry
	id       int
	fullName string // lower case, "object|encoding"
	parent   *Spec
	args     []*Argument
	subs     table
	children []*Spec
	keys     keyPlan
}

// Change is one entry of a command's history.
type Change struct {
	Version string
	Text    string
}

// Family is a list of commands that belong together. Category is added to the ACL categories of each command but of
// containers without a handler; Group stands for a missing Spec.Group ("" = Name).
type Family struct {
	Name     string
	Group    string
	Category Category
	Commands []Spec
}

// Plan tells the engine what it must hold while a command runs.
type Plan uint8

const (
	PlanKeys Plan = iota // the shards of the command's keys; nothing when it has no Keys
	PlanNone             // no shard, although there are Keys (the handler never looks at the data)
	PlanAll              // the whole keyspace with the world still (FLUSHALL, KEYS, DBSIZE, …)
	PlanWalk             // one shard at a time, chosen by the handler as it goes (SCAN); in a transaction as PlanKeys, or without Keys PlanAll
)

// PlanOf gives what the engine must hold for a call, whose arity has been checked.
func (s *Spec) PlanOf(argv [][]byte) Plan {
	if s.NeedsAll != nil && s.NeedsAll(argv) {
		return PlanAll
	}
	return s.Plan
}

// CallFlags gives the flags that are in force for a call, whose arity has been checked.
func (s *Spec) CallFlags(argv [][]byte) Flags {
	if s.FlagsOf != nil {
		return s.FlagsOf(argv)
	}
	return s.Flags
}

// ID gives a small number, unique among commands and subcommands of the registry and below Registry.Size: an index
// into tables of per-command counters and permission bits. Only for a registry's records.
func (s *Spec) ID() int { return s.id }

// FullName gives the name in lower case, with its parent for a subcommand ("object|encoding"), as error texts, COMMAND
// and INFO commandstats write it. Only for a registry's records.
func (s *Spec) FullName() string { return s.fullName }

// Parent gives the container of a subcommand, nil for a command.
func (s *Spec) Parent() *Spec { return s.parent }

// IsSubcommand tells whether the record is a subcommand's.
func (s *Spec) IsSubcommand() bool { return s.parent != nil }

// Arguments gives the parsed Syntax. It belongs to the record and must not be changed. Only for a registry's records.
func (s *Spec) Arguments() []*Argument { return s.args }

// ArityOK tells whether a call of argc words, the name included, has a possible number of them. Only for a registry's
// records.
func (s *Spec) ArityOK(argc int) bool {
	if s.Arity >= 0 {
		return argc == s.Arity
	}
	return argc >= -s.Arity
}

// Subcommand gives the subcommand called name, in any case; nil when there is none. Only for a registry's records.
func (s *Spec) Subcommand(name []byte) *Spec { return s.subs.find(name) }
