// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/testutil"
)

// generated lists the commands that calls are made of, with their weights. Left out is what stops, blocks or changes the
// server, what only shows its figures, and DBSIZE, which on Redis counts expired keys until they are met.
var generated = map[string]int{
	"append": 4, "decr": 2, "decrby": 3, "get": 4, "getdel": 2, "getex": 4, "getrange": 3, "getset": 3, "incr": 3, "incrby": 3,
	"incrbyfloat": 4, "lcs": 3, "mget": 2, "mset": 4, "msetnx": 2, "psetex": 2, "set": 12, "setex": 2, "setnx": 2, "setrange": 4,
	"strlen": 2, "substr": 1,
	"bitcount": 2, "bitfield": 6, "bitfield_ro": 2, "bitop": 4, "bitpos": 3, "getbit": 2, "setbit": 4,
	"hdel": 5, "hexists": 2, "hget": 3, "hgetall": 3, "hincrby": 4, "hincrbyfloat": 4, "hkeys": 2, "hlen": 2, "hmget": 2,
	"hmset": 3, "hrandfield": 2, "hscan": 3, "hset": 12, "hsetnx": 3, "hstrlen": 2, "hvals": 2,
	"blmove": 1, "blmpop": 1, "blpop": 1, "brpop": 1, "brpoplpush": 1, "lindex": 2, "linsert": 4, "llen": 2, "lmove": 4, "lmpop": 3,
	"lpop": 4, "lpos": 3, "lpush": 8, "lpushx": 3, "lrange": 3, "lrem": 4, "lset": 4, "ltrim": 3, "rpop": 4, "rpoplpush": 3, "rpush": 9,
	"rpushx": 3, "sadd": 16, "scard": 2, "sdiff": 3, "sdiffstore": 3, "sinter": 3, "sintercard": 3, "sinterstore": 3, "sismember": 3,
	"smembers": 3, "smismember": 2, "smove": 4, "spop": 3, "srandmember": 2, "srem": 5, "sscan": 3, "sunion": 3, "sunionstore": 3,
	"bzmpop": 1, "bzpopmax": 1, "bzpopmin": 1, "zadd": 20, "zcard": 1, "zcount": 2, "zdiff": 2, "zdiffstore": 3, "zincrby": 4,
	"zinter": 2, "zintercard": 2, "zinterstore": 3, "zlexcount": 2, "zmpop": 2, "zmscore": 1, "zpopmax": 2, "zpopmin": 2,
	"zrandmember": 1, "zrange": 8, "zrangebylex": 3, "zrangebyscore": 3, "zrangestore": 5, "zrank": 2, "zrem": 3,
	"zremrangebylex": 1, "zremrangebyrank": 1, "zremrangebyscore": 1, "zrevrange": 2, "zrevrangebylex": 2, "zrevrangebyscore": 2,
	"zrevrank": 2, "zscan": 2, "zscore": 2, "zunion": 3, "zunionstore": 4,
	"pfadd": 12, "pfcount": 6, "pfdebug": 4, "pfmerge": 6,
	"geoadd": 6, "geodist": 1, "geohash": 1, "geopos": 1, "georadius": 3, "georadius_ro": 1, "georadiusbymember": 3, "georadiusbymember_ro": 1,
	"geosearch": 6, "geosearchstore": 3,
	"xadd": 30, "xdel": 4, "xlen": 2, "xrange": 4, "xrevrange": 3, "xsetid": 1, "xtrim": 5,
	"xack": 6, "xautoclaim": 5, "xclaim": 6, "xgroup": 4, "xinfo": 2, "xpending": 4, "xread": 4, "xreadgroup": 24,
	"copy": 5, "del": 3, "dump": 4, "restore": 6, "exists": 2, "expire": 4, "expireat": 3, "expiretime": 1, "keys": 2, "move": 2, "object": 3,
	"persist": 3, "pexpire": 3, "pexpireat": 3, "pexpiretime": 1, "pttl": 2, "randomkey": 1, "rename": 4, "renamenx": 3,
	"scan": 2, "sort": 12, "sort_ro": 3, "touch": 1, "ttl": 2, "type": 2, "unlink": 2,
	"multi": 2, "exec": 3, "discard": 1, "watch": 1, "unwatch": 1,
	"select": 2, "echo": 1, "ping": 1, "flushdb": 1, "publish": 1, "spublish": 1, "pubsub": 1,
	"eval": 6, "evalsha": 3, "eval_ro": 1, "evalsha_ro": 1, "script": 1,
	"fcall": 4, "fcall_ro": 2, "function": 2,
}

