// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/testutil"
)

// scriptsPerRun is how many steps a run of TestGeneratedScripts has; most of them are scripts of several calls.
const scriptsPerRun = 60

// TestGeneratedScripts sends random scripts to both servers, with other calls between them, and compares the replies, and at the end of each
// run the keys.
func TestGeneratedScripts(t *testing.T) {
	d := &duel{oracle: testutil.Oracle(t, "--hz", "500"), subject: subject(t)}
	specs := readSyntax(t, d.oracle)
	for seed := range seeds(t) {
		g := newScriptwriter(seed, specs)
		d.proto = g.proto
		calls := [][]string{{"SCRIPT", "FLUSH"}} // Redpoll forgets scripts that EVAL brought when there are 500 of them
		for len(calls) < scriptsPerRun {
			calls = append(calls, g.step()...)
		}
		if diff := d.run(t, calls); diff != "" {
			report(t, d, seed, calls)
		}
	}
}

// helpers is the line that each script begins with. add keeps what a call gave, even if that is nil; text describes any value, with keys in
// an order; bag does so for lists without an order; packed has cjson encode what has one.
const helpers = `local R={} local function add(v) R[#R+1]={v} end ` +
	`local function text(v) if v==0 or v=='-0' then return type(v)..':0' end if type(v)~='table' then return type(v)..':'..tostring(v) end ` +
	`if v.err and v.err:find('Unbalanced') then return 'unbalanced' end ` +
	`local t={} for k,w in pairs(v) do t[#t+1]=text(k)..'='..text(w) end table.sort(t) return '{'..table.concat(t,',')..'}' end ` +
	`local function bag(v) if type(v)~='table' or #v==0 then return text(v) end ` +
	`local t={} for i,w in ipairs(v) do t[i]=text(w) end table.sort(t) return table.concat(t,',') end ` +
	`local function packed(v) if type(v)=='table' and #v==0 then return text(v) end return cjson.encode({v}) end`

// A scriptwriter makes steps of which most are scripts.
type scriptwriter struct {
	*generator
	rnd   *rand.Rand
	known [][]string // calls of scripts that the run has had so far
}

// newScriptwriter gives one whose steps depend on the seed.
func newScriptwriter(seed uint64, specs []*command.Spec) *scriptwriter {
	return &scriptwriter{generator: newGenerator(seed, specs), rnd: rand.New(rand.NewPCG(seed, 3))}
}

// step makes the calls of one step.
func (g *scriptwriter) step() [][]string {
	switch g.rnd.IntN(10) {
	case 0, 1, 2:
		return [][]string{g.plain()}
	case 3:
		calls := [][]string{{"MULTI"}}
		for range 1 + g.rnd.IntN(3) {
			calls = append(calls, g.script(), g.plain())
		}
		return append(calls, []string{"EXEC"})
	}
	return [][]string{g.script()}
}

// script makes a call of a script, mostly of a new one.
func (g *scriptwriter) script() []string {
	if g.rnd.IntN(8) == 0 && len(g.known) > 0 {
		call := slices.Clone(g.known[g.rnd.IntN(len(g.known))])
		call[0] = strings.Replace(call[0], "EVAL", "EVALSHA", 1)
		call[1] = fmt.Sprintf("%x", sha1.Sum([]byte(call[1])))
		return call
	}
	s := &draft{g: g}
	s.write()
	call := slices.Concat([]string{"EVAL", strings.Join(s.lines, "\n"), strconv.Itoa(len(s.keys))}, s.keys, s.args)
	if g.rnd.IntN(12) == 0 {
		call[0] = "EVAL_RO"
	}
	g.known = append(g.known, call)
	return call
}

// A draft is a script that is being written, and the words that it is to be called with.
type draft struct {
	g          *scriptwriter
	lines      []string // each can be left out
	keys, args []string
	resp3      bool
}

