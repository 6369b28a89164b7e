// SPDX-License-Identifier: BSD-3-Clause

package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redpoll/redpoll/internal/testutil"
)

const patience = testutil.Patience // for what must come at once

func connect(t *testing.T, protocol int) *redis.Client {
	bin, args := testutil.RedpollBinary(t)
	server := testutil.Process(t, bin, args...)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: protocol, ContextTimeoutEnabled: true, PoolSize: 40, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestQueue(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, protocol)
			one(t, &Queue{client, "one"})
			urgent(t, &Queue{client, "urgent"})
			givenUp(t, &Queue{client, "given up"})
			team(t, &Queue{client, "team"})
			impatient(t, &Queue{client, "impatient"})
		})
	}
}

// waitFor waits until so many clients wait for a key.
func waitFor(t *testing.T, client *redis.Client, n int) {
	t.Helper()
	want := fmt.Sprintf("blocked_clients:%d\r\n", n)
	testutil.Poll(t, patience, func() bool { return strings.Contains(client.Info(t.Context(), "clients").Val(), want) })
}

// one has one worker take jobs, die and be rescued.
func one(t *testing.T, q *Queue) {
	t.Helper()
	ctx := t.Context()
	began := time.Now()
	if job, err := q.Take(ctx, "w", 200*time.Millisecond); !errors.Is(err, ErrNone) || time.Since(began) < 190*time.Millisecond {
		t.Errorf("an empty queue gives %q, %v after %v", job, err, time.Since(began))
	}
	if err := q.Put(ctx, "a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "b"} {
		if job, err := q.Take(ctx, "w", patience); err != nil || job != want {
			t.Errorf("got %q, %v, want %q", job, err, want)
		}
	}
	if ok, err := q.Done(ctx, "w", "a"); err != nil || !ok {
		t.Errorf("a is not done: %v", err)
	}
	if ok, err := q.Done(ctx, "w", "a"); err != nil || ok {
		t.Errorf("a is done twice: %v", err)
	}
	if n, err := q.Rescue(ctx, "w"); err != nil || n != 1 {
		t.Errorf("%d jobs are rescued, %v", n, err)
	}
	if left := q.Client.LRange(ctx, q.waiting(), 0, -1).Val(); !slices.Equal(left, []string{"b", "c"}) {
		t.Errorf("%q are left", left)
	}
}

// urgent takes jobs by their urgency, and one that comes while it is waited for.
func urgent(t *testing.T, q *Queue) {
	t.Helper()
	ctx := t.Context()
	for job, urgency := range map[string]float64{"soon": 1.5, "now": 0, "some day": 1e9} {
		if err := q.PutUrgent(ctx, job, urgency); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"now", "soon", "some day"} {
		if job, err := q.TakeUrgent(ctx, patience); err != nil || job != want {
			t.Errorf("got %q, %v, want %q", job, err, want)
		}
	}
	got := make(chan string)
	go func() {
		job, err := q.TakeUrgent(ctx, patience)
		got <- fmt.Sprint(job, err)
	}()
	waitFor(t, q.Client, 1)
	if err := q.PutUrgent(ctx, "fire", 0); err != nil {
		t.Fatal(err)
	}
	if job := <-got; job != "fire<nil>" {
		t.Errorf("got %s", job)
	}
}

// givenUp has a worker give up waiting: what comes later is not for the dead.
func givenUp(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if job, err := q.Take(ctx, "gone", 0); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a worker whose context has ended got %q, %v", job, err)
	}
	waitFor(t, q.Client, 0)
	if err := q.Put(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	if n := q.length(t.Context()); n != 2 {
		t.Errorf("%d jobs wait, want 2", n)
	}
	if job, err := q.Take(t.Context(), "next", patience); err != nil || job != "a" {
		t.Errorf("the next worker gets %q, %v", job, err)
	}
}

// A tally notes what was done.
type tally struct {
	mu   sync.Mutex
	done []string
}

func (d *tally) add(job string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, job)
}

// want checks that n jobs were done, each once.
func (d *tally) want(t *testing.T, n int) {
	t.Helper()
	slices.Sort(d.done)
	if distinct := slices.Compact(slices.Clone(d.done)); len(d.done) != n || len(distinct) != n {
		t.Errorf("%d jobs were done, %d of them distinct, want %d", len(d.done), len(distinct), n)
	}
}

// put queues n jobs from several sides at once, in batches of different sizes.
func put(t *testing.T, q *Queue, n int) {
	var group sync.WaitGroup
	for side := range 3 {
		group.Go(func() {
			var batch []string
			for i := side; i < n; i += 3 {
				if batch = append(batch, fmt.Sprint("job", i)); len(batch) > i%5 {
					if err := q.Put(t.Context(), batch...); err != nil {
						t.Error(err)
					}
					batch = nil
				}
			}
			if len(batch) > 0 {
				if err := q.Put(t.Context(), batch...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// team has workers wait before there is anything to do.
func team(t *testing.T, q *Queue) {
	t.Helper()
	const workers, jobs = 8, 900
	var done tally
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			worker := fmt.Sprint("w", i)
			for {
				job, err := q.Take(t.Context(), worker, patience)
				if err != nil || job == "stop" {
					if err != nil {
						t.Errorf("worker %d: %v", i, err)
					}
					return
				}
				done.add(job)
				if ok, err := q.Done(t.Context(), worker, job); err != nil || !ok {
					t.Errorf("worker %d is not at %s: %v", i, job, err)
				}
			}
		})
	}
	waitFor(t, q.Client, workers)
	put(t, q, jobs)
	for range workers {
		if err := q.Put(t.Context(), "stop"); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	done.want(t, jobs)
}

// impatient has workers whose contexts end after some milliseconds, at whatever moment that is: a job is in the queue or at a worker,
// never lost and never in both places.
func impatient(t *testing.T, q *Queue) {
	t.Helper()
	const workers, jobs = 6, 300
	var done tally
	var group sync.WaitGroup
	putting := make(chan struct{})
	for i := range workers {
		group.Go(func() {
			worker := fmt.Sprint("w", i)
			for try := 0; ; try++ {
				select {
				case <-putting:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+try%7)*time.Millisecond)
				job, err := q.Take(ctx, worker, 0)
				cancel()
				if err != nil {
					continue
				}
				if ok, err := q.Done(t.Context(), worker, job); err != nil || !ok {
					t.Errorf("worker %d is not at %s: %v", i, job, err)
				}
				done.add(job)
			}
		})
	}
	put(t, q, jobs)
	close(putting)
	group.Wait()
	waitFor(t, q.Client, 0)
	for i := range workers {
		if _, err := q.Rescue(t.Context(), fmt.Sprint("w", i)); err != nil {
			t.Error(err)
		}
	}
	for q.length(t.Context()) > 0 {
		job, err := q.Take(t.Context(), "last", patience)
		if err != nil {
			t.Fatal(err)
		}
		done.add(job)
	}
	done.want(t, jobs)
}
