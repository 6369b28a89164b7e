// SPDX-License-Identifier: BSD-3-Clause

package hyperloglog

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/hll"
)

const (
	registerRounds = 100
	testElements   = 1_000_000
	standardError  = 0.0081
)

func pfselftest(c *command.Ctx) error {
	for range registerRounds {
		if err := testRegisters(c.DB.Rand); err != nil {
			return err
		}
		if err := c.Tick(); err != nil {
			return err
		}
	}
	if err := testEstimates(c, c.DB.Rand()); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// failed makes the error of a test.
func failed(format string, args ...any) error {
	return command.Error("ERR TESTFAILED " + fmt.Sprintf(format, args...))
}

// testRegisters gives the registers of a dense HyperLogLog random ranks and reads them.
func testRegisters(random func() uint64) error {
	value, err := hll.MakeDense(hll.AppendNew(nil))
	if err != nil {
		return failed("%v", err)
	}
	var want [hll.Registers]uint8
	for i := range want {
		want[i] = uint8(random()%63 + 1)
		if value, _, err = hll.Raise(value, i, want[i], 0); err != nil {
			return failed("%v", err)
		}
	}
	var got hll.Sketch
	if err := got.Merge(value); err != nil {
		return failed("%v", err)
	}
	for i := range want {
		if got.Rank(i) != want[i] {
			return failed("Register %d should be %d but is %d", i, want[i], got.Rank(i))
		}
	}
	return nil
}

// testEstimates adds elements to a HyperLogLog that is sparse as long as it may be, and to a dense one: with 1, 10, 100, … they must give the
// same estimate, and one that is hardly ever missed.
func testEstimates(c *command.Ctx, seed uint64) error {
	limit := c.DB.Settings().HLLSparseMaxBytes.Load()
	sparse := hll.AppendNew(nil)
	dense, err := hll.MakeDense(hll.AppendNew(nil))
	if err != nil {
		return failed("%v", err)
	}
	checkpoint := uint64(1)
	var text [8]byte
	for n := uint64(1); n <= testElements; n++ {
		binary.LittleEndian.PutUint64(text[:], n^seed)
		if sparse, _, err = hll.Add(sparse, text[:], limit); err == nil {
			dense, _, err = hll.Add(dense, text[:], limit)
		}
		if err != nil {
			return failed("%v", err)
		}
		if n%1000 == 0 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
		if n < checkpoint {
			continue
		}
		checkpoint *= 10
		if err := compareEstimates(sparse, dense, n); err != nil {
			return err
		}
	}
	return nil
}

// compareEstimates looks at two HyperLogLogs with n elements.
func compareEstimates(sparse, dense []byte, n uint64) error {
	a, err := hll.Count(sparse)
	if err != nil {
		return failed("%v", err)
	}
	b, err := hll.Count(dense)
	if err != nil {
		return failed("%v", err)
	}
	if a != b {
		return failed("dense/sparse disagree: %d and %d", b, a)
	}
	if miss := math.Abs(float64(a) - float64(n)); miss > math.Ceil(6*standardError*float64(n)) {
		return failed("Too big error. card:%d abserr:%.0f", n, miss)
	}
	return nil
}
