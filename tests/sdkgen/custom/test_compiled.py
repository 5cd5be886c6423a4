"""A small client in each language, made for a key whose models have hostile names: compiled under the strict flags, and
one call of it against a real data plane."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdkgen.custom.making import make
from sdkgen.custom.shape import Offer, Shape
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.registry import named
from tests.gateway.dataplane.conftest import World
from tests.sdkgen.csharp.conftest import Compiler, compiler, run  # noqa: F401  (fixture)
from tests.sdkgen.csharp.conftest import own_tests as csharp_tests
from tests.sdkgen.go.conftest import Toolchain, toolchain  # noqa: F401  (fixture)
from tests.sdkgen.java.toolchain import compiled, java
from tests.sdkgen.java.toolchain import own_tests as java_tests
from tests.sdkgen.python.test_package import own_tests as python_tests
from tests.sdkgen.typescript import toolchain as typescript
from tests.sdkgen.typescript.test_package import compiled as checked

pytestmark = pytest.mark.slow
HOSTILE = 'a" */ \\u002a/ </summary> `${x}` \n}'
SHAPE = Shape(
    organization="acme", name="Acme */ <b>", currency="EUR", timezone="UTC", key="k", subject=f"the key {HOSTILE}",
    scopes=("inference",),
    models=tuple(
        Offer(name, (), 128_000, None, f"2.5 EUR per 1M input tokens {HOSTILE}")
        for name in ("gpt-4o-mini", "gpt-4.1", "gpt-4-1", HOSTILE, "class", "4o")
    ),
    limits=("At most 60 requests a minute.",), budgets=(f"Budget {HOSTILE}: 10 EUR.",),
)  # fmt: skip
CONFIG = Config(operations=("chat", "embeddings", "models.list"), headers={"X-Team": "search"}, max_retries=1)
IDS = ("chat_completions_create", "embeddings_create", "v1_models_list")


def written(api: Api, language: str, folder: Path) -> Path:
    made = make(named(language), api, CONFIG, SHAPE, IDS)
    write(made.files, folder)
    assert b"2.5 EUR per 1M input tokens" in b"".join(made.files.values())
    assert sum(map(len, made.files.values())) < 420_000
    return folder


def environment(world: World) -> dict[str, str]:
    return {"GATEWAY_API_KEY": world.secret, "GATEWAY_BASE_URL": f"http://127.0.0.1:{world.stack.port}",
            "NO_PROXY": "127.0.0.1"}  # fmt: skip


def test_python(api: Api, world: World, tmp_path: Path) -> None:
    folder = written(api, "python", tmp_path / "sdk")
    use = folder / "use.py"
    use.write_text(
        "from llm_gateway import Gateway\nfrom llm_gateway.types import ModelName\n\n"
        'name: ModelName = "gpt-4.1"\nother: ModelName = "new-model"\n'
        "Gateway().embeddings.create(model=name, input=other)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "llm_gateway",
               "examples", "use.py"]  # fmt: skip
    typed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500, check=False)
    assert typed.returncode == 0, typed.stdout

    assert python_tests(folder).returncode == 0
    done = subprocess.run(
        [sys.executable, "examples/chat.py"], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **environment(world), "PYTHONPATH": str(folder)},
    )  # fmt: skip
    assert done.stderr == ""
    assert "cost" in done.stdout


def test_typescript(api: Api, world: World, tmp_path: Path) -> None:
    written(api, "typescript", tmp_path / "node_modules/llm-gateway")
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    (tmp_path / "use.ts").write_text(
        "import { Gateway, type ModelName } from 'llm-gateway';\n"
        "const name: ModelName = 'gpt-4.1';\nconst other: ModelName = 'new-model';\n"
        "await new Gateway().chat.completions.create({ model: name, messages: [{ role: 'user', content: other }] });\n"
    )
    checked(tmp_path, "--types", "node", "use.ts")

    package = tmp_path / "node_modules/llm-gateway"
    typescript.passed(typescript.run(typescript.node(), "--test", "tests/", cwd=package))
    example = package / "examples/chat.mjs"
    assert "provider" in typescript.passed(
        typescript.run(typescript.node(), str(example), cwd=tmp_path, **environment(world))
    )


def test_java(api: Api, world: World, tmp_path: Path) -> None:
    folder = written(api, "java", tmp_path / "sdk")
    classes = compiled((folder / "src/main/java").rglob("*.java"), tmp_path / "classes")
    assert [line for line in java_tests(folder, classes, tmp_path / "tests") if not line.startswith("ok ")] == []
    example = compiled([folder / "examples/Chat.java"], tmp_path / "example", on=classes)

    done = subprocess.run(
        [java(), "-cp", f"{classes}:{example}", "Chat"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **environment(world)},
    )  # fmt: skip
    assert done.stderr == ""
    assert "cost: 0.0" in done.stdout


def test_go(api: Api, world: World, tmp_path: Path, toolchain: Toolchain) -> None:  # noqa: F811
    folder = written(api, "go", tmp_path / "sdk")
    assert toolchain.unformatted(folder) == ""
    toolchain.run(folder, "vet", "./...")
    toolchain.run(folder, "test", ".")
    assert "cost" in toolchain.run(folder, "run", "./examples/chat", environment=environment(world))


def test_csharp(api: Api, world: World, tmp_path: Path, compiler: Compiler) -> None:  # noqa: F811
    folder = written(api, "csharp", tmp_path / "sdk")
    out = tmp_path / "out"
    out.mkdir()
    assert compiler.diagnostics(sorted((folder / "src").rglob("*.cs")), out, "LlmGateway.Sdk", library=True) == []
    library = out / "LlmGateway.Sdk.dll"
    lines = csharp_tests(compiler, folder, library, tmp_path / "tests")
    assert [line for line in lines if not line.startswith("ok ")] == []
    program = tmp_path / "program"
    program.mkdir()
    assert compiler.diagnostics([folder / "examples/Chat.cs"], program, "Chat", [library]) == []

    done = run(program / "Chat.dll", **environment(world))
    assert (done.stderr, done.returncode) == ("", 0)
    assert "cost: " in done.stdout
