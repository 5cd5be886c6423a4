"""The JDK that the tests of the Java SDK use. Without one they are skipped, and counted; where CI=true they fail."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[3] / "sdkgen" / "languages" / "java" / "runtime"
STRICT = ("--release", "17", "-Xlint:all", "-Werror", "-encoding", "UTF-8")
ABSENT = "no JDK 17 on this machine: scripts/toolchains/install.sh java"


def tool(name: str) -> str:
    """The path of a command of the JDK."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(ABSENT)
        pytest.skip(ABSENT)
    return found


def java() -> str:
    return tool("java")


def own_tests(folder: Path, classes: Path, out: Path) -> list[str]:
    """What the tests of a package print, a line for each; `classes` is the package compiled."""
    tests = compiled((folder / "src/test/java").rglob("*.java"), out, on=classes)
    (main,) = tests.rglob("AllTests.class")
    name = ".".join(main.relative_to(tests).with_suffix("").parts)
    command = [java(), "-XX:TieredStopAtLevel=1", "-cp", f"{classes}{os.pathsep}{tests}", name]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    ).stdout.splitlines()  # fmt: skip


def compiled(sources: Iterable[Path], classes: Path, *, on: Path | None = None) -> Path:
    """The folder of the classes, compiled with every warning an error; `on`: other classes that they use."""
    arguments = classes.parent / f"{classes.name}.sources"
    arguments.write_text("".join(f'"{source}"\n' for source in sorted(sources)))
    path = ["-cp", str(on)] if on is not None else []
    command = [tool("javac"), *STRICT, *path, "-d", str(classes), f"@{arguments}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return classes
