// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"os"

	"github.com/redpoll/redpoll/internal/engine"
)

// openSpill gives the engine a file for what a snapshot cannot write at present. It lies beside the data, and has no name any more, so
// that it is gone with the server however that ends.
func (s *Server) openSpill() (engine.SpillFile, error) {
	path := s.config.InDir(fmt.Sprintf("temp-%d-%s.spill", os.Getpid(), randomID()[:8]))
	f, err := s.disk.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := s.disk.Remove(path); err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, err
	}
	return f, nil
}
