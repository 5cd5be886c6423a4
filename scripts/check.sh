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
  django makemigrations --check --dry-run
}
openapi() {
  django spectacular --validate --fail-on-warn --file /dev/null
}
suite() {
  "$python" -m pytest -n "$jobs" -m "not slow" ${PYTEST_ARGS:-}
}
suite-all() {
  "$python" -m pytest -n "$jobs" ${PYTEST_ARGS:-}
}

# Model checks need the settings, not a database: a name that leads nowhere keeps a developer's one out of it.
django() {
  DATABASE_URL="postgresql://nobody@127.0.0.1:1/none" "$python" -W "ignore:Got an error checking a consistent migration" \
    manage.py "$@"
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
