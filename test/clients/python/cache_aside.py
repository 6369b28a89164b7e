# SPDX-License-Identifier: BSD-3-Clause
"""Cache-aside over a slow database, as a tutorial on caching has it.

A shop keeps its products in SQLite. Reads look into the cache first and fill it with SETEX on a miss; updates write the
database and then delete the cached copy. Usage: cache_aside.py HOST PORT. Prints what it checked; ends with status 1 at the
first thing that is not as it should be.
"""

import json
import random
import sqlite3
import sys
import time

import redis


class Database:
    """The slow database, which counts how often it is asked."""

    def __init__(self):
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price REAL)")
        self.db.executemany(
            "INSERT INTO products VALUES (?, ?, ?)",
            [(i, f"Product {i} – déjà vu", i + 0.99) for i in range(1, 101)],
        )
        self.queries = 0

    def product(self, product_id):
        self.queries += 1
        time.sleep(0.002)
        row = self.db.execute("SELECT id, name, price FROM products WHERE id = ?", (product_id,)).fetchone()
        return row and {"id": row[0], "name": row[1], "price": row[2]}

    def set_price(self, product_id, price):
        self.db.execute("UPDATE products SET price = ? WHERE id = ?", (price, product_id))
        self.db.commit()


class Catalogue:
    """Products by id, through the cache."""

    MISSING = "null"

    def __init__(self, cache, db, ttl=60):
        self.cache, self.db, self.ttl = cache, db, ttl

    @staticmethod
    def key(product_id):
        return f"product:{product_id}"

    def get(self, product_id):
        cached = self.cache.get(self.key(product_id))
        if cached is not None:
            self.cache.incr("stats:hits")
            return json.loads(cached)
        self.cache.incr("stats:misses")
        product = self.db.product(product_id)
        ttl = self.ttl if product else 5  # what does not exist is remembered for a shorter time
        self.cache.setex(self.key(product_id), ttl, json.dumps(product) if product else self.MISSING)
        return product

    def get_many(self, ids):
        found = self.cache.mget([self.key(i) for i in ids])
        products = [json.loads(f) if f is not None else None for f in found]
        missing = [i for i, f in zip(ids, found) if f is None]
        pipe = self.cache.pipeline(transaction=False)
        for i in missing:
            products[ids.index(i)] = product = self.db.product(i)
            pipe.setex(self.key(i), self.ttl, json.dumps(product))
        pipe.execute()
        return products

    def set_price(self, product_id, price):
        self.db.set_price(product_id, price)
        self.cache.delete(self.key(product_id))


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def main(host, port):
    cache = redis.Redis(host=host, port=port, decode_responses=True)
    check("the server answers", cache.ping(), True)
    cache.flushdb()
    db = Database()
    shop = Catalogue(cache, db)

    first = shop.get(7)
    check("a first read asks the database", (first["price"], db.queries), (7.99, 1))
    check("a second read does not", (shop.get(7), db.queries), (first, 1))
    check("text comes back as it went in", shop.get(7)["name"], "Product 7 – déjà vu")
    check("the copy has a time to live", 0 < cache.ttl("product:7") <= 60, True)

    shop.set_price(7, 5.5)
    check("an update deletes the copy", cache.exists("product:7"), 0)
    check("and the next read sees it", (shop.get(7)["price"], db.queries), (5.5, 2))

    check("what does not exist is None", shop.get(1000), None)
    check("and is cached too", (shop.get(1000), db.queries), (None, 3))
    check("for a shorter time", cache.ttl("product:1000") <= 5, True)

    queries = db.queries
    ids = list(range(1, 51))
    check("many at once", [p["id"] for p in shop.get_many(ids)], ids)
    check("ask only for what is missing", db.queries, queries + 49)
    check("and then for nothing", (len(shop.get_many(ids)), db.queries), (50, queries + 49))

    short = Catalogue(cache, db, ttl=1000)
    short.set_price(99, 1.0)
    short.get(99)
    db.set_price(99, 2.0)  # behind the cache's back
    check("a copy may be stale", short.get(99)["price"], 1.0)
    cache.pexpire("product:99", 1)
    while cache.exists("product:99"):
        time.sleep(0.001)
    check("but not for longer than its time", short.get(99)["price"], 2.0)

    cache.delete("stats:hits", "stats:misses")
    queries = db.queries
    rnd = random.Random(1)
    for _ in range(2000):
        product = rnd.randint(1, 100)
        if rnd.random() < 0.05:
            shop.set_price(product, rnd.randint(1, 100))
        price = db.db.execute("SELECT price FROM products WHERE id = ?", (product,)).fetchone()[0]
        if shop.get(product)["price"] != price:
            check(f"the price of product {product}", shop.get(product)["price"], price)
    hits, misses = (int(n) for n in cache.mget("stats:hits", "stats:misses"))
    check("2000 mixed reads were all right", hits + misses, 2000)
    check("every miss asked the database, no hit did", db.queries - queries, misses)
    check("most were hits", hits > 1700, True)
    cache.flushdb()
    print("cache_aside.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
