// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"testing"
	"time"
)

// TestLoading runs commands, and housekeeping, while data is loaded and after that.
func TestLoading(t *testing.T) {
	const refused = "-LOADING Redis is loading the dataset in memory"
	b := fakeBench(t, Options{})
	c := b.connect()
	c.want("+OK", "SETPX k 1000 v")
	c.want("+OK +QUEUED", "MULTI", "GET k")
	b.SetLoading(true)
	c.want("-EXECABORT Transaction discarded because of: LOADING Redis is loading the dataset in memory", "EXEC")
	c.want(refused+" "+refused+" "+refused, "GET k", "SET k w", "SUM")
	c.want("+OK "+refused+" -EXECABORT Transaction discarded because of previous errors.", "MULTI", "GET k", "EXEC")
	c.want("+OK +OK *0", "WATCH k", "MULTI", "EXEC")
	b.clock.Advance(2 * time.Second)
	if sleep := c.w.Housekeep(0); sleep >= 0 || b.Store.Expired() != 0 {
		t.Errorf("housekeeping: %d, %d keys expired", sleep, b.Store.Expired())
	}
	b.SetLoading(false)
	if c.w.Housekeep(0); b.Store.Expired() != 1 {
		t.Errorf("%d keys expired when the data is there", b.Store.Expired())
	}
	c.want("$-1", "GET k")
}
