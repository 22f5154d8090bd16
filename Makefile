# `make demo` and `make test` do all the set-up on a machine with Python (3.11 or newer) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
RUN := '.[all,demo]'
DEV := '.[all,demo,dev]'
# uv installs in half of pip's time. It reads no settings of pip: where it finds no packages, pip is asked.
install = $(PIP) uv && { $(BIN)/uv pip install --quiet --python $(VENV) --constraint constraints.txt --editable $(1) || \
  $(PIP) --editable $(1); }
# Tests start hundreds of processes: each would compile the package anew where this is set.
export PYTHONDONTWRITEBYTECODE :=

# The files below folders, without what Python leaves there.
files = $(shell find $(1) -type f ! -path '*/__pycache__/*' 2>/dev/null)

.PHONY: help demo tools test test-slow test-ci thorough agreement soak attack mutants explore screenshots docs reference notebook \
  serve wheel lint format bench bench-quick bench-http bench-explorer bench-large guard guard-record lock clean

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/.run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(call install,$(RUN))
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing the development tools into $(VENV) ..."
	@$(call install,$(DEV))
	@touch $@

#   make demo    build vectors of 2,469 real households, then ask the service for the contract's example
demo: $(VENV)/.run
	@$(BIN)/python examples/demo.py

#   make tools   what some tests need beside: programs of Debian (as root, with apt-get) and environments of their own
tools: $(VENV)/.dev
	@$(BIN)/python -m tools.needed

# Three processes on two cores, since many tests wait for a server; one process runs all tests of a resource or module.
WORKERS := 3
TESTS = $(BIN)/python -m pytest $(if $(SHUFFLE),-p randomly) -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

#   make test    the tests that run on every change (five minutes); make test PART=engines runs those of tests/engines
PARTS = $(if $(PART),$(or $(wildcard tests/$(PART) tests/$(PART).py tests/test_$(PART).py),\
  $(error There is no part $(PART): give the name of a folder or of a module in tests/)))
test: $(VENV)/.dev
	@$(TESTS) -m '(quick or not slow) and not thorough' $(PARTS)

#   make test-slow    those that only CI runs otherwise; PART as above
test-slow: $(VENV)/.dev
	@$(TESTS) -m 'slow and not quick and not thorough' $(PARTS)

#   make test-ci    both in one run, as CI does; needs make tools
test-ci: $(VENV)/.dev
	@$(TESTS) -m 'not thorough'

#   make thorough    the tests at full numbers, part by part (two hours); PART="kill soak" for some of them
thorough: $(VENV)/.dev
	@$(BIN)/python -m tests.thorough $(PART)

#   make agreement    a million generated customers and the grocery data through every door (half an hour)
agreement: $(VENV)/.dev
	@$(BIN)/python -m tests.agreement

#   make soak    200,000 mixed requests while keys rotate and workers are killed (half an hour)
soak: $(VENV)/.dev
	@$(BIN)/python -m tests.soak

#   make attack    attacks on a server while another tenant asks on (a quarter of an hour); PART="memory B4" for some
attack: $(VENV)/.dev
	@$(BIN)/python -m tests.attack $(PART)

#   make mutants    seeded slips in the definition and the engines: the suite must notice each (two minutes)
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
SITE := build/site/index.html
SITE_SOURCES := mkdocs.yml $(wildcard *.md) $(call files,docs examples benchmarks customer_features tools)
$(SITE): $(SITE_SOURCES) $(VENV)/.dev
	@mkdir -p build
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict >build/docs.log 2>&1 || { cat build/docs.log >&2; rm -f $@; exit 1; }

docs: $(SITE)
	@echo "Open $(SITE)"

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
# Not isolated: what builds it is in the development environment. A plain wheel is made each time: a compiler may come.
WHEEL := dist/.compiled
$(WHEEL): pyproject.toml README.md LICENSE $(call files,customer_features) $(VENV)/.dev
	@rm -rf dist
	@if command -v cc >/dev/null && $(BIN)/python -c 'import os, sys, sysconfig; \
	      sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'; \
	  then export HATCH_BUILD_HOOK_ENABLE_MYPYC=1; \
	  else echo "There is no C compiler (cc), or no Python.h: a wheel of plain Python, which does the same, slower."; fi; \
	  $(BIN)/python -m build --no-isolation >/dev/null && if [ -n "$$HATCH_BUILD_HOOK_ENABLE_MYPYC" ]; then touch $@; fi

wheel: $(WHEEL)
	@ls dist/*.whl

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
	   $(BIN)/python -m pip freeze --all --exclude pip --exclude-editable; } > constraints.txt

#   make clean   remove what the above made
clean:
	@rm -rf $(VENV) .demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
