# readdress: what can be done here. `make` lists it.

SHELL := /bin/bash
FUZZ_SECONDS ?= 600

.PHONY: help deps lint test test-full bench bench-map bench-migration bench-postfix bench-gate bench-gate-bless fuzz-smoke fuzz bless bless-header install

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## look for what building and testing needs; install what may be installed
	@scripts/deps.sh

lint: deps ## format, clippy, documentation, licences
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path benches/peers/Cargo.toml --check
	cargo fmt --manifest-path tests/differential/peers/mail-parser/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	python3 scripts/licences.py

test: deps ## everything that has to hold: about ten minutes on two cores
	cargo build --release --locked
	cargo test --workspace --locked
	@scripts/c.sh
	@scripts/python.sh
	@scripts/faces.sh
	@scripts/milter.sh
	@scripts/beside.sh scripts/e2e.sh scripts/readme.sh scripts/dkim.sh scripts/postfix.sh scripts/differential.sh
	@scripts/fuzz.sh smoke 20

test-full: deps ## a million cases a property, a million entries, ThreadSanitizer: hours
	@scripts/c.sh threads
	READDRESS_CASES=1000000 READDRESS_ENTRIES=1000000 cargo test --release --workspace --locked -- --nocapture
	READDRESS_CASES=10000000 cargo test --release -p readdress --locked --test shortcuts

bench: deps ## beside what else there is: a table with the targets, docs/performance; under ten minutes
	@scripts/bench.sh

bench-map: deps ## only compiling and look-ups, with ten million entries, too: 8 GB, ten minutes more
	@scripts/bench.sh map

bench-migration: ## a million recipients, 50 rules, 4 systems: check, compile, decisions a second; JSON
	@cargo run --release --locked -q -p readdress-benches --bin migrate -- target/migration 1000000

bench-postfix: deps ## messages through a real Postfix: alone, with a milter that does nothing, with ours, with canonical maps
	@scripts/bench-postfix.sh

bench-gate: deps ## instructions a message, counted by callgrind: 5 % more than the baseline is a failure
	@scripts/bench-gate.sh

bench-gate-bless: deps ## write that baseline anew: REASON="..." says why
	@scripts/bench-gate.sh bless "$(REASON)"

fuzz-smoke: deps ## 20 seconds of fuzzing over all targets
	@scripts/fuzz.sh smoke 20

fuzz: deps ## FUZZ_SECONDS (600) of fuzzing for each target
	@scripts/fuzz.sh long $(FUZZ_SECONDS)

bless: ## record what the fixtures give now as what is meant; read the difference before you commit
	READDRESS_BLESS=1 cargo test -p readdress-tests --test messages fixtures_come_out_as_recorded
	git diff --stat -- tests/fixtures/want

bless-header: ## write include/readdress.h as the exports of ffi say
	READDRESS_BLESS=1 cargo test -p readdress-ffi --test header the_committed_header
	git diff --stat -- include

install: ## header, libraries, pkg-config file and command below PREFIX (/usr/local)
	cargo build --release --locked
	@scripts/install.sh
