# Needs Python >= 3.11 with venv, git and make; everything else is installed into .venv.
SHELL := /bin/bash
PY := .venv/bin/python
CHECK := scripts/check.sh

.DEFAULT_GOAL := help
.PHONY: help run test test-all toolchains bench chaos fuzz doctor lint format types imports migrations openapi suite lock sbom audit venv venv-dev clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

venv:
	@scripts/venv.sh
venv-dev:
	@scripts/venv.sh dev

run: venv  ## start the whole gateway here (ARGS="--port 8001 --no-demo")
	@exec $(PY) manage.py up $(ARGS)

test: venv-dev  ## lint, types, import rules, migrations, OpenAPI, and the suite without the slow tests
	@$(CHECK) lint types imports migrations openapi suite

test-all: venv-dev  ## the same with the slow tests
	@$(CHECK) lint types imports migrations openapi suite-all

lint types imports migrations openapi suite: venv-dev  ## one step of `make test`
	@$(CHECK) $@

format: venv-dev  ## rewrite the sources in the house format
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

toolchains: venv  ## install the compilers that test the SDKs (TypeScript, Java, Go, C#)
	@scripts/toolchains/install.sh

bench: venv-dev  ## every benchmark, a table of ratios
	@$(PY) -m bench $(ARGS)

chaos: venv-dev  ## ten minutes of faults under load, then the books are checked (ARGS="--minutes 2 --seed 7")
	@$(PY) -m bench.chaos $(ARGS)

fuzz: venv-dev  ## half an hour of made-up calls of both APIs, by their OpenAPI document (ARGS="--minutes 5 --seed 7")
	@$(PY) -m tests.fuzz_api $(ARGS)

doctor: venv  ## check every dependency of this installation
	@$(PY) manage.py doctor $(ARGS)

lock: venv-dev  ## compile requirements*.in to hash-pinned requirements*.txt with uv
	@scripts/lock.sh

sbom: venv  ## the software bill of materials, CycloneDX JSON (ARGS="--output sbom.json --dev")
	@$(PY) scripts/sbom.py $(ARGS)

audit: venv-dev  ## compare every pinned package with published advisories; needs the network
	@scripts/audit.sh

clean:  ## remove the environment and caches; the data in var/ stays
	rm -rf .venv .venv.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
