"""The hand-written runtime of the Java SDK: compiled with every warning an error, then its own tests, one by one."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.sdkgen.java.toolchain import RUNTIME, compiled, java

pytestmark = pytest.mark.slow
SOURCES = Path(__file__).parent / "runtime"
SUITES = ("JsonTest", "SseTest", "RetryTest", "StreamTest", "HttpTest")
NAMES = [
    f"{suite}.{name}"
    for suite in SUITES
    for name in re.findall(r"^    static void (\w+)\(\)", (SOURCES / f"{suite}.java").read_text(), re.MULTILINE)
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Test → `ok`, or what failed."""
    classes = compiled([*RUNTIME.rglob("*.java"), *SOURCES.glob("*.java")], tmp_path_factory.mktemp("runtime"))
    command = [java(), "-cp", str(classes), "com.llmgateway.core.Check", *SUITES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    return {line[1]: line[0] if line[0] == "ok" else line[2] + done.stderr for line in lines}


@pytest.mark.parametrize("name", NAMES)
def test_the_runtime(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes.get(name, "it did not run") == "ok"
