"""The request of the page as code in every language, and what such a program printed.

The programs of languages that no browser runs were compiled and run: `recorded.json` has what they printed for
`RECORDED`, and a test runs them again.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gateway.services.errors import Invalid
from sdkgen.examples.data import Example, ExampleError, Options
from sdkgen.examples.render import renderer
from sdkgen.ir.nodes import Api
from sdkgen.playground import packages

LABELS = {
    "typescript": "TypeScript", "python": "Python", "java": "Java", "go": "Go", "csharp": "C#", "curl": "curl",
}  # fmt: skip
COMPILED = ("java", "go", "csharp")
RECORDED: dict[str, Any] = {
    "model": "sandbox", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16,
    "stream_options": {"include_usage": True},
}  # fmt: skip
SHOWS = (("choices", "*", "delta", "content"), ("gateway", "cost"))
RETRIES, MAX_RETRIES = 2, 20
MAX_BODY_CHARS = 400_000


@dataclass(frozen=True, slots=True)
class Sample:
    """`output`: what the program of `RECORDED` printed; None where it runs on the page itself, or is a command."""

    language: str
    code: str
    output: str | None


def read(text: str | bytes) -> Any:
    """JSON whose numbers every language can write. Raises ValueError, also for what is nested too deeply."""
    try:
        return json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (value := int(digits)) < 2**63:
        raise ValueError(f"{digits[:20]}… is too large")
    return value


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"{digits[:20]} is no number of JSON")
    return value


@cache
def _api() -> Api:
    return packages.representation()


def program(language: str, body: Mapping[str, Any], *, retries: int = RETRIES, cache: str = "") -> str:
    """A whole program that streams the answer to `body` and prints it and its cost. Raises `Invalid`."""
    options = Options(max_retries=retries if retries != RETRIES else None, cache=cache)
    asked = Example(
        "playground", "Ask a model", "chat.completions.create", body, variant="stream", shows=SHOWS, options=options
    )
    try:
        return renderer(_api()).render(language, asked)
    except ExampleError as error:
        raise Invalid("not_as_code", f"The request cannot be written as code: {error}", field="body") from None


def samples(body: Mapping[str, Any], *, retries: int = RETRIES, cache: str = "") -> list[Sample]:
    """In every language. Raises `Invalid`."""
    outputs = recorded()
    return [
        Sample(label, program(language, body, retries=retries, cache=cache), outputs.get(language))
        for language, label in LABELS.items()
    ]


@cache
def recorded() -> dict[str, str]:
    """Language → what its program printed."""
    found = json.loads(resources.files("sdkgen.playground").joinpath("recorded.json").read_text(encoding="utf-8"))
    return {language: str(found[language]) for language in COMPILED if language in found}
