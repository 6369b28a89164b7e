# SPDX-License-Identifier: BSD-3-Clause
"""Orders in a stream, done by the workers of a consumer group.

A worker reads what nobody has got yet, does it and acknowledges it. What a worker that died had in hand stays pending: when it comes back
it goes on with that, and others claim what has been idle for too long. What fails again and again is put aside. Usage:
stream_workers.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not as it should be. With a third
argument it is a worker of that name, which takes some orders and dies.
"""

import os
import subprocess
import sys
import threading
import time

import redis

STREAM, GROUP, ASIDE = "orders", "workers", "orders:aside"
IDLE = 1000  # ms after which an order may be claimed: more than a worker that lives takes for what it has read


class Poison(Exception):
    """An order that nobody can do."""


class Worker:
    """One of the group's workers. done is called with each order's fields, and raises if it fails."""

    def __init__(self, store, name, done, attempts=3):
        self.store, self.name, self.done, self.attempts = store, name, done, attempts

    def join(self):
        try:
            self.store.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as e:
            if not str(e).startswith("BUSYGROUP"):
                raise

    def read(self, start=">", count=10, block=None):
        reply = self.store.xreadgroup(GROUP, self.name, {STREAM: start}, count=count, block=block)
        return reply[0][1] if reply else []

    def handle(self, entries):
        for entry, fields in entries:
            try:
                self.done(fields)
            except Poison:
                continue  # it stays pending
            if self.store.xack(STREAM, GROUP, entry) != 1:
                raise RuntimeError(f"{entry} was not pending")

    def resume(self):
        """Does what this worker had in hand when it died; what it finds it has seen before."""
        entries = self.read("0", count=1000)
        self.handle(entries)
        return len(entries)

    def claim(self):
        """Takes over what has been idle for too long, and puts aside what has failed too often."""
        taken, start = 0, "0-0"
        while True:
            start, entries = self.store.xautoclaim(STREAM, GROUP, self.name, min_idle_time=IDLE, start_id=start, count=50)[:2]
            for entry, fields in entries:
                if self.deliveries(entry) > self.attempts:
                    with self.store.pipeline() as pipe:  # both or neither
                        pipe.xadd(ASIDE, dict(fields, was=entry))
                        pipe.xack(STREAM, GROUP, entry)
                        pipe.execute()
                else:
                    self.handle([(entry, fields)])
            taken += len(entries)
            if start == "0-0":
                return taken

    def deliveries(self, entry):
        return self.store.xpending_range(STREAM, GROUP, min=entry, max=entry, count=1)[0]["times_delivered"]

    def run(self, until):
        while not until():
            self.handle(self.read(block=50))
            self.claim()


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


class Ledger:
    """What has been done, by workers of several threads."""

    def __init__(self):
        self.lock, self.orders = threading.Lock(), []

    def __call__(self, fields):
        if fields["item"] == "poison":
            raise Poison
        with self.lock:
            self.orders.append(int(fields["number"]))


def order(store, *numbers, item="bolt"):
    with store.pipeline(transaction=False) as pipe:
        for n in numbers:
            pipe.xadd(STREAM, {"number": n, "item": item})
        return pipe.execute()


def pending(store):
    return store.xpending(STREAM, GROUP)["pending"]


def die(host, port, name):
    """A worker that takes seven orders, does two, and dies in the midst."""
    worker = Worker(redis.Redis(host=host, port=port, decode_responses=True), name, lambda fields: None)
    worker.join()
    entries = worker.read(count=7)
    worker.handle(entries[:2])
    os._exit(3)


def one(store):
    ledger = Ledger()
    worker = Worker(store, "one", ledger)
    worker.join()
    worker.join()
    check("an empty stream gives nothing", (worker.read(), worker.read(block=30)), ([], []))
    ids = order(store, 1, 2, 3)
    worker.handle(worker.read(count=2))
    worker.handle(worker.read())
    check("orders are done in order", ledger.orders, [1, 2, 3])
    check("and pending no more", (pending(store), worker.resume()), (0, 0))
    check("but still to be read", [entry for entry, _ in store.xrange(STREAM)], ids)
    entries = order(store, 4) and worker.read()
    check("what was read is pending", (len(entries), pending(store)), (1, 1))
    check("and found again after a restart", Worker(store, "one", ledger).resume(), 1)
    check("once it is done it is gone", (ledger.orders[-1], pending(store)), (4, 0))


