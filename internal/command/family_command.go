// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/resp"
)

// CommandFamily gives the COMMAND command, which reports what the registry knows.
func CommandFamily() Family {
	const flags = Loading | Stale
	return Family{
		Name: "command", Group: "server", Category: CatConnection,
		Commands: []Spec{{
			Name: "COMMAND", Since: "2.8.13", Complexity: "O(N) with N commands",
			Summary: "Describes every command.",
			Flags:   flags,
			Tips:    []string{TipNondeterministicOutputOrder},
			Run:     commandAll,
			Subcommands: []Spec{
				{
					Name: "COUNT", Since: "2.8.13", Complexity: "O(1)",
					Summary: "Counts the commands.",
					Flags:   flags,
					Run:     commandCount,
				},
				{
					Name: "DOCS", Since: "7.0.0", Complexity: "O(N) with N commands described",
					Summary: "Documents the given commands, or all: summary, history, arguments.",
					Syntax:  "[command-name...]",
					Flags:   flags,
					Tips:    []string{TipNondeterministicOutputOrder},
					Run:     commandDocs,
				},
				{
					Name: "GETKEYS", Since: "2.8.13", Complexity: "O(N) with N words in the call",
					Summary: "Names the keys of a complete call.",
					Arity:   -4,
					Flags:   flags,
					Run:     func(c *Ctx) error { return commandGetKeys(c, false) },
				},
				{
					Name: "GETKEYSANDFLAGS", Since: "7.0.0", Complexity: "O(N) with N words in the call",
					Summary: "Names the keys of a complete call and what it does with each.",
					Arity:   -4,
					Flags:   flags,
					Run:     func(c *Ctx) error { return commandGetKeys(c, true) },
				},
				{
					Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
					Summary: "Explains the subcommands.",
					Flags:   flags,
					Run:     Help,
				},
				{
					Name: "INFO", Since: "2.8.13", Complexity: "O(N) with N commands described",
					Summary: "Describes the given commands, or all: arity, flags, categories, keys.",
					Syntax:  "[command-name...]",
					History: []Change{{"7.0.0", "Without names, all commands are described."}},
					Flags:   flags,
					Tips:    []string{TipNondeterministicOutputOrder},
					Run:     commandInfo,
				},
				{
					Name: "LIST", Since: "7.0.0", Complexity: "O(N) with N commands",
					Summary: "Names the commands and subcommands, all or those of a category or a pattern.",
					Syntax:  "[FILTERBY filterby=(MODULE module-name | ACLCAT category | PATTERN pattern)]",
					Flags:   flags,
					Tips:    []string{TipNondeterministicOutputOrder},
					Run:     commandList,
				},
			},
		}},
	}
}

// Registry gives the registry that the record belongs to.
func (s *Spec) Registry() *Registry { return s.registry }

func commandAll(c *Ctx) error {
	all := c.Spec.registry.commands
	c.Reply.Array(len(all))
	for _, s := range all {
		WriteInfo(c.Reply, s)
	}
	return nil
}

func commandCount(c *Ctx) error {
	c.Reply.Int(int64(len(c.Spec.registry.commands)))
	return nil
}

func commandInfo(c *Ctx) error {
	names := c.Argv[2:]
	if len(names) == 0 {
		return commandAll(c)
	}
	c.Reply.Array(len(names))
	for _, name := range names {
		if s := c.Spec.registry.Named(name); s != nil {
			WriteInfo(c.Reply, s)
		} else {
			c.Reply.Null()
		}
	}
	return nil
}

func commandDocs(c *Ctx) error {
	r := c.Spec.registry
	found := r.commands
	if names := c.Argv[2:]; len(names) > 0 {
		found = make([]*Spec, 0, len(names))
		for _, name := range names {
			if s := r.Named(name); s != nil {
				found = append(found, s)
			}
		}
	}
	c.Reply.Map(len(found))
	for _, s := range found {
		c.Reply.BulkString(s.fullName)
		WriteDocs(c.Reply, s)
	}
	return nil
}

