# SPDX-License-Identifier: BSD-3-Clause
"""A shop whose stock is changed by scripts: a basket is reserved wholly or not at all, in one round trip, however many buy at once.

redis-py's register_script sends a script by its SHA and again in full when the server does not know it. The scripts keep orders as JSON and
the history as MessagePack. Usage: reservations.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not as
it should be.
"""

import json
import random
import sys
import threading
import time

import redis

RESERVE = """
local basket = cjson.decode(ARGV[1])
local lacking = {}
for i, item in ipairs(basket) do
    local stock = tonumber(redis.call('HGET', KEYS[1], item.name) or 0)
    if stock < item.count then
        lacking[#lacking + 1] = {item.name, item.count - stock}
    end
end
if #lacking > 0 then
    return {0, lacking}
end
local total = 0
for _, item in ipairs(basket) do
    redis.call('HINCRBY', KEYS[1], item.name, -item.count)
    total = total + item.count
end
local id = redis.call('INCR', KEYS[4])
local order = {id = id, buyer = ARGV[2], basket = basket, total = total}
redis.call('HSET', KEYS[2], id, cjson.encode(order))
redis.call('ZADD', KEYS[3], ARGV[3], id)
return {id, total}
"""

# Gives back what was reserved and not paid in time; the orders that were.
EXPIRE = """
local given = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])) do
    local order = cjson.decode(redis.call('HGET', KEYS[2], id))
    for _, item in ipairs(order.basket) do
        redis.call('HINCRBY', KEYS[1], item.name, item.count)
    end
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    given[#given + 1] = order.id
end
return given
"""

PAY = """
if redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then
    return redis.error_reply('GONE the order is not reserved any more')
end
local order = cjson.decode(redis.call('HGET', KEYS[2], ARGV[1]))
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('RPUSH', KEYS[5], cmsgpack.pack(order.id, order.buyer, order.total))
return redis.status_reply('PAID')
"""

HISTORY = """
local lines = {}
for _, packed in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do
    lines[#lines + 1] = {cmsgpack.unpack(packed)}
end
return lines
"""


class Shop:
    """Stock, reservations that end by themselves, and what was paid."""

    def __init__(self, store, name="shop"):
        self.store = store
        self.keys = [f"{name}:{part}" for part in ("stock", "orders", "due", "number", "paid")]
        self.stock = self.keys[0]
        self._reserve, self._expire = store.register_script(RESERVE), store.register_script(EXPIRE)
        self._pay, self._history = store.register_script(PAY), store.register_script(HISTORY)

    def fill(self, **items):
        self.store.hset(self.stock, mapping=items)

    def left(self):
        return {name: int(count) for name, count in self.store.hgetall(self.stock).items()}

    def reserve(self, buyer, due, client=None, **basket):
        """The order's number and how many things it has; or 0 and what is lacking."""
        items = [{"name": name, "count": count} for name, count in basket.items()]
        return self._reserve(keys=self.keys, args=[json.dumps(items), buyer, due], client=client)

    def expire(self, now):
        return self._expire(keys=self.keys, args=[now])

    def pay(self, order):
        return self._pay(keys=self.keys, args=[order])

    def history(self):
        return self._history(keys=self.keys)


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def error_of(call, *args):
    try:
        call(*args)
    except redis.ResponseError as e:
        return str(e)
    return None


def one_buyer(store):
    shop = Shop(store)
    shop.fill(apple=5, pear=2)
    check("a basket is reserved", shop.reserve("anna", 100, apple=2, pear=1), [1, 3])
    check("and taken from the stock", shop.left(), {"apple": 3, "pear": 1})
    check("one that is too large is not", shop.reserve("ben", 100, apple=1, pear=2, plum=3), [0, [["pear", 1], ["plum", 3]]])
    check("not even in part", shop.left(), {"apple": 3, "pear": 1})
    order = json.loads(store.hget(shop.keys[1], 1))
    check("the order is kept", order, {"id": 1, "buyer": "anna", "total": 3, "basket": [{"name": "apple", "count": 2}, {"name": "pear", "count": 1}]})
    check("it is paid", shop.pay(1), "PAID")
    check("but not twice", error_of(shop.pay, 1), "GONE the order is not reserved any more")
    check("another is reserved", shop.reserve("carl", 50, apple=3), [2, 3])
    check("not yet over", shop.expire(49), [])
    check("until it is", shop.expire(50), [2])
    check("its things are back", shop.left(), {"apple": 3, "pear": 1})
    check("what was paid is known", shop.history(), [[1, "anna", 3]])


