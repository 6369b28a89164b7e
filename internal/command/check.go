// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// fault is an error in a record.
func fault(s *Spec, text string) error {
	return fmt.Errorf("command %s: %s", strings.ToUpper(s.fullName), text)
}

// check looks for faults in a completed record; subcommands are checked on their own.
func check(s *Spec) error {
	var faults []error
	bad := func(is bool, text string) {
		if is {
			faults = append(faults, fault(s, text))
		}
	}
	bad(s.Name == "" || strings.ContainsFunc(s.Name, badInName), "Name must be upper case letters, digits, - and _")
	bad(!version(s.Since), "Since must be a version like 6.2.0")
	bad(s.Summary == "", "Summary is missing")
	bad(s.Complexity == "", "Complexity is missing")
	bad(!knownGroup(s.Group), "unknown Group "+s.Group)
	bad(s.Run == nil && len(s.Subcommands) == 0, "neither Run nor Subcommands")
	bad(s.parent != nil && len(s.Subcommands) > 0, "a subcommand with Subcommands")
	bad(len(s.Subcommands) > 0 && s.Syntax != "", "a container with a Syntax")
	bad(s.Flags.Has(Write|ReadOnly), "both Write and ReadOnly")
	bad(s.DeprecatedSince == "" && s.DocFlags.Has(DocDeprecated), "DocDeprecated without DeprecatedSince")
	bad(s.DeprecatedSince == "" && s.ReplacedBy != "", "ReplacedBy without DeprecatedSince")
	bad(s.DeprecatedSince != "" && !version(s.DeprecatedSince), "DeprecatedSince must be a version like 6.2.0")
	for _, c := range s.History {
		bad(!version(c.Version) || c.Text == "", "a History entry without version or text")
	}
	bad(s.FindKeys != nil && !s.keys.flags && !s.keys.finder, "FindKeys without a key spec that is unknown, Incomplete, VariableFlags or behind a word")
	bad(s.NeedsAll != nil && s.Plan == PlanAll, "NeedsAll with PlanAll")
	for i := range s.Keys {
		checkKeys(s, &s.Keys[i], bad)
	}
	checkArguments(s, s.args, bad)
	return errors.Join(faults...)
}

// checkKeys looks for faults in a key spec.
func checkKeys(s *Spec, k *KeySpec, bad func(bool, string)) {
	mode := k.Flags & modes
	bad(bits.OnesCount16(uint16(mode)) != 1 && !k.Flags.Has(NotKey), "a key spec must have one of RO, RW, OW, RM")
	bad(k.find == findRange && k.begin != beginUnknown && k.step < 1, "a key spec's step must be positive")
	bad(k.begin == beginIndex && k.find != findUnknown && k.index < 1, "a key spec must begin behind the name")
	bad(s.Flags.Has(ReadOnly) && mode&(OW|RM) != 0, "a ReadOnly command with a key spec that is OW or RM")
	if k.fixedRange() && k.last >= 0 {
		need := k.index + k.last + 1
		bad(s.Arity < need && -s.Arity < need, "a key spec points behind the least number of words")
	}
}

// checkArguments looks for faults in the argument tree.
func checkArguments(s *Spec, args []*Argument, bad func(bool, string)) {
	for _, a := range args {
		bad(a.KeySpec >= len(s.Keys), fmt.Sprintf("Syntax: %s refers to key spec %d of %d", a.Name, a.KeySpec, len(s.Keys)))
		bad(a.Since != "" && !version(a.Since), "Syntax: "+a.Since+" is no version")
		bad(a.DeprecatedSince != "" && !version(a.DeprecatedSince), "Syntax: "+a.DeprecatedSince+" is no version")
		checkArguments(s, a.Args, bad)
	}
}

// badInName tells whether r cannot be in a command's name.
func badInName(r rune) bool {
	return !('A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// version tells whether v looks like 6.2.0.
func version(v string) bool {
	parts := strings.Split(v, ".")
	if len(parts) != 3 {
		return false
	}
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// knownGroup tells whether COMMAND DOCS knows the group.
func knownGroup(g string) bool {
	switch g {
	case "array", "bitmap", "cluster", "connection", "generic", "geo", "hash", "hyperloglog", "list", "module", "pubsub",
		"scripting", "sentinel", "server", "set", "sorted-set", "stream", "string", "transactions":
		return true
	}
	return false
}
