"""The hand-written runtime, tested by Go's own tests in `runtime/`."""

import shutil
from pathlib import Path

from sdkgen.languages.go import naming
from tests.sdkgen.go.conftest import HERE, Toolchain

RUNTIME = Path(naming.__file__).parent / "runtime"


def test_the_list_of_files_is_whole() -> None:
    assert sorted(naming.RUNTIME) == sorted(file.stem for file in RUNTIME.glob("*.go"))


def test_runtime(toolchain: Toolchain, tmp_path: Path) -> None:
    for file in (*RUNTIME.glob("*.go"), *(HERE / "runtime").glob("*.go")):
        shutil.copy(file, tmp_path)
    (tmp_path / "go.mod").write_text("module example.com/llmgateway\n\ngo 1.19\n")

    assert toolchain.unformatted(tmp_path) == ""
    toolchain.run(tmp_path, "vet", "./...")
    assert "ok" in toolchain.run(tmp_path, "test", "./...")
