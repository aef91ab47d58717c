# `make demo` and `make test` need Python 3.11 or newer, and nothing else first. Everything is installed
# into .venv, again only when pyproject.toml or constraints.txt has changed. ARGS go to pytest and others.

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Test files run side by side in so many processes: most of what takes long waits for a broker.
WORKERS ?= 5

# The first of these that is new enough. Another one: make PYTHON=/path/to/python3 test
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
IS_NEW_ENOUGH = -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
PYTHON ?= $(shell for python in $(CANDIDATES); do $$python $(IS_NEW_ENOUGH) && { echo $$python; break; }; done)

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench faults soak chaos coverage sbom audit clean

help: ## says what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-demo ## the whole journey on this machine, to its summary: nothing to sign up for
	@$(BIN)/stream-classifier demo $(ARGS)

# Python keeps what it has compiled, also where the environment forbids it, as containers do: a test run starts
# some hundred processes, and each would compile the whole service again.
test soak chaos: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/.installed-dev ## all tests but the long ones, against real brokers where they can be had
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.installed-dev ## format, lint, types, floors; rewrites nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## rewrites the code as `make check` wants it, as far as a program can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## measures what the documentation claims
	@$(BIN)/python -m benchmarks $(or $(ARGS),all)

faults: $(VENV)/.installed-dev ## what becomes of tickets while the provider fails, a row a failure
	@$(BIN)/python -m benchmarks faults $(ARGS)

soak: $(VENV)/.installed-dev ## the long tests under load
	@$(BIN)/python -m pytest -m soak --timeout=0 $(ARGS)

chaos: $(VENV)/.installed-dev ## every promise through kills, freezes and broker loss: 20 minutes
	@$(BIN)/python -m tests.chaos $(ARGS)

coverage: $(VENV)/.installed-dev ## which lines and branches no test reaches
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage report

# What an installation of the service holds, with all its extras and nothing of ours for tests; and what looks
# at it, apart from both.
PRODUCT := .tools/product
AUDIT := .tools/audit
AUDIT_TOOLS := cyclonedx-bom==7.5.0 pip-audit==2.10.1

sbom: $(PRODUCT)/.installed $(AUDIT)/.installed ## a bill of materials, CycloneDX: dist/sbom.json
	@mkdir -p dist
	@$(AUDIT)/bin/cyclonedx-py environment $(PRODUCT) --pyproject pyproject.toml --output-reproducible -o dist/sbom.json
	@echo dist/sbom.json >&2

audit: $(PRODUCT)/.installed $(AUDIT)/.installed ## known weaknesses of what is installed; needs pypi.org
	@$(PRODUCT)/bin/python -m pip list --format=freeze --disable-pip-version-check --exclude stream-classifier \
	    --exclude pip --exclude setuptools >$(AUDIT)/installed.txt
	@$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip --requirement $(AUDIT)/installed.txt $(ARGS)

$(PRODUCT)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@rm -rf $(PRODUCT) && $(BIN)/python -m venv $(PRODUCT)
	@$(PRODUCT)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	    '.[otel,redis,registry]'
	@touch $@

$(AUDIT)/.installed: Makefile | $(BIN)/python
	@rm -rf $(AUDIT) && $(BIN)/python -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check $(AUDIT_TOOLS)
	@touch $@

clean: ## removes everything that make has made: .venv, the fetched Kafka, caches
	@rm -rf $(VENV) .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing stream-classifier and what it needs into $(VENV) (some minutes the first time)" >&2
	@$(PIP_INSTALL) --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
	    echo "Python 3.11 or newer is needed, and none of these is: $(CANDIDATES)." >&2; \
	    echo "Install one, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) $(IS_NEW_ENOUGH) || { echo "$(PYTHON) is not Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments. Debian, Ubuntu: apt-get install python3-venv" >&2; \
	    exit 1; }
	@$(PYTHON) -m venv $(VENV)
