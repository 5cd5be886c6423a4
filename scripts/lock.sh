#!/usr/bin/env bash
# Compile requirements*.in into hash-pinned files that fit every platform and Python >= 3.11.
# uv is a tool of this step alone, so it gets an environment of its own. UPGRADE=1 takes newer versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=.venv/lock-tool
if [ ! -x "$tool/bin/uv" ]; then
  .venv/bin/python -m venv "$tool"
  "$tool/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi
options=(--generate-hashes --python-version 3.11 --universal --quiet)
if [ -n "${UPGRADE:-}" ]; then options+=(--upgrade); fi
"$tool/bin/uv" pip compile "${options[@]}" requirements.in -o requirements.txt
"$tool/bin/uv" pip compile "${options[@]}" requirements-dev.in -o requirements-dev.txt
"$tool/bin/uv" pip compile "${options[@]}" requirements-parquet.in -o requirements-parquet.txt
"$tool/bin/uv" pip compile "${options[@]}" requirements-presidio.in -o requirements-presidio.txt
