// SPDX-License-Identifier: BSD-3-Clause

package devices

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
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

func TestDevices(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			store := &Store{Client: connect(t, protocol), TTL: 30 * time.Minute}
			live(t, store)
			codes(t, store)
			dropOut(t, store)
			many(t, store)
		})
	}
}

func login(t *testing.T, store *Store, user, device string) string {
	t.Helper()
	token, err := store.Login(t.Context(), user, device)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// wantLeft checks how long a session lives, 2 s more or less.
func wantLeft(t *testing.T, store *Store, user, token string, want time.Duration) {
	t.Helper()
	if left, err := store.Left(t.Context(), user, token); err != nil || left > want || left < want/2 {
		t.Errorf("it lives for %v, %v, want %v", left, err, want)
	}
}

// live follows the sessions of one user.
func live(t *testing.T, store *Store) {
	t.Helper()
	ctx := t.Context()
	phone, laptop := login(t, store, "anna", "phone"), login(t, store, "anna", "laptop")
	all := map[string]string{phone: "phone", laptop: "laptop"}
	if got, err := store.Devices(ctx, "anna"); err != nil || !maps.Equal(got, all) {
		t.Errorf("devices %v, %v", got, err)
	}
	if enc := store.Client.ObjectEncoding(ctx, Key("anna")).Val(); enc != "listpackex" {
		t.Errorf("the encoding is %s", enc)
	}
	wantLeft(t, store, "anna", phone, 30*time.Minute)
	if err := store.Shorten(ctx, "anna", phone, time.Minute); err != nil {
		t.Error(err)
	}
	if err := store.Shorten(ctx, "anna", phone, time.Hour); err == nil {
		t.Error("made longer")
	}
	wantLeft(t, store, "anna", phone, time.Minute)
	if err := store.Rename(ctx, "anna", phone, "old phone"); err != nil {
		t.Error(err)
	}
	wantLeft(t, store, "anna", phone, time.Minute)
	if device, err := store.Use(ctx, "anna", phone); err != nil || device != "old phone" {
		t.Errorf("used %q, %v", device, err)
	}
	wantLeft(t, store, "anna", phone, 30*time.Minute)
	if err := store.Remember(ctx, "anna", laptop); err != nil {
		t.Error(err)
	}
	if left, err := store.Left(ctx, "anna", laptop); err != nil || left >= 0 {
		t.Errorf("what is remembered lives for %v, %v", left, err)
	}
	if _, err := store.Use(ctx, "anna", "forged"); !errors.Is(err, ErrNoSession) {
		t.Errorf("a forged token: %v", err)
	}
	if err := store.Rename(ctx, "anna", "forged", "x"); !errors.Is(err, ErrNoSession) {
		t.Errorf("a forged token: %v", err)
	}
	if device, err := store.Logout(ctx, "anna", laptop); err != nil || device != "laptop" {
		t.Errorf("logged out %q, %v", device, err)
	}
	if _, err := store.Logout(ctx, "anna", laptop); !errors.Is(err, ErrNoSession) {
		t.Errorf("logged out again: %v", err)
	}
	if _, err := store.Logout(ctx, "anna", phone); err != nil {
		t.Error(err)
	}
	if store.Client.Exists(ctx, Key("anna")).Val() != 0 {
		t.Error("something is left of a user without sessions")
	}
}

// codes are good once, and one at a time, however many ask.
func codes(t *testing.T, store *Store) {
	t.Helper()
	ctx := t.Context()
	var made, redeemed atomic.Int32
	var code atomic.Pointer[string]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch c, err := store.Code(ctx, "anna", "reset", time.Minute); {
			case err == nil:
				made.Add(1)
				code.Store(&c)
			case !errors.Is(err, ErrTaken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for range 8 {
		wg.Go(func() {
			if ok, err := store.Redeem(ctx, "anna", "reset", *code.Load()); err != nil {
				t.Error(err)
			} else if ok {
				redeemed.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || redeemed.Load() != 1 {
		t.Errorf("%d codes made, %d times redeemed", made.Load(), redeemed.Load())
	}
}

// dropOut lets sessions end by themselves, each at its time.
func dropOut(t *testing.T, store *Store) {
	t.Helper()
	ctx := t.Context()
	short := &Store{Client: store.Client, TTL: 300 * time.Millisecond}
	stays := login(t, store, "bob", "desk")
	began := time.Now()
	goes := login(t, short, "bob", "tv")
	testutil.Poll(t, testutil.Patience, func() bool {
		all, err := store.Devices(ctx, "bob")
		return err == nil && len(all) == 1
	})
	if took := time.Since(began); took < short.TTL {
		t.Errorf("it ended after %v", took)
	}
	if _, err := store.Use(ctx, "bob", goes); !errors.Is(err, ErrNoSession) {
		t.Errorf("used after its end: %v", err)
	}
	if device, err := store.Use(ctx, "bob", stays); err != nil || device != "desk" {
		t.Errorf("the other one: %q, %v", device, err)
	}
	for try := range 4 {
		if ok, err := short.Try(ctx, "bob", "password", 3, time.Hour); err != nil || ok != (try < 3) {
			t.Errorf("try %d: %v, %v", try+1, ok, err)
		}
	}
	store.Client.PExpire(ctx, "tries:bob", time.Millisecond)
	testutil.Poll(t, testutil.Patience, func() bool { return store.Client.Exists(ctx, "tries:bob").Val() == 0 })
}

// many has very many sessions of one user end in one instant, while others are served.
func many(t *testing.T, store *Store) {
	t.Helper()
	ctx := t.Context()
	const n = 20_000
	tokens := make([]string, n)
	for i := 0; i < n; i += 1000 {
		var pairs []string
		for j := i; j < i+1000; j++ {
			tokens[j] = fmt.Sprint("token", j)
			pairs = append(pairs, tokens[j], "robot")
		}
		if err := store.Client.HSetEX(ctx, Key("eve"), pairs...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	stays := login(t, store, "eve", "desk")
	if got := store.Client.HLen(ctx, Key("eve")).Val(); got != n+1 {
		t.Errorf("%d sessions", got)
	}
	at := time.Now().Add(time.Second)
	if err := store.Client.HPExpireAt(ctx, Key("eve"), at, tokens...).Err(); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, testutil.Patience, func() bool {
		if device, err := store.Use(ctx, "eve", stays); err != nil || device != "desk" {
			t.Fatalf("the one that stays: %q, %v", device, err)
		}
		return store.Client.HLen(ctx, Key("eve")).Val() == 1
	})
	if now := time.Now(); now.Before(at) {
		t.Errorf("they ended %v too early", at.Sub(now))
	}
}
