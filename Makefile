# `make demo` and `make test` do all the set-up on a machine with Python (3.11 or newer) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-slow thorough agreement soak mutants explore screenshots docs reference notebook serve wheel lint format \
  bench bench-quick bench-http bench-explorer bench-large guard guard-record lock clean

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/.run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(PIP) --editable '.[all,demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP) --editable '.[all,demo,dev]'
	@touch $@

#   make demo    build vectors of 2,469 real households, then ask the service for the contract's example
demo: $(VENV)/.run
	@$(BIN)/python examples/demo.py

#   make test    the tests that run on every change; three at a time on two cores, since many wait for a server
test: $(VENV)/.dev
	@$(BIN)/python -m pytest -m 'not slow' -n 3 --dist worksteal

#   make test-slow    the long ones (CI runs them too)
test-slow: $(VENV)/.dev
	@$(BIN)/python -m pytest -m slow -n 2 --dist worksteal

#   make thorough    the tests at full numbers, part by part (python -m tests.thorough --list; two hours)
thorough: $(VENV)/.dev
	@$(BIN)/python -m tests.thorough

#   make agreement    a million generated customers and the grocery data through every door (half an hour)
agreement: $(VENV)/.dev
	@$(BIN)/python -m tests.agreement

#   make soak    200,000 mixed requests while keys rotate and workers are killed (half an hour)
soak: $(VENV)/.dev
	@$(BIN)/python -m tests.soak

#   make mutants    seeded slips in the definition and the engines: the suite must notice each
mutants: $(VENV)/.dev
	@$(BIN)/python -m tests.mutation

#   make explore  the explorer over the grocery data, in the browser
explore: $(VENV)/.run
	@$(BIN)/python examples/explore.py

#   make screenshots   pictures of the explorer and of a report for the documentation
screenshots: $(VENV)/.dev
	@$(BIN)/python -m tests.screenshots

#   make docs    the documentation as a site, in build/site
# Not with --quiet: MkDocs counts no warnings then, and the strict build passes whatever is broken.
docs: $(VENV)/.dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open build/site/index.html"

#   make reference   the pages under docs/reference, made from the code
reference: $(VENV)/.dev
	@$(BIN)/python -m tests.docs.reference --write

#   make notebook   the notebook run once more, with the outputs that the site shows
notebook: $(VENV)/.dev
	@$(BIN)/python -m tests.examples.notebook

#   make serve   the service on http://127.0.0.1:8000, without credentials, for a local trial
serve: $(VENV)/.run
	@$(BIN)/customer-features serve --no-auth

#   make wheel   a wheel in dist/, its hot loops compiled where there is a C compiler
wheel: $(VENV)/.dev
	@rm -rf dist
	@if command -v cc >/dev/null && $(BIN)/python -c 'import os, sys, sysconfig; \
	      sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'; \
	  then export HATCH_BUILD_HOOK_ENABLE_MYPYC=1; \
	  else echo "There is no C compiler (cc), or no Python.h: a wheel of plain Python, which does the same, slower."; fi; \
	  $(BIN)/python -m build >/dev/null && ls dist/*.whl

#   make lint    formatting, lint, types, import arrows
lint: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

#   make bench   ratios against peers, side by side in one run, kept and written into the pages (10 to 25 minutes)
bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks --record

#   make bench-explorer   from a build's end to the result on the screen, a million customers, in a real browser
bench-explorer: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.first_paint

#   make bench-large   25 MB over HTTP, width, skew, and 1, 10 and 100 million rows (half an hour, 3 GB of disk)
bench-large: $(VENV)/.dev
	@$(BIN)/python -m benchmarks --large --record

#   make bench-quick   all contests at small sizes, to try whether they work; kept nowhere (five minutes)
bench-quick: $(VENV)/.dev
	@$(BIN)/python -m benchmarks --quick
	@$(BIN)/python -m benchmarks --large --quick

#   make bench-http   small requests beside bodies of 25 MB, under wrk
bench-http: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.http_beside

#   make guard   fail where ours has become slower beside its peers than what is recorded (four to eight minutes)
guard: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.guard

#   make guard-record   record what the guard compares with, on this machine, on a quiet moment
guard-record: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.guard --record

#   make lock    renew constraints.txt, the locked environment
lock:
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,demo,dev]'
	@{ echo "# The locked environment of development, tests and demo; renew it with: make lock"; \
	   $(BIN)/python -m pip freeze --exclude-editable; } > constraints.txt

#   make clean   remove what the above made
clean:
	@rm -rf $(VENV) .demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
