// SPDX-License-Identifier: BSD-3-Clause

package redpoll_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
)

// Limits of docs and reviews: a longer file or function needs a reason that a reader would accept, written here.
const (
	maxFile     = 800
	maxFunc     = 100
	maxTestFunc = 140
)

// longer are the files ("dir/file.go") and functions ("dir/file.go name") over the limits, each with its reason.
var longer = map[string]string{
	"internal/lua/vm.go run": "the loop of the Lua machine: one switch over its instructions, whose variables must stay in registers",
}

// usesUnsafe and usesSys are the only packages with a reason to.
var (
	usesUnsafe = []string{
		"internal/mem", "internal/ds", "internal/num", "internal/store",
		"internal/netloop", // raw system calls take pointers
		"internal/lua",     // a value is a pointer and a number
	}
	usesSys = []string{
		"internal/mem", "internal/netloop", "internal/persist", "internal/server",
		"test/bench", // sets the affinity of the servers
	}
)

// A source is one parsed Go file.
type source struct {
	path string
	text []byte
	set  *token.FileSet
	file *ast.File
}

func (s *source) test() bool             { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) dir() string            { return filepath.Dir(s.path) }
func (s *source) line(n ast.Node) int    { return s.set.Position(n.Pos()).Line }
func (s *source) lines(n ast.Node) int   { return s.set.Position(n.End()).Line - s.line(n) + 1 }
func (s *source) in(dirs ...string) bool { return slices.ContainsFunc(dirs, s.under) }
func (s *source) under(dir string) bool  { return s.dir() == dir || strings.HasPrefix(s.path, dir+"/") }
func (s *source) imports(p string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return strings.HasPrefix(i.Path.Value, `"`+p) })
}

// repoFiles lists the files of the repository, without what is built or git's.
func repoFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "__pycache__"}, d.Name()):
			return filepath.SkipDir
		case d.Type().IsRegular() && d.Name() != ".git": // which a work tree beside the clone has as a file
			files = append(files, filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	for _, p := range repoFiles(t) {
		if filepath.Ext(p) != ".go" {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		s := &source{path: p, text: text, set: token.NewFileSet()}
		if s.file, err = parser.ParseFile(s.set, p, text, parser.ParseComments); err != nil {
			t.Error(err)
			continue
		}
		all = append(all, s)
	}
	return all
}

func TestLicence(t *testing.T) {
	for _, s := range sources(t) {
		if !bytes.HasPrefix(s.text, []byte("// SPDX-License-Identifier: BSD-3-Clause\n")) {
			t.Errorf("%s: the first line must be // SPDX-License-Identifier: BSD-3-Clause", s.path)
		}
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() && !documented[s.dir()] && filepath.Dir(s.path) == "." {
			documented[s.dir()] = true // the root holds tests before anything else
		}
		if !s.test() {
			documented[s.dir()] = documented[s.dir()] || s.file.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment (what it is, what it must not know, who calls it, its locks)", dir)
		}
	}
}

func TestSizes(t *testing.T) {
	used := map[string]bool{}
	allowed := func(name string) bool { used[name] = true; return longer[name] != "" }
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > maxFile && !allowed(s.path) {
			t.Errorf("%s: %d lines, more than %d: split it by what a reader looks for", s.path, n, maxFile)
		}
		limit := maxFunc
		if s.test() {
			limit = maxTestFunc
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && s.lines(f) > limit && !allowed(s.path+" "+f.Name.Name) {
				t.Errorf("%s:%d: %s has %d lines, more than %d", s.path, s.line(f), f.Name.Name, s.lines(f), limit)
			}
		}
	}
	for name := range longer {
		if !used[name] {
			t.Errorf("%s is no longer over the limits: take it off the list", name)
		}
	}
}

// TestCalls forbids what only some packages may call, and says what to do instead.
func TestCalls(t *testing.T) {
	var tools = []string{"cmd", "test", "scripts"}
	for _, rule := range []struct {
		call    string // package.Function; a trailing * matches the rest
		only    []string
		tests   bool // tests too
		instead string
	}{
		{"fmt.Print*", tools, false, "return it or log it"},
		{"log.*", tools, false, "use log/slog"},
		{"os.Exit", tools, false, "return an error: only cmd ends the process"},
		{"time.Now", []string{"internal/clock", "internal/testutil", "test", "scripts"}, false, "take the time from internal/clock"},
		{"time.Since", []string{"internal/clock", "internal/testutil", "test", "scripts"}, false, "take the time from internal/clock"},
		{"time.Until", []string{"internal/clock", "internal/testutil", "test", "scripts"}, false, "take the time from internal/clock"},
		{"time.Sleep", []string{"internal/testutil", "test/bench", "test/clients"}, true, "poll with a deadline (testutil.Poll) or advance a fake clock"},
	} {
		for _, s := range sources(t) {
			if s.in(rule.only...) || s.test() && !rule.tests {
				continue
			}
			ast.Inspect(s.file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && calls(call, rule.call) {
					t.Errorf("%s:%d: %s is not for this package: %s", s.path, s.line(n), rule.call, rule.instead)
				}
				return true
			})
		}
	}
}

