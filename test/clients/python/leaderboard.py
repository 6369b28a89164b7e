# SPDX-License-Identifier: BSD-3-Clause
"""A game's leaderboard in a sorted set.

Every won round adds to a player's points; the board shows the best, a player's rank and who stands around him. What it shows is held
against a model in a dict. Usage: leaderboard.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not as
it should be.
"""

import random
import sys
import threading

import redis


class Leaderboard:
    """The points of a game's players, the best first."""

    def __init__(self, store, game):
        self.store, self.key = store, f"board:{game}"

    def join(self, *players):
        """Lets players begin at no points; who is there already keeps his."""
        return self.store.zadd(self.key, {player: 0 for player in players}, nx=True)

    def won(self, player, points):
        return self.store.zincrby(self.key, points, player)

    def best_time(self, player, seconds):
        """Notes a time if it is the player's best so far, and tells whether it is."""
        return self.store.zadd(f"{self.key}:times", {player: seconds}, lt=True, ch=True) == 1

    def top(self, count):
        return self.store.zrevrange(self.key, 0, count - 1, withscores=True)

    def page(self, number, size):
        return self.store.zrevrange(self.key, number * size, (number + 1) * size - 1)

    def rank(self, player):
        """The player's place from 1 on, or None."""
        rank = self.store.zrevrank(self.key, player)
        return None if rank is None else rank + 1

    def around(self, player, count):
        """The players around one, as (place, player, points)."""
        place = self.rank(player)
        if place is None:
            return []
        first = max(place - 1 - count, 0)
        players = self.store.zrevrange(self.key, first, place - 1 + count, withscores=True)
        return [(first + 1 + i, name, points) for i, (name, points) in enumerate(players)]

    def between(self, least, most):
        return self.store.zrangebyscore(self.key, least, most)

    def keep_best(self, count):
        return self.store.zremrangebyrank(self.key, 0, -count - 1)


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def ranking(points):
    """A model's players as the board must have them: those with equal points in reverse order of their names."""
    return sorted(points, key=lambda name: (points[name], name.encode()), reverse=True)


def small(store):
    board = Leaderboard(store, "small")
    check("three join", board.join("anna", "ben", "carl"), 3)
    check("who is there stays as he is", (board.won("anna", 30), board.join("anna", "dora")), (30.0, 1))
    board.won("ben", 50)
    board.won("carl", 30)
    check("the top, equals by name", board.top(3), [("ben", 50.0), ("carl", 30.0), ("anna", 30.0)])
    check("places", [board.rank(p) for p in ("ben", "carl", "anna", "dora", "nobody")], [1, 2, 3, 4, None])
    check("points may be lost", (board.won("ben", -45.5), board.rank("ben")), (4.5, 3))
    check("a range of points", board.between(4, "(30"), ["ben"])
    check("around the first", board.around("carl", 1), [(1, "carl", 30.0), (2, "anna", 30.0)])
    check("around the last", board.around("dora", 1), [(3, "ben", 4.5), (4, "dora", 0.0)])
    check("around nobody", board.around("nobody", 1), [])
    times = [board.best_time("anna", s) for s in (62.5, 61.25, 61.3, 61.25, 60)]
    check("only a better time counts", times, [True, True, False, False, True])
    check("the best time stays", store.zscore(f"{board.key}:times", "anna"), 60.0)
    check("the best two are kept", (board.keep_best(2), store.zcard(board.key)), (2, 2))


def large(store, players=1500, rounds=4000):
    """Several games write at the same time; then everything is compared with the model."""
    board = Leaderboard(store, "large")
    names = [f"player:{i}" for i in range(players)]
    check("many join", board.join(*names), players)
    points = dict.fromkeys(names, 0)
    lock = threading.Lock()
    failures = []

    def play(seed):
        rnd = random.Random(seed)
        try:
            for _ in range(rounds // 4):
                player, won = rnd.choice(names), rnd.choice([1, 5, 10, 25, -5])
                board.won(player, won)
                with lock:
                    points[player] += won
        except Exception as e:  # a thread's own failure must not be lost
            failures.append(e)

    games = [threading.Thread(target=play, args=(seed,)) for seed in range(4)]
    for game in games:
        game.start()
    for game in games:
        game.join()
    check("nothing failed", failures, [])

    order = ranking(points)
    check("the whole board", board.page(0, players), order)
    check("the top ten", board.top(10), [(name, float(points[name])) for name in order[:10]])
    check("pages", [name for n in range(players // 100) for name in board.page(n, 100)], order)
    sample = random.Random(5).sample(names, 100)
    with store.pipeline(transaction=False) as pipe:
        for name in sample:
            pipe.zrevrank(board.key, name)
        check("places of a hundred", pipe.execute(), [order.index(name) for name in sample])
    at = order.index(sample[0])
    first = max(at - 3, 0)
    around = [(first + 1 + i, name, float(points[name])) for i, name in enumerate(order[first : at + 4])]
    check("around one of them", board.around(sample[0], 3), around)
    positive = sum(1 for p in points.values() if p > 0)
    check("how many have won", store.zcount(board.key, "(0", "+inf"), positive)
    check("all are met by a scan", dict(store.zscan_iter(board.key, count=100)), {n: float(p) for n, p in points.items()})

    week = store.zunionstore("week", {board.key: 2, "board:small": 1}, aggregate="MAX")
    check("two boards in one", week, players + 2)
    check("with weights", store.zscore("week", order[0]), 2.0 * points[order[0]])
    check("what is in both", store.zinterstore("both", [board.key, "week"]), players)
    check("the last drop out", board.keep_best(100), players - 100)
    check("and the best are left", board.page(0, 1000), order[:100])
    lowest = store.zpopmin(board.key, 2)
    check("the two lowest go", [name for name, _ in lowest], order[99:97:-1])


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    small(store)
    large(store)
    store.flushdb()
    print("leaderboard.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
