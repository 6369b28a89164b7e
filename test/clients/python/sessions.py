# SPDX-License-Identifier: BSD-3-Clause
"""Web sessions as hashes with sliding expiry, as a tutorial on caching has it.

Each session is a hash; every request that names it pushes its end further away. Usage: sessions.py HOST PORT. Prints what it
checked; ends with status 1 at the first thing that is not as it should be.
"""

import secrets
import sys
import threading
import time

import redis


class Sessions:
    """The sessions of a web application."""

    def __init__(self, store, ttl=1800):
        self.store, self.ttl = store, ttl

    @staticmethod
    def key(token):
        return f"session:{token}"

    def create(self, user, **data):
        token = secrets.token_urlsafe(16)
        with self.store.pipeline() as pipe:
            pipe.hset(self.key(token), mapping={"user": user, "views": 0, **data})
            pipe.expire(self.key(token), self.ttl)
            pipe.execute()
        return token

    def load(self, token):
        """The session's data, or None; being looked at keeps it alive."""
        with self.store.pipeline() as pipe:
            pipe.hgetall(self.key(token))
            pipe.expire(self.key(token), self.ttl)
            data, alive = pipe.execute()
        return data if alive else None

    def view(self, token):
        return self.store.hincrby(self.key(token), "views", 1)

    def put_in_basket(self, token, item, count):
        """Adds to a field by the optimistic way: WATCH, read, MULTI, write, EXEC."""

        def change(pipe):
            basket = dict(p.split("=") for p in (pipe.hget(self.key(token), "basket") or "").split(",") if p)
            basket[item] = str(int(basket.get(item, 0)) + count)
            pipe.multi()
            pipe.hset(self.key(token), "basket", ",".join(f"{k}={v}" for k, v in sorted(basket.items())))

        self.store.transaction(change, self.key(token))

    def destroy(self, token):
        return self.store.delete(self.key(token))

    def all(self):
        return {key.split(":", 1)[1] for key in self.store.scan_iter(match="session:*", count=50)}


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def in_threads(count, body):
    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    sessions = Sessions(store)

    token = sessions.create("anna", theme="dark", note="zwölf\r\nlines")
    check("a new session is there", sessions.load(token), {"user": "anna", "views": "0", "theme": "dark", "note": "zwölf\r\nlines"})
    check("it is a hash", (store.type(f"session:{token}"), store.object("encoding", f"session:{token}")), ("hash", "listpack"))
    check("with an end", 1790 <= store.ttl(f"session:{token}") <= 1800, True)
    check("views are counted", [sessions.view(token) for _ in range(3)], [1, 2, 3])
    store.hset(f"session:{token}", "theme", "light")
    check("fields change", store.hmget(f"session:{token}", "theme", "user", "nosuch"), ["light", "anna", None])
    check("fields go", (store.hdel(f"session:{token}", "note"), store.hexists(f"session:{token}", "note")), (1, False))
    check("an unknown token has no session", sessions.load("forged"), None)
    check("and gets none by asking", store.exists("session:forged"), 0)

    in_threads(8, lambda i: [sessions.view(token) for _ in range(50)])
    check("views of eight threads are all counted", store.hget(f"session:{token}", "views"), "403")
    in_threads(4, lambda i: [sessions.put_in_basket(token, "apple", 1) for _ in range(10)])
    check("no change of the basket is lost", store.hget(f"session:{token}", "basket"), "apple=40")

    tokens = {sessions.create(f"user{i}") for i in range(200)} | {token}
    check("all sessions are found by scanning", sessions.all(), tokens)
    check("logging out", (sessions.destroy(token), sessions.load(token)), (1, None))
    check("leaves the others", len(sessions.all()), 200)

    brief = Sessions(store, ttl=1000)
    kept, left = brief.create("kept"), brief.create("left")
    for _ in range(3):
        for token in (kept, left):
            store.expire(f"session:{token}", 500)  # as if as much time had gone by
        check("a session that is used stays", brief.load(kept)["user"], "kept")
    check("for as long again", store.ttl(f"session:{kept}") > 500 >= store.ttl(f"session:{left}"), True)
    for token in (left, kept):
        store.pexpire(f"session:{token}", 1)
        while store.exists(f"session:{token}"):
            time.sleep(0.001)
    check("one that is not ends", brief.load(left), None)
    check("nothing of them remains", len(sessions.all()), 200)
    store.flushdb()
    print("sessions.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
