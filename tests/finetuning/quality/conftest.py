from collections.abc import Callable

import pytest

from finetuning.quality import Finding, Options, inspect
from tests.finetuning.conftest import chat

BASE = [
    chat(f"what is the {word} doing today", f"it {word}s") for word in ("cat", "dog", "fish", "bird", "horse", "cow")
]
BASE += [chat(f"tell me about the {word} please", f"{word} facts") for word in ("sun", "moon", "sea", "river", "hill")]


@pytest.fixture
def found(write) -> Callable[..., list[Finding]]:
    """Findings of one line among clean ones."""

    def found(row, base=BASE, **options) -> list[Finding]:
        report = inspect(write([row, *base]), options=Options(**options))
        assert [one for one in report.findings if one.line != 1] == []
        return list(report.findings)

    return found


@pytest.fixture
def told(found) -> Callable[..., list[tuple[str, str]]]:
    """(kind, path) of each finding of one line among clean ones."""
    return lambda row, **options: [(one.kind, one.path) for one in found(row, **options)]
