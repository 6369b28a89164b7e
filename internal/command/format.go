// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"strconv"
	"strings"
)

// FormatSyntax writes args in the language of Spec.Syntax: ParseSyntax of the result gives equal arguments.
func FormatSyntax(args []*Argument) string {
	terms := make([]string, len(args))
	for i := len(args) - 1; i >= 0; i-- { // backwards: whether a term needs brackets depends on how the next one begins
		terms[i] = formatTerm(args[i])
		if i+1 < len(args) && isBareToken(terms[i]) && bindable(terms[i+1]) {
			terms[i] = "(" + terms[i] + ")"
		}
	}
	return strings.Join(terms, " ")
}

// isBareToken tells whether text is a token alone, which would take what follows as its value.
func isBareToken(text string) bool {
	toks, err := scanSyntax(text)
	return err == nil && len(toks) == 1 && toks[0].kind == tokWord
}

// bindable tells whether a token before text would take its begin as its value.
func bindable(text string) bool {
	toks, err := scanSyntax(text)
	if err != nil || toks[0].kind == tokWord {
		return false
	}
	if toks[0].kind == tokName && len(toks) > 2 && toks[1].kind == tokEquals {
		return toks[2].kind == tokOpen && toks[2].text == "("
	}
	return toks[0].text != "["
}

// formatTerm writes one argument with all its marks.
func formatTerm(a *Argument) string {
	marks := ""
	if a.Since != "" {
		marks += "{" + a.Since + "}"
	}
	if a.DeprecatedSince != "" {
		marks += "{-" + a.DeprecatedSince + "}"
	}
	if a.Multiple {
		marks += "..."
	}
	switch {
	case a.Type == TypePureToken:
		return brackets(a.Optional, formatToken(a)+marks)
	case a.Token != "" && a.MultipleToken:
		return round(a.Optional, quoteToken(a.Token)+" "+formatValue(a)) + marks
	case a.Token != "":
		return brackets(a.Optional, quoteToken(a.Token)+" "+formatValue(a)+marks)
	case a.Type == TypeOneOf, a.Type == TypeBlock:
		return formatGroup(a, a.Optional) + marks
	}
	return brackets(a.Optional, formatValue(a)+marks)
}

// brackets puts square brackets around text when it is optional.
func brackets(optional bool, text string) string {
	if optional {
		return "[" + text + "]"
	}
	return text
}

// round puts brackets around text, square ones when it is optional.
func round(optional bool, text string) string {
	if optional {
		return "[" + text + "]"
	}
	return "(" + text + ")"
}

// formatToken writes a pure token with its label, if it needs one.
func formatToken(a *Argument) string {
	if a.Name == strings.ToLower(a.Token) {
		return quoteToken(a.Token)
	}
	return a.Name + "=" + quoteToken(a.Token)
}

// quoteToken writes a token, in quotes where it needs them.
func quoteToken(token string) string {
	if token == "" || token[0] < 'A' || 'Z' < token[0] {
		return `"` + token + `"`
	}
	for i := range len(token) {
		if !wordByte(token[i], tokWord) {
			return `"` + token + `"`
		}
	}
	return token
}

// formatValue writes an argument without its token and marks.
func formatValue(a *Argument) string {
	if a.Type == TypeOneOf || a.Type == TypeBlock {
		return formatGroup(a, false)
	}
	text := a.Name
	natural := TypeString
	switch a.Name {
	case "key":
		natural = TypeKey
	case "pattern":
		natural = TypePattern
	}
	if a.Type != natural || strings.ContainsRune(a.Name, ':') {
		text += ":" + typeWords[a.Type]
	}
	if a.KeySpec > 0 || a.KeySpec == 0 && a.Type != TypeKey {
		text += "@" + strconv.Itoa(a.KeySpec)
	}
	return text
}

// formatGroup writes a choice or a block.
func formatGroup(a *Argument, optional bool) string {
	text := FormatSyntax(a.Args)
	if a.Type == TypeOneOf {
		alts := make([]string, len(a.Args))
		for i, alt := range a.Args {
			alts[i] = formatTerm(alt)
			if alt.Type == TypeBlock && alts[i][0] == '(' && alts[i][len(alts[i])-1] == ')' && !alt.HasToken() && len(alt.Args) > 1 {
				alts[i] = FormatSyntax(alt.Args)
			}
		}
		text = strings.Join(alts, " | ")
	}
	text = round(optional, text)
	if a.Name != joinNames(a.Args) || len(a.Args) == 1 {
		text = a.Name + "=" + text
	}
	return text
}
