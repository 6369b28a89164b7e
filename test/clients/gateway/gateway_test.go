// SPDX-License-Identifier: BSD-3-Clause

package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/redpoll/redpoll/internal/testutil"
)

func connect(t *testing.T, protocol int) *redis.Client {
	bin, args := testutil.RedpollBinary(t)
	server := testutil.Process(t, bin, args...)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: protocol, PoolSize: 20, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestGateway(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, protocol)
			oneByOne(t, client)
			crowd(t, client)
			costs(t, client)
			refill(t, client)
			atMost(t, client)
		})
	}
}

// gateway makes a gateway that counts what it lets through.
func gateway(client *redis.Client, limit redis_rate.Limit) (g *Gateway, served *atomic.Int32) {
	served = new(atomic.Int32)
	return &Gateway{redis_rate.NewLimiter(client), limit, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) })}, served
}

// ask sends a request, and returns its status, what remains and when to come back.
func ask(g *Gateway, caller, query string) (status, remaining, retry int) {
	r := httptest.NewRequest("GET", "/"+query, nil)
	r.Header.Set("X-Caller", caller)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	remaining, _ = strconv.Atoi(w.Header().Get("X-Remaining"))
	retry, _ = strconv.Atoi(w.Header().Get("Retry-After"))
	return w.Code, remaining, retry
}

// oneByOne uses up a limit of which nothing comes back within the test.
func oneByOne(t *testing.T, client *redis.Client) {
	t.Helper()
	ctx := t.Context()
	g, served := gateway(client, redis_rate.PerHour(5))
	for want := 4; want >= 0; want-- {
		if status, remaining, _ := ask(g, "anna", ""); status != 200 || remaining != want {
			t.Errorf("status %d with %d remaining, want 200 with %d", status, remaining, want)
		}
	}
	for range 3 {
		if status, remaining, retry := ask(g, "anna", ""); status != 429 || remaining != 0 || retry <= 700 || retry > 720 {
			t.Errorf("status %d with %d remaining, retry after %d s, want 429, 0, 720 s", status, remaining, retry)
		}
	}
	if status, remaining, _ := ask(g, "ben", ""); status != 200 || remaining != 4 {
		t.Errorf("another caller has status %d with %d remaining", status, remaining)
	}
	if n := served.Load(); n != 6 {
		t.Errorf("%d were served, want 6", n)
	}
	if left := client.TTL(ctx, "rate:anna").Val(); left < 59*time.Minute || left > time.Hour {
		t.Errorf("what is known of a caller is forgotten after %v", left)
	}
	if err := g.Limiter.Reset(ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	if status, remaining, _ := ask(g, "anna", ""); status != 200 || remaining != 4 {
		t.Errorf("after a reset: status %d with %d remaining", status, remaining)
	}
}

// crowd has several gateways let through what many callers ask for at the same time: of each caller as much as the limit says, and
// each of what remains once.
func crowd(t *testing.T, client *redis.Client) {
	t.Helper()
	const callers, limit, tries = 5, 20, 16 // by each of 8 gateways
	var mu sync.Mutex
	remained := map[string][]int{}
	refused := 0
	var all sync.WaitGroup
	for range 8 {
		g, _ := gateway(client, redis_rate.PerHour(limit))
		all.Go(func() {
			for i := range callers * tries {
				caller := fmt.Sprint("caller", i%callers)
				status, remaining, _ := ask(g, caller, "")
				mu.Lock()
				switch status {
				case 200:
					remained[caller] = append(remained[caller], remaining)
				case 429:
					refused++
				default:
					t.Errorf("status %d", status)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	var want []int
	for i := range limit {
		want = append(want, i)
	}
	for caller, got := range remained {
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s was let through with %v remaining, want each once from 0 to %d", caller, got, limit-1)
		}
	}
	if len(remained) != callers || refused != callers*(8*tries-limit) {
		t.Errorf("%d callers were let through, %d requests refused", len(remained), refused)
	}
}

// costs takes several at once, or none.
func costs(t *testing.T, client *redis.Client) {
	t.Helper()
	g, served := gateway(client, redis_rate.Limit{Rate: 10, Period: time.Hour, Burst: 100})
	for i, want := range []struct {
		cost, status, remaining int
	}{{60, 200, 40}, {41, 429, 0}, {40, 200, 0}, {1, 429, 0}, {0, 400, 0}} {
		status, remaining, _ := ask(g, "carl", fmt.Sprint("?cost=", want.cost))
		if status != want.status || remaining != want.remaining {
			t.Errorf("request %d: status %d with %d remaining, want %d with %d", i, status, remaining, want.status, want.remaining)
		}
	}
	if n := served.Load(); n != 2 {
		t.Errorf("%d were served, want 2", n)
	}
}

// refill waits until a used-up limit gives something again, which it does bit by bit, and does not give more than time has brought.
func refill(t *testing.T, client *redis.Client) {
	t.Helper()
	const rate = 50
	g, served := gateway(client, redis_rate.Limit{Rate: rate, Period: time.Second, Burst: 5})
	began := time.Now()
	testutil.Poll(t, testutil.Patience, func() bool {
		ask(g, "dora", "")
		return served.Load() >= 20
	})
	took := time.Since(began)
	if n, most := served.Load(), 5+int32(took.Seconds()*rate)+1; n > most {
		t.Errorf("%d were served within %v, want no more than %d", n, took, most)
	}
	testutil.Poll(t, testutil.Patience, func() bool { return client.Exists(t.Context(), "rate:dora").Val() == 0 })
	if status, remaining, _ := ask(g, "dora", ""); status != 200 || remaining != 4 {
		t.Errorf("who was forgotten has status %d with %d remaining", status, remaining)
	}
}

// atMost takes what there is of more.
func atMost(t *testing.T, client *redis.Client) {
	t.Helper()
	limiter, limit := redis_rate.NewLimiter(client), redis_rate.PerHour(10)
	for i, want := range []struct{ ask, allowed, remaining int }{{4, 4, 6}, {8, 6, 0}, {1, 0, 0}} {
		r, err := limiter.AllowAtMost(t.Context(), "emil", limit, want.ask)
		if err != nil {
			t.Fatal(err)
		}
		if r.Allowed != want.allowed || r.Remaining != want.remaining || (r.RetryAfter >= 0) != (want.allowed == 0) {
			t.Errorf("request %d: %+v, want %d and %d remaining", i, r, want.allowed, want.remaining)
		}
	}
}
