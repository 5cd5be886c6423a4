"""The document, the representation and the generated packages, each made once."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdkgen import ir
from sdkgen.documents.merged import merged
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named
from tests.gateway.dataplane.conftest import World, stack, world  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return merged()


@pytest.fixture(scope="session")
def api(document: dict[str, Any]) -> Api:
    return ir.build(document)


@pytest.fixture(scope="session")
def python_folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python package on disk."""
    folder = tmp_path_factory.mktemp("python") / "sdk"
    write(generate(named("python"), api, Config()).files, folder)
    return folder


@pytest.fixture(scope="session")
def sdk(python_folder: Path) -> Iterator[Any]:
    """The Python package, imported."""
    sys.path.insert(0, str(python_folder))
    import llm_gateway

    yield llm_gateway
    sys.path.remove(str(python_folder))
