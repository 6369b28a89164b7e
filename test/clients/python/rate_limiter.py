# SPDX-License-Identifier: BSD-3-Clause
"""A rate limiter with a sliding window: so many requests within the last so many seconds, whenever they came.

A user's requests lie in a sorted set by their times; one transaction drops those that are too old, adds the new one, counts, and lets the
whole be forgotten when nothing comes any more. Usage: rate_limiter.py HOST PORT. Prints what it checked; ends with status 1 at the first
thing that is not as it should be.
"""

import itertools
import sys
import threading
import time

import redis


class RateLimiter:
    """Allows so many requests of a user within a window of so many seconds."""

    def __init__(self, store, limit, window, clock=time.time):
        self.store, self.limit, self.window, self.clock = store, limit, window, clock
        self.numbers = itertools.count()  # tells requests of the same instant apart

    @staticmethod
    def key(user):
        return f"requests:{user}"

    def allow(self, user):
        """Whether a request may pass, and how many more may."""
        now = self.clock()
        request = f"{now}:{threading.get_ident()}:{next(self.numbers)}"
        with self.store.pipeline() as pipe:
            pipe.zremrangebyscore(self.key(user), "-inf", f"({now - self.window}")
            pipe.zadd(self.key(user), {request: now})
            pipe.zcard(self.key(user))
            pipe.expire(self.key(user), max(1, round(self.window)))
            _, added, count, _ = pipe.execute()
        if added != 1:
            raise RuntimeError("two requests of the same name")
        if count > self.limit:
            self.store.zrem(self.key(user), request)  # what is refused does not count
        return count <= self.limit, max(self.limit - count, 0)

    def retry_after(self, user):
        """The seconds until the oldest request drops out."""
        oldest = self.store.zrange(self.key(user), 0, 0, withscores=True)
        return max(oldest[0][1] + self.window - self.clock(), 0) if oldest else 0


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


def sliding(store):
    clock = Clock()
    limiter = RateLimiter(store, limit=3, window=10, clock=clock)
    check("three may pass", [limiter.allow("anna") for _ in range(3)], [(True, 2), (True, 1), (True, 0)])
    check("a fourth may not", limiter.allow("anna"), (False, 0))
    check("others are not held up", limiter.allow("ben"), (True, 2))
    check("until the oldest drops out", limiter.retry_after("anna"), 10.0)
    clock.now += 4
    check("not yet", (limiter.allow("anna"), limiter.retry_after("anna")), ((False, 0), 6.0))
    clock.now += 6
    check("nor at the very end", limiter.allow("anna"), (False, 0))
    clock.now += 0.001
    check("now all have dropped out", limiter.allow("anna"), (True, 2))
    clock.now += 5
    check("the window slides", [limiter.allow("anna")[0] for _ in range(3)], [True, True, False])
    clock.now += 5.001
    check("with each request by itself", [limiter.allow("anna")[0] for _ in range(2)], [True, False])
    check("what is refused leaves nothing", store.zcard(limiter.key("anna")), 3)
    check("what is idle will be forgotten", 0 < store.ttl(limiter.key("anna")) <= 10, True)


def crowd(store, threads=8, tries=40, limit=25):
    """Requests that come at the same time are counted one by one."""
    limiter = RateLimiter(store, limit=limit, window=60)
    allowed, failures, lock = [], [], threading.Lock()

    def ask():
        try:
            for _ in range(tries):
                ok, _ = limiter.allow("crowd")
                with lock:
                    allowed.append(ok)
        except Exception as e:
            failures.append(e)

    group = [threading.Thread(target=ask, daemon=True) for _ in range(threads)]
    for t in group:
        t.start()
    for t in group:
        t.join(timeout=120)
    check("all were answered", (failures, len(allowed)), ([], threads * tries))
    check("as many as may passed", sum(allowed), limit)
    check("and only they are kept", store.zcard(limiter.key("crowd")), limit)


def real_time(store):
    limiter = RateLimiter(store, limit=2, window=0.4)
    for _ in range(100):  # until the three come within a moment
        store.delete(limiter.key("carl"))
        if (got := [limiter.allow("carl")[0] for _ in range(3)]) == [True, True, False]:
            break
    check("two within a moment", got, [True, True, False])
    end = time.monotonic() + 60
    tries = 0
    while not limiter.allow("carl")[0]:
        tries += 1
        if time.monotonic() > end:
            check("and again when it is over", False, True)
        time.sleep(min(limiter.retry_after("carl"), 0.05))
    check("and again when it is over", tries < 100, True)
    end = time.monotonic() + 60
    while store.exists(limiter.key("carl")):
        if time.monotonic() > end:
            check("then it is forgotten", False, True)
        time.sleep(0.02)
    check("then it is forgotten", store.ttl(limiter.key("carl")), -2)


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    sliding(store)
    crowd(store)
    real_time(store)
    store.flushdb()
    print("rate_limiter.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
