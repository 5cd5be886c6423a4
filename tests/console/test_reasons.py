"""Errors of ledger lines in words, and who says how a call ended."""

import re
from pathlib import Path

import pytest

from analytics.console.explain import status_words
from analytics.console.reasons import reason

ERRORS = Path(__file__).resolve().parents[2] / "docs/reference/errors.md"


def documented() -> set[str]:
    """Codes that leave a line `denied`, and the types of failed attempts."""
    codes, types = ERRORS.read_text().split("## What the ledger says")
    denied = re.findall(r"^\| `(\w+)` \|.*\| yes[^|]*\|$", codes, re.M)
    return {*denied, *re.findall(r"^\| `(\w+)` \|", types, re.M)} - {"error_type"}


def test_every_documented_error_has_words() -> None:
    assert len(documented()) > 35
    assert {code for code in documented() if not reason(code)} == set()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("model_not_found", "No model or route of this name is offered here."),
        ("upstream_503", "The provider answered with status 503."),
        ("upstream_rate_limit", "The provider's own rate limit was used up."),
        ("upstream_strange", ""),
        ("of_another_program", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_reason(code: str | None, words: str) -> None:
    assert reason(code) == words


@pytest.mark.parametrize(
    ("status", "origin", "words"),
    [
        ("ok", "gateway", "The provider answered."),
        ("ok", "import", "Imported: the gateway did not see the call. The record says that the provider answered."),
        ("denied", "otlp", "Received over OpenTelemetry: the gateway did not see the call."),
    ],
)
def test_only_calls_of_the_gateway_are_told_as_seen(status: str, origin: str, words: str) -> None:
    assert status_words(status, origin) == words
