// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
)

// maxCPU is how many cores a list of them may name.
const maxCPU = 1024

// parseCPUs reads a list of cores: numbers and ranges such as "0-7" or, every second one, "0-7:2", with commas between.
func parseCPUs(list string) (cpus []int, ok bool) {
	for item := range strings.SplitSeq(list, ",") {
		span, stepText, stepped := strings.Cut(strings.TrimSpace(item), ":")
		fromText, toText, ranged := strings.Cut(span, "-")
		if !ranged {
			toText = fromText
		}
		step := 1
		from, err1 := strconv.Atoi(fromText)
		to, err2 := strconv.Atoi(toText)
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil {
				return nil, false
			}
		}
		if err1 != nil || err2 != nil || from < 0 || to < from || to >= maxCPU || step < 1 {
			return nil, false
		}
		for cpu := from; cpu <= to; cpu += step {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, len(cpus) > 0
}

// chooseCores has the process run on the cores of server-cpulist only, and takes no more loops than there are of these.
func (s *Server) chooseCores() {
	list := s.config.Str("server-cpulist").Load()
	if list == "" {
		return
	}
	cpus, ok := parseCPUs(list)
	if !ok {
		s.log.Warn(fmt.Sprintf("server-cpulist '%s' is no list of cores, it has no effect", list))
		return
	}
	if err := setAffinity(cpus); err != nil {
		s.log.Warn("server-cpulist has no effect: " + config.SystemText(err))
		return
	}
	s.numLoops = min(s.numLoops, len(cpus))
}
