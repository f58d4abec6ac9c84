# Two commands set everything up on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test check bench bench-engine verify clean

demo: .venv/ready ## watch an incident being found, explained, fixed and written up
	$(BIN)/incident-copilot demo

test: .venv/ready ## the default test suite
	$(BIN)/pytest

check: .venv/ready ## lint, format, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready ## measurements: print their numbers
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.emulator
	$(BIN)/python -m benchmarks.emulator_scale
	$(BIN)/python -m benchmarks.telemetry
	$(BIN)/python -m benchmarks.collect_calls
	$(BIN)/python -m benchmarks.logs
	$(BIN)/python -m benchmarks.redaction
	$(BIN)/python -m benchmarks.retrieval
	$(BIN)/python -m benchmarks.retrieval_quality
	$(BIN)/python -m benchmarks.agent_cost

bench-engine: .venv/ready ## the evidence engine over faults, healthy runs and held-out faults; goes on where it stopped
	$(BIN)/python -m benchmarks.engine --table dev --out out/engine
	$(BIN)/python -m benchmarks.engine --table healthy --limit 200 --out out/engine
	$(BIN)/python -m benchmarks.engine --table pairs --out out/engine
	$(BIN)/python -m benchmarks.engine --table held --out out/engine-held
	$(BIN)/python -m benchmarks.engine_recipes --out out/engine
	$(BIN)/python -m benchmarks.engine_report --dev out/engine --held out/engine-held --pairs out/engine --recipes out/engine

verify: .venv/ready ## the big matrices, on the emulator and on $KUBECONFIG
	$(BIN)/pytest -m 'matrix or cluster_long' --hypothesis-profile=search

clean: ## remove what the build made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --system-certs --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev,serve,shell,mcp]'
	touch $@
