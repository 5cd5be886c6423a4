"""The C# toolchain of `scripts/toolchains/install.sh csharp`."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.csharp import CSharp
from tests.gateway.dataplane.stack import ROOT

TOOLS = ROOT / ".toolchains/csharp"


class Compiler:
    """`csc`, kept running since it takes seconds to start."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [str(TOOLS / "csc"), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def diagnostics(
        self, files: Sequence[Path], out: Path, name: str, references: Sequence[Path] = (), *, library: bool = False
    ) -> list[str]:
        """Compile, warnings as errors; an empty list means that `out` has `name`.dll."""
        arguments = ["--out", str(out), "--name", name, *(["--library", "--docs"] if library else [])]
        for reference in references:
            arguments += ["--reference", str(reference)]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([*arguments, *map(str, files)]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return list(answer["diagnostics"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="session")
def compiler() -> Iterator[Compiler]:
    if not (TOOLS / "csc").exists():
        missing = "no C# toolchain: scripts/toolchains/install.sh csharp"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    found = Compiler()
    yield found
    found.close()


@pytest.fixture(scope="session")
def csharp_folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package on disk."""
    folder = tmp_path_factory.mktemp("csharp") / "sdk"
    write(generate(CSharp(), api, Config()).files, folder)
    return folder


@pytest.fixture(scope="session")
def library(compiler: Compiler, csharp_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, compiled: warnings are errors, and every public name is documented."""
    out = tmp_path_factory.mktemp("library")
    files = sorted((csharp_folder / "src").rglob("*.cs"))
    assert compiler.diagnostics(files, out, "LlmGateway.Sdk", library=True) == []
    return out / "LlmGateway.Sdk.dll"


def own_tests(compiler: Compiler, folder: Path, library: Path, out: Path) -> list[str]:
    """What the tests of a package print, a line for each; `library` is the package compiled."""
    out.mkdir()
    assert compiler.diagnostics(sorted((folder / "tests").glob("*.cs")), out, "Tests", [library]) == []
    return run(out / "Tests.dll", cwd=folder).stdout.splitlines()


def run(
    program: Path, *arguments: str, cwd: Path | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a compiled program to its end."""
    return subprocess.run(
        [str(TOOLS / "dotnet"), str(program), *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=cwd, env=os.environ | environment,
    )  # fmt: skip
