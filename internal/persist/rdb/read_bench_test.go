// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"fmt"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

// BenchmarkRead reads values and makes them those of keys.
func BenchmarkRead(b *testing.B) {
	var pairs, scored, ints []string
	for i := range 20 {
		pairs = append(pairs, fmt.Sprint("field:", i), fmt.Sprint("a value ", i))
		scored = append(scored, fmt.Sprint("member:", i), fmt.Sprint(i*10))
		ints = append(ints, fmt.Sprint(i*1000))
	}
	const large = 10_000
	hash, zset, set := size(large), size(large), size(large)
	for i := large - 1; i >= 0; i-- {
		name := text(fmt.Sprint("some name:", i))
		hash += name + text("some value of it")
		zset += name + double(float64(i))
		set += name
	}
	for _, bc := range []struct {
		name string
		kind Kind
		body string
	}{
		{"string", KindString, text("a string of some thirty bytes")},
		{"integer", KindString, "\xc1\x2c\x01"},
		{"list", KindListQuicklist2, size(1) + size(nodePacked) + text(pack(pairs...))},
		{"set", KindSetListpack, text(pack(pairs...))},
		{"intset", KindSetIntset, text(ints20())},
		{"zset", KindZSetListpack, text(pack(scored...))},
		{"hash", KindHashListpack, text(pack(pairs...))},
		{"large hash", KindHash, hash},
		{"large zset", KindZSet2, zset},
		{"large set", KindSet, set},
	} {
		b.Run(bc.name, func(b *testing.B) {
			db := commandtest.NewRig(b).DB
			r := NewReader(nil, 11)
			var key [16]byte
			b.ReportAllocs()
			b.SetBytes(int64(len(bc.body)))
			for i := range b.N {
				r.Reset([]byte(bc.body), 11)
				d, err := ReadValue(r, bc.kind, db)
				if err != nil {
					b.Fatal(err)
				}
				d.Attach(fmt.Appendf(key[:0], "key:%d", i%1000), store.NoExpiry)
				d.Drop()
			}
		})
	}
}

// ints20 makes an intset of twenty numbers.
func ints20() string {
	var all []int64
	for i := range int64(20) {
		all = append(all, i*1000)
	}
	return ints(4, all...)
}
