"""The rendered samples, each language once."""

import pytest

from sdkgen.examples.data import Example
from sdkgen.examples.render import Renderer
from sdkgen.ir.nodes import Api
from tests.finetuning.dataplane.conftest import with_console  # noqa: F401  (fixture)
from tests.sdkgen.csharp.conftest import compiler, csharp_folder, library  # noqa: F401  (fixtures)
from tests.sdkgen.examples.samples import samples
from tests.sdkgen.go.conftest import go_folder, toolchain  # noqa: F401  (fixtures)
from tests.sdkgen.java.conftest import java_classes, java_folder  # noqa: F401  (fixtures)
from tests.sdkgen.typescript.conftest import typescript_folder  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def renderer(api: Api) -> Renderer:
    return Renderer(api)


@pytest.fixture(scope="session")
def calls(api: Api) -> dict[str, Example]:
    """Identifier → sample."""
    return dict(samples(api))
