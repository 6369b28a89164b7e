// SPDX-License-Identifier: BSD-3-Clause

// Package clients runs programs written for Redis, with the client libraries that people use, against a Redpoll process. With redis-py
// in python/: those of a tutorial on caching (cache-aside over a slow database, sessions with sliding expiry, sessions of devices in fields
// that expire) and of one on the other types (a leaderboard, queues of e-mails, a rate limiter, listeners to channels and keys, workers on a
// stream some of whom die, events from an outbox, drivers nearby), and those that live on scripts (locks, a shop whose baskets are reserved
// wholly or not at all, Celery with workers of which one is killed). With go-redis: cacheaside/, sessions/, devices/, queue/ (workers that wait
// and give up), chat/ (listeners whose connections break), eventlog/ (readers of a stream), and by scripts bank/ (transfers under redsync's
// locks) and gateway/ (limits of redis_rate). It is a module of its own so that the server needs none of them.
package clients