// leftOut are subcommands of these: one is newer than the oracle, the other begins a debugger there.
var leftOut = []string{"script|show", "script|debug"}

// oracleVersion is the release whose options the generated calls have; what is newer is left out of Redpoll's syntax.
const oracleVersion = "7.0.15"

// readSyntax asks a server for the syntax of the generated commands, each as often as its weight.
func readSyntax(t *testing.T, target *testutil.Target) []*command.Spec {
	t.Helper()
	c := target.Dial(t)
	c.Must(t, "HELLO", "3")
	query := []string{"COMMAND", "DOCS"}
	for name := range generated {
		query = append(query, name)
	}
	var records []command.Spec
	docs := c.Must(t, query...)
	for i := 0; i+1 < len(docs.Elems); i += 2 {
		records = append(records, record(docs.Elems[i].Str, docs.Elems[i+1]))
	}
	r, err := command.NewRegistry(command.Family{Name: "generic", Commands: records})
	if err != nil || len(records) < len(generated) {
		t.Fatalf("COMMAND DOCS of %s describes %d commands of %d: %v", target.Name, len(records), len(generated), err)
	}
	var all []*command.Spec
	for _, s := range r.Commands() { // sorted by name, so that a seed means the same everywhere
		forms := slices.SortedFunc(slices.Values(s.Children()), func(a, b *command.Spec) int { return strings.Compare(a.Name, b.Name) })
		if len(forms) == 0 {
			forms = []*command.Spec{s}
		}
		for range generated[s.FullName()] {
			all = append(all, forms...)
		}
	}
	return all
}

// record makes as much of a command's record as a generator of calls looks at.
func record(name string, docs testutil.Value) command.Spec {
	_, sub, found := strings.Cut(name, "|")
	if !found {
		sub = name
	}
	s := command.Spec{Name: strings.ToUpper(sub), Since: "1.0.0", Summary: "Generated.", Complexity: "O(1)"}
	if group, ok := field(docs, "group"); ok {
		s.Group = group.Str
	}
	if args, ok := field(docs, "arguments"); ok {
		s.Syntax = command.FormatSyntax(commandtest.Known(commandtest.ArgumentsOf(args), oracleVersion))
		s.Keys = slices.Repeat([]command.KeySpec{command.KeysUnknown(command.RO)}, 4) // as many as any of them refers to
	}
	subs, _ := field(docs, "subcommands")
	for i := 0; i+1 < len(subs.Elems); i += 2 {
		if name := subs.Elems[i].Str; !strings.HasSuffix(name, "|help") && !slices.Contains(leftOut, name) {
			s.Subcommands = append(s.Subcommands, record(name, subs.Elems[i+1]))
		}
	}
	if s.Subcommands == nil {
		s.Run = func(*command.Ctx) error { return nil }
	}
	return s
}

// field looks a name up in a map.
func field(m testutil.Value, name string) (testutil.Value, bool) {
	for i := 0; i+1 < len(m.Elems); i += 2 {
		if m.Elems[i].Str == name {
			return m.Elems[i+1], true
		}
	}
	return testutil.Value{}, false
}

// A generator makes calls whose words suit each other, so that they meet the same few keys and fields.
type generator struct {
	rnd   *rand.Rand
	calls *gen.Generator
	specs []*command.Spec
	used  map[int]bool
	proto int
	focus string // the pool of the keys that most calls are about; "" for all
}

func newGenerator(seed uint64, specs []*command.Spec) *generator {
	g := &generator{rnd: rand.New(rand.NewPCG(seed, seed)), calls: gen.New(seed), specs: specs, used: map[int]bool{}, proto: 2 + int(seed)%2}
	g.focus = []string{"", "strings", "hashes", "lists", "sets", "sorted sets", "sorted sets", "hyperloglogs", "streams"}[g.rnd.IntN(9)]
	g.calls.Make = g.word
	return g
}

// checkedOtherwise are commands that look at their arguments in the oracle only after they have found their key, and before that
// in newer versions and in Redpoll (BITCOUNT), or that take more of them there (ZRANK).
var checkedOtherwise = []string{"bitcount", "bitpos", "zrank", "zrevrank"}

// call makes one call, now and then by a script.
func (g *generator) call() []string {
	call := g.plain()
	if g.rnd.IntN(12) == 0 {
		call = g.inScript(call)
	}
	return call
}

