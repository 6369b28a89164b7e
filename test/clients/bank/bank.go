// SPDX-License-Identifier: BSD-3-Clause

// Package bank is a program whose processes take turns by locks in Redis (redsync): accounts are plain keys, which a transfer reads and
// then writes, and so none may be at two transfers at a time.
package bank

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-redsync/redsync/v4"
	"github.com/redis/go-redis/v9"
)

// ErrPoor says that an account has too little.
var ErrPoor = errors.New("not enough money")

// A Bank moves money. Any goroutine may use it, and any number of banks the same store.
type Bank struct {
	Store *redis.Client
	Locks *redsync.Redsync
	// Within is called by a transfer that holds the locks of both accounts; nil: nobody watches.
	Within func(from, to string) (leave func())
}

func account(name string) string { return "account:" + name }

// lock gives the lock of an account: it is waited for, and outlives no process by more than its expiry.
func (b *Bank) lock(name string) *redsync.Mutex {
	return b.Locks.NewMutex("lock:"+account(name), redsync.WithExpiry(10*time.Second), redsync.WithTries(10_000),
		redsync.WithRetryDelayFunc(func(int) time.Duration { return time.Millisecond }))
}

// Open makes an account with so much in it.
func (b *Bank) Open(ctx context.Context, name string, amount int) error {
	return b.Store.Set(ctx, account(name), amount, 0).Err()
}

// Balance is what an account has.
func (b *Bank) Balance(ctx context.Context, name string) (int, error) {
	return b.Store.Get(ctx, account(name)).Int()
}

// Transfer moves an amount between two different accounts, whose locks it takes in the order of their names.
func (b *Bank) Transfer(ctx context.Context, from, to string, amount int) (err error) {
	for _, name := range []string{min(from, to), max(from, to)} {
		lock := b.lock(name)
		if err := lock.LockContext(ctx); err != nil {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		defer func() {
			if ok, unlockErr := lock.UnlockContext(ctx); !ok || unlockErr != nil {
				err = errors.Join(err, fmt.Errorf("unlock %s: %v, %w", name, ok, unlockErr))
			}
		}()
	}
	if b.Within != nil {
		defer b.Within(from, to)()
	}
	has, err := b.Balance(ctx, from)
	if err != nil {
		return err
	}
	gets, err := b.Balance(ctx, to)
	if err != nil {
		return err
	}
	if has < amount {
		return ErrPoor
	}
	if err := b.Store.Set(ctx, account(from), has-amount, 0).Err(); err != nil {
		return err
	}
	return b.Store.Set(ctx, account(to), gets+amount, 0).Err()
}
