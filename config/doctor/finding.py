"""The shape of an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`failed` alone makes the command fail; `--strict` takes what warns or could not be told for failures, too. What
    the configuration leaves out is `off`, which is no fault."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer; `remedy` is empty when all is well."""

    name: str
    outcome: Outcome
    detail: str
    remedy: str = ""


Check = Callable[[], Finding]


def ok(name: str, detail: str) -> Finding:
    """All is well."""
    return Finding(name, Outcome.OK, detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    """Works, but someone should look."""
    return Finding(name, Outcome.WARNING, detail, remedy)


def failed(name: str, detail: str, remedy: str) -> Finding:
    """Does not work."""
    return Finding(name, Outcome.FAILED, detail, remedy)


def skipped(name: str, detail: str) -> Finding:
    """Could not be told."""
    return Finding(name, Outcome.SKIPPED, detail)


def off(name: str, detail: str) -> Finding:
    """Not configured, so there is nothing to check."""
    return Finding(name, Outcome.OFF, detail)