// plain makes one call: five of six are valid, the others nearly so. Some add very many elements at once.
func (g *generator) plain() []string {
	s := g.specs[g.rnd.IntN(len(g.specs))]
	for pool := g.typePool(s); g.focus != "" && pool != "keys" && pool != g.focus; pool = g.typePool(s) {
		s = g.specs[g.rnd.IntN(len(g.specs))]
	}
	valid := g.rnd.IntN(6) > 0 || slices.Contains(checkedOtherwise, s.FullName())
	for {
		call := g.calls.Valid(s)
		if !valid {
			call = g.calls.Nearly(s)
		}
		if !dangerous(call) && !newer(call) && !unstable(call) {
			return g.sameScores(s, g.many(s, call))
		}
	}
}

// callers are scripts that make the call that they are given; the second half is for clients of RESP3, which can tell maps from arrays.
var callers = []string{
	callOf("redis.call"), callOf("redis.pcall"), "redis.setresp(3) " + callOf("redis.call"), "redis.setresp(3) " + callOf("redis.pcall"),
}

// callOf makes a script that has a function of it make the call that its keys and arguments are.
func callOf(function string) string {
	return "local call={} for _,list in ipairs({KEYS,ARGV}) do for _,word in ipairs(list) do call[#call+1]=word end end return " + function + "(unpack(call))"
}

// inScript has a call be made by a script, some of whose words it gets as keys; but none that may wait, which the oracle refuses there.
func (g *generator) inScript(call []string) []string {
	name := strings.ToUpper(call[0])
	if strings.HasPrefix(name, "B") && !strings.HasPrefix(name, "BIT") ||
		slices.ContainsFunc(call, func(w string) bool { return strings.EqualFold(w, "BLOCK") }) {
		return call
	}
	return slices.Concat([]string{"EVAL", callers[g.rnd.IntN(len(callers)*(1+g.proto-2)/2)], strconv.Itoa(g.rnd.IntN(len(call) + 1))}, call)
}

// wouldWait tells of a call that waits, unless a script makes it, from which the oracle refuses it.
func wouldWait(call []string) bool {
	return slices.Contains([]string{"BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"}, strings.ToUpper(call[0])) ||
		slices.ContainsFunc(call, func(w string) bool { return strings.EqualFold(w, "BLOCK") })
}

// outOfScript gives the call that inScript has put into a script, any other one as it is.
func outOfScript(call []string) []string {
	if len(call) > 3 && call[0] == "EVAL" && slices.Contains(callers, call[1]) {
		return call[3:]
	}
	return call
}

// many makes some calls that add an element add hundreds.
func (g *generator) many(s *command.Spec, call []string) []string {
	name := s.FullName()
	if !slices.Contains([]string{"rpush", "lpush", "sadd", "zadd", "pfadd"}, name) || len(call) < 2 || g.rnd.IntN(12) > 0 {
		return call
	}
	call = call[:2]
	most := 400
	if name == "pfadd" { // enough for one that is not sparse any more
		most = 4000
	}
	for range g.rnd.IntN(most) {
		if name == "zadd" {
			call = append(call, strconv.Itoa(g.rnd.IntN(50)))
		}
		call = append(call, "m"+strconv.Itoa(g.rnd.IntN(most*5/2)))
	}
	return call
}

// sameScores keeps two sorted sets, which no other calls name, in which all scores are the same: only there ranges of texts have a
// meaning. They get some of the calls of ZADD and all with ranges of texts.
func (g *generator) sameScores(s *command.Spec, call []string) []string {
	same := s.FullName() == "zadd" && len(call) > 3 && g.rnd.IntN(4) == 0
	if same {
		call = append([]string{"ZADD", call[1], "0"}, call[len(call)-1:]...)
		for range g.rnd.IntN(20) {
			call = append(call, "0", testutil.ExpandRuns(pools["member"][g.rnd.IntN(len(pools["member"]))]))
		}
	}
	if !same && !strings.Contains(strings.ToUpper(strings.Join(call, " ")), "LEX") {
		return call
	}
	for i, w := range call[1:] {
		if slices.Contains(pools["keys"], w) && w != "" && (i == 0 || s.FullName() == "zrangestore") {
			call[i+1] = "y" + w[len(w)-1:]
		}
	}
	return call
}

// waits tells of a call that may wait, unless its time-out is one that the generator gives.
func waits(call []string) bool {
	switch strings.ToUpper(call[0]) {
	case "BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX":
		return !slices.Contains(pools["timeout"], call[len(call)-1])
	case "WAIT", "WAITAOF":
		return !slices.Contains(pools["wait"], call[len(call)-1])
	case "BLMPOP", "BZMPOP":
		return len(call) > 1 && !slices.Contains(pools["timeout"], call[1])
	case "XREAD", "XREADGROUP":
		for i, w := range call[:len(call)-1] {
			if strings.EqualFold(w, "BLOCK") && !slices.Contains(pools["wait"], call[i+1]) {
				return true
			}
		}
	}
	return false
}

