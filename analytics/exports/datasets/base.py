"""What a dataset is, and the list of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from analytics.exports.table import Table
from analytics.query.scope import Scope
from gateway.models import Organization


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


def register(item: Dataset) -> None:
    """Add a dataset; raises ValueError when another one has its name."""
    if item.name in DATASETS and type(DATASETS[item.name]) is not type(item):
        raise ValueError(f"{item.name} is already a dataset")
    DATASETS[item.name] = item
