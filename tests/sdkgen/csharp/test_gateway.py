"""The generated C# library, compiled without a warning, against a real data plane with the simulated provider."""

from pathlib import Path

import pytest

from tests.gateway.dataplane.conftest import World
from tests.sdkgen.csharp.conftest import Compiler, run
from tests.sdkgen.quickstart import quick_start

HERE = Path(__file__).parent


def test_the_library_against_a_gateway(compiler: Compiler, library: Path, world: World, tmp_path: Path) -> None:
    tests = HERE / "GatewayTests.cs"
    assert compiler.diagnostics([HERE / "Harness.cs", tests], tmp_path, "tests", [library]) == []

    done = run(tmp_path / "tests.dll", **where(world))

    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert (done.returncode, len(lines)) == (0, tests.read_text().count("    [Test]\n"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Chat", "cost: "),
        ("Stream", "events: "),
        ("Tools", "get_weather {"),
        ("Errors", "404 model_not_found, request req_"),
    ],
)
def test_examples_run(
    compiler: Compiler, csharp_folder: Path, library: Path, world: World, tmp_path: Path, name: str, shown: str
) -> None:
    assert compiler.diagnostics([csharp_folder / f"examples/{name}.cs"], tmp_path, name, [library]) == []

    done = run(tmp_path / f"{name}.dll", **where(world))

    assert (done.stderr, done.returncode) == ("", 0)
    assert shown in done.stdout


def where(world: World) -> dict[str, str]:
    return {"GATEWAY_BASE_URL": f"http://127.0.0.1:{world.stack.port}", "GATEWAY_API_KEY": world.secret}


def test_the_first_program_compiles(compiler: Compiler, library: Path, tmp_path: Path) -> None:
    (tmp_path / "First.cs").write_text(quick_start("csharp"))

    assert compiler.diagnostics([tmp_path / "First.cs"], tmp_path, "First", [library]) == []
