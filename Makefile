# Each target brings what it needs by itself (scripts/setup). A new target: `name: ## one line`, and it is in the help.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Outside the checkout, so that several checkouts share one build and an editor does not index it.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/agenttrust/target
export AGENTTRUST_TOOLS ?= $(HOME)/.cache/agenttrust/tools
export PATH := $(AGENTTRUST_TOOLS)/bin:$(PATH)

# On a CI machine the lock file is part of what is checked; at a desk cargo may write a new dependency into it.
LOCKED := $(if $(CI),--locked)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the targets need: system packages (asks before sudo) and cargo tools
	scripts/setup build check test

.PHONY: demo
demo: ## The main job, by hand; ARGS=--auto for unattended
	scripts/demo $(ARGS)

# The interface is a file like any other: built when its sources or its tools are newer.
UI_SOURCES := $(shell find ui/src ui/index.html ui/package.json ui/vite.config.ts ui/tsconfig.json -type f 2>/dev/null)

node_modules/.installed: package-lock.json
	scripts/setup app
	npm ci --ignore-scripts --loglevel=error
	touch $@

ui/dist/index.html: node_modules/.installed $(UI_SOURCES)
	npm run --silent --workspace ui build -- --logLevel warn
	touch $@

ui/dist-bridge/index.html: node_modules/.installed $(UI_SOURCES)
	npm run --silent --workspace ui build -- --mode bridge --logLevel warn
	touch $@

.PHONY: build
build: ui/dist/index.html ## Build every package, the app's interface included
	scripts/setup build app
	cargo build --workspace $(LOCKED)

.PHONY: check
check: ui/dist/index.html ## Format, lints, documentation, licences and sources of dependencies, spelling
	scripts/setup build app check
	npm run --silent --workspace ui check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(LOCKED) -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps $(LOCKED)
	cargo deny $(LOCKED) check licenses bans sources
	typos

.PHONY: test
test: check ui/dist-bridge/index.html ## Everything in check, then all tests
	scripts/setup test
	npm run --silent --workspace ui test
	cargo build --workspace --bins $(LOCKED)
	cargo test --workspace --doc $(LOCKED)
	cargo nextest run --workspace $(LOCKED)
	npm run --silent --workspace ui e2e
	@[ -n "$(AGENTTRUST_TEST_DATA)" ] || echo "AGENTTRUST_TEST_DATA names no folder: the published vectors were not run."

.PHONY: vectors
vectors: ## Write tests/vectors anew after a change of the protocol
	cargo run -p agenttrust-tests --bin make-vectors $(LOCKED)

.PHONY: types
types: ## Write the interface's types anew, after a change of what a shell sends and hears
	UPDATE=1 cargo test -p agenttrust-device --features typescript --test typescript $(LOCKED)

.PHONY: icons
icons: ## Draw the app's icons anew, after a change of their SVG sources
	scripts/setup icons
	scripts/icons

# What decides whether something may run. A build folder for itself, which is gone afterwards.
MUTANTS := check.rs check/*.rs quorum.rs constraint/cover.rs envelope/*.rs trust.rs trust/*.rs

.PHONY: mutants
mutants: ## Switch off each check of the protocol in turn: a vector or a test must fail (an hour; MUTANTS=check/*.rs)
	scripts/setup build mutants
	env -u CARGO_TARGET_DIR cargo mutants --package agenttrust-protocol --jobs 1 --output "$(CARGO_TARGET_DIR)" \
	  $(foreach file,$(MUTANTS),--file 'crates/protocol/src/$(file)') $(if $(LOCKED),--cargo-arg $(LOCKED)) -- --lib --tests

# Coverage and the address sanitizer are unstable flags, which RUSTC_BOOTSTRAP lets the stable compiler take.
# New inputs go to the build folder; one worth keeping is copied into tests/fuzz/corpus and replayed by `make test`.
FUZZ := json note ticket envelope constraint
T ?= 60

.PHONY: fuzz
fuzz: ## Feed chance to everything that reads strangers' bytes, a minute for each (T=seconds)
	scripts/setup build fuzz
	for target in $(FUZZ); do \
	  mkdir -p "$(CARGO_TARGET_DIR)/fuzz/corpus/$$target"; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --target-dir "$(CARGO_TARGET_DIR)/fuzz" $$target \
	    "$(CARGO_TARGET_DIR)/fuzz/corpus/$$target" "tests/fuzz/corpus/$$target" \
	    -- -max_total_time=$(T) -timeout=10 -verbosity=0 -print_final_stats=1; \
	done

# The peer has a virtual environment of its own.
BENCH_VENV := $(HOME)/.cache/agenttrust/bench/langgraph

.PHONY: bench
bench: ui/dist/index.html ## Measure the whole, beside LangGraph; prints the machine and the tables
	scripts/setup build app test
	cargo build --release -p agenttrust-daemon -p agenttrust-cli -p agenttrust-app $(LOCKED)
	[ -x "$(BENCH_VENV)/bin/python" ] || python3 -m venv "$(BENCH_VENV)"
	"$(BENCH_VENV)/bin/pip" install --quiet langgraph==1.2.22 langgraph-checkpoint-sqlite==3.1.2
	LANGGRAPH_PYTHON="$(BENCH_VENV)/bin/python" cargo bench -p agenttrust-benches --bench whole $(LOCKED)

.PHONY: screens
screens: node_modules/.installed ## Draw every screen of the app in every state into docs/screens
	scripts/setup test
	scripts/screens

.PHONY: soak
soak: ## The long runs, hours: 1,000 kills under load, 100,000 races, 10,000 flipped bits
	scripts/setup build test
	cargo build --workspace --bins $(LOCKED)
	ROUNDS=1000 RACES=100000 FLIPS=10000 cargo test -p agenttrust-tests --test kill_rounds --test races --test faults \
	  $(LOCKED) -- --nocapture kill_rounds of_two_devices flipped

# A release build of its own: it knows nothing of the folders it was built in.
PACKAGE := $(CARGO_TARGET_DIR)/package

.PHONY: package
package: ui/dist/index.html ## Build the Debian package: app, daemon, command line, manual
	scripts/setup build app package
	scripts/package "$(PACKAGE)"

.PHONY: package-test
package-test: package ## Install, use and remove that package in a fresh Debian; this machine stays as it is (root)
	scripts/package-test "$$(ls -t "$(PACKAGE)"/agenttrust-id_*.deb | head -n 1)"

.PHONY: clean
clean: ## Remove what the build wrote; tools stay
	cargo clean
