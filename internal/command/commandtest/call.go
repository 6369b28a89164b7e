// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
)

// Call runs a command that needs neither data nor client (COMMAND, a HELP) outside of any server and gives the bytes of its
// reply in protocol 2 or 3.
func Call(r *command.Registry, proto int, words ...string) []byte {
	argv := make([][]byte, len(words))
	for i, word := range words {
		argv[i] = []byte(word)
	}
	return Reply(proto, func(w *resp.Writer) {
		if err := call(r, w, argv); err != nil {
			w.Reset()
			w.Error(err.Error())
		}
	})
}

// call is Call without the bytes.
func call(r *command.Registry, w *resp.Writer, argv [][]byte) error {
	s := r.Resolve(argv)
	if s == nil {
		return r.ErrUnknown(argv)
	}
	if !s.ArityOK(len(argv)) || s.Run == nil {
		return command.ErrArity(s.FullName())
	}
	return s.Run(&command.Ctx{Reply: w, Argv: argv, Spec: s})
}
