"""The Go package plays the corpus."""

from pathlib import Path

import pytest

from tests.sdkgen.conformance.runner import play
from tests.sdkgen.go.conftest import HERE, Toolchain, program


def test_go(toolchain: Toolchain, go_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = program(HERE / "driver", tmp_path / "driver", go_folder)
    toolchain.run(folder, "build", "-o", "driver", ".")

    row = play("go", [str(folder / "driver")])

    with capsys.disabled():
        print(f"\n{row}")
    assert row.wrong == {}
