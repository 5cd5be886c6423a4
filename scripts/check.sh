#!/usr/bin/env bash
# The steps of `make test`, each of which can run alone:
#   scripts/check.sh lint types imports migrations openapi suite | suite-all
# Stops at the first step that fails and names it. JOBS (default 2) is the number of test processes; PYTEST_ARGS is
# added to pytest's command line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=.venv/bin/python
jobs="${JOBS:-2}"

lint() {
  "$python" -m ruff check . && "$python" -m ruff format --check .
}
types() {
  "$python" -m mypy
}
imports() {
  .venv/bin/python -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
}
migrations() {
  "$python" scripts/offline.py makemigrations --check --dry-run
}
openapi() {
  local document
  document="$(mktemp)"  # not /dev/null: a writer that replaces its target would put a file in its place
  "$python" scripts/offline.py spectacular --validate --fail-on-warn --file "$document" && rm -f "$document"
}
suite() {
  "$python" -m pytest -n "$jobs" --dist worksteal -m "not slow" ${PYTEST_ARGS:-}
}
suite-all() {
  "$python" -m pytest -n "$jobs" --dist worksteal ${PYTEST_ARGS:-}
}

for step in "$@"; do
  printf '\n== %s\n' "$step"
  began=$SECONDS
  if ! "$step"; then
    printf '\nFAILED: %s (run it alone: scripts/check.sh %s)\n' "$step" "$step" >&2
    exit 1
  fi
  printf '%s: ok, %d s\n' "$step" "$((SECONDS - began))"
done
