// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/testutil"
)

// How two replies that may differ are compared.
type likeness int

const (
	exact         likeness = iota
	sameShape              // the same types and numbers of elements
	sameKind               // the same type
	anyOrder               // the same elements
	anyPairs               // the same pairs, flat or as a map
	nearby                 // milliseconds that are not far apart
	nearbySeconds          // seconds that are not far apart
	cursor                 // one step of a scan
	encoding               // the same encoding, or what newer versions have for it
	sameLength             // arrays of as many elements
	payload                // of DUMP: the same where elements have an order and forms are those of the oracle
	sorted                 // one of those before, by the options
)

// apart is by how much more time may pass on one server than on the other. No two times to live of generated calls are so close to each other.
const apart = time.Minute

// rules lists all replies that may differ from Redis's byte for byte, and why. Everything else must be the same.
var rules = []struct {
	command string // with its subcommand; "" ends the list
	as      likeness
	reason  string
}{
	{"HGETALL", anyPairs, "a hash table has no order"},
	{"HKEYS", anyOrder, "a hash table has no order"},
	{"HVALS", anyOrder, "a hash table has no order"},
	{"KEYS", anyOrder, "the keyspace has no order"},
	{"SORT", sorted, "a hash table has no order, and BY nosort shows that; nor have texts of which zero bytes hide the ends"},
	{"SORT_RO", sorted, "as SORT"},
	{"SMEMBERS", anyOrder, "a set has no order"},
	{"SINTER", anyOrder, "a set has no order"},
	{"SUNION", anyOrder, "a set has no order"},
	{"SDIFF", anyOrder, "a set has no order"},
	{"SPOP", sameKind, "random; one of all members is checked by the stories"},
	{"SRANDMEMBER", sameKind, "random"},
	{"ZRANDMEMBER", sameKind, "random"},
	{"SSCAN", cursor, "cursors are the server's own"},
	{"ZSCAN", cursor, "cursors are the server's own"},
	{"OBJECT ENCODING", encoding, "small lists and sets are packed since Redis 7.2; SORT leaves sorted sets as they are"},
	{"HRANDFIELD", sameKind, "random; a positive count past the size is checked by the stories"},
	{"RANDOMKEY", sameKind, "random"},
	{"SCAN", cursor, "cursors are the server's own"},
	{"HSCAN", cursor, "cursors are the server's own"},
	{"XINFO CONSUMERS", sameKind, "a consumer that was given nothing is there since Redis 7.2"},
	{"XGROUP CREATECONSUMER", sameKind, "a consumer that was given nothing is there since Redis 7.2"},
	{"DUMP", payload, "hash tables have no order, sets are packed since Redis 7.2, and streams know when entries were delivered"},
	{"TTL", nearbySeconds, "the servers get the command at different times"},
	{"PTTL", nearby, "the servers get the command at different times"},
	{"EXPIRETIME", nearbySeconds, "the servers get EXPIRE at different times"},
	{"PEXPIRETIME", nearby, "the servers get EXPIRE at different times"},
	{"OBJECT IDLETIME", nearbySeconds, "the servers get the command at different times"},
	{"OBJECT FREQ", sameKind, "the counter is random"},
	{"OBJECT REFCOUNT", sameKind, "Redpoll shares no objects"},
	{"MEMORY USAGE", sameKind, "the memory layout is the server's own"},
	{"DEBUG OBJECT", sameKind, "addresses"},
	{"CONFIG GET", anyPairs, "Redis lists directives in the order of a hash table"},
	{"COMMAND", sameKind, "the servers know different commands"},
	{"COMMAND COUNT", sameKind, "the servers know different commands"},
	{"COMMAND LIST", sameKind, "the servers know different commands"},
	{"COMMAND INFO", sameKind, "flags are sets without an order; internal/command compares them"},
	{"COMMAND DOCS", sameKind, "texts are the server's own; internal/command compares the facts"},
	{"INFO", sameKind, "figures of the server"},
	{"HELLO", sameShape, "version and id"},
	{"CLIENT ID", sameKind, "ids"},
	{"CLIENT LIST", sameKind, "ids, addresses and times"},
	{"CLIENT INFO", sameKind, "ids, addresses and times"},
	{"FUNCTION LIST", anyOrder, "libraries have no order in Redis"},
	{"FUNCTION DUMP", sameKind, "libraries have no order in Redis"},
	{"FUNCTION HELP", sameKind, "texts are our own"},
	{"TIME", sameShape, "the servers get the command at different times"},
	{"LASTSAVE", sameKind, "the servers started at different times"},
}

// unsigned gives a reply without the sign of -0. A sorted set that is a listpack does not keep it; one that was sorted is a skiplist in
// the oracle, which does.
func unsigned(v testutil.Value) testutil.Value {
	if v.Str == "-0" {
		v.Str = "0"
	}
	v.Elems = slices.Clone(v.Elems)
	for i := range v.Elems {
		v.Elems[i] = unsigned(v.Elems[i])
	}
	return v
}

// newerInfo lists the fields of XINFO that are newer than the oracle, or mean something else there.
var newerInfo = []string{
	"idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates", "active-time", "inactive", "nacked-count",
	"lag", "entries-read", // reckoned otherwise
	"consumers",         // since Redis 7.2 one that was given nothing is there, too
	"seen-time", "idle", // these depend on when the servers got the command
}

