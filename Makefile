# Two commands set everything up on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test check bench verify clean

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

verify: .venv/ready ## the big matrices, on the emulator and on $KUBECONFIG
	$(BIN)/pytest -m 'matrix or cluster_long' --hypothesis-profile=search

clean: ## remove what the build made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --constraint constraints.txt --editable '.[dev,serve,shell,mcp]'
	touch $@
