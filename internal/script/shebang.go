// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"bytes"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
)

// flagWord is what a script writes for a flag.
type flagWord struct {
	flag command.ScriptFlags
	word string
}

// flagWords is in the order of FUNCTION LIST.
var flagWords = [...]flagWord{
	{command.ScriptNoWrites, "no-writes"},
	{command.ScriptAllowOOM, "allow-oom"},
	{command.ScriptAllowStale, "allow-stale"},
	{command.ScriptNoCluster, "no-cluster"},
	{command.ScriptAllowCrossSlot, "allow-cross-slot-keys"},
}

// flagNamed gives the flag that a script's word stands for; false when there is none.
func flagNamed(word string) (command.ScriptFlags, bool) {
	for _, f := range flagWords {
		if f.word == word {
			return f.flag, true
		}
	}
	return 0, false
}

// longestShebang bounds a script's first line, which is read before anybody may run, in bytes.
const longestShebang = 4 << 10

// shebang reads a script's first line, "#!lua flags=no-writes,allow-oom", and gives the flags and what comes after it, the line's end
// included, so that lines keep their numbers. Without such a line the flags are ScriptUnflagged.
func shebang(body []byte) (flags command.ScriptFlags, code []byte, err error) {
	if !bytes.HasPrefix(body, []byte("#!")) {
		return command.ScriptUnflagged, body, nil
	}
	end := bytes.IndexByte(command.UpToNUL(body[:min(len(body), longestShebang)]), '\n')
	if end < 0 {
		return 0, nil, command.Error("ERR Invalid script shebang")
	}
	words, ok := resp.SplitWords(string(body[:end]))
	if !ok {
		return 0, nil, command.Error("ERR Invalid engine in script shebang")
	}
	if words[0] != "#!lua" {
		return 0, nil, command.Error("ERR Unexpected engine in script shebang: " + words[0])
	}
	for _, word := range words[1:] {
		list, isFlags := strings.CutPrefix(word, "flags=")
		if !isFlags {
			return 0, nil, command.Error("ERR Unknown lua shebang option: " + word)
		}
		if list == "" {
			continue
		}
		for name := range strings.SplitSeq(list, ",") {
			flag, known := flagNamed(name)
			if !known {
				return 0, nil, command.Error("ERR Unexpected flag in script shebang: " + name)
			}
			flags |= flag
		}
	}
	return flags, body[end:], nil
}
