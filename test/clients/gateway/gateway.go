// SPDX-License-Identifier: BSD-3-Clause

// Package gateway is an HTTP gateway that limits how much each caller may ask for, with redis_rate: the server counts in a script, so any
// number of gateways share the limits.
package gateway

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-redis/redis_rate/v10"
)

// A Gateway lets requests through to a handler while their callers have something left.
type Gateway struct {
	Limiter *redis_rate.Limiter
	Limit   redis_rate.Limit
	Handler http.Handler
}

// ServeHTTP limits by the header X-Caller. A request costs 1, or what the parameter "cost" says.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cost := 1
	if text := r.URL.Query().Get("cost"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "cost is no number above 0", http.StatusBadRequest)
			return
		}
		cost = n
	}
	result, err := g.Limiter.AllowN(r.Context(), r.Header.Get("X-Caller"), g.Limit, cost)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Remaining", strconv.Itoa(result.Remaining))
	if result.Allowed == 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(result.RetryAfter)))
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	}
	g.Handler.ServeHTTP(w, r)
}

// seconds is a duration in whole seconds, rounded up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
