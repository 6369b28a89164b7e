// SPDX-License-Identifier: BSD-3-Clause

// Package clients runs programs written for Redis, with the client libraries that people use, against a Redpoll process. With redis-py
// in python/: those of a tutorial on caching (cache-aside over a slow database, sessions with sliding expiry, sessions of devices in fields
// that expire) and of one on the other types (a leaderboard, queues of e-mails, a rate limiter, listeners to channels and keys, workers on a
// stream some of whom die, events from an outbox, drivers nearby). With go-redis: cacheaside/, sessions/, devices/, queue/ (workers that wait
// and give up), chat/ (listeners whose connections break) and eventlog/ (readers of a stream). It is a module of its own so that the server
// needs none of them.
package clients
