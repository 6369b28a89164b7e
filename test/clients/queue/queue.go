// SPDX-License-Identifier: BSD-3-Clause

// Package queue hands jobs to workers with go-redis. A job lies in a list, and while it is done in the worker's own (BLMOVE), so that
// what a worker has left behind can be queued again; urgent ones lie in a sorted set, the most urgent first (BZPOPMIN). Who waits
// gives up when his context ends.
package queue

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNone says that no job has come within the time.
var ErrNone = errors.New("no job")

// A Queue is a list of jobs that wait, and one for each worker of those that he is at. The client's options must have
// ContextTimeoutEnabled.
type Queue struct {
	Client *redis.Client
	Name   string
}

func (q *Queue) waiting() string                { return q.Name + ":waiting" }
func (q *Queue) atWork(worker string) string    { return q.Name + ":at:" + worker }
func (q *Queue) urgent() string                 { return q.Name + ":urgent" }
func (q *Queue) length(ctx context.Context) int { return int(q.Client.LLen(ctx, q.waiting()).Val()) }

// Put queues jobs.
func (q *Queue) Put(ctx context.Context, jobs ...string) error {
	return q.Client.RPush(ctx, q.waiting(), jobs).Err()
}

// Take gives a worker the next job, waiting for one as long as patience says (0: for ever) and the context lasts.
func (q *Queue) Take(ctx context.Context, worker string, patience time.Duration) (string, error) {
	job, err := q.Client.BLMove(ctx, q.waiting(), q.atWork(worker), "LEFT", "RIGHT", patience).Result()
	if errors.Is(err, redis.Nil) {
		err = ErrNone
	}
	return job, err
}

// Done says that a worker has done a job, and tells whether he was at it.
func (q *Queue) Done(ctx context.Context, worker, job string) (bool, error) {
	n, err := q.Client.LRem(ctx, q.atWork(worker), 1, job).Result()
	return n == 1, err
}

// Rescue queues again, before all others, what a worker has left behind, and tells how many jobs.
func (q *Queue) Rescue(ctx context.Context, worker string) (n int, err error) {
	for {
		switch err := q.Client.LMove(ctx, q.atWork(worker), q.waiting(), "RIGHT", "LEFT").Err(); {
		case errors.Is(err, redis.Nil):
			return n, nil
		case err != nil:
			return n, err
		}
		n++
	}
}

// PutUrgent queues a job of an urgency, 0 being the most urgent.
func (q *Queue) PutUrgent(ctx context.Context, job string, urgency float64) error {
	return q.Client.ZAdd(ctx, q.urgent(), redis.Z{Score: urgency, Member: job}).Err()
}

// TakeUrgent gives the most urgent job, waiting for one as Take does.
func (q *Queue) TakeUrgent(ctx context.Context, patience time.Duration) (string, error) {
	job, err := q.Client.BZPopMin(ctx, patience, q.urgent()).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return "", ErrNone
	case err != nil:
		return "", err
	}
	return job.Member.(string), nil
}
