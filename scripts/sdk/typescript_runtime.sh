#!/usr/bin/env bash
# Compile the hand-written part of the TypeScript package, so that generating one needs no compiler:
#   scripts/sdk/typescript_runtime.sh [FOLDER]
# Without a folder sdkgen/languages/typescript/runtime/compiled is replaced; commit it with its sources. A test compares.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

sources=sdkgen/languages/typescript/runtime
modules="$PWD/.toolchains/typescript/node_modules"
target="${1:-$sources/compiled}"
if [ ! -x "$modules/.bin/tsc" ]; then
  echo "TypeScript is missing: scripts/toolchains/install.sh typescript" >&2
  exit 1
fi
new="$(mktemp -d)"
trap 'rm -rf "$new"' EXIT
"$modules/.bin/tsc" -p "$sources" --typeRoots "$modules/@types" --outDir "$new"
rm -rf "$target"
mkdir -p "$target"
cp "$new"/* "$target"/
