# One command for everything. `make help` lists the targets; each is a script of its own below scripts/.

.PHONY: help run test test-full check bench bench-scale bench-engine fuzz services gate-operations gate-containers gate-durability gate-load gate-hostile

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## installs what the build lacks, builds in release mode, starts the server
	@scripts/run

test: ## what every change must pass, against the real clients and a real browser
	@scripts/test

test-full: ## the same with documentation tests and many more cases of each property
	@scripts/test --full

check: ## what must pass before a commit, beside the tests
	@scripts/check

bench: ## speed and memory, as ratios within one run
	@scripts/bench

services: ## a private PostgreSQL and S3 server to try things with, until Ctrl-C
	@scripts/services

fuzz: ## makes up requests of every signing scheme and files of every format, a minute each
	@scripts/fuzz

bench-engine: ## our engine beside sharp, vipsthumbnail, Pillow and oximg; needs TEST_SHARED
	@scripts/bench-engine

bench-scale: ## what the catalog costs among many images, as ratios within one run
	@scripts/bench-scale

gate-operations: ## types what docs/operations.md says, then kills either process under clients that retry once
	@scripts/gate-operations

gate-containers: ## builds the container image, runs and walks it; judges compose files and systemd unit
	@scripts/gate-containers

gate-durability: ## crashes, damage, full disks, stops, backups in full counts, on both set-ups; 45 minutes
	@scripts/gate-durability

gate-hostile: ## bad inputs, bombs and mutants in full counts, and a worker that does what none may; needs TEST_SHARED
	@scripts/gate-hostile

gate-load: ## ten times the load, a thousand of each kind of slow client, one account against another; 15 minutes
	@scripts/gate-load
