// SPDX-License-Identifier: BSD-3-Clause

// Package devices keeps the sessions of a user's devices in one hash, each in a field that expires by itself, with go-redis. So
// one read shows where a user is logged in, one DEL logs him out everywhere, and a device that is not used drops out alone.
package devices

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Errors of the store.
var (
	ErrNoSession = errors.New("no such session")
	ErrTaken     = errors.New("the name is taken")
)

// A Store keeps the sessions of an application.
type Store struct {
	Client *redis.Client
	TTL    time.Duration // of a session that is not used
}

// Key is where a user's sessions lie, each in a field named after its token.
func Key(user string) string { return "devices:" + user }

func codesKey(user string) string { return "codes:" + user }

// Login starts a session on a device and gives its token.
func (s *Store) Login(ctx context.Context, user, device string) (string, error) {
	token := rand.Text()
	return token, s.Client.HSetEXWithArgs(ctx, Key(user), &redis.HSetEXOptions{
		ExpirationType: redis.HSetEXExpirationPX, ExpirationVal: s.TTL.Milliseconds(),
	}, token, device).Err()
}

// Use gives a session's device and keeps the session alive.
func (s *Store) Use(ctx context.Context, user, token string) (string, error) {
	return first(s.Client.HGetEXWithArgs(ctx, Key(user), &redis.HGetEXOptions{
		ExpirationType: redis.HGetEXExpirationPX, ExpirationVal: s.TTL.Milliseconds(),
	}, token))
}

// Rename gives a session's device another name; how long the session lives stays as it is.
func (s *Store) Rename(ctx context.Context, user, token, device string) error {
	n, err := s.Client.HSetEXWithArgs(ctx, Key(user), &redis.HSetEXOptions{
		Condition: redis.HSetEXFXX, ExpirationType: redis.HSetEXExpirationKEEPTTL,
	}, token, device).Result()
	if err == nil && n == 0 {
		return ErrNoSession
	}
	return err
}

// Remember makes a session live until it is ended.
func (s *Store) Remember(ctx context.Context, user, token string) error {
	return one(s.Client.HPersist(ctx, Key(user), token))
}

// Shorten has a session end after so long at the latest.
func (s *Store) Shorten(ctx context.Context, user, token string, ttl time.Duration) error {
	return one(s.Client.HPExpireWithArgs(ctx, Key(user), ttl, redis.HExpireArgs{LT: true}, token))
}

// Left tells how long a session lives if it is not used; negative when it does for ever.
func (s *Store) Left(ctx context.Context, user, token string) (time.Duration, error) {
	left, err := s.Client.HPTTL(ctx, Key(user), token).Result()
	if err != nil {
		return 0, err
	}
	if left[0] == -2 {
		return 0, ErrNoSession
	}
	return time.Duration(left[0]) * time.Millisecond, nil
}

// Logout ends a session and gives its device.
func (s *Store) Logout(ctx context.Context, user, token string) (string, error) {
	return first(s.Client.HGetDel(ctx, Key(user), token))
}

// Devices gives a user's sessions by token.
func (s *Store) Devices(ctx context.Context, user string) (map[string]string, error) {
	return s.Client.HGetAll(ctx, Key(user)).Result()
}

// Code makes a code for one use within a time; ErrTaken while another of the purpose is out.
func (s *Store) Code(ctx context.Context, user, purpose string, ttl time.Duration) (string, error) {
	code := rand.Text()
	n, err := s.Client.HSetEXWithArgs(ctx, codesKey(user), &redis.HSetEXOptions{
		Condition: redis.HSetEXFNX, ExpirationType: redis.HSetEXExpirationPXAT, ExpirationVal: time.Now().Add(ttl).UnixMilli(),
	}, purpose, code).Result()
	if err == nil && n == 0 {
		err = ErrTaken
	}
	return code, err
}

// Redeem takes a code back; it is good once.
func (s *Store) Redeem(ctx context.Context, user, purpose, code string) (bool, error) {
	got, err := first(s.Client.HGetDel(ctx, codesKey(user), purpose))
	if errors.Is(err, ErrNoSession) {
		return false, nil
	}
	return got == code, err
}

// Try counts a try of something and tells whether there may be another within the time from the first one on.
func (s *Store) Try(ctx context.Context, user, what string, limit int64, window time.Duration) (bool, error) {
	key := "tries:" + user
	var n *redis.IntCmd
	_, err := s.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		n = pipe.HIncrBy(ctx, key, what, 1)
		pipe.HPExpireWithArgs(ctx, key, window, redis.HExpireArgs{NX: true}, what)
		return nil
	})
	return err == nil && n.Val() <= limit, err
}

// first gives the only value of a reply; none is ErrNoSession. Values are never empty here.
func first(cmd *redis.StringSliceCmd) (string, error) {
	values, err := cmd.Result()
	if err == nil && values[0] == "" {
		err = ErrNoSession
	}
	if err != nil {
		return "", err
	}
	return values[0], nil
}

// one makes an error of a reply about one field that says that nothing was done.
func one(cmd *redis.IntSliceCmd) error {
	results, err := cmd.Result()
	switch {
	case err != nil:
		return err
	case results[0] == -2:
		return ErrNoSession
	case results[0] != 1:
		return errors.New("nothing to do: " + strconv.FormatInt(results[0], 10))
	}
	return nil
}
