# SPDX-License-Identifier: BSD-3-Clause
"""Printers that take turns by redis-py's Lock: one job at a time on each printer, whoever sends it, and none held up by who has died.

The lock is a key with a token that only its holder knows and a time to live; giving it back, extending it and starting its time anew are
scripts that look at the token first. Usage: locks.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not
as it should be.
"""

import sys
import threading
import time

import redis
from redis.exceptions import LockError, LockNotOwnedError


class Printer:
    """Prints page by page, which would get mixed if two jobs were at it."""

    def __init__(self, store, name):
        self.store, self.name, self.pages = store, name, []

    def lock(self, **options):
        return self.store.lock(f"lock:{self.name}", sleep=0.002, **options)

    def number(self):
        """The next page's number, which is read and then written: only the lock keeps two jobs from having the same."""
        key = f"pages:{self.name}"
        n = int(self.store.get(key) or 0) + 1
        self.store.set(key, n)
        return n

    def print(self, job, count):
        with self.lock(timeout=300):
            for _ in range(count):
                self.pages.append((self.number(), job))


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            check(what, False, True)
        time.sleep(0.002)
    print(f"ok     {what}")


def raised(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except LockError as e:
        return type(e)
    return None


def holder(store):
    printer = Printer(store, "one")
    mine, other = printer.lock(timeout=2000), printer.lock(timeout=2000)
    check("a lock is had", mine.acquire(), True)
    check("by one", (mine.owned(), other.owned(), other.locked()), (True, False, True))
    check("another is told so at once", other.acquire(blocking=False), False)
    began = time.monotonic()
    check("or waits in vain", other.acquire(blocking_timeout=0.2), False)
    check("for so long", time.monotonic() - began > 0.15, True)
    check("what is not one's cannot be given back", raised(other.release), LockError)
    stolen = printer.lock(timeout=2000, thread_local=False)
    stolen.local.token = "forged".encode()
    check("nor by who invents a token", raised(stolen.release), LockNotOwnedError)
    stolen.local.token = b"forged"
    check("nor extended", raised(stolen.extend, 100), LockNotOwnedError)
    check("nor started anew", raised(stolen.reacquire), LockNotOwnedError)
    check("it is still had", mine.owned(), True)
    check("its time", 1_900_000 < store.pttl("lock:one") <= 2_000_000, True)
    mine.extend(1000)
    check("can be extended", 2_900_000 < store.pttl("lock:one") <= 3_000_000, True)
    mine.extend(500, replace_ttl=True)
    check("or set", 400_000 < store.pttl("lock:one") <= 500_000, True)
    mine.reacquire()
    check("or started anew", 1_900_000 < store.pttl("lock:one") <= 2_000_000, True)
    check("it is given back", raised(mine.release), None)
    check("once", raised(mine.release), LockError)
    check("and another has it", (other.acquire(blocking=False), raised(other.release)), (True, None))
    check("no lock is left", store.exists("lock:one"), 0)


def dead(store):
    """Who dies with the lock holds up the others until its time is over, and comes too late if he lives after all."""
    printer = Printer(store, "dead")
    slow, next_one = printer.lock(timeout=0.3), printer.lock(timeout=2000)
    began = time.monotonic()
    check("he has it", slow.acquire(), True)
    check("the next one waits", next_one.acquire(blocking_timeout=60), True)
    check("until its time is over", time.monotonic() - began > 0.29, True)
    check("who comes back cannot give it back", raised(slow.release), LockNotOwnedError)
    check("it is the next one's", next_one.owned(), True)
    slow.local.token = b"whatever he had"
    check("nor extend it", raised(slow.extend, 10), LockNotOwnedError)
    check("its time is the next one's", store.pttl("lock:dead") > 1_500_000, True)
    next_one.release()


def crowd(store, threads=8, jobs=20, pages=5):
    """Jobs for two printers from many threads, each of which has a connection of its own at a time."""
    printers = [Printer(store, "left"), Printer(store, "right")]
    failures = []

    def send(n):
        try:
            for job in range(jobs):
                printers[(n + job) % 2].print((n, job), pages)
        except Exception as e:
            failures.append(e)

    group = [threading.Thread(target=send, args=(n,), daemon=True) for n in range(threads)]
    for t in group:
        t.start()
    for t in group:
        t.join(timeout=120)
    check("all is printed", (failures, any(t.is_alive() for t in group)), ([], False))
    check("every job", sum(len(p.pages) for p in printers), threads * jobs * pages)
    for p in printers:
        check(f"in order on the {p.name}", [number for number, _ in p.pages], list(range(1, len(p.pages) + 1)))
        mixed = [p.pages[i:i + pages] for i in range(0, len(p.pages), pages) if len({job for _, job in p.pages[i:i + pages]}) != 1]
        check(f"job by job on the {p.name}", mixed, [])
    check("no lock is left", store.exists("lock:left", "lock:right"), 0)


def kept(store):
    """A job that takes longer than its lock's time keeps it alive, and a watcher never gets it meanwhile."""
    printer = Printer(store, "long")
    got, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            lock = printer.lock(timeout=600)
            if lock.acquire(blocking=False):
                got.append(time.monotonic())
                lock.release()

    lock = printer.lock(timeout=600)
    lock.acquire()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    for _ in range(20):
        store.pexpire("lock:long", 200_000)  # as if 400 seconds had gone by
        time.sleep(0.01)
        lock.reacquire()
        check("it lasts as long again", 200_000 < store.pttl("lock:long") <= 600_000, True)
    check("nobody else had it", got, [])
    lock.release()
    wait_until("then somebody had", lambda: got)
    stop.set()
    watcher.join(timeout=120)
    store.script_flush()
    with printer.lock(timeout=600):
        check("a server that forgot the scripts is told them", store.exists("lock:long"), 1)
    check("and the lock given back", store.exists("lock:long"), 0)


def main(host, port):
    store = redis.Redis(host=host, port=port)
    store.flushdb()
    holder(store)
    dead(store)
    crowd(store)
    kept(store)
    store.flushdb()
    print("locks.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