// calls says whether the call is of a package's function, without looking through renamed imports.
func calls(call *ast.CallExpr, name string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok || pkg.Obj != nil { // a variable of that name
		return false
	}
	got := pkg.Name + "." + sel.Sel.Name
	prefix, wild := strings.CutSuffix(name, "*")
	return got == name || wild && strings.HasPrefix(got, prefix)
}

func TestDangerousImports(t *testing.T) {
	for _, s := range sources(t) {
		if s.imports("unsafe") && !s.in(usesUnsafe...) && !s.test() {
			t.Errorf("%s: unsafe is only for %v", s.path, usesUnsafe)
		}
		if s.imports("golang.org/x/sys") && !s.in(usesSys...) && !s.test() {
			t.Errorf("%s: golang.org/x/sys is only for %v", s.path, usesSys)
		}
		if s.imports("github.com/zeebo/xxh3") && !s.in("internal/cmds/strings") {
			t.Errorf("%s: the hash of DIGEST is only for internal/cmds/strings; internal/hash is the server's own", s.path)
		}
	}
}

// linked are the modules that the server may need beside the standard library, themselves and by each other.
var linked = []string{"golang.org/x/sys", "github.com/zeebo/xxh3", "github.com/klauspost/cpuid/v2"}

// TestDependencies keeps the server's module at the standard library and what is linked, and DEPENDENCIES.md equal to what the go.mod
// files require: the first table to the server's, the second to those of the tests' own modules.
func TestDependencies(t *testing.T) {
	text, err := os.ReadFile("DEPENDENCIES.md")
	if err != nil {
		t.Fatal(err)
	}
	server, tests, ok := strings.Cut(string(text), "\n## Tests only\n")
	if !ok {
		t.Fatal("DEPENDENCIES.md has no part for tests")
	}
	own, theirs := required(t, "go.mod"), []string{}
	for _, m := range own {
		if !slices.Contains(linked, m) {
			t.Errorf("go.mod requires %s: the server links only the standard library and %v; nested modules may need more", m, linked)
		}
	}
	for _, p := range repoFiles(t) {
		if strings.HasSuffix(p, "/go.mod") {
			theirs = append(theirs, required(t, p)...)
		}
	}
	theirs = slices.DeleteFunc(theirs, func(m string) bool { return m == modulePath || slices.Contains(own, m) })
	sameModules(t, "of the server", described(t, server), own)
	sameModules(t, "of the tests", described(t, tests), theirs)
}

