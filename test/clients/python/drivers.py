# SPDX-License-Identifier: BSD-3-Clause
"""Drivers near a passenger.

Each driver tells where he is, again and again; passengers ask who is near. Who is silent for too long is taken out. Usage: drivers.py HOST
PORT. Prints what it checked; ends with status 1 at the first thing that is not as it should be.
"""

import math
import random
import sys

import redis


class Drivers:
    """Drivers that are free, and when each was heard of last."""

    def __init__(self, store, city):
        self.store, self.where, self.when = store, f"drivers:{city}", f"drivers:{city}:heard"

    def at(self, driver, lon, lat, now=0):
        with self.store.pipeline() as pipe:
            pipe.geoadd(self.where, (lon, lat, driver))
            pipe.zadd(self.when, {driver: now})
            pipe.execute()

    def leave(self, driver):
        with self.store.pipeline() as pipe:
            pipe.zrem(self.where, driver)
            pipe.zrem(self.when, driver)
            return pipe.execute()

    def forget_silent(self, before):
        silent = self.store.zrangebyscore(self.when, "-inf", f"({before}")
        for driver in silent:
            self.leave(driver)
        return silent

    def near(self, lon, lat, km, count=None):
        """The nearest drivers and their distances in km, the nearest first."""
        return self.store.geosearch(self.where, longitude=lon, latitude=lat, radius=km, unit="km", withdist=True, sort="ASC", count=count)

    def near_driver(self, driver, km):
        return [d for d in self.store.geosearch(self.where, member=driver, radius=km, unit="km", sort="ASC") if d != driver]


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def distance(a, b):
    """The km between two points, by the angle between them: another formula than the server's."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*a, *b))
    p = (math.cos(lat1) * math.cos(lon1), math.cos(lat1) * math.sin(lon1), math.sin(lat1))
    q = (math.cos(lat2) * math.cos(lon2), math.cos(lat2) * math.sin(lon2), math.sin(lat2))
    cross = (p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0])
    return 6372.797560856 * math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(p, q)))


def small_town(store):
    town = Drivers(store, "town")
    check("nobody is near", town.near(13.4, 52.5, 5), [])
    town.at("anna", 13.3777, 52.5163, now=100)
    town.at("ben", 13.4132, 52.5219, now=110)
    town.at("eve", 13.2846, 52.5200, now=120)
    check("the nearest first", [d for d, _ in town.near(13.4, 52.52, 20)], ["ben", "anna", "eve"])
    check("as many as are asked for", [d for d, _ in town.near(13.4, 52.52, 20, count=1)], ["ben"])
    check("no farther than asked", [d for d, _ in town.near(13.4, 52.52, 3)], ["ben", "anna"])
    check("who is near a colleague", town.near_driver("anna", 5), ["ben"])
    town.at("ben", 13.25, 52.48, now=130)
    check("drivers move", [d for d, _ in town.near(13.4, 52.52, 20)], ["anna", "eve", "ben"])
    check("and are silent", town.forget_silent(110), ["anna"])
    check("which takes them out", [d for d, _ in town.near(13.4, 52.52, 20)], ["eve", "ben"])
    check("and leave", (town.leave("eve"), town.leave("eve")), ([1, 1], [0, 0]))
    lon, lat = store.geopos(town.where, "ben")[0]
    check("where one is", (round(lon, 4), round(lat, 4)), (13.25, 52.48))
    check("where nobody is", store.geopos(town.where, "anna"), [None])
    try:
        town.near_driver("anna", 5)
        check("nobody can be near one who left", False, True)
    except redis.ResponseError as e:
        check("nobody can be near one who left", str(e), "could not decode requested zset member")


def large_city(store, n=5000):
    rng, city, where = random.Random(7), Drivers(store, "city"), {}
    for first in range(0, n, 500):
        places = []
        for i in range(first, first + 500):
            where[f"d{i}"] = (rng.gauss(28.97, 0.1), rng.gauss(41.01, 0.07))
            places += [*where[f"d{i}"], f"d{i}"]
        store.geoadd(city.where, places)
    for _ in range(40):
        passenger, km = (rng.gauss(28.97, 0.1), rng.gauss(41.01, 0.07)), rng.choice([0.3, 1, 4, 20])
        got = dict(city.near(*passenger, km))
        for driver, place in where.items():
            d = distance(passenger, place)
            if abs(d - km) > 0.002 and (d < km) != (driver in got) or driver in got and abs(d - got[driver]) > 0.002:
                check(f"{driver} at {d} km, within {km}", got.get(driver), d)
        nearest = city.near(*passenger, km, count=5)
        if [d for _, d in nearest] != sorted(got.values())[:5]:
            check("the five nearest", nearest, sorted(got.values())[:5])
    check(f"the same as by another formula, of {n} drivers", True, True)


def far_away(store):
    fiji = Drivers(store, "fiji")
    fiji.at("west", 179.95, -16.8)
    fiji.at("east", -179.95, -16.8)
    check("across the date line", [(d, round(km)) for d, km in fiji.near(-179.99, -16.8, 20)], [("east", 4), ("west", 6)])
    check("miles", round(store.geodist(fiji.where, "west", "east", unit="mi"), 2), 6.62)
    check("a box too", store.geosearch(fiji.where, longitude=179.99, latitude=-16.8, width=30, height=1, unit="km", sort="ASC"), ["west", "east"])
    stored = store.geosearchstore("near:fiji", fiji.where, longitude=179.99, latitude=-16.8, radius=20, unit="km", storedist=True)
    check("kept with distances", (stored, store.zcount("near:fiji", 4, 7)), (2, 2))
    check("short texts of places", store.geohash(fiji.where, "west", "nobody"), ["rvpbqvesfv0", None])


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    small_town(store)
    large_city(store)
    far_away(store)
    store.flushdb()
    print("drivers.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
