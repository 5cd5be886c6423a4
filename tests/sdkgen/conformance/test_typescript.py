"""The TypeScript package plays the corpus, over the platform's `fetch` and over its own for Node."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api, Union
from tests.sdkgen.conformance.runner import play
from tests.sdkgen.typescript.conftest import typescript_folder  # noqa: F401  (fixture)
from tests.sdkgen.typescript.toolchain import node, oldest_node, passed, run


def tags(api: Api) -> str:
    """The variants that the declarations know: at run time an event is the object that came."""
    found = {}
    for name, event in (("responses", "ResponseEvent"), ("messages", "MessageEvent")):
        declared = api.type_named(event)
        assert isinstance(declared, Union)
        found[name] = {str(variant.tag): True for variant in declared.variants}
    return json.dumps(found)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["fetch", "node"])
@pytest.mark.parametrize("runtime", [node, oldest_node])
def test_typescript(
    api: Api, typescript_folder: Path, runtime: Callable[[], str], transport: str, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    driver = Path(__file__).with_name("typescript_driver.mjs")
    environment = {
        "SDK": str(typescript_folder / "node_modules/llm-gateway"), "SDK_TAGS": tags(api), "SDK_TRANSPORT": transport,
    }  # fmt: skip

    version = passed(run(runtime(), "--version")).strip()
    row = play(f"typescript ({version}, {transport})", [runtime(), str(driver)], environment=environment)

    with capsys.disabled():
        print(f"\n{row}")
    assert row.wrong == {}
