"""The hand-written part of the TypeScript package: it compiles, what is committed is what compiles, its tests pass."""

import re
from pathlib import Path

import pytest

from tests.sdkgen.typescript.toolchain import ROOT, RUNTIME, node, passed, run, tsc

TESTS = Path(__file__).parent / "runtime"


@pytest.mark.slow
def test_the_committed_code_is_what_the_sources_compile_to(tmp_path):
    tsc()

    passed(run(str(ROOT / "scripts/sdk/typescript_runtime.sh"), str(tmp_path / "compiled")))

    fresh = {path.name: path.read_text() for path in (tmp_path / "compiled").iterdir()}
    committed = {path.name: path.read_text() for path in (RUNTIME / "compiled").iterdir()}
    assert fresh.keys() == committed.keys()
    different = [name for name in fresh if fresh[name] != committed[name]]
    assert different == [], "run scripts/sdk/typescript_runtime.sh and commit what it writes"


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.test.mjs")), ids=lambda path: path.name.partition(".")[0])
def test_runtime(path):
    printed = passed(run(node(), "--test", "--test-reporter=tap", str(path)))

    count = re.search(r"^# pass (\d+)$", printed, re.MULTILINE)
    assert count is not None
    assert int(count[1]) > 0


@pytest.mark.parametrize("platform", [("--types", "node", "--lib", "ES2022"), ("--types", "", "--lib", "ES2022,DOM")])
def test_the_declarations_compile_on_a_platform_of_either_kind(tmp_path, platform):
    """With the types of Node, and with those of browsers alone."""
    (tmp_path / "runtime").symlink_to(RUNTIME / "compiled")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "use.ts").write_text("export * from './runtime/index.js';\n")
    options = ("--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--exactOptionalPropertyTypes")
    modules = ROOT / ".toolchains/typescript/node_modules/@types"

    passed(run(tsc(), *options, *platform, "--typeRoots", str(modules), "use.ts", cwd=tmp_path))
