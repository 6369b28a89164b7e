// SPDX-License-Identifier: BSD-3-Clause

package redpoll_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/redpoll/redpoll"

// layers are the import rules of the module. "a < b" lets b import a, and a chain "a < b < c" lets c import a as well; so does
// a chain over several lines. What no chain allows is forbidden: above all, siblings such as cmds/strings and cmds/hashes do
// not know each other. A line "name = …" gives several packages one name. internal/ is left out; "redpoll" is the root.
//
// The rules bind what is built. Tests may import what they like, as far as Go lets them.
const layers = `
	# bytes, numbers, time: no keys, no commands, no clients
	small = invariants clock num hash glob hist lzf crc64 geo
	base  = small resp mem netloop config stats rlog
	invariants clock < netloop
	num < resp
	invariants hash glob resp < pubsub
	num glob resp persist/disk < config
	invariants < mem
	hash num < lua
	num < geo
	clock hist num < stats

	# data structures know bytes and memory, not each other; but a stream's leaf is one that stands for a listpack
	base < ds/*
	ds/listpack < ds/entries

	# the keyspace, the command model, the commands
	base ds/* < store < command < cmds/*

	# the codec of values, with DUMP and RESTORE
	base ds/* store command < persist/rdb < server

	# the append-only files
	base ds/* store command persist/rdb < persist/aof < server
	persist/disk persist/rdb persist/aof < persist/check < cmd/redpoll

	# where backups are kept
	persist/disk < persist/backup < server

	# scripts: the machine of Lua knows nothing of Redis, what runs scripts nothing of the engine
	clock num lua < lua/lib
	base lua lua/lib command persist/rdb < script < server

	# the engine alone knows about concurrency; a session turns bytes into commands
	command store pubsub < engine < session

	# the composition root knows everybody
	cmds/* engine session < server < redpoll < cmd/redpoll
	server < cmd/redpoll
	config command server < scripts/docs

	# what tests stand on; testutil itself knows nothing of the server
	persist/disk < persist/disk/disktest
	command < command/gen
	command command/gen testutil < command/commandtest
	base testutil < test/bench
	redpoll testutil < test/compat test/clients
`

// TestLayers holds every import of the module's own packages against the rules.
func TestLayers(t *testing.T) {
	rules := parseLayers(t, layers)
	for _, dir := range goDirs(t) {
		for _, file := range dir.files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, imp := range imports(t, file) {
				if why := rules.forbid(layerName(dir.path), imp); why != "" {
					t.Errorf("%s imports %s: %s", file, imp, why)
				}
			}
		}
	}
}

// layerName shortens a package's path below the module as the rules have it.
func layerName(p string) string {
	if p == "." {
		return "redpoll"
	}
	return strings.TrimPrefix(p, "internal/")
}

// imports lists the packages of the module that a file imports.
func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if p == modulePath {
			all = append(all, "redpoll")
		} else if below, ok := strings.CutPrefix(p, modulePath+"/"); ok {
			all = append(all, layerName(below))
		}
	}
	return all
}

// A layering is the parsed rules: for each pattern, the patterns right below it and the line that says so.
type layering struct {
	below map[string][]edge
}

type edge struct{ pattern, line string }

func parseLayers(t *testing.T, text string) *layering {
	t.Helper()
	l := &layering{below: map[string][]edge{}}
	names := map[string][]string{}
	expand := func(words string) (out []string) {
		for _, w := range strings.Fields(words) {
			if members, ok := names[w]; ok {
				out = append(out, members...)
			} else {
				out = append(out, w)
			}
		}
		return out
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.Join(strings.Fields(line), " ")
		if name, members, ok := strings.Cut(line, " = "); ok {
			names[name] = expand(members)
			continue
		}
		steps := strings.Split(line, " < ")
		for i := 1; i < len(steps); i++ {
			for _, upper := range expand(steps[i]) {
				for _, lower := range expand(steps[i-1]) {
					l.below[upper] = append(l.below[upper], edge{lower, line})
				}
			}
		}
	}
	return l
}