// stamps tells of an XADD that may name its entry after the time.
func stamps(call []string) bool {
	return strings.EqualFold(call[0], "XADD") && slices.Contains(call[1:], "*")
}

// draws tells of a SPOP that may leave some members and take others, by chance.
func draws(call []string) bool {
	return strings.EqualFold(call[0], "SPOP") && (len(call) == 2 || len(call) == 3 && !slices.Contains([]string{"0", "1000", "-1"}, call[2]))
}

// unstable tells of a SORT that stores texts' owners in an order which, for equal texts, is that of a hash table or an unstable sort, and of
// a search for the nearest places, of which several may be equally near.
func unstable(call []string) bool {
	has := func(option string) bool {
		return slices.ContainsFunc(call, func(arg string) bool { return strings.EqualFold(arg, option) })
	}
	return strings.EqualFold(call[0], "SORT") && has("BY") && has("ALPHA") && has("STORE") ||
		strings.HasPrefix(strings.ToUpper(call[0]), "GEO") && has("COUNT") && !has("ANY")
}

// dangerous calls are those whose damage makes what two servers cannot agree on: a key that lives between a moment and a
// minute, a call that waits without an end, members that are left by chance, entries called after the time, numbers that no double can be.
func dangerous(call []string) bool {
	if waits(call) || draws(call) || stamps(call) {
		return true
	}
	if n, err := strconv.ParseInt(append(call, "", "", "")[2], 10, 64); strings.EqualFold(call[0], "RESTORE") && err == nil && n > 0 && n < 100000 {
		return true
	}
	scan := strings.HasSuffix(strings.ToUpper(call[0]), "SCAN")
	for i, w := range call {
		if len(w) == 400 || w == "1e-400" || scan && w == "18446744073709551616" { // after one of these the oracle's SORT takes all for too large
			return true
		}
		n, err := strconv.ParseInt(w, 10, 64)
		takesTime := i > 0 && slices.Contains([]string{"EX", "PX"}, strings.ToUpper(call[i-1])) ||
			slices.Contains([]string{"SETEX", "PSETEX", "EXPIRE", "PEXPIRE"}, strings.ToUpper(call[0]))
		if err == nil && takesTime && n > 0 && n < 100000 {
			return true
		}
	}
	return false
}

// newer tells of a call to which newer versions and Redpoll reply otherwise: a SCAN for a type that there is not, AGGREGATE COUNT, the
// one number that has no counterpart of the other sign, and XSETID with an ID that may be less than one which was deleted.
func newer(call []string) bool {
	name := strings.ToUpper(call[0])
	if name == "XSETID" && (len(call) < 3 || !slices.Contains(pools["last entry"], call[2])) {
		return true
	}
	if (name == "XREAD" || name == "XREADGROUP") && slices.Contains(call, "+") {
		return true
	}
	if (name == "LREM" || name == "LPOS") && slices.Contains(call[1:], "-9223372036854775808") {
		return true
	}
	for i, w := range call {
		switch {
		case i == 0:
		case name == "SCAN" && strings.EqualFold(call[i-1], "TYPE") && !slices.Contains(pools["type"], w):
			return true
		case strings.EqualFold(call[i-1], "AGGREGATE") && strings.EqualFold(w, "COUNT"):
			return true
		}
	}
	return false
}

