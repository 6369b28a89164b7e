// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
)

// Errors of EVAL and its like.
const (
	errNoScript      command.Error = "NOSCRIPT No matching script. Please use EVAL."
	errTooManyKeys   command.Error = "ERR Number of keys can't be greater than number of args"
	errNegativeKeys  command.Error = "ERR Number of keys can't be negative"
	errFlushMode     command.Error = "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
	errDebugMode     command.Error = "ERR Use SCRIPT DEBUG YES/SYNC/NO"
	errNoDebugger    command.Error = "ERR there is no debugger for scripts in this server"
	errUnknownRaised string        = "ERR unknown error"
)

// Names in the tables that stand for replies.
var (
	nameOK        = lua.ConstString("ok")
	nameErr       = lua.ConstString("err")
	nameIgnore    = lua.ConstString("ignore_error_stats_update")
	nameSource    = lua.ConstString("source")
	nameLine      = lua.ConstString("line")
	nameDouble    = lua.ConstString("double")
	nameBigNumber = lua.ConstString("big_number")
	nameVerbatim  = lua.ConstString("verbatim_string")
	nameString    = lua.ConstString("string")
	nameFormat    = lua.ConstString("format")
	nameMap       = lua.ConstString("map")
	nameSet       = lua.ConstString("set")
)

// errorText gives an error as scripts see it: its code, a blank, its text. A line of one word is a text that has no code.
func errorText(line string) string {
	code, text, ok := strings.Cut(cut(line), " ")
	if !ok {
		code, text = "ERR", line
	}
	return code + " " + strings.Trim(text, "\r\n")
}

// errorTable gives {err = text}. counted says that it is in the statistics already: then it also has ignore_error_stats_update.
func errorTable(s *lua.State, text string, counted bool) (lua.Value, error) {
	t, err := s.NewTable(0, 2)
	if err != nil {
		return lua.Nil, err
	}
	v, err := s.NewString(text)
	if err != nil {
		return lua.Nil, err
	}
	if err := s.Set(t, nameErr, v); err != nil {
		return lua.Nil, err
	}
	if counted {
		err = s.Set(t, nameIgnore, lua.True)
	}
	return lua.TableValue(t), err
}

// replyLine makes a text that a script supplies fit for a line of the protocol: it ends where C's would, and line breaks are blanks.
func replyLine(text string) string {
	return oneLine(strings.TrimRight(cut(text), "\r\n"))
}

// oneLine makes blanks of line breaks.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	b := []byte(text)
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// cut gives a text up to its first zero byte: all that C would see of it.
func cut(text string) string {
	text, _, _ = strings.Cut(text, "\x00")
	return text
}
