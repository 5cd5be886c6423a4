"""What a dataset is, and the list of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from django.utils.dateparse import parse_datetime

from analytics.exports.table import Table
from analytics.query.scope import Scope
from gateway.models import Organization
from gateway.services.errors import Invalid


@dataclass(frozen=True, slots=True)
class View:
    """Whose view of which organization; `scope` is what they may see, frozen when they asked."""

    organization: Organization
    scope: Scope


class Dataset(Protocol):
    """Rows of one kind. `formats`: names of the formats it can be written in; empty for all. `asks_window`: a question
    of `start` and `end` alone has an answer, so that the console can offer it."""

    name: str
    label: str
    formats: tuple[str, ...]
    asks_window: bool

    def check(self, question: Mapping[str, Any], view: View) -> None:
        """Raises `ServiceError`, `QueryError` or DRF's ValidationError for a question that has no answer."""
        ...

    def open(self, question: Mapping[str, Any], view: View) -> Table:
        """The rows, as a stream; `question` has been checked, some time ago."""
        ...


DATASETS: dict[str, Dataset] = {}
WINDOW = ("start", "end")


def window_of(question: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Start and exclusive end of a question about a window. Raises `Invalid`."""
    start, end = (_instant(question, name) for name in WINDOW)
    if start >= end:
        raise Invalid("empty_window", "end must be after start.", field="query.end")
    return start, end


def _instant(question: Mapping[str, Any], name: str) -> datetime:
    value = question.get(name)
    try:
        at = parse_datetime(value) if isinstance(value, str) else None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid("field_invalid", "An RFC 3339 time with its offset is wanted.", field=f"query.{name}")


def register(item: Dataset) -> None:
    """Add a dataset; raises ValueError when another one has its name."""
    if item.name in DATASETS and type(DATASETS[item.name]) is not type(item):
        raise ValueError(f"{item.name} is already a dataset")
    DATASETS[item.name] = item
