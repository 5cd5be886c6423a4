"""Every operation of both APIs as a snippet, with the fewest arguments and with all: one compilation a language, with
every warning an error."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdkgen.examples.data import Example
from sdkgen.examples.render import Renderer
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.snippets import Snippet, indented
from tests.sdkgen.csharp.conftest import Compiler
from tests.sdkgen.go.conftest import Toolchain
from tests.sdkgen.java.toolchain import compiled
from tests.sdkgen.typescript.test_package import compiled as typed

pytestmark = pytest.mark.slow


def made(renderer: Renderer, language: str, calls: dict[str, Example]) -> tuple[dict[str, Snippet], list[str]]:
    """The snippets by identifier, and all that they import."""
    snippets = {name: renderer.snippet(language, call) for name, call in calls.items()}
    return snippets, sorted({one for snippet in snippets.values() for one in snippet.imports})


def test_there_is_a_sample_of_every_operation(api: Api, calls: dict[str, Example]) -> None:
    count = sum(len(resource.methods) for resource in api.resources)

    assert len({call.operation for call in calls.values()}) == count
    assert len(calls) > 2 * count


def test_python(renderer: Renderer, calls: dict[str, Example], python_folder: Path, tmp_path: Path) -> None:
    snippets, imports = made(renderer, "python", calls)
    lines = [*imports, ""]
    for name, one in snippets.items():
        kind, word = ("AsyncGateway", "async def") if one.is_async else ("Gateway", "def")
        lines += ["", f"{word} {name}(client: {kind}) -> None:", indented(one.body, "    "), ""]
    folder = tmp_path / "sdk"
    shutil.copytree(python_folder, folder)
    (folder / "calls.py").write_text("\n".join(lines), encoding="utf-8")

    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path), "calls.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)

    assert (done.stdout, done.stderr) == ("", "")


def test_typescript(renderer: Renderer, calls: dict[str, Example], typescript_folder: Path) -> None:
    snippets, imports = made(renderer, "typescript", calls)
    own = [one for one in imports if one != "fileFromPath"]
    lines = [f"import {{ {', '.join(own)} }} from 'llm-gateway';", "import { fileFromPath } from 'llm-gateway/node';"]
    for name, one in snippets.items():
        lines += ["", f"export async function {name}(client: Gateway) {{", indented(one.body, "  "), "}"]
    (typescript_folder / "calls.ts").write_text("\n".join(lines), encoding="utf-8")

    typed(typescript_folder, "--types", "node", "calls.ts")


def test_java(renderer: Renderer, calls: dict[str, Example], java_classes: Path, tmp_path: Path) -> None:
    snippets, imports = made(renderer, "java", calls)
    lines = [*(f"import {one};" for one in imports), "", "final class Calls {"]
    for name, one in snippets.items():
        lines += [f"    static void {name}(LlmGateway gateway) {{", indented(one.body, " " * 8), "    }", ""]
    source = tmp_path / "Calls.java"
    source.write_text("\n".join([*lines, "}"]), encoding="utf-8")

    assert (compiled([source], tmp_path / "classes", on=java_classes) / "Calls.class").exists()


def test_go(
    renderer: Renderer, calls: dict[str, Example], go_folder: Path, toolchain: Toolchain, tmp_path: Path
) -> None:
    snippets, imports = made(renderer, "go", calls)
    listed = "\n".join(f'\t"{one}"' for one in sorted({*imports, "context", "log"}))
    lines = [f'package main\n\nimport (\n{listed}\n\n\tgateway "example.com/llmgateway"\n)\n']
    for name, one in snippets.items():
        lines += [f"func {name}(ctx context.Context) {{", "\tclient, err := gateway.NewClient()", "\tif err != nil {",
                  "\t\tlog.Fatal(err)", "\t}", indented(one.body, "\t"), "}", ""]  # fmt: skip
    lines += ["func main() {", *(f"\t_ = {name}" for name in snippets), "}", ""]
    (tmp_path / "main.go").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "go.mod").write_text(
        "module calls\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
        f"replace example.com/llmgateway => {go_folder}\n"
    )

    assert toolchain.unformatted(tmp_path) == ""
    toolchain.run(tmp_path, "vet", ".")


def test_csharp(
    renderer: Renderer, calls: dict[str, Example], compiler: Compiler, library: Path, tmp_path: Path
) -> None:
    snippets, imports = made(renderer, "csharp", calls)
    lines = [*(f"using {one};" for one in imports), "", "public static class Calls", "{"]
    for name, one in snippets.items():
        lines += [f"    public static async Task {name}(GatewayClient client)", "    {", indented(one.body, " " * 8),
                  "    }", ""]  # fmt: skip
    source = tmp_path / "Calls.cs"
    source.write_text("\n".join([*lines, "    public static void Main() { }", "}"]), encoding="utf-8")

    assert compiler.diagnostics([source], tmp_path, "calls", [library]) == []
