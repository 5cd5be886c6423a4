#!/usr/bin/env bash
# Install the compilers that test the SDKs; nothing of it is part of the product, and nothing is fetched at run time.
#   scripts/toolchains/install.sh [typescript|java|go|csharp|mcp]...      all of them without arguments
# Debian's packages where a command is missing (as root or with sudo), registries' packages pinned by checksum else.
# What the project installs for itself lies in .toolchains; each part is made in a new folder and moved into place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

here=scripts/toolchains
root="$PWD/.toolchains"
mkdir -p "$root"
exec 9>"$root/.lock"
flock 9
rm -rf "$root"/.{typescript,csharp,mcp}.*  # of one that was killed

fail() { printf 'Toolchains: %s\n' "$*" >&2; exit 1; }

debian() {  # debian COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 && return
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then sudo=(sudo); fi
  command -v apt-get >/dev/null 2>&1 || fail "$1 is missing: install it (Debian: $2)."
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$2" >/dev/null
  command -v "$1" >/dev/null 2>&1 || fail "$2 brought no $1."
}

# A part is up to date when its stamp names the recipe it was made by.
recipe() { find "$here/install.sh" "$here/$1"* -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -d' ' -f1; }
is_current() { [ "$(cat "$root/$1/.recipe" 2>/dev/null || true)" = "$(recipe "$1")" ]; }
finish() {  # finish PART FOLDER
  recipe "$1" >"$2/.recipe"
  rm -rf "${root:?}/$1"
  mv "$2" "$root/$1"
}

typescript() {
  debian node nodejs
  debian npm npm
  if ! is_current typescript; then
    local new
    new="$(mktemp -d "$root/.typescript.XXXX")"
    cp "$here"/typescript/package.json "$here"/typescript/package-lock.json "$new/"
    npm ci --prefix "$new" --silent --no-audit --no-fund --ignore-scripts || fail "npm could not install TypeScript."
    finish typescript "$new"
  fi
  printf 'node %s, TypeScript %s\n' "$(node --version)" "$("$root/typescript/node_modules/.bin/tsc" --version)"
}

java() {
  debian javac openjdk-17-jdk-headless
  printf '%s\n' "$(javac --version)"
}

go() {
  debian go golang-go
  printf '%s\n' "$(command go version)"
}

csharp() {
  debian npm npm
  if ! is_current csharp; then
    local new python=python3
    new="$(mktemp -d "$root/.csharp.XXXX")"
    if [ -x .venv/bin/python ]; then python=.venv/bin/python; fi
    "$python" "$here/csharp.py" "$new" || fail "C# could not be set up."
    finish csharp "$new"
  fi
  printf 'C# %s\n' "$("$root/csharp/csc" --version)"
}

mcp() {  # the official client, which tests speak to the MCP server with
  if ! is_current mcp; then
    local new python=python3
    new="$(mktemp -d "$root/.mcp.XXXX")"
    if [ -x .venv/bin/python ]; then python=.venv/bin/python; fi
    "$python" -m venv "$new" && "$new/bin/python" -m pip install --quiet -r "$here/mcp/requirements.txt" \
      || fail "The MCP client could not be installed."
    finish mcp "$new"
  fi
  printf 'MCP %s\n' "$("$root/mcp/bin/python" -c 'from importlib.metadata import version; print(version("mcp"))')"
}

if [ "$#" -eq 0 ]; then set -- typescript java go csharp mcp; fi
for part in "$@"; do
  case "$part" in
    typescript | java | go | csharp | mcp) "$part" ;;
    *) fail "$part is none of typescript, java, go, csharp, mcp." ;;
  esac
done
