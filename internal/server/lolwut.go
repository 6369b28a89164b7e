// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strings"

	"github.com/redpoll/redpoll/internal/command"
)

// bird is a redpoll on a twig; which way the twig grows differs from call to call.
const bird = `
        .--.
      <( o  )___
        (  ~~  _)
         '-..-'\
   ~~~~~~~"~"~~~~~~~
`

// lolwut replies with a picture and, last, the line by which the version is known. The arguments that older versions take
// for their own pictures are passed over.
func (s *Server) lolwut(c *command.Ctx) error {
	if len(c.Argv) > 2 && command.EqualFold(c.Argv[1], "VERSION") {
		a := command.MakeArgs(c.Argv[2:])
		if a.Int(); a.Err() != nil {
			return a.Err()
		}
	}
	twig := strings.Repeat("~", int(c.DB.Rand()%12))
	picture := strings.Replace(bird, `~~~~~"~"`, twig+`~~"~"`, 1)
	c.Reply.Verbatim("txt", picture+"\nRedis ver. "+s.config.Version()+"\n")
	return nil
}
