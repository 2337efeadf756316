# `make` alone lists what there is to do. Each target does its own set-up, once.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BENCH := .venv-bench
PIP := -W ignore -m pip --disable-pip-version-check --quiet
# The locks name every package, so nothing is to be resolved; Python compiles what is used when it is used.
LOCKED := install --no-deps --no-compile --require-hashes
# Where one of these is, the tests of the pages run; elsewhere they are left out, but never in CI.
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name) 2>/dev/null)))

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/.developer  ## a virtual environment in .venv, with the bulou command in it

demo: $(VENV)/.user  ## the bot, the people and the platforms around it, on a page in the browser
	@$(VENV)/bin/bulou demo $(ARGS)

test: $(VENV)/.developer  ## all tests; ARGS= goes to pytest
ifneq ($(CHROMIUM),)
	$(VENV)/bin/pytest -n 3 --dist worksteal $(ARGS)
else ifneq ($(CI),)
	@echo "make test: there is no Chromium (install Debian's package chromium), and CI leaves nothing out" >&2; exit 1
else
	@echo "make test: there is no Chromium, so the tests of the pages in a browser are left out" >&2
	$(VENV)/bin/pytest -n 3 --dist worksteal -m "not browser" $(ARGS)
endif

check: $(VENV)/.developer  ## format, lint, types and the direction of imports
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

bench: $(BENCH)/.done  ## how fast it is, measured against others in the same run; ARGS= goes to bench
	$(BENCH)/bin/python -m bench $(ARGS)

# What the bot needs, and the bulou command.
$(VENV)/.user: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) (once; some minutes)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python $(PIP) $(LOCKED) -r requirements.lock
	@$(VENV)/bin/python $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# What its developers need besides.
$(VENV)/.developer: $(VENV)/.user requirements-dev.lock
	@echo "Adding what tests and checks need (once)"
	@$(VENV)/bin/python $(PIP) $(LOCKED) -r requirements-dev.lock
	@touch $@

$(BENCH)/.done: requirements-bench.lock
	@echo "Setting up $(BENCH) (once; some minutes)"
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python $(PIP) $(LOCKED) -r requirements-bench.lock
	@touch $@