// required lists the modules that a go.mod requires.
func required(t *testing.T, file string) (modules []string) {
	t.Helper()
	mod, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+([a-z0-9.-]+\.[a-z]+/\S+) v`).FindAllSubmatch(mod, -1) {
		modules = append(modules, string(m[1]))
	}
	return modules
}

// described lists the modules of a table of DEPENDENCIES.md, each of which has to have its user and its licence.
func described(t *testing.T, part string) (modules []string) {
	t.Helper()
	for line := range strings.Lines(part) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) < 4 || !strings.Contains(cells[0], "/") {
			continue
		}
		modules = append(modules, cells[0])
		if cells[1] == "" || cells[2] == "" {
			t.Errorf("DEPENDENCIES.md: %s needs its user and its licence", cells[0])
		}
	}
	return modules
}

func sameModules(t *testing.T, whose string, described, required []string) {
	t.Helper()
	for _, m := range required {
		if !slices.Contains(described, m) {
			t.Errorf("DEPENDENCIES.md: the table %s lacks %s", whose, m)
		}
	}
	for _, m := range described {
		if !slices.Contains(required, m) {
			t.Errorf("DEPENDENCIES.md: the table %s names %s, which no go.mod requires", whose, m)
		}
	}
}

// TestLinks follows the links between the pages of the documentation.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, p := range repoFiles(t) {
		if filepath.Ext(p) != ".md" {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), string(m[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", p, m[1])
			}
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" && !s.test() {
				t.Errorf("%s:%d: no init(): list things explicitly where they are used", s.path, s.line(f))
			}
		}
	}
}

// lockLedger is the debug build's book of which goroutine holds which lock: there is one for all servers of a process.
const lockLedger = "internal/invariants/rank_on.go"

// TestNoMutableGlobals finds package-level variables that code changes, or whose type is made for changing.
func TestNoMutableGlobals(t *testing.T) {
	dirs := map[string][]*source{}
	for _, s := range sources(t) {
		if !s.test() {
			dirs[s.dir()] = append(dirs[s.dir()], s)
		}
	}
	for _, files := range dirs {
		globals := map[string]bool{}
		for _, s := range files {
			for _, spec := range valueSpecs(s.file, token.VAR) {
				for _, name := range spec.Names {
					globals[name.Name] = name.Name != "_"
				}
				if mutableType(spec) && s.path != lockLedger {
					t.Errorf("%s:%d: package variable %s is made for changing: put it in a struct that somebody owns", s.path, s.line(spec), spec.Names[0].Name)
				}
			}
		}
		for _, s := range files {
			changed(s, globals, func(n ast.Node, name string) {
				t.Errorf("%s:%d: package variable %s is changed here: put it in a struct that somebody owns", s.path, s.line(n), name)
			})
		}
	}
}

// valueSpecs lists a file's package-level declarations of one kind.
func valueSpecs(f *ast.File, kind token.Token) []*ast.ValueSpec {
	var all []*ast.ValueSpec
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == kind {
			for _, spec := range g.Specs {
				all = append(all, spec.(*ast.ValueSpec))
			}
		}
	}
	return all
}

// mutableType recognises locks, atomics and the like by the package of a variable's type.
func mutableType(spec *ast.ValueSpec) bool {
	sel, ok := spec.Type.(*ast.SelectorExpr)
	if !ok {
		if lit, isLit := oneValue(spec).(*ast.CompositeLit); isLit {
			sel, ok = lit.Type.(*ast.SelectorExpr)
		}
	}
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && (pkg.Name == "sync" || pkg.Name == "atomic")
}

func oneValue(spec *ast.ValueSpec) ast.Expr {
	if len(spec.Values) == 1 {
		return spec.Values[0]
	}
	return nil
}

// changed reports assignments to package variables, to their elements or fields.
func changed(s *source, globals map[string]bool, report func(ast.Node, string)) {
	here := valueSpecs(s.file, token.VAR)
	check := func(n ast.Node, target ast.Expr) {
		id := root(target)
		if id == nil || !globals[id.Name] {
			return
		}
		if id.Obj != nil { // declared in this file: at its top, or a local variable of the same name?
			if spec, ok := id.Obj.Decl.(*ast.ValueSpec); !ok || !slices.Contains(here, spec) {
				return
			}
		}
		report(n, id.Name)
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, target := range n.Lhs {
				if n.Tok != token.DEFINE {
					check(n, target)
				}
			}
		case *ast.IncDecStmt:
			check(n, n.X)
		}
		return true
	})
}

// root finds the variable that an expression such as a.b[i] is part of.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// TestDocs wants a comment on every exported name outside of tests and mains.
func TestDocs(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
					t.Errorf("%s:%d: exported %s has no comment", s.path, s.line(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, name := range undocumented(d) {
					t.Errorf("%s:%d: exported %s has no comment", s.path, s.line(name), name.Name)
				}
			}
		}
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// undocumented lists the exported names of a declaration that neither it nor their line or group has a comment for.
func undocumented(d *ast.GenDecl) (names []*ast.Ident) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if d.Doc == nil && spec.Doc == nil && spec.Comment == nil && spec.Name.IsExported() {
				names = append(names, spec.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if d.Doc == nil && !enumeration(d) && spec.Doc == nil && spec.Comment == nil && name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// enumeration says whether the declaration lists the values of a type, whose own comment speaks for them.
func enumeration(d *ast.GenDecl) bool {
	first, ok := d.Specs[0].(*ast.ValueSpec)
	return ok && d.Tok == token.CONST && d.Lparen.IsValid() && first.Type != nil
}

// TestDirectives: what the table of directives says to work is read somewhere.
func TestDirectives(t *testing.T) {
	read := map[string]bool{ // by an accessor of their own
		"bind": true, "client-output-buffer-limit": true, "redis-version": true, "dir": true, "enable-protected-configs": true,
		"latency-tracking-info-percentiles": true, "shutdown-on-sigint": true, "shutdown-on-sigterm": true,
	}
	for _, s := range sources(t) {
		if s.test() || s.in("internal/config") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				read[strings.Trim(lit.Value, `"`)] = true
			}
			return true
		})
	}
	for _, d := range config.Directives() {
		if d.Status == config.Works && !read[d.Name] {
			t.Errorf("%s is said to work, but nothing reads it", d.Name)
		}
	}
}

// artefacts are the endings of files that tools leave in a work tree and that git does not keep.
var artefacts = []string{".test", ".prof", ".rdb", ".aof"}

// TestText looks for what must not be in any file: paths of one machine, notes to be done later, and bytes that are no text.
func TestText(t *testing.T) {
	machine := regexp.MustCompile(`(^|[^\w.~-])/(work|root|home|tmp)/\w`)
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X:|HACK)\b`)
	for _, p := range repoFiles(t) {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case p == "repo_test.go", slices.Contains(artefacts, filepath.Ext(p)):
			continue
		case bytes.IndexByte(text, 0) >= 0:
			t.Errorf("%s: a file that is no text; what was built belongs into bin", p)
			continue
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if machine.Match(line) {
				t.Errorf("%s:%d: a path of one machine: %s", p, i+1, line)
			}
			if later.Match(line) {
				t.Errorf("%s:%d: do it now or open an issue: %s", p, i+1, line)
			}
		}
	}
}