// The times are so far off that no key expires while a run is compared; 33177117420 is in the year 3021. No number makes a string
// of half a gigabyte, or a reply of as many elements.
var pools = map[string][]string{
	"keys": {
		"s1", "s2", "s3", "n1", "n2", "h1", "h2", "h3", "h4", "l1", "l2", "l3", "m1", "m2", "m3", "i1", "z1", "z2", "z3", "",
		"p1", "p2", "p3", "x1", "x2", "x3",
	},
	"strings":      {"s1", "s2", "s3", "n1", "n2"},
	"hashes":       {"h1", "h2", "h3", "h4"},
	"lists":        {"l1", "l2", "l3"},
	"sets":         {"m1", "m2", "m3", "i1"},
	"sorted sets":  {"z1", "z2", "z3"},
	"hyperloglogs": {"p1", "p2", "p3"},
	"streams":      {"x1", "x2", "x3"},
	"field":        {"f1", "f2", "f3", "f4", "7", "", "\x00\xff", "{f*64}", "{f*65}"},
	"value": {
		"", "v", "abc", "0", "100000", "-100000", "3.5", "1e3", "-0", "9223372036854775807", "-9223372036854775808", "\r\n\x00\xfe",
		"{x*44}", "{x*45}", "{x*64}", "{x*65}", "{x*300}", "ohmytext", "mynewtext",
	},
	"member": {
		"a", "b", "c", "d", "1", "2", "3", "-1", "", "01", "1.5", "\x00\xff", "300", "70000", "9223372036854775807", "{m*64}", "{m*65}", "m1", "m7",
	},
	"integers":   {"1", "2", "3", "-1", "300", "-70000", "5000000000", "9223372036854775807"},
	"score":      {"0", "1", "2", "3", "-1", "1.5", "-0", "inf", "-inf", "0.1", "1e3", "3.141592653589793238", "1e300", "12345678901234"},
	"weight":     {"1", "2", "-1", "0.5", "0", "inf"},
	"longitude":  {"0", "0", "1", "1.5", "-1", "90", "179.9", "180", "-180", "-179.9", "181", "nan"},
	"latitude":   {"0", "0", "1", "1.5", "-1", "45", "85", "85.05112878", "-85", "85.06"},
	"length":     {"0", "1", "100", "200", "500", "1000", "10000", "30000000", "1e300", "inf", "-1", "x"},
	"bound":      {"-inf", "+inf", "0", "1", "(1", "(2", "3", "(-1", "(-inf", "(0.1", "1e3", "(", "[1", "nan", "", " 2", "0x10"},
	"text":       {"-", "+", "[a", "(a", "[c", "(m", "[", "(", "[m1", "[abc", "(zz", "+x", "a", "", "[\xff"},
	"rank":       {"1", "2", "-1", "-2", "0", "100"},
	"timeout":    {"0.001", "1e-3", "0.0005", "-1", "abc"},
	"integer":    {"0", "1", "-1", "100000", "9223372036854775807", "-9223372036854775808", "-100000"},
	"double":     {"0", "1", "-1.5", "0.1", "1e3", "3.141592653589793238", "1e-7", "123456789.25", "-0.3"},
	"unix-time":  {"33177117420", "33177117420000", "33177117420500", "1", "0"},
	"offset":     {"0", "1", "5", "-1", "3", "-3", "100"},
	"count":      {"0", "1", "2", "-1", "5", "-5", "1000"},
	"db":         {"0", "1", "2", "0", "1", "2", "16", "-1"},
	"cursor":     {"0", "0", "0", "18446744073709551615"},
	"weights":    {"nosort", "s*", "*", "n*", "h*->f1", "h*->*", "x*y", "s*->f1", "s1"},
	"values":     {"#", "#", "s*", "n*", "*", "h*->f1", "h*->7", "none", "l*", "s*->"},
	"pattern":    {"*", "f*", "?1", "[sh]*", "[^s]?", "f1", "\\*", "["},
	"type":       {"string", "hash", "list", "set", "zset", "STRING"},
	"bit":        {"0", "1", "0", "1", "2"},
	"encoding":   {"u8", "i8", "u4", "i5", "u1", "i16", "i64", "u63", "u64", "i0", "8"},
	"place":      {"0", "1", "5", "9", "#0", "#1", "#7", "100", "-1", "1000"},
	"subcommand": {"getreg", "decode", "ENCODING", "todense", "none"},
	"operation":  {"AND", "or", "XOR", "NOT", "NAND"},
	"new entry": {
		"1-1", "1-*", "2", "2-*", "3-5", "3-*", "4-*", "5-*", "5-*", "6-1", "7-*", "8-*", "9-*", "10-*", "12-3", "20-*", "40-*",
		"61-*", "0-0", "0-*", "007-01", "+8-+1", "1--1", "x", "-", "+",
	},
	"entry": {
		"1-1", "1", "2-0", "2-1", "3-5", "3-6", "4", "5-0", "5-1", "6-1", "7-0", "8-0", "9", "10-0", "12-3", "20", "40-1", "61-0", "0", "0-0",
		"3-18446744073709551615", "18446744073709551615-18446744073709551615", "04-00", "5-", "-5", "x", "",
	},
	"entry bound": {
		"-", "+", "-", "+", "1", "(1-1", "2", "3-5", "(3-5", "(4", "5", "(5-1", "7-0", "9", "(12-3", "40", "(61", "0", "(0-0", "(+", "(-", "(", "((1",
		"(18446744073709551615-18446744073709551615", "x", "1-", "$",
	},
	"read from":  {">", ">", ">", ">", ">", ">", "0", "0-0", "1-1", "3", "5-1", "9", "$", "-", "x", "18446744073709551615-18446744073709551615"},
	"read after": {"0", "0", "0-0", "1-1", "3", "5-1", "9", "$", ">", "-", "x", "18446744073709551615-18446744073709551615"},
	"group":      {"g1", "g1", "g1", "g2", "g2", "\x00\xff", ""},
	"consumer":   {"c1", "c1", "c2", "c2", "c3", "", "\x00\xff"},
	"idle":       {"0", "0", "0", "0", "1000000000", "-1", "x", "1000000000000"},
	"was idle":   {"0", "500000000", "2000000000", "1500000000000", "-1", "x", "9223372036854775807"},
	"wait":       {"1", "1", "-1", "x"},
	"last entry": {"90-0", "90-3", "95", "99-18446744073709551615"}, // more than any entry's that was deleted: 7.0 takes less
	"script": {
		"return redis.call('set',KEYS[1],ARGV[1])", "return redis.call('get',KEYS[1])", "return {KEYS,ARGV}", "return #KEYS..':'..#ARGV",
		"local t={} for i=1,3 do t[i]=redis.call('incr',KEYS[1] or 'n1') end return t", "return redis.pcall('lpush',KEYS[1] or 'l1',unpack(ARGV))",
		"redis.call('sadd',KEYS[1] or 'm1',ARGV[1] or 'a') error('stop')", "return redis.call('hset',KEYS[1] or 'h1','f1',ARGV[1] or 1.5)",
		"redis.call('select',1) return redis.call('set',KEYS[1] or 's1',ARGV[1] or 'x')", "redis.setresp(3) return redis.call('hget',KEYS[1] or 'h1','f1')",
		"#!lua flags=no-writes\nreturn redis.call('get',KEYS[1] or 's1')", "#!lua flags=no-writes\nreturn redis.call('del',KEYS[1] or 's1')",
		"#!lua\nreturn redis.pcall('append',KEYS[1] or 's1','x')", "#!lua flags=none\nreturn 1", "return nosuch", "x y", "",
		"return {1.5,true,false,'x',{ok='y'},{err='E z'},nil,2}", "redis.setresp(3) return {1.5,true,false,{double=0.1},{map={a=1}},{set={b=2}}}",
		"redis.call('rename',KEYS[1],KEYS[2] or 's3') return redis.call('type',KEYS[2] or 's3')", "return cjson.encode(ARGV)", "return cmsgpack.pack(ARGV)",
		"for i=1,50 do redis.call('rpush',KEYS[1] or 'l2',i) end return redis.call('llen',KEYS[1] or 'l2')", "return redis.sha1hex(ARGV[1])",
		"local ok,e=pcall(redis.call,'incr',KEYS[1] or 's1') return {tostring(ok),e}", "return redis.call('dbsize')>=0", "return redis.status_reply(ARGV[1])",
		"return redis.error_reply(ARGV[1])", "local v=redis.call('mget','s1','s2','s3','n1') return {#v,v}", "return ARGV[1] and ARGV[1]+1",
	},
	"function-code": {
		"#!lua name=a\nredis.register_function('f1', function(keys, args) return redis.call('set', keys[1] or 's1', args[1] or 'x') end)",
		"#!lua name=a\nlocal n = 0 redis.register_function('f1', function() n = n + 1 return n end)",
		"#!lua name=b\nredis.register_function{function_name='f2', callback=function(keys) return redis.call('get', keys[1] or 's1') end, flags={'no-writes'}}",
		"#!lua name=b\nredis.register_function{function_name='F2', callback=function(keys) return redis.call('del', keys[1] or 's1') end, flags={'no-writes'}}",
		"#!lua name=c\nredis.register_function{function_name='f1', callback=function(keys, args) return {keys, args} end, flags={'no-writes'}, description='d'}",
		"#!lua name=C\nredis.register_function('f3', function(keys, args) redis.call('rpush', keys[1] or 'l1', 'a') return redis.call('incr', keys[1] or 'l1') end)",
		"#!lua name=d\nredis.register_function('f4', function(keys, args) redis.call('sadd', keys[1] or 'm1', unpack(args)) error('stop') end)",
		"#!lua name=d\nredis.register_function('f4', redis.nosuch)", "#!lua name=e\nx = 1", "#!lua name=a\n", "#!lua name=a\nx y", "#!lua\n", "x", "",
		"#!lua name=a b\n", "#!js name=a\n", "#!lua name=a-b\n",
	},
	"function":             {"f1", "f1", "f2", "F2", "f3", "f4", "f5", "", "nosuch"},
	"library-name":         {"a", "b", "c", "C", "d", "nosuch", ""},
	"library-name-pattern": {"*", "a", "C", "[ab]", "?", "nosuch", ""},
	"sha1": {
		"{a*40}", "c686f316aaf1eb01d5a4de1b0b63cd233010e63d", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "fd758d1589d044dd850a6f05d52f2eefd27f033f",
		"667538FC7BC1737BE485FE688C8F39E7DDC79782", "",
	},
	"trim to": {"0", "1", "2", "3", "5", "10", "2-1", "3-5", "5", "9-0", "40", "-1", "x", "(3"},
}

