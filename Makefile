# What people do with this checkout. `make demo` and `make test` set up whatever they need by themselves;
# `make` alone tells all targets. Needs Python 3.11 or later and make, nothing else.

ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd -P)
.DEFAULT_GOAL := help

ifneq ($(shell pwd -P),$(ROOT))
# Called from another folder with `make -f`: everything happens in the checkout.
%:
	@$(MAKE) --no-print-directory -C "$(ROOT)" $@
Makefile $(ROOT)/Makefile: ;
else

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
RUN := $(BIN)/python -m
CLI := $(RUN) crypto_platform.cli
READY := .venv/.ready
CACHES := .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov dist

# A virtual environment holds paths: in a checkout that was moved or copied it is brought up to date again.
ifneq ($(shell cat $(READY) 2>/dev/null),$(ROOT))
.PHONY: $(READY)
endif

# uv does not read pip's variables; a machine that reaches its packages by a mirror names it for pip.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help demo up etl backfill status doctor test lint docs lock clean

help: ## Tell what there is.
	@echo "make demo and make test do all their set-up; the others too."
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## The whole pipeline once, on a simulated market. [ARGS="--coins 50 --hours 6"]
	@$(CLI) demo $(ARGS)

up: $(READY) ## Everything running until Ctrl-C: the UI, schedules, sensors. [ARGS=--sandbox]
	@$(CLI) up $(ARGS)

etl: $(READY) ## One live snapshot now, through to silver. [SOURCE=coingecko]
	@$(CLI) snapshot $(if $(SOURCE),--source "$(SOURCE)") $(ARGS)

backfill: $(READY) ## Daily history by a plan, then the prices made of it: FROM=2024-01 TO=now [SOURCE=yahoo] [ARGS=--yes]
	@test -n "$(FROM)" -a -n "$(TO)" || { echo "Say from when to when: make backfill FROM=2024-01-01 TO=2024-12-31" >&2; exit 2; }
	@$(CLI) backfill historic_prices --from "$(FROM)" --to "$(TO)" $(if $(SOURCE),--source "$(SOURCE)") $(ARGS)
	@$(CLI) backfill unified_prices --from "$(FROM)" --to "$(TO)"

status: $(READY) ## What was landed last, what each table holds, what waits.
	@$(CLI) status $(ARGS)

doctor: $(READY) ## Look at settings, stores, vendors, disk and ports; say what to do about each fault.
	@$(CLI) doctor $(ARGS)

test: $(READY) ## All tests. [ARGS="-k lake", or ARGS=--cov to see the lines they miss]
	@$(RUN) pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(READY) ## Style, format, types, import contracts, and the lock against pyproject.toml.
	@faults=0; \
	$(RUN) ruff check . || faults=1; \
	$(RUN) ruff format --check . || faults=1; \
	$(RUN) mypy || faults=1; \
	$(BIN)/python $(BIN)/lint-imports || faults=1; \
	$(RUN) pytest -q crypto_platform_tests/unit/test_lock.py || faults=1; \
	exit $$faults

docs: $(READY) ## Write the generated documents again: docs/tables.md, docs/commands.md, .env.example.
	@$(BIN)/python docs/generate.py

lock: $(READY) ## Resolve requirements.lock again from pyproject.toml; ARGS=--upgrade takes newer versions.
	@$(RUN) uv pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --quiet --output-file requirements.lock $(ARGS) > /dev/null

clean: ## Remove the home with its stores, the virtual environment and the caches; asks first.
	@home=$$($(BIN)/python -c "from crypto_platform.settings import load_settings; print(load_settings().home_dir)" \
	  2>/dev/null || echo "$${CRYPTO_HOME:-$(ROOT)/.crypto-platform}"); \
	if [ -e "$$home/up.lock" ]; then \
	  echo "\`crypto-platform up\` runs on $$home, or was killed there; stop it, or remove $$home/up.lock." >&2; exit 1; fi; \
	if [ -f "$$home/world" ]; then \
	  echo "This removes $$home with all its $$(cat "$$home/world") data (a live snapshot can't be taken again),"; \
	else home=""; echo "There is no home here. This removes"; fi; \
	echo "the virtual environment .venv and the caches. A lake or a warehouse elsewhere is left alone."; \
	printf "Type yes to go on: "; read -r answer || answer=no; \
	if [ "$$answer" != yes ]; then echo "Nothing was removed."; exit 1; fi; \
	if [ -n "$$home" ]; then rm -rf -- "$$home"; fi; \
	rm -rf -- .venv $(CACHES); find . -name __pycache__ -prune -exec rm -rf {} +; rm -f .coverage .coverage.*; \
	echo "Removed."

$(READY): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" > /dev/null || { echo "There is no $(PYTHON) here; install Python 3.11 or later, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "This needs Python 3.11 or later and $(PYTHON) is $$("$(PYTHON)" -c 'import platform; print(platform.python_version())'); name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@if ! $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "Making the virtual environment .venv …"; \
	  "$(PYTHON)" -m venv --clear .venv || { echo "The virtual environment could not be made; on Debian and Ubuntu, install python3-venv." >&2; exit 1; }; fi
	@$(RUN) pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	@echo "Installing what requirements.lock names …"
	@$(RUN) uv pip sync --python $(BIN)/python --require-hashes --quiet requirements.lock
	@$(RUN) uv pip install --python $(BIN)/python --no-deps --quiet --editable .
	@echo "$(ROOT)" > $(READY)

endif
