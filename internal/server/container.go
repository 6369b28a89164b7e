// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/stats"
)

// Without a maxmemory the memory that a container allows is the bound: who exceeds it is killed by the kernel. Writes are
// refused before that. The rule, in bytes:
//
//	budget  = limit - reserve - other
//	reserve = an eighth of the limit, at least 32 MB, at most 1 GB and half of the limit
//	other   = what the container uses beside the data: the Go heap, sockets, page tables, other processes, no file cache
//
// Past the budget, which the data's pages count against, commands that may take memory are refused; past that and half of
// the reserve no page is given to any. The budget is worked out anew ten times a second: within the reserve lie what the
// others take until then, and the free pages that the server keeps.

const (
	leastReserve = 32 << 20
	mostReserve  = 1 << 30
)

// container is the memory that the process may use, as the control group or the address space bounds it.
type container struct {
	limit int64  // bytes
	root  fs.FS  // the machine's files
	dir   string // of the control group whose limit it is; empty when the address space is the bound
	files cgroupFiles
}

// cgroupFiles are the names of what one version of control groups tells.
type cgroupFiles struct {
	mount, limit, usage, cache string
}

var (
	cgroup1 = cgroupFiles{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	cgroup2 = cgroupFiles{"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
)

// findContainer gives what bounds the process's memory: the least of the limits of its control groups and their parents and of
// addresses (bytes of address space for the data, 0 for no limit); nil when that is nothing below the machine's total.
func findContainer(root fs.FS, addresses, total int64) *container {
	best := container{limit: math.MaxInt64, root: root}
	if total > 0 {
		best.limit = total
	}
	found := false
	try := func(files cgroupFiles, group string) {
		for dir := path.Join(files.mount, group); strings.HasPrefix(dir, files.mount); dir = path.Dir(dir) {
			if n, ok := readNumber(root, path.Join(dir, files.limit)); ok && n < best.limit {
				best.limit, best.dir, best.files = n, dir, files
				found = true
			}
		}
	}
	text, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case number == "0" && controllers == "":
			try(cgroup2, group)
		case strings.Contains(","+controllers+",", ",memory,"):
			try(cgroup1, group)
		}
	}
	if addresses > 0 && addresses < best.limit {
		best = container{limit: addresses}
		found = true
	}
	if !found {
		return nil
	}
	return &best
}

// readNumber reads a file with one number.
func readNumber(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

// reserve gives the bytes that are kept free.
func (c *container) reserve() int64 {
	return min(max(c.limit/8, leastReserve), mostReserve, c.limit/2)
}

// used gives the bytes that the control group uses, without files that the kernel drops when it needs their memory; false when
// it does not tell.
func (c *container) used() (int64, bool) {
	n, ok := readNumber(c.root, path.Join(c.dir, c.files.usage))
	if !ok {
		return 0, false
	}
	text, _ := fs.ReadFile(c.root, path.Join(c.dir, "memory.stat"))
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == c.files.cache {
			cache, _ := strconv.ParseInt(value, 10, 64)
			n -= cache
		}
	}
	return max(n, 0), true
}

// budget gives the bytes of pages that the data may have now, at least 1. pages is what it has and what is free of that but
// resident, runtime what the Go runtime takes at least.
func (c *container) budget(pages, runtime int64) int64 {
	other := runtime
	if c.dir == "" {
		other = 0 // the address space was divided when the data's part was reserved
	} else if used, ok := c.used(); ok {
		other = max(used-pages, runtime)
	}
	return max(c.limit-c.reserve()-other, 1)
}

// watchContainer finds out at the start what the container allows, and warns of it.
func (s *Server) watchContainer(root fs.FS) {
	s.container = findContainer(root, addressSpace(s.arena.Stats().Reserved), totalMemory())
	if s.container == nil {
		return
	}
	s.applyBudget()
	if budget := s.budget.Load(); budget > 0 {
		s.log.Warn(fmt.Sprintf("WARNING: maxmemory is not set and this process may use %s of memory. Writes are refused (OOM) when the "+
			"data takes about %s, before the system kills the server. Set maxmemory to choose the limit, and maxmemory-policy to "+
			"have keys evicted instead.", stats.Human(s.container.limit), stats.Human(budget)))
	}
}

// applyBudget works out what the data may take. With a maxmemory that is the administrator's decision.
func (s *Server) applyBudget() {
	if s.container == nil {
		return
	}
	if s.config.Int("maxmemory").Load() > 0 {
		s.budget.Store(0)
		s.engine.SetBudget(0, 0)
		return
	}
	arena := s.arena.Stats()
	budget := s.container.budget(arena.InUse+arena.Cached, goMemory())
	s.budget.Store(budget)
	s.engine.SetBudget(budget, budget+s.container.reserve()/2)
}
