#!/usr/bin/env bash
# Make .venv, or bring it up to date when the requirements changed.
#   scripts/venv.sh [dev]      dev: the test tools too
# Environment: PYTHON names the interpreter to use (3.11 or newer).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { printf 'Set-up failed: %s\n' "$*" >&2; exit 1; }

files=(requirements.txt)
if [ "${1:-}" = dev ]; then files+=(requirements-dev.txt); fi
venv=.venv
stamp="$venv/.requirements"

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
  local candidate old=""
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 /usr/bin/python3 python; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if ! is_new_enough "$candidate"; then old="$candidate"; continue; fi
    if makes_venvs "$candidate"; then printf '%s' "$candidate"; return; fi
    bare="$candidate"
  done
  if [ -n "${bare:-}" ]; then fail "$bare has no venv module: install it (Debian: apt-get install python3-venv)."; fi
  fail "Python 3.11 or newer is needed${old:+; $old is older}. Install it or set PYTHON."
}

wanted="$(cat "${files[@]}" | sha256sum | cut -d' ' -f1) ${files[*]}"
current="$(cat "$stamp" 2>/dev/null || true)"
# The environment with the test tools serves `make run` as well.
everything="$(cat requirements.txt requirements-dev.txt | sha256sum | cut -d' ' -f1) requirements.txt requirements-dev.txt"
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null &&
  { [ "$current" = "$wanted" ] || [ "$current" = "$everything" ]; }; then
  exit 0
fi

# One installer at a time; the second finds the work done.
exec 9>.venv.lock
flock 9
if ! { [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null && is_new_enough "$venv/bin/python"; }; then
  python="$(find_python)"
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "cannot make $venv with $python."
fi

echo "Installing Python packages into $venv (the first time takes about a minute) ..."
arguments=()
for file in "${files[@]}"; do arguments+=(-r "$file"); done
log="$venv/install.log"
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
  --only-binary :all: "${arguments[@]}" >"$log" 2>&1; then
  reason="$(grep -E '^ERROR' "$log" | head -1 || true)"
  fail "${reason:-pip failed} (whole log: $log; no network, or no wheel for this machine?)"
fi
printf '%s\n' "$wanted" >"$stamp"
