"""The Java package plays the corpus."""

from pathlib import Path

import pytest

from tests.sdkgen.conformance.runner import play
from tests.sdkgen.java.toolchain import compiled, java

JDK_CANNOT = {"request-options-headers"}
"""It has a header beyond ASCII, for which java.net.http sends question marks; the package refuses it instead."""


def test_java(java_classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driver = compiled([Path(__file__).parent / "conformance" / "Driver.java"], tmp_path / "driver", on=java_classes)

    row = play("java", [java(), "-cp", f"{java_classes}:{driver}", "Driver"])

    with capsys.disabled():
        print(f"\n{row}")
    assert set(row.wrong) == JDK_CANNOT, row.wrong
