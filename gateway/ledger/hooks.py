"""What other apps do in the transactions of the ledger writer, by dotted path in the settings."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.utils.module_loading import import_string

from gateway.ledger.effects import Effects

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewLines:
    """Lines that a transaction has just put into the ledger. `source` is what `book` was told (`spool:<id>`); `read`
    gives them as dictionaries, which may have to be made first: ask only when the rest says that they matter."""

    organizations: Collection[str]
    keys: Collection[str]
    source: str
    read: Callable[[], Iterable[Line]]
    adjusts: bool = False
    """Whether adjusting entries are among them."""

    @classmethod
    def of(cls, effects: Effects, source: str, read: Callable[[], Iterable[Line]]) -> "NewLines":
        organizations = {organization for organization, _ in effects.minutes}
        return cls(organizations, effects.spend.keys(), source, read, effects.adjusts)


Booker = Callable[[psycopg.Connection[Any], NewLines], None]
SpoolCloser = Callable[[psycopg.Connection[Any], str], None]
"""`(connection, spool_id)`: every line of the spool is booked, by this transaction, and its owner is gone."""


def run_bookers(connection: psycopg.Connection[Any], lines: NewLines) -> None:
    """`settings.GATEWAY_BOOKERS`, when there are new lines."""
    if lines.organizations:
        for booker in _bookers():
            booker(connection, lines)


def close_spool(connection: psycopg.Connection[Any], spool_id: str) -> None:
    """`settings.GATEWAY_SPOOL_CLOSERS`."""
    for closer in _spool_closers():
        closer(connection, spool_id)


@cache
def _bookers() -> tuple[Booker, ...]:
    return tuple(import_string(path) for path in settings.GATEWAY_BOOKERS)


@cache
def _spool_closers() -> tuple[SpoolCloser, ...]:
    return tuple(import_string(path) for path in settings.GATEWAY_SPOOL_CLOSERS)