def crash(store, host, port):
    store.delete(STREAM)
    numbers = range(100)
    ledger = Ledger()
    Worker(store, "anna", ledger).join()
    order(store, *numbers)
    dead = [f"dead{i}" for i in range(3)]
    for name in dead:
        status = subprocess.run([sys.executable, "-B", __file__, host, str(port), name], timeout=120).returncode
        check(f"worker {name} dies", status, 3)
    held = store.xpending(STREAM, GROUP)
    check("what the dead had in hand is pending", {c["name"]: c["pending"] for c in held["consumers"]}, {name: 5 for name in dead})
    anna, ben = Worker(store, "anna", ledger), Worker(store, "ben", ledger)
    stop = threading.Event()
    threads = [threading.Thread(target=w.run, args=(stop.is_set,), daemon=True) for w in (anna, ben)]
    for t in threads:
        t.start()
    wait_until("the others do everything", lambda: len(ledger.orders) >= 94)
    wait_until("nothing is pending", lambda: pending(store) == 0)
    stop.set()
    for t in threads:
        t.join(timeout=120)
    done_by_the_dead = {0, 1, 7, 8, 14, 15}
    check("nothing is lost and nothing done twice", sorted(ledger.orders), sorted(set(numbers) - done_by_the_dead))
    group = store.xinfo_groups(STREAM)[0]
    check("the group is at the end", (group["pending"], group["last-delivered-id"]), (0, store.xinfo_stream(STREAM)["last-generated-id"]))
    consumers = {c["name"]: c["pending"] for c in store.xinfo_consumers(STREAM, GROUP)}
    check("all workers are known", consumers, {"anna": 0, "ben": 0, **{name: 0 for name in dead}})
    check("the dead are struck off", [store.xgroup_delconsumer(STREAM, GROUP, name) for name in dead], [0, 0, 0])


def poison(store):
    store.delete(STREAM, ASIDE)
    ledger = Ledger()
    worker = Worker(store, "anna", ledger)
    worker.join()
    order(store, 1)
    bad = order(store, 2, item="poison")
    order(store, 3)
    worker.run(until=lambda: store.xlen(ASIDE) > 0)
    check("good orders are done", ledger.orders, [1, 3])
    check("what always fails is put aside", store.xrange(ASIDE)[0][1], {"number": "2", "item": "poison", "was": bad[0]})
    check("and troubles nobody any more", pending(store), 0)


def many(store, workers=6, orders=3000):
    """Orders come while they are done; each is done once."""
    store.delete(STREAM)
    ledgers = [Ledger() for _ in range(workers)]
    team = [Worker(store, f"w{i}", ledger) for i, ledger in enumerate(ledgers)]
    team[0].join()
    stop = threading.Event()
    threads = [threading.Thread(target=w.run, args=(stop.is_set,), daemon=True) for w in team]
    for t in threads:
        t.start()
    for first in range(0, orders, 50):
        order(store, *range(first, first + 50))
    wait_until("all orders are done", lambda: sum(len(ledger.orders) for ledger in ledgers) >= orders)
    stop.set()
    for t in threads:
        t.join(timeout=120)
    check("each once", sorted(n for ledger in ledgers for n in ledger.orders), list(range(orders)))
    check("each worker had its share in order", [ledger.orders == sorted(ledger.orders) for ledger in ledgers], [True] * workers)
    check("nothing is pending", pending(store), 0)
    check("a long stream is cut", (store.xtrim(STREAM, maxlen=100, approximate=False), store.xlen(STREAM)), (orders - 100, 100))


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    one(store)
    crash(store, host, port)
    poison(store)
    many(store)
    store.flushdb()
    print("stream_workers.py: all checks passed")


if __name__ == "__main__":
    if len(sys.argv) > 3:
        die(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    main(sys.argv[1], int(sys.argv[2]))
