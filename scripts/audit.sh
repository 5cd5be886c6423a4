#!/usr/bin/env bash
# Compare every pinned package with the advisories that are published about it. Needs the advisory database
# (AUDIT_SERVICE: osv by default, or pypi); where it cannot be asked about a package, that is a failure, not a pass.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

service="${AUDIT_SERVICE:-osv}"
failed=0
for lock in requirements.txt requirements-dev.txt requirements-parquet.txt requirements-presidio.txt; do
  printf '== %s\n' "$lock"
  .venv/bin/python -m pip_audit --strict --vulnerability-service "$service" --require-hashes --disable-pip \
    --progress-spinner off --requirement "$lock" || failed=1
done
if [ "$failed" -ne 0 ]; then
  printf '\nFAILED: there are advisories, or the database (%s) could not be asked about every package.\n' "$service" >&2
fi
exit "$failed"
