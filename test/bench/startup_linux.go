// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"time"
)

// startup compares the time from exec until the first PONG, and the resident memory of a server that holds nothing.
func (b *bench) startup() error {
	if !b.wants("startup") {
		return nil
	}
	t := b.report.table("Start-up and an empty server", "figure", "Redpoll", "Redis")
	kinds := []kind{b.redpoll, b.redis}
	var up [2][]float64
	empty := [2]float64{math.NaN(), math.NaN()}
	runs := b.size(11, 3)
	for i := range runs {
		for turn := range 2 {
			k := (i + turn) % 2
			s, err := b.fleet.start(b.ctx, kinds[k], b.cores.server)
			if err != nil {
				return err
			}
			up[k] = append(up[k], millis(s.up))
			if i == runs-1 {
				if empty[k], err = b.idleMemory(s); err != nil {
					s.stop()
					return err
				}
			}
			s.stop()
		}
	}
	first, second := spreadOf(up[0]), spreadOf(up[1])
	t.row("exec until PONG, median, ms", number(first.median), number(second.median))
	t.row("exec until PONG, worst, ms", number(first.high), number(second.high))
	t.row("resident when empty, MB", number(empty[0]), number(empty[1]))
	b.report.judge("start-up until PONG", first.median, second.median, " ms", atMost(50))
	b.report.judge("resident memory of an empty server", empty[0], empty[1], " MB", atMost(20))
	return nil
}

// idleMemory returns the settled resident memory of a server in megabytes, a second after its start.
func (b *bench) idleMemory(s *server) (float64, error) {
	if err := sleep(b.ctx, b.period(time.Second, 200*time.Millisecond)); err != nil {
		return 0, err
	}
	bytes, err := s.settled(b.ctx, 5*time.Second)
	return megabytes(bytes), err
}
