"""The programs that `bench/sdk/code.py` counts: compiled strictly, and doing the same with the SDK as without it,
against a data plane with the simulated provider."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.sdk.code import PAIRS, counted, sources
from bench.sdk.compilers import STRICT, TYPESCRIPT, Package
from tests.gateway.dataplane.conftest import World
from tests.sdkgen.csharp.conftest import TOOLS, Compiler
from tests.sdkgen.go.conftest import Toolchain
from tests.sdkgen.java.toolchain import compiled, java
from tests.sdkgen.typescript.toolchain import node, passed, run, tsc

MOST = 0.5
"""Lines by the SDK ÷ lines without it."""


def test_what_counts(tmp_path: Path) -> None:
    python, go = tmp_path / "a.py", tmp_path / "a.go"
    python.write_text(
        '"""One.\n\nTwo."""\n\nx = """kept\n# kept not\n"""\n\n\ndef f() -> None:\n    """Not."""\n    # not\n'
    )
    go.write_text("// Not.\npackage a\n\n/*\n * not\n */\nvar a = 1 // this is\n\n}\n")

    assert (counted(python), counted(go)) == (3, 3)


@pytest.mark.parametrize("language", PAIRS)
def test_at_most_half_the_lines(language: str) -> None:
    ours, raw = map(counted, sources(language))

    assert ours / raw <= MOST


# ---- run -----------------------------------------------------------------------------------------------------------
def both_do(world: World, language: str, commands: list[list[str]], folder: Path, **more: str) -> None:
    """Both programs: an answer with its cost, one that comes at the second try, and a refusal that has a type."""
    stack = world.stack
    stack.model(stack.provider(f"raw-{language}"), f"first-fails-{language}", "sim-fault-fail-first@1")
    stack.wait_until_current()
    environment = {
        **os.environ, "GATEWAY_API_KEY": world.secret, "GATEWAY_BASE_URL": f"http://127.0.0.1:{stack.port}",
        "NO_PROXY": "127.0.0.1", **more,
    }  # fmt: skip
    said = [
        [_said([*command, model], environment, folder) for command in commands]
        for model in ("gpt-4o-mini", f"first-fails-{language}", "no-such-model")
    ]

    request = r"request (req_\w+)"
    (answers, repeated, refused) = said
    for answer in answers:
        found = re.fullmatch(rf"\w.*\ncost (0\.0\d+), {request}\n", answer, re.DOTALL)
        assert found is not None, answer
        assert len(stack.lines(found[2])) == 1
    for answer in repeated:
        assert re.fullmatch(rf"\w.*\ncost (None|null)?, {request}\n", answer, re.DOTALL), answer
    for answer in refused:
        assert re.fullmatch(rf"404 model_not_found, {request}\n", answer), answer
    for one in (answers, repeated):
        texts = {answer.rpartition("\ncost ")[0] for answer in one}
        assert len(texts) == 1


def _said(command: list[str], environment: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_python(world: World, python_folder: Path, tmp_path: Path) -> None:
    programs = sources("python")
    package = Package("python", python_folder, python_folder)

    assert package.check({one.name: one.read_text() for one in programs}) == []
    commands = [[sys.executable, str(one)] for one in programs]
    both_do(world, "python", commands, tmp_path, PYTHONPATH=str(python_folder))


@pytest.mark.slow
def test_typescript(world: World, typescript_folder: Path) -> None:
    folder = typescript_folder / "raw"
    folder.mkdir()
    for one in sources("typescript"):
        shutil.copy(one, folder)
    emit = [one for one in STRICT if one != "--noEmit"]
    types = ["--typeRoots", str(TYPESCRIPT / "@types"), "--types", "node"]
    passed(run(tsc(), *emit, *types, "client.ts", "raw.ts", cwd=folder))

    both_do(world, "typescript", [[node(), "client.js"], [node(), "raw.js"]], folder)


@pytest.mark.slow
def test_java(world: World, java_classes: Path, tmp_path: Path) -> None:
    classes = compiled(sources("java"), tmp_path / "classes", on=java_classes)

    path = f"{classes}{os.pathsep}{java_classes}"
    both_do(world, "java", [[java(), "-cp", path, "Client"], [java(), "-cp", str(classes), "Raw"]], tmp_path)


@pytest.mark.slow
def test_go(world: World, go_folder: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    for one in sources("go"):
        (folder / one.stem).mkdir(parents=True)
        shutil.copy(one, folder / one.stem)
    (folder / "go.mod").write_text(
        "module program\n\ngo 1.20\n\nrequire example.com/llmgateway v0.0.0\n\n"
        f"replace example.com/llmgateway => {go_folder}\n"
    )
    assert toolchain.unformatted(folder) == ""
    toolchain.run(folder, "vet", "./...")
    toolchain.run(folder, "build", "-o", f"{tmp_path}/", "./...")

    both_do(world, "go", [[str(tmp_path / "client")], [str(tmp_path / "raw")]], tmp_path)


@pytest.mark.slow
def test_csharp(world: World, compiler: Compiler, library: Path, tmp_path: Path) -> None:
    ours, raw = sources("csharp")
    assert compiler.diagnostics([ours], tmp_path, "Client", [library]) == []
    assert compiler.diagnostics([raw], tmp_path, "Raw") == []

    dotnet = str(TOOLS / "dotnet")
    both_do(world, "csharp", [[dotnet, str(tmp_path / f"{name}.dll")] for name in ("Client", "Raw")], tmp_path)
