"""What the page says that programs of compiled languages print: each is compiled and run again, against a real gateway
and the sandbox, whose answers follow from the request. `RECORD=1` writes what they print."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sdkgen.playground import code
from tests.gateway.dataplane.stack import ROOT, Stack
from tests.sdkgen.csharp.conftest import Compiler, run
from tests.sdkgen.go.conftest import Toolchain
from tests.sdkgen.java.toolchain import compiled, java

pytestmark = pytest.mark.slow
FILE = ROOT / "sdkgen" / "playground" / "recorded.json"


@pytest.fixture(scope="module")
def where(gateway: Stack) -> dict[str, str]:
    """Address and key, as programs take them."""
    with gateway.connect() as connection:
        project = connection.execute(
            "SELECT p.id, p.organization_id FROM gateway_project p JOIN gateway_organization o "
            "ON o.id = p.organization_id WHERE o.slug = 'play' AND p.slug = 'try'"
        ).fetchone()
    assert project is not None
    secret, _ = gateway.key(str(project["organization_id"]), str(project["id"]))
    return {"GATEWAY_BASE_URL": f"http://127.0.0.1:{gateway.port}", "GATEWAY_API_KEY": secret}


def seen(language: str, said: str) -> None:
    """Exactly what is recorded; with RECORD=1 it is from now on."""
    if os.environ.get("RECORD") == "1":
        found = json.loads(FILE.read_text())
        FILE.write_text(
            json.dumps({**found, language: said.strip()}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        )
        code.recorded.cache_clear()
    assert code.recorded()[language] == said.strip()


def test_java(java_classes: Path, where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "Example.java").write_text(code.program("java", code.RECORDED))
    classes = compiled([tmp_path / "Example.java"], tmp_path / "classes", on=java_classes)
    command = [
        java(),
        "-Dstdout.encoding=UTF-8",
        "-Dfile.encoding=UTF-8",
        "-cp",
        f"{java_classes}:{classes}",
        "Example",
    ]
    done = subprocess.run(
        command, env=os.environ | where, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip

    assert done.stderr == ""
    seen("java", done.stdout)


def test_go(go_folder: Path, toolchain: Toolchain, where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text(code.program("go", code.RECORDED))
    (tmp_path / "go.mod").write_text(
        "module example\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
        f"replace example.com/llmgateway => {go_folder}\n"
    )

    seen("go", toolchain.run(tmp_path, "run", ".", environment=where))


def test_csharp(compiler: Compiler, library: Path, where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "Example.cs").write_text(code.program("csharp", code.RECORDED))
    assert compiler.diagnostics([tmp_path / "Example.cs"], tmp_path, "Example", [library]) == []

    done = run(tmp_path / "Example.dll", **where)

    assert (done.stderr, done.returncode) == ("", 0)
    seen("csharp", done.stdout)


def test_all_say_the_same() -> None:
    assert (set(code.recorded()), len(set(code.recorded().values()))) == (set(code.COMPILED), 1)