// bodies are what payloads of DUMP have in front of their footers, of several kinds and versions.
var bodies = []string{
	"\x00\x01v", "\x00\xc0*", "\x00\xc2p\x11\x01\x00", "\x00\x0a2147483648", "\x00\xc3\t@d\x01aa\xe0W\x00\x01aa",
	"\x01\x03\x01a\x01b\xc0\x05", "\x12\x01\x02\x10\x10\x00\x00\x00\x03\x00\x81a\x02\x81b\x02\x81c\x02\xff",
	"\x02\x02\x01a\x01b", "\x0b\x18\x04\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00p\x11\x01\x00",
	"\x03\x02\x01a\x031.5\x01b\xfe", "\x05\x02\x01b\x00\x00\x00\x00\x00\x00\x04@\x01c\x00\x00\x00\x00\x00\x00\xf0\xff",
	"\x11\x1d\x1d\x00\x00\x00\x06\x00\x81c\x02\x84-inf\x05\x81a\x02\x01\x01\x81b\x02\x832.5\x04\xff",
	"\x04\x02\x02f1\x01v\x017\xc0\x07", "\x10\x12\x12\x00\x00\x00\x04\x00\x81f\x02\x81v\x02\x81g\x02\x0c\x01\xff",
	"\x02\x00", "\x04\x02\x01f\x01v", "\x63\x01v", "",
}

