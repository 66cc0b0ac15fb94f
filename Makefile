# The commands of the project; `make help` lists them. All work from a fresh clone with Rust, Python 3.10 or
# later and a C compiler; tools go into .venv, products into the target directory.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export SAM_CLI_TELEMETRY := 0

FUNCTIONS := reader writer replicator copier backfill control
# Where template.yaml looks for the code of each function.
BUNDLES := target/lambda

.PHONY: help setup build test test-core test-aws test-python lint explore fuzz bench demo chaos clean
.NOTPARALLEL:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup: $(VENV)/.ready ## install the pinned tools into .venv

$(VENV)/.ready: requirements.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or later is needed, PYTHON=... names another one")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c requirements.lock
	@touch $@

build: ## the functions for tests and demo (development profile), one bootstrap each, and the gateway with its example
	cargo build $(FUNCTIONS:%=-p livemove-%) -p livemove-gateway --bins --examples
	@for name in $(FUNCTIONS); do \
	  mkdir -p $(BUNDLES)/$$name && \
	  strip -o $(BUNDLES)/$$name/.new $(CARGO_TARGET_DIR)/debug/$$name && \
	  mv $(BUNDLES)/$$name/.new $(BUNDLES)/$$name/bootstrap || exit 1; \
	done

test: setup test-core lint test-aws build test-python ## everything; tests wait for conditions, not times

test-core: ## the protocol, pure: seconds, then a bounded number of explored schedules
	cargo test

lint: setup ## format, clippy, template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	$(BIN)/cfn-lint template.yaml

test-aws: setup ## the adapters against the local AWS
	$(BIN)/python -m tests.local_aws.run -- cargo test -p livemove-aws -p livemove-gateway-server -p livemove

test-python: setup ## template and end to end; needs `make build`
	$(BIN)/python -m pytest tests

explore: ## a million schedules and more of the shipped protocol code, with the figures
	LIVEMOVE_SCHEDULES=$${LIVEMOVE_SCHEDULES:-70000} cargo test -p livemove-core --test explore -- --nocapture

fuzz: export LIVEMOVE_CASES ?= 20000
fuzz: ## everything that decodes, with 20,000 cases a test (LIVEMOVE_CASES=n), valid inputs damaged among them
	cargo test -p livemove-core --test fuzz
	cargo test -p livemove-core --test pages fuzz
	cargo test -p livemove-aws -p livemove-gateway-server --lib
	cargo test -p livemove-gateway-server --test server fuzz

bench: setup ## what the gateway costs, as ratios to direct calls (LIVEMOVE_BENCH_SOAK=seconds: memory under load)
	$(BIN)/python -m tests.local_aws.run -- cargo bench -p livemove-gateway --bench overhead

demo: setup build ## move a table and a bucket under traffic, back, and again (DATA=items.jsonl, KEEP=1)
	$(BIN)/python -m tests.demo $(if $(DATA),--data '$(DATA)') $(if $(KEY),--key '$(KEY)') $(if $(KEEP),--keep)

chaos: setup build ## migrate forth and back while calls fail and functions are killed (SEED=n, MINUTES=5); see docs/TESTING.md
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed '$(SEED)') $(if $(MINUTES),--minutes '$(MINUTES)')

clean: ## remove what was built, not the tools
	cargo clean
	rm -rf $(BUNDLES) .livemove .pytest_cache
