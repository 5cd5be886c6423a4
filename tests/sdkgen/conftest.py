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
from tests.gateway.dataplane.stack import Stack

COMPILERS = {"toolchain", "compiler", "java_classes"}
"""Fixtures of Go, C# and Java: a package takes each of them up to a minute."""


@pytest.hookimpl(tryfirst=True)  # before tests are left out by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if COMPILERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


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


_seen: set[str] = set()


@pytest.fixture(autouse=True)
def _closed_circuits(request: pytest.FixtureRequest) -> None:
    """Models that fail on purpose get a provider of their own for each module: the circuits that another module's calls
    opened would answer in their place."""
    module = request.node.nodeid.partition("::")[0]
    if module in _seen or not {"world", "with_console"} & set(request.fixturenames):
        return
    _seen.add(module)
    running: Stack = request.getfixturevalue("world").stack
    provider = running.provider(f"openai-{len(_seen)}")
    with running.connect() as connection:
        connection.execute("UPDATE gateway_model SET provider_id = %s WHERE name LIKE %s", [provider, "sim-fault-%"])
    running.wait_until_current()
