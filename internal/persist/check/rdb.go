// SPDX-License-Identifier: BSD-3-Clause

package check

import (
	"errors"
	"fmt"
	"io"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/store"
)

// Tool is what a tool needs from outside.
type Tool struct {
	Name    string // it was called by
	Version string // of Redis, that it says it is of
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Disk    disk.FS
	Log     func(line string) // writes a warning in the form of the server's log
	Now     int64             // Unix ms
}

// RDB runs redis-check-rdb with its arguments, and gives the exit code.
func (t *Tool) RDB(args []string) int {
	switch {
	case len(args) != 1:
		fmt.Fprintf(t.Err, "Usage: %s <rdb-file-name>\n", t.Name)
		return 1
	case args[0] == "-v" || args[0] == "--version":
		fmt.Fprintf(t.Out, "redis-check-rdb %s\n", t.Version)
		return 0
	}
	t.info(0, "Checking RDB file "+args[0])
	f, err := t.Disk.Open(args[0])
	if err != nil {
		return 1
	}
	defer f.Close()
	if _, sane := t.snapshot(f); !sane {
		return 1
	}
	return 0
}

// info prints a line about an offset of a snapshot. Redis's lines have no more bytes either.
func (t *Tool) info(offset int64, line string) {
	const most = 1023
	fmt.Fprintf(t.Out, "[offset %d] %s\n", offset, line[:min(len(line), most)])
}

// snapshot looks at a snapshot, which may be in front of something else, and gives the offset of its end.
func (t *Tool) snapshot(src io.Reader) (end int64, sane bool) {
	arena, err := mem.NewArena(mem.Options{})
	if err != nil {
		fmt.Fprintln(t.Err, err)
		return 0, false
	}
	defer arena.Close()
	view := store.New(store.Options{Arena: arena, Shards: 1, Databases: 1}).NewView()
	view.NowMillis = t.Now
	c, err := rdb.CheckFile(src, view.DB(0), true, t.info)
	if err != nil {
		text := err.Error()
		if errors.Is(err, rdb.ErrTooShort) {
			text = "Unexpected EOF reading RDB file"
		}
		fmt.Fprintln(t.Out, "--- RDB ERROR DETECTED ---")
		t.info(c.Bytes, text)
		fmt.Fprintf(t.Out, "[additional info] While doing: %s\n", stepName(c.Doing))
		if c.Key != nil {
			fmt.Fprintf(t.Out, "[additional info] Reading key '%s'\n", c.Key)
		}
		if c.Kind >= 0 {
			fmt.Fprintf(t.Out, "[additional info] Reading type %d (%s)\n", c.Kind, kindName(c.Kind))
		}
	} else {
		t.info(c.Bytes, `\o/ RDB looks OK! \o/`)
	}
	fmt.Fprintf(t.Out, "[info] %d keys read\n[info] %d expires\n[info] %d already expired\n", c.Keys, c.Expires, c.Expired)
	return c.Bytes, err == nil
}

// stepName gives the name of what a check is about to read.
func stepName(s rdb.Step) string {
	return [...]string{
		"start", "read-type", "read-expire", "read-key", "read-object-value", "check-sum", "read-len", "read-aux", "read-module-aux",
		"read-functions",
	}[s]
}

// kindName gives the name of a kind of value.
func kindName(kind int) string {
	names := [...]string{
		"string", "list-linked", "set-hashtable", "zset-v1", "hash-hashtable", "zset-v2", "module-pre-release", "module-value", "", "hash-zipmap",
		"list-ziplist", "set-intset", "zset-ziplist", "hash-ziplist", "quicklist", "stream", "hash-listpack", "zset-listpack", "quicklist-v2",
		"stream-v2", "set-listpack", "stream-v3", "hash-hashtable-md-pre-release", "hash-listpack-md-pre-release", "hash-hashtable-md",
		"hash-listpack-md", "stream-v4", "stream-v5", "array", "hash-template-listpack", "hash-template-listpack-ref", "hash-template",
		"hash-template-ref",
	}
	if kind < len(names) {
		return names[kind]
	}
	return "unknown"
}
