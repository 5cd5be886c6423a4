"""The hand-written runtime of the C# SDK, by its own tests."""

from pathlib import Path

from tests.gateway.dataplane.stack import ROOT
from tests.sdkgen.csharp.conftest import Compiler, run

RUNTIME = ROOT / "sdkgen/languages/csharp/runtime"
TESTS = Path(__file__).parent / "RuntimeTests.cs"
HARNESS = Path(__file__).parent / "Harness.cs"


def test_the_runtime_is_a_library_without_a_warning(compiler: Compiler, tmp_path: Path) -> None:
    assert compiler.diagnostics(sorted(RUNTIME.glob("*.cs")), tmp_path, "LlmGateway", library=True) == []


def test_a_warning_would_be_seen(compiler: Compiler, tmp_path: Path) -> None:
    source = tmp_path / "A.cs"
    source.write_text("public class A { public string Name { get; set; } }")

    (found,) = compiler.diagnostics([source], tmp_path, "A", library=True)[:1]

    assert "CS8618" in found or "CS1591" in found


def test_the_runtime_passes_its_own_tests(compiler: Compiler, tmp_path: Path) -> None:
    assert compiler.diagnostics([*sorted(RUNTIME.glob("*.cs")), HARNESS, TESTS], tmp_path, "tests") == []

    done = run(tmp_path / "tests.dll")

    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert (done.returncode, len(lines)) == (0, TESTS.read_text().count("    [Test]\n"))
