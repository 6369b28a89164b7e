// SPDX-License-Identifier: BSD-3-Clause

// Package sessions keeps web sessions as hashes with sliding expiry, with go-redis, as a tutorial on caching has it: every
// request that names a session pushes its end further away.
package sessions

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNoSession says that the token names no session, or one that has ended.
var ErrNoSession = errors.New("no such session")

// A Session is what the application reads of a session.
type Session struct {
	User  string `redis:"user"`
	Theme string `redis:"theme"`
	Views int    `redis:"views"`
}

// A Store keeps the sessions of an application.
type Store struct {
	Client *redis.Client
	TTL    time.Duration
}

// Key is where a session lies.
func Key(token string) string { return "session:" + token }

// Create starts a session and gives its token.
func (s *Store) Create(ctx context.Context, session Session) (string, error) {
	token := rand.Text()
	_, err := s.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.HSet(ctx, Key(token), session)
		pipe.Expire(ctx, Key(token), s.TTL)
		return nil
	})
	return token, err
}

// Load gives a session and keeps it alive.
func (s *Store) Load(ctx context.Context, token string) (Session, error) {
	var data *redis.MapStringStringCmd
	var alive *redis.BoolCmd
	_, err := s.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		data, alive = pipe.HGetAll(ctx, Key(token)), pipe.Expire(ctx, Key(token), s.TTL)
		return nil
	})
	if err != nil {
		return Session{}, err
	}
	if !alive.Val() {
		return Session{}, ErrNoSession
	}
	var session Session
	return session, data.Scan(&session)
}

// View counts a page view.
func (s *Store) View(ctx context.Context, token string) (int64, error) {
	return s.Client.HIncrBy(ctx, Key(token), "views", 1).Result()
}

// AddToBasket raises a number by the optimistic way: WATCH, read, MULTI, write, EXEC, and again when another was faster.
func (s *Store) AddToBasket(ctx context.Context, token, item string, count int) error {
	for {
		err := s.Client.Watch(ctx, func(tx *redis.Tx) error {
			n, err := tx.HGet(ctx, Key(token), item).Int()
			if err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.HSet(ctx, Key(token), item, strconv.Itoa(n+count))
				return nil
			})
			return err
		}, Key(token))
		if !errors.Is(err, redis.TxFailedErr) {
			return err
		}
	}
}

// Destroy ends a session; false when there was none.
func (s *Store) Destroy(ctx context.Context, token string) (bool, error) {
	n, err := s.Client.Del(ctx, Key(token)).Result()
	return n == 1, err
}

// All gives the keys of all sessions.
func (s *Store) All(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	it := s.Client.Scan(ctx, 0, "session:*", 50).Iterator()
	for it.Next(ctx) {
		all[it.Val()] = true
	}
	return all, it.Err()
}
