"""The Python package plays the corpus."""

import sys
from pathlib import Path

import pytest

from tests.sdkgen.conformance.corpus import vectors
from tests.sdkgen.conformance.runner import play


def test_the_corpus_is_large_enough() -> None:
    assert len(vectors()) >= 60


@pytest.mark.slow
def test_python(python_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driver = Path(__file__).with_name("python_driver.py")

    row = play("python", [sys.executable, str(driver)], environment={"PYTHONPATH": str(python_folder)})

    with capsys.disabled():
        print(f"\n{row}")
    assert row.wrong == {}