// payload makes a payload of DUMP, now and then a damaged one.
func (g *generator) payload() string {
	b := rdb.AppendFooter([]byte(bodies[g.rnd.IntN(len(bodies))]), 0, []int{6, 9, 10, 10, 9999}[g.rnd.IntN(5)])
	if g.rnd.IntN(16) == 0 {
		b[g.rnd.IntN(len(b))]++
	}
	return string(b)
}

// libraryPayload makes a payload of FUNCTION DUMP with one library or none, now and then a damaged one.
func (g *generator) libraryPayload() string {
	var codec rdb.Codec
	codec.Version.Store(10)
	codec.Pack.Store(g.rnd.IntN(2) == 0)
	codes := pools["function-code"]
	b := codec.AppendLibraries(nil, codes[:g.rnd.IntN(2)])
	if g.rnd.IntN(3) > 0 {
		at := g.rnd.IntN(len(codes))
		b = codec.AppendLibraries(nil, codes[at:at+1])
	}
	if g.rnd.IntN(16) == 0 {
		b[g.rnd.IntN(len(b))]++
	}
	return string(b)
}

// word makes a plain argument from its type and name.
func (g *generator) word(s *command.Spec, a *command.Argument) (string, bool) {
	switch a.Name {
	case "seconds", "milliseconds", "ttl":
		if a.Token != "BLOCK" {
			return g.duration(a.Name), true
		}
	case "serialized-value":
		if s.IsSubcommand() {
			return g.libraryPayload(), true
		}
		return g.payload(), true
	}
	words := pools[g.pool(s, a)]
	return testutil.ExpandRuns(words[g.rnd.IntN(len(words))]), true
}