// sameInfo gives a reply of XINFO, a map or a flat list of fields and values, without what is newer than the oracle.
func sameInfo(v testutil.Value) testutil.Value {
	var kept []testutil.Value
	for i := 0; i < len(v.Elems); i++ {
		if slices.Contains(newerInfo, v.Elems[i].Str) {
			i++
			continue
		}
		kept = append(kept, sameInfo(v.Elems[i]))
	}
	if v.Elems != nil {
		v.Elems = kept
	}
	return timeless(v)
}

// timeless gives a reply without the times of pending entries: [ID, consumer, time or idle time, deliveries], or the same without the
// consumer.
func timeless(v testutil.Value) testutil.Value {
	for i, e := range v.Elems {
		if n := len(e.Elems); (n == 3 || n == 4) && e.Elems[n-1].Kind == ':' && e.Elems[n-2].Kind == ':' {
			e.Elems[n-2].Int, e.Elems[n-2].Str = 0, "0"
		}
		v.Elems[i] = timeless(e)
	}
	return v
}

// ruleFor finds the likeness demanded of a command's replies.
func ruleFor(args []string) likeness {
	name := strings.ToUpper(args[0])
	found := exact
	for _, r := range rules {
		if r.command == name {
			found = r.as
		}
		if len(args) > 1 && r.command == name+" "+strings.ToUpper(args[1]) {
			return r.as
		}
	}
	if found == sorted {
		return likenessOfSorted(args)
	}
	return found
}

// likenessOfSorted tells how alike the replies to a SORT are: numbers are in one order only.
func likenessOfSorted(args []string) likeness {
	has := func(option string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return strings.EqualFold(arg, option) })
	}
	switch {
	case !has("BY") && !has("ALPHA"):
		return exact
	case !has("LIMIT") && !has("GET"):
		return anyOrder
	}
	return sameLength
}

// sameStep compares the replies to a step of a story. A story says itself which of its replies are unstable; all others must
// be the same to the byte even where the rules above would allow more, since the story was made so that they are. Only what
// changes shape with the protocol is left to the rules.
func sameStep(s *testutil.Step, want, got testutil.Reply, proto int) bool {
	if bytes.Equal(want.Raw, got.Raw) {
		return true
	}
	if unit := s.Ticks(); unit != 0 {
		return same(ruleFor(s.Args), want.Value, got.Value)
	}
	if _, ok := s.Near(); ok {
		return same(nearby, want.Value, got.Value)
	}
	if group := s.Unordered(); group > 0 {
		return same(map[int]likeness{1: anyOrder, 2: anyPairs}[group], want.Value, got.Value)
	}
	if !s.Loose() {
		return false
	}
	if s.Kind == testutil.StepCommand && ruleFor(s.Args) != exact {
		return same(ruleFor(s.Args), want.Value, got.Value)
	}
	return same(sameKind, want.Value, got.Value)
}

// same compares two replies by a rule. An error is only ever like the same error.
func same(as likeness, want, got testutil.Value) bool {
	if testutil.Format(want) == testutil.Format(got) && want.Kind == got.Kind {
		return true
	}
	if want.Kind != got.Kind || want.Null != got.Null || want.IsError() {
		return false
	}
	switch as {
	case sameKind:
		return true
	case sameLength:
		return len(want.Elems) == len(got.Elems)
	case sameShape:
		return want.Shape() == got.Shape()
	case anyOrder:
		return testutil.Format(want.Sorted(1)) == testutil.Format(got.Sorted(1))
	case anyPairs:
		return testutil.Format(want.Sorted(2)) == testutil.Format(got.Sorted(2))
	case nearby:
		return sameTime(want, got, apart.Milliseconds())
	case nearbySeconds:
		return sameTime(want, got, int64(apart.Seconds()))
	case cursor:
		return sameScan(want, got)
	case encoding:
		return sameEncoding(want.Str, got.Str)
	case payload:
		return samePayload(want.Str, got.Str)
	}
	return false
}

// samePayload compares payloads of DUMP that are not the same.
func samePayload(want, got string) bool {
	if want == "" || got == "" {
		return false
	}
	switch kind := rdb.Kind(want[0]); kind {
	case rdb.KindSet, rdb.KindHash: // another order
		return got[0] == want[0] && len(got) == len(want)
	case rdb.KindZSet2: // or one that SORT has made a skiplist
		return got[0] == want[0] || got[0] == byte(rdb.KindZSetListpack)
	case rdb.KindListQuicklist2, rdb.KindStream2:
		return got[0] == want[0]
	}
	return false
}

// sameEncoding compares the names of encodings. What is packed since version 7.2 is a quicklist or a table in 7.0, and SORT makes a
// skiplist of a packed sorted set there.
func sameEncoding(want, got string) bool {
	return want == got || got == "listpack" && slices.Contains([]string{"quicklist", "hashtable", "skiplist"}, want)
}

func sameTime(want, got testutil.Value, tolerance int64) bool {
	d := want.Int - got.Int
	return want.Kind == ':' && d >= -tolerance && d <= tolerance && want.Int >= 0 && got.Int >= 0
}

// sameScan compares one step of a scan; TestScans compares whole ones.
func sameScan(want, got testutil.Value) bool {
	if len(want.Elems) != 2 || len(got.Elems) != 2 {
		return false
	}
	return want.Elems[0].Kind == got.Elems[0].Kind && want.Elems[1].Kind == got.Elems[1].Kind
}
