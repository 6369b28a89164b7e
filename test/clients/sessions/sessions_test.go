// SPDX-License-Identifier: BSD-3-Clause

package sessions

import (
	"errors"
	"sync"
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

func TestSessions(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			store := &Store{Client: connect(t, protocol), TTL: 30 * time.Minute}
			token := create(t, store, Session{User: "anna", Theme: "dark"})
			use(t, store, token)
			together(t, store, token)
			end(t, store, token)
			slide(t, store)
		})
	}
}

func create(t *testing.T, store *Store, session Session) string {
	t.Helper()
	token, err := store.Create(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// use reads and changes one session.
func use(t *testing.T, store *Store, token string) {
	t.Helper()
	ctx := t.Context()
	if got, err := store.Load(ctx, token); err != nil || got != (Session{User: "anna", Theme: "dark"}) {
		t.Errorf("a new session: %+v, %v", got, err)
	}
	if ttl := store.Client.TTL(ctx, Key(token)).Val(); ttl < 29*time.Minute || ttl > 30*time.Minute {
		t.Errorf("it lives for %v", ttl)
	}
	if enc := store.Client.ObjectEncoding(ctx, Key(token)).Val(); enc != "listpack" {
		t.Errorf("its encoding is %s", enc)
	}
	for want := int64(1); want <= 3; want++ {
		if n, err := store.View(ctx, token); err != nil || n != want {
			t.Errorf("view %d was counted as %d, %v", want, n, err)
		}
	}
	if err := store.Client.HSet(ctx, Key(token), "theme", "light").Err(); err != nil {
		t.Error(err)
	}
	if got, err := store.Load(ctx, token); err != nil || got != (Session{User: "anna", Theme: "light", Views: 3}) {
		t.Errorf("after changes: %+v, %v", got, err)
	}
	if _, err := store.Load(ctx, "forged"); !errors.Is(err, ErrNoSession) {
		t.Errorf("a forged token: %v", err)
	}
	if n := store.Client.Exists(ctx, Key("forged")).Val(); n != 0 {
		t.Error("asking for a session made it")
	}
	if err := store.Client.HIncrBy(ctx, Key(token), "theme", 1).Err(); err == nil || err.Error() != "ERR hash value is not an integer" {
		t.Errorf("counting what is no number: %v", err)
	}
}

// together changes one session from many goroutines; nothing is lost.
func together(t *testing.T, store *Store, token string) {
	t.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := store.View(t.Context(), token); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if err := store.AddToBasket(t.Context(), token, "apple", 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := store.Client.HMGet(t.Context(), Key(token), "views", "apple", "pear").Val()
	if got[0] != "163" || got[1] != "40" || got[2] != nil {
		t.Errorf("views, apples and pears: %v", got)
	}
}

// end finds all sessions by scanning and ends one.
func end(t *testing.T, store *Store, token string) {
	t.Helper()
	ctx, want := t.Context(), map[string]bool{Key(token): true}
	for range 200 {
		want[Key(create(t, store, Session{User: "many"}))] = true
	}
	all, err := store.All(ctx)
	if err != nil || len(all) != len(want) {
		t.Errorf("found %d sessions of %d, %v", len(all), len(want), err)
	}
	for _, there := range []bool{true, false} {
		if ok, err := store.Destroy(ctx, token); ok != there || err != nil {
			t.Errorf("ending a session: %v, %v, want %v", ok, err, there)
		}
	}
	if _, err := store.Load(ctx, token); !errors.Is(err, ErrNoSession) {
		t.Errorf("an ended session: %v", err)
	}
}

// slide keeps one session alive by using it, while another ends.
func slide(t *testing.T, store *Store) {
	t.Helper()
	ctx, brief := t.Context(), &Store{Client: store.Client, TTL: time.Hour}
	kept, left := create(t, brief, Session{User: "kept"}), create(t, brief, Session{User: "left"})
	for range 3 {
		for _, token := range []string{kept, left} {
			store.Client.Expire(ctx, Key(token), 20*time.Minute) // as if 40 had gone by
		}
		if _, err := brief.Load(ctx, kept); err != nil {
			t.Fatalf("a session in use ended: %v", err)
		}
	}
	if a, b := store.Client.TTL(ctx, Key(kept)).Val(), store.Client.TTL(ctx, Key(left)).Val(); a <= 20*time.Minute || b > 20*time.Minute {
		t.Errorf("a session in use lives for %v, another for %v", a, b)
	}
	for _, token := range []string{kept, left} {
		store.Client.PExpire(ctx, Key(token), time.Millisecond)
		testutil.Poll(t, testutil.Patience, func() bool { return store.Client.Exists(ctx, Key(token)).Val() == 0 })
	}
}