// pool chooses where a word comes from.
func (g *generator) pool(s *command.Spec, a *command.Argument) string {
	name := s.FullName()
	if a.Name == "timeout" && strings.HasPrefix(name, "wait") {
		return "wait"
	}
	switch a.Name { // for these the type says less
	case "script", "sha1", "function", "function-code", "library-name", "library-name-pattern":
		return a.Name
	case "encoding", "bit", "operation", "score", "weight", "rank", "timeout", "cursor", "type", "count", "subcommand":
		return a.Name
	case "longitude", "latitude":
		return a.Name
	case "radius", "width", "height":
		return "length"
	case "element", "pivot", "member", "member1", "member2":
		if name[0] == 's' && g.rnd.IntN(3) == 0 {
			return "integers"
		}
		return "member"
	case "len", "num-matches", "limit":
		return "count"
	}
	if g.typePool(s) == "sorted sets" && slices.Contains([]string{"min", "max", "start", "stop"}, a.Name) {
		return g.boundPool(name)
	}
	switch a.Type {
	case command.TypeKey:
		return g.keyPool(s)
	case command.TypeUnixTime:
		return "unix-time"
	case command.TypeDouble:
		return "double"
	case command.TypePattern:
		switch {
		case !strings.HasPrefix(s.FullName(), "sort"):
			return "pattern"
		case a.Token == "BY":
			return "weights"
		}
		return "values"
	}
	if g.typePool(s) == "streams" {
		if pool := streamPool(name, a); pool != "" {
			return pool
		}
	}
	switch {
	case a.Name == "value" && name == "setbit":
		return "bit"
	case a.Name == "offset" && strings.Contains(name, "bit"):
		return "place"
	case slices.Contains([]string{"offset", "start", "stop", "end"}, a.Name), a.Name == "index" && name != "select":
		return "offset"
	case strings.HasSuffix(a.Name, "db"), a.Name == "index":
		return "db"
	case strings.Contains(a.Name, "field"):
		return "field"
	case a.Name == "increment" && name == "zincrby":
		return "score"
	case a.Name == "increment" && name != "incrby" && name != "hincrby":
		return "double"
	case a.Type == command.TypeInteger, g.rnd.IntN(2) == 0:
		return "integer"
	}
	return "value"
}

// streamPool chooses what the arguments of a command on streams are of; "" leaves it to others.
func streamPool(command string, a *command.Argument) string {
	switch strings.ToLower(a.Name) {
	case "id":
		switch command {
		case "xadd":
			return "new entry"
		case "xread":
			return "read after"
		case "xreadgroup":
			return "read from"
		}
		return "entry"
	case "group", "groupname":
		return "group"
	case "consumer", "consumername":
		return "consumer"
	case "min-idle-time":
		return "idle"
	case "ms":
		return "was idle"
	case "milliseconds":
		return "wait"
	case "entries_read", "entriesread":
		return "count"
	case "start", "end":
		return "entry bound"
	case "last-id":
		return "last entry"
	case "max_deleted_entry_id":
		return "entry"
	case "threshold":
		return "trim to"
	case "entries_added":
		return "count"
	}
	return ""
}

// boundPool chooses what the bounds of a range in a sorted set are of.
func (g *generator) boundPool(name string) string {
	switch {
	case strings.Contains(name, "lex"):
		return "text"
	case strings.Contains(name, "score"), name == "zcount":
		return "bound"
	case name != "zrange" && name != "zrangestore":
		return "offset"
	}
	return []string{"text", "bound", "offset", "offset"}[g.rnd.IntN(4)]
}

// duration is mostly a time to live that no other call of the run comes near, which is to say within minutes: were two the same, it would
// depend on the time between the calls whether EXPIRE's GT and LT hold.
func (g *generator) duration(unit string) string {
	n := g.rnd.IntN(100000)
	switch {
	case n < 10000:
		return "0"
	case n < 20000:
		return "-1"
	}
	for g.used[n] {
		n++
	}
	g.used[n] = true
	if unit == "seconds" {
		return strconv.Itoa(n * 10_000)
	}
	return strconv.Itoa(n*1_000_000 + 500_000)
}

// typePool is the pool of the keys that have the command's own type; "keys" for a command of all types.
func (g *generator) typePool(s *command.Spec) string {
	switch s.Group {
	case "string", "bitmap":
		return "strings"
	case "hash":
		return "hashes"
	case "list":
		return "lists"
	case "set":
		return "sets"
	case "sorted-set", "geo":
		return "sorted sets"
	case "hyperloglog":
		return "hyperloglogs"
	case "stream":
		return "streams"
	}
	return "keys"
}

// keyPool prefers keys of the command's own type, and for commands of all types those that the run is about. Sorted sets are made of sets
// as well.
func (g *generator) keyPool(s *command.Spec) string {
	pool := g.typePool(s)
	switch {
	case g.rnd.IntN(8) == 0:
		return "keys"
	case pool == "keys" && g.focus != "" && g.rnd.IntN(4) > 0:
		return g.focus
	case pool == "sorted sets" && g.rnd.IntN(8) == 0:
		return "sets"
	}
	return pool
}
