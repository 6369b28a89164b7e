# SPDX-License-Identifier: BSD-3-Clause
"""Events of a shop: from an outbox in its database, by a stream, to all who want to know.

The shop writes an event into its database together with the change, so that neither is without the other. A relay moves events to
the stream, with ids that say which they are: one that is sent twice is refused. Each department reads all of them, as a group of its own;
a new one begins at the beginning. What everybody has read may go. Usage: outbox.py HOST PORT. Prints what it checked; ends with status 1
at the first thing that is not as it should be.
"""

import json
import sqlite3
import sys
import threading
import time

import redis

STREAM = "shop:events"


class Shop:
    """Stock in a database, with an outbox."""

    def __init__(self):
        self.db = sqlite3.connect(":memory:")
        self.db.executescript("CREATE TABLE stock (item TEXT PRIMARY KEY, n INTEGER CHECK (n >= 0));"
                              "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT, sent INTEGER DEFAULT 0);")

    def change(self, kind, item, n):
        """Changes the stock and notes the event, or does neither."""
        with self.db:
            self.db.execute("INSERT INTO stock VALUES (?, 0) ON CONFLICT DO NOTHING", (item,))
            self.db.execute("INSERT INTO outbox (event) VALUES (?)", (json.dumps({"kind": kind, "item": item, "n": n}),))
            self.db.execute("UPDATE stock SET n = n + ? WHERE item = ?", (n if kind == "bought" else -n, item))

    def stock(self):
        return dict(self.db.execute("SELECT item, n FROM stock WHERE n > 0"))


class Relay:
    """Moves events from the outbox to the stream."""

    def __init__(self, shop, store):
        self.shop, self.store, self.again = shop, store, 0

    def step(self, crash=False):
        for number, event in self.shop.db.execute("SELECT id, event FROM outbox WHERE sent = 0 ORDER BY id").fetchall():
            try:
                self.store.xadd(STREAM, {"event": event}, id=f"{number}-1")
            except redis.ResponseError as e:
                if "equal or smaller" not in str(e):
                    raise
                self.again += 1
            if crash:
                return  # before it could note that the event was sent
            with self.shop.db:
                self.shop.db.execute("UPDATE outbox SET sent = 1 WHERE id = ?", (number,))


class Department:
    """Counts the stock from events alone."""

    def __init__(self, store, name):
        self.store, self.name, self.stock, self.seen = store, name, {}, []
        store.xgroup_create(STREAM, name, id="0", mkstream=True)

    def read(self, count=7, block=None):
        reply = self.store.xreadgroup(self.name, "only", {STREAM: ">"}, count=count, block=block)
        entries = reply[0][1] if reply else []
        for entry, fields in entries:
            event = json.loads(fields["event"])
            n = event["n"] if event["kind"] == "bought" else -event["n"]
            self.stock[event["item"]] = self.stock.get(event["item"], 0) + n
            self.seen.append(entry)
        if entries:
            self.store.xack(STREAM, self.name, *(entry for entry, _ in entries))
        return len(entries)

    def read_all(self):
        while self.read():
            pass
        return {item: n for item, n in self.stock.items() if n > 0}


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


def refused(call):
    try:
        call()
    except redis.ResponseError as e:
        return str(e).split()[0]
    return None


def trade(shop, rounds):
    for i in range(rounds):
        shop.change("bought", f"item{i % 11}", 3 + i % 5)
        shop.change("sold", f"item{i % 11}", 1 + i % 3)


def relayed(store):
    shop = Shop()
    relay = Relay(shop, store)
    mail = Department(store, "mail")
    trade(shop, 100)
    relay.step(crash=True)
    relay.step(crash=True)
    check("a relay that dies sends an event twice", (relay.again, store.xlen(STREAM)), (1, 1))
    relay.step()
    check("which is in the stream once", (relay.again, store.xlen(STREAM)), (2, 200))
    try:
        shop.change("sold", "item0", 10_000)
        check("what cannot be sold is refused", False, True)
    except sqlite3.IntegrityError:
        relay.step()
        check("what was refused is no event", store.xlen(STREAM), 200)
    check("a department sees what the shop has", mail.read_all(), shop.stock())
    check("in order", mail.seen, [f"{n}-1" for n in range(1, 201)])
    late = Department(store, "late")
    check("a department that comes late too", late.read_all(), shop.stock())
    check("its group can be made once", refused(lambda: store.xgroup_create(STREAM, "late", id="0")), "BUSYGROUP")
    groups = {g["name"]: (g["pending"], g["last-delivered-id"]) for g in store.xinfo_groups(STREAM)}
    check("both are at the end", groups, {"mail": (0, "200-1"), "late": (0, "200-1")})
    return shop, relay, mail, late


def looked_up(store):
    check("the first and the last", (store.xrange(STREAM, count=1)[0][0], store.xrevrange(STREAM, count=1)[0][0]), ("1-1", "200-1"))
    page, after, pages = None, "-", []
    while page is None or page:
        page = store.xrange(STREAM, min=after, count=30)
        pages += [entry for entry, _ in page]
        after = f"({page[-1][0]}" if page else after
    check("all by pages", pages, [f"{n}-1" for n in range(1, 201)])
    check("a part", [entry for entry, _ in store.xrange(STREAM, min="50", max="52")], ["50-1", "51-1", "52-1"])
    check("backwards", [entry for entry, _ in store.xrevrange(STREAM, max="52", min="(50-1")], ["52-1", "51-1"])


def watched(store, shop, relay):
    """A listener that is no member of a group hears what comes from now on."""
    heard, last = [], "$"

    def listen():
        nonlocal last
        while len(heard) < 20:
            for _, entries in store.xread({STREAM: last}, block=5000):
                heard.extend(entry for entry, _ in entries)
                last = entries[-1][0]

    listeners = [threading.Thread(target=listen, daemon=True)]
    listeners[0].start()
    wait_until("a listener waits", lambda: store.info("clients")["blocked_clients"] == 1)
    for i in range(10):
        trade(shop, 1)
        relay.step()
    listeners[0].join(timeout=120)
    check("it hears what comes", heard, [f"{n}-1" for n in range(201, 221)])


def trimmed(store, shop, mail, late):
    mail.read_all()
    last = min((g["last-delivered-id"] for g in store.xinfo_groups(STREAM)), key=lambda i: int(i.split("-")[0]))
    check("one department is behind", last, "200-1")
    check("what all have read may go", store.xtrim(STREAM, minid="201-1", approximate=False), 200)
    check("the other one still gets the rest", (late.read_all(), len(late.seen)), (shop.stock(), 220))
    check("an old event stays old", refused(lambda: store.xadd(STREAM, {"event": "{}"}, id="200-1")), "The")
    check("an event can be struck out", (store.xdel(STREAM, "210-1", "210-1", "1-1"), store.xlen(STREAM)), (1, 19))
    check("departments can be closed", (store.xgroup_destroy(STREAM, "late"), store.xgroup_destroy(STREAM, "late")), (1, 0))
    check("who reads for a closed one is told", refused(late.read), "NOGROUP")


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    shop, relay, mail, late = relayed(store)
    looked_up(store)
    watched(store, shop, relay)
    trimmed(store, shop, mail, late)
    store.flushdb()
    print("outbox.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
