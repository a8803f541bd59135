# Each target sets up what it needs in .venv; Python >= 3.11 and make are enough.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo check test faults bench lock clean

help:  ## show the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make the virtual environment from the lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tenfold needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(STAMP)  ## real flights of 2013: trained, served, watched and renewed through nine months
	$(BIN)/tenfold demo

check: $(STAMP)  ## format, lint, types, import contracts, licences, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python benchmarks/licences.py
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow" tests/unit tests/architecture

test: $(STAMP)  ## every test
	@scripts/browser
	@scripts/servers
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

faults: $(STAMP)  ## kills and faults at full size (long)
	TENFOLD_FAULTS=full $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/faults tests/e2e/test_e2e_kills.py tests/e2e/test_e2e_resume.py tests/e2e/test_e2e_batch_tables.py tests/unit/exports/test_exports_container.py tests/unit/exports/test_exports_tasks.py

bench: $(STAMP)  ## coverage of intervals; with DATA=folder of raw tables, Tenfold against a default LightGBM (long)
	$(BIN)/python benchmarks/coverage.py
	$(if $(DATA),$(BIN)/python benchmarks/three_commands.py $(DATA),@echo "DATA=folder was not given: no tables to train on")

lock: $(STAMP)  ## resolve the dependencies anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --group dev --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet pyproject.toml -o requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
