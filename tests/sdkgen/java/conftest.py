"""The Java package on disk, and compiled with every warning an error; each made once."""

from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named
from tests.sdkgen.java.toolchain import compiled


@pytest.fixture(scope="session")
def java_folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("java") / "sdk"
    write(generate(named("java"), api, Config()).files, folder)
    return folder


@pytest.fixture(scope="session")
def java_classes(java_folder: Path) -> Path:
    return compiled((java_folder / "src/main/java").rglob("*.java"), java_folder.parent / "classes")