func commandList(c *Ctx) error {
	keep := func(*Spec) bool { return true }
	if a := c.Args(); a.More() {
		if !a.Keyword("FILTERBY") {
			return ErrSyntax
		}
		var err error
		if keep, err = listFilter(&a); err != nil {
			return err
		}
	}
	var names []string
	for s := range c.Spec.registry.All() {
		if keep(s) {
			names = append(names, s.fullName)
		}
	}
	c.Reply.Array(len(names))
	for _, name := range names {
		c.Reply.BulkString(name)
	}
	return nil
}

// listFilter reads what COMMAND LIST FILTERBY filters by.
func listFilter(a *Args) (keep func(*Spec) bool, err error) {
	switch {
	case a.Keyword("MODULE"):
		a.Bytes()
		keep = func(*Spec) bool { return false } // no command comes from a module
	case a.Keyword("ACLCAT"):
		category, known := CategoryNamed(a.Bytes())
		keep = func(s *Spec) bool { return known && s.ACL.Has(category) }
	case a.Keyword("PATTERN"):
		pattern := a.Bytes()
		keep = func(s *Spec) bool { return glob.Match(pattern, []byte(s.fullName), true) }
	default:
		return nil, ErrSyntax
	}
	return keep, a.Done()
}

// Errors of COMMAND GETKEYS and GETKEYSANDFLAGS.
const (
	errGetKeysCommand Error = "ERR Invalid command specified"
	errGetKeysNone    Error = "ERR The command has no key arguments"
	errGetKeysArity   Error = "ERR Invalid number of arguments specified for command"
	errGetKeysInvalid Error = "ERR Invalid arguments specified for command"
)

func commandGetKeys(c *Ctx, withFlags bool) error {
	call := c.Argv[2:]
	s := c.Spec.registry.Resolve(call)
	switch {
	case s == nil:
		return errGetKeysCommand
	case !s.HasKeys():
		return errGetKeysNone
	case !s.ArityOK(len(call)):
		return errGetKeysArity
	}
	refs, ok := s.AppendKeyRefs(nil, call)
	if !ok || len(refs) == 0 {
		if !s.Flags.Has(NoMandatoryKeys) {
			return errGetKeysInvalid
		}
		refs = nil
	}
	c.Reply.Array(len(refs))
	for _, ref := range refs {
		if withFlags {
			c.Reply.Array(2)
		}
		c.Reply.Bulk(call[ref.Pos])
		if withFlags {
			writeWords(c.Reply, "", ref.Flags.Words())
		}
	}
	return nil
}

// writeWords writes a set of status replies, each with a prefix.
func writeWords(w *resp.Writer, prefix string, words []string) {
	w.Set(len(words))
	for _, word := range words {
		w.Simple(prefix + word)
	}
}

// WriteInfo writes the description of a command, one element of the replies of COMMAND and COMMAND INFO. Only for a
// registry's records.
func WriteInfo(w *resp.Writer, s *Spec) {
	w.Array(10)
	w.BulkString(s.fullName)
	w.Int(int64(s.Arity))
	writeWords(w, "", s.Flags.Words())
	first, last, step := s.LegacyKeys()
	w.Int(int64(first))
	w.Int(int64(last))
	w.Int(int64(step))
	writeWords(w, "@", s.ACL.Words())
	w.Set(len(s.Tips))
	for _, tip := range s.Tips {
		w.BulkString(tip)
	}
	w.Set(len(s.Keys))
	for i := range s.Keys {
		writeKeySpec(w, &s.Keys[i])
	}
	if len(s.children) == 0 {
		w.Set(0)
		return
	}
	w.Array(len(s.children))
	for _, sub := range s.children {
		WriteInfo(w, sub)
	}
}

// writeKeySpec writes a key spec as COMMAND has it.
func writeKeySpec(w *resp.Writer, k *KeySpec) {
	if k.Notes == "" {
		w.Map(3)
	} else {
		w.Map(4)
		w.BulkString("notes")
		w.BulkString(k.Notes)
	}
	w.BulkString("flags")
	writeWords(w, "", k.Flags.Words())

	w.BulkString("begin_search")
	switch k.begin {
	case beginIndex:
		writeRule(w, "index", 1)
		writeNumber(w, "index", k.index)
	case beginKeyword:
		writeRule(w, "keyword", 2)
		w.BulkString("keyword")
		w.BulkString(k.keyword)
		writeNumber(w, "startfrom", k.index)
	default:
		writeRule(w, "unknown", 0)
	}

	w.BulkString("find_keys")
	switch k.find {
	case findRange:
		writeRule(w, "range", 3)
		writeNumber(w, "lastkey", k.last)
		writeNumber(w, "keystep", k.step)
		writeNumber(w, "limit", k.limit)
	case findKeyNum:
		writeRule(w, "keynum", 3)
		writeNumber(w, "keynumidx", k.numIdx)
		writeNumber(w, "firstkey", k.first)
		writeNumber(w, "keystep", k.step)
	default:
		writeRule(w, "unknown", 0)
	}
}

