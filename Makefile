# Everything is set up on the way, into .venv and .runtime; PYTHON=/path/to/python3.11 chooses the Python.
.DEFAULT_GOAL := help
.PHONY: help demo test soak up down lint bench bench-sentiment bench-producers bench-api clean
SETUP := @PYTHON="$(PYTHON)" sh stack/setup.sh

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start the stack and its jobs, feed them a simulated market, report (LIVE=1: the real exchanges and news feeds)
	$(SETUP) run
	@.venv/bin/tidemark demo $(if $(filter-out 0,$(LIVE)),--live)

test: ## Run all tests, on a stack of their own
	$(SETUP) dev
	@.venv/bin/python -m pytest $(OPTIONS)

soak: ## Run the tests that take many minutes, or need a machine that does nothing else: kills, a spike on the page in 5 s
	$(SETUP) dev
	@.venv/bin/python -m pytest -m soak

up: ## Start the local stack
	$(SETUP) run
	@.venv/bin/tidemark up

down: ## Stop the local stack; its data are kept
	@if [ -x .venv/bin/tidemark ]; then .venv/bin/tidemark down; fi

lint: ## Check style, types, SQL and YAML
	$(SETUP) dev
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/sqlfluff lint --disable-progress-bar sql
	@.venv/bin/yamllint --strict .

bench: ## Measure, on the local stack: throughput, latency; alerts and news impact against what the simulator did, for five seeds
	$(SETUP) bench
	@.venv/bin/python -m benchmarks.throughput
	@.venv/bin/python -m benchmarks.latency
	@.venv/bin/python -m benchmarks.alerts
	@.venv/bin/python -m benchmarks.impact

bench-sentiment: ## Measure how well headlines are scored, and the coins found that they mention
	$(SETUP) run
	@.venv/bin/python -m benchmarks.sentiment

bench-producers: ## Measure what one producer process sends, by kafka-python and by librdkafka, against what the sources send
	$(SETUP) bench
	@.venv/bin/python -m benchmarks.producers

bench-api: ## Measure the API: answers over 10 million trades; 500 live clients at 1,000 trades a second; slow clients among them
	$(SETUP) run
	@.venv/bin/python -m benchmarks.api rest
	@.venv/bin/python -m benchmarks.api live

clean: down ## Stop the stack and delete what was installed; its data (.tidemark) are kept
	rm -rf .venv .runtime build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
