// SPDX-License-Identifier: BSD-3-Clause

// Package cacheaside is cache-aside over a slow database with go-redis, as a tutorial on caching has it: reads look into the
// cache first and fill it with SETEX on a miss, updates write the database and then delete the cached copy.
package cacheaside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotFound says that there is no such product.
var ErrNotFound = errors.New("no such product")

// A Product is a row of the database.
type Product struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Price float64 `json:"price"`
}

// A Database is the slow one: a table in memory that takes its time, since an SQL driver in Go would take minutes to build.
type Database struct {
	mu      sync.Mutex
	rows    map[int]Product
	queries int
}

// NewDatabase makes a database of n products with the ids from 1.
func NewDatabase(n int) *Database {
	d := &Database{rows: map[int]Product{}}
	for i := 1; i <= n; i++ {
		d.rows[i] = Product{ID: i, Name: fmt.Sprintf("Product %d – déjà vu", i), Price: float64(i) + 0.99}
	}
	return d
}

// Product reads a row.
func (d *Database) Product(id int) (Product, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queries++
	time.Sleep(2 * time.Millisecond)
	p, ok := d.rows[id]
	if !ok {
		return p, ErrNotFound
	}
	return p, nil
}

// SetPrice writes a row.
func (d *Database) SetPrice(id int, price float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.rows[id]
	p.Price = price
	d.rows[id] = p
}

// Queries is how often a row was read.
func (d *Database) Queries() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queries
}

// A Catalogue gives products by id, through the cache.
type Catalogue struct {
	Cache *redis.Client
	DB    *Database
	TTL   time.Duration
}

// missing is cached for what does not exist.
const missing = "null"

func key(id int) string { return fmt.Sprintf("product:%d", id) }

// Get gives a product from the cache or else from the database.
func (c *Catalogue) Get(ctx context.Context, id int) (Product, error) {
	cached, err := c.Cache.Get(ctx, key(id)).Result()
	switch {
	case err == nil && cached == missing:
		return Product{}, ErrNotFound
	case err == nil:
		var p Product
		return p, json.Unmarshal([]byte(cached), &p)
	case !errors.Is(err, redis.Nil):
		return Product{}, err
	}
	p, err := c.DB.Product(id)
	if errors.Is(err, ErrNotFound) {
		if err := c.Cache.SetEx(ctx, key(id), missing, 5*time.Second).Err(); err != nil {
			return p, err
		}
		return p, ErrNotFound
	}
	if err != nil {
		return p, err
	}
	return p, c.fill(ctx, c.Cache, p)
}

func (c *Catalogue) fill(ctx context.Context, to redis.Cmdable, p Product) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return to.SetEx(ctx, key(p.ID), b, c.TTL).Err()
}

// GetMany gives the products of several ids, asking the database for those that are not cached.
func (c *Catalogue) GetMany(ctx context.Context, ids []int) ([]Product, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = key(id)
	}
	found, err := c.Cache.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	products := make([]Product, len(ids))
	_, err = c.Cache.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, f := range found {
			if text, ok := f.(string); ok {
				if err := json.Unmarshal([]byte(text), &products[i]); err != nil {
					return err
				}
				continue
			}
			if products[i], err = c.DB.Product(ids[i]); err != nil {
				return err
			}
			if err := c.fill(ctx, pipe, products[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return products, err
}

// SetPrice updates the database and deletes the cached copy.
func (c *Catalogue) SetPrice(ctx context.Context, id int, price float64) error {
	c.DB.SetPrice(id, price)
	return c.Cache.Del(ctx, key(id)).Err()
}
