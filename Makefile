# Everything runs from a bare clone; `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
# Many tests wait for a broker, so six processes of them keep two cores busy; four leave a fifth of their time unused.
JOBS ?= 6
# The tests start hundreds of processes: without bytecode on disk each compiles all sources anew, half a second each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak check site format tables lock bench up status logs down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv, install the pinned packages, compile the kernels

demo: $(STAMP) ## run the whole path on generated events, against real Kafka and Redis
	$(BIN)/unlearn demo

test: $(STAMP) ## run all tests, in JOBS processes
	@bash deploy/local/setup.sh test-tools
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

soak: $(STAMP) ## run what takes hours: 10,000 simulated histories, long faults, floods, 14 million events
	$(BIN)/unlearn simulate --seeds 1..10000
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m tests.faults.fuzz --events 1000000
	$(BIN)/python -m tests.faults.measure
	$(BIN)/python -m tests.faults.recovery
	$(BIN)/python -m tests.faults.rolling --minutes 5
	@mkdir -p bench/out
	$(BIN)/python -m bench scale --events 14000000 --json bench/out/scale.json
	$(BIN)/python -m bench steady --strict --json bench/out/steady.json

check: $(STAMP) ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

site: $(STAMP) ## build the pages as a site into build/site; each link must lead somewhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

format: $(STAMP) ## format the code and apply the linter's safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure everything beside its peers (about an hour), figures in bench/out and docs/figures.md
	@mkdir -p bench/out
	for name in text naive-bayes linear checkpoints forest client install forget ingest releases; do \
	  $(BIN)/python -m bench $$name --json bench/out/$$name.json || exit 1; \
	done
	$(BIN)/python -m bench.figures_page

up: $(STAMP) ## start local Kafka and Redis
	$(BIN)/unlearn services up

status: $(STAMP) ## say whether local Kafka and Redis answer
	$(BIN)/unlearn services status

logs: $(STAMP) ## show the end of the services' logs
	$(BIN)/unlearn services logs

down: $(STAMP) ## stop local Kafka and Redis
	$(BIN)/unlearn services down

tables: $(STAMP) ## write what is generated in docs: tables, schemas, vectors
	PYTHONPATH=processor:models:study $(BIN)/python docs/tables.py
	PYTHONPATH=.:processor:models:study $(BIN)/python -m tests.vectors
	$(BIN)/python deploy/grafana/board.py

lock: ## pin the newest versions that pyproject.toml allows (needs uv on the PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --extra dev --upgrade pyproject.toml -o requirements.lock
	! grep -nE 'https?:' requirements.lock

clean: ## stop the services and remove what was made here; their data stay, `unlearn services down --erase` removes them
	@if [ -x $(BIN)/unlearn ]; then $(BIN)/unlearn services down; fi
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info build

$(STAMP): pyproject.toml requirements.lock deploy/local/setup.sh
	@PYTHON=$(PYTHON) bash deploy/local/setup.sh
	@touch $@