// known says whether some rule speaks of the package.
func (l *layering) known(pkg string) bool {
	for upper, edges := range l.below {
		if matches(upper, pkg) || slices.ContainsFunc(edges, func(e edge) bool { return matches(e.pattern, pkg) }) {
			return true
		}
	}
	return false
}

func matches(pattern, pkg string) bool {
	ok, err := path.Match(pattern, pkg)
	return ok && err == nil
}

// forbid says why pkg must not import dep; "" when it may.
func (l *layering) forbid(pkg, dep string) string {
	for _, p := range []string{pkg, dep} {
		if !l.known(p) {
			return fmt.Sprintf("no rule of layers_test.go speaks of %s: give it its place there", p)
		}
	}
	if l.reaches(pkg, dep, map[string]bool{}) {
		return ""
	}
	var have []string
	for upper, edges := range l.below {
		for _, e := range edges {
			if matches(upper, pkg) && !slices.Contains(have, e.line) {
				have = append(have, e.line)
			}
		}
	}
	slices.Sort(have)
	return fmt.Sprintf("no chain of layers_test.go leads from %s up to %s; the rules for it:\n\t%s", dep, pkg, strings.Join(have, "\n\t"))
}

// reaches walks the rules downwards from everything that matches pkg.
func (l *layering) reaches(pkg, dep string, seen map[string]bool) bool {
	for upper, edges := range l.below {
		if !matches(upper, pkg) && upper != pkg || seen[upper] {
			continue
		}
		seen[upper] = true
		for _, e := range edges {
			if matches(e.pattern, dep) || l.reaches(e.pattern, dep, seen) {
				return true
			}
		}
	}
	return false
}

// TestLayerRules proves that the rules say what they look like.
func TestLayerRules(t *testing.T) {
	l := parseLayers(t, layers)
	for _, tc := range []struct {
		pkg, dep string
		want     bool
	}{
		{"cmds/strings", "command", true}, {"cmds/strings", "store", true}, {"cmds/strings", "ds/dict", true},
		{"cmds/strings", "cmds/hashes", false}, {"cmds/strings", "engine", false}, {"cmds/strings", "session", false},
		{"ds/dict", "mem", true}, {"ds/dict", "store", false}, {"ds/dict", "ds/listpack", false},
		{"store", "command", false}, {"engine", "cmds/keys", false}, {"session", "engine", true}, {"netloop", "resp", false},
		{"server", "cmds/keys", true}, {"redpoll", "server", true}, {"engine", "server", false}, {"mem", "store", false},
		{"store", "testutil", false}, {"testutil", "resp", false}, {"nosuch", "mem", false},
	} {
		if got := l.forbid(tc.pkg, tc.dep); (got == "") != tc.want {
			t.Errorf("%s imports %s: allowed is %v, want %v: %s", tc.pkg, tc.dep, got == "", tc.want, got)
		}
	}
	if why := l.forbid("cmds/strings", "engine"); !strings.Contains(why, "store < command < cmds/*") {
		t.Errorf("the rule is not quoted: %s", why)
	}
}

// A goDir is a directory with Go files; its path is relative to the root.
type goDir struct {
	path  string
	files []string
}

// goDirs lists the directories of Go files, of nested modules too.
func goDirs(t *testing.T) []goDir {
	t.Helper()
	var dirs []goDir
	for _, f := range repoFiles(t) {
		if filepath.Ext(f) != ".go" {
			continue
		}
		p := path.Dir(f)
		i := slices.IndexFunc(dirs, func(d goDir) bool { return d.path == p })
		if i < 0 {
			i = len(dirs)
			dirs = append(dirs, goDir{path: p})
		}
		dirs[i].files = append(dirs[i].files, f)
	}
	return dirs
}
