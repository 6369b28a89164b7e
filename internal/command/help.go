// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"slices"
	"strings"
)

// helpWidth is where lines of help texts are broken.
const helpWidth = 76

// Help is the handler of every container's HELP subcommand: the text comes from the records of the subcommands, with HELP
// itself last.
func Help(c *Ctx) error {
	subs := slices.Clone(c.Spec.parent.children)
	slices.SortFunc(subs, func(a, b *Spec) int { return strings.Compare(a.Name, b.Name) })
	var lines []string
	if parent := c.Spec.parent; parent.Run != nil {
		lines = append(lines, "(no subcommand)")
		lines = appendWrapped(lines, parent.Summary)
	}
	for _, s := range subs {
		if s.Name == "HELP" {
			continue
		}
		lines = append(lines, strings.TrimSpace(s.Name+" "+Usage(s.args)))
		lines = appendWrapped(lines, s.Summary)
	}
	ReplyHelp(c, lines...)
	return nil
}

// ReplyHelp replies with the help text of the container whose subcommand runs: lines between the head line and the entry
// of HELP, which all help texts share.
func ReplyHelp(c *Ctx, lines ...string) {
	name := c.Spec.Name
	if c.Spec.parent != nil {
		name = c.Spec.parent.Name
	}
	c.Reply.Array(len(lines) + 3)
	c.Reply.Simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, line := range lines {
		c.Reply.Simple(line)
	}
	c.Reply.Simple("HELP")
	c.Reply.Simple("    Prints this help.")
}

// appendWrapped appends text in indented lines of at most helpWidth bytes.
func appendWrapped(lines []string, text string) []string {
	line := "   "
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > helpWidth {
			lines = append(lines, line)
			line = "   "
		}
		line += " " + word
	}
	return append(lines, line)
}

// maxRepeated is the length up to which Usage writes out that something may be repeated.
const maxRepeated = 60

// Usage writes arguments as help texts and manuals do: values in angle brackets, options in square ones, choices with a
// bar between.
func Usage(args []*Argument) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = usage(a)
	}
	return strings.Join(parts, " ")
}

// usage is Usage for one argument.
func usage(a *Argument) string {
	text := "<" + a.Name + ">"
	switch a.Type {
	case TypePureToken:
		text = a.Token
		if text == "" {
			text = `""`
		}
	case TypeBlock:
		text = Usage(a.Args)
	case TypeOneOf:
		alts := make([]string, len(a.Args))
		for i, alt := range a.Args {
			alts[i] = usage(alt)
		}
		text = strings.Join(alts, " | ")
		if !a.Optional || a.Multiple || a.Token != "" {
			text = "(" + text + ")"
		}
	}
	token := a.Type != TypePureToken && a.Token != ""
	switch {
	case token && a.MultipleToken:
		text = a.Token + " " + text + " [" + a.Token + " " + text + " ...]"
	case a.Multiple && token:
		text = a.Token + " " + text + " [" + text + " ...]"
	case a.Multiple && (a.Optional || len(text) > maxRepeated):
		text += " ..."
	case a.Multiple:
		text += " [" + text + " ...]"
	case token:
		text = a.Token + " " + text
	}
	if a.Optional {
		return "[" + text + "]"
	}
	return text
}