func (s *draft) line(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// write makes the lines.
func (s *draft) write() {
	rnd := s.g.rnd
	if rnd.IntN(10) == 0 {
		s.line("%s", []string{"#!lua", "#!lua flags=no-writes", "#!lua flags=allow-oom,allow-stale", "#!lua flags=no-cluster"}[rnd.IntN(4)])
	}
	s.line("%s", helpers)
	if s.resp3 = rnd.IntN(4) == 0; s.resp3 {
		s.line("redis.setresp(3)")
	}
	for range 1 + rnd.IntN(6) {
		s.statement()
	}
	ends := []string{
		"return R", "return R", "return R", "return R", "return R", "return {R,#KEYS,#ARGV}", "return #R", "return redis.status_reply('DONE')",
		"return redis.error_reply('MINE at the end')", "return {err='no code'}", "error('stopped')", "error({err='MINE in a table'})", "return R[1]",
		"return {ok=text(R)}", "return text(R)", "return cmsgpack.pack(text(R))", "return {R,nil,R}", "return R[1] and R[1][1]", "",
	}
	s.line("%s", ends[rnd.IntN(len(ends))])
}

// inOrder are likenesses of replies that are the same but for their order.
var inOrder = []likeness{anyOrder, anyPairs}

// statement adds a call and what is done with its result.
func (s *draft) statement() {
	rnd, words := s.g.rnd, s.g.plain()
	for s.unfit(words) {
		words = s.g.plain()
	}
	call := "redis." + []string{"call", "pcall", "pcall", "pcall"}[rnd.IntN(4)] + s.arguments(words)
	name := strings.ToUpper(words[0])
	as := ruleFor(words)
	var uses []string
	switch {
	case name == "XINFO" || name == "XPENDING" || as != exact && !slices.Contains(inOrder, as):
		uses = []string{"add(type(%s))", "local v=%s add(type(v))"}
	case as != exact:
		uses = []string{"add(bag(%s))", "local v=%s if v then add(bag(v)) end"}
	case strings.HasPrefix(name, "XREAD") || s.resp3 && s.g.proto == 2: // maps of RESP3 have no order here
		uses = []string{"add(text(%s))"}
	default:
		uses = []string{
			"add(%s)", "add(%s)", "add(%s)", "add(text(%s))", "%s", "for i=1,3 do add(%s) end", "add({%s,7,false,R[1]})",
			"add(coroutine.wrap(function() return %s end)())", "do return %s end",
			"local f=function() return %s end local ok,e=pcall(f) add(tostring(ok)) add(text(e))", "if redis.call('exists',KEYS[1] or 's1')==1 then add(%s) end",
		}
		if name[0] != 'Z' && name[0] != 'G' { // scores may have the sign of a zero
			uses = append(uses, "add(packed(%s))", "local v=%s if type(v)=='string' then add(#v) else add(v) end", "local v=%s redis.call('rpush','l1',v)", "local v=%s add(redis.pcall('set',KEYS[1] or 's2',v))",
				"local v=%s redis.pcall('hset','h1','v',type(v)=='table' and #v or tostring(v))")
		}
	}
	s.line(uses[rnd.IntN(len(uses))], call)
}

// refused are commands that no script may call.
var refused = []string{"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "SCRIPT", "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"}

// unfit tells of a call that would wait, or, mostly, of one that is refused.
func (s *draft) unfit(words []string) bool {
	return wouldWait(words) || slices.Contains(refused, strings.ToUpper(words[0])) && s.g.rnd.IntN(20) > 0
}

// arguments writes words down as the arguments of a call: as they are, or computed, or, more often for names of keys, from KEYS and ARGV.
func (s *draft) arguments(words []string) string {
	var list []string
	rnd := s.g.rnd
	frail := slices.Contains(append(checkedOtherwise, "scan"), strings.ToLower(words[0])) // see newer
	for i, w := range words {
		if len(words)-i > 8 || i > 0 && rnd.IntN(30) == 0 { // the rest at once
			list = append(list, fmt.Sprintf("unpack(ARGV,%d,%d)", len(s.args)+1, len(s.args)+len(words)-i))
			s.args = append(s.args, words[i:]...)
			break
		}
		isKey := slices.Contains(pools["keys"], w)
		switch n := rnd.IntN(100); {
		case n < 35 && isKey || n < 5:
			s.keys = append(s.keys, w)
			list = append(list, fmt.Sprintf("KEYS[%d]", len(s.keys)))
		case n < 50 && i > 0:
			s.args = append(s.args, w)
			list = append(list, fmt.Sprintf("ARGV[%d]", len(s.args)))
		case n < 60:
			at := rnd.IntN(len(w) + 1)
			list = append(list, luaText(w[:at])+".."+luaText(w[at:]))
		case n < 75 && plainNumber.MatchString(w):
			list = append(list, w)
		case n == 99 && rnd.IntN(3) == 0 && !frail:
			list = append(list, []string{"nil", "true", "{}", "R", "1/0", "-0", "2^53", "0.1", "KEYS[99]", "1e15"}[rnd.IntN(10)])
		default:
			list = append(list, luaText(w))
		}
	}
	return "(" + strings.Join(list, ",") + ")"
}

// plainNumber matches what means the same as a text and as a number of Lua's.
var plainNumber = regexp.MustCompile(`^-?[1-9][0-9]{0,14}(\.5)?$`)

// luaText writes a text down for Lua, on one line.
func luaText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// shrinkScripts leaves out lines of scripts as long as bad holds.
func shrinkScripts(calls [][]string, bad func([][]string) bool) [][]string {
	for i, call := range calls {
		if !strings.HasPrefix(call[0], "EVAL") {
			continue
		}
		lines := strings.Split(call[1], "\n")
		for at := 0; at < len(lines) && len(lines) > 1; {
			rest := slices.Delete(slices.Clone(lines), at, at+1)
			shorter := slices.Clone(calls)
			shorter[i] = slices.Concat(call[:1], []string{strings.Join(rest, "\n")}, call[2:])
			if bad(shorter) {
				calls, lines = shorter, rest
			} else {
				at++
			}
		}
	}
	return calls
}
