// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"

	"github.com/redpoll/redpoll/internal/config"
)

// reservedFiles is how many files the server needs beside one a client, as in Redis; a server of many loops needs more.
func (s *Server) reservedFiles() uint64 { return uint64(max(32, 16+2*s.numLoops)) }

// limitClients makes sure at the start that the system lets the process have a file for each of maxclients clients, and
// lowers maxclients when it does not. From then on a CONFIG SET that asks for too many is refused.
func (s *Server) limitClients() error {
	setting := s.config.Int("maxclients")
	want := uint64(setting.Load())
	possible, err := s.makeRoom(want)
	if err != nil {
		return err
	}
	if possible < want {
		if err := s.config.Set("maxclients", fmt.Sprint(possible)); err != nil {
			return err
		}
	}
	s.config.OnChange(func() error {
		want := uint64(setting.Load())
		possible, err := s.makeRoom(want)
		if err != nil || possible < want {
			s.logRestoring("maxclients")
			return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", possible)
		}
		return nil
	}, "maxclients")
	return nil
}

// makeRoom raises the limit of open files as far as it goes for so many clients, and gives the number of clients that
// there is room for, at most want.
func (s *Server) makeRoom(want uint64) (clients uint64, err error) {
	need := want + s.reservedFiles()
	before, after, refusal := raiseFileLimit(need)
	if after >= need {
		if after != before {
			s.log.Info(fmt.Sprintf("Increased maximum number of open files to %d (it was originally set to %d).", after, before))
		}
		return want, nil
	}
	if after <= s.reservedFiles() {
		return 0, fmt.Errorf("Your current 'ulimit -n' of %d is not enough for the server to start. "+
			"Please increase your open file limit to at least %d. Exiting.", after, need)
	}
	clients = after - s.reservedFiles()
	s.log.Warn(fmt.Sprintf("You requested maxclients of %d requiring at least %d max file descriptors.", want, need))
	s.log.Warn(fmt.Sprintf("Server can't set maximum open files to %d because of OS error: %s.", need, config.SystemText(refusal)))
	s.log.Warn(fmt.Sprintf("Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. "+
		"If you need higher maxclients increase 'ulimit -n'.", after, clients))
	return clients, nil
}
