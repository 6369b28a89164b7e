// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math"
	"strings"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// errDebugForbidden is the answer to those whom enable-debug-command does not name.
const errDebugForbidden command.Error = "ERR DEBUG command not allowed. If the enable-debug-command option is set to " +
	`"local", you can run it from a local connection, otherwise you need to set this option in the configuration file, ` +
	"and then restart the server."

// debugHelp is what DEBUG HELP replies; debug has a case for each.
func debugHelp() []string {
	return []string{
		"AOF-FLUSH-SLEEP <microseconds>",
		"    Wait so long before something is written to the append-only file.",
		"ASSERT",
		"    End the server as a failed check of its own does.",
		"CHANGE-REPL-ID",
		"    Take new replication ids.",
		"CLIENT-EVICTION",
		"    Return what clients take of maxmemory-clients.",
		"CONFIG-REWRITE-FORCE-ALL",
		"    Write the configuration to its file, defaults included.",
		"DICT-RESIZING <0|1>",
		"    Accepted: tables never wait for a better time to grow.",
		"DIGEST",
		"    Return 40 digits that stand for the data of all databases.",
		"DIGEST-VALUE <key> [<key> ...]",
		"    Return 40 digits that stand for each key's value.",
		"ERROR <string>",
		"    Return an error reply with that text.",
		"HTSTATS <dbid> [full]",
		"    Return figures of a database's tables.",
		"HTSTATS-KEY <key> [full]",
		"    Return figures of the table that a key holds.",
		"LISTPACK <key>",
		"    Write the elements of a packed value to the server's log.",
		"LOADAOF",
		"    Remove all keys, and load the append-only files.",
		"LOG <message>",
		"    Write a line to the server's log.",
		"OBJECT <key>",
		"    Return how a key's value is kept.",
		"OOM",
		"    End the server as if memory had run out.",
		"PANIC",
		"    Fail in the command: it gets an error, the server goes on.",
		"PAUSE-CRON <0|1>",
		"    With 1 the server does nothing by the clock: signals too wait.",
		"POPULATE <count> [<prefix>] [<size>]",
		"    Make strings named <prefix>:<number>, 'key' being the prefix if none is",
		"    given, of <size> bytes if that is given.",
		"PROTOCOL <type>",
		"    Return a reply of a type: string, integer, double, bignum, null, array,",
		"    set, map, attrib, push, verbatim, true or false.",
		"QUICKLIST <key> [<0|1>]",
		"    Write to the server's log how a large list lies in its blocks.",
		"QUICKLIST-PACKED-THRESHOLD <size>",
		"    Have elements of a large list from this size on lie alone; with 0 those",
		"    that are too large for a block.",
		"RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
		"    Save the data, remove all keys, and load it again; without the first, without",
		"    the second, or with keys of the file in the place of those that are there.",
		"REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|time>",
		"REPLYBUFFER RESIZING <0|1>",
		"    Accepted: reply buffers have another form here.",
		"SEGFAULT",
		"    End the server as a wrong access to memory does.",
		"SET-ACTIVE-EXPIRE <0|1>",
		"    With 0 expired keys are removed only when they are met.",
		"SET-DISABLE-DENY-SCRIPTS <0|1>",
		"    With 1 scripts may call DEBUG.",
		"SET-SKIP-CHECKSUM-VALIDATION <0|1>",
		"    With 1 what RESTORE is given may have any checksum.",
		"SLEEP <seconds>",
		"    Take so long. Decimals allowed. Others are served meanwhile.",
	}
}

// protect tells why a client may not use a protected command, of which there is DEBUG.
func (s *Server) protect(client command.Client, _ *command.Spec) error {
	if who := s.config.Enum("enable-debug-command"); !who.Is("yes") && !(who.Is("local") && local(client)) {
		return errDebugForbidden
	}
	return nil
}

// debug implements DEBUG. No shard is held when it begins: what looks at data takes what it needs.
func (s *Server) debug(c *command.Ctx) error {
	if run := s.debugging(c.Argv[1], len(c.Argv)); run != nil {
		return run(c)
	}
	return errDebugUsage(c.Argv[1])
}

// errDebugUsage is the answer to a subcommand that there is not, or not with so many words.
func errDebugUsage(name []byte) error {
	return command.Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try DEBUG HELP.", name))
}