// writeRule writes the head of a rule of a key spec, whose n numbers follow.
func writeRule(w *resp.Writer, kind string, n int) {
	w.Map(2)
	w.BulkString("type")
	w.BulkString(kind)
	w.BulkString("spec")
	w.Map(n)
}

// writeNumber writes a field of a map.
func writeNumber(w *resp.Writer, name string, n int) {
	w.BulkString(name)
	w.Int(int64(n))
}

// writeText writes a field of a map.
func writeText(w *resp.Writer, name, text string) {
	w.BulkString(name)
	w.BulkString(text)
}

// countSet counts the true ones, for the length of a map whose fields depend on them.
func countSet(fields ...bool) (n int) {
	for _, f := range fields {
		if f {
			n++
		}
	}
	return n
}

// WriteDocs writes the documentation of a command, a value of the reply of COMMAND DOCS. Only for a registry's records.
func WriteDocs(w *resp.Writer, s *Spec) {
	w.Map(4 + countSet(s.DocFlags != 0, s.DeprecatedSince != "", s.ReplacedBy != "", len(s.History) > 0,
		len(s.args) > 0, len(s.children) > 0))
	writeText(w, "summary", s.Summary)
	writeText(w, "since", s.Since)
	writeText(w, "group", s.Group)
	writeText(w, "complexity", s.Complexity)
	if s.DocFlags != 0 {
		w.BulkString("doc_flags")
		writeWords(w, "", s.DocFlags.Words())
	}
	if s.DeprecatedSince != "" {
		writeText(w, "deprecated_since", s.DeprecatedSince)
	}
	if s.ReplacedBy != "" {
		writeText(w, "replaced_by", s.ReplacedBy)
	}
	if len(s.History) > 0 {
		w.BulkString("history")
		w.Set(len(s.History))
		for _, h := range s.History {
			w.Array(2)
			w.BulkString(h.Version)
			w.BulkString(h.Text)
		}
	}
	if len(s.args) > 0 {
		writeArguments(w, s.args)
	}
	if len(s.children) > 0 {
		w.BulkString("subcommands")
		w.Map(len(s.children))
		for _, sub := range s.children {
			w.BulkString(sub.fullName)
			WriteDocs(w, sub)
		}
	}
}

// writeArguments writes the field of an argument tree.
func writeArguments(w *resp.Writer, args []*Argument) {
	w.BulkString("arguments")
	w.Array(len(args))
	for _, a := range args {
		flags := argumentFlags(a)
		w.Map(2 + countSet(a.KeySpec >= 0, a.HasToken(), a.Since != "", a.DeprecatedSince != "", len(flags) > 0, len(a.Args) > 0))
		writeText(w, "name", a.Name)
		writeText(w, "type", a.Type.String())
		if a.KeySpec >= 0 {
			writeNumber(w, "key_spec_index", a.KeySpec)
		}
		if a.HasToken() {
			writeText(w, "token", a.Token)
		}
		if a.Since != "" {
			writeText(w, "since", a.Since)
		}
		if a.DeprecatedSince != "" {
			writeText(w, "deprecated_since", a.DeprecatedSince)
		}
		if len(flags) > 0 {
			w.BulkString("flags")
			writeWords(w, "", flags)
		}
		if len(a.Args) > 0 {
			writeArguments(w, a.Args)
		}
	}
}

// argumentFlags gives the words of an argument's flags.
func argumentFlags(a *Argument) []string {
	var flags []string
	if a.Optional {
		flags = append(flags, "optional")
	}
	if a.Multiple {
		flags = append(flags, "multiple")
	}
	if a.MultipleToken {
		flags = append(flags, "multiple_token")
	}
	return flags
}
