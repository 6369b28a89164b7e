// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"

	"github.com/redpoll/redpoll/internal/store"
)

// smallMaxMemory is what maxmemory is hardly meant to be below.
const smallMaxMemory = 1 << 20

// followMaxMemory applies the directives about maxmemory, now and whenever they change.
func (s *Server) followMaxMemory() {
	cfg, settings := s.config, &s.engine.Store.Settings
	policy, samples := cfg.Enum("maxmemory-policy"), cfg.Int("maxmemory-samples")
	limit, tenacity := cfg.Int("maxmemory"), cfg.Int("maxmemory-eviction-tenacity")
	unlink := cfg.Bool("lazyfree-lazy-eviction")
	apply := func() error {
		settings.Policy.Store(uint32(store.PolicyNamed(policy.Load())))
		settings.Samples.Store(samples.Load())
		s.engine.SetTenacity(tenacity.Load())
		s.engine.SetUnlink(unlink.Load())
		s.engine.SetMaxMemory(limit.Load())
		s.applyBudget()
		return nil
	}
	if n := limit.Load(); n > 0 && n < smallMaxMemory {
		s.log.Warn(fmt.Sprintf("WARNING: You specified a maxmemory value that is less than 1MB (current value is %d bytes). "+
			"Are you sure this is what you really want?", n))
	}
	apply()
	cfg.OnChange(apply, "maxmemory-policy", "maxmemory-samples", "maxmemory-eviction-tenacity", "lazyfree-lazy-eviction")
	cfg.OnChange(func() error {
		if n, used := limit.Load(), s.engine.Used(); n > 0 && n < used {
			s.log.Warn(fmt.Sprintf("WARNING: the new maxmemory value set via CONFIG SET (%d) is smaller than the current memory "+
				"usage (%d). This will result in key eviction and/or the inability to accept new write commands depending on "+
				"the maxmemory-policy.", n, used))
		}
		return apply()
	}, "maxmemory")
}
