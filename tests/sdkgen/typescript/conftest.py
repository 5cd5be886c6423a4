"""The generated package on disk, and linked where an import of its name finds it."""

from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named


@pytest.fixture(scope="session")
def typescript_folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose `node_modules` has the package."""
    project = tmp_path_factory.mktemp("typescript")
    package = project / "node_modules" / "llm-gateway"
    write(generate(named("typescript"), api, Config()).files, package)
    (project / "package.json").write_text('{"type": "module", "private": true}')
    return project
