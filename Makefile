# SPDX-License-Identifier: Apache-2.0

# The Python that builds .venv; 3.11 or newer.
PYTHON ?= python3
# Passed on: make test ARGS="-n 2 -k promote", make run ARGS=..., make bench ARGS=..., make lock ARGS=--upgrade
ARGS ?=

# Without compiled modules each test process, and each program that a test starts, would compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test quick lint bench model mutants chaos pictures fmt clean lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Build .venv from the lock files; quick when nothing changed

# --no-build-isolation: the lock files hold the build tools too, so nothing unpinned is ever downloaded.
$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ATR needs Python 3.11 or newer, and '$(PYTHON)' is not. Name one: make install PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (half a minute the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: install ## Start web, worker and sandbox on this machine, with a release to promote
	@$(BIN)/atr run $(ARGS)

# On all processors (tests/conftest.py: how many processes that are); whoever has nothing left to do takes over from the others. ARGS="-n 0" runs in one process.
PYTEST = $(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest -n auto --dist worksteal --durations 10

test: install ## Run every test; COVERAGE=1 measures, ARGS are pytest's
	$(PYTEST) $(ARGS)

QUICK := $(addprefix tests/,architecture contract docs pages platforms promotion shared storage tasks)
quick: install ## Run the tests that a change needs while one works on it
	$(PYTEST) -m "not browser and not mvn and not slow" $(QUICK) $(ARGS)

lint: install ## Check format, style, types, imports, dependencies, templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .
	$(BIN)/djlint --quiet templates

# Each measures one thing and takes arguments of its own: make bench BENCH=pages ARGS="--files 10,1000"
BENCH ?= promote_vs_upload pages rows claims sweep
bench: install ## Measure promoting against uploading again, pages, rows, claims, a sweep; BENCH names one of them
	@for one in $(BENCH); do echo "$$one"; $(BIN)/python -m tests.benchmarks.$$one $(ARGS) || exit 1; done

# ci takes seconds, release minutes.
MODEL ?= ci
model: install ## Search every world of the promotion protocol, and those without each rule; MODEL=release for more
	@MODEL=$(MODEL) $(BIN)/python -m tests.model

# The first of five mutants of each function, the sixth, the eleventh, and so on; all of them with MUTANTS=all. What was
# judged is kept in mutants/, so a run that was stopped goes on where it was; a change of a function judges it anew.
MUTANTS ?= sample
mutants: install ## Change the rules in small ways, and count which changes their tests notice; MUTANTS=all for every one
	$(BIN)/mutmut run '*__mutmut_*$(if $(filter all,$(MUTANTS)),,[16])'
	@$(BIN)/python -m tests.mutants

# ci takes minutes, small less than one, release a night.
CHAOS ?= ci
chaos: install ## Kill, cut, race and forge until something breaks; CHAOS=small|release, ARGS names campaigns
	@CHAOS=$(CHAOS) $(BIN)/python -m tests.chaos $(ARGS)

pictures: install ## Make the pictures in docs/pictures anew, with Chromium
	ATR_PICTURES=docs/pictures $(BIN)/python -m pytest $(ARGS) tests/browser/test_pictures.py

fmt: install ## Put the code into the house format and apply the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what was built, measured and cached; never anybody's data
	rm -rf .venv* build dist htmlcov mutants .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv resolves once for every Python and system we support. Its own settings and index addresses stay out of the files.
UV_COMPILE = UV_NO_CONFIG=1 $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS) pyproject.toml

lock: ## Write the lock files anew after a change of dependencies (ARGS=--upgrade for newer versions)
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(UV_COMPILE) --group build --output-file requirements.lock
	$(UV_COMPILE) --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock
