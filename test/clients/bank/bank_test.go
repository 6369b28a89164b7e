// SPDX-License-Identifier: BSD-3-Clause

package bank

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	syncredis "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"

	"github.com/redpoll/redpoll/internal/testutil"
)

func connect(t *testing.T, addr string, protocol int) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol, PoolSize: 20, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	return client
}

func locksIn(clients ...*redis.Client) *redsync.Redsync {
	var pools []syncredis.Pool
	for _, c := range clients {
		pools = append(pools, goredis.NewPool(c))
	}
	return redsync.New(pools...)
}

func TestBank(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			bin, args := testutil.RedpollBinary(t)
			client := connect(t, testutil.Process(t, bin, args...).Addr, protocol)
			transfers(t, &Bank{Store: client, Locks: locksIn(client)})
			lease(t, client, locksIn(client))
			late(t, client, locksIn(client))
			flushed(t, client, locksIn(client))
		})
	}
}

// transfers has tellers move money between few accounts at the same time. None of it may be lost or made, which it is at once when two
// transfers read an account before either writes it, and no two may be at an account.
func transfers(t *testing.T, bank *Bank) {
	t.Helper()
	const accounts, tellers, each, opening = 4, 8, 60, 100
	ctx := t.Context()
	name := func(i int) string { return fmt.Sprint("a", i) }
	at := map[string]*atomic.Int32{}
	for i := range accounts {
		at[name(i)] = new(atomic.Int32)
		if err := bank.Open(ctx, name(i), opening); err != nil {
			t.Fatal(err)
		}
	}
	bank.Within = func(from, to string) func() {
		if at[from].Add(1) != 1 || at[to].Add(1) != 1 {
			t.Errorf("two transfers are at %s or %s", from, to)
		}
		return func() { at[from].Add(-1); at[to].Add(-1) }
	}
	var done, refused atomic.Int32
	var all sync.WaitGroup
	for teller := range tellers {
		rnd := rand.New(rand.NewPCG(uint64(teller), 1))
		all.Go(func() {
			for range each {
				from := rnd.IntN(accounts)
				to := (from + 1 + rnd.IntN(accounts-1)) % accounts
				switch err := bank.Transfer(ctx, name(from), name(to), 1+rnd.IntN(60)); {
				case err == nil:
					done.Add(1)
				case errors.Is(err, ErrPoor):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	total := 0
	for i := range accounts {
		has, err := bank.Balance(ctx, name(i))
		if err != nil || has < 0 {
			t.Errorf("%s has %d, %v", name(i), has, err)
		}
		total += has
	}
	if total != accounts*opening || done.Load()+refused.Load() != tellers*each || done.Load() == 0 {
		t.Errorf("%d in all after %d transfers, %d refused; want %d", total, done.Load(), refused.Load(), accounts*opening)
	}
	if n := bank.Store.Keys(ctx, "lock:*").Val(); len(n) != 0 {
		t.Errorf("the locks %q were left", n)
	}
}

// lease has a job that takes longer than its lock lasts keep it by extending it.
func lease(t *testing.T, client *redis.Client, locks *redsync.Redsync) {
	t.Helper()
	ctx := t.Context()
	const expiry, gone = time.Hour, 40 * time.Minute
	mine, other := locks.NewMutex("job", redsync.WithExpiry(expiry)), locks.NewMutex("job", redsync.WithExpiry(expiry))
	if err := mine.LockContext(ctx); err != nil {
		t.Fatal(err)
	}
	value := client.Get(ctx, "job").Val()
	for range 20 {
		client.PExpire(ctx, "job", expiry-gone) // as if so much time had gone by
		var taken *redsync.ErrTaken
		if err := other.TryLockContext(ctx); !errors.As(err, &taken) {
			t.Fatalf("another has the lock meanwhile: %v", err)
		}
		if ok, err := mine.ExtendContext(ctx); !ok || err != nil {
			t.Fatalf("it is not extended: %v, %v", ok, err)
		}
		if left := client.PTTL(ctx, "job").Val(); left <= expiry-gone || left > expiry {
			t.Errorf("it lasts for %v more", left)
		}
	}
	if got := client.Get(ctx, "job").Val(); got != value || got != mine.Value() {
		t.Errorf("the lock has the value %q, and had %q", got, value)
	}
	if ok, err := mine.UnlockContext(ctx); !ok || err != nil {
		t.Errorf("it is not given back: %v, %v", ok, err)
	}
	if err := other.TryLockContext(ctx); err != nil {
		t.Errorf("another cannot have it then: %v", err)
	}
	if ok, err := other.UnlockContext(ctx); !ok || err != nil {
		t.Errorf("and give it back: %v, %v", ok, err)
	}
}

// late has somebody give back or extend a lock that is another's by then: it stays the other's.
func late(t *testing.T, client *redis.Client, locks *redsync.Redsync) {
	t.Helper()
	ctx := t.Context()
	slow := locks.NewMutex("late", redsync.WithExpiry(50*time.Millisecond))
	if err := slow.LockContext(ctx); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, testutil.Patience, func() bool { return client.Exists(ctx, "late").Val() == 0 })
	if ok, err := slow.UnlockContext(ctx); ok || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
		t.Errorf("a lock that was over is given back: %v, %v", ok, err)
	}
	next := locks.NewMutex("late", redsync.WithExpiry(time.Hour))
	if err := next.TryLockContext(ctx); err != nil {
		t.Fatal(err)
	}
	var taken *redsync.ErrTaken
	if ok, err := slow.UnlockContext(ctx); ok || !errors.As(err, &taken) {
		t.Errorf("another's lock is given back: %v, %v", ok, err)
	}
	if ok, err := slow.ExtendContext(ctx); ok || err == nil {
		t.Errorf("another's lock is extended: %v, %v", ok, err)
	}
	if got, left := client.Get(ctx, "late").Val(), client.PTTL(ctx, "late").Val(); got != next.Value() || left < 50*time.Minute {
		t.Errorf("the lock has the value %q for %v, want %q for an hour", got, left, next.Value())
	}
	if ok, err := next.UnlockContext(ctx); !ok || err != nil {
		t.Errorf("it is not given back by whose it is: %v, %v", ok, err)
	}
}

// flushed has the server forget the library's scripts: they are sent again, and the lock is none the worse.
func flushed(t *testing.T, client *redis.Client, locks *redsync.Redsync) {
	t.Helper()
	ctx := t.Context()
	lock := locks.NewMutex("flushed")
	if err := lock.LockContext(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := client.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if ok, err := lock.ExtendContext(ctx); !ok || err != nil {
			t.Errorf("it is not extended: %v, %v", ok, err)
		}
	}
	if err := client.ScriptFlush(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if ok, err := lock.UnlockContext(ctx); !ok || err != nil || client.Exists(ctx, "flushed").Val() != 0 {
		t.Errorf("it is not given back: %v, %v", ok, err)
	}
}

// TestQuorum holds locks in three servers, of which one dies: two of them are enough, and then one is not.
func TestQuorum(t *testing.T) {
	bin, args := testutil.RedpollBinary(t)
	var servers []*testutil.Proc
	var clients []*redis.Client
	for range 3 {
		p := testutil.Process(t, bin, args...)
		servers, clients = append(servers, p), append(clients, connect(t, p.Addr, 2))
	}
	locks := locksIn(clients...)
	exclusive := func(ctx context.Context) {
		t.Helper()
		count, inside := 0, atomic.Int32{}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 10 {
					lock := locks.NewMutex("all", redsync.WithTries(10_000), redsync.WithRetryDelayFunc(func(int) time.Duration {
						return time.Duration(1+rand.IntN(5)) * time.Millisecond
					}))
					if err := lock.LockContext(ctx); err != nil {
						t.Error(err)
						return
					}
					if inside.Add(1) != 1 {
						t.Error("two have the lock")
					}
					count++ // only the lock keeps this from being a race
					inside.Add(-1)
					if ok, err := lock.UnlockContext(ctx); !ok {
						t.Errorf("it is not given back: %v", err)
					}
				}
			})
		}
		all.Wait()
		if count != 40 {
			t.Errorf("counted %d, want 40", count)
		}
	}
	exclusive(t.Context())
	servers[2].Kill()
	exclusive(t.Context())
	servers[1].Kill()
	if err := locks.NewMutex("all", redsync.WithTries(3)).LockContext(t.Context()); err == nil {
		t.Error("one server of three gives a lock")
	}
}
