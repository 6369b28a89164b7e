// SPDX-License-Identifier: BSD-3-Clause

package engine

import "testing"

// TestRefuseWrites: while a keeper cannot write, what writes is refused, also what a transaction would, with the RDB's reason first.
func TestRefuseWrites(t *testing.T) {
	b := fakeBench(t, Options{})
	c := b.connect()
	c.do("SET k v")
	c.do("MULTI", "SET k w")
	b.RefuseWrites(KeeperAOF, "MISCONF aof")
	c.want("-EXECABORT Transaction discarded because of: MISCONF aof", "EXEC")
	c.want("$1 v -MISCONF aof -MISCONF aof", "GET k", "SET k w", "DEL k")
	c.want("+OK +QUEUED *1 $1 v", "MULTI", "GET k", "EXEC")
	c.want("+OK -MISCONF aof -EXECABORT Transaction discarded because of previous errors.", "MULTI", "SET k w", "EXEC")
	b.RefuseWrites(KeeperRDB, "MISCONF rdb")
	c.want("-MISCONF rdb", "SET k w")
	b.RefuseWrites(KeeperAOF, "")
	c.want("-MISCONF rdb", "SET k w")
	b.RefuseWrites(KeeperRDB, "")
	c.want("+OK $1 w", "SET k w", "GET k")
}