// debugging finds the handler of a subcommand with so many words; nil when there is none.
func (s *Server) debugging(name []byte, words int) func(*command.Ctx) error {
	for _, sub := range []struct {
		name        string
		least, most int
		run         func(*command.Ctx) error
	}{
		{"AOF-FLUSH-SLEEP", 3, 3, s.debugFlushSleep},
		{"ASSERT", 2, 2, s.debugCrash(syscall.SIGABRT, "=== ASSERTION FAILED ===", "==> DEBUG ASSERT: '1 == 2' is not true")},
		{"CHANGE-REPL-ID", 2, 2, s.debugChangeReplID},
		{"CLIENT-EVICTION", 2, 2, s.debugClientEviction},
		{"CONFIG-REWRITE-FORCE-ALL", 2, 2, s.debugRewrite},
		{"DICT-RESIZING", 3, 3, debugAccepted},
		{"DIGEST", 2, 2, debugDigest},
		{"DIGEST-VALUE", 2, math.MaxInt, debugDigestValue},
		{"ERROR", 3, 3, func(c *command.Ctx) error {
			c.Reply.Error(string(c.Argv[2]))
			return nil
		}},
		{"HELP", 2, 2, func(c *command.Ctx) error {
			command.ReplyHelp(c, debugHelp()...)
			return nil
		}},
		{"HTSTATS", 3, 4, s.debugHTStats},
		{"HTSTATS-KEY", 3, 4, debugHTStatsKey},
		{"LISTPACK", 3, 3, s.debugListpack},
		{"LOADAOF", 2, 2, s.debugLoadAOF},
		{"LOG", 3, 3, s.debugLog},
		{"OBJECT", 3, 4, s.debugObject},
		{"OOM", 2, 2, s.debugCrash(syscall.SIGABRT, "Out Of Memory: called by DEBUG OOM")},
		{"PANIC", 2, 2, func(*command.Ctx) error { panic("called by DEBUG PANIC") }},
		{"PAUSE-CRON", 3, 3, s.debugPauseCron},
		{"POPULATE", 3, 5, debugPopulate},
		{"PROTOCOL", 3, 3, debugProtocol},
		{"QUICKLIST", 3, 4, s.debugQuicklist},
		{"QUICKLIST-PACKED-THRESHOLD", 3, 3, s.debugPlainSize},
		{"RELOAD", 2, math.MaxInt, s.debugReload},
		{"REPLYBUFFER", 4, 4, debugReplyBuffer},
		{"SEGFAULT", 2, 2, s.debugCrash(syscall.SIGSEGV)},
		{"SET-ACTIVE-EXPIRE", 3, 3, s.debugSetActiveExpire},
		{"SET-DISABLE-DENY-SCRIPTS", 3, 3, s.debugInScripts},
		{"SET-SKIP-CHECKSUM-VALIDATION", 3, 3, s.debugSkipChecksum},
		{"SLEEP", 3, 3, debugSleep},
	} {
		if command.EqualFold(name, sub.name) && words >= sub.least && words <= sub.most {
			return sub.run
		}
	}
	return nil
}

func (s *Server) debugChangeReplID(c *command.Ctx) error {
	s.log.Info("Changing replication IDs after receiving change-repl-id")
	id := randomID()
	s.replID.Store(&id)
	c.Reply.OK()
	return nil
}

func (s *Server) debugLog(c *command.Ctx) error {
	s.log.Warn("DEBUG LOG: " + string(c.Argv[2]))
	c.Reply.OK()
	return nil
}

func (s *Server) debugSetActiveExpire(c *command.Ctx) error {
	on, _ := num.ParseInt(c.Argv[2])
	s.engine.Store.Settings.LazyExpire.Store(on == 0)
	c.Reply.OK()
	return nil
}

// debugInScripts lets scripts call DEBUG, or not.
func (s *Server) debugInScripts(c *command.Ctx) error {
	on, _ := num.ParseInt(c.Argv[2])
	s.engine.LetScriptsDebug(on != 0)
	c.Reply.OK()
	return nil
}

func (s *Server) debugSkipChecksum(c *command.Ctx) error {
	skip, _ := num.ParseInt(c.Argv[2])
	s.codec.SkipChecksum.Store(skip != 0)
	c.Reply.OK()
	return nil
}

