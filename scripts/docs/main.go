// SPDX-License-Identifier: BSD-3-Clause

// Command docs writes the pages of docs/ that are made from the code: docs/config.md from the table of directives, and
// docs/commands.md from the records of the commands. "make docs" runs it; a test fails when a page is out of date.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:generate go run . -dir ../../docs

// A page is a file of docs/ and what makes it.
type page struct {
	file string
	make func() (string, error)
}

func pages() []page {
	return []page{{"commands.md", commandsPage}, {"config.md", configPage}}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run writes every page into the directory that the arguments name.
func run(args []string) error {
	if len(args) != 2 || args[0] != "-dir" {
		return errors.New("usage: docs -dir DIRECTORY")
	}
	for _, p := range pages() {
		text, err := p.make()
		if err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
		path := filepath.Join(args[1], p.file)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, []byte(text)) {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", path)
	}
	return nil
}

// made is the line under the title of every page.
const made = "<!-- Made from the code by \"make docs\": change the code, not this page. -->\n"

// row writes a line of a Markdown table.
func row(cells ...string) string {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// head writes the first two lines of a Markdown table.
func head(cells ...string) string {
	return row(cells...) + "|" + strings.Repeat("---|", len(cells)) + "\n"
}

// code marks text as code.
func code(text string) string { return "`" + text + "`" }

// sentence makes a note the first part of a sentence: a capital letter at its beginning.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
