"""Examples and the tutorial's steps as whole programs against a real data plane with the simulated provider, and a
walk through the management API against the real views. What they print is kept in `outputs/`, to be looked at."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sdkgen.examples.catalog import EXAMPLES, FILE, FILE_LINES, STEPS
from sdkgen.examples.data import Example, find
from sdkgen.examples.make import every
from sdkgen.examples.render import Renderer
from sdkgen.ir.nodes import Api
from tests import factories
from tests.gateway.dataplane.conftest import World
from tests.sdkgen.bridge import Server, serving
from tests.sdkgen.csharp.conftest import TOOLS, Compiler
from tests.sdkgen.go.conftest import Toolchain
from tests.sdkgen.java.toolchain import compiled, java
from tests.sdkgen.typescript.toolchain import node

pytestmark = pytest.mark.slow
OUTPUTS = Path(__file__).with_name("outputs")
OF_MODELS = [one for one in EXAMPLES if not one.operation.startswith("manage.")]
MANAGED = [one for one in EXAMPLES if one.operation.startswith("manage.")]
FEW = ("chat", "stream", "tools", "model-not-found", "async", "cost", "retries")
"""Run in the compiled languages: each kind of program once."""
CHANGING = r"(req|file|resp|msg|chatcmpl)[_-][\w-]+|0\.\d{6,}|\b\d{10}\b"


@pytest.fixture
def environment(with_console: World, tmp_path: Path) -> dict[str, str]:
    """Of a program that runs in `tmp_path`, where the file of the examples is."""
    (tmp_path / FILE).write_text("\n".join(FILE_LINES) + "\n")
    return {
        **os.environ, "GATEWAY_API_KEY": with_console.secret, "NO_PROXY": "127.0.0.1",
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{with_console.stack.port}",
    }  # fmt: skip


def ran(command: list[str], environment: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    return done.stdout if (done.returncode, done.stderr) == (0, "") else f"FAILED {done.returncode} {done.stderr}"


def of(language: str, renderer: Renderer, example: Example) -> str:
    """The program; a call that names itself is another one in each language."""
    return renderer.render(language, example).replace("order-1207", f"order-{language}")


def compared(language: str, outputs: Mapping[str, str], expected: list[Example]) -> None:
    """Each prints what the example says it does; what they print is written down, without what changes."""
    wrong = {
        one.id: outputs[one.id]
        for one in expected
        if outputs[one.id].startswith("FAILED") or not re.search(one.expects.output, outputs[one.id])
    }
    assert wrong == {}
    kept = "\n".join(f"== {name}\n{re.sub(CHANGING, '…', text).rstrip()}\n" for name, text in outputs.items())
    if os.environ.get("WRITE_OUTPUTS"):
        OUTPUTS.mkdir(exist_ok=True)
        (OUTPUTS / f"{language}.txt").write_text(kept, encoding="utf-8")


def test_every_step_is_an_example_that_is_run() -> None:
    ids = {one.id: one.arguments for one in EXAMPLES}

    assert [one.id for one in STEPS] == [
        "install", "key", "first-call", "stream", "tools", "errors", "upload", "paging", "async", "cost", "deploy",
    ]  # fmt: skip
    assert all(one.example.arguments in ids.values() for one in STEPS if one.example is not None)
    assert len(ids) == len(EXAMPLES)


def test_python(
    renderer: Renderer, python_folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:  # fmt: skip
    outputs = {}
    for one in OF_MODELS:
        source = tmp_path / f"run_{one.id}.py"
        source.write_text(of("python", renderer, one), encoding="utf-8")
        outputs[one.id] = ran(
            [sys.executable, str(source)], {**environment, "PYTHONPATH": str(python_folder)}, tmp_path
        )  # fmt: skip

    compared("python", outputs, OF_MODELS)


def test_typescript(
    renderer: Renderer, typescript_folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:  # fmt: skip
    outputs = {}
    for one in OF_MODELS:
        source = typescript_folder / f"example-{one.id}.mjs"
        source.write_text(of("javascript", renderer, one), encoding="utf-8")
        outputs[one.id] = ran([node(), str(source)], environment, tmp_path)

    compared("typescript", outputs, OF_MODELS)


def test_java(renderer: Renderer, java_classes: Path, environment: dict[str, str], tmp_path: Path) -> None:
    few = [one for one in OF_MODELS if one.id in FEW]
    names = {one.id: f"Example{number}" for number, one in enumerate(few)}
    sources = []
    for one in few:
        sources.append(tmp_path / f"{names[one.id]}.java")
        sources[-1].write_text(renderer.render("java", one, name=names[one.id]), encoding="utf-8")
    classes = compiled(sources, tmp_path / "classes", on=java_classes)

    path = f"{classes}{os.pathsep}{java_classes}"
    outputs = {one.id: ran([java(), "-cp", path, names[one.id]], environment, tmp_path) for one in few}

    compared("java", outputs, few)


def test_go(
    renderer: Renderer, go_folder: Path, toolchain: Toolchain, environment: dict[str, str], tmp_path: Path
) -> None:
    few = [one for one in OF_MODELS if one.id in FEW]
    folder = tmp_path / "program"
    for one in few:
        (folder / one.id).mkdir(parents=True)
        (folder / one.id / "main.go").write_text(renderer.render("go", one), encoding="utf-8")
    (folder / "go.mod").write_text(
        "module program\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
        f"replace example.com/llmgateway => {go_folder}\n"
    )
    assert toolchain.unformatted(folder) == ""
    toolchain.run(folder, "build", "-o", f"{tmp_path}/", "./...")

    outputs = {one.id: ran([str(tmp_path / one.id)], environment, tmp_path) for one in few}

    compared("go", outputs, few)


def test_csharp(
    renderer: Renderer, compiler: Compiler, library: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    few = [one for one in OF_MODELS if one.id in FEW]
    outputs = {}
    for number, one in enumerate(few):
        source = tmp_path / f"Example{number}.cs"
        source.write_text(renderer.render("csharp", one), encoding="utf-8")
        assert compiler.diagnostics([source], tmp_path, f"example{number}", [library]) == [], one.id
        outputs[one.id] = ran([str(TOOLS / "dotnet"), str(tmp_path / f"example{number}.dll")], environment, tmp_path)

    compared("csharp", outputs, few)


# ---- every operation ---------------------------------------------------------------------------------------------
Outcome = str
"""`ok`, or status and code of a typed refusal."""


def called(sdk: Any, client: Any, renderer: Renderer, example: Example, folder: Path) -> Outcome:
    """Run the body of a snippet. Raises whatever is no typed refusal of the gateway."""
    snippet = renderer.snippet("python", example)
    names: dict[str, Any] = {"client": client, "Path": lambda name: folder / name}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(snippet.body, names)
        except sdk.errors.APIError as error:
            return f"{error.status} {error.code if error.request_id else None}"
    return "ok"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "data.jsonl").write_text("\n".join(FILE_LINES) + "\n")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def test_every_data_plane_operation(api: Api, sdk: Any, renderer: Renderer, with_console: World, files: Path) -> None:
    client = sdk.Gateway(
        base_url=f"http://127.0.0.1:{with_console.stack.port}", api_key=with_console.secret, max_retries=0
    )  # fmt: skip

    found = {
        one.operation: called(sdk, client, renderer, one, files)
        for one in every(api, "minimal")
        if find(api, one.operation)[1].auth == "key"
    }

    assert not [name for name, said in found.items() if said.endswith("None")]  # each refusal says its code
    assert found["messages.create"] == "404 model_not_found"  # the gateway of the test has no model of that name
    assert {name for name, said in found.items() if said == "ok"} >= {
        "chat.completions.create", "completions.create", "embeddings.create", "models.list",
        "messages.count_tokens", "models.get",
    }, found  # fmt: skip
    assert {said.partition(" ")[0] for said in found.values()} <= {"ok", "400", "404", "409"}, found


@pytest.mark.django_db
def test_every_management_operation(api: Api, sdk: Any, renderer: Renderer, files: Path) -> None:
    from llm_gateway._runtime.core import Reply

    from tests.sdkgen.python.test_management import Transport

    company = factories.acme()
    client = sdk.Gateway(
        base_url="http://testserver", management_key=company.secrets["write"], max_retries=0, transport=Transport(Reply)
    )
    managed = [one for one in every(api, "minimal") if one.operation.startswith("manage.")]

    found = {one.operation: called(sdk, client, renderer, one, files) for one in managed}

    assert len(found) == len(managed) > 300
    assert {said.partition(" ")[0] for said in found.values()} <= {"ok", "400", "401", "403", "404", "409"}, (
        found
    )  # 401: signing in with what the example has
    assert len([said for said in found.values() if said == "ok"]) >= 90


@pytest.fixture
def bridge(db: None) -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_examples_of_the_management_api(
    language: str, renderer: Renderer, bridge: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    company = factories.acme()
    environment = {
        **os.environ, "GATEWAY_MANAGEMENT_KEY": company.secrets["write"], "GATEWAY_BASE_URL": bridge.url,
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    commands: dict[str, Callable[[Example], list[str]]] = {"python": _python, "typescript": _javascript}
    folder = request.getfixturevalue(f"{language}_folder")
    environment["PYTHONPATH"] = str(folder)

    for one in MANAGED:
        source = (folder if language == "typescript" else tmp_path) / f"managed-{one.id}.mjs"
        source.write_text(renderer.render(language, one), encoding="utf-8")
        command = [*commands[language](one), str(source)]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as done:
            bridge.pass_on(done)
            assert done.stdout is not None
            assert re.search(one.expects.output, done.stdout.read()), one.id
    assert json.loads(bridge.bodies[0])["results"]


def _python(example: Example) -> list[str]:
    return [sys.executable]


def _javascript(example: Example) -> list[str]:
    return [node()]
