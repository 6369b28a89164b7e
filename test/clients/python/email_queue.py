# SPDX-License-Identifier: BSD-3-Clause
"""E-mails through queues in lists, sent by several workers.

The simple queue is RPUSH and BLPOP: each mail is sent once, the urgent first, and workers that wait cost nothing. In the reliable one a
mail lies in the worker's own list (BLMOVE) until it has been sent, so that what a dead worker was at can be queued again. Usage:
email_queue.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not as it should be.
"""

import json
import sys
import threading
import time

import redis


class Queue:
    """Mails to be sent, in two lists."""

    def __init__(self, store, name="mail"):
        self.store = store
        self.lists = [f"{name}:urgent", f"{name}:normal"]

    def put(self, to, urgent=False):
        self.store.rpush(self.lists[0 if urgent else 1], json.dumps({"to": to}))

    def take(self, timeout):
        """The next mail's receiver, or None when none has come within the seconds; 0 waits for ever."""
        taken = self.store.blpop(self.lists, timeout=timeout)
        return taken and json.loads(taken[1])["to"]


class ReliableQueue:
    """Mails that stay in a list of the worker's until they have been sent."""

    def __init__(self, store, name="reliable"):
        self.store, self.waiting, self.name = store, f"{name}:waiting", name

    def at_work(self, worker):
        return f"{self.name}:at:{worker}"

    def put(self, *to):
        self.store.rpush(self.waiting, *to)

    def take(self, worker, timeout):
        return self.store.blmove(self.waiting, self.at_work(worker), timeout, "LEFT", "RIGHT")

    def sent(self, worker, to):
        return self.store.lrem(self.at_work(worker), 1, to)

    def rescue(self, worker):
        """Queues again, in front of all others, what a dead worker was at."""
        count = 0
        while self.store.lmove(self.at_work(worker), self.waiting, "RIGHT", "LEFT") is not None:
            count += 1
        return count


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


def start(count, body):
    """Runs body(0), body(1), … in threads; what they raise is given by finish."""
    failures = []

    def guarded(n):
        try:
            body(n)
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=guarded, args=(n,), daemon=True) for n in range(count)]
    for t in threads:
        t.start()
    return threads, failures


def finish(what, workers):
    threads, failures = workers
    for t in threads:
        t.join(timeout=120)
    check(what, (failures, [t.name for t in threads if t.is_alive()]), ([], []))


def one_by_one(store):
    queue = Queue(store)
    began = time.monotonic()
    check("an empty queue gives nothing", queue.take(timeout=0.2), None)
    check("but not at once", time.monotonic() - began > 0.19, True)
    for to in ("anna", "ben"):
        queue.put(to)
    queue.put("the boss", urgent=True)
    check("the urgent first, then in order", [queue.take(1) for _ in range(3)], ["the boss", "anna", "ben"])
    check("empty lists are no keys", store.exists(*queue.lists), 0)