// debugSleep stands for a command that takes long.
func debugSleep(c *command.Ctx) error {
	seconds, ok := num.ParseFloat(c.Argv[2])
	if !ok {
		seconds = 0 // as strtod has it
	}
	if err := doze(c, time.Duration(min(max(seconds, 0), 1e9)*1e9)); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// debugObject replies with a line that clients and tests take apart.
func (s *Server) debugObject(c *command.Ctx) error {
	if len(c.Argv) == 4 && !command.EqualFold(c.Argv[3], "FAST") {
		return command.ErrSyntax
	}
	return c.DB.Hold(c.Argv[2], func() error {
		it, ok := c.DB.Peek(c.Argv[2])
		if !ok {
			return command.ErrNoSuchKey
		}
		refs := 1
		if n, ok := it.Int(); ok && n >= 0 && n < 10000 {
			refs = math.MaxInt32 // Redis shares small numbers
		}
		line := fmt.Sprintf("Value at:%#x refcount:%d encoding:%v", it.Place(), refs, it.Encoding())
		if len(c.Argv) == 3 {
			size, err := s.codec.SerializedLen(c.DB, &it, c.Tick)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" serializedlength:%d", size)
		}
		c.Reply.Simple(line + fmt.Sprintf(" lru:%d lru_seconds_idle:%d", it.Access(), c.DB.Idle(&it)))
		return nil
	})
}

// debugPopulate makes keys that are not there yet. As in Redis they are not in the log: it is for trying things out.
func debugPopulate(c *command.Ctx) error {
	a := command.MakeArgs(c.Argv[2:])
	positive := func(most int64) int64 {
		n := a.IntOr(command.ErrMustBePositive)
		if n < 0 || n > most {
			a.Fail(command.ErrMustBePositive)
		}
		return n
	}
	count := positive(math.MaxInt64)
	prefix, size := "key", int64(0)
	if a.More() {
		prefix = a.String()
	}
	if a.More() {
		size = positive(c.DB.Settings().MaxBulk.Load())
	}
	if err := a.Done(); err != nil {
		return err
	}
	key, value := append([]byte(prefix), ':'), make([]byte, 0, max(size, 64))
	stem := len(key)
	for n := range count {
		key = num.AppendInt(key[:stem], n)
		value = num.AppendInt(append(value[:0], "value:"...), n)
		if size > 0 {
			used := len(value)
			value = value[:max(used, int(size))]
			clear(value[used:])
			value = value[:size]
		}
		err := c.DB.Hold(key, func() error {
			if !c.DB.Exists(key) {
				c.DB.SetString(key, value, store.NoExpiry)
				c.DB.Touch(key)
			}
			return nil
		})
		if err == nil && n%1024 == 1023 {
			err = c.Tick()
		}
		if err != nil {
			return err
		}
	}
	c.Reply.OK()
	return nil
}

const protocolTypes = "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"

// debugProtocol replies with a value of each type that the protocol has.
func debugProtocol(c *command.Ctx) error {
	r := c.Reply
	switch strings.ToLower(string(c.Argv[2])) {
	case "string":
		r.BulkString("Hello World")
	case "integer":
		r.Int(12345)
	case "double":
		r.Double(3.141)
	case "bignum":
		r.BigNumber("1234567999999999999999999999999999999")
	case "null":
		r.Null()
	case "array":
		r.Array(3)
		three(func(n int64) { r.Int(n) })
	case "set":
		r.Set(3)
		three(func(n int64) { r.Int(n) })
	case "map":
		r.Map(3)
		three(func(n int64) {
			r.Int(n)
			r.Bool(n == 1)
		})
	case "attrib":
		if r.Attribute(1) {
			r.BulkString("key-popularity")
			r.Array(2)
			r.BulkString("key:123")
			r.Int(90)
		}
		r.BulkString("Some real reply following the attribute")
	case "push":
		if r.Proto < 3 {
			return command.Error("ERR RESP2 is not supported by this command")
		}
		r.Push(2)
		r.BulkString("server-cpu-usage")
		r.Int(42)
		r.BulkString("Some real reply following the push reply")
	case "verbatim":
		r.Verbatim("txt", "This is a verbatim\nstring")
	case "true", "false":
		r.Bool(command.EqualFold(c.Argv[2], "TRUE"))
	default:
		return command.Error("ERR Wrong protocol type name. Please use one of the following: " + protocolTypes)
	}
	return nil
}

func three(fn func(n int64)) {
	for n := range int64(3) {
		fn(n)
	}
}
