#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what the checks need besides Go: a real redis-server and its tools, redis-py, Celery, lua5.1. Does so with apt-get as root (Debian,
# Ubuntu); elsewhere it says what is missing and which checks are skipped without it, and ends with status 0.
#
# Debian's redis-server package starts a server on port 6379 when it is installed. A policy-rc.d prevents that while apt-get
# runs, and what was there before is put back afterwards.
set -euo pipefail

missing=()
have() { command -v "$1" >/dev/null 2>&1; }
have redis-server || missing+=(redis-server)
have redis-benchmark || missing+=(redis-tools)
/usr/bin/python3 -c 'import redis, sqlite3' >/dev/null 2>&1 || missing+=(python3-redis)
/usr/bin/python3 -c 'import celery' >/dev/null 2>&1 || missing+=(python3-celery)
have lua5.1 || missing+=(lua5.1)
if [ ${#missing[@]} -eq 0 ]; then
	echo "install-checks: nothing is missing"
	exit 0
fi

say_skipped() {
	echo "install-checks: not installed, since $1: ${missing[*]}"
	echo "install-checks: without redis-server the comparisons with it are skipped, without redis-tools parts of make bench,"
	echo "install-checks: without python3-redis or python3-celery the programs in Python, without lua5.1 the comparisons of scripts with it"
}
if ! have apt-get; then
	say_skipped "there is no apt-get"
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	say_skipped "this needs root"
	exit 0
fi

policy=/usr/sbin/policy-rc.d
kept=
if [ -e "$policy" ]; then
	kept=$(mktemp)
	cp -p "$policy" "$kept"
fi
restore() {
	if [ -n "$kept" ]; then
		cp -p "$kept" "$policy"
		rm -f "$kept"
	else
		rm -f "$policy"
	fi
}
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy" # 101: no service may be started
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends "${missing[@]}"
echo "install-checks: installed ${missing[*]}"
