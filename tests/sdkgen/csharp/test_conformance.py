"""The C# package plays the corpus."""

from pathlib import Path

import pytest

from tests.sdkgen.conformance.runner import play
from tests.sdkgen.csharp.conftest import TOOLS, Compiler


def test_csharp(compiler: Compiler, csharp_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = [Path(__file__).with_name(name) for name in ("Binding.cs", "Driver.cs")]
    sources = [*sorted((csharp_folder / "src").rglob("*.cs")), *own]
    assert compiler.diagnostics(sources, tmp_path, "driver") == []

    row = play("csharp", [str(TOOLS / "dotnet"), str(tmp_path / "driver.dll")])

    with capsys.disabled():
        print(f"\n{row}")
    assert row.wrong == {}
