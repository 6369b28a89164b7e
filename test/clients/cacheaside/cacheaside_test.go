// SPDX-License-Identifier: BSD-3-Clause

package cacheaside

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redpoll/redpoll/internal/testutil"
)

func connect(t *testing.T, protocol int) *redis.Client {
	bin, args := testutil.RedpollBinary(t)
	server := testutil.Process(t, bin, args...)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: protocol})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestCacheAside(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			ctx, cache, db := t.Context(), connect(t, protocol), NewDatabase(100)
			shop := &Catalogue{Cache: cache, DB: db, TTL: time.Minute}
			price := func(want float64, queries int) {
				t.Helper()
				p, err := shop.Get(ctx, 7)
				if err != nil || p.Price != want || p.Name != "Product 7 – déjà vu" || db.Queries() != queries {
					t.Fatalf("got %+v, %v after %d queries, want %v after %d", p, err, db.Queries(), want, queries)
				}
			}
			price(7.99, 1)
			price(7.99, 1)
			if ttl := cache.TTL(ctx, "product:7").Val(); ttl <= 0 || ttl > time.Minute {
				t.Errorf("the copy lives for %v", ttl)
			}
			if err := shop.SetPrice(ctx, 7, 5.5); err != nil {
				t.Fatal(err)
			}
			if n := cache.Exists(ctx, "product:7").Val(); n != 0 {
				t.Error("an update left the copy")
			}
			price(5.5, 2)
			for range 2 {
				if _, err := shop.Get(ctx, 1000); !errors.Is(err, ErrNotFound) || db.Queries() != 3 {
					t.Errorf("what does not exist: %v after %d queries", err, db.Queries())
				}
			}
			many(t, ctx, shop)
			stale(t, ctx, cache)
			mixed(t, ctx, shop)
		})
	}
}

// many reads fifty products at once, of which one is cached.
func many(t *testing.T, ctx context.Context, shop *Catalogue) {
	t.Helper()
	ids := make([]int, 50)
	for i := range ids {
		ids[i] = i + 1
	}
	before := shop.DB.Queries()
	for range 2 {
		products, err := shop.GetMany(ctx, ids)
		if err != nil || len(products) != 50 || products[49].ID != 50 || products[6].Price != 5.5 {
			t.Fatalf("got %v, %v", products, err)
		}
		if n := shop.DB.Queries() - before; n != 49 {
			t.Errorf("%d queries, want 49 and then no more", n)
		}
	}
}

// stale has a time to live pass.
func stale(t *testing.T, ctx context.Context, cache *redis.Client) {
	t.Helper()
	shop := &Catalogue{Cache: cache, DB: NewDatabase(3), TTL: time.Hour}
	if err := shop.SetPrice(ctx, 3, 1); err != nil {
		t.Fatal(err)
	}
	get := func() float64 {
		p, err := shop.Get(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		return p.Price
	}
	get()
	shop.DB.SetPrice(3, 2) // behind the cache's back
	if p := get(); p != 1 {
		t.Errorf("a cached copy has the price %v, want 1", p)
	}
	cache.PExpire(ctx, "product:3", time.Millisecond)
	testutil.Poll(t, testutil.Patience, func() bool { return get() == 2 })
	if err := shop.SetPrice(ctx, 3, 0); err != nil { // this database goes, and so must what is cached of it
		t.Fatal(err)
	}
}

// mixed reads and updates at random and never sees an old price.
func mixed(t *testing.T, ctx context.Context, shop *Catalogue) {
	t.Helper()
	rnd, before, misses := rand.New(rand.NewPCG(1, 1)), shop.DB.Queries(), 0
	for range 2000 {
		id := 1 + rnd.IntN(100)
		if rnd.IntN(20) == 0 {
			if err := shop.SetPrice(ctx, id, float64(rnd.IntN(100))); err != nil {
				t.Fatal(err)
			}
		}
		if shop.Cache.Exists(ctx, key(id)).Val() == 0 {
			misses++
		}
		p, err := shop.Get(ctx, id)
		if err != nil || p.Price != shop.DB.rows[id].Price {
			t.Fatalf("product %d costs %v, %v, want %v", id, p.Price, err, shop.DB.rows[id].Price)
		}
	}
	if n := shop.DB.Queries() - before; n != misses || n > 300 {
		t.Errorf("%d queries, %d misses", n, misses)
	}
}
