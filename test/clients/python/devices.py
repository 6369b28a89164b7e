# SPDX-License-Identifier: BSD-3-Clause
"""Sessions of a user's devices in one hash, each in a field that expires by itself.

Field expiry is newer than many installed versions of redis-py, so the commands go through execute_command, as people do then.
Usage: devices.py HOST PORT. Prints what it checked; ends with status 1 at the first thing that is not as it should be.
"""

import secrets
import sys
import threading
import time

import redis


class Devices:
    """The sessions of users by device."""

    def __init__(self, store, ttl=1800):
        self.store, self.ttl = store, ttl

    @staticmethod
    def key(user):
        return f"devices:{user}"

    def _do(self, command, user, *args, fields):
        return self.store.execute_command(command, self.key(user), *args, "FIELDS", len(fields), *fields)

    def login(self, user, device):
        token = secrets.token_urlsafe(16)
        self.store.execute_command("HSETEX", self.key(user), "PX", int(self.ttl * 1000), "FIELDS", 1, token, device)
        return token

    def use(self, user, token):
        """The session's device, or None; being used keeps it alive."""
        return self._do("HGETEX", user, "PX", int(self.ttl * 1000), fields=[token])[0]

    def logout(self, user, *tokens):
        return self._do("HGETDEL", user, fields=tokens)

    def remember(self, user, token):
        return self._do("HPERSIST", user, fields=[token])[0] == 1

    def end_by(self, user, moment, *tokens):
        """Has sessions end at a Unix time, unless they end earlier."""
        return self._do("HPEXPIREAT", user, int(moment * 1000), "LT", fields=tokens)

    def left(self, user, *tokens):
        return self._do("HTTL", user, fields=tokens)

    def all(self, user):
        return self.store.hgetall(self.key(user))

    def tokens(self, user):
        """The tokens without the devices, for very many of them."""
        cursor, tokens = "0", []
        while True:
            cursor, some = self._scan(user, cursor)
            tokens += some
            if cursor == "0":
                return tokens

    def _scan(self, user, cursor):
        # redis-py makes a dict of HSCAN's reply: without values it is read as it comes.
        with self.store.client() as one:
            one.response_callbacks.pop("HSCAN", None)
            return one.execute_command("HSCAN", self.key(user), cursor, "NOVALUES", "COUNT", 100)


def check(what, got, want):
    if got != want:
        print(f"FAILED {what}: got {got!r}, want {want!r}")
        sys.exit(1)
    print(f"ok     {what}")


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            check(what, False, True)
        time.sleep(0.005)
    print(f"ok     {what}")


def main(host, port):
    store = redis.Redis(host=host, port=port, decode_responses=True)
    store.flushdb()
    devices = Devices(store)

    phone, laptop = devices.login("anna", "phone"), devices.login("anna", "laptop")
    check("both devices are there", devices.all("anna"), {phone: "phone", laptop: "laptop"})
    check("each lives for half an hour", [1000 < t <= 1800 for t in devices.left("anna", phone, laptop)], [True, True])
    check("sooner is possible", devices.end_by("anna", time.time() + 60, phone, laptop, "none"), [1, 1, -2])
    check("later is not", devices.end_by("anna", time.time() + 600, phone), [0])
    check("a use pushes the end away", (devices.use("anna", phone), 1000 < devices.left("anna", phone)[0]), ("phone", True))
    check("the other one's stays", devices.left("anna", laptop)[0] <= 60, True)
    check("a session can be remembered", (devices.remember("anna", laptop), devices.left("anna", laptop, "none")), (True, [-1, -2]))
    check("a forged token is nothing", devices.use("anna", "forged"), None)
    check("logging out gives the devices", devices.logout("anna", phone, "forged", laptop), ["phone", None, "laptop"])
    check("and the last one takes the key with it", store.exists(devices.key("anna")), 0)
    try:
        store.set("devices:odd", "a string")
        devices.use("odd", phone)
        check("a wrong type is refused", False, True)
    except redis.ResponseError as e:
        check("a wrong type is refused", str(e).split()[0], "WRONGTYPE")

    short = Devices(store, ttl=0.3)
    began = time.monotonic()
    stays, goes = devices.login("bob", "desk"), short.login("bob", "tv")
    wait_for("a session that is not used ends by itself", lambda: len(devices.all("bob")) == 1)
    check("not before its time", time.monotonic() - began > 0.29, True)
    check("and the other one lives", (devices.use("bob", goes), devices.use("bob", stays)), (None, "desk"))

    later = int(time.time() + 1000) * 1000
    for i in range(0, 3000, 500):
        pairs = [x for j in range(i, i + 500) for x in (f"token{j}", "robot")]
        store.execute_command("HSETEX", devices.key("eve"), "PXAT", later, "FIELDS", 500, *pairs)
    check("very many can be listed", sorted(devices.tokens("eve")), sorted(f"token{i}" for i in range(3000)))
    moment = time.time() + 0.5
    tokens = [f"token{i}" for i in range(3000)]
    store.execute_command("HPEXPIREAT", devices.key("eve"), int(moment * 1000), "FIELDS", 3000, *tokens)
    wait_for("and end together", lambda: store.exists(devices.key("eve")) == 0)
    check("at their time", moment - 0.005 <= time.time(), True)

    winners = []

    def grab(name):
        if store.execute_command("HSETEX", "leases", "FNX", "PX", 60000, "FIELDS", 1, "printer", name):
            winners.append(name)

    threads = [threading.Thread(target=grab, args=(f"worker{i}",)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("one of many gets a lease", len(winners), 1)
    check("and it is his", store.hget("leases", "printer"), winners[0])
    print("devices.py: all checks passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