def many_workers(store, workers=6, mails=600):
    queue, sent, lock = Queue(store), [], threading.Lock()

    def work(n):
        while True:
            to = queue.take(timeout=0)
            if to == "stop":
                return
            with lock:
                sent.append(to)

    team = start(workers, work)
    wait_until("all workers wait", lambda: store.info("clients")["blocked_clients"] == workers)

    def write(n):
        for i in range(mails // 3):
            queue.put(f"user{n * mails // 3 + i}", urgent=i % 10 == 0)

    finish("all mails are written", start(3, write))
    wait_until("all have been sent", lambda: len(sent) >= mails)
    for _ in range(workers):
        queue.put("stop")
    finish("the workers end", team)
    check("each mail once", sorted(sent), sorted(f"user{i}" for i in range(mails)))
    check("nothing is left", store.exists(*queue.lists), 0)


def in_turn(store):
    """Who has waited longest is served first, and one push serves as many as it brings."""
    queue, got = Queue(store, "turn"), {}

    def work(n):
        got[n] = queue.take(timeout=60)

    team = ([], [])
    for n in range(3):
        threads, failures = start(1, lambda _, n=n: work(n))
        team[0].extend(threads)
        team[1].extend(failures)
        wait_until(f"worker {n + 1} waits", lambda: store.info("clients")["blocked_clients"] == n + 1)
    store.rpush(queue.lists[1], *(json.dumps({"to": to}) for to in ("first", "second", "third", "fourth")))
    finish("all are served by one push", team)
    check("in the order of their coming", got, {0: "first", 1: "second", 2: "third"})
    check("what nobody waited for stays", queue.take(1), "fourth")


def transaction(store):
    """A worker sees what a transaction leaves, never what it looked like on the way."""
    queue, got = Queue(store, "batch"), []
    team = start(1, lambda n: got.append(queue.take(timeout=60)))
    wait_until("the worker waits", lambda: store.info("clients")["blocked_clients"] == 1)
    with store.pipeline() as pipe:
        pipe.rpush(queue.lists[1], json.dumps({"to": "withdrawn"}))
        pipe.delete(queue.lists[1])
        pipe.rpush(queue.lists[1], json.dumps({"to": "normal"}))
        pipe.rpush(queue.lists[0], json.dumps({"to": "urgent"}))
        check("a transaction's replies", pipe.execute(), [1, 1, 1, 1])
    finish("the worker is served", team)
    check("with one mail of it", (len(got), got[0] in ("normal", "urgent")), (1, True))
    left = queue.take(1)
    check("the other one is left", {got[0], left}, {"normal", "urgent"})


def unblocked(store):
    got = []
    team = start(1, lambda n: got.append(Queue(store, "quiet").take(timeout=60)))
    wait_until("a worker waits for what never comes", lambda: store.info("clients")["blocked_clients"] == 1)
    waiting = [c["id"] for c in store.client_list() if c["cmd"] == "blpop" and "b" in c["flags"]]
    check("it can be told from others", len(waiting), 1)
    check("and be told to stop", store.client_unblock(int(waiting[0])), 1)
    finish("it ends", team)
    check("with nothing", got, [None])


def reliable(store, mails=120):
    queue, sent, lock = ReliableQueue(store), [], threading.Lock()
    queue.put(*(f"user{i}" for i in range(mails)))

    def die(n):
        for _ in range(5):
            if n == 0 and queue.take("dead", 5) is None:
                raise RuntimeError("nothing to take")

    def work(n):
        while (to := queue.take(f"w{n}", 0.3)) is not None:
            with lock:
                sent.append(to)
            if queue.sent(f"w{n}", to) != 1:
                raise RuntimeError("not at work: " + to)

    finish("a worker dies with mails in hand", start(1, die))
    lost = store.lrange(queue.at_work("dead"), 0, -1)
    check("they are known", lost, [f"user{i}" for i in range(5)])
    finish("others do the rest", start(4, work))
    check("all but what the dead one has", sorted(sent + lost), sorted(f"user{i}" for i in range(mails)))
    check("the dead one's are queued again", queue.rescue("dead"), 5)
    check("in their order", store.lrange(queue.waiting, 0, -1), lost)
    team = start(4, work)
    finish("and sent", team)
    check("each mail once", sorted(sent), sorted(f"user{i}" for i in range(mails)))
    check("nothing is left", list(store.scan_iter("reliable:*")), [])

    got = []
    team = start(1, lambda n: got.append(queue.take("late", 10)))
    wait_until("a worker waits", lambda: store.info("clients")["blocked_clients"] == 1)
    queue.put("late mail")
    finish("it is served", team)
    check("with what came", got, ["late mail"])
    check("and has it in hand", store.lrange(queue.at_work("late"), 0, -1), ["late mail"])


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    one_by_one(store)
    many_workers(store)
    in_turn(store)
    transaction(store)
    unblocked(store)
    reliable(store)
    store.flushdb()
    print("email_queue.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
