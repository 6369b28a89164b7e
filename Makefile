# SPDX-License-Identifier: BSD-3-Clause
# "make" alone prints what can be done.

GO     ?= go
T      ?= 60s
N      ?= 300
CHECKS  = $(GO) run ./scripts/checks

# Packages that the race detector and the invariants build look at in "make test"; "make race" takes all.
RACE       ?= ./internal/clock ./internal/mem ./internal/netloop ./internal/store ./internal/engine ./internal/session ./internal/server ./test/meta ./test/waiting
INVARIANTS ?= ./internal/invariants ./internal/mem ./internal/ds/... ./internal/store ./internal/engine ./internal/session ./internal/server ./internal/cmds/... ./test/compat ./test/meta ./test/waiting

.PHONY: help run build test vet unit race-some invariants portable clients race compat meta durability bench fuzz docs clean

help:
	@echo 'make run      build and start the server on port 6379'
	@echo 'make build    build bin/redpoll'
	@echo 'make test     all checks; says which were skipped and what they need'
	@echo 'make compat   compare with a real redis-server for T=60s (REDIS_BIN may name its binary)'
	@echo 'make meta     random calls under random setups, in the debug build, for T=60s'
	@echo 'make durability  the server killed N=300 times under each fsync policy; nothing may be lost'
	@echo 'make race     all tests under the race detector'
	@echo 'make fuzz     every fuzz target for T=60s'
	@echo 'make bench    Redpoll beside redis-server: a table of ratios (ARGS=-h for its options)'
	@echo 'make docs     the pages that are made from the code'
	@echo 'make clean    remove what was built'
	@echo
	@echo 'scripts/install-checks.sh installs what the checks need besides Go (Debian, as root).'

run: build
	bin/redpoll server $(ARGS)

build:
	$(GO) build -trimpath -o bin/redpoll ./cmd/redpoll

test: vet unit race-some invariants portable clients
	@echo 'make test: passed'

vet:
	@files=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .); if [ -n "$$files" ]; then echo "gofmt is needed for:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	cd test/clients && $(GO) vet ./...
	cd test/lin && $(GO) vet ./...

# What go vet looks at has been looked at before.
unit:
	$(CHECKS) -vet=off ./...

race-some:
	$(CHECKS) -race -short $(RACE)

invariants:
	$(CHECKS) -tags invariants $(INVARIANTS)

# What runs elsewhere than on Linux: the portable loop is tested here, the rest, tests too, is checked for the other systems, and linked once.
portable:
	$(CHECKS) -tags portable ./internal/netloop ./internal/session ./internal/server ./test/meta
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=windows GOARCH=amd64 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) build -o bin/darwin-arm64/redpoll ./cmd/redpoll
	GOOS=windows GOARCH=amd64 $(GO) build -o bin/windows-amd64/redpoll.exe ./cmd/redpoll

clients:
	$(GO) build -o bin/checks ./scripts/checks
	$(GO) build -o bin/tested ./cmd/redpoll
	cd test/clients && REDPOLL_BIN=$(CURDIR)/bin/tested ../../bin/checks -vet=off -count=1 ./...
	cd test/lin && ../../bin/checks -vet=off ./...

race:
	$(CHECKS) -race ./...

compat:
	$(GO) test -count=1 -v -run 'Stories|Differential|Scans' ./test/compat
	$(GO) test -count=1 -v -timeout 0 -run Generated ./test/compat -args -compat.time=$(T) -compat.seed=0
	$(GO) test -count=1 -v -run 'Redis$$' ./internal/lua/lib -args -codecs.seed=0

meta:
	$(GO) test -count=1 -v -timeout 0 -tags invariants -run Metamorphic ./test/meta -args -meta.time=$(T) -meta.seed=0

durability:
	$(GO) test -count=1 -v -timeout 0 -run Kill ./test/durability -args -durability.kills=$(N) -durability.seed=0

bench: build
	$(GO) run ./test/bench $(ARGS)

fuzz:
	scripts/fuzz.sh $(T)

docs:
	$(GO) generate ./...

clean:
	rm -rf bin
