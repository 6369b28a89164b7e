# SPDX-License-Identifier: BSD-3-Clause
"""Listeners to channels, patterns and what happens to keys.

A listener's handlers run in a thread of redis-py's (run_in_thread) while others publish. Usage: listener.py HOST PORT. Prints what it
checked; ends with status 1 at the first thing that is not as it should be.
"""

import sys
import threading
import time

import redis


class Listener:
    """Keeps what comes over channels and patterns; to be used in a with statement."""

    def __init__(self, store, channels=(), patterns=()):
        self.lock, self.messages, self.failures = threading.Lock(), [], []
        self.pubsub = store.pubsub(ignore_subscribe_messages=True)
        if channels:
            self.pubsub.subscribe(**{name: self.keep for name in channels})
        if patterns:
            self.pubsub.psubscribe(**{name: self.keep for name in patterns})

    def keep(self, message):
        with self.lock:
            self.messages.append((message["pattern"], message["channel"], message["data"]))

    def fail(self, error, pubsub, thread):
        self.failures.append(error)
        thread.stop()

    def __enter__(self):
        self.thread = self.pubsub.run_in_thread(sleep_time=0.01, daemon=True, exception_handler=self.fail)
        return self

    def __exit__(self, *_):
        self.thread.stop()
        self.thread.join(timeout=120)
        check("the listener ends", (self.thread.is_alive(), self.failures), (False, []))

    def take(self, count):
        """Waits for so many messages and takes them."""
        end = time.monotonic() + 60
        while True:
            with self.lock:
                if len(self.messages) >= count:
                    taken, self.messages = self.messages[:count], self.messages[count:]
                    return taken
            if time.monotonic() > end:
                return self.messages
            time.sleep(0.002)


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


def listeners(store, channel):
    return dict(store.pubsub_numsub(channel))[channel]


def channels(store):
    with Listener(store, channels=["news", "sport"]) as first, Listener(store, channels=["news"]) as second:
        wait_until("both listen", lambda: (listeners(store, "news"), listeners(store, "sport")) == (2, 1))
        check("a message to both", store.publish("news", "hello"), 2)
        check("a message to one", store.publish("sport", "goal"), 1)
        check("a message to nobody", store.publish("weather", "rain"), 0)
        check("the first gets both", first.take(2), [(None, "news", "hello"), (None, "sport", "goal")])
        check("the second one", second.take(1), [(None, "news", "hello")])
        check("the channels", sorted(store.pubsub_channels()), ["news", "sport"])
        check("those of a pattern", store.pubsub_channels("n*"), ["news"])
    wait_until("nobody listens any more", lambda: store.pubsub_channels() == [])


def patterns(store):
    with Listener(store, channels=["orders.42"], patterns=["orders.*", "*.paid"]) as listener:
        wait_until("two patterns", lambda: store.pubsub_numpat() == 2 and listeners(store, "orders.42") == 1)
        check("a message by a pattern", store.publish("orders.7", "new"), 1)
        check("is shown with it", listener.take(1), [("orders.*", "orders.7", "new")])
        check("a message three ways", store.publish("orders.42", "new"), 2)
        check("the channel comes first", listener.take(2), [(None, "orders.42", "new"), ("orders.*", "orders.42", "new")])
        check("a message by both patterns", store.publish("orders.paid", "x"), 2)
        check("comes twice", sorted(listener.take(2)), [("*.paid", "orders.paid", "x"), ("orders.*", "orders.paid", "x")])
        listener.pubsub.punsubscribe("orders.*")
        wait_until("one pattern less", lambda: store.pubsub_numpat() == 1)
        check("which is not heard any more", store.publish("orders.7", "gone"), 0)


def many(store, publishers=4, messages=500):
    """Each publisher's messages come all and in order."""
    with Listener(store, patterns=["feed.*"]) as listener, Listener(store, channels=["feed.1"]) as other:
        wait_until("they listen", lambda: store.pubsub_numpat() == 1 and listeners(store, "feed.1") == 1)

        def publish(n):
            mine = redis.Redis(**store.connection_pool.connection_kwargs)
            for i in range(0, messages, 50):
                with mine.pipeline(transaction=i % 100 == 0) as pipe:
                    for j in range(i, i + 50):
                        pipe.publish(f"feed.{n}", f"{n}:{j}:" + "x" * (j * 10))
                    pipe.execute()
            mine.close()

        threads = [threading.Thread(target=publish, args=(n,), daemon=True) for n in range(publishers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(timeout=120)
        got = listener.take(publishers * messages)
        for n in range(publishers):
            mine = [data for _, channel, data in got if channel == f"feed.{n}"]
            check(f"publisher {n + 1}'s come in order", mine, [f"{n}:{j}:" + "x" * (j * 10) for j in range(messages)])
        mine = [data for _, _, data in other.take(messages)]
        check("and to the other listener", mine, [f"1:{j}:" + "x" * (j * 10) for j in range(messages)])


def keyspace(store):
    before = store.config_get("notify-keyspace-events")["notify-keyspace-events"]
    store.config_set("notify-keyspace-events", "KEA")
    db = store.connection_pool.connection_kwargs.get("db", 0)
    with Listener(store, patterns=[f"__keyspace@{db}__:job:*", f"__keyevent@{db}__:expired"]) as listener:
        wait_until("a listener to keys", lambda: store.pubsub_numpat() == 2)
        store.rpush("job:1", "a")
        store.lpop("job:1")
        store.zadd("job:2", {"m": 1})
        store.zincrby("job:2", 1, "m")
        store.sadd("job:3", "a", "b")
        store.rename("job:3", "job:4")
        store.sort("job:4", alpha=True, store="job:5")
        store.set("other", "is not listened to")
        names = ["rpush 1", "lpop 1", "del 1", "zadd 2", "zincr 2", "sadd 3", "rename_from 3", "rename_to 4", "sortstore 5"]
        got = [f"{event} {channel[-1]}" for _, channel, event in listener.take(len(names))]
        check("what happens to keys", got, names)
        store.set("job:6", "x", px=60)
        seen = [(channel.rsplit(":", 1)[0].split("@")[0] if "keyspace" in channel else channel, data) for _, channel, data in listener.take(4)]
        want = [("__keyspace", "set"), ("__keyspace", "expire"), ("__keyspace", "expired"), (f"__keyevent@{db}__:expired", "job:6")]
        check("a key expires though nobody looks", seen, want)
    store.config_set("notify-keyspace-events", before)


def by_hand(store):
    """Without a thread: get_message, and a connection that also does other things once it listens no more."""
    pubsub = store.pubsub()
    check("nothing without a channel", pubsub.subscribed, False)
    pubsub.subscribe("a", "b")
    got = [pubsub.get_message(timeout=60) for _ in range(2)]
    check("subscriptions are counted", [(m["type"], m["channel"], m["data"]) for m in got], [("subscribe", "a", 1), ("subscribe", "b", 2)])
    check("nothing comes", pubsub.get_message(timeout=0.05), None)
    pubsub.ping("still there?")
    check("it can be asked", pubsub.get_message(timeout=60)["data"], "still there?")
    store.publish("b", "x")
    check("a message", pubsub.get_message(timeout=60)["data"], "x")
    pubsub.unsubscribe()
    left = sorted(pubsub.get_message(timeout=60)["channel"] for _ in range(2))
    check("all are left", left, ["a", "b"])
    pubsub.close()


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    channels(store)
    patterns(store)
    many(store)
    keyspace(store)
    by_hand(store)
    store.flushdb()
    print("listener.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
