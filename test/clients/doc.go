// SPDX-License-Identifier: BSD-3-Clause

// Package clients runs programs written for Redis, with the client libraries that people use, against a Redpoll process. The
// programs are those of a tutorial on caching: cache-aside over a slow database, sessions with sliding expiry, and sessions of
// devices in fields that expire; in python/ with redis-py, in cacheaside/, sessions/ and devices/ with go-redis. It is a module of its own so that the server needs none of them.
package clients
