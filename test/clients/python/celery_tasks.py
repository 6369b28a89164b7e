# SPDX-License-Identifier: BSD-3-Clause
"""An image service's tasks with Celery, whose broker and results are in the server.

Workers, which are processes of their own, take what another has not done in time back into the queue, under a lock that they give back by a
script; without scripts no worker stays up. Tasks, retries, delays, chains, groups and chords, results that are forgotten, a worker that is
killed at its work. Usage: celery_tasks.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not as it should
be.
"""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import redis
from celery import Celery, chain, chord, group

PATIENCE = 600  # seconds until a task that was taken and not done is another worker's
HOST, PORT = os.environ.get("IMAGES_HOST", ""), os.environ.get("IMAGES_PORT", "")

app = Celery("celery_tasks", broker=f"redis://{HOST}:{PORT}/1", backend=f"redis://{HOST}:{PORT}/2")
app.conf.update(
    broker_transport_options={"visibility_timeout": PATIENCE},
    task_default_queue="images",
    result_expires=60,
    worker_prefetch_multiplier=10,
    task_acks_late=True,
)


def called(what):
    """Counts the calls of a task's body, over all workers."""
    return int(app.backend.client.incr(f"called:{what}"))


@app.task
def resize(image, size):
    called(f"resize {image}")
    return f"{image}@{size}"


@app.task
def label(image, text):
    return f"{image}+{text}"


@app.task
def weigh(image):
    return len(image)


@app.task
def total(weights):
    called("total")
    return sum(weights)


@app.task(bind=True, max_retries=5)
def unreliable(self, image):
    """Fails twice before it works."""
    if called(f"unreliable {image}") < 3:
        raise self.retry(countdown=0.05, exc=RuntimeError("not yet"))
    return f"{image} at last"


@app.task
def paint(image):
    """Takes for ever the first time."""
    if called(f"paint {image}") == 1:
        time.sleep(600)
    return f"{image} in oil"


@app.task
def broken(image):
    raise ValueError(f"{image} is no image")


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
        time.sleep(0.01)
    print(f"ok     {what}")


@contextmanager
def worker(name):
    """Runs a worker, and gives its process once it answers."""
    command = [sys.executable, "-B", "-m", "celery", "--quiet", "-A", "celery_tasks", "worker", "--pool", "threads", "--concurrency", "3",
               "--hostname", f"{name}@here", "--loglevel", "CRITICAL", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(command, cwd=os.path.dirname(os.path.abspath(__file__)), env={**os.environ, "PYTHONWARNINGS": "ignore"})
    try:
        wait_until(f"worker {name} answers", lambda: process.poll() is None and app.control.ping([f"{name}@here"], timeout=0.5, limit=1))
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # it ends what it is at
        process.wait(timeout=120)
    check(f"worker {name} ended", process.returncode in (0, -9), True)


def single(store):
    result = resize.delay("cat", 100)
    check("a task's result", result.get(timeout=60), "cat@100")
    key = f"celery-task-meta-{result.id}"
    check("is kept for a while", 0 < store.ttl(key) <= 60, True)
    result.forget()
    check("or forgotten", store.exists(key), 0)
    failed = broken.delay("noise")
    check("a task that fails", (repr(failed.get(timeout=60, propagate=False)), failed.state), ("ValueError('noise is no image')", "FAILURE"))
    check("one that is tried again", unreliable.delay("owl").get(timeout=60), "owl at last")
    check("three times", store.get("called:unreliable owl"), "3")


def later():
    began = time.monotonic()
    result = resize.apply_async(("bat", 5), countdown=1)
    check("its result comes", result.get(timeout=60), "bat@5")
    check("when its time has come", time.monotonic() - began > 0.9, True)


def together(store, images=40):
    check("one after the other", chain(resize.s("dog", 7), label.s("good"), label.s("boy"))().get(timeout=60), "dog@7+good+boy")
    many = group(resize.s(f"image{i}", i) for i in range(images))()
    check("many beside each other", many.get(timeout=60), [f"image{i}@{i}" for i in range(images)])
    check("each once", store.mget(f"called:resize image{i}" for i in range(images)), ["1"] * images)
    result = chord((chain(resize.s(f"photo{i}", 10), weigh.s()) for i in range(20)), total.s())()
    check("and one at the end of all", result.get(timeout=60), sum(len(f"photo{i}@10") for i in range(20)))
    check("which runs once", store.get("called:total"), "1")


def killed(broker, results, victim):
    """A worker dies at its work without a word. When its time is over, one that starts puts back what it had, and does it."""
    result = paint.delay("fox")
    wait_until("a worker is at a task", lambda: results.get("called:paint fox") == "1")
    victim.kill()
    victim.wait(timeout=120)
    check("it dies, and what it had is known", (broker.llen("images"), broker.hlen("unacked")), (0, 1))
    for tag, taken in broker.zrange("unacked_index", 0, -1, withscores=True):
        broker.zadd("unacked_index", {tag: taken - PATIENCE - 1})  # as if its time had gone by
    with worker("heir"):
        check("another does it", result.get(timeout=60), "fox in oil")
        check("as the second", results.get("called:paint fox"), "2")
        wait_until("and says so", lambda: broker.hlen("unacked") == 0)
        check("the lock that it took back under is free", broker.exists("unacked_mutex"), 0)


def nobody(broker):
    waiting = [resize.delay(f"late{i}", 1) for i in range(10)]
    check("without workers tasks wait", broker.llen("images"), 10)
    check("without results", [r.state for r in waiting], ["PENDING"] * 10)
    with worker("late"):
        check("until there is one", [r.get(timeout=60) for r in waiting], [f"late{i}@1" for i in range(10)])


def main(broker, results):
    broker.flushall()
    with worker("one") as one:
        with worker("two"):
            single(results)
            later()
            together(results)
        killed(broker, results, one)
    nobody(broker)
    check("nothing is left to do", (broker.llen("images"), broker.hlen("unacked")), (0, 0))
    broker.flushall()
    print("celery_tasks.py: all checks passed")


if __name__ == "__main__":
    if not HOST:  # once more, with where the server is where workers find it
        os.environ.update(IMAGES_HOST=sys.argv[1], IMAGES_PORT=sys.argv[2])
        os.execv(sys.executable, [sys.executable, "-B", *sys.argv])
    main(*(redis.Redis(host=HOST, port=int(PORT), db=db, decode_responses=True) for db in (1, 2)))