def forgotten(store):
    """The server forgets its scripts, as it does when it starts anew."""
    shop = Shop(store, "forgotten")
    shop.fill(apple=10)
    sha = shop._reserve.sha
    for n in range(1, 4):
        store.script_flush()
        check("forgotten", store.script_exists(sha), [False])
        check("sent again", shop.reserve("anna", 1, apple=1), [n, 1])
        check("known again", store.script_exists(sha), [True])
    check("its SHA alone is enough", store.evalsha(sha, 5, *shop.keys, '[{"name": "apple", "count": 1}]', "ben", 1), [4, 1])
    with store.pipeline(transaction=False) as pipe:
        store.script_flush()
        for _ in range(3):
            shop.reserve("pipe", 1, client=pipe, apple=1)
        check("a pipeline sends what it needs first", pipe.execute(), [[5, 1], [6, 1], [7, 1]])
    with store.pipeline() as pipe:
        pipe.hget(shop.stock, "apple")
        shop.reserve("multi", 1, client=pipe, apple=2)
        shop.reserve("multi", 1, client=pipe, apple=2)
        pipe.hget(shop.stock, "apple")
        check("within a transaction", pipe.execute(), ["3", [8, 2], [0, [["apple", 1]]], "1"])


def crowd(store, buyers=8, tries=60, stock=150):
    """Buyers who come at the same time, some of whom pay: nothing is sold twice, and nothing gets lost."""
    shop = Shop(store, "crowd")
    shop.fill(apple=stock, pear=stock)
    reserved, paid, refused, failures, lock = {}, [], [], [], threading.Lock()

    def buy(n):
        try:
            chance = random.Random(n)
            for _ in range(tries):
                apples, pears = chance.randint(1, 3), chance.randint(0, 2)
                basket = {"apple": apples, "pear": pears} if pears else {"apple": apples}
                number, total = shop.reserve(f"buyer{n}", 1000 if chance.random() < 0.5 else 1, **basket)
                pays = number and chance.random() < 0.7
                with lock:
                    if not number:
                        refused.append(total)
                    else:
                        if number in reserved:
                            raise RuntimeError(f"two orders have the number {number}")
                        reserved[number] = total
                        if pays:
                            paid.append(number)
                if pays and shop.pay(number) != "PAID":
                    raise RuntimeError(f"order {number} is not paid")
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=buy, args=(n,), daemon=True) for n in range(buyers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(timeout=120)
    check("all have bought", (failures, any(t.is_alive() for t in threads)), ([], False))
    check("until there was nothing left", len(refused) > 0, True)
    taken = sum(reserved.values())
    check("what was taken is missing", sum(shop.left().values()), 2 * stock - taken)
    check("no stock is below nothing", min(shop.left().values()) >= 0, True)
    given = shop.expire(1000)
    check("who has not paid gives back", sorted(given), sorted(set(reserved) - set(paid)))
    sold = sum(reserved[n] for n in paid)
    check("what was paid is what is missing", sum(shop.left().values()), 2 * stock - sold)
    history = shop.history()
    check("and what is known", sorted((n, total) for n, _, total in history), sorted((n, reserved[n]) for n in paid))
    check("no order is left", store.exists(*shop.keys[1:3]), 0)


def mistakes(store):
    shop = Shop(store, "mistakes")
    check("what is no JSON is told", "Expected value but found invalid token at character 1" in error_of(
        lambda: shop._reserve(keys=shop.keys, args=["apples", "anna", 1])), True)
    store.set(shop.stock, "no hash")
    check("a wrong type is told", "WRONGTYPE" in error_of(lambda: shop.reserve("anna", 1, apple=1)), True)
    check("and changes nothing", store.get(shop.stock), "no hash")
    broken = store.register_script("return redis.call('INCR', KEYS[1]")
    check("what is no Lua is told", "Error compiling script" in error_of(lambda: broken(keys=["k"])), True)
    half = store.register_script("redis.call('SET', KEYS[1], 'written') error('then this')")
    check("an error of the script's is told", "then this" in error_of(lambda: half(keys=["half"])), True)
    check("and what it had written stays", store.get("half"), "written")


def slow(store):
    """A script that does not end by itself is ended by another client, who is served all the while."""
    endless = store.register_script("while true do redis.call('GET', KEYS[1]) end")
    before = store.config_get("lua-time-limit")["lua-time-limit"]
    store.config_set("lua-time-limit", 50)
    outcome = []
    victim = threading.Thread(target=lambda: outcome.append(error_of(lambda: endless(keys=["endless"]))), daemon=True)
    victim.start()
    other, end = redis.Redis(connection_pool=store.connection_pool), time.monotonic() + 60
    while True:
        try:
            other.script_kill()
            break
        except redis.ResponseError as e:  # not yet begun, or not yet slow
            if "NOTBUSY" not in str(e) or time.monotonic() > end:
                check("it can be ended", str(e), "OK")
            time.sleep(0.01)
    victim.join(timeout=120)
    check("the endless script was ended", len(outcome) == 1 and "killed by user" in outcome[0], True)
    store.config_set("lua-time-limit", before)
    check("and all is well", store.ping(), True)


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    one_buyer(store)
    forgotten(store)
    crowd(store)
    mistakes(store)
    slow(store)
    store.flushdb()
    print("reservations.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
